"""The model card: valid for Hugging Face, true to the files, silent about this machine."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest

from mien.core import records
from mien.core.errors import InputError, MissingExtra
from mien.evaluation.benchmark import PROTOCOLS, Result, benchmark
from mien.evaluation.benchmark.result import MetricSummary, Speed
from mien.evaluation.calibrate.files import OutputCalibration, write_model
from mien.evaluation.card import collect_facts, render_card, write_card
from mien.evaluation.card.bundled import read_card
from mien.evaluation.card.write import is_ours
from mien.evaluation.comparison import Conditions
from mien.evaluation.evaluation import Evaluation
from mien.evaluation.evaluation import read as read_evaluation
from mien.evaluation.metrics import METRICS, Metric
from mien.evaluation.provenance import SeenInTraining
from mien.evaluation.robustness.audit import Audit, Strength, Subgroups
from mien.evaluation.subgroups import Column, Gap, Group, SubsetScores
from mien.models.bundled import bundled
from mien.models.calibration import Abstention, Calibration, Conformal
from mien.models.latency import Latency
from mien.models.session import Session
from mien.recipes import RECIPES, Epoch, RunRecord, SplitRecord, TrainingData
from tests.blocks import MakeModel, evaluated

T = TypeVar("T")


@pytest.fixture
def run(tmp_path: Path, make_model: MakeModel, fer2013_csv: Path) -> Path:
    """A run folder with a recipe, metrics and evaluations of both views."""
    folder = tmp_path / "secret place" / "first"
    make_model(folder / "model.onnx")
    evaluate_again(folder, fer2013_csv)
    counts = {"angry": 9, "happy": 9}
    record = RunRecord(
        recipe=RECIPES["mien-sprint"],
        data=TrainingData(
            path=fer2013_csv,
            photos=(tmp_path / "my photos",),
            splits={"train": SplitRecord(n=18, fingerprint="0123456789abcdef", counts=counts)},
        ),
        mean=(0.0,),
        std=(1.0,),
        teachers=(str(tmp_path / "teacher"),),
        parameters=1234,
        macs=5_000_000,
        command=f"mien train mien-sprint --data {fer2013_csv} --out '{folder}' --start={tmp_path / 'old'}",
        started="2026-11-21T15:43:08+00:00",
        device="cpu (x86_64)",
        versions={"mien": "0.1.0"},
    )
    records.write(folder / "recipe.json", record)
    epochs = [Epoch(at, at, 1.0, 0.5, 1.0, 0.5, 0.1, 100.0, seconds) for at, seconds in ((1, 2.5), (2, 3.5))]
    lines = "\n".join(records.dumps(epoch, indent=0) for epoch in epochs)
    (folder / "metrics.jsonl").write_text(f'{lines}\n{{"epo')
    return folder


def evaluate_again(run: Path, data: Path) -> None:
    """Write the evaluations of both views into the run folder."""
    for tta in ("none", "flip"):
        found = evaluated(run, data, tta=tta)
        records.write(run / Conditions.of(found).file, found)


def edit(path: Path, kind: type[T], change: Callable[[T], T]) -> None:
    """Change a record in its file."""
    records.write(path, change(records.read(path, kind, what="a record")))


def test_hugging_face_reads_it_and_finds_the_figures(run: Path, tmp_path: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    text = render_card(collect_facts(run, name='x: "y" #1 {ünï}'), license="cc-by-nc-4.0")
    found = hub.ModelCard(text).data
    assert found.model_name == 'x: "y" #1 {ünï}'
    assert (found.license, found.library_name, found.pipeline_tag) == ("cc-by-nc-4.0", "mien", "image-classification")
    assert found.datasets == ["fer2013.csv", "my-photos"]
    stated = read_evaluation(run / "evaluation-validation-none.json").scores.metrics
    single = [one for one in found.eval_results if "single view" in one.metric_name]
    assert {one.metric_type: one.metric_value for one in single} == {
        "accuracy": stated["accuracy"],
        "f1": stated["macro_f1"],
        "balanced_accuracy": stated["balanced_accuracy"],
    }
    assert found.metrics == ["accuracy", "f1", "balanced_accuracy"]
    assert len(found.eval_results) == 6
    assert {one.dataset_split for one in found.eval_results} == {"validation"}
    assert hub.ModelCard(render_card(collect_facts(run))).data.license is None


def test_it_says_what_the_files_say(run: Path) -> None:
    text = render_card(collect_facts(run))
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


def test_a_new_metric_is_one_entry_of_the_registry(
    run: Path, fer2013_csv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(METRICS, "even", Metric("even", "evenness", "higher", lambda _: 0.12345, hub="evenness"))
    evaluate_again(run, fer2013_csv)
    text = render_card(collect_facts(run))
    assert "| evenness |" in text
    assert "type: evenness\n      value: 0.12345" in text


def test_no_place_on_this_machine_is_named(run: Path, tmp_path: Path) -> None:
    text = render_card(collect_facts(run))
    assert str(tmp_path) not in text
    assert "secret place" not in text
    assert not [part for part in tmp_path.parts[1:] if f"{part}/" in text]


def test_what_was_not_measured_is_said_with_its_command(run: Path) -> None:
    text = render_card(collect_facts(run))
    for expected in (
        "Bias was not measured",
        "`mien audit RUN --data PATH --groups table.csv`",
        "`mien calibrate RUN --data PATH`",
        "Test split: not measured",
        "`mien benchmark PROTOCOL --data PATH --model RUN --out DIR`",
        "n = 1 training run",
    ):
        assert expected in text
    (run / "evaluation-validation-flip.json").unlink()
    assert "Mean with the mirror image: not measured. `mien evaluate RUN --data PATH --tta flip`" in render_card(
        collect_facts(run)
    )
    (run / "evaluation-validation-none.json").unlink()
    bare_card = render_card(collect_facts(run))
    assert "Accuracy was not measured. `mien evaluate RUN --data PATH --tta both`" in bare_card
    assert "model-index" not in bare_card
    (run / "recipe.json").unlink()
    (run / "metrics.jsonl").unlink()
    assert "How it was trained is not recorded" in render_card(collect_facts(run))


FITTED = Calibration(
    method="temperature", n=100, n_measured=50, held_out=True, split="validation", kind="folder", targets="label",
    fingerprint="feed", ece_before=0.0461, ece_after=0.012, nll_before=1.01, nll_after=0.99,
    abstain=Abstention(target=0.9, threshold=0.7, coverage=0.4, accuracy=None),
    conformal=Conformal(coverage=0.9, quantile=0.8, measured_coverage=0.91, mean_size=2.25),
)  # fmt: skip


def calibrated(run: Path, data: Path, temperature: float, calibration: Calibration | None = None) -> str:
    """Put a calibration into the run's model.onnx, evaluate it again, and return the card."""
    info = replace(Session(run).info, temperature=temperature, calibration=calibration)
    write_model(run, info, run / "model.onnx")
    evaluate_again(run, data)
    return render_card(collect_facts(run))


