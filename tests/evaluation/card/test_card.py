"""The model card: valid for Hugging Face, true to the files, silent about this machine."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mien.core import records
from mien.core.errors import InputError
from mien.datasets import DataSpec
from mien.evaluation import evaluate, load, predict
from mien.evaluation.calibrate import OutputCalibration
from mien.evaluation.calibrate.files import with_calibration, write_model
from mien.evaluation.card.facts import bare, bare_command, collect_facts
from mien.evaluation.card.write import render, write, written_here
from mien.evaluation.report import save
from mien.models.bundled import bundled, bundled_card
from mien.models.calibration import Calibration
from mien.models.session import Session
from mien.recipes import RECIPES
from tests.blocks import MakeModel


def measure(run: Path, data: Path) -> None:
    """Evaluate both views of a run."""
    session, samples, facts = load(run, DataSpec(data))
    predictions = predict(session, samples, facts, tta="flip")
    save([evaluate(predictions), evaluate(predictions, tta="flip")], predictions, samples.images, run)


@pytest.fixture
def run(tmp_path: Path, make_model: MakeModel, fer2013_csv: Path) -> Path:
    """A run folder with a recipe, metrics and evaluations of both views."""
    folder = tmp_path / "secret place" / "first"
    make_model(folder / "model.onnx")
    measure(folder, fer2013_csv)
    part = {"n": 18, "fingerprint": "0123456789abcdef", "counts": {"angry": 9, "happy": 9}}
    facts = {
        "recipe": records.to_json(RECIPES["mien-sprint"]),
        "data": {"path": str(fer2013_csv), "photos": [str(tmp_path / "my photos")], "splits": {"train": part}},
        "teachers": [str(tmp_path / "teacher")],
        "parameters": 1234,
        "macs": 5_000_000,
        "command": f"mien train mien-sprint --data {fer2013_csv} --out '{folder}' --start={tmp_path / 'old'}",
        "started": "2026-11-21T15:43:08+00:00",
        "device": "cpu (x86_64)",
        "versions": {"mien": "0.1.0"},
    }
    (folder / "recipe.json").write_text(json.dumps(facts))
    (folder / "metrics.jsonl").write_text('{"epoch": 1, "seconds": 2.5}\n{"epoch": 2, "seconds": 3.5}\n{"epo')
    return folder


def edit(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_hugging_face_reads_it_and_finds_the_figures(run: Path, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    text = render(collect_facts(run, name='x: "y" #1 {ünï}'), license="cc-by-nc-4.0")
    found = hub.ModelCard(text).data
    assert found.model_name == 'x: "y" #1 {ünï}'
    assert (found.license, found.library_name, found.pipeline_tag) == ("cc-by-nc-4.0", "mien", "image-classification")
    assert found.datasets == ["fer2013.csv", "my-photos"]
    stated = json.loads((run / "evaluation-validation-none.json").read_text())
    single = [one for one in found.eval_results if "single view" in one.metric_name]
    assert {one.metric_type: one.metric_value for one in single} == {
        "accuracy": stated["accuracy"],
        "f1": stated["macro_f1"],
        "balanced_accuracy": stated["balanced_accuracy"],
    }
    assert len(found.eval_results) == 6
    assert {one.dataset_split for one in found.eval_results} == {"validation"}
    assert hub.ModelCard(render(collect_facts(run))).data.license is None


def test_it_says_what_the_files_say(run: Path) -> None:
    text = render(collect_facts(run))
    assert "# first\n" in text
    assert "1,234 parameters, 5.0 million multiply-adds" in text
    assert "2 epochs in 6 s" in text
    assert "`mien train mien-sprint --data fer2013.csv --out first --start=old`" in text
    assert "18 faces (angry 9, happy 9); fingerprint 0123456789abcdef" in text
    assert "| fer2013.csv | validation | label | single view | 21 | 0.6667 | 0.4537 to 0.8281 |" in text.replace(
        "label / label", "label"
    )
    assert "The last epoch's weights are kept" in text
    assert "pixel for pixel" in text
    assert "Article 5(1)(f)" in text
    assert "No licence is stated" in text


def test_no_place_on_this_machine_is_named(run: Path, tmp_path: Path) -> None:
    text = render(collect_facts(run))
    assert str(tmp_path) not in text
    assert "secret place" not in text
    assert not [part for part in tmp_path.parts[1:] if f"{part}/" in text]


def test_what_was_not_measured_is_said_with_its_command(run: Path) -> None:
    text = render(collect_facts(run))
    for told in (
        "Bias was not measured",
        "`mien audit RUN --data PATH --groups table.csv`",
        "`mien calibrate RUN --data PATH`",
        "Test split: not measured",
        "`mien benchmark PROTOCOL --data PATH --model RUN --out DIR`",
        "n = 1 training run",
    ):
        assert told in text
    (run / "evaluation-validation-flip.json").unlink()
    assert "Mean with the mirror image: not measured. `mien evaluate RUN --data PATH --tta flip`" in render(
        collect_facts(run)
    )
    (run / "evaluation-validation-none.json").unlink()
    bare_card = render(collect_facts(run))
    assert "Accuracy was not measured. `mien evaluate RUN --data PATH --tta both`" in bare_card
    assert "model-index" not in bare_card
    (run / "recipe.json").unlink()
    (run / "metrics.jsonl").unlink()
    assert "How it was trained is not recorded" in render(collect_facts(run))


NEW: dict[str, Any] = {
    "method": "temperature", "n": 100, "n_measured": 50, "held_out": True, "split": "validation", "kind": "folder",
    "targets": "label", "fingerprint": "feed", "ece_before": 0.0461, "ece_after": 0.012, "nll_before": 1.01,
    "nll_after": 0.99, "abstain": {"target": 0.9, "threshold": 0.7, "coverage": 0.4, "accuracy": None},
    "conformal": {"coverage": 0.9, "quantile": 0.8, "measured_coverage": 0.91, "mean_size": 2.25},
}  # fmt: skip


def calibrated(run: Path, data: Path, temperature: float, facts: dict[str, Any] | None = None) -> str:
    """Put a calibration into the run's model.onnx, evaluate it again, and return the card."""
    known = Calibration.from_json(facts) if facts else None
    assert known is not None
    info = with_calibration(Session(run).info, "label", OutputCalibration(temperature, known))
    write_model(run, info, run / "model.onnx")
    measure(run, data)
    return render(collect_facts(run))


