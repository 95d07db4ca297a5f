import numpy as np
import pytest

from mien.datasets.checks import persons
from mien.datasets.readers.facial_expressions import person


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("a/Tony_Blair_0086.jpg", "tony_blair"),
        ("train/happy/123.png", ""),
        ("KatrinaKaif_10.jpg", "katrinakaif"),
    ],
)
def test_person(name: str, who: str) -> None:
    assert person(name) == who


def test_names_are_people_only_where_they_differ() -> None:
    nobody = np.full(20, "")
    files = np.array([f"image_{row:04d}.jpg" for row in range(20)])
    assert set(persons.people(files, nobody).tolist()) == {""}
    rows = np.array([f"{row:05d}" for row in range(20)])
    assert set(persons.people(rows, nobody).tolist()) == {""}
    named = np.array([f"{'abcdefghij'[row // 2]}x_{row}.jpg" for row in range(20)])
    assert persons.people(named, nobody).tolist() == [f"{'abcdefghij'[row // 2]}x" for row in range(20)]
    assert persons.people(files, files).tolist() == files.tolist()  # the dataset knows better
    assert persons.people(files[:0], nobody[:0]).tolist() == []


def test_people_in_several_splits() -> None:
    names, splits = (
        np.array(["a", "b", "a", "", "", "b"]),
        np.array(["train", "train", "test", "train", "test", "train"]),
    )
    assert [(found.where, found.facts) for found in persons.in_several_splits(names, splits)] == [
        ("a", {"test": 1, "train": 1})
    ]