def test_calibration_is_that_of_the_model_file(run: Path, fer2013_csv: Path) -> None:
    text = calibrated(run, fer2013_csv, 1.25)
    assert "- `label`: temperature scaling, temperature 1.250; ECE before and after not recorded." in text
    text = calibrated(run, fer2013_csv, 1.25, FITTED)
    expected = (
        "temperature 1.250, fitted on 100 faces of folder validation, labels: label; ECE 0.0461 before, 0.0120 after"
    )
    assert expected in text
    assert "measured on 50 faces, others than it was fitted on" in text
    assert "abstains below a confidence of 0.7000: coverage 0.4000, accuracy -" in text
    assert "measured coverage 0.9100, 2.25 labels a face" in text
    assert "it was calibrated on" not in text
    vector = replace(FITTED, method="vector", scale=(1.0,) * 7, bias=(0.0,) * 7)
    assert "- `label`: vector scaling, fitted on 100 faces" in calibrated(run, fer2013_csv, 1.25, vector)


def test_scores_on_the_faces_it_was_calibrated_on_are_marked(run: Path, fer2013_csv: Path) -> None:
    shown = read_evaluation(run / "evaluation-validation-none.json").data.fingerprint
    files = "evaluation-validation-none.json, evaluation-validation-flip.json"
    text = calibrated(run, fer2013_csv, 2.0, replace(FITTED, fingerprint=shown))
    assert f"{files}: calibrated on faces of this very split" in text
    maybe = f"{files}: some of these faces may be among those it was calibrated on"
    votes = replace(FITTED, kind="fer2013", targets="majority")
    assert maybe in calibrated(run, fer2013_csv, 2.0, votes)
    assert maybe not in calibrated(run, fer2013_csv, 2.0, replace(votes, split="test"))
    text = render_card(collect_facts("default"))
    assert "FER+ majority, 8 classes, web shares: some of these faces may be among those" in text


