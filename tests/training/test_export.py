"""A model.onnx equals the network it came from and holds all facts; otherwise it is not kept."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from mien.core import images, records
from mien.core.errors import InputError
from mien.core.labels import FER2013, FERPLUS
from mien.datasets import DataSpec
from mien.evaluation.calibrate import OutputCalibration, fit_calibration
from mien.evaluation.calibrate.files import FILE as CALIBRATION
from mien.evaluation.calibrate.files import save
from mien.evaluation.calibrate.fit import CalibrationOptions
from mien.evaluation.predictions import DataFacts
from mien.models.bundled import measured_crops
from mien.models.calibration import Calibration
from mien.models.features import add_features
from mien.models.metadata import ModelInfo, OutputInfo
from mien.models.session import FEATURES, Session, softmax
from mien.recipes import RECIPES, Recipe, read_run
from mien.training.export import compare_with_torch, export, to_onnx
from mien.training.learner import Learner
from mien.training.networks import create, load_network, own
from mien.training.run import RunFiles, copy_weights
from mien.training.start import train
from tests import drawn
from tests.blocks import Mien
from tests.blocks import mien as mien  # the fixture
from tests.training.runs import write_run

SIZES = {  # of the file, in MB, at most
    "efficientnet-b0": 16.5,
    "three-class": 4.0,
    "resnet9": 26.5,
    "vgg-5x5": 11.3,
    "three-conv": 9.7,
    "mien": 2.8,
    "mien-votes": 2.8,
    "mien-polish": 2.8,
    "mien-wide": 7.7,
    "mien-distilled": 7.7,
    "mien-distilled-polish": 7.7,
    "mien-large": 45.0,
    "mien-se": 31.0,
    "mien-sprint": 0.9,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "mien"
    write_run(path, RECIPES["mien"], batch_statistics=True)
    export(path)
    return path


class Undecided(nn.Module):
    """What a graph cannot hold: what it computes depends on the numbers."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(48 * 48, classes)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layer(faces.flatten(1))
        return logits if faces.sum() > 0 else -logits


class Decided(Undecided):
    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layer(faces.flatten(1))
        return logits


class Random(Undecided):
    """What is exported, and computes something else than torch."""

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        return self.layer(faces.flatten(1)) + torch.rand(1)  # type: ignore[no-any-return]


@pytest.mark.parametrize("network", ["Undecided", "Random"])
def test_a_network_that_onnx_cannot_hold_keeps_its_weights(tmp_path: Path, network: str) -> None:
    write_run(tmp_path / "run", replace(RECIPES["mien"], model=f"tests.training.test_export:{network}"))
    with pytest.raises(InputError, match=rf"{network}, cannot be exported to ONNX \(.*then: mien export") as caught:
        export(tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert ".part" not in str(caught.value)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"recipe.json", "best.safetensors"}


