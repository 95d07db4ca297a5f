"""Whether the expressions of two people go up and down together: windowed lagged correlation, with a surrogate test.

Both smoothed curves (a baseline changes no correlation) are brought to the same instants, `step` seconds apart on the
clock of the study, by linear interpolation between usable frames at most `LONGEST` apart. Time is cut into windows that
do not overlap. In each, the first person's curve is correlated with the second's, shifted by every lag up to the
longest (Boker et al. 2002, Psychological Methods 7(3); windows and Fisher's z as in SUSY, Tschacher and Haken, The
Process of Psychotherapy, 2019). With z(lag) the mean of Fisher's z over the windows, at each lag:

    synchrony   the largest z(lag), as a correlation: tanh
    lag         where it is, in seconds; above 0 the second person follows the first
    at_zero     tanh z(0)
    surrogates  the same largest value with the second person's windows in random order, again and again: each keeps its
                own ups and downs, but not who they are paired with (Moulder et al. 2018, Psychological Methods 23(4))
    expected    mean of the surrogates' z, as a correlation
    effect      (z - mean of the surrogates' z) / their standard deviation
    p           (1 + surrogates as large) / (1 + surrogates)

p takes into account that the best of all lags is looked for. It does not tell why two people move together: both may
react to the same film. Windows in order, one after the other, are in `WindowSynchrony`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.study.numbers.curves import LONGEST, Numbers, TimeSeries
from mien.study.numbers.settings import SynchronySettings

LEAST = 5  # windows: the orders of fewer are hardly any surrogates
FILLED = 0.8  # share of a window's instants that must be known of both
HIGHEST = 0.999  # correlations above are taken as this: Fisher's z of 1 is infinite


@dataclass(frozen=True)
class WindowSynchrony:
    """One window: the correlation at lag 0, the largest, and its lag."""

    start: float
    """Seconds of the study."""
    at_zero: float
    largest: float
    lag: float


@dataclass(frozen=True)
class Synchrony:
    """How two curves go together; see the module."""

    windows: tuple[WindowSynchrony, ...]
    synchrony: float
    lag: float
    at_zero: float
    expected: float
    effect: float
    p: float


def synchrony(
    one: tuple[TimeSeries, Numbers], other: tuple[TimeSeries, Numbers], settings: SynchronySettings, *, seed: int = 0
) -> Synchrony | None:
    """Return the synchrony of two people, None where they share fewer than five windows.

    Args:
        one: the first person's curve, and its values [n] at its times, NaN where not usable.
        other: the second person's.
        settings: windows, lags, surrogates.
        seed: of the surrogates.
    """
    step = max(settings.step, one[0].step, other[0].step)
    wide, far = round(settings.window / step), round(settings.lag / step)
    start, end = common_time(one[0], other[0])
    count = int((end - start) / step + 1e-6) + 1
    blocks = (count - 2 * far) // wide
    if blocks < LEAST:
        return None
    clock = start + step * np.arange(count)
    first, second = (resample(curve, values, clock, step) for curve, values in (one, other))
    base = first[far : far + blocks * wide].reshape(blocks, wide)
    shifted = np.stack([second[shift : shift + blocks * wide].reshape(blocks, wide) for shift in range(2 * far + 1)])
    z = np.arctanh(np.clip(correlations(base, shifted), -HIGHEST, HIGHEST))  # [lags, first's windows, second's windows]
    known = np.flatnonzero(np.isfinite(z[:, range(blocks), range(blocks)]).all(axis=0))
    if len(known) < LEAST:
        return None
    z = z[:, known][:, :, known]
    paired = z[:, range(len(known)), range(len(known))]
    mean, rng = paired.mean(axis=1), np.random.default_rng(seed)
    best = int(mean.argmax())
    chance = np.array([_largest(z, rng.permutation(len(known))) for _ in range(settings.surrogates)])
    spread = float(chance.std())
    lags = step * (np.arange(2 * far + 1) - far)
    windows = tuple(
        WindowSynchrony(
            start=float(clock[far + wide * window]),
            at_zero=float(np.tanh(column[far])),
            largest=float(np.tanh(column.max())),
            lag=float(lags[column.argmax()]),
        )
        for window, column in zip(known.tolist(), paired.T, strict=True)
    )
    return Synchrony(
        windows=windows,
        synchrony=float(np.tanh(mean[best])),
        lag=float(lags[best]),
        at_zero=float(np.tanh(mean[far])),
        expected=float(np.tanh(chance.mean())),
        effect=float((mean[best] - chance.mean()) / spread) if spread else np.nan,
        p=float((1 + (chance >= mean[best] - 1e-12).sum()) / (1 + len(chance))),
    )


def common_time(one: TimeSeries, other: TimeSeries) -> tuple[np.float64, np.float64]:
    """Return the beginning and the end of the time that two curves have in common, in seconds of the study."""
    start = max(curve.times[0] + curve.offset for curve in (one, other))
    end = min(curve.times[-1] + curve.offset for curve in (one, other))
    return start, end


def _largest(z: Numbers, order: NDArray[np.int64]) -> float:
    """Return the largest mean over windows, of all lags, of one order of the second person's windows."""
    paired = z[:, np.arange(len(order)), order]
    known = np.isfinite(paired).sum(axis=1)
    return float((np.nansum(paired, axis=1)[known > 0] / known[known > 0]).max(initial=-np.inf))


