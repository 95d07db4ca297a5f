"""Each person's own baseline."""

from typing import Any

import numpy as np
import pytest

from mien.study.numbers.baseline import baselines, weighted_quantile
from mien.study.numbers.curves import TimeSeries
from mien.study.numbers.summary import summarise
from mien.study.numbers.windows import Window
from mien.study.project import StudyNumbers
from tests.study.numbers.made import made_curve, pulses

REST = StudyNumbers(smoothing=0, baseline_event="rest")


def level(height: float, **facts: Any) -> TimeSeries:
    return made_curve(pulses((0, 99, height)), **facts)


def test_the_median_of_a_person_is_over_all_conditions() -> None:
    """One for each condition would take their difference away."""
    a, b = level(0.2, seconds=40), level(0.6, seconds=20, condition="b", video="b.mp4")
    found = baselines([a, b], {}, StudyNumbers(smoothing=0))
    assert [one.values["happy"] for one in found.values()] == pytest.approx([0.2, 0.2])
    assert found[a.key].seconds == pytest.approx(60)
    high = baselines([a, b], {}, StudyNumbers(smoothing=0, baseline_quantile=0.9))
    assert high[a.key].values["happy"] == pytest.approx(0.6)
    assert high[a.key].values["expressiveness"] == pytest.approx(1 - 0.9 * 0.4)


def test_people_have_their_own() -> None:
    one, other, third = level(0.2), level(0.6, person="2"), level(0.4, participant="P2")
    found = baselines([one, other, third], {}, StudyNumbers(smoothing=0))
    assert [found[c.key].values["happy"] for c in (one, other, third)] == pytest.approx([0.2, 0.6, 0.4])


def test_frames_are_weighted_by_time() -> None:
    """Half of the time at each level, but ten times the frames at one."""
    times = np.r_[np.arange(0, 10, 0.05), np.arange(10, 20, 0.5)]
    curve = made_curve(pulses((10, 20, 0.9)), times=times.tolist())
    quarter = baselines([curve], {}, StudyNumbers(smoothing=0, baseline_quantile=0.6))
    assert quarter[curve.key].values["happy"] == pytest.approx(0.9)
    windows = {curve.key: [Window("rest", 5, 15)]}
    assert baselines([curve], windows, REST)[curve.key].values["happy"] == pytest.approx((0.05 + 0.9) / 2, abs=0.03)


def test_a_neutral_window_counts_for_its_session() -> None:
    one = made_curve(pulses((10, 60, 0.8)), session="1")
    two = made_curve(pulses((0, 10, 0.3), (10, 60, 0.8)), session="2", video="b.mp4")
    three = level(0.8, session="3", video="c.mp4")
    windows = {one.key: [Window("rest", 0, 10)], two.key: [Window("rest", 0, 10)], three.key: [Window("x", 0, 5)]}
    found = baselines([one, two, three], windows, REST)
    assert [found[c.key].values["happy"] for c in (one, two, three)] == pytest.approx([0.05, 0.3, 0.175], abs=0.005)
    assert [found[c.key].source for c in (two, three)] == ["event rest", "event rest, of other sessions"]


def test_a_person_without_the_event_has_no_baseline() -> None:
    with_rest, without = level(0.2), level(0.6, participant="P2")
    windows = {with_rest.key: [Window("rest", 0, 10)], without.key: [Window("other", 0, 10)]}
    found = baselines([with_rest, without], windows, REST)
    assert found[with_rest.key].values["happy"] == pytest.approx(0.2)
    assert list(found[without.key].values) == list(without.smoothed)
    assert np.isnan(list(found[without.key].values.values())).all()
    assert (found[without.key].source, found[without.key].seconds) == ("event rest: no usable frame", 0)
    rows = summarise([with_rest, without], windows, found, REST)
    assert [r["baseline"] for r in rows if r["expression"] == "happy" and not r["event"]] == [pytest.approx(0.2), None]
    assert {r["mean_corrected"] for r in rows if r["participant"] == "P2"} == {None}


def test_what_two_events_share_counts_once() -> None:
    """The first 6 s at 0.2, of which 2 s are in both; then 2 s at 0.8."""
    curve = made_curve(pulses((0, 6, 0.2), (6, 60, 0.8)))
    windows = {curve.key: [Window("rest", 4, 8), Window("rest", 0, 6)]}
    found = baselines([curve], windows, REST)[curve.key]
    assert found.seconds == pytest.approx(8)
    assert found.values["happy"] == pytest.approx((6 * 0.2 + 2 * 0.8) / 8, abs=0.005)


def test_a_session_whose_window_is_not_usable_gets_the_others() -> None:
    one = made_curve(pulses((0, 10, 0.3), (10, 60, 0.8)), session="1")
    usable = np.arange(1500) >= 250
    two = made_curve(pulses((0, 60, 0.8)), session="2", video="b.mp4", usable=usable)
    found = baselines([one, two], {c.key: [Window("rest", 0, 10)] for c in (one, two)}, REST)
    assert found[two.key].values["happy"] == pytest.approx(0.3, abs=0.005)
    assert found[two.key].source == "event rest, of other sessions"


def test_a_window_is_in_seconds_of_the_study() -> None:
    curve = made_curve(pulses((0, 10, 0.3)), offset=100.0)
    found = baselines([curve], {}, StudyNumbers(smoothing=0, baseline_window=(100, 110)))
    assert found[curve.key].values["happy"] == pytest.approx(0.3, abs=0.01)


def test_without_a_usable_frame_there_is_none() -> None:
    curve = level(0.5)
    gone = level(0.5, participant="P2", usable=np.zeros(1500, np.bool_))
    for numbers in (REST, StudyNumbers()):
        found = baselines([curve, gone], {curve.key: [], gone.key: []}, numbers)
        assert found[gone.key].seconds == 0
        assert list(found[gone.key].values) == list(gone.smoothed)
        assert np.isnan(list(found[gone.key].values.values())).all()


def test_a_weighted_quantile_of_equal_weights_is_the_median() -> None:
    values = np.random.default_rng(0).random(101)
    assert weighted_quantile(values, np.ones(101), 0.5) == pytest.approx(np.median(values))
    assert weighted_quantile(values, np.full(101, 3.0), 0.9) == pytest.approx(np.quantile(values, 0.9), abs=0.01)
