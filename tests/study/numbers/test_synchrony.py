"""Synchrony: a planted lag is found, and what is not there is not."""

from typing import Any

import numpy as np
import pytest
from scipy import signal

from mien.core.errors import InputError
from mien.study.numbers.curves import TimeSeries
from mien.study.numbers.settings import SynchronySettings
from mien.study.numbers.synchrony import Synchrony, correlations, dyads, resample, synchrony
from tests.study.numbers.made import made_curve, pulses

Numbers = np.typing.NDArray[np.float64]
QUICK = SynchronySettings(window=20, surrogates=199)


def wave(seconds: float, seed: int, rate: float = 25.0) -> Numbers:
    """A slow random curve: white noise through a filter of about a second."""
    noise = np.random.default_rng(seed).normal(size=round(seconds * rate))
    smooth = signal.sosfiltfilt(signal.butter(2, 0.4, fs=rate, output="sos"), noise)
    return np.asarray(smooth / smooth.std())


def pair(values: Numbers, rate: float, **facts: Any) -> tuple[TimeSeries, Numbers]:
    return made_curve(pulses(), rate=rate, seconds=len(values) / rate, **facts), values


def found(
    one: Numbers, other: Numbers, rate: float = 25.0, settings: SynchronySettings = QUICK, **facts: Any
) -> Synchrony:
    made = synchrony(pair(one, rate), pair(other, rate, person="2", **facts), settings)
    assert made is not None
    return made


@pytest.mark.parametrize(("rate", "tolerance"), [(25, 0.2), (5, 0.2), (2, 0.5)])
@pytest.mark.parametrize("lag", [-2.0, 0.0, 3.0])
def test_a_planted_lag_is_found_at_any_sampling(rate: float, tolerance: float, lag: float) -> None:
    common, step = wave(320, 1), round(25 / rate)
    one = (common + 0.7 * wave(320, 2))[250:-250][::step][: int(300 * rate)]
    moved = 250 - round(25 * lag)
    other = (common + 0.7 * wave(320, 3))[moved : moved + len(common) - 500][::step][: len(one)]
    made = found(one, other, 25 / step)
    assert made.lag == pytest.approx(lag, abs=tolerance + 1e-9)
    assert made.synchrony == pytest.approx(1 / 1.49, abs=0.15)
    assert (made.p, made.effect > 3) == (0.005, True)
    assert made.expected < 0.35
    if lag:
        assert made.at_zero < made.synchrony - 0.2


def test_people_who_have_nothing_in_common_are_rarely_called_synchronous() -> None:
    """60 pairs; at a level of 5 %, more than 8 happen in 1 of 280 runs. benchmarks/study_numbers.py has more."""
    values = [found(wave(240, 2 * n), wave(240, 2 * n + 1), 25.0).p for n in range(100, 160)]
    assert sum(p <= 0.05 for p in values) <= 8
    assert 0.35 < float(np.mean(values)) < 0.65


def test_windows_say_when() -> None:
    common = wave(300, 1)
    together = np.arange(len(common)) / 25 < 150
    made = found(common, np.where(together, common, wave(300, 5)))
    early = [one.at_zero for one in made.windows if one.start < 125]
    late = [one.at_zero for one in made.windows if one.start > 150]
    assert min(early) > 0.95
    assert np.mean(late) < 0.4
    assert made.windows[0].start == pytest.approx(5)
    assert np.diff([one.start for one in made.windows]) == pytest.approx(20)


def test_it_is_seeded() -> None:
    one, other = wave(200, 1), wave(200, 2)
    assert found(one, other) == found(one, other)
    curves = pair(one, 25.0), pair(other, 25.0)
    assert synchrony(*curves, QUICK, seed=1) != synchrony(*curves, QUICK, seed=2)


def test_times_are_those_of_the_study() -> None:
    common = wave(320, 1)
    made = found(common[: 300 * 25], common[20 * 25 :], offset=20.0)
    assert (made.lag, made.synchrony > 0.99) == (0.0, True)


