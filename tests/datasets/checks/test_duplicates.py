import io
import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mien.core.images import Pixels
from mien.datasets.checks import duplicates
from mien.datasets.checks.duplicates import find
from tests import drawn

FACES = drawn.unlike(40).images


def moved(image: Pixels, down: int, right: int) -> Pixels:
    turn = np.array([[1, 0, right], [0, 1, down]], dtype=np.float32)
    shape = (image.shape[1], image.shape[0])
    return np.asarray(cv2.warpAffine(image, turn, shape, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def recompressed(image: Pixels, quality: int = 50) -> Pixels:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), np.uint8)


def lit(image: Pixels, gain: float, lift: float) -> Pixels:
    return np.clip(np.rint(image.astype(np.float64) * gain + lift), 0, 255).astype(np.uint8)


def test_faces_that_differ_stand_alone() -> None:
    assert find(FACES).groups.tolist() == list(range(40))
    assert find(FACES[:1]).groups.tolist() == [0]
    assert find(FACES[:0]).groups.tolist() == []


@pytest.mark.parametrize(
    ("copy", "kinds"),
    [
        (FACES[3], ("exact",)),
        (FACES[3][:, ::-1], ("mirrored",)),
        (recompressed(FACES[3]), ("recompressed",)),
        *[
            (moved(FACES[3], down, right), ("shifted",))
            for down in (-1, 0, 1)
            for right in (-1, 0, 1)
            if (down, right) != (0, 0)
        ],
        (lit(FACES[3], 1, 15), ("brightness",)),
        (lit(FACES[3], 0.7, 20), ("brightness",)),
        (lit(moved(FACES[3][:, ::-1], 1, 1), 0.8, 10), ("mirrored", "shifted", "brightness")),
        (recompressed(moved(FACES[3][:, ::-1], -1, 1)), ("mirrored", "shifted")),
    ],
)
def test_each_kind_of_copy_is_found_and_named(copy: Pixels, kinds: tuple[str, ...]) -> None:
    found = find(np.stack([*FACES, copy]))
    assert found.groups.tolist() == [*range(40), 3]
    assert found.kinds == {40: kinds}
    assert found.mirrored[40] == ("mirrored" in kinds)
    assert [rows.tolist() for rows in found.members] == [[3, 40]]


def test_shifts_are_reported_as_they_were_made() -> None:
    copies = [moved(FACES[5], 1, -1), moved(FACES[6][:, ::-1], -1, 1)]
    found = find(np.stack([*FACES, *copies]))
    assert found.shifts[40:].tolist() == [[1, -1], [-1, 1]]
    assert not found.shifts[:40].any()


def test_bytes_alone_find_exact_copies_only() -> None:
    images = np.stack([*FACES, FACES[3], FACES[3][:, ::-1]])
    assert find(images, near=False).groups.tolist() == [*range(40), 3, 41]


def test_colour_and_other_sizes() -> None:
    colour = drawn.unlike(12, size=70, channels=3).images
    images = np.stack([*colour, moved(colour[2][:, ::-1], 1, 1), colour[4]])
    assert find(images).groups.tolist() == [*range(12), 2, 4]


def test_flat_images_are_alike_only_byte_for_byte() -> None:
    rng = np.random.default_rng(0)
    flat = [np.full((48, 48), 90, np.uint8), np.full((48, 48), 200, np.uint8)]
    grain = [rng.integers(100, 103, (48, 48)).astype(np.uint8) for _ in range(2)]
    assert find(np.stack([*flat, *grain, flat[0]])).groups.tolist() == [0, 1, 2, 3, 0]


def row_of_likenesses() -> Pixels:
    """Return seven steps from one face to another."""
    steps = [FACES[10] * (1 - share) + FACES[11] * share for share in np.linspace(0, 1, 7)]
    return np.asarray(np.rint(np.stack(steps)), dtype=np.uint8)


def test_a_row_of_likenesses_is_no_group() -> None:
    steps = row_of_likenesses()
    found = find(steps).groups
    assert found[0] != found[6]
    alike = {frozenset(pair) for pair in find(steps).pairs.tolist()}
    assert {frozenset(pair) for pair in itertools.pairwise(range(7))} <= alike  # union alone would have made one group


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(53)))
def test_the_order_makes_no_difference(order: list[int]) -> None:
    copies = [
        FACES[1],
        FACES[1][:, ::-1],
        recompressed(FACES[2]),
        moved(FACES[2], 1, 0),
        lit(FACES[7], 0.8, 9),
        FACES[0],
    ]
    images = np.stack([*FACES, *copies, *row_of_likenesses()])
    expected = {frozenset(rows.tolist()) for rows in find(images).members}
    shuffled = find(images[order]).members
    assert {frozenset(order[row] for row in rows.tolist()) for rows in shuffled} == expected
    assert len(expected) == 4 + 2


def test_a_mirrored_and_shifted_set_is_found_through_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    faces = drawn.unlike(600, seed=1).images
    copies = np.stack([moved(face[:, ::-1], 1, 1) for face in reversed(faces)])
    both, expected = np.concatenate([faces, copies]), np.array([*range(600), *reversed(range(600))])
    found = find(both)
    assert found.groups.tolist() == expected.tolist()
    assert found.mirrored[600:].all()
    monkeypatch.setattr(duplicates, "ALL_PAIRS", 100)
    assert (find(both).groups == expected).mean() > 0.99  # with one cell for each image 0.92


def test_many_copies_of_one_face_stay_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MOST", 4)
    rng = np.random.default_rng(0)
    noisy = [np.clip(FACES[0] + rng.normal(0, 2, (48, 48)), 0, 255).astype(np.uint8) for _ in range(60)]
    digests = np.array([f"{number:032x}" for number in range(60)], dtype="S32")
    _, pairs = duplicates.candidates(np.stack(noisy), np.arange(60), digests)
    assert 0 < len(pairs) <= 2 * 4 * 60  # of 1,770
    assert find(np.stack(noisy)).groups.tolist() == [0] * 60


def test_copies_of_chosen_rows_by_group_and_by_pair() -> None:
    """Of a row of likenesses the middle one leads; the ends stay in groups of their own, and know their neighbours."""
    found = duplicates.Duplicates(
        groups=np.array([0, 1, 1, 3, 4, 4]),
        identical=np.array([0, 1, 2, 3, 4, 4]),
        pairs=np.array([[1, 2], [2, 3]]),
        correlation=np.ones(6, np.float32),
        mirrored=np.zeros(6, bool),
        shifts=np.zeros((6, 2), np.int8),
        kinds={},
    )
    assert found.copied_from(np.array([2])).tolist() == [-1, 2, 2, 2, -1, -1]
    assert found.copied_from(np.array([3])).tolist() == [-1, -1, 3, 3, -1, -1]
    assert found.copied_from(np.array([5])).tolist() == [-1, -1, -1, -1, 5, 5]
    assert found.copied_from(np.array([], dtype=np.int64)).tolist() == [-1] * 6
    steps = find(row_of_likenesses())
    assert len(set(steps.groups.tolist())) > 1
    joined = {frozenset(pair) for pair in steps.pairs.tolist()}
    assert {frozenset((row, row + 1)) for row in range(6)} <= joined