def test_that_onnx_cannot_hold_a_network_is_said_before_the_first_step(
    fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def first(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Learner, "step", first)
    for network, said in (("Undecided", True), ("Decided", False)):
        recipe = Recipe(name=network, model=f"tests.training.test_export:{network}", epochs=1)
        with pytest.raises(KeyboardInterrupt):
            train(recipe, DataSpec(fer2013), tmp_path / network, device="cpu")
        err = capsys.readouterr().err
        assert (f"{network} cannot be exported to ONNX (" in err) == said
        assert ("this run will end without model.onnx" in err) == said
        assert "def forward" not in err


def torch_loads(*_: Any) -> None:
    """What Ctrl-C becomes while torch loads its exporter."""
    try:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
    except KeyboardInterrupt:
        raise AttributeError("partially initialized module 'torch._dynamo'") from None
    raise AttributeError("a network that cannot be exported")


@pytest.mark.parametrize("verb", ["train", "export"])
def test_ctrl_c_during_an_export_is_one_line_and_leaves_the_folder_as_it_was(
    mien: Mien, fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    network, out = "tests.training.test_export:Decided", tmp_path / "run"
    arguments: tuple[object, ...] = ("train", "mien", "--model", network, "--data", fer2013, "--out", out)
    if verb == "export":
        write_run(out, replace(RECIPES["mien"], model=network))
        arguments = ("export", out, "--model", network)
    before, handler = sorted(tmp_path.rglob("*")), signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("mien.training.export.to_onnx", torch_loads)
    code, printed, err = mien(*arguments)
    assert (code, printed) == (130, "")
    assert err.endswith("stopping after this (Ctrl-C again: at once)\nmien: interrupted\n")
    assert "cannot be exported" not in err
    assert sorted(tmp_path.rglob("*")) == before
    assert signal.getsignal(signal.SIGINT) is handler


def test_export_finds_the_code_of_a_network_that_has_moved(
    mien: Mien, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, run = tmp_path / "nets.py", tmp_path / "run"
    source.write_text(
        "from torch import nn\n\n\n"
        "def net(classes, size):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(size**2, classes))\n"
    )
    write_run(run, Recipe(size=16, model=f"{source}:net"))
    moved = source.rename(tmp_path / "moved.py")
    monkeypatch.setattr(own, "_given", {})  # as in another process
    code, _, err = mien("export", run)
    assert code == 2
    assert f"mien export {run} --model" in err
    code, out, err = mien("export", run, "--model", f"{moved}:net")
    assert (code, out) == (0, f"{run / 'model.onnx'}\n")
    assert Session(run).probabilities(np.zeros((2, 16, 16), np.uint8)).shape == (2, 7)
    assert read_run(run).recipe.model == f"{source}:net"
    write_run(tmp_path / "known", Recipe(size=16, model="three-conv"))
    code, _, err = mien("export", tmp_path / "known", "--model", f"{moved}:net")
    assert (code, err.count("\n")) == (2, 1)
    assert "is three-conv, which mien has" in err
    assert mien("export", run, "--int8", tmp_path, "--model", f"{moved}:net")[0] == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_exports_to_what_torch_computes(tmp_path: Path, name: str) -> None:
    recipe = RECIPES[name]
    model = write_run(tmp_path / "run", recipe, batch_statistics=True)
    path = export(tmp_path / "run")
    assert path == tmp_path / "run" / "model.onnx"
    session, shares = Session(tmp_path / "run"), read_run(tmp_path / "run").shares
    assert session.info == ModelInfo(
        labels=recipe.classes,
        size=recipe.size,
        mean=(0.5, 0.4, 0.3)[: recipe.channels],
        std=(0.25, 0.2, 0.3)[: recipe.channels],
        temperature=1.0,
        margin=0.1,
        crops=measured_crops(),
        recipe=name,
        primary_output=recipe.targets,
        further_outputs={
            head: OutputInfo(recipe.outputs[head], 1.0, shares=shares.get(head, ())) for head in recipe.further_outputs
        },
        shares=shares.get(recipe.targets, ()),
        prior=(1 / len(recipe.classes),) * len(recipe.classes) if recipe.logit_adjust else (),
    )
    crops = drawn.faces(7, recipe.classes[:3], size=recipe.size, channels=recipe.channels).images
    with torch.inference_mode():
        expected = model(torch.from_numpy(images.scale(crops, session.info.mean, session.info.std))).numpy()
    if recipe.logit_adjust:
        expected = expected + np.log(np.concatenate(list(shares.values())))
    assert expected.std() > 1e-3
    for n in (0, 1, 2, 7):  # any batch size
        outputs = [
            one.logits(crops[:n]) for one in (session, *(Session(path, output=head) for head in recipe.further_outputs))
        ]
        assert np.allclose(np.concatenate(outputs, axis=1), expected[:n], atol=1e-3, rtol=1e-3)
    assert path.stat().st_size < SIZES[name] * 1e6
    made = add_features(tmp_path / "run", tmp_path / "features.onnx")
    assert Session(made.path, features=True).run(crops)[FEATURES].shape == (7, made.width)
    assert {file.name for file in (tmp_path / "run").iterdir()} == {"recipe.json", "best.safetensors", "model.onnx"}


def test_a_margin_that_was_set_is_used_for_every_detector(tmp_path: Path) -> None:
    write_run(tmp_path / "run", replace(RECIPES["mien"], margin=0.3), batch_statistics=True)
    info = Session(export(tmp_path / "run")).info
    assert [info.crop(name) for name in ("haar", "yunet")] == [images.CropSpec(0.3)] * 2


def test_the_exported_file_has_all_facts(run: Path) -> None:
    model = onnx.load(run / "model.onnx")
    facts = json.loads({entry.key: entry.value for entry in model.metadata_props}["mien"])
    assert facts == {
        "labels": list(RECIPES["mien"].classes),
        "size": 48,
        "mean": [0.5],
        "std": [0.25],
        "temperature": 1.0,
        "margin": 0.1,
        "crops": {"haar": {"margin": 0.1, "level": False}, "yunet": {"margin": 0.0, "level": True}},
        "recipe": "mien",
        "answers": "label",
        "heads": {},
    }
    assert [entry.name for entry in model.graph.input] == ["faces"]
    assert [entry.name for entry in model.graph.output] == ["logits"]
    shape = [
        dimension.dim_value or dimension.dim_param for dimension in model.graph.input[0].type.tensor_type.shape.dim
    ]
    assert isinstance(shape[0], str)
    assert shape[1:] == [1, 48, 48]
    assert str(Path(__file__).parents[1]) not in (run / "model.onnx").read_bytes().decode("latin-1")  # no place of ours


def calibrated(temperature: float) -> OutputCalibration:
    fitted = Calibration("temperature", 1, 1, False, "validation", "fer2013", "label", "f" * 16)
    return OutputCalibration(temperature, fitted)


def test_export_includes_the_temperature(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces.onnx"
    save(run, {"label": calibrated(1.5)})
    assert export(run, out=out) == out
    (run / CALIBRATION).unlink()
    session = Session(out)
    assert session.info.temperature == 1.5
    crops = drawn.faces(4).images
    assert np.allclose(session.logits(crops), Session(run).logits(crops), atol=1e-5)


def test_export_includes_the_whole_calibration(run: Path, tmp_path: Path) -> None:
    labels = np.arange(70) % 7
    logits = (3 * np.eye(7)[labels] + np.random.default_rng(0).normal(0, 1, (70, 7))).astype(np.float32)
    wanted = CalibrationOptions("vector", abstain_at=0.8, coverage=0.9)
    found = fit_calibration(
        logits, labels, Session(run).info, DataFacts("faces", "validation", "fer2013", "label", "f" * 16), wanted
    )
    save(run, {"label": OutputCalibration(found.temperature, found.calibration)})
    info = Session(export(run, out=tmp_path / "faces.onnx")).info
    (run / CALIBRATION).unlink()
    assert (info.temperature, info.calibration) == (found.temperature, found.calibration)


@pytest.fixture(scope="module")
def votes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two outputs, on small images."""
    path = tmp_path_factory.mktemp("runs") / "votes"
    write_run(path, replace(RECIPES["mien-votes"], size=16, progressive_resize=0), batch_statistics=True)
    export(path)
    return path


def test_export_of_several_outputs_has_names_and_temperatures(votes: Path, tmp_path: Path) -> None:
    save(votes, {"distribution": calibrated(1.5), "label": calibrated(0.5)})
    path = export(votes, out=tmp_path / "faces.onnx")
    (votes / CALIBRATION).unlink()
    model = onnx.load(path)
    facts = json.loads({entry.key: entry.value for entry in model.metadata_props}["mien"])
    assert [entry.name for entry in model.graph.output] == ["logits", "label"]
    assert (facts["answers"], facts["labels"], facts["temperature"]) == ("distribution", list(FERPLUS), 1.5)
    label = facts["heads"]["label"]
    assert (list(facts["heads"]), label["labels"], label["temperature"]) == (["label"], list(FER2013), 0.5)
    crops = drawn.faces(4, size=16).images
    for head, temperature, labels in (("distribution", 1.5, FERPLUS), ("label", 0.5, FER2013)):
        session, plain = Session(path, output=head), Session(votes, output=head)
        assert session.info.labels == labels
        assert (session.info.temperature, plain.info.temperature) == (temperature, 1.0)
        assert np.allclose(session.logits(crops), plain.logits(crops), atol=1e-5)
        scaled = softmax(plain.logits(crops) / np.float32(temperature))
        assert np.allclose(session.probabilities(crops), scaled, atol=1e-5)
        assert not np.allclose(session.probabilities(crops), plain.probabilities(crops), atol=1e-3)


def test_export_check_refuses_another_further_output(votes: Path) -> None:
    model = load_network(votes / "best.safetensors", read_run(votes).recipe).eval()
    compare_with_torch(model, votes / "model.onnx")
    with torch.no_grad():
        model[-1].bias[8:] += 0.5  # type: ignore[index]
    with pytest.raises(InputError, match=r"differs from torch by 0\.5"):
        compare_with_torch(model, votes / "model.onnx")


def test_export_check_refuses_other_logits(tmp_path: Path) -> None:
    torch.manual_seed(0)
    one, other = (create("mien", classes=7).eval() for _ in range(2))
    info = ModelInfo(labels=RECIPES["mien"].classes, size=48, mean=(0.0,), std=(1.0,))
    to_onnx(one, info, tmp_path / "one.onnx")
    compare_with_torch(one, tmp_path / "one.onnx")
    with pytest.raises(InputError, match="differs from torch by"):
        compare_with_torch(other, tmp_path / "one.onnx")
    broken = create("mien", classes=7).eval()
    with torch.no_grad():
        broken[-1].bias.fill_(float("nan"))  # type: ignore[index]
    with pytest.raises(InputError, match="differs from torch by nan"):
        compare_with_torch(broken, tmp_path / "one.onnx")


def test_export_refuses_incomplete_runs(tmp_path: Path, run: Path) -> None:
    with pytest.raises(InputError, match="no run; expected a folder"):
        export(tmp_path)
    (tmp_path / "recipe.json").write_text('{"model": "mien"}')
    with pytest.raises(InputError, match=r"missing required field recipe; expected the recipe\.json of a run"):
        export(tmp_path)
    (tmp_path / "recipe.json").write_text((run / "recipe.json").read_text())
    with pytest.raises(InputError, match=r"no best\.safetensors; the run has not finished an epoch"):
        export(tmp_path)
    for content in (b"", b"not weights at all", (run / "best.safetensors").read_bytes()[:-100]):
        (tmp_path / "best.safetensors").write_bytes(content)
        with pytest.raises(InputError, match=r"best\.safetensors: not the weights of mien") as caught:
            export(tmp_path)
        assert "\n" not in str(caught.value)
    RunFiles(tmp_path).save_weights("best", copy_weights(nn.Linear(2, 2)))
    with pytest.raises(InputError, match=r"best\.safetensors: not the weights of mien"):
        export(tmp_path)
    with pytest.raises(InputError, match="cannot be written"):
        export(run, out=tmp_path / "best.safetensors" / "below.onnx")


@pytest.mark.parametrize("name", ["default", "nonsuch"])
def test_export_refuses_names_of_models(name: str) -> None:
    with pytest.raises(InputError, match=f"{name}: no run; expected a folder"):
        export(Path(name))


def test_a_network_for_even_shares_is_exported_at_those_of_its_data(tmp_path: Path) -> None:
    recipe = replace(RECIPES["mien-votes"], logit_adjust=True)
    model = write_run(tmp_path / "run", recipe)
    shares = {"distribution": (0.3, 0.3, 0.1, 0.1, 0.1, 0.04, 0.03, 0.03), "label": (0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)}
    record = replace(read_run(tmp_path / "run"), shares=shares)
    (tmp_path / "run" / "recipe.json").write_text(records.dumps(record))
    session = Session(export(tmp_path / "run"))
    crops = drawn.faces(3).images
    with torch.inference_mode():
        own = model(torch.from_numpy(images.scale(crops, record.mean, record.std))).numpy()
    found = session.run(crops)
    np.testing.assert_allclose(found["distribution"], own[:, :8] + np.log(shares["distribution"]), atol=1e-3)
    np.testing.assert_allclose(found["label"], own[:, 8:] + np.log(shares["label"]), atol=1e-3)
    np.testing.assert_allclose(session.probabilities(crops), softmax(own[:, :8]), atol=1e-4)  # the answer is even
    web = Session(tmp_path / "run", prior="web").probabilities(crops)
    np.testing.assert_allclose(web, softmax(found["distribution"]), atol=1e-4)
    assert session.file_info.further_outputs["label"].prior == ()  # for comparison with published figures


def test_a_model_of_any_run_answers_for_even_shares(run: Path) -> None:
    record = replace(read_run(run), shares={"label": (0.4, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1)})
    path = run.parent / "shares"
    write_run(path, record.recipe)
    (path / "recipe.json").write_text(records.dumps(record))
    export(path)
    crops = drawn.faces(3).images
    plain, even = (Session(path, prior=prior).probabilities(crops) for prior in (None, "even"))
    expected = plain / np.array(record.shares["label"])
    np.testing.assert_allclose(even, expected / expected.sum(axis=1, keepdims=True), atol=1e-5)
