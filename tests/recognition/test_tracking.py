"""Tracks: ids stay with their faces, through short gaps and no longer."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.recognition.tracking import GAP, Tracker, overlaps


def boxes(*rows: Sequence[float]) -> NDArray[np.float32]:
    return np.array(rows, np.float32).reshape(-1, 4)


def test_overlap_is_intersection_over_union() -> None:
    found = overlaps(boxes([0, 0, 10, 10]), boxes([0, 0, 10, 10], [5, 0, 10, 10], [20, 0, 5, 5]))
    assert found.tolist() == [pytest.approx([1, 1 / 3, 0])]


def test_two_faces_that_move_keep_their_ids_in_any_order() -> None:
    track = Tracker()
    for step in range(20):
        one, other = [10 + 3 * step, 20, 30, 30], [200 - 3 * step, 20, 30, 30]
        ids = track(step / 25, boxes(one, other) if step % 2 else boxes(other, one))
        assert ids.tolist() == ([2, 1] if step % 2 else [1, 2])


def test_the_larger_overlap_wins() -> None:
    track = Tracker()
    track(0, boxes([0, 0, 10, 10], [8, 0, 10, 10]))
    assert track(0.04, boxes([6, 0, 10, 10])).tolist() == [2]


def test_a_short_gap_is_bridged_a_long_one_not() -> None:
    track, face = Tracker(), boxes([10, 10, 20, 20])
    assert track(0, face).tolist() == [1]
    for step in range(1, 10):
        assert track(step * GAP / 10, boxes()).tolist() == []
    assert track(GAP, face).tolist() == [1]
    for step in range(1, 12):
        track(GAP + step * GAP / 10, boxes())
    assert track(GAP * 2.2, face).tolist() == [2]


def test_far_apart_samples_may_miss_a_face_too() -> None:
    track, face = Tracker(), boxes([10, 10, 20, 20])
    assert [track(time, found).tolist() for time, found in ((0, face), (5, face), (10, boxes()), (15, face))] == [
        [1],
        [1],
        [],
        [1],
    ]


def test_another_position_is_another_face() -> None:
    track = Tracker()
    track(0, boxes([0, 0, 20, 20]))
    assert track(0.04, boxes([40, 0, 20, 20])).tolist() == [2]


def test_a_tracker_that_is_fed_from_a_table_goes_on_as_the_first() -> None:
    rng = np.random.default_rng(0)
    frames = []
    for step in range(60):
        lefts = [60.0 * place + 9 * rng.random() for place in range(4) if rng.random() < 0.6]
        frames.append((step / 5, boxes(*([left, 5, 30, 30] for left in lefts))))
    whole = Tracker()
    ids = [whole(time, found).tolist() for time, found in frames]
    for cut in (1, 17, 40):
        again = Tracker()
        held = [again(time, found.round()).tolist() for time, found in frames[:cut]]
        assert held + [again(time, found).tolist() for time, found in frames[cut:]] == ids


def test_ids_depend_on_whole_pixels_as_tables_hold_them() -> None:
    first, second = boxes([0.4, 0, 10, 10]), boxes([5.6, 0, 10, 10])  # they overlap by 0.32, rounded by 0.25
    track, again = Tracker(), Tracker()
    track(0, first)
    again(0, boxes([0, 0, 10, 10]))
    assert track(0.04, second).tolist() == again(0.04, second).tolist() == [2]
