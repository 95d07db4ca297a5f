"""The five kinds on the data they were written for; skipped where it is not at hand."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from mien import datasets
from mien.core.errors import InputError
from mien.core.labels import ALPHABETICAL, FACIAL_EXPRESSIONS, FER2013, FERPLUS, THREE, Targets
from mien.datasets import DataSpec
from mien.datasets.readers.facial_expressions import person

pytestmark = pytest.mark.slow


def test_fer2013(real_data: Path) -> None:
    root = real_data / "fer2013"
    train, validation = (
        datasets.read(DataSpec(root, "Training"), strict=True),
        datasets.read(DataSpec(root, "PublicTest")),
    )
    assert (len(train), len(validation)) == (28_709, 3_589)
    assert tuple(train.counts.values()) == (3_995, 436, 4_097, 7_215, 4_830, 3_171, 4_965)
    assert tuple(validation.counts.values()) == (467, 56, 496, 895, 653, 415, 607)
    with pytest.raises(InputError, match="no split 'PrivateTest' in it; it has train, validation"):
        datasets.read(DataSpec(root, "PrivateTest"))
    with (root / "fer2013.csv").open() as file:
        line = next(itertools.islice(file, 50, None))
    assert train.images[49].ravel().tolist() == [int(number) for number in line.split(",")[1].split()]


@pytest.mark.parametrize(
    ("targets", "sizes"),
    [("majority", (25_060, 3_199)), ("plurality", (28_389, 3_553)), ("distribution", (27_956, 3_505))],
)
def test_ferplus(real_data: Path, targets: Targets, sizes: tuple[int, int]) -> None:
    parts = [
        datasets.read(DataSpec(real_data / "fer2013", split, targets=targets), strict=True)
        for split in ("train", "validation")
    ]
    assert tuple(map(len, parts)) == sizes
    assert parts[0].classes == FERPLUS


def test_folder(real_data: Path) -> None:
    root = real_data / "face-expression-recognition-dataset"
    parts = [datasets.read(DataSpec(root, split), strict=True) for split in ("train", "validation")]
    assert [len(part) for part in parts] == [25_952, 6_346]
    assert parts[0].classes == ALPHABETICAL
    fer2013 = datasets.read(DataSpec(real_data / "fer2013", "all"))
    for row in (0, 1000, 5000):  # the files are named after the rows of fer2013.csv, as JPEG
        source = int(Path(str(parts[0].ids[row])).stem)
        assert np.abs(parts[0].images[row].astype(int) - fer2013.images[source]).mean() < 4
        assert ALPHABETICAL[parts[0].labels[row]] == FER2013[fer2013.labels[source]]


def test_facial_expressions(real_data: Path) -> None:
    parts = [
        datasets.read(DataSpec(real_data / "facial_expressions", split)) for split in ("train", "validation", "test")
    ]
    assert sum(map(len, parts)) == 11_649
    assert parts[0].classes == FACIAL_EXPRESSIONS
    assert len(parts[0].problems) == 7
    assert parts[0].dropped == {"no row in legend.csv": 36}
    people = [{person(name) for name in part.ids} for part in parts]
    assert sum(map(len, people)) == len(set.union(*people))


def test_arrays(real_data: Path) -> None:
    parts = [datasets.read(DataSpec(real_data / "three-class", split)) for split in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [14_557, 1_618, 1_969]
    assert parts[0].classes == THREE
    raw = np.load(real_data / "three-class" / "x_test.npy", allow_pickle=False)
    assert np.array_equal(parts[2].images.reshape(raw.shape), raw)
