from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien import datasets
from mien.core import images
from mien.core.errors import InputError
from mien.core.labels import FACIAL_EXPRESSIONS
from mien.datasets import DataSpec, ImageSpec, Samples
from mien.datasets.dataset import Problems
from mien.datasets.reading import open_dataset
from tests import drawn


def test_problems_stop_at_the_first_when_strict() -> None:
    problems = Problems()
    problems.report(Path("a.csv"), "cut")
    assert [str(problem) for problem in problems.found] == ["a.csv: cut"]
    with pytest.raises(InputError, match=r"^a\.csv: cut$"):
        Problems(strict=True).report("a.csv", "cut")


@pytest.mark.parametrize(("size", "channels"), [(0, 1), (48, 2)])
def test_forms_that_make_no_sense(size: int, channels: int) -> None:
    with pytest.raises(InputError, match="expected a size of at least 1 and 1 or 3 channels"):
        ImageSpec(size, channels)


@dataclass(frozen=True)
class Middle:
    """Finds a face in the middle of every image that is not black, `side` pixels wide."""

    side: int

    def __call__(self, image: images.Pixels, /) -> images.Pixels | None:
        if image.max() < 30:
            return None
        top, left = ((length - self.side) // 2 for length in image.shape[:2])
        return image[top : top + self.side, left : left + self.side]


def framed(n: int) -> Samples:
    """Photos of 96 x 96 with a face of 48 x 48 in the middle; every fourth is black with a grey corner."""
    samples = drawn.faces(n, FACIAL_EXPRESSIONS)
    photos = np.pad(samples.images, ((0, 0), (24, 24), (24, 24)))
    photos[::4] = 0
    photos[::4, :40, :40] = 25
    return replace(samples, images=photos)


@pytest.mark.parametrize("kind", ["folder", "facial_expressions"])
def test_a_face_is_cut_out_of_each_photo_and_one_without_is_marked_and_kept_whole(tmp_path: Path, kind: str) -> None:
    photos = framed(24)
    root = tmp_path / "photos"
    if kind == "folder":
        drawn.write_folders(root, photos)
    else:
        drawn.write_facial_expressions(root, photos, each=1)
    samples = datasets.read(DataSpec(root, "all"), ImageSpec(face=Middle(48)))
    assert datasets.detect(root) == kind
    assert samples.found is not None
    assert samples.found.shape == (24,)
    small = datasets.read(DataSpec(root, "all"), ImageSpec(24, face=Middle(48)))
    assert small.sides is not None
    assert small.sides.tolist() == [48 * found for found in samples.found.tolist()]  # in pixels of the photo
    assert samples.problems == ()
    close = [
        (np.abs(photos.images[:, 24:72, 24:72].astype(int) - image).mean(axis=(1, 2)).argmin(), image, found)
        for image, found in zip(samples.images.astype(int), samples.found, strict=True)
    ]
    faces = [place for place, _, found in close if found]
    assert sorted(faces) == [place for place in range(24) if place % 4]
    limit = 0 if kind == "folder" else 12  # JPEG
    for place, image, found in close:
        if found:
            assert np.abs(photos.images[place, 24:72, 24:72] - image).max() <= limit
        else:
            assert image[:18, :18].mean() > 20  # the corner: it is whole
            assert image[24:, 24:].max() < 12
    assert samples[samples.found].found is not None
    assert len(samples[samples.found]) == 18
    assert sum(samples[samples.found].counts.values()) == 18
    whole = datasets.read(DataSpec(root, "all"))
    assert whole.found is not None
    assert whole.found.all()
    assert whole.sides is not None
    assert set(whole.sides.tolist()) == {-1}
    assert whole.fingerprint != samples.fingerprint


def test_the_mask_follows_its_images_into_splits_and_classes(tmp_path: Path) -> None:
    root = drawn.write_facial_expressions(tmp_path / "photos", framed(80), each=1)
    every = datasets.read(DataSpec(root, "all"), ImageSpec(face=Middle(48)))
    assert every.found is not None
    missing = set(every.ids[~every.found])
    assert len(missing) == 20
    for split, classes in (("train", None), ("validation", None), ("train", "fer2013")):
        samples = datasets.read(DataSpec(root, split, classes=classes), ImageSpec(face=Middle(48)))
        assert samples.found is not None
        assert set(samples.ids[~samples.found]) == missing & set(samples.ids)
        assert samples.found.any()


def test_a_photo_that_cannot_be_read_is_a_problem_and_shifts_no_mark(tmp_path: Path) -> None:
    root = drawn.write_folders(tmp_path / "photos", framed(24))
    before = datasets.read(DataSpec(root, "all"), ImageSpec(face=Middle(48)), cache=False)
    broken = before.ids[5]
    (root / broken).write_bytes(b"no image")
    after = datasets.read(DataSpec(root, "all"), ImageSpec(face=Middle(48)), cache=False)
    assert [problem.where for problem in after.problems] == [broken]
    keep = before.ids != broken
    assert before.found is not None
    assert after.found is not None
    assert after.ids.tolist() == before.ids[keep].tolist()
    assert after.found.tolist() == before.found[keep].tolist()


def test_kinds_without_photos_are_refused(tmp_path: Path) -> None:
    drawn.write_fer2013(tmp_path / "fer" / "fer2013.csv", drawn.faces(7))
    drawn.write_votes(tmp_path / "fer" / "fer2013new.csv", [[0, 9, 1, 0, 0, 0, 0, 0, 0, 0]] * 7, ["Training"] * 7)
    drawn.write_arrays(tmp_path / "arrays", drawn.faces(21))
    for name, kind, targets in (
        ("fer", "fer2013", "label"),
        ("fer", "fer2013", "majority"),
        ("arrays", "arrays", "label"),
    ):
        with pytest.raises(
            InputError, match=f"of kind {kind} holds face crops; faces are looked for in facial_expressions, .*folder"
        ):
            datasets.read(
                DataSpec(tmp_path / name, "train", targets=targets, classes="fer2013"),  # type: ignore[arg-type]
                ImageSpec(face=Middle(48)),
            )


def test_images_that_are_not_read_as_they_are_in_their_files_are_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("happy", "sad"):
        (tmp_path / name).mkdir()
        for number in range(3):
            deep = rng.integers(0, 4096, (48, 48), dtype=np.uint16)
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), deep if number else (deep // 16).astype(np.uint8))
    found = open_dataset(DataSpec(tmp_path, "all"), ImageSpec(48, 1), cache=False)
    assert any("4 images: 12 of 16 bits are in use" in note and "1.png" in note for note in found.notes)
    assert found.images.max() > 250