def test_gaps_are_left_out() -> None:
    common = wave(300, 1)
    gone = common.copy()
    gone[2000:2600] = np.nan  # 24 s: a window and parts of two
    made = found(gone, common + 0.3 * wave(300, 2))
    whole = found(common, common + 0.3 * wave(300, 2))
    assert len(made.windows) == len(whole.windows) - 2
    assert made.synchrony == pytest.approx(whole.synchrony, abs=0.05)


def test_orders_whose_windows_cannot_be_compared_are_no_surrogates() -> None:
    """Each knows other instants of its windows, so that most pairs of windows have too few in common."""
    common = wave(300, 1)
    gone = common.copy()
    for window in range(14):
        first = 125 + 500 * window + (window * 97) % 400
        gone[first : first + 45] = np.nan
    with np.errstate(all="raise"):
        made = found(gone, gone)
    assert 1 / 200 <= made.p <= 1
    assert np.isfinite(made.expected)


def test_short_videos_have_none() -> None:
    short = pair(wave(80, 1), 25.0), pair(wave(80, 2), 25.0)
    assert synchrony(*short, QUICK) is None
    still = pair(np.zeros(7500), 25.0), pair(np.zeros(7500), 25.0)
    assert synchrony(*still, QUICK) is None


def test_correlations_leave_out_what_is_missing() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(1000, 1, (3, 50)), rng.normal(size=(2, 4, 50))
    one[0, :5], other[1, 2, 3:9], other[0, 0, :11] = np.nan, np.nan, np.nan
    made = correlations(one, other)
    assert made.shape == (2, 3, 4)
    for lag, a, b in np.ndindex(made.shape):
        both = np.isfinite(one[a]) & np.isfinite(other[lag, b])
        if both.sum() < 40:
            assert np.isnan(made[lag, a, b])
        else:
            assert made[lag, a, b] == pytest.approx(np.corrcoef(one[a][both], other[lag, b][both])[0, 1])
    assert np.isnan(correlations(np.ones((1, 50)), other)).all()


def test_curves_are_not_carried_over_gaps() -> None:
    curve = made_curve(pulses(), times=[0, 1, 2, 9, 10])
    made = resample(curve, np.array([0, 1, 2, 9, 10.0]), np.arange(-1, 12, 0.5), 0.5)
    assert [t / 2 - 1 for t in np.flatnonzero(np.isfinite(made))] == [0, 0.5, 1, 1.5, 2, 9.5, 10]
    assert made[5] == 1.5


def test_pairs_are_those_of_a_video_or_those_asked_for() -> None:
    facts = [("P1", "A", "v"), ("P1", "B", "v"), ("P2", "A", "w"), ("P3", "C", "x")]
    curves = [made_curve(pulses(), participant=p, person=n, video=v) for p, n, v in facts]

    def names(made: list[tuple[TimeSeries, TimeSeries]]) -> list[tuple[str, ...]]:
        return [(a.participant, a.person, b.participant, b.person) for a, b in made]

    assert names(dyads(curves)) == [("P1", "A", "P1", "B")]
    assert names(dyads(curves, [("P3", "P2")])) == [("P3", "C", "P2", "A")]
    assert names(dyads(curves, [("B", "C")])) == [("P1", "B", "P3", "C")]
    other = made_curve(pulses(), participant="P2", condition="b")
    assert dyads([curves[0], other], [("P1", "P2")]) == []


def test_nobody_is_in_synchrony_with_himself() -> None:
    """Two rows of videos.csv have the persons of one video both, before persons.csv names them."""
    curves = [made_curve(pulses(), participant=one, person=person) for one in ("P1", "P2") for person in "12"]
    assert [(one.person, other.person) for one, other in dyads(curves)] == [("1", "2")]
    asked = dyads(curves, [("P1", "P2")])
    assert [(one.person, other.person) for one, other in asked] == [("1", "2"), ("2", "1")]


@pytest.mark.parametrize("settings", [{"step": 0}, {"window": 1}, {"lag": 40}, {"lag": -1}, {"surrogates": 5}])
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected"):
        SynchronySettings(**settings).check()
