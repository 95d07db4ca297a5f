"""What a person showed in a condition or during an event: one row for each expression and index.

All figures are of the smoothed curve s, weighted by time, over the usable time of the windows: all occurrences of an
event, or all videos of the condition (an empty event). What several occurrences share counts once, but each has its own
response and latency. c = s - b is the curve corrected by the person's baseline b.

    occurrences     windows: how often the event is in the videos
    seconds         time that was looked at
    valid           share of it with a usable face
    uncertain       share of the valid time in which the model is not sure
    mean            mean of s; mean_corrected: of c
    max             largest s; max_corrected: of c
    baseline        b
    area            integral of max(c, 0) over the valid time, in seconds: 2 is two seconds at 1 above the baseline
    share           share of the valid time that is in episodes
    episodes        episodes that begin within the windows; per_minute: per minute of valid time
    duration        their mean length in seconds, also where they last beyond the window
    responses       share of the occurrences with usable time in which one begins
    latency         mean seconds from the beginning of these occurrences to its first onset; an expression that is there
                    already when the event begins is no response

x_low and x_high are a 95 % interval of x (`mien.study.numbers.bootstrap`), empty of fewer than five blocks of time, or
where all of them are alike. Indices have no episodes: these cells are empty, and so is all that no usable frame tells.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any
from zlib import crc32

import numpy as np

from mien.study.numbers.baseline import Baseline
from mien.study.numbers.bootstrap import block_edges, ratio_interval
from mien.study.numbers.curves import Numbers, TimeSeries
from mien.study.numbers.windows import Window, united, whole
from mien.study.project import StudyNumbers

UNIT = ("participant", "session", "condition", "person", "event")
FIGURES = (
    *("occurrences", "seconds", "valid", "uncertain"),
    *("mean", "mean_low", "mean_high", "mean_corrected", "max", "max_corrected", "baseline"),
    *("area", "area_low", "area_high", "share", "share_low", "share_high"),
    *("episodes", "per_minute", "per_minute_low", "per_minute_high", "duration", "duration_low", "duration_high"),
    *("responses", "latency", "latency_low", "latency_high"),
)
Row = dict[str, Any]


class CorrectedCurve:
    """One expression or index of a curve, with its baseline."""

    def __init__(self, curve: TimeSeries, name: str, baseline: float) -> None:
        self.curve, self.name, self.baseline = curve, name, baseline
        self.smoothed = curve.smoothed[name]
        self.corrected = self.smoothed - baseline
        found = curve.episodes(name) if name in curve.classes else None
        self.onsets = np.zeros(0) if found is None else curve.times[found.first]
        self.offsets = np.zeros(0) if found is None else found.offset

    @cached_property
    def _within(self) -> Numbers:
        """[n], 1 where a usable frame is in an episode."""
        after = np.searchsorted(self.onsets, self.curve.times, side="right")
        ends = np.r_[-np.inf, self.offsets]
        return np.asarray((self.curve.times < ends[after]) & self.curve.usable, np.float64)

    def blocks(self, window: Window, block: float) -> Row:
        """Return the sums over each block of a window: arrays [blocks] by name."""
        curve = self.curve
        inside = zip(self.onsets.tolist(), self.offsets.tolist(), strict=True)
        edges = block_edges(window.start, window.end, list(inside), block)
        starts = (self.onsets >= window.start) & (self.onsets < window.end)
        onsets, lengths = self.onsets[starts], (self.offsets - self.onsets)[starts]
        at = np.searchsorted(edges, onsets, side="right") - 1
        return {
            "seconds": curve.integrate(np.ones(len(curve.times)), edges),
            "valid": curve.integrate(curve.usable.astype(np.float64), edges),
            "uncertain": curve.integrate((curve.usable & curve.uncertain).astype(np.float64), edges),
            "mean": curve.integrate(self.smoothed, edges),
            "area": curve.integrate(np.maximum(self.corrected, 0), edges),
            "share": curve.integrate(self._within, edges),
            "episodes": np.bincount(at, minlength=len(edges) - 1).astype(np.float64),
            "duration": np.bincount(at, lengths, minlength=len(edges) - 1),
        }

    def latency(self, window: Window) -> float:
        """Return the seconds from the beginning of a window to its first onset; NaN where none is in it.

        A whole video begins with its first frame, whose cell begins before.
        """
        onsets = self.onsets[(self.onsets >= window.start) & (self.onsets < window.end)]
        return float(onsets[0]) - max(window.start, float(self.curve.times[0])) if len(onsets) else np.nan

    def usable(self, window: Window) -> bool:
        """Return whether some time of a window is usable."""
        return bool(self.curve.integrate(self.curve.usable.astype(np.float64), np.array([window.start, window.end]))[0])

    def largest(self, window: Window) -> float:
        """Return the largest smoothed value of a window; -inf where nothing is usable."""
        inside = (self.curve.times >= window.start) & (self.curve.times < window.end) & self.curve.usable
        return float(self.smoothed[inside].max(initial=-np.inf))


def summarise(
    curves: Sequence[TimeSeries],
    windows: Mapping[tuple[str, ...], Sequence[Window]],
    baselines: Mapping[tuple[str, ...], Baseline],
    numbers: StudyNumbers,
) -> list[Row]:
    """Return a row for each participant, session, condition, person, event and expression or index.

    Args:
        curves: of the study.
        windows: the events of each curve, by its key.
        baselines: of each curve, by its key.
        numbers: the bootstrap's settings.

    Returns:
        Rows with `UNIT`, `expression` and `FIGURES`; None where a figure is not defined.
    """
    groups = defaultdict[tuple[str, ...], list[TimeSeries]](list)
    for curve in curves:
        groups[curve.participant, curve.session, curve.condition, curve.person].append(curve)
    rows = []
    for unit, mine in groups.items():
        held = {curve.key: [whole(curve), *windows[curve.key]] for curve in mine}
        labels = dict.fromkeys(one.label for several in held.values() for one in several)
        for name in mine[0].smoothed:
            corrected = [CorrectedCurve(curve, name, baselines[curve.key].values[name]) for curve in mine]
            for label in labels:
                parts = [(one, [w for w in held[one.curve.key] if w.label == label]) for one in corrected]
                rows.append(_row((*unit, label), name, parts, numbers))
    return sorted(rows, key=lambda row: tuple(row[key] for key in UNIT))  # expressions stay in their order


def _row(
    unit: tuple[str, ...], name: str, parts: Sequence[tuple[CorrectedCurve, Sequence[Window]]], numbers: StudyNumbers
) -> Row:
    """Return the row of one expression in the windows of one unit."""
    occurrences = [(one, window) for one, windows in parts for window in windows]
    several = [one.blocks(window, numbers.block) for one, windows in parts for window in united(windows)]
    sums: dict[str, Numbers] = {key: np.concatenate([one[key] for one in several]) for key in several[0]}
    latencies = np.array([one.latency(window) for one, window in occurrences])
    sums |= {"latency": np.nan_to_num(latencies), "responses": np.isfinite(latencies).astype(np.float64)}
    total = {key: float(values.sum()) for key, values in sums.items()}
    rng = np.random.default_rng([numbers.seed, crc32("\0".join((*unit, name)).encode())])  # of this row alone
    valid, baseline, n = total["valid"], parts[0][0].baseline, len(occurrences)
    largest = max(one.largest(window) for one, window in occurrences)
    episodic = name in parts[0][0].curve.classes
    of_episodes = {
        "share": _ratio(total["share"], valid),
        "episodes": total["episodes"],
        "per_minute": _ratio(60 * total["episodes"], valid),
        "duration": _ratio(total["duration"], total["episodes"]),
        "responses": _ratio(total["responses"], sum(one.usable(window) for one, window in occurrences)),
        "latency": _ratio(total["latency"], total["responses"]),
    }
    row: Row = {
        **dict(zip(UNIT, unit, strict=True)),
        "expression": name,
        "occurrences": n,
        "seconds": total["seconds"],
        "valid": _ratio(valid, total["seconds"]),
        "uncertain": _ratio(total["uncertain"], valid),
        "mean": _ratio(total["mean"], valid),
        "max": largest if np.isfinite(largest) else np.nan,
        "baseline": baseline,
        "area": total["area"] if valid and np.isfinite(baseline) else np.nan,
        **(of_episodes if episodic and valid else {}),
    }
    row["mean_corrected"], row["max_corrected"] = row["mean"] - baseline, row["max"] - baseline
    for key, above, below, scale in (
        ("mean", "mean", "valid", 1),
        ("area", "area", "valid", valid),
        ("share", "share", "valid", 1),
        ("per_minute", "episodes", "valid", 60),
        ("duration", "duration", "episodes", 1),
        ("latency", "latency", "responses", 1),
    ):
        if np.isfinite(row.get(key, np.nan)):
            interval = ratio_interval(sums[above], sums[below], resamples=numbers.resamples, rng=rng)
            row[f"{key}_low"], row[f"{key}_high"] = (scale * bound for bound in interval)
    return {key: plain(row.get(key)) for key in (*UNIT, "expression", *FIGURES)}


def _ratio(above: float, below: float) -> float:
    return above / below if below else np.nan


def plain(value: Any) -> Any:
    """Return a cell: floats to 1e-6, None for NaN."""
    if not isinstance(value, float):
        return value
    return round(value, 6) if np.isfinite(value) else None


def wide(rows: Sequence[Row]) -> list[Row]:
    """Return one row for each unit: `UNIT`, and a column FIGURE_EXPRESSION for each figure of each expression.

    What does not depend on the expression (occurrences, seconds, valid, uncertain) is there once.
    """
    shared = FIGURES[:4]
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(row[name] for name in UNIT)
        made = found.setdefault(key, {name: row[name] for name in (*UNIT, *shared)})
        made |= {f"{figure}_{row['expression']}": row[figure] for figure in FIGURES if figure not in shared}
    return list(found.values())


def main_persons(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """Return the rows of each participant's main person, and the names of the others.

    In each session and condition that is the person who is called as the participant, or else is seen longest: numbers
    of persons are of one video.
    """
    shown: dict[tuple[str, ...], dict[str, float]] = defaultdict(lambda: defaultdict(float))
    first = rows[0]["expression"] if rows else ""
    for row in rows:
        if not row["event"] and row["expression"] == first:
            shown[_session(row)][row["person"]] += row["seconds"] * (row["valid"] or 0)
    main = {
        unit: unit[0] if unit[0] in seen else max(sorted(seen), key=seen.__getitem__) for unit, seen in shown.items()
    }
    others = {f"{unit[0]} {name}" for unit, seen in shown.items() for name in seen if name != main[unit]}
    return [row for row in rows if main.get(_session(row)) == row["person"]], sorted(others)


def _session(row: Row) -> tuple[str, ...]:
    return row["participant"], row["session"], row["condition"]
