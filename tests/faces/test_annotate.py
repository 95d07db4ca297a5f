"""Annotated images: what is drawn lies inside, can be read, and leaves the source alone."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien import Faces
from mien.core import images
from mien.core.labels import FER2013
from mien.faces.annotate import COLOURS, LONGEST, Layer


def faces(boxes: list[list[float]], classes: tuple[str, ...] = FER2013) -> Faces:
    rows = np.random.default_rng(0).dirichlet(np.ones(len(classes)), len(boxes)).astype(np.float32)
    return Faces(np.array(boxes, np.float32).reshape(-1, 4), rows.reshape(-1, len(classes)), classes)


def test_draw_leaves_the_source_unchanged() -> None:
    picture = np.full((700, 900, 3), 90, np.uint8)
    found = faces([[300, 200, 200, 200]]).draw(picture)
    assert (picture == 90).all()
    assert found.shape == picture.shape
    assert found.dtype == np.uint8
    assert (found != picture).any()


@pytest.mark.parametrize("ground", [0, 127, 255])
def test_box_plate_and_bars_stand_out_from_any_ground(ground: int) -> None:
    found = faces([[300, 200, 200, 200]])
    picture = found.draw(np.full((800, 1000), ground, np.uint8))
    colour = np.array(COLOURS[found.labels[0]])
    assert (picture[300, 300:306] == colour).all(axis=1).any()  # the frame's left side
    assert (picture[165:198, 302:360] == colour).all(axis=2).mean() > 0.5  # the plate above
    order = np.argsort(-found.probabilities[0])
    beside = [(picture[190:420, 505:] == COLOURS[FER2013[place]]).all(axis=2).any(axis=1) for place in order]
    assert [rows.any() for rows in beside] == [True, True, True, False, False, False, False]  # bars of the top three
    tops = [int(rows.argmax()) for rows in beside[:3]]
    assert tops == sorted(tops)  # the most probable above


def test_a_longer_bar_for_a_likelier_class() -> None:
    rows = np.array([[0.1, 0.2, 0.7]], np.float32)
    found = Faces(np.array([[300, 200, 200, 200]], np.float32), rows, ("angry", "happy", "neutral"))
    picture = found.draw(np.zeros((800, 1000, 3), np.uint8))[200:420, 505:]
    lengths = [(picture == COLOURS[name]).all(axis=2).sum(axis=1).max() for name in found.classes]
    assert lengths[1] == pytest.approx(2 * lengths[0], abs=3)
    assert lengths[2] == pytest.approx(7 * lengths[0], abs=8)


def test_a_full_bar_leaves_room_for_its_figure() -> None:
    one = replace(faces([[300, 200, 200, 200]]), probabilities=np.eye(7, dtype=np.float32)[:1])
    panel = one.draw(np.zeros((800, 1000, 3), np.uint8))[200:420, 505:]
    rows = np.flatnonzero((panel == COLOURS["angry"]).all(axis=2).sum(axis=1) > 50)
    columns = np.flatnonzero((panel[rows] == COLOURS["angry"]).all(axis=2).any(axis=0))
    bright = np.flatnonzero((panel[rows[0] - 5 : rows[-1] + 5] > 200).all(axis=2).any(axis=0))
    assert bright[bright > columns[-1]][0] - columns[-1] >= 8


def test_low_quality_is_part_of_the_caption() -> None:
    picture = np.full((700, 900, 3), 90, np.uint8)
    one = faces([[300, 200, 200, 200]])
    low = replace(one, quality_reasons=np.full((1, 6), True))
    assert (low.draw(picture) != one.draw(picture))[160:198, 420:].any()  # a longer plate


def test_a_image_without_faces_is_only_enlarged() -> None:
    assert (faces([]).draw(np.full((900, 900, 3), 50, np.uint8)) == 50).all()
    assert faces([]).draw(np.full((90, 120), 50, np.uint8)).shape == (640, 853, 3)


def test_small_images_grow_within_a_limit() -> None:
    assert faces([[0, 0, 48, 48]]).draw(np.zeros((48, 48), np.uint8)).shape == (640, 640, 3)
    assert faces([]).draw(np.zeros((20, 4000), np.uint8)).shape == (20, 4000, 3)
    assert max(faces([[9, 9, 20, 20]]).draw(np.zeros((400, 600), np.uint8)).shape) == LONGEST


def test_panels_cover_no_other_face() -> None:
    boxes = [[float(x), float(y), 120, 120] for x in (100, 400, 700) for y in (100, 400, 700)]
    picture = faces(boxes).draw(np.full((1000, 1000, 3), 255, np.uint8))
    for x, y, *_ in boxes:
        assert (picture[int(y) + 45 : int(y) + 55, int(x) + 40 : int(x) + 50] == 255).all()  # the middle of each face


def test_the_panel_leaves_the_plate_whole() -> None:
    one = replace(faces([[94, 198, 450, 622]]), probabilities=np.eye(7, dtype=np.float32)[3:4])
    layer = Layer((640, 906), one.boxes, 1.0)  # a face with little room around it
    layer.fill(one.probabilities, one.classes, one.flags)
    assert len(layer.occupied) == 3
    assert all(a.shared(b) < 1 for a, b in combinations(layer.occupied, 2))


def test_in_a_crowd_no_mouth_is_covered() -> None:
    boxes = [[float(x), float(y), 230, 220] for x in (0, 230, 460) for y in (0, 220, 440)]
    drawn = faces(boxes).draw(np.full((660, 690, 3), 200, np.uint8))  # no room but on the faces
    for x, y, *_ in np.array(boxes, int):
        assert (drawn[y + 50 : y + 165, x + 10 : x + 220] == 200).all()  # a mouth's corners are at about 0.75


def crowd(n: int, side: int) -> tuple[Faces, images.LoadedImage]:
    rng = np.random.default_rng(0)
    boxes = [[x, y, side, side] for x, y in (rng.random((n, 2)) * [900, 700]).tolist()]
    return faces(boxes), images.LoadedImage(np.full((800, 1000, 3), 90, np.uint8), (1000, 800))


def test_a_crowd_says_how_many_have_no_room() -> None:
    found, image = crowd(150, 30)
    copy = found.annotated(image)
    assert any("bars of" in note and "of 150 faces" in note for note in copy.notes)
    layer = Layer((1600, 1280), found.boxes, 1.6)
    layer.fill(found.probabilities, found.classes, found.flags)
    drawn = len(layer.occupied) - 150
    missing = sum(int(note.split(" of ")[1]) for note in copy.notes)
    assert drawn + missing == 2 * 150


def test_no_label_covers_or_touches_another_face() -> None:
    found, _ = crowd(40, 60)
    layer = Layer((1600, 1280), found.boxes, 1.6)
    layer.fill(found.probabilities, found.classes, found.flags)
    for place, rect in enumerate(layer.occupied[40:]):
        over = [box for box in layer.boxes if rect.shared(box) >= 1]
        assert len(over) <= 1, place  # at most its own, on the forehead or chin


def test_in_a_crowd_a_flag_costs_no_face_its_label() -> None:
    grid = [[float(x), float(y), 70, 70] for x in range(0, 1200, 80) for y in range(0, 800, 80)]
    flagged = replace(faces(grid), quality_reasons=np.full((len(grid), 6), True))
    (note,) = flagged.annotated(images.LoadedImage(np.zeros((800, 1200, 3), np.uint8), (1200, 800))).notes
    assert note == "no room for the bars of 150 of 150 faces"


def test_a_face_with_another_at_its_corner_is_labelled() -> None:
    layer = Layer((1200, 800), np.array([[0, 0, 1200, 800], [10, 10, 50, 50]], np.float32), 1.0)
    assert layer.plate(layer.boxes[0], (255, 255, 255), "happy 64%")


def test_where_there_is_room_nothing_is_missing() -> None:
    grid = [[float(x), float(y), 100, 100] for x in range(50, 900, 300) for y in range(50, 700, 200)]
    assert faces(grid).annotated(images.LoadedImage(np.zeros((800, 1000, 3), np.uint8), (1000, 800))).notes == ()


def test_a_large_image_is_drawn_in_bands() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (3000, 3000, 3), dtype=np.uint8)
    drawn = faces([[1000, 1000, 800, 800]]).draw(picture)
    assert (drawn[:500] == picture[:500]).all()
    assert (drawn[-500:] == picture[-500:]).all()


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 700),
    st.integers(1, 700),
    st.lists(st.tuples(*[st.floats(-50, 700)] * 2, *[st.floats(1, 800)] * 2), max_size=6),
    st.sampled_from(
        [FER2013, ("angry", "happy"), (*FER2013, "contempt"), tuple(f"class number {i}" for i in range(12))]
    ),
)
def test_any_image_any_boxes(height: int, width: int, boxes: list[tuple[float, ...]], classes: tuple[str, ...]) -> None:
    picture: images.Pixels = np.zeros((height, width), np.uint8)
    found = faces([list(box) for box in boxes], classes).draw(picture)
    assert found.shape[2] == 3
    assert found.shape[0] >= height
    assert found.shape[1] >= width
