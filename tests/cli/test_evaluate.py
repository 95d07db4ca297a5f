"""`mien evaluate` from the outside: exit code, stdout, stderr, files."""

import hashlib
import json
from pathlib import Path

import pytest

from mien.core.labels import FER2013, FERPLUS
from mien.datasets import DataSpec, read
from mien.datasets.image_hashes import hash_images, save_hashes
from mien.evaluation.statistics import wilson
from mien.recipes.run_record import HASHES
from tests import drawn
from tests.blocks import MakeModel, Mien, record_run


def test_a_run_keeps_its_evaluation_and_report(
    mien: Mien, make_model: MakeModel, fer2013_csv: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    make_model(run / "model.onnx")
    code, out, err = mien("evaluate", run, "--data", fer2013_csv, "--tta", "both")
    assert code == 0
    assert "accuracy" in out
    assert "0.6667" in out
    assert "wrote" not in out
    assert err.count("wrote") == 3
    names = {"model.onnx", "evaluation-validation-none.json", "evaluation-validation-flip.json", "report.html"}
    assert {path.name for path in run.iterdir()} == names


def test_another_model_only_prints(mien: Mien, make_model: MakeModel, fer2013_csv: Path, tmp_path: Path) -> None:
    model = make_model()
    before = set(tmp_path.iterdir())
    code, out, err = mien("evaluate", model, "--data", fer2013_csv, "--json")
    assert code == 0
    facts = json.loads(out)
    assert facts["scores"]["metrics"]["accuracy"] == pytest.approx(14 / 21)
    assert "--out DIR writes report.html" in err
    assert set(tmp_path.iterdir()) == before
    mien("evaluate", model, "--data", fer2013_csv, "--out", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "evaluation-validation-none.json").read_text()) == facts


def test_a_models_own_training_part_is_warned_of(
    mien: Mien, make_model: MakeModel, fer2013_csv: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    make_model(run / "model.onnx")
    part = read(DataSpec(fer2013_csv, "validation"))  # as if it had been
    record_run(run, train=part.fingerprint)
    _, out, err = mien("evaluate", run, "--data", fer2013_csv, "--json")
    assert err.startswith(f"warning: {fer2013_csv}, validation: the model was trained on these very images")
    assert json.loads(out)["data"]["trained_on"]
    assert "trained on these very images" in (run / "report.html").read_text()
    record_run(run, train="0" * 16)
    assert "warning" not in mien("evaluate", run, "--data", fer2013_csv)[2]


def test_json_of_both_views_is_a_list(mien: Mien, make_model: MakeModel, fer2013_csv: Path) -> None:
    _, out, _ = mien("evaluate", make_model(), "--data", fer2013_csv, "--json", "--tta", "both")
    facts = json.loads(out)
    assert [view["tta"] for view in facts] == ["none", "flip"]
    assert [view["scores"]["n"] for view in facts] == [21, 21]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "absent", "--data", "."], "absent: no such model"),
        (["evaluate", "MODEL", "--data", "absent"], "absent: no such file or folder"),
        (["evaluate", "MODEL", "--data", "DATA", "--split", "test"], "no split 'test' in it"),
        (["evaluate", "MODEL", "--data", "DATA", "--split", "exam"], "unknown split 'exam'"),
        (["evaluate", "MODEL", "--data", "DATA", "--kind", "fer"], "unknown kind of dataset 'fer'"),
        (["evaluate", "MODEL", "--data", "DATA", "--output", "majority"], "no output 'majority'; it has label"),
        (["evaluate", "MODEL", "--data", "DATA", "--detector", "yunet"], "of kind fer2013 holds face crops"),
        (["evaluate", "MODEL", "--data", "DATA", "--exclude", "absent.csv"], "absent.csv: No such file"),
        (["compare"], "nothing to compare"),
        (["compare", "absent"], "absent: No such file"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    mien: Mien, make_model: MakeModel, fer2013_csv: Path, arguments: list[str], message: str
) -> None:
    values = {"MODEL": str(make_model()), "DATA": str(fer2013_csv)}
    code, out, err = mien(*(values.get(argument, argument) for argument in arguments))
    assert code == 2
    assert out == ""
    assert err.startswith("mien: ")
    assert err.count("\n") == 1
    assert message in err