def test_a_calibration_json_of_another_file_is_left_out(run: Path, fer2013_csv: Path) -> None:
    records.write(run / "calibration.json", {"label": OutputCalibration(1.25, FITTED)})
    facts = collect_facts(run)
    assert facts.skipped == ["calibration.json: output label: not what model.onnx holds; calibrate again"]
    assert "Not calibrated" in render_card(facts)
    calibrated(run, fer2013_csv, 1.25)
    facts = collect_facts(run)
    assert facts.skipped == []
    assert "temperature 1.250" in render_card(facts)
    assert "ECE 0.0461 before" in render_card(facts)


@pytest.mark.parametrize("name", bundled())
def test_a_bundled_model_has_its_calibration_in_the_card(name: str) -> None:
    stated, text = read_card(name).calibration["distribution"].calibration, render_card(collect_facts(name))
    assert stated.conformal is not None
    assert f"ECE {stated.ece_before:.4f} before, {stated.ece_after:.4f} after" in text
    assert f"fitted on {stated.n:,} faces" in text
    assert f"measured coverage {stated.conformal.measured_coverage:.4f}" in text


def subset(n: int, accuracy: float, interval: tuple[float, float] = (0.0, 0.7)) -> SubsetScores:
    return SubsetScores(n, {"accuracy": accuracy}, interval, accuracy)


def audit(run: Path, *, clean: SubsetScores, corruptions: dict[str, list[float]], **options: Any) -> Audit:
    """Write and return an audit of the run: the accuracies at strength 1, 2 ... of each corruption."""
    strengths = {
        name: tuple(Strength(at, "", subset(at, accuracy), None) for at, accuracy in enumerate(accuracies, 1))
        for name, accuracies in corruptions.items()
    }
    found = Audit(
        evaluation=read_evaluation(run / "evaluation-validation-none.json"), confidence=0.5, clean=clean,
        corrupted=None, corruptions=strengths, strata={}, groups=None, seed=0, command="mien audit", date="2026-11-21",
    )  # fmt: skip
    found = replace(found, **options)
    records.write(run / "audit-validation.json", found)
    return found


def column(name: str, groups: dict[str, tuple[int, float]], gap: float | None, p_value: float | None) -> Column:
    rows = tuple(
        Group(value, subset(n, accuracy, (0.2, 0.8)), too_small=False, label_adjusted=None, missed=0)
        for value, (n, accuracy) in groups.items()
    )
    found = Gap("a", "b", gap, (0.1, 0.3)) if gap is not None else None
    return Column(name, rows, found, p_value, label_adjusted=None, compared=(), unknown=0, omitted=0)


def grouped(*columns: Column) -> Subgroups:
    return Subgroups(Path("table.csv"), columns, unmatched_rows=0, unmatched_samples=0)


def test_an_audit_of_some_images_says_what_these_are_like(run: Path) -> None:
    found = read_evaluation(run / "evaluation-validation-none.json")
    photos = replace(found, data=replace(found.data, path="/home/me/photos", split="test", detector="haar"))
    groups = grouped(column("<i>|", {"<b>a|b*": (10, 0.5)}, None, None))
    of = {"evaluation": photos, "groups": groups}
    audit(run, clean=subset(5, 0.8), corruptions={"blur": [0.6]}, **of)
    text = render_card(collect_facts(run))
    assert "`audit-validation.json`, photos, test, n = 21, labels: label, faces found by haar: accuracy 0.6667" in text
    assert "accuracy 0.6667 on the faces as they are, 0.8000 on the 5 of them that were then corrupted; lowest" in text
    assert "| \\<b\\>a&#124;b\\* | 10 |" in text
    assert "| \\<i\\>&#124; | n |" in text
    audit(run, clean=subset(21, 0.6667), corruptions={"blur": [0.6]}, **of)
    assert "then corrupted" not in render_card(collect_facts(run))
    audit(run, clean=subset(21, 0.6667), corruptions={}, **of)
    assert "0.6667 on the faces as they are; corrupted images were not measured." in render_card(collect_facts(run))


