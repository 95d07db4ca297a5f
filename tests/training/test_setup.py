"""Scaling is measured on the training split; devices, precision and start weights are checked first."""

import functools
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from mien.core.console import forget_notices
from mien.core.errors import InputError
from mien.core.labels import FER2013, FERPLUS, THREE
from mien.datasets import DataSpec, Samples
from mien.models.bundled import ASSETS
from mien.recipes import Recipe, read_run
from mien.training import setup
from mien.training.data import Split, build_splits
from mien.training.networks import create, own
from mien.training.start import train
from tests import drawn
from tests.training.runs import write_run

Tiny = Callable[..., Recipe]


def part(samples: Samples) -> Split:
    return Split(samples.images, samples.labels, samples.classes)


@pytest.mark.parametrize("channels", [1, 3])
def test_measured_scaling_equals_numpy(channels: int) -> None:
    samples = drawn.faces(20, channels=channels)
    mean, std = setup.scaling(Recipe(scaling="measured", channels=channels), part(samples))  # type: ignore[arg-type]
    pixels = samples.images.reshape(-1, channels) / 255
    assert np.allclose(mean, pixels.mean(0))
    assert np.allclose(std, pixels.std(0))
    assert setup.scaling(Recipe(channels=channels), part(samples)) == ((0.0,) * channels, (1.0,) * channels)  # type: ignore[arg-type]


def test_scaling_of_a_constant_set_does_not_divide_by_zero() -> None:
    samples = drawn.faces(4)
    _, std = setup.scaling(Recipe(scaling="measured"), part(replace(samples, images=np.full_like(samples.images, 7))))
    assert std == (1e-3,)


def test_device_names_are_checked() -> None:
    assert setup.device("cpu") == torch.device("cpu")
    assert setup.device("auto").type in ("cpu", "cuda", "mps")
    with pytest.raises(
        InputError, match=r"device 'quantum' cannot be used here; expected auto, cpu, cuda, cuda:N or mps$"
    ):
        setup.device("quantum")


def test_the_classes_of_arrays_are_never_assumed(tmp_path: Path) -> None:
    faces = drawn.faces(70)
    data = drawn.write_arrays(tmp_path, faces)
    with pytest.raises(
        InputError, match=r"labels 0\.\.6 without names; say which .*--classes fer2013 or --classes alph"
    ):
        build_splits(Recipe(), DataSpec(data))
    found = build_splits(Recipe(), DataSpec(data, classes="alphabetical"))["train"]
    assert found.classes == FER2013  # by name: 4 is neutral in the file
    written = {image.tobytes(): label for image, label in zip(faces.images, faces.labels.tolist(), strict=True)}
    neutral = found.images[found.targets == FER2013.index("neutral")]
    assert {written[image.tobytes()] for image in neutral} == {4}


@pytest.mark.slow
def test_start_loads_the_weights_of_another_run(tmp_path: Path) -> None:
    data, few = drawn.write_fer2013(tmp_path / "fer2013.csv", drawn.faces(70)), Recipe(max_steps=1, lr=1e-9)
    first = train(few, DataSpec(data), tmp_path / "first", device="cpu")
    second = train(replace(few, seed=1), DataSpec(data), tmp_path / "second", start=first, device="cpu")
    before, after = load_file(first / "best.safetensors"), load_file(second / "best.safetensors")
    assert all(torch.allclose(after[key], before[key], atol=1e-6) for key in before if key.endswith(("weight", "bias")))
    other, last = create("mien", classes=3), next(key for key, value in before.items() if value.shape == (7, 128))
    fresh = other.state_dict()[last].clone()
    setup.load_pretrained(other, first, replace(few, classes=THREE))
    assert all(torch.equal(value, before[key]) for key, value in other.state_dict().items() if len(value.shape) == 4)
    assert torch.equal(other.state_dict()[last], fresh)  # the outputs begin anew
    with pytest.raises(InputError, match="first: has weights of mien with 1 channel, not of resnet9 with 3 channels"):
        setup.load_pretrained(other, first, Recipe(model="resnet9", channels=3))


def test_start_loads_the_weights_of_a_bundled_model() -> None:
    model = create("mien", classes=3)
    setup.load_pretrained(model, Path("small"), Recipe(classes=THREE))
    stored = load_file(ASSETS / "small.safetensors")
    assert all(
        torch.equal(value, stored[key].float()) for key, value in model.state_dict().items() if len(value.shape) == 4
    )


def test_a_start_of_another_network_is_refused_before_the_data_are_read(tmp_path: Path) -> None:
    write_run(tmp_path / "run", Recipe(size=16))
    (tmp_path / "run" / "model.onnx").touch()
    (tmp_path / "other.onnx").touch()
    no_onnx = "no training can start from an .onnx file; name "
    for start, recipe, words in (
        ("small", Recipe(model="three-class"), "has weights of mien, not of three-class; start"),
        ("small", Recipe(channels=3), "has weights of 1 channel, not of 3 channels; start"),
        ("run/model.onnx", Recipe(), f"{no_onnx}its folder: {tmp_path / 'run'}, or"),
        ("other.onnx", Recipe(), f"{no_onnx}the folder of a run, or"),
        ("run/best.safetensors", Recipe(), f"a file; .* name its folder: {tmp_path / 'run'}$"),
        ("absent", Recipe(), "no run; expected a folder"),
    ):
        path = Path(start) if start == "small" else tmp_path / start
        with pytest.raises(InputError, match=f"{start}: {words}"):
            train(recipe, DataSpec(tmp_path / "unread"), tmp_path / "new", start=path, device="cpu")


