from collections.abc import Callable

import cv2
import numpy as np
import pytest

from mien.core.errors import InputError
from mien.core.images import Pixels, resize
from mien.datasets import Samples
from mien.evaluation.robustness.corruptions import CORRUPTIONS, STRENGTHS, choose, corrupt, generator

NAMES = list(CORRUPTIONS)
Faces = Callable[..., Samples]

# the parameter at which nothing is done; JPEG and size have none but a size no smaller than the image
NEUTRAL = {
    "size": 48, "blur": 0, "motion": 100 / 48, "noise": 0, "dark": 1, "bright": 1, "contrast": 1, "rotation": 0,
    "eyes": 0, "mouth": 0, "patch": 0,
}  # fmt: skip


def error(before: Pixels, after: Pixels) -> float:
    return float(np.square(before.astype(float) - after).mean())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("side", "channels"), [(48, 1), (48, 3), (32, 1), (96, 3)])
def test_shape_dtype_and_input_are_kept(drawn_faces: Faces, name: str, side: int, channels: int) -> None:
    faces = drawn_faces(4, size=side, channels=channels).images
    before = faces.copy()
    for strength in STRENGTHS:
        worse = corrupt(faces, name, strength, generator(0, name))
        assert worse.dtype == np.uint8
        assert worse.shape == faces.shape
        assert not np.shares_memory(worse, faces)
    assert (faces == before).all()
    assert (worse != faces).any(axis=(1, 2)).all()
    assert len(corrupt(faces[:0], name, 3, generator(0, name))) == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_alone_decides(drawn_faces: Faces, name: str) -> None:
    faces = drawn_faces(7).images
    once, again = (corrupt(faces, name, 3, generator(5, name)) for _ in range(2))
    assert (once == again).all()
    rng = generator(5, name)
    blocks = [corrupt(faces[start : start + 3], name, 3, rng) for start in (0, 3, 6)]
    assert (np.concatenate(blocks) == once).all()
    other = corrupt(faces, name, 3, generator(6, name))
    assert (other != once).any() == (name in ("motion", "noise", "rotation", "patch"))


@pytest.mark.parametrize("name", NAMES)
def test_each_strength_is_worse_than_the_last(drawn_faces: Faces, name: str) -> None:
    faces = drawn_faces(14).images
    found = [error(faces, corrupt(faces, name, strength, generator(0, name))) for strength in STRENGTHS]
    assert found == sorted(found)
    assert len(set(found)) == len(STRENGTHS)
    steps = np.diff(CORRUPTIONS[name].parameters)
    assert (steps > 0).all() or (steps < 0).all()


@pytest.mark.parametrize(("name", "parameter"), NEUTRAL.items())
@pytest.mark.parametrize("channels", [1, 3])
def test_the_neutral_parameter_changes_nothing(drawn_faces: Faces, name: str, parameter: float, channels: int) -> None:
    faces = drawn_faces(3, channels=channels).images
    assert (CORRUPTIONS[name].apply(faces, parameter, generator(0, name)) == faces).all()


@pytest.mark.parametrize("name", NAMES)
def test_large_crops_meet_the_same_corruption(drawn_faces: Faces, name: str) -> None:
    """Corrupting at 192 pixels and shrinking is about what corrupting at 48 is."""
    large = drawn_faces(8, size=192).images
    small = np.stack([resize(face, 48) for face in large])
    worse = corrupt(large, name, 4, generator(0, name))
    shrunk = np.stack([resize(face, 48) for face in worse])
    here = corrupt(small, name, 4, generator(0, name))
    assert 0.4 < error(small, shrunk) / error(small, here) < 1.6
    aim = np.corrcoef((shrunk.astype(float) - small).ravel(), (here.astype(float) - small).ravel())[0, 1]
    assert aim > 0.75


