"""The curves of a study as bytes that a page unpacks: whole percents at equal steps, differences, compressed.

A person in a video is a series of n values, `step` seconds apart, in planes of n bytes: one for each shown class with
the mean of s over the step in percent (`NONE`: no usable frame), then the state of the face (`STATES`). A plane holds
differences from one value to the next, modulo 256.
"""

import base64
import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core import records
from mien.faces.annotate import Colour, palette
from mien.outputs.panels import MOST, REST
from mien.study.numbers.curves import TimeSeries
from mien.study.numbers.tables import StudyCurves
from mien.study.numbers.windows import Window, whole

STEP = 0.1  # seconds of the finest step
VALUES = 600_000  # of all series together; with more, steps are longer
NONE = 255
STATES = ("no face", "not usable", "not sure", "usable")


@dataclass(frozen=True)
class Shown:
    """The classes that a page shows: of many the most probable, and all others as one."""

    colours: dict[str, Colour]
    """Name -> its colour, in the order of the model; "N others" comes last."""
    index: dict[str, int]
    """Each class of the model -> its number in `colours`."""

    @classmethod
    def of(cls, curves: Sequence[TimeSeries]) -> "Shown":
        """Return the classes that some curves are shown with."""
        names = curves[0].classes
        colours = palette(names)
        if len(names) <= MOST:
            return cls(colours, {name: index for index, name in enumerate(names)})
        total = sum((np.nansum(curve.raw, axis=0) for curve in curves), np.zeros(len(names)))
        chosen = np.sort(np.argsort(-total, kind="stable")[: MOST - 1]).tolist()
        index = dict.fromkeys(names, MOST - 1) | {names[at]: number for number, at in enumerate(chosen)}
        own = {names[at]: colours[names[at]] for at in chosen}
        return cls(own | {f"{len(names) - len(own):,} others": REST}, index)


def pack(
    data: StudyCurves, shown: Shown, excluded: Mapping[tuple[str, ...], Sequence[Window]] | None = None
) -> tuple[str, float]:
    """Return facts and curves as base64 of gzip, and how many times longer than usual the steps are.

    In it: the length of the facts in 4 bytes, lowest first; the facts as JSON, a list of series; the planes.

    Args:
        data: the study.
        shown: the classes.
        excluded: events of each clip during which frames do not count; they are shown too, and say so.
    """
    values = sum(_length(curve) / _step(curve) for curve in data.curves)
    longer = max(1, ceil(values / VALUES))
    facts, planes, at = list[Any](), list[bytes](), 0
    for curve in data.curves:
        rows = sample(curve, shown, longer * _step(curve))
        planes.append(np.diff(rows, axis=1, prepend=np.uint8(0)).tobytes())
        left_out = [replace(one, label=f"{one.label} (excluded)") for one in (excluded or {}).get(curve.key[:-1], [])]
        held = _facts(curve, shown, [*data.windows[curve.key], *left_out])
        facts.append({**held, "step": round(longer * _step(curve), 6), "n": rows.shape[1], "at": at})
        at += rows.size
    text = records.dumps(facts, indent=0).encode()
    packed = gzip.compress(len(text).to_bytes(4, "little") + text + b"".join(planes), 9, mtime=0)
    return base64.b64encode(packed).decode(), longer


def sample(curve: TimeSeries, shown: Shown, step: float) -> NDArray[np.uint8]:
    """Return the planes [shown + 1, n] of a curve, not as differences."""
    start, n = whole(curve).start, max(1, ceil(_length(curve) / step - 1e-6))
    edges = np.asarray(start + step * np.arange(n + 1), np.float64)

    def time(marks: NDArray[np.bool_]) -> NDArray[np.float64]:
        return curve.integrate(marks.astype(np.float64), edges)

    valid = time(curve.usable)
    sums = np.zeros((len(shown.colours), n))
    for name in curve.classes:
        sums[shown.index[name]] += curve.integrate(curve.smoothed[name], edges)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(valid > 1e-6, sums / valid, np.nan)
    percents = np.where(np.isnan(means), NONE, np.clip(np.rint(100 * np.nan_to_num(means)), 0, 100))
    states = np.zeros(n)
    half = time(np.ones(len(curve.times), np.bool_)) / 2
    states[time(curve.seen) > half] = 1
    states[valid > half] = 3
    states[(valid > half) & (time(curve.usable & curve.uncertain) > valid / 2)] = 2
    return np.concatenate([percents, states[None]]).astype(np.uint8)


def _facts(curve: TimeSeries, shown: Shown, events: Sequence[Window]) -> dict[str, Any]:
    """Return what a page knows of a series; times in seconds of the video."""
    episodes = []
    for name in curve.classes:
        found, smoothed = curve.episodes(name), curve.smoothed[name]
        for first, apex, end in zip(found.first, found.apex, found.offset, strict=True):
            onset, peak = float(curve.times[first]), round(100 * float(smoothed[apex]))
            times = (onset, float(end) - onset, float(curve.times[apex]) - onset)
            episodes.append([shown.index[name], *(round(one, 2) for one in times), peak])
    key = {name: getattr(curve, name) for name in ("participant", "session", "condition", "video", "person")}
    return {
        **key,
        "start": round(whole(curve).start, 4),
        "offset": curve.offset,
        "episodes": sorted(episodes, key=lambda one: one[1]),
        "events": [[one.label, round(one.start, 2), round(one.end, 2)] for one in events],
    }


def _step(curve: TimeSeries) -> float:
    return max(STEP, curve.step)


def _length(curve: TimeSeries) -> float:
    limits = whole(curve)
    return limits.end - limits.start