def test_what_a_start_gives_and_what_begins_anew_is_said_with_names_shapes_and_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forget_notices()
    setup.load_pretrained(create("mien", classes=3), Path("small"), Recipe(classes=THREE))
    gave, fresh = capsys.readouterr().err.splitlines()
    assert gave == "small: gave 78 tensors, 676,704 of 677,091 parameters, to start from"
    assert fresh.startswith(
        "small: has other outputs; the output layer begins anew: 10.weight [3, 128], 10.bias [3] (here label angry, "
        "happy, neutral; there "
    )
    source = Recipe(model="three-conv", size=32)
    write_run(tmp_path / "small", source)
    setup.load_pretrained(create("three-conv", classes=7), tmp_path / "small", replace(source, size=48))
    gave, fresh, unused = capsys.readouterr().err.splitlines()
    assert gave.startswith(f"{tmp_path / 'small'}: gave 9 tensors, 31,495 of 2,390,791 parameters, ")
    dense = f"{tmp_path / 'small'}: has no such weights, so they begin anew: 10.weight [1024, 2304] "
    assert fresh == dense + "(here for images of 48 x 48, there of 32 x 32)"
    assert unused.endswith("has weights that the network does not: 10.weight [1024, 1024]")


@pytest.mark.parametrize("names", ["classes", "outputs"])
def test_a_start_whose_outputs_are_the_same_in_another_order_begins_its_output_layer_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], names: str
) -> None:
    one = Recipe(classes=FERPLUS, targets="majority", further_outputs=("plurality",), model="mien-small")
    other = replace(one, classes=FERPLUS[::-1])
    if names == "outputs":
        other = replace(one, targets="plurality", further_outputs=("majority",))
    write_run(tmp_path / "run", one)
    model = create("mien-small", classes=16)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    setup.load_pretrained(model, tmp_path / "run", other)
    last = [name for name, value in model.state_dict().items() if value.shape[:1] == (16,)][-2:]
    assert f"the output layer begins anew: {last[0]} " in capsys.readouterr().err
    assert all(torch.equal(model.state_dict()[name], before[name]) for name in last)


def test_layers_that_a_start_lacks_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Grown(nn.Module):
        def __init__(self, classes: int, more: bool) -> None:
            super().__init__()
            self.last = nn.Linear(256, classes)
            self.more = nn.Linear(3, 3) if more else nn.Identity()

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            logits: torch.Tensor = self.last(images.flatten(1))
            return logits

    made: dict[str, bool] = {"more": False}
    recipe = Recipe(model=own.register(functools.partial(lambda classes: Grown(classes, **made))), size=16)
    write_run(tmp_path / "run", recipe)
    made["more"] = True
    with pytest.MonkeyPatch.context() as patch:  # the code changed after the run
        patch.setattr(setup, "load_finished", lambda run: (read_run(run), Grown(7, more=False)))
        setup.load_pretrained(Grown(7, more=True), tmp_path / "run", recipe)
    assert "has no such weights, so they begin anew: more.weight [3, 3], more.bias [3]\n" in capsys.readouterr().err


def test_what_timm_gives_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    name = "timm/efficientnet_b0"
    setup._notice_pretrained(create(name, classes=7), Recipe(model=name, pretrained=True))
    text = capsys.readouterr().err
    assert text.startswith(f"{name}: starts from timm's weights timm/efficientnet_b0")
    assert "; the output layer begins anew: classifier.weight [7, 1280], classifier.bias [7] (7 classes" in text
    assert text.endswith("there); conv_stem has the sums over its colours, for grey images\n")


def test_precision_auto_chooses_bfloat16_where_it_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, depthwise = create("mien-small", classes=7), create("timm/efficientnet_b0", classes=7, channels=3)
    cpu, gpu, apple = (torch.device(name) for name in ("cpu", "cuda", "mps"))
    for able, expected in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: {"avx512_bf16": able}, raising=False)
        assert setup.precision(Recipe(), plain, cpu) == expected
        assert setup.precision(Recipe(), depthwise, cpu) == "float32"
        assert setup.precision(Recipe(), depthwise, gpu) == "bfloat16"
        assert setup.precision(Recipe(), plain, apple) == "float32"
        assert setup.precision(Recipe(precision="float32"), plain, gpu) == "float32"
        assert setup.precision(Recipe(precision="bfloat16"), depthwise, cpu) == "bfloat16"
    monkeypatch.delattr(torch.cpu, "get_capabilities")  # as in older ones
    assert setup.precision(Recipe(), plain, cpu) == "float32"


@pytest.mark.slow
def test_precision_is_used_and_recorded(tiny: Tiny, fer2013: Path, tmp_path: Path) -> None:
    weights = {}
    for precision in ("float32", "bfloat16"):
        run = train(
            tiny("mien", precision=precision, max_steps=2), DataSpec(fer2013), tmp_path / precision, device="cpu"
        )
        assert json.loads((run / "recipe.json").read_text())["precision"] == precision
        weights[precision] = load_file(run / "best.safetensors")
    assert all(value.dtype == torch.float32 for value in weights["bfloat16"].values() if value.is_floating_point())
    assert not all(torch.equal(value, weights["bfloat16"][key]) for key, value in weights["float32"].items())