def test_what_each_parameter_means() -> None:
    rng = np.random.default_rng(0)
    flat = np.full((1, 48, 48), 100, np.uint8)
    dot = np.zeros((1, 48, 48), np.uint8)
    dot[0, 24, 24] = 255
    assert (corrupt(flat, "dark", 5, rng) == 10).all()
    assert (corrupt(flat, "bright", 3, rng) == 200).all()
    assert (corrupt(flat, "bright", 5, rng) == 255).all()
    halves = np.repeat(np.array([[[50, 150]]], np.uint8), 24, axis=2).repeat(48, axis=1)
    assert np.unique(corrupt(halves, "contrast", 3, rng)).tolist() == [90, 110]
    noisy = CORRUPTIONS["noise"].apply(np.full((20, 48, 48), 128, np.uint8), 4, rng)
    assert noisy.std() == pytest.approx(0.04 * 255, rel=0.02)
    assert (corrupt(flat, "patch", 3, rng) == 100).all()
    assert (corrupt(dot, "patch", 3, rng) == 0).sum() >= 48 * 48 - 1
    gradient = np.tile(np.arange(48, dtype=np.uint8) * 5, (1, 48, 1))
    covered = corrupt(gradient, "mouth", 5, rng) != gradient
    rows = np.flatnonzero(covered[0].any(axis=1))
    assert (rows[0], rows[-1] + 1) == (28, 48)  # 40 % about 0.79 of the height, as far as the image goes
    rows = np.flatnonzero((corrupt(gradient, "eyes", 3, rng) != gradient)[0].any(axis=1))
    assert (rows[0], rows[-1] + 1) == (12, 22)


def test_the_patch_lies_inside_and_has_its_size() -> None:
    halves = np.repeat(np.array([[[0, 80]]], np.uint8), 24, axis=2).repeat(48, axis=1).repeat(200, axis=0)
    corners = set()
    for image, worse in zip(halves, corrupt(halves, "patch", 1, generator(0, "patch")), strict=True):
        rows, columns = np.nonzero(worse != image)
        assert np.ptp(rows) + 1 == np.ptp(columns) + 1 == round(0.2 * 48)
        corners.add((rows.min(), columns.min()))
    assert len(corners) > 100


def test_a_turn_goes_both_ways_by_its_degrees() -> None:
    bar = np.zeros((40, 48, 48), np.uint8)
    bar[:, 8:40, 23:25] = 255
    angles = []
    for image in corrupt(bar, "rotation", 2, generator(0, "rotation")):
        down, right = np.nonzero(image > 100)
        x, y, *_ = cv2.fitLine(np.stack([right, down], 1).astype(np.float32), cv2.DIST_L2, 0, 0.01, 0.01).ravel()
        angles.append(round(float(np.degrees(np.arctan(x / y)))))
    assert set(angles) <= {-21, -20, -19, 19, 20, 21}
    assert min(angles) < 0 < max(angles)


def test_motion_spreads_a_dot_along_one_line() -> None:
    dot = np.zeros((30, 48, 48), np.uint8)
    dot[:, 24, 24] = 255
    for image in corrupt(dot, "motion", 5, generator(0, "motion")):
        assert int(image.sum()) == pytest.approx(255, rel=0.2)
        points = np.argwhere(image > 0)
        along, across = np.sqrt(np.linalg.eigvalsh(np.cov(points.T))[::-1])
        assert across < 0.8
        assert 3 < along < 6  # a line of 14.4 pixels has a deviation of 4.2


def test_unknown_names_strengths_and_images_of_another_shape_are_refused(drawn_faces: Faces) -> None:
    faces, rng = drawn_faces(1).images, np.random.default_rng(0)
    with pytest.raises(InputError, match="unknown corruption 'fog'; known: size, blur"):
        corrupt(faces, "fog", 1, rng)
    with pytest.raises(InputError, match="strength 0: expected 1 to 5"):
        corrupt(faces, "blur", 0, rng)
    with pytest.raises(InputError, match=r"expected uint8 \[n, s, s\]"):
        corrupt(faces.astype(float), "blur", 1, rng)
    with pytest.raises(InputError, match=r"expected uint8 \[n, s, s\]"):
        corrupt(faces[:, :40], "blur", 1, rng)
    assert [found.name for found in choose(["noise", "size"])] == ["size", "noise"]