def test_an_audit_with_corruptions_and_groups(run: Path) -> None:
    falling = [0.5, 0.4, 0.3, 0.2, 0.1]
    site = column("site", {"a|b": (10, 0.5)}, 0.2, 0.04)
    corruptions = {"gaussian_blur": falling, "jpeg": [0.6, 0.6]}
    audit(run, clean=subset(21, 0.6667), corruptions=corruptions, groups=grouped(site))
    text = render_card(collect_facts(run))
    assert "lowest under gaussian blur, 0.1000" in text
    assert "| gaussian blur | 5 | 0.1000 | 0.0000 to 0.7000 | 0.1000 |" in text
    assert "| jpeg | 2 | 0.6000 | 0.0000 to 0.7000 | 0.6000 |" in text
    gap = "By site, the largest gap in accuracy: 0.2000 (95 % interval 0.1000 to 0.3000)"
    assert f"{gap}; shuffled answers give as large a gap in 4.0 % of shuffles." in text
    assert "| a&#124;b | 10 | 0.5000 | 0.2000 to 0.8000 |" in text
    assert "Bias was not measured" not in text
    audit(run, clean=subset(21, 0.6667), corruptions=corruptions)
    assert "Groups of people: not measured." in render_card(collect_facts(run))


def test_a_benchmark_of_this_model_and_another_seed(run: Path, fer2013_csv: Path, tmp_path: Path) -> None:
    result = benchmark(PROTOCOLS["fer2013"], fer2013_csv, [str(run)], timed=False)
    (own,) = result.models
    view = own.views["none"]
    scores = replace(view.scores, metrics={"accuracy": 0.5, "macro_f1": 0.4, "ece": 0.02}, interval=(0.3, 0.7))
    view = replace(view, scores=scores, uncalibrated={"ece": 0.05})
    own = replace(own, views=own.views | {"none": view}, seen_in_training=None)
    better = replace(scores, metrics={"accuracy": 0.9})
    other = replace(
        own, model=replace(own.model, sha256="0" * 64), views=own.views | {"none": replace(view, scores=better)}
    )
    summary = replace(result.summary["none"], seeds=2, metrics={"accuracy": MetricSummary(0.7, 0.28, 0.5, 0.9)})
    timed = Speed((Latency(1, 1, 9, 1.5, 0.1),), load=0.1, cores=2)
    result = replace(
        result, split="test", hash="feed", models=(own, other), summary=result.summary | {"none": summary}, speed=timed
    )
    path = tmp_path / "results" / "fer2013-x.json"
    records.write(path, result)
    text = render_card(collect_facts(run, results=[path.parent]))
    assert "| `fer2013 feed` | test | single view | 21 | 0.5000 | 0.3000 to 0.7000 |" in text
    assert "| 0.7000 +- 0.2800 (n = 2) | 0.0500 | 0.0200 |" in text
    assert "0.9000" not in text
    assert "Fixed protocols: not measured" not in text
    assert "1.50 ms a face, batch 1 (mean of 9 calls" in text
    assert "Test split: not measured" not in text
    assert "n = 1 training run" not in text
    assert "config: protocol fer2013 feed, label" in text
    assert "fer2013-x.json: how many of these faces it was trained on is not known." in text
    seen = replace(own, seen_in_training=SeenInTraining(4, 17, 0.25))
    edit(path, Result, lambda found: replace(found, models=(seen, other)))
    expected = (
        "4 faces are in its training data, the same or nearly so; accuracy on the 17 others, single view: 0.2500."
    )
    assert f"fer2013-x.json: {expected}" in render_card(collect_facts(run, results=[path.parent]))