def test_calibration_is_that_of_the_model_file(run: Path, fer2013_csv: Path) -> None:
    text = calibrated(run, fer2013_csv, 1.25)
    assert "- `label`: temperature scaling, temperature 1.250; ECE before and after not recorded." in text
    text = calibrated(run, fer2013_csv, 1.25, NEW)
    told = "temperature 1.250, fitted on 100 faces of folder validation, labels: label; ECE 0.0461 before, 0.0120 after"
    assert told in text
    assert "measured on 50 faces, others than it was fitted on" in text
    assert "abstains below a confidence of 0.7000: coverage 0.4000, accuracy -" in text
    assert "measured coverage 0.9100, 2.25 labels a face" in text
    assert "it was calibrated on" not in text
    vector = NEW | {"method": "vector", "scale": [1.0] * 7, "bias": [0.0] * 7}
    assert "- `label`: vector scaling, fitted on 100 faces" in calibrated(run, fer2013_csv, 1.25, vector)


def test_figures_on_the_faces_it_was_calibrated_on_are_marked(run: Path, fer2013_csv: Path) -> None:
    shown = json.loads((run / "evaluation-validation-none.json").read_text())["data"]["fingerprint"]
    files = "evaluation-validation-none.json, evaluation-validation-flip.json"
    text = calibrated(run, fer2013_csv, 2.0, NEW | {"fingerprint": shown})
    assert f"{files}: calibrated on faces of this very split" in text
    maybe = f"{files}: some of these faces may be among those it was calibrated on"
    assert maybe in calibrated(run, fer2013_csv, 2.0, NEW | {"kind": "ferplus", "targets": "majority"})
    assert maybe not in calibrated(run, fer2013_csv, 2.0, NEW | {"kind": "ferplus", "split": "test"})
    text = render(collect_facts("default"))
    assert "FER+ majority, 8 classes, FER+ distribution: some of these faces may be among those" in text


def test_a_calibration_json_of_another_file_is_left_out(run: Path, fer2013_csv: Path) -> None:
    (run / "calibration.json").write_text('{"label": 1.25}')
    facts = collect_facts(run)
    assert facts.passed_over == ["calibration.json: output label: not what model.onnx holds; calibrate again"]
    assert "Not calibrated" in render(facts)
    calibrated(run, fer2013_csv, 1.25)
    facts = collect_facts(run)
    assert facts.passed_over == []
    assert "temperature 1.250" in render(facts)
    (run / "calibration.json").write_text(json.dumps({"label": NEW | {"temperature": 1.25}}))
    assert "ECE 0.0461 before" in render(collect_facts(run))


@pytest.mark.parametrize("name", bundled())
def test_a_bundled_model_has_its_calibration_in_the_card(name: str) -> None:
    stated, text = bundled_card(name).calibration, render(collect_facts(name))
    assert f"ECE {stated['ece_before']:.4f} before, {stated['ece_after']:.4f} after" in text
    assert f"fitted on {stated['n']:,} faces" in text
    assert f"measured coverage {stated['conformal']['measured_coverage']:.4f}" in text


