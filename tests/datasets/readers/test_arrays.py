from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mien import datasets
from mien.core.errors import InputError
from mien.core.labels import ALPHABETICAL, THREE
from mien.datasets import DataSpec
from tests import drawn

FACES = drawn.faces(60, THREE)
FLAT = FACES.images.reshape(60, -1)


def save(root: Path, **arrays: NDArray[Any]) -> Path:
    for name, array in arrays.items():
        np.save(root / f"{name}.npy", array)
    return root


SHAPES: dict[str, NDArray[Any]] = {
    "flattened": FLAT,
    "n x h x w": FACES.images,
    "n x h x w x 1": FACES.images[..., None],
    "int64": FLAT.astype(np.int64),
    "floats in 0..1": FLAT / 255,
    "float32 in 0..1": FLAT.astype(np.float32) / np.float32(255),
    "floats in 0..255": FLAT.astype(np.float64),
    "colour": np.repeat(FACES.images[..., None], 3, axis=3),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_forms_of_images(tmp_path: Path, shape: str) -> None:
    samples = datasets.read(DataSpec(save(tmp_path, x=SHAPES[shape], y=FACES.labels), "all"))
    assert np.array_equal(samples.images, FACES.images)
    assert np.array_equal(samples.labels, FACES.labels)
    assert samples.classes == THREE


@pytest.mark.parametrize(
    "labels",
    [
        FACES.labels[:, None],
        FACES.labels.astype(float),
        np.eye(3)[FACES.labels],
        np.eye(3, dtype=bool)[FACES.labels],
    ],
)
def test_forms_of_labels(tmp_path: Path, labels: NDArray[Any]) -> None:
    assert np.array_equal(datasets.read(DataSpec(save(tmp_path, x=FLAT, y=labels), "all")).labels, FACES.labels)


def test_splits_come_from_the_names(tmp_path: Path) -> None:
    save(
        tmp_path,
        X_train=FLAT[:40],
        Y_train=FACES.labels[:40],
        x_val=FLAT[40:50],
        y_val=FACES.labels[40:50],
        x_test=FLAT[50:],
    )
    assert [len(datasets.read(DataSpec(tmp_path, split))) for split in ("train", "validation", "test")] == [40, 10, 10]
    test = datasets.read(DataSpec(tmp_path, "test"))
    assert (test.labels == -1).all()
    assert test.ids[0] == "x_test:00000"


def test_a_validation_part_is_taken_from_train(tmp_path: Path) -> None:
    drawn.write_arrays(tmp_path, FACES, drawn.faces(9, THREE))
    assert [len(datasets.read(DataSpec(tmp_path, split))) for split in ("train", "validation", "test")] == [54, 6, 9]
    assert datasets.read(DataSpec(tmp_path, "validation")).counts == {"angry": 2, "happy": 2, "neutral": 2}


def test_one_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x_train=FLAT, y_train=FACES.labels, x_test=FLAT[:5])
    for path in (tmp_path, tmp_path / "data.npz"):
        assert len(datasets.read(DataSpec(path, "test"))) == 5
        assert np.array_equal(datasets.read(DataSpec(path, "all")).images[:60], FACES.images)


def test_a_single_file_of_images_has_no_labels(tmp_path: Path) -> None:
    save(tmp_path, x_test=FLAT)
    samples = datasets.read(DataSpec(tmp_path / "x_test.npy", "test"))
    assert (samples.labels == -1).all()
    assert samples.classes == ()
    assert datasets.read(DataSpec(tmp_path / "x_test.npy", "test", classes="three-class")).classes == THREE


def test_an_order_of_labels_is_never_assumed(tmp_path: Path) -> None:
    save(tmp_path, x=FLAT[:14], y=np.arange(14) % 7)
    with pytest.raises(
        InputError, match=r"labels 0\.\.6 without names; say which order.*: --classes fer2013 or --classes alphabetical"
    ):
        datasets.read(DataSpec(tmp_path, "train"))
    assert datasets.read(DataSpec(tmp_path, "all", classes="alphabetical")).classes == ALPHABETICAL
    with pytest.raises(InputError, match=r"labels 0\.\.6, but 3 classes are named"):
        datasets.read(DataSpec(tmp_path, "train", classes="three-class"))
    save(tmp_path, y=np.arange(14) % 5)
    with pytest.raises(InputError, match="name them in their order"):
        datasets.read(DataSpec(tmp_path, "train"))


def test_broken_rows_are_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    pixels, labels = FLAT / 255, FACES.labels.astype(float)
    pixels[3, 7], pixels[4, 0], labels[5], labels[6] = 999, np.nan, 1.5, -2
    samples = datasets.read(DataSpec(save(tmp_path, x=pixels, y=labels), "all"))
    assert [problem.where for problem in samples.problems] == ["y:00005", "y:00006", "x:00003", "x:00004"]
    assert "expected 0..1" in samples.problems[2].what
    assert np.array_equal(samples.images, np.delete(FACES.images, [3, 4, 5, 6], axis=0))
    assert np.array_equal(samples.labels, np.delete(FACES.labels, [3, 4, 5, 6]))
    with pytest.raises(InputError, match="y:00005"):
        datasets.read(DataSpec(tmp_path, "train"), strict=True)


def test_a_label_beyond_the_named_classes_is_reported_and_many_are_refused(tmp_path: Path) -> None:
    labels = (np.arange(60) % 7).astype(float)
    labels[[3, 4, 5]] = 12, -1, np.nan
    samples = datasets.read(DataSpec(save(tmp_path, x=FLAT, y=labels), "all", classes="fer2013"))
    assert [str(problem) for problem in samples.problems] == [
        "y:00004: label -1., expected a whole number from 0",
        "y:00005: label nan, expected a whole number from 0",
        "x:00003: label 12, expected 0..6",
    ]
    assert samples.labels.tolist() == np.delete(labels, [3, 4, 5]).tolist()
    assert np.array_equal(samples.images, np.delete(FACES.images, [3, 4, 5], axis=0))
    labels[[4, 5]] = 0
    with pytest.raises(InputError, match="x:00003: label 12"):
        datasets.read(DataSpec(save(tmp_path, y=labels), "train", classes="fer2013"), strict=True)
    with pytest.raises(InputError, match=r"labels 0\.\.7, but 7 classes are named"):  # all are one too high
        datasets.read(DataSpec(save(tmp_path, y=1 + np.arange(60) % 7), "train", classes="fer2013"))


def test_arrays_that_cannot_be_used(tmp_path: Path) -> None:
    pickled = np.array([{"a": 1}, None], dtype=object)
    for array, what in ((FLAT[:, :99], "shape"), (FLAT[0], "shape"), (FLAT.astype(str), "dtype"), (pickled, "objects")):
        with pytest.raises(InputError, match=what):
            datasets.read(DataSpec(save(tmp_path, x=array, y=FACES.labels), "train"))
    with pytest.raises(InputError, match=r"labels of shape \[59\] for 60 images"):
        datasets.read(DataSpec(save(tmp_path, x=FLAT, y=FACES.labels[1:]), "train"))
    whole = (tmp_path / "x.npy").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"junk" * 50):
        (tmp_path / "x.npy").write_bytes(damaged)
        with pytest.raises(InputError, match=r"x\.npy: "):
            datasets.read(DataSpec(tmp_path, "train"))
    with pytest.raises(InputError, match=r"no image that can be read; the first: x:00000: values 300\.\.300"):
        datasets.read(DataSpec(save(tmp_path, x=np.full((60, 4), 300), y=FACES.labels), "train"))
