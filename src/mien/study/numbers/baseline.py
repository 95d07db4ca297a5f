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
    """Return the baseline of each curve by its key; NaN of a person without a usable frame in it.

    Args:
        curves: all of the study.
        windows: the events of each curve, by its key (`mien.study.numbers.windows`).
        numbers: which of the three rules.
    """
    persons = defaultdict[tuple[str, str], list[tuple[TimeSeries, Numbers]]](list)
    for curve in curves:
        stretches = _stretches(curve, windows, numbers)
        persons[curve.participant, curve.person].append((curve, _usable_seconds(curve, stretches)))
    found: dict[tuple[str, ...], Baseline] = {}
    for mine in persons.values():
        everything = _baseline(mine, numbers, ", of other sessions")
        of_session: dict[str, Baseline] = {}
        for curve, _ in mine:
            if curve.session not in of_session:
                here = [one for one in mine if one[0].session == curve.session or not _by_session(numbers)]
                of_session[curve.session] = _baseline(here, numbers, "")
            made = of_session[curve.session]
            found[curve.key] = made if made.seconds else everything
    return found


def baseline_rule(numbers: StudyNumbers) -> str:
    """Return in words what a baseline is taken from."""
    if numbers.baseline_event:
        return f"event {numbers.baseline_event}"
    if numbers.baseline_window:
        return "window {:g} to {:g} s".format(*numbers.baseline_window)
    return f"quantile {numbers.baseline_quantile:g} of all"


def _by_session(numbers: StudyNumbers) -> bool:
    """Return whether a session has a baseline of its own: it has a neutral stretch of its own."""
    return bool(numbers.baseline_event or numbers.baseline_window)


def _stretches(
    curve: TimeSeries, windows: Mapping[tuple[str, ...], Sequence[Window]], numbers: StudyNumbers
) -> list[tuple[float, float]]:
    """Return from when to when a curve shows what the baseline is taken from, in seconds of the video."""
    if numbers.baseline_window:
        start, end = numbers.baseline_window
        return [(start - curve.offset, end - curve.offset)]
    if numbers.baseline_event:
        return [(one.start, one.end) for one in windows[curve.key] if one.label == numbers.baseline_event]
    return [(-np.inf, np.inf)]


def _usable_seconds(curve: TimeSeries, stretches: Sequence[tuple[float, float]]) -> Numbers:
    """Return how many seconds of each frame's cell are usable and within one of the stretches, [n].

    They are 0 where no usable frame is within: the cell of one just outside reaches in by half a step.
    """
    left, right = curve.cells
    seconds, latest = np.zeros(len(left)), -np.inf
    inside = np.zeros(len(left), np.bool_)
    for start, end in sorted(stretches):  # what two of them share counts once
        seconds += np.maximum(np.minimum(right, end) - np.maximum(left, max(start, latest)), 0)
        inside |= (curve.times >= start) & (curve.times < end)
        latest = max(latest, end)
    return np.asarray(seconds * (curve.usable & (inside & curve.usable).any()))


def _baseline(parts: Sequence[tuple[TimeSeries, Numbers]], numbers: StudyNumbers, remark: str) -> Baseline:
    """Return the mean or quantile of curves, each with the seconds that its frames count for [n]."""
    weights = np.concatenate([seconds for _, seconds in parts])
    used, total = weights > 0, float(weights.sum())
    source = f"{baseline_rule(numbers)}{remark if total else ': no usable frame'}"
    values = dict[str, float]()
    for name in parts[0][0].smoothed:
        curve = np.concatenate([one.smoothed[name] for one, _ in parts])[used]
        if not total:
            values[name] = np.nan
        elif _by_session(numbers):
            values[name] = float(weights[used] @ curve / total)
        else:
            values[name] = weighted_quantile(curve, weights[used], numbers.baseline_quantile)
    return Baseline(values, source, round(total, 6))


def weighted_quantile(values: Numbers, weights: Numbers, quantile: float) -> float:
    """Return the quantile of values [n], each with a weight above 0 [n]; linear between the middles of the weights.

    Example:
        >>> weighted_quantile(np.array([3.0, 1, 2]), np.array([1.0, 1, 2]), 0.5)
        2.0
    """
    order = np.argsort(values)
    middles = np.cumsum(weights[order]) - weights[order] / 2
    return float(np.interp(quantile * weights.sum(), middles, values[order]))