def test_an_audit_of_some_pictures_says_what_these_are_like(run: Path) -> None:
    digest = json.loads((run / "evaluation-validation-none.json").read_text())["model"]["sha256"]
    values = [{"value": "<b>a|b*", "n": 10, "accuracy": 0.5, "interval": [0.2, 0.8]}]
    audit = {
        "model": {"sha256": digest}, "n": 21, "accuracy": 0.6667, "clean": {"n": 5, "accuracy": 0.8},
        "data": {"path": "/home/me/photos", "split": "test", "targets": "label"}, "end_to_end": {"detector": "haar"},
        "corruptions": {"blur": [{"strength": 1, "n": 5, "accuracy": 0.6}]},
        "groups": {"<i>|": {"values": values, "gap": None}},
    }  # fmt: skip
    (run / "audit-validation.json").write_text(json.dumps(audit))
    text = render(collect_facts(run))
    assert "`audit-validation.json`, photos, test, n = 21, labels: label, faces found by haar: accuracy 0.6667" in text
    assert "accuracy 0.6667 on the faces as they are, 0.8000 on the 5 of them that were then corrupted; lowest" in text
    assert "| \\<b\\>a&#124;b\\* | 10 |" in text
    assert "| \\<i\\>&#124; | n |" in text
    edit(run / "audit-validation.json", clean={"n": 21, "accuracy": 0.6667})
    assert "then corrupted" not in render(collect_facts(run))
    edit(run / "audit-validation.json", corruptions={})
    assert "0.6667 on the faces as they are; corrupted pictures were not measured." in render(collect_facts(run))


def test_audit_and_benchmark(run: Path, tmp_path: Path) -> None:
    digest = json.loads((run / "evaluation-validation-none.json").read_text())["model"]["sha256"]
    levels = [{"strength": s, "n": s, "accuracy": 0.6 - s / 10, "interval": [0.0, 0.7]} for s in (1, 2, 3, 4, 5)]
    flat = [{"strength": s, "accuracy": 0.6} for s in (1, 5)]
    values = [
        {"value": "a|b", "n": 10, "accuracy": 0.5, "interval": [0.2, 0.8]},
        {"value": "c", "n": 0, "accuracy": None},
    ]
    audit = {
        "model": {"sha256": digest}, "n": 21, "accuracy": 0.6667,
        "corruptions": {"gaussian_blur": levels, "jpeg": flat},
        "groups": {"site": {"values": values, "gap": 0.2, "gap_interval": [0.1, 0.3], "p_value": 0.04}},
    }  # fmt: skip
    (run / "audit-validation.json").write_text(json.dumps(audit))
    view = {"n": 21, "accuracy": 0.5, "interval": [0.3, 0.7], "macro_f1": 0.4, "ece": 0.02}
    before = {"uncalibrated": {"ece": 0.05}}
    result: dict[str, Any] = {
        "protocol": {"id": "fer2013", "hash": "feed"}, "split": "test", "data": {"name": "fer2013.csv", "n": 21},
        "models": [
            {"sha256": digest, "head": "label", "views": {"none": view | before, "flip": view}},
            {"sha256": "0" * 64, "views": {"none": view | {"accuracy": 0.9}}},
        ],
        "summary": {"none": {"seeds": 2, "accuracy": {"mean": 0.7, "sd": 0.28}}, "flip": {"seeds": 1}},
        "ms": {"batch 1": {"mean": 1.5, "deviation": 0.1, "repeats": 9, "threads": 1}, "load": 0.1},
    }  # fmt: skip
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "fer2013-x.json").write_text(json.dumps(result))
    text = render(collect_facts(run, results=[tmp_path / "results"]))
    assert "lowest under gaussian blur, 0.1000" in text
    assert "| gaussian blur | 5 | 0.1000 | 0.0000 to 0.7000 | 0.1000 |" in text
    assert "| jpeg | 21 | 0.6000 |  | 0.6000 |" in text
    gap = "By site, the largest gap in accuracy: 0.2000 (95 % interval 0.1000 to 0.3000)"
    assert f"{gap}; chance alone gives as much in 4.0 % of shuffles." in text
    assert "| a&#124;b | 10 | 0.5000 | 0.2000 to 0.8000 |" in text
    assert "Bias was not measured" not in text
    assert "| `fer2013 feed` | test | single view | 21 | 0.5000 | 0.3000 to 0.7000 |" in text
    assert "| 0.7000 +- 0.2800 (n = 2) | 0.0500 | 0.0200 |" in text
    assert "0.9000" not in text
    assert "Fixed protocols: not measured" not in text
    assert "1.50 ms a face, batch 1" in text
    assert "Test split: not measured" not in text
    assert "n = 1 training run" not in text
    assert 'config: "protocol fer2013 feed, label"' in text
    assert "fer2013-x.json: how many of these faces it has learnt is not known." in text
    result["models"][0]["learnt"] = {"faces": 4, "others": 17, "accuracy_of_the_others": 0.25}
    (tmp_path / "results" / "fer2013-x.json").write_text(json.dumps(result))
    told = "4 faces stand, or nearly so, in its training data; accuracy on the 17 others, single view: 0.2500."
    assert f"fer2013-x.json: {told}" in render(collect_facts(run, results=[tmp_path / "results"]))
    edit(run / "audit-validation.json", groups={})
    assert "Groups of people: not measured." in render(collect_facts(run))


