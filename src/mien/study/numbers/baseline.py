"""Each person's own baseline, and curves corrected by it: c(t) = s(t) - b.

b is a number for each person and expression (or index): how its smoothed probability s is where nothing happens. It is
subtracted, and not divided by or cut off at 0: c is in the unit of s, from -1 to 1, and below 0 where the face shows
less of an expression than usual. What b is, [numbers] of study.toml decides:

    baseline_event      the mean of s over the usable time of events with this label
    baseline_window     the mean of s over the usable time between two times of the study
    baseline_quantile   without either: the quantile of s over all usable time of the person, in all videos

Means and quantiles are weighted by time. A window belongs to its session, so that another camera or light has another
baseline; a session without one gets the mean of the person's other windows. The quantile is over all sessions and
conditions together: one for each condition would subtract what a comparison of conditions looks for. A median assumes
that the person shows an expression in less than half of the time; a quantile cannot tell a face that always looks a
little sad from a person who is.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mien.study.numbers.curves import Numbers, TimeSeries
from mien.study.numbers.windows import Window
from mien.study.project import StudyNumbers


@dataclass(frozen=True)
class Baseline:
    """How a person's smoothed curves are where nothing happens."""

    values: Mapping[str, float]
    """Expression or index -> b; NaN where no usable frame says."""
    source: str
    """In words: where it comes from."""
    seconds: float
    """Usable time that it comes from."""


def baselines(
    curves: Sequence[TimeSeries], windows: Mapping[tuple[str, ...], Sequence[Window]], numbers: StudyNumbers
) -> dict[tuple[str, ...], Baseline]:
    """Return the baseline of each curve by its key.

    Args:
        curves: all of the study.
        windows: the events of each curve, by its key (`mien.study.numbers.windows`).
        numbers: which of the three rules.
    """
    persons = defaultdict[tuple[str, str], list[TimeSeries]](list)
    for curve in curves:
        persons[curve.participant, curve.person].append(curve)
    found: dict[tuple[str, ...], Baseline] = {}
    for mine in persons.values():
        if not (numbers.baseline_event or numbers.baseline_window):
            whole = [(curve, np.array([curve.cells[0][0], curve.cells[1][-1]])) for curve in mine]
            quantile = _baseline(whole, numbers.baseline_quantile, f"quantile {numbers.baseline_quantile:g} of all")
            found |= {curve.key: quantile for curve in mine}
            continue
        neutral = [(curve, edges) for curve in mine for edges in _neutral(curve, windows, numbers)]
        for curve in mine:
            source = (
                f"event {numbers.baseline_event}"
                if numbers.baseline_event
                else "window {:g}-{:g} s".format(*numbers.baseline_window)
            )
            here = [one for one in neutral if one[0].session == curve.session]
            made = _baseline(here, None, source)
            if not made.seconds:
                made = _baseline(neutral, None, f"{source}, of other sessions")
            found[curve.key] = made
    return found


def _neutral(
    curve: TimeSeries, windows: Mapping[tuple[str, ...], Sequence[Window]], numbers: StudyNumbers
) -> list[Numbers]:
    """Return start and end of each stretch of a curve that shows the neutral face, in seconds of the video."""
    if numbers.baseline_window:
        return [np.array(numbers.baseline_window) - curve.offset]
    return [np.array([one.start, one.end]) for one in windows[curve.key] if one.label == numbers.baseline_event]


def _baseline(parts: Sequence[tuple[TimeSeries, Numbers]], quantile: float | None, source: str) -> Baseline:
    """Return the mean or quantile of curves over stretches (start, end), weighted by usable time."""
    weights = np.concatenate([_overlap(curve, edges) * curve.usable for curve, edges in parts] or [np.zeros(0)])
    seconds, values = float(weights.sum()), dict[str, float]()
    for name in parts[0][0].smoothed if parts else ():
        curve = np.concatenate([one.smoothed[name] for one, _ in parts])
        values[name] = np.nan
        if seconds:
            used = weights > 0
            values[name] = (
                float(weights[used] @ curve[used] / seconds)
                if quantile is None
                else weighted_quantile(curve[used], weights[used], quantile)
            )
    return Baseline(values, source, round(seconds, 6))


def _overlap(curve: TimeSeries, edges: Numbers) -> Numbers:
    """Return how many seconds of each frame's cell are between two times, [n]."""
    left, right = curve.cells
    return np.asarray(np.maximum(np.minimum(right, edges[1]) - np.maximum(left, edges[0]), 0))


def weighted_quantile(values: Numbers, weights: Numbers, quantile: float) -> float:
    """Return the quantile of values [n], each with a weight above 0 [n]; linear between the middles of the weights.

    Example:
        >>> weighted_quantile(np.array([3.0, 1, 2]), np.array([1.0, 1, 2]), 0.5)
        2.0
    """
    order = np.argsort(values)
    middles = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(quantile * weights.sum(), middles, values[order]))
