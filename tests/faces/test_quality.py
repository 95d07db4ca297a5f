"""Faces too small, too blurred or too dim are marked; others are not."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mien import Recognizer
from mien.core import images
from mien.faces.quality import BLURRED, SMALLEST, low_quality, sharpness


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


def test_small_blurred_and_dim_are_low(crop: images.Pixels) -> None:
    boxes = np.array([[0, 0, 90, 90]] * 4, np.float32)
    boxes[:2, 2:] = [[SMALLEST, 5], [SMALLEST - 1, SMALLEST - 1]]
    soft = np.asarray(cv2.GaussianBlur(crop, (0, 0), 4), np.uint8)
    found = low_quality(boxes, np.stack([crop, crop, soft, np.asarray(crop // 12, np.uint8)]))
    assert found.tolist() == [False, True, True, True]
    assert low_quality(boxes[:0], np.zeros((0, 48, 48, 3), np.uint8)).shape == (0,)


def test_low_faces_are_marked_and_kept(model: Path, astronaut: images.Pixels) -> None:
    recognize = Recognizer(model, "haar")
    pictures = [astronaut, np.asarray(cv2.GaussianBlur(astronaut, (0, 0), 9), np.uint8), astronaut // 4]
    assert [found.quality for found in map(recognize, pictures)] == [("ok",), ("low",), ("ok",)]