def test_figures_of_another_model_are_left_out(run: Path) -> None:
    edit(run / "evaluation-validation-flip.json", model={"sha256": "0" * 64})
    facts = collect_facts(run)
    assert facts.passed_over == [
        "evaluation-validation-flip.json: measured on another model file than first's; measure again"
    ]
    assert [score.tta for score in facts.scores] == ["none"]
    with pytest.raises(InputError, match="another model file"):
        collect_facts(run, results=[run / "evaluation-validation-flip.json"])


def test_what_was_left_out_is_said(run: Path) -> None:
    path = run / "evaluation-validation-none.json"
    edit(path, dropped={"samples": {"contempt": 7}, "outputs": ["fear"]}, merge="contempt-as-disgust")
    told = "left out: 7 samples of contempt; the model's fear, the others scaled to 1; merged: contempt-as-disgust."
    assert f"{path.name}: {told}" in render(collect_facts(run))


def test_figures_on_the_training_data_are_marked_and_kept_out_of_the_index(run: Path) -> None:
    for tta in ("none", "flip"):
        path = run / f"evaluation-validation-{tta}.json"
        edit(path, data=json.loads(path.read_text())["data"] | {"trained_on": True})
    text = render(collect_facts(run))
    assert "trained on these very pictures" in text
    assert "model-index" not in text


@pytest.mark.parametrize("name", bundled())
def test_bundled_models_have_a_card(name: str) -> None:
    text = render(collect_facts(name), license="apache-2.0")
    for title, stated in bundled_card(name).figures.items():
        assert title.startswith("the same") or f"| {title}" in text
        assert f"{stated['accuracy']:.4f}" in text
    assert f"`mien evaluate {name} --data PATH --split test`" in text or "| test |" in text
    assert "ms a face" in text
    assert bundled_card(name).sha256 in text


def test_a_card_of_somebody_else_stays(run: Path) -> None:
    text, path = render(collect_facts(run)), run / "README.md"
    write(text, path)
    assert written_here(path.read_text())
    write(text, path)  # its own: replaced
    path.write_text(text.replace("Research", "Research and play"))
    with pytest.raises(InputError, match="not as mien card left it; --out writes elsewhere, --force replaces it"):
        write(text, path)
    write(text, path, force=True)
    assert path.read_text() == text
    path.write_text("# mine\n")
    with pytest.raises(InputError, match="there already"):
        write(text, path)
    assert path.read_text() == "# mine\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a/b/fer2013/", "fer2013"),
        ("C:\\data\\faces", "faces"),
        ("the first run: mien train --data /x/fer2013, n 3", "the first run: mien train --data fer2013, n 3"),
    ],
)
def test_paths_are_cut_to_their_last_part(text: str, expected: str) -> None:
    assert bare(text) == expected


def test_commands_are_cut_too() -> None:
    command = "mien train mien --data '/home/a b/fer/' --out=/x/y --lr 0.1 /"
    assert bare_command(command) == "mien train mien --data fer --out=y --lr 0.1 ."


def test_bad_input_is_told(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a run folder or default, small"):
        collect_facts(tmp_path / "absent")
    with pytest.raises(InputError, match=r"no model\.onnx in it"):
        collect_facts(tmp_path)
    with pytest.raises(InputError, match="printable"):
        collect_facts(run, name="a\nb")
    with pytest.raises(InputError, match="--license 'My Own'"):
        render(collect_facts(run), license="My Own")
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(InputError, match="not a result of"):
        collect_facts(run, results=[tmp_path / "x.json"])
    (run / "evaluation-validation-flip.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        collect_facts(run)
    (run / "evaluation-validation-flip.json").unlink()
    for name, text, writer in (
        ("calibration.json", '{"label": "x"}', "calibrate"),
        ("recipe.json", '{"recipe": {}, "data": 3}', "train"),
        ("recipe.json", '{"recipe": 3}', "train"),
        ("audit-validation.json", '{"corruptions": {"blur": 3}}', "audit"),
    ):
        (run / name).write_text(text)
        with pytest.raises(InputError, match=rf"{name}: not what mien {writer} writes"):
            render(collect_facts(run))
        (run / name).unlink()
    (run / "metrics.jsonl").write_bytes(b"\xff\xfe\n")
    assert "accuracy" in render(collect_facts(run))
    shutil.rmtree(run)