def test_scores_of_another_model_are_left_out(run: Path) -> None:
    path = run / "evaluation-validation-flip.json"
    edit(path, Evaluation, lambda found: replace(found, model=replace(found.model, sha256="0" * 64)))
    facts = collect_facts(run)
    assert facts.skipped == [
        "evaluation-validation-flip.json: measured on another model file than first's; measure again"
    ]
    assert [score.tta for score in facts.scores] == ["none"]
    with pytest.raises(InputError, match="another model file"):
        collect_facts(run, results=[path])


def test_what_was_left_out_is_said(run: Path) -> None:
    path = run / "evaluation-validation-none.json"

    def change(found: Evaluation) -> Evaluation:
        outputs = found.alignment.outputs | {"fear": None}
        alignment = replace(found.alignment, outputs=outputs)
        return replace(found, dropped={"contempt": 7}, alignment=alignment, merge="contempt-as-disgust")

    edit(path, Evaluation, change)
    expected = "left out: 7 samples of contempt; the model's fear, the others scaled to 1; merged: contempt-as-disgust."
    assert f"{path.name}: {expected}" in render_card(collect_facts(run))


def test_scores_on_the_training_data_are_marked_and_kept_out_of_the_index(run: Path) -> None:
    for path in run.glob("evaluation-*.json"):
        edit(path, Evaluation, lambda found: replace(found, data=replace(found.data, trained_on=True)))
    text = render_card(collect_facts(run))
    assert "trained on these very images" in text
    assert "model-index" not in text


def test_without_huggingface_hub_the_extra_is_named(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtra, match=r"a model card needs .* pip install 'mien\[card\]'"):
        render_card(collect_facts(run))


@pytest.mark.parametrize("name", bundled())
def test_bundled_models_have_a_card(name: str) -> None:
    text = render_card(collect_facts(name), license="apache-2.0")
    for stated in read_card(name).scores:
        assert f"| {stated.title}" in text
        assert f"{stated.metrics['accuracy']:.4f}" in text
    assert f"`mien evaluate {name} --data PATH --split test`" in text or "| test |" in text
    assert "ms a face" in text
    assert read_card(name).sha256 in text


def test_a_card_of_somebody_else_stays(run: Path) -> None:
    text, path = render_card(collect_facts(run)), run / "README.md"
    write_card(text, path)
    assert is_ours(path.read_text())
    write_card(text, path)  # its own: replaced
    path.write_text(text.replace("Research", "Research and play"))
    with pytest.raises(InputError, match="not as mien card left it; --out writes elsewhere, --force replaces it"):
        write_card(text, path)
    write_card(text, path, force=True)
    assert path.read_text() == text
    path.write_text("# mine\n")
    with pytest.raises(InputError, match="exists"):
        write_card(text, path)
    assert path.read_text() == "# mine\n"


def test_bad_input_is_told(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a run folder or default, small"):
        collect_facts(tmp_path / "absent")
    with pytest.raises(InputError, match=r"no model\.onnx in it"):
        collect_facts(tmp_path)
    with pytest.raises(InputError, match="printable"):
        collect_facts(run, name="a\nb")
    with pytest.raises(InputError, match="--license 'My Own'"):
        render_card(collect_facts(run), license="My Own")
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(InputError, match="not a result of"):
        collect_facts(run, results=[tmp_path / "x.json"])
    (run / "evaluation-validation-flip.json").write_text("{")
    with pytest.raises(InputError, match=r"flip\.json: Input data was truncated; expected JSON"):
        collect_facts(run)
    (run / "evaluation-validation-flip.json").unlink()
    for name, text, expected in (
        ("calibration.json", '{"label": "x"}', "what mien calibrate writes"),
        ("recipe.json", '{"recipe": {}, "data": 3}', "the recipe.json of a run"),
        ("recipe.json", '{"recipe": 3}', "the recipe.json of a run"),
        ("audit-validation.json", '{"corruptions": {"blur": 3}}', "an audit that mien audit wrote"),
    ):
        (run / name).write_text(text)
        with pytest.raises(InputError, match=rf"{name}: .*; expected {expected}"):
            render_card(collect_facts(run))
        (run / name).unlink()
    (run / "metrics.jsonl").write_bytes(b"\xff\xfe\n")
    assert "accuracy" in render_card(collect_facts(run))
    shutil.rmtree(run)
