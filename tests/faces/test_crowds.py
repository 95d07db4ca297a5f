"""Small faces in large images: each is found, once, wherever it is; `min_face` sets how small."""

import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mien import Recognizer
from mien.core import images
from mien.core.errors import InputError
from mien.faces.detectors import YuNet, detect, load_detector
from mien.faces.detectors.detector import rescale, shared_areas
from mien.faces.detectors.full_image import FullImage
from mien.faces.detectors.yunet import spread
from tests.faces.test_detectors import FACE


def crowd(image: images.Pixels, face: float, width: int, height: int) -> tuple[images.Pixels, np.ndarray]:
    """An image that repeats another, whose face is `face` pixels wide, and the middles of the faces."""
    factor = face / FACE[2]
    cell = rescale(image, factor)
    side = len(cell)
    tiled = np.tile(cell, (height // side, width // side, 1))
    canvas = np.full((height, width, 3), 127, np.uint8)
    canvas[: tiled.shape[0], : tiled.shape[1]] = tiled
    middle = np.array([FACE[0] + FACE[2] / 2, FACE[1] + FACE[3] / 2]) * factor
    places = np.stack(np.meshgrid(np.arange(width // side), np.arange(height // side)), axis=-1).reshape(-1, 2) * side
    return canvas, places + middle


@pytest.mark.parametrize(("face", "width", "height"), [(26, 2600, 2000), (26, 5000, 700), (60, 4000, 3000)])
def test_faces_of_a_crowd_are_found_once_each(astronaut: images.Pixels, face: int, width: int, height: int) -> None:
    canvas, middles = crowd(astronaut, face, width, height)
    boxes = YuNet(min_face=24)(canvas).boxes
    found = (boxes[:, :2] <= middles[:, None]).all(axis=2) & (middles[:, None] <= boxes[:, :2] + boxes[:, 2:]).all(
        axis=2
    )
    assert (found.sum(axis=1) == 1).mean() > 0.98
    assert (found.sum(axis=1) <= 1).all()
    assert (found.sum(axis=0) == 1).all()  # no box of anything else
    assert len(YuNet()(canvas).boxes) < 0.7 * len(boxes)  # the whole at 640 pixels


def test_a_large_and_a_small_face_are_both_found(astronaut: images.Pixels) -> None:
    large, small = rescale(astronaut, 4.0), rescale(astronaut, 0.3)
    canvas = np.full((2048, 3000, 3), 127, np.uint8)
    canvas[:, :2048] = large
    canvas[1800 : 1800 + len(small), 2700 : 2700 + len(small)] = small
    found = YuNet(min_face=24)(canvas)
    assert found.boxes[:, 2] == pytest.approx([4 * FACE[2], 0.3 * FACE[2]], rel=0.3)
    assert found.landmarks is not None
    right, left = found.landmarks[1, :2]
    assert (np.array([2700, 1800]) + 0.3 * np.array([195, 90]) < right).all()
    assert (left < np.array([2700, 1800]) + 0.3 * np.array([260, 130])).all()


@pytest.mark.parametrize("shape", [(1, 3_000_000), (3_000_000, 1), (8, 1_000_000)])
def test_a_strip_too_narrow_for_a_face_takes_no_time(shape: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    searched = list[float]()

    def search(_: YuNet, __: images.Pixels, factor: float) -> np.ndarray:
        searched.append(factor)
        return np.zeros((0, 15), np.float32)

    monkeypatch.setattr(YuNet, "_search", search)
    assert not len(YuNet(min_face=24)(np.zeros(shape, np.uint8)).boxes)
    assert len(searched) <= 2


def test_small_images_are_searched_once(astronaut: images.Pixels) -> None:
    """Where the whole shows faces of `min_face` well enough, nothing more is computed."""
    assert list(YuNet(min_face=24)._larger(1.0, 512)) == []
    assert list(YuNet(min_face=24)._larger(640 / 950, 500)) == []
    assert len(list(YuNet(min_face=24)._larger(640 / 1280, 500))) == 1
    assert len(list(YuNet(min_face=24)._larger(640 / 8000, 500))) == 2
    assert list(YuNet()._larger(640 / 8000, 500)) == []
    tiny = rescale(astronaut, 0.11)  # a face of 10 pixels
    canvas = np.full((400, 640, 3), 127, np.uint8)
    canvas[: len(tiny), : len(tiny)] = tiny
    assert [len(YuNet(min_face=face)(canvas).boxes) for face in (24, 10)] == [0, 1]


def test_spread_covers_a_length_with_tiles_that_share_enough() -> None:
    for length, side, shared in ((100, 640, 96), (640, 640, 96), (641, 640, 96), (4000, 768, 115), (5001, 640, 96)):
        tiles = spread(length, side, shared)
        starts = [start for start, _, _ in tiles]
        assert starts[0] == 0
        assert starts[-1] + side >= length
        assert all(one + side - other >= shared - 1 for one, other in pairwise(starts))
        assert [first for _, first, _ in tiles[1:]] == [last for _, _, last in tiles[:-1]]
        for start, first, last in tiles:  # what is half of `shared` from what a tile decides on is in it
            assert first == -np.inf or first - start >= shared / 2 - 1
            assert last == np.inf or start + side - last >= shared / 2 - 1


def test_photos_and_frames_of_videos_have_defaults_of_their_own(model: Path, astronaut: images.Pixels) -> None:
    canvas, middles = crowd(astronaut, 30, 2000, 1500)
    recognizer = Recognizer(model)
    of_photo, of_frame = recognizer(canvas), next(recognizer.batch([canvas], video=True))
    assert len(of_photo) == len(middles)
    assert len(of_frame) < 0.7 * len(middles)
    everywhere = pickle.loads(pickle.dumps(Recognizer(model, min_face=28)))
    assert [len(next(everywhere.batch([canvas], video=video))) for video in (False, True)] == [len(middles)] * 2
    mine = YuNet(min_face=28)
    assert Recognizer(model, mine).detector is mine


def test_min_face_is_for_yunet_and_at_least_four() -> None:
    for value in (3, float("nan"), -1):
        with pytest.raises(InputError, match=r"min_face .*: expected at least 4 pixels"):
            load_detector("auto", min_face=value)
    for other in ("none", FullImage()):
        with pytest.raises(InputError, match="min_face 30 is for yunet; the detector none decides itself"):
            load_detector(other, min_face=30)


@pytest.mark.slow
def test_twelve_megapixels_of_photos_are_searched_as_well_as_one_by_one(real_photos: Path) -> None:
    """At least 95 % of the faces that are found in each photo alone, hardly another box (measured: 98.6 %, none)."""
    photos = [images.to_channels(images.load(path), 3) for path in sorted(real_photos.glob("*.jpg"))]
    photos = [rescale(photo, min(1, 500 / photo.shape[1], 375 / photo.shape[0])) for photo in photos]
    canvas, alone = np.full((3000, 4000, 3), 127, np.uint8), []
    for index, (top, left) in enumerate((top, left) for top in range(0, 3000, 375) for left in range(0, 4000, 500)):
        photo = photos[index % len(photos)]
        canvas[top : top + photo.shape[0], left : left + photo.shape[1]] = photo
        alone.append(detect(YuNet(), photo).boxes + np.array([left, top, 0, 0], np.float32))
    known, found = np.concatenate(alone), YuNet(min_face=24)(canvas).boxes
    shared = shared_areas(known, found)
    same = shared / (known[:, 2:].prod(axis=1)[:, None] + found[:, 2:].prod(axis=1) - shared) > 0.4
    assert same.any(axis=1).mean() > 0.95
    assert (~same.any(axis=0)).sum() <= 0.03 * len(known)
