"""A Grad-CAM peaks at what raises the score of the class, follows the formula, and needs the trained weights."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import mien
from mien.core import images
from mien.core.errors import InputError
from mien.core.labels import FER2013
from mien.models.bundled import ASSETS
from mien.models.session import Session
from mien.recipes import Recipe
from mien.training.export import AtShares, export
from mien.training.grad_cam import GradCam
from mien.training.networks import own
from mien.training.run import load_finished
from tests import drawn
from tests.training.runs import write_run

CLASSES = ("stripes", "block")


class Detectors(nn.Module):
    """Class 0 is as probable as there are fine stripes, class 1 as there is brightness; each a channel of its own."""

    def __init__(self, classes: int, channels: int, size: int) -> None:
        super().__init__()
        self.conv, self.act = nn.Conv2d(channels, 2, 3, padding=1, bias=False), nn.ReLU()
        self.pool, self.flat, self.out = nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, classes)
        with torch.no_grad():
            self.conv.weight.zero_()
            self.conv.weight[0, :, 1] = torch.tensor([-0.5, 1.0, -0.5])
            self.conv.weight[1, :, 1, 1] = 0.2
            self.out.weight.copy_(8 * torch.eye(2))
            self.out.bias.zero_()

    def forward(self, faces: Tensor) -> Tensor:
        logits: Tensor = self.out(self.flat(self.pool(self.act(self.conv(faces)))))
        return logits


def scenes(channels: int) -> NDArray[np.uint8]:
    """A bright block at the upper left, stripes at the lower right."""
    image = np.zeros((32, 32), np.uint8)
    image[4:12, 4:12] = 255
    image[20:28, 20:28:2] = 255
    return (image if channels == 1 else np.repeat(image[..., None], 3, axis=2))[None]


def peak(values: NDArray[np.float32]) -> str:
    """Return the quarter of the image with the largest sum."""
    sums = values.reshape(2, len(values) // 2, 2, len(values) // 2).sum(axis=(1, 3))
    return ["upper left", "upper right", "lower left", "lower right"][int(sums.argmax())]


@pytest.fixture(scope="module", params=[1, 3])
def detecting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    """A run of the network above, exported, grey and RGB."""
    recipe = Recipe(classes=CLASSES, model=own.register(Detectors), size=32, channels=request.param)
    run = tmp_path_factory.mktemp("detectors") / "run"
    write_run(run, recipe)
    export(run)
    return run, request.param


def test_the_map_peaks_where_the_class_is(detecting: tuple[Path, int]) -> None:
    run, channels = detecting
    cam = GradCam(run, Session(run))
    crops = np.repeat(scenes(channels), 2, axis=0)
    stripes, block = cam(crops, np.array([0, 1]))
    assert (peak(stripes.values), peak(block.values)) == ("lower right", "upper left")
    assert stripes.values.shape == (32, 32)
    assert min(stripes.values.min(), block.values.min()) >= 0
    assert (stripes.lowest, stripes.highest) == (None, None)
    assert cam.detail == "layer act, 32 x 32 cells, enlarged"


def test_a_network_of_ones_own_is_imported_only_when_grad_cam_is_asked_for(
    detecting: tuple[Path, int], capsys: pytest.CaptureFixture[str]
) -> None:
    run, channels = detecting
    (asked,) = mien.explain(run, scenes(channels)[0], method="grad-cam", detector="none", label="block")
    assert asked.method == "grad-cam"
    assert peak(asked.map) == "upper left"
    (auto,) = mien.explain(run, scenes(channels)[0], detector="none")
    assert auto.method == "occlusion"
    assert "(not Grad-CAM: the network is code of your own, " in capsys.readouterr().err


def expected(cam: GradCam, layer: nn.Module, crops: images.Pixels, column: int) -> NDArray[np.float32]:
    """Grad-CAM by equations 1 and 2 of the paper, in small."""
    kept: list[Tensor] = []
    hook = layer.register_forward_hook(lambda _, __, output: kept.append(output))
    planes = torch.from_numpy(images.scale(crops, cam.info.mean, cam.info.std)).requires_grad_()
    logit = cam.network(planes)[0, column]
    hook.remove()
    (gradient,) = torch.autograd.grad(logit, kept[0])
    total = torch.einsum("c,chw->hw", gradient[0].mean((1, 2)), kept[0][0])
    return np.asarray(total.clamp(min=0).detach().numpy(), dtype=np.float32)


def test_each_output_has_its_own_columns(tmp_path: Path, tiny: Callable[..., Recipe]) -> None:
    recipe = tiny("mien-sprint", size=32, progressive_resize=0.0)
    write_run(tmp_path / "run", recipe, batch_statistics=True)
    export(tmp_path / "run")
    crops = drawn.faces(1, size=32).images
    for output, column, before in (("label", 2, 0), ("distribution", 2, 7)):
        cam = GradCam(tmp_path / "run", Session(tmp_path / "run", output=output))
        heat = next(cam(crops, np.array([column])))
        small = expected(cam, cam.network[6], crops, before + column)  # type: ignore[index]
        assert small.max() > 0
        assert heat.values.max() == pytest.approx(float(small.max()), rel=0.2)
        corner = heat.values[:2, :2].mean()
        assert corner == pytest.approx(float(small[0, 0]), abs=1e-5)


@pytest.mark.parametrize("adjusted", [False, True])
def test_weights_that_are_not_those_of_the_exported_model_are_refused(
    adjusted: bool, tmp_path: Path, tiny: Callable[..., Recipe]
) -> None:
    run = tmp_path / "run"
    write_run(run, tiny("three-conv", size=48, logit_adjust=adjusted))
    session = Session(export(run))
    assert GradCam(run, session).cells > 1
    weights = load_file(run / "best.safetensors")
    save_file({name: value + 0.1 for name, value in weights.items()}, run / "best.safetensors")
    with pytest.raises(InputError, match="differs from torch"):
        GradCam(run, session)


def test_a_model_file_of_another_network_is_explained_without_grad_cam(
    tmp_path: Path, tiny: Callable[..., Recipe], capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "run", tiny("three-conv", size=48))
    shutil.copy(ASSETS / "small.onnx", tmp_path / "run" / "model.onnx")
    (one,) = mien.explain(tmp_path / "run", drawn.faces(1).images[0], detector="none")
    assert one.method == "occlusion"
    assert "(not Grad-CAM: " in (said := capsys.readouterr().err)
    assert "the exported network differs from torch by inf" in said


def test_auto_takes_grad_cam_for_the_bundled_model(capsys: pytest.CaptureFixture[str]) -> None:
    crop = drawn.faces(1).images[0]
    (one,) = mien.explain("default", crop, detector="none")
    assert (one.method, one.detail) == ("grad-cam", "layer 8, 6 x 6 cells, enlarged")
    assert capsys.readouterr().err == "Grad-CAM: layer 8, 6 x 6 cells, enlarged\n"
    assert one.draw().shape[2] == 3
    assert mien.explain("small", crop, detector="none")[0].method == "grad-cam"
    assert capsys.readouterr().err == "Grad-CAM: layer 7, 6 x 6 cells, enlarged\n"


@pytest.mark.parametrize("name", ["default", "small"])
def test_the_weights_in_the_package_are_those_of_the_file_in_8_bits(name: str) -> None:
    session, crops = Session(name), drawn.faces(200, FER2013).images
    record, network = load_finished(Path(name))
    network = AtShares(network, record) if record.recipe.logit_adjust else network
    with torch.inference_mode():
        logits = network.eval()(torch.from_numpy(images.scale(crops, session.info.mean, session.info.std))).numpy()
    found = np.concatenate(list(session.run(crops).values()), axis=1)
    assert np.abs(found - logits).mean() < 0.15
    assert np.abs(logits - logits.mean(axis=0)).mean() > 0.5


def test_random_weights_change_the_map() -> None:
    """A map that stayed would show the image, not the network (Adebayo et al. 2018)."""
    cam, crops = GradCam(Path("default"), Session("default")), drawn.faces(16).images
    columns = Session("default").probabilities(crops).argmax(axis=1)
    trained = [heat.values for heat in cam(crops, columns)]
    torch.manual_seed(0)
    for module in cam.network.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()  # type: ignore[operator]
    random = [heat.values for heat in cam(crops, columns)]
    alike = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(trained, random, strict=True) if a.std() and b.std()
    ]
    assert len(alike) > 4
    assert np.mean(alike) < 0.5


class Tokens(nn.Module):
    """What a transformer begins with: patches of the image, then tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.patches, self.norm, self.out = nn.Conv2d(1, 8, 16, 16), nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, faces: Tensor) -> Tensor:
        logits: Tensor = self.out(self.norm(self.patches(faces).flatten(2).transpose(1, 2)).mean(1))
        return logits


def test_a_transformer_has_no_feature_map() -> None:
    cam = GradCam.__new__(GradCam)
    cam.network = Tokens().eval()
    with pytest.raises(InputError, match="no feature map"):
        cam._scored(torch.zeros(1, 1, 224, 224))