def resample(curve: TimeSeries, values: Numbers, clock: Numbers, step: float) -> Numbers:
    """Return values [n] of a curve at instants [m] of the study; NaN between usable frames that are far apart."""
    used = np.isfinite(values)
    if used.sum() < 2:
        return np.full(len(clock), np.nan)
    times = curve.times[used] + curve.offset
    after = np.clip(np.searchsorted(times, clock), 1, len(times) - 1)
    near = (times[after] - times[after - 1] <= max(LONGEST, 2 * step)) & (clock >= times[0]) & (clock <= times[-1])
    return np.where(near, np.interp(clock, times, values[used]), np.nan)


def correlations(base: Numbers, shifted: Numbers) -> Numbers:
    """Return the correlation of each row of one with each row of the other: [lags, a, b].

    Instants at which either is NaN are left out of a pair; NaN where fewer than `FILLED` are left, or nothing varies.

    Args:
        base: [a, w].
        shifted: [lags, b, w].
    """
    x, y = np.isfinite(base), np.isfinite(shifted)
    # about the mean: sums of squares of numbers far from 0 lose digits
    p = np.where(x, base - np.nanmean(base) if x.any() else 0.0, 0.0)
    q = np.where(y, shifted - np.nanmean(shifted) if y.any() else 0.0, 0.0)
    turned, there = q.transpose(0, 2, 1), y.transpose(0, 2, 1).astype(np.float64)
    n, here = x.astype(np.float64) @ there, x.astype(np.float64)
    sum_p, sum_q = p @ there, here @ turned
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = p @ turned - sum_p * sum_q / n
        spread_p = (p**2) @ there - sum_p**2 / n
        spread_q = here @ (turned**2) - sum_q**2 / n
        found = covariance / np.sqrt(spread_p * spread_q)
    enough = (n >= FILLED * base.shape[1]) & (spread_p > 1e-12) & (spread_q > 1e-12)
    return np.where(enough, found, np.nan)


def dyads(curves: Sequence[TimeSeries], pairs: Sequence[tuple[str, str]] = ()) -> list[tuple[TimeSeries, TimeSeries]]:
    """Return whose curves are compared.

    Args:
        curves: of the study.
        pairs: names of participants, or of persons, that belong together; they are compared in every session and
            condition that both have, on the clock of the study. Without any: all people who are in one video. Where
            rows of several participants show one person of a video, as nothing names it, that is one curve.
    """
    found, seen = [], set[tuple[str, ...]]()
    for at, one in enumerate(curves):
        for other in curves[at + 1 :]:
            apart = (one.participant, one.person) != (other.participant, other.person)
            alike = (one.session, one.condition) == (other.session, other.condition)
            same = one.video == other.video and one.person == other.person
            if same or not (apart and alike and one.seen.any() and other.seen.any()):
                continue
            both = (one.session, one.condition, one.video, *sorted((one.person, other.person)))
            if not pairs and one.video == other.video and both not in seen:
                seen.add(both)
                found.append((one, other))
            for a, b in pairs:
                if a in (one.participant, one.person) and b in (other.participant, other.person):
                    found.append((one, other))
                elif b in (one.participant, one.person) and a in (other.participant, other.person):
                    found.append((other, one))
    return found
