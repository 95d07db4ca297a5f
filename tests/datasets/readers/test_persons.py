"""Sets whose files say who is in them: CK+, JAFFE, KDEF, RaFD, and folders of persons."""

import re
from pathlib import Path

import numpy as np
import pytest

from mien import datasets
from mien.datasets import DataSpec
from mien.datasets.readers.file_names import persons
from tests.datasets import layouts


def people(root: Path) -> list[set[str]]:
    table = datasets.open_dataset(DataSpec(root), shares=(0.2, 0.2))
    return [set(table.groups[table.splits == split].tolist()) for split in ("train", "validation", "test")]


def test_ckplus_gives_the_labelled_frame_and_the_first_as_neutral(tmp_path: Path) -> None:
    root = layouts.write_ckplus(tmp_path)
    table = datasets.open_dataset(DataSpec(root))
    assert table.classes == layouts.CKPLUS
    first, peak = (
        "cohn-kanade-images/S001/001/S001_001_00000001.png",
        "cohn-kanade-images/S001/001/S001_001_00000004.png",
    )
    assert table.ids[:2].tolist() == [first, peak]
    assert [table.classes[label] for label in table.labels[:4].tolist()] == ["neutral", "angry", "neutral", "contempt"]
    assert table.groups[:4].tolist() == ["S001"] * 4
    assert table.dropped == {"frames between the neutral and the labelled one": 24, "sequences without an emotion": 6}
    assert table.problems == ()


def test_broken_labels_of_ckplus_are_named(tmp_path: Path) -> None:
    root = layouts.write_ckplus(tmp_path, frames=1)
    (root / "Emotion/S001/001/S001_001_00000001_emotion.txt").write_text("9")
    (root / "Emotion/S002/001/S002_001_00000001_emotion.txt").write_bytes(b"\xff")
    (root / "cohn-kanade-images/S003/001/S003_001_00000001.png").unlink()
    table = datasets.open_dataset(DataSpec(root))
    assert [problem.where.split("/")[1] for problem in table.problems] == ["S001", "S002"]
    assert "label '9', expected 0..7" in table.problems[0].what
    assert table.dropped["labelled frames that are not there"] == 1


@pytest.mark.parametrize(
    "write", [layouts.write_ckplus, layouts.write_jaffe, layouts.write_kdef, layouts.write_subjects]
)
def test_no_person_is_in_two_splits(tmp_path: Path, write: layouts.Writer) -> None:
    train, validation, test = people(write(tmp_path))
    assert [len(train), len(validation), len(test)] == [4, 1, 1]
    assert len(train | validation | test) == 6


def test_codes_in_file_names(tmp_path: Path) -> None:
    for write in (layouts.write_jaffe, layouts.write_kdef):
        samples = datasets.read(DataSpec(write(tmp_path / write.__name__), "all"))
        names = {
            Path(name).stem: samples.classes[label] for name, label in zip(samples.ids, samples.labels, strict=True)
        }
        assert {names[name] for name in names if "AN" in name} == {"angry"}
        assert {names[name] for name in names if re.search(r"\dAF|\.FE", name)} == {"fear"}
        assert len(samples.counts) == 7


def test_other_names_among_them_are_named(tmp_path: Path) -> None:
    root = layouts.write_kdef(tmp_path)
    layouts.save(root / "AF31V.JPG", np.zeros((9, 9), np.uint8))
    assert datasets.detect(root) == "kdef"
    assert datasets.read(DataSpec(root, "all")).dropped == {"not called as KDEF's": 1}


def test_splits_above_persons_are_kept(tmp_path: Path) -> None:
    root = layouts.write_subjects(tmp_path, splits=("train", "test"))
    assert datasets.detect(root) == "subjects"
    assert [len(datasets.read(DataSpec(root, split))) for split in ("train", "test")] == [21, 21]


def test_folders_called_as_persons_hold_classes_of_any_names(tmp_path: Path) -> None:
    for person in ("subject_1", "subject_2", "subject_3"):
        for name in ("bored", "engaged"):
            layouts.save(tmp_path / person / name / "1.png", np.zeros((9, 9), np.uint8))
    found = datasets.open_dataset(DataSpec(tmp_path))
    assert (datasets.detect(tmp_path), found.classes) == ("subjects", ("bored", "engaged"))
    assert {*found.groups.tolist()} == {"subject_1", "subject_2", "subject_3"}


@pytest.mark.parametrize(
    ("stems", "expected"),
    [
        (["S010_006_00000015", "S011_006_00000013"], ["S010", "S011"]),
        (["KA.AN1.39", "YM.SU2.1."], ["KA", "YM"]),
        (["AF01ANS", "BM35SUHR"], ["F01", "M35"]),
        (["Rafd090_01_Caucasian_female_angry_frontal"], ["01"]),
        (["S010_006_00000015", "me"], None),
        (["0001", "0002"], None),
        ([], None),
    ],
)
def test_persons_by_names_that_all_follow_one_pattern(stems: list[str], expected: list[str] | None) -> None:
    assert persons(stems) == expected


def test_class_folders_with_such_names_are_split_by_person(tmp_path: Path) -> None:
    source = layouts.write_ckplus(tmp_path / "ck", frames=2)
    for number, path in enumerate(sorted(source.rglob("*.png"))):
        target = tmp_path / "CK+48" / ("happy", "fear", "anger")[number % 3] / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    assert datasets.detect(tmp_path / "CK+48") == "folder"
    train, validation, test = people(tmp_path / "CK+48")
    assert (len(train), len(train | validation | test)) == (4, 6)
