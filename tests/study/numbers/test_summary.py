"""Figures of made curves with known episodes, areas and latencies, at three samplings."""

from typing import Any

import numpy as np
import pytest

from mien.study.numbers.baseline import Baseline
from mien.study.numbers.bootstrap import LEAST, block_edges, ratio_interval
from mien.study.numbers.curves import TimeSeries
from mien.study.numbers.summary import FIGURES, UNIT, summarise, wide
from mien.study.numbers.windows import Window, whole, windows_of
from mien.study.project import StudyNumbers
from tests.study.numbers.made import RAW, made_curve, pulses

THREE = pulses((11.5, 15.5, 0.85), (31, 34, 0.65), (52, 54, 0.85))
"""9 s at 7.4 probability-seconds, 6.95 above the baseline of 0.05."""
INTERVALS = [name.removesuffix("_low") for name in FIGURES if name.endswith("_low")]
EVENTS = [Window("smile", 10, 20), Window("smile", 30, 40), Window("smile", 44, 50), Window("other", 14, 20)]


def summed(
    *curves: TimeSeries,
    windows: dict[Any, list[Window]] | None = None,
    numbers: StudyNumbers = RAW,
    level: float = 0.05,
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the rows by event and expression."""
    flat = {one.key: Baseline(dict.fromkeys(one.smoothed, level), "made", 1.0) for one in curves}
    rows = summarise(curves, windows or {one.key: [] for one in curves}, flat, numbers)
    return {(row["event"], row["expression"]): row for row in rows}


@pytest.mark.parametrize("smoothing", [0.0, 0.25])
@pytest.mark.parametrize("rate", [25, 5, 2])
def test_the_figures_are_those_of_the_curve_at_any_sampling(rate: int, smoothing: float) -> None:
    """Tolerance: of times a step, of sums over time half a step for each flank."""
    numbers = StudyNumbers(smoothing=smoothing)
    curve = made_curve(THREE, rate=rate, numbers=numbers)
    rows, step = summed(curve, windows={curve.key: EVENTS}, numbers=numbers), 1 / rate
    row = rows["", "happy"]
    assert row["seconds"] == pytest.approx(60, abs=1e-6)
    assert (row["valid"], row["uncertain"], row["occurrences"]) == (1.0, 0.0, 1)
    assert row["mean"] == pytest.approx((51 * 0.05 + 6 * 0.85 + 3 * 0.65) / 60, abs=3 * step / 60)
    assert row["mean_corrected"] == pytest.approx(row["mean"] - 0.05, abs=2e-6)
    assert row["max"] == pytest.approx(0.85, abs=0.005)
    assert row["area"] == pytest.approx(6 * 0.8 + 3 * 0.6, abs=3 * step)
    assert (row["episodes"], row["per_minute"]) == (3, pytest.approx(3))
    assert row["duration"] == pytest.approx(3, abs=step + 0.6 * smoothing)
    assert row["share"] == pytest.approx(9 / 60, abs=(3 * step + 2 * smoothing) / 60)
    during = rows["smile", "happy"]
    assert (during["occurrences"], during["episodes"]) == (3, 2)
    assert during["seconds"] == pytest.approx(26)
    assert during["responses"] == pytest.approx(2 / 3)
    assert during["latency"] == pytest.approx((1.5 + 1) / 2, abs=step + 0.4 * smoothing)
    assert during["area"] == pytest.approx(4 * 0.8 + 3 * 0.6, abs=2 * step)


def test_what_two_occurrences_share_counts_once() -> None:
    """Such as the seconds after beeps that follow one another; each beep has its own response."""
    curve = made_curve(THREE)
    twice = [Window("beep", 10, 15), Window("beep", 11, 16), Window("beep", 40, 45)]
    rows = summed(curve, windows={curve.key: [*twice, Window("once", 10, 16), Window("once", 40, 45)]})
    row, once = rows["beep", "happy"], rows["once", "happy"]
    for name in ("seconds", "mean", "area", "share", "episodes", "per_minute"):
        assert row[name] == once[name]
    assert (row["seconds"], row["episodes"], row["occurrences"]) == (pytest.approx(11), 1, 3)
    assert (row["responses"], row["latency"]) == (pytest.approx(2 / 3), pytest.approx(1, abs=0.05))


def test_uneven_sampling_weighs_time_not_frames() -> None:
    times = np.r_[np.arange(0, 30, 0.5), np.arange(30, 60, 0.04)]
    row = summed(made_curve(pulses((0, 30, 0.85)), times=times.tolist()))["", "happy"]
    assert row["mean"] == pytest.approx(0.45, abs=0.01)
    assert row["share"] == pytest.approx(0.5, abs=0.01)


def test_the_latency_of_a_whole_video_is_from_its_first_frame() -> None:
    row = summed(made_curve(pulses((4, 8, 0.85)), rate=2, seconds=20))["", "happy"]
    assert (row["seconds"], row["latency"]) == (20, 4.0)


def test_an_expression_that_is_there_already_is_no_response() -> None:
    curve = made_curve(THREE)
    row = summed(curve, windows={curve.key: EVENTS})["other", "happy"]
    assert (row["episodes"], row["responses"], row["latency"], row["duration"]) == (0, 0, None, None)
    assert row["share"] == pytest.approx(1.5 / 6, abs=0.01)


def test_what_is_not_usable_counts_nowhere_but_in_valid() -> None:
    every = np.arange(1500) / 25
    usable = ~((every >= 11) & (every < 26))  # the first pulse and 11 s more
    curve = made_curve(THREE, usable=usable, uncertain=every < 6)
    row = summed(curve)["", "happy"]
    assert row["valid"] == pytest.approx(0.75, abs=1e-3)
    assert row["uncertain"] == pytest.approx(6 / 45, abs=1e-3)
    assert row["area"] == pytest.approx(3 * 0.6 + 2 * 0.8, abs=0.05)
    assert row["episodes"] == 2
    assert row["per_minute"] == pytest.approx(2 / 45 * 60, abs=0.01)


def test_an_event_in_which_nothing_is_usable_is_no_missing_response() -> None:
    every = np.arange(1500) / 25
    curve = made_curve(THREE, usable=(every < 43) | (every >= 51))  # all of the third event
    row = summed(curve, windows={curve.key: EVENTS})["smile", "happy"]
    assert (row["occurrences"], row["episodes"], row["responses"]) == (3, 2, 1.0)


def test_nothing_usable_leaves_the_cells_empty() -> None:
    curve = made_curve(THREE, usable=np.zeros(1500, np.bool_))
    row = summed(curve)["", "happy"]
    assert (row["valid"], row["occurrences"], row["seconds"]) == (0.0, 1, pytest.approx(60))
    empty = set(FIGURES) - {"valid", "occurrences", "seconds", "baseline"}
    assert {key for key in FIGURES if row[key] is None} == empty


def test_indices_have_no_episodes() -> None:
    row = summed(made_curve(THREE))["", "valence"]
    assert row["mean"] == pytest.approx((51 * (0.05 - 0.095) + 6 * (0.85 - 0.015) + 3 * (0.65 - 0.035)) / 60, abs=0.002)
    assert {row[key] for key in ("episodes", "share", "duration", "latency", "responses")} == {None}


def test_videos_of_a_condition_are_summed_up_and_conditions_kept_apart() -> None:
    one, two = made_curve(THREE), made_curve(pulses((1, 3, 0.9)), seconds=30, video="b.mp4")
    three = made_curve(pulses(), condition="b", video="c.mp4")
    rows = summarise(
        [one, two, three],
        {curve.key: [] for curve in (one, two, three)},
        {curve.key: Baseline(dict.fromkeys(curve.smoothed, 0.0), "", 1) for curve in (one, two, three)},
        RAW,
    )
    happy = [row for row in rows if row["expression"] == "happy"]
    assert [(row["condition"], row["episodes"], row["occurrences"]) for row in happy] == [("a", 4, 2), ("b", 0, 1)]
    assert happy[0]["seconds"] == pytest.approx(90)
    assert happy[0]["share"] == pytest.approx(11 / 90, abs=0.002)


def test_wide_is_long_turned() -> None:
    curve = made_curve(THREE)
    rows = list(summed(curve, windows={curve.key: EVENTS}).values())
    turned = wide(rows)
    assert [row["event"] for row in turned] == ["", "other", "smile"]
    for row in rows:
        (unit,) = [one for one in turned if all(one[key] == row[key] for key in UNIT)]
        for figure in FIGURES:
            name = figure if figure in FIGURES[:4] else f"{figure}_{row['expression']}"
            assert unit[name] == row[figure]


def test_points_get_a_length_and_events_end_with_the_video() -> None:
    curve = made_curve(pulses(), seconds=20)
    events = [Window("point", 5, 5), Window("long", 15, 99), Window("gone", 30, 40)]
    found = windows_of(curve, events, after_point=2)
    assert [(one.label, one.start) for one in found] == [("point", 5), ("long", 15)]
    assert [one.end for one in found] == [7, pytest.approx(20, abs=0.03)]
    assert whole(curve).label == ""


def test_blocks_never_cut_an_episode() -> None:
    assert block_edges(0, 60, [(8, 12), (19, 35)], 10).tolist() == [0, 12, 35, 40, 50, 60]
    assert block_edges(0, 9, [], 10).tolist() == [0, 9]
    assert block_edges(0, 30, [(5, 40)], 10).tolist() == [0, 30]
    assert block_edges(2, 27, [], 10).tolist() == [2, 14.5, 27]


def test_intervals_are_seeded_and_of_a_row_alone() -> None:
    rng = np.random.default_rng(3)
    shape = pulses(*((float(at), float(at) + float(rng.uniform(1, 4)), 0.8) for at in range(3, 290, 17)))
    curve = made_curve(shape, rate=5, seconds=300)
    alone, again = summed(curve)["", "happy"], summed(curve)["", "happy"]
    assert alone == again
    both = summed(curve, windows={curve.key: [Window("x", 3, 200)]})["", "happy"]
    assert both == alone
    other = summed(curve, numbers=StudyNumbers(smoothing=0, seed=1))["", "happy"]
    assert (other["mean"], other["mean_low"] != alone["mean_low"]) == (alone["mean"], True)
    for figure in set(INTERVALS) - {"latency"}:
        assert alone[f"{figure}_low"] < alone[figure] < alone[f"{figure}_high"], figure
    none = summed(curve, numbers=StudyNumbers(smoothing=0, resamples=0))["", "happy"]
    assert {none[f"{figure}_low"] for figure in INTERVALS} == {None}


def test_few_blocks_have_no_interval() -> None:
    row = summed(made_curve(THREE, seconds=40))["", "happy"]
    assert (row["mean_low"], row["mean_high"]) == (None, None)
    rng = np.random.default_rng(0)
    assert np.isnan(ratio_interval(np.arange(4.0), np.ones(4), resamples=100, rng=rng)).all()
    assert np.isfinite(ratio_interval(np.arange(float(LEAST)), np.ones(LEAST), resamples=100, rng=rng)).all()
    assert np.isnan(ratio_interval(np.ones(9), np.ones(9), resamples=100, rng=rng)).all()


@pytest.mark.parametrize("n", [8, 20, 60])
def test_the_interval_of_independent_blocks_covers(n: int) -> None:
    """Of skewed sums; 400 samples leave a standard error of 1.1 %."""
    rng = np.random.default_rng(n)
    covered = 0
    for _ in range(400):
        below = rng.uniform(5, 10, n)
        above = below * rng.beta(2, 6, n)
        low, high = ratio_interval(above, below, resamples=500, rng=rng)
        covered += low <= 0.25 <= high
    assert 0.91 <= covered / 400 <= 0.98