def test_photos_are_scored_end_to_end(mien: Mien, make_model: MakeModel, photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    make_model(run / "model.onnx")
    code, out, err = mien("evaluate", run, "--data", photos, "--split", "all", "--detector", "yunet")
    assert code == 0
    assert "yunet finds a face in 55.6 % of 9 photos" in " ".join(out.split())
    assert "accuracy 0.4444" in " ".join(out.split())
    assert err.count("wrote") == 2
    report = (run / "report.html").read_text()
    assert "yunet finds a face in 55.6 % of 9 photos" in report
    facts = json.loads((run / "evaluation-all-none-yunet.json").read_text())
    assert facts["end_to_end"]["n"] == 9
    assert facts["scores"]["n"] == 5
    _, out, _ = mien("evaluate", run, "--data", photos, "--split", "all", "--detector", "yunet", "--json")
    assert json.loads(out) == facts
    mien("evaluate", run, "--data", photos, "--split", "all")
    assert {path.name for path in run.glob("*.json")} == {"evaluation-all-none.json", "evaluation-all-none-yunet.json"}
    for more, n in ([], 9), (["--detector", "yunet"], 5):
        assert (
            json.loads(mien("compare", run, "--split", "all", "--json", *more)[1])[0]["evaluation"]["scores"]["n"] == n
        )


def test_what_is_excluded_is_recorded_and_not_compared_with_the_whole(
    mien: Mien, make_model: MakeModel, fer2013_csv: Path, tmp_path: Path
) -> None:
    listed = tmp_path / "list.csv"
    listed.write_text("id,reason\n" + "".join(f"{row:05d},wrong\n" for row in range(15, 22)))  # the wrong third
    runs = [tmp_path / "whole", tmp_path / "part", tmp_path / "same"]
    for run, more in zip(runs, ([], ["--exclude", listed], ["--exclude", listed]), strict=True):
        make_model(run / "model.onnx")
        code, out, err = mien("evaluate", run, "--data", fer2013_csv, *more)
        assert code == 0, err
    assert "left out by the reader: 7 samples of the dataset, wrong, by list.csv" in out
    facts = json.loads((runs[1] / "evaluation-validation-none.json").read_text())
    assert (facts["scores"]["n"], facts["scores"]["metrics"]["accuracy"]) == (14, 1.0)
    assert facts["data"]["exclude"] == {
        "path": str(listed), "sha256": hashlib.sha256(listed.read_bytes()).hexdigest(),
    }  # fmt: skip
    assert json.loads((runs[0] / "evaluation-validation-none.json").read_text())["data"]["exclude"] is None
    code, _, err = mien("compare", *runs[:2])
    assert code == 2
    assert "different test data; these differ: data fingerprint" in err
    assert mien("compare", *runs[1:])[0] == 0


def test_each_output_keeps_its_evaluation(mien: Mien, make_model: MakeModel, fer2013_csv: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    make_model(run / "model.onnx", labels=FERPLUS, primary_output="distribution", further_outputs={"label": FER2013})
    asked: dict[str, list[str]] = {"": [], "-distribution": ["--output", "distribution"]}
    for more in asked.values():
        mien("evaluate", run, "--data", fer2013_csv, *more)
    assert {path.name for path in run.glob("*.json")} == {f"evaluation-validation-none{name}.json" for name in asked}
    rows = [json.loads(mien("compare", run, "--json", *more)[1])[0] for more in asked.values()]
    accuracies = [row["evaluation"]["scores"]["metrics"]["accuracy"] for row in rows]
    assert accuracies[0] == pytest.approx(14 / 21)
    assert accuracies[1] < 0.5
    code, _, err = mien("compare", run, "--output", "label", "--detector", "yunet")
    command = f"mien evaluate {run} --data PATH --split validation --output label --detector yunet"
    assert code == 2
    assert err == f"mien: {run}: no evaluation of validation, single view, label, yunet; make one with: {command}\n"


def test_an_output_is_chosen_by_name(mien: Mien, make_model: MakeModel, fer2013_csv: Path) -> None:
    model = make_model(labels=FERPLUS, primary_output="distribution", further_outputs={"label": FER2013})
    accuracies = {}
    for arguments, head in (
        ([], "label"),
        (["--output", "label"], "label"),
        (["--output", "distribution"], "distribution"),
    ):
        code, out, _ = mien("evaluate", model, "--data", fer2013_csv, "--json", *arguments)
        assert code == 0
        facts = json.loads(out)
        assert facts["output"] == head
        accuracies[head] = facts["scores"]["metrics"]["accuracy"]
    assert accuracies["label"] == pytest.approx(14 / 21)
    assert accuracies["distribution"] < 0.5
    _, out, _ = mien("evaluate", model, "--data", fer2013_csv, "--output", "distribution")
    assert "scored: the model's output that follows distribution" in out


@pytest.mark.parametrize("verb", ["evaluate", "compare"])
def test_help_has_examples_on_lines_of_their_own(mien: Mien, verb: str) -> None:
    code, out, _ = mien(verb, "--help")
    assert code == 0
    assert len([line for line in out.splitlines() if line.strip().startswith(f"$ mien {verb}")]) >= 3


def test_what_was_not_read_is_named_before_the_result_and_from_the_cache_too(
    mien: Mien, make_model: MakeModel, tmp_path: Path
) -> None:
    data = drawn.write_folders(tmp_path / "data", drawn.faces(60))
    for path in sorted((data / "angry").iterdir())[:2]:
        path.write_bytes(path.read_bytes()[:200])
    (data / "sad" / "00004.png").rename(data / "sad" / "00004.raw")
    for _ in range(2):
        code, out, err = mien("evaluate", make_model(), "--data", data, "--split", "all", "--json")
        assert code == 0
        assert json.loads(out)["data"]["problems"] == 2
        lines = [line for line in err.splitlines() if line.startswith(f"{data}: ")]
        assert lines == [
            f"{data}: not read: 2 of 59 images (damaged image: angry/00000.png, angry/00007.png)",
            f"{data}: left out: 1, not an image by its name (.raw 1)",
        ]


def test_samples_of_classes_that_the_model_lacks_are_named(mien: Mien, make_model: MakeModel, tmp_path: Path) -> None:
    data = drawn.write_folders(tmp_path / "data", drawn.faces(16, FERPLUS))
    code, _, err = mien("evaluate", make_model(), "--data", data, "--split", "all")
    assert code == 0
    assert f"{data}, all: left out: 2 of 16 samples, of none of the model's" in err
    assert "(contempt 2)" in err


def test_what_the_model_has_seen_in_training_is_said_next_to_the_accuracy(
    mien: Mien, make_model: MakeModel, fer2013_csv: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    make_model(run / "model.onnx")
    images = read(DataSpec(fer2013_csv, "validation")).images
    save_hashes(run / HASHES, hash_images(images[:1]))  # six times, three of them mirrored
    said = "6 of these 21 images (28.6 %) are, exactly or nearly, among those that the model was trained on"
    _, out, err = mien("evaluate", run, "--data", fer2013_csv)
    assert f"{said}; accuracy on the other 15: " in " ".join(out.split())
    assert said in (run / "report.html").read_text()
    facts = json.loads((run / "evaluation-validation-none.json").read_text())["seen_in_training"]
    assert (facts["seen"], facts["unseen"]) == (6, 15)
    right = round(15 * facts["accuracy_of_unseen"])
    assert facts["interval_of_unseen"] == pytest.approx(wilson(right, 15))
    _, out, err = mien("evaluate", run, "--data", fer2013_csv, "--json")
    assert json.loads(out)["seen_in_training"] == facts
    assert f"warning: {said}" in err
    assert f"{run}: {said}" in " ".join(mien("compare", run)[1].split())
    assert said in " ".join(mien("calibrate", run, "--data", fer2013_csv)[1].split())
    (run / HASHES).write_bytes(b"PK")
    code, _, err = mien("evaluate", run, "--data", fer2013_csv)
    assert (code, err.count("\n")) == (2, 1)
    assert "training_faces.npz: damaged" in err
    (run / HASHES).unlink()
    mien("evaluate", run, "--data", fer2013_csv)
    assert json.loads((run / "evaluation-validation-none.json").read_text())["seen_in_training"] is None


def test_the_bundled_models_know_their_training_faces(mien: Mien, fer2013_csv: Path) -> None:
    _, out, _ = mien("evaluate", "small", "--data", fer2013_csv, "--json")
    assert json.loads(out)["seen_in_training"]["seen"] == 0  # drawn faces
