"""`mien calibrate`: what it fits stands in the file and the run, the network stays bit for bit, the rest is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from mien import cli
from mien.core.errors import InputError
from mien.datasets import DataSpec
from mien.datasets import read as read_samples
from mien.evaluation.calibrate import OutputCalibration, fit_calibration
from mien.evaluation.calibrate.files import FILE, read, save, with_calibration, write_model
from mien.evaluation.calibrate.fit import chosen
from mien.evaluation.predictions import DataFacts
from mien.models.calibration import Calibration
from mien.models.metadata import ModelInfo, OutputInfo
from mien.models.session import Session, softmax
from tests.blocks import evaluated, record_run
from tests.evaluation.calibrate.conftest import N

Mien = Callable[..., tuple[int, str, str]]
MakeModel = Callable[..., Path]


@pytest.fixture
def mien(capsys: pytest.CaptureFixture[str]) -> Mien:
    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            cli.main(["calibrate", *map(str, arguments)])
        return int(stop.value.code or 0), *capsys.readouterr()

    return run


def test_it_says_which_figures_are_for_which_shares(
    mien: Mien, make_model: MakeModel, faces: Path, tmp_path: Path
) -> None:
    made, out = make_model(gain=20.0), ("--out", tmp_path / "out.onnx")
    arguments = [made, "--data", faces, "--abstain-at", 0.5]
    assert "what follows" not in mien(*arguments, *out)[1]
    info, k = Session(made).info, len(Session(made).info.labels)
    write_model(made, replace(info, shares=(1 / k,) * k, prior=(0.5, *[0.5 / (k - 1)] * (k - 1))), made)
    lines = mien(*arguments, "--out", tmp_path / "two.onnx")[1]
    said = " ".join(lines.split())
    assert "uncalibrated" in said.partition("the table is for the classes as frequent as among these faces")[0]
    assert f"what follows for shares of the classes: {info.labels[0]} 0.500, {info.labels[1]} 0.083" in said
    assert "at the threshold" in said.partition("what follows for")[2]
    write_model(made, replace(info, shares=(0.4, *[0.1] * (k - 1)), prior=(1 / k,) * k), made)
    said = " ".join(mien(*arguments, "--out", tmp_path / "three.onnx")[1].split())
    assert "what follows for even shares of the classes at the threshold" in said


def test_a_run_is_calibrated_in_place(mien: Mien, make_model: MakeModel, faces: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    made = make_model(run / "model.onnx", gain=20.0, further_outputs={"majority": ("neutral", "happy", "sad")})
    proto = onnx.load(made)
    proto.metadata_props.add(key="somebody", value="else's")
    onnx.save(proto, made)
    crops = np.random.default_rng(0).integers(0, 256, (20, 48, 48), dtype=np.uint8)
    before = {head: Session(run, output=head).logits(crops) for head in ("label", "majority")}
    code, out, err = mien(
        run, "--data", faces, "--abstain-at", 0.7, "--coverage", 0.9, "--share", 0.5, "--method", "vector"
    )
    assert code == 0
    samples = read_samples(DataSpec(faces, "validation"))
    n = int(chosen(samples.hard, 0.5, 0).sum())
    told = " ".join(out.split())
    for word in (
        "uncalibrated",
        "vector scaling",
        "threshold 0.",
        "prediction sets for",
        f"measured on {N - n} others",
    ):
        assert word in told
    assert err.count("wrote") == 2
    assert {path.name for path in run.iterdir()} == {"model.onnx", FILE}
    assert "measured before" not in err
    (run / "evaluation-validation-none.json").touch()
    err = mien(run, "--data", faces, "--method", "keep", "--abstain-at", 0.7, "--coverage", 0.9, "--share", 0.5)[2]
    assert "measured before, on another model file: evaluation-validation-none.json; measure again" in err
    props = {entry.key: entry.value for entry in onnx.load(made).metadata_props}
    assert props["somebody"] == "else's"
    for head, logits in before.items():
        assert np.array_equal(Session(run, output=head).logits(crops), logits)
    info = Session(run).info
    assert info.calibration is not None
    assert info.outputs["majority"].calibration is None
    assert read(run) == {"label": OutputCalibration(info.temperature, info.calibration)}
    facts = json.loads((run / FILE).read_text())["label"]["calibration"]
    assert facts["fingerprint"] == samples.fingerprint
    assert (facts["n"], facts["n_measured"], facts["held_out"]) == (n, N - n, True)
    assert facts["ece_after"] < facts["ece_before"]
    assert facts["nll_after"] < facts["nll_before"]
    assert set(facts["abstain"]) == {"target", "threshold", "coverage", "accuracy"}
    assert set(facts["conformal"]) == {"coverage", "quantile", "method", "measured_coverage", "mean_size"}
    assert facts["abstain"]["accuracy"] > 0.65
    scored = evaluated(run, faces).selective
    assert scored.fitted is not None
    assert scored.same_split
    assert scored.abstention is not None
    assert scored.abstention.threshold == facts["abstain"]["threshold"]
    code, _, _ = mien(run, "--data", faces)
    again = Session(run).info.calibration
    assert code == 0
    assert again is not None
    assert (again.method, again.scale, again.abstain, again.conformal) == ("temperature", (), None, None)


def test_the_output_that_follows_the_targets_is_calibrated(
    mien: Mien, make_model: MakeModel, faces: Path, tmp_path: Path
) -> None:
    labels = ("neutral", "happy")
    model = make_model(
        primary_output="majority", labels=labels, further_outputs={"label": Session(make_model()).info.labels}
    )
    code, out, _ = mien(model, "--data", faces, "--out", tmp_path / "out.onnx", "--json")
    assert code == 0
    facts = json.loads(out)
    info = Session(tmp_path / "out.onnx").info
    assert (facts["output"], info.temperature, info.calibration) == ("label", 1.0, None)
    head = info.outputs["label"]
    assert head.calibration is not None
    assert (head.temperature, head.calibration.n) == (facts["temperature"], N)
    fitted = facts["calibration"]
    assert fitted["held_out"] is False
    session, samples = Session(tmp_path / "out.onnx", output="label"), read_samples(DataSpec(faces, "validation"))
    rows = session.probabilities(samples.images)
    assert np.allclose(rows, softmax(session.logits(samples.images) / np.float32(head.temperature)), atol=1e-6)
    assert -np.log(rows[np.arange(N), samples.labels]).mean() == pytest.approx(fitted["nll_after"], rel=1e-5)


def test_the_calibration_of_a_further_output_keeps_its_shares() -> None:
    votes = OutputInfo(("happy", "sad"), 1.0, shares=(0.7, 0.3), prior=(0.5, 0.5))
    info = ModelInfo(("happy", "sad"), 48, (0.5,), (0.25,), further_outputs={"majority": votes})
    fitted = OutputCalibration(2.0, Calibration("temperature", 9, 9, False, "validation", "fer2013", "majority", "0"))
    found = with_calibration(info, "majority", fitted)
    assert found.further_outputs["majority"] == replace(votes, temperature=2.0, calibration=fitted.calibration)


def test_the_figures_of_the_fitted_faces_are_called_so(
    mien: Mien, make_model: MakeModel, faces: Path, tmp_path: Path
) -> None:
    _, out, _ = mien(make_model(), "--data", faces, "--out", tmp_path / "out.onnx")
    assert "of these very faces" in " ".join(out.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["default"], "default: no run folder, so it stays as it is; say where to write with --out FILE.onnx"),
        (["{model}"], "say where to write with --out"),
        (["{model}", "--out", "{model}"], "exists already; choose another file"),
        (["{model}", "--out", "{model}/x.onnx"], "is a file)"),
        (["{model}", "--out", "{folder}/out.txt"], "expected a name that ends with .onnx"),
        (["{folder}"], "no model.onnx in it"),
        (["{model}", "--out", "{folder}/o.onnx", "--share", "2"], "--share 2: expected a share above 0, at most 1"),
        (["{model}", "--out", "{folder}/o.onnx", "--abstain-at", "0.999"], "no threshold on the confidence"),
        (["{model}", "--out", "{folder}/o.onnx", "--coverage", "0.999"], "420 faces are too few for prediction sets"),
        (["{model}", "--out", "{folder}/o.onnx", "--split", "test"], "no split 'test'"),
        (["{model}", "--out", "{folder}/o.onnx", "--method", "keep"], "keep changes nothing alone"),
    ],
)
def test_what_cannot_be_is_one_line(
    mien: Mien, make_model: MakeModel, faces: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    model = make_model()
    places = {"model": str(model), "folder": str(tmp_path)}
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    code, out, err = mien(*(argument.format(**places) for argument in arguments), "--data", faces)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_pictures_it_was_trained_on_are_refused(mien: Mien, make_model: MakeModel, faces: Path, tmp_path: Path) -> None:
    model = make_model(tmp_path / "run" / "model.onnx")
    record_run(model.parent, train=read_samples(DataSpec(faces, "validation")).fingerprint)
    code, _, err = mien(model, "--data", faces, "--out", tmp_path / "out.onnx")
    assert code == 2
    assert "trained on these very images" in err


def test_without_onnx_the_extra_is_named(
    mien: Mien, make_model: MakeModel, faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make_model()
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    code, _, err = mien(model, "--data", faces, "--out", tmp_path / "out.onnx")
    assert code == 2
    assert "pip install 'mien[eval]'" in err


def test_a_runs_file_keeps_its_other_outputs(tmp_path: Path) -> None:
    assert read(tmp_path) == {}
    info = ModelInfo(("a", "b"), 48, (0.0,), (1.0,))
    logits = np.array([[1, 0], [0, 1], [1, 0]], np.float32)
    found = fit_calibration(logits, np.array([0, 1, 1]), info, DataFacts("faces", "validation", "", "label", "f"))
    label, majority = (OutputCalibration(temperature, found.calibration) for temperature in (found.temperature, 2.0))
    save(tmp_path, {"majority": majority})
    save(tmp_path, {"label": label})
    assert read(tmp_path) == {"label": label, "majority": majority}


@pytest.mark.parametrize("text", ["", "[]", '{"label": "x"}', '{"label": {"temperature": 1}}', '{"label": {}}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(InputError, match=r"calibration\.json: .*; expected what mien calibrate writes"):
        read(tmp_path)


def test_a_model_that_knows_another_class_is_fitted_without_its_faces(
    mien: Mien, make_model: MakeModel, faces: Path, tmp_path: Path
) -> None:
    model = make_model(labels=("angry", "disgust", "fear"))
    _, out, _ = mien(model, "--data", faces, "--out", tmp_path / "out.onnx", "--json")
    facts: dict[str, Any] = json.loads(out)
    assert facts["calibration"]["n"] == int((read_samples(DataSpec(faces, "validation")).labels < 3).sum())
    assert replace(Session(tmp_path / "out.onnx").info, temperature=1.0, calibration=None) == Session(model).info
