from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.datasets import detect
from tests.datasets import layouts


def write(path: Path, text: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as error:
        detect(path)
    text = str(error.value)
    assert "\n" not in text
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ").partition("; expected a CSV file with")[0]


def test_it_names_the_folders_and_files_seen_and_the_suffixes(tmp_path: Path) -> None:
    for name in ("a/1.txt", "b/2.txt", "c/3.doc", "d/4.txt", "notes.md", "README"):
        write(tmp_path / name)
    assert refusal(tmp_path) == (
        "no dataset recognised in 4 folders (a, b, c and 1 more) and 2 files (README, notes.md); files by suffix: "
        ".txt 3, no suffix 1, .doc 1, .md 1; no image, no CSV file and no array of images among them"
    )


def test_images_without_labels(tmp_path: Path) -> None:
    layouts.write_images(tmp_path, 7, folder="faces")
    assert "7 images in one folder (faces), but no labels: put each class into a folder of its own" in refusal(tmp_path)


def test_a_table_with_other_columns_or_whose_images_are_elsewhere(tmp_path: Path) -> None:
    layouts.write_images(tmp_path, 7, folder="faces")
    write(tmp_path / "table.csv", "name,age\n00000.png,7\n")
    assert "table.csv has the columns name, age: expected image,label or emotion,pixels" in refusal(tmp_path)
    assert "table.csv has the columns" in refusal(tmp_path / "table.csv")
    write(tmp_path / "table.csv", "name,label\na.png,happy\n")
    assert "table.csv lists a.png, which is not there" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        (["a.rar"], "unpack a.rar first"),
        (["train.zip", "test.zip"], "unpack test.zip, train.zip, or name one of them as the path"),
        (["a.mp4"], "videos are no dataset; mien predict reads them"),
    ],
)
def test_archives_and_videos(tmp_path: Path, names: list[str], hint: str) -> None:
    for name in names:
        write(tmp_path / name)
    assert hint in refusal(tmp_path)


def test_files_that_are_no_dataset(tmp_path: Path) -> None:
    write(tmp_path / "a.txt")
    assert refusal(tmp_path / "a.txt") == (
        "no dataset recognised in this file; no image, no CSV file and no array of images among them"
    )
    layouts.save(tmp_path / "a.png", np.zeros((9, 9), np.uint8))
    assert "an image; mien predict reads it" in refusal(tmp_path / "a.png")
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / "empty") == "an empty folder"


def test_arrays_whose_names_say_nothing_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "faces.npz", np.zeros((3, 8, 8)), np.arange(3))
    assert "arrays called arr_0, arr_1; call images x, x_train or x_test" in refusal(tmp_path)
