"""Times that never fall."""

import pytest

from mien.recognition.clock import FILE_GAP, STREAM_GAP, Clock


def times(stamps: list[float | None], clock: Clock, step: float = 0.5) -> list[float]:
    return [clock(stamp, step) for stamp in stamps]


def test_times_count_from_the_start() -> None:
    clock = Clock(7.0)
    assert times([7.0, 7.5, 8.0, 30.0], clock) == [0.0, 0.5, 1.0, 23.0]
    assert (clock.due, clock.jumps) == (23.5, [])


def test_a_fall_goes_on_as_if_it_had_followed_at_once() -> None:
    clock = Clock(1.0)
    assert times([1.0, 1.5, 2.0, 1.0, 1.5, 1.0, 1.5], clock) == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    assert [(jump.time, jump.before, jump.after) for jump in clock.jumps] == [(1.5, 1.5, 0.0), (2.5, 1.0, 0.0)]


@pytest.mark.parametrize(("gap", "leap"), [(STREAM_GAP, 36_000), (FILE_GAP, 36_000), (STREAM_GAP, 100)])
def test_a_leap_further_than_a_still_picture_lasts_is_closed(gap: float, leap: float) -> None:
    clock = Clock(0.0, gap)
    assert times([0.0, 0.5, leap, leap + 0.5], clock) == [0.0, 0.5, 1.0, 1.5]
    assert len(clock.jumps) == 1


def test_a_still_picture_of_half_an_hour_is_none() -> None:
    assert times([0.0, 1800.0, 1800.5], clock := Clock(0.0)) == [0.0, 1800.0, 1800.5]
    assert not clock.jumps


def test_small_falls_and_equal_timestamps_stay_where_they_are() -> None:
    assert times([0.0, 0.5, 0.45, 0.5, 1.0], clock := Clock(0.0)) == [0.0, 0.5, 0.5, 0.5, 1.0]
    assert not clock.jumps


def test_a_missing_timestamp_is_the_one_expected() -> None:
    assert times([None, None, 1.0, None, 2.0], Clock(0.0)) == [0.0, 0.5, 1.0, 1.5, 2.0]


@pytest.mark.parametrize("first", [-3.0, 50_000.0])
def test_a_first_timestamp_far_from_the_start_is_the_start(first: float) -> None:
    clock = Clock(0.0)
    assert times([first, first + 0.5], clock) == [0.0, 0.5]
    assert not clock.jumps


def test_sound_may_begin_before_the_picture_and_follow_its_jumps() -> None:
    clock = Clock(5.0, earliest=-STREAM_GAP)
    assert times([4.5, 5.0, 5.5, 0.0], clock) == [-0.5, 0.0, 0.5, 1.0]
    assert clock.follow(clock.shift + 0.25) == 1.25
    assert times([0.5], clock) == [1.75]
