"""Faces that cannot be relied on are marked with the reason; others are not."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mien import Recognizer
from mien.core import images
from mien.faces import Detections
from mien.faces.detectors.detector import rescale
from mien.faces.quality import BLURRED, PLAIN, REASONS, SMALLEST, plain_share, reasons, sharpness


@pytest.fixture(scope="module")
def crop(astronaut: images.Pixels) -> images.Pixels:
    return images.resize(images.crop_box(astronaut, (177, 65, 90, 95)), 48)


def test_sharpness_ignores_light_and_contrast(crop: images.Pixels) -> None:
    dark = np.asarray(crop // 3, np.uint8)
    flat = np.asarray(100 + crop // 4, np.uint8)
    first, *others = sharpness(np.stack([crop, dark, flat])).tolist()
    assert others == pytest.approx([first, first], rel=0.05)
    assert sharpness(np.full((1, 48, 48), 7, np.uint8)).tolist() == [0]
    assert sharpness(np.zeros((0, 48, 48), np.uint8)).shape == (0,)


def test_sharpness_falls_with_blur_whatever_the_size_of_the_crop(crop: images.Pixels) -> None:
    blurred = [crop, *(np.asarray(cv2.GaussianBlur(crop, (0, 0), sigma), np.uint8) for sigma in (1, 2, 4))]
    found = sharpness(np.stack(blurred))
    assert (np.diff(found) < 0).all()
    assert found[0] > 2 * BLURRED > BLURRED > found[2]
    assert sharpness(np.stack([images.resize(one, 48) for one in blurred])).tolist() == found.tolist()


def test_small_blurred_and_dark_are_named(crop: images.Pixels) -> None:
    boxes = np.array([[0, 0, 90, 90]] * 5, np.float32)
    boxes[[0, 1, 4], 2:] = [[SMALLEST, 5], [SMALLEST - 1, SMALLEST - 1], [9, 9]]
    soft = np.asarray(cv2.GaussianBlur(crop, (0, 0), 4), np.uint8)
    crops = np.stack([crop, crop, soft, np.asarray(crop // 12, np.uint8), soft])
    assert named(Detections(boxes), crops) == ["", "small", "blurred", "dark", "small|blurred"]
    assert reasons(Detections(boxes[:0]), np.zeros((0, 48, 48, 3), np.uint8), 9, 9).shape == (0, 6)


POINTS = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)  # from the front, in a box of 100


def test_profile_cut_off_and_hidden_are_named(crop: images.Pixels) -> None:
    turned, sideways, edge, outside = (POINTS.copy() for _ in range(4))
    turned[2, 0] += 15
    sideways[:] = turned @ np.array([[0, 1], [-1, 0]], np.float32) + np.array([100, 0], np.float32)  # by 90 degrees
    edge[:, 0] -= 26
    outside[:, 1] += 130
    boxes = np.array([[0, 0, 100, 100]] * 6, np.float32)
    points = np.stack([POINTS, turned, sideways, edge, outside, POINTS])
    scores = np.array([0.9, 0.9, 0.9, 0.7, 0.9, 0.7], np.float32)
    found = named(Detections(boxes, scores, points), np.stack([crop] * 6))
    assert found == ["", "profile", "profile", "cut off", "cut off", "hidden"]
    assert named(Detections(boxes), np.stack([crop] * 6)) == [""] * 6  # a detector without points and scores


def test_a_bar_of_one_colour_is_named_and_white_is_not(crop: images.Pixels) -> None:
    eyes, mouth, white = crop.copy(), crop.copy(), crop.copy()
    eyes[10:21], mouth[28:], white[10:21] = 0, 128, 255
    crops = np.stack([crop, eyes, mouth, white])
    assert (plain_share(crops) > PLAIN).tolist() == [False, True, True, False]
    assert plain_share(crops[:0]).shape == (0,)
    boxes = np.array([[0, 0, 90, 90]] * 4, np.float32)
    assert named(Detections(boxes), crops) == ["", "hidden", "hidden", ""]


def named(found: Detections, crops: images.Pixels) -> list[str]:
    rows = reasons(found, crops, 200, 200).tolist()
    return ["|".join(name for name, held in zip(REASONS, row, strict=True) if held) for row in rows]


def test_faces_with_reasons_are_marked_and_kept(model: Path, astronaut: images.Pixels) -> None:
    recognize = Recognizer(model, "yunet")
    small = rescale(astronaut, 0.2)
    blurred = np.asarray(cv2.GaussianBlur(astronaut, (0, 0), 9), np.uint8)
    pictures = [astronaut, blurred, astronaut // 4, small, np.ascontiguousarray(astronaut[:, 212:])]
    found = [recognize(picture) for picture in pictures]
    assert [faces.quality for faces in found] == [("ok",), ("blurred",), ("ok",), ("small",), ("cut off",)]
    assert [faces.flags for faces in found][:2] == [("",), ("low quality",)]
    assert found[3].to_dicts()[0]["quality"] == "small"
    assert found[3].low_quality is not None
    assert found[3].low_quality.tolist() == [True]
