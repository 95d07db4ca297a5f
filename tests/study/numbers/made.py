"""Curves with known episodes, areas and latencies."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.study.numbers.curves import TimeSeries
from mien.study.project import StudyNumbers

CLASSES = ("neutral", "happy", "sad")
RAW = StudyNumbers(smoothing=0.0)
Numbers = NDArray[np.float64]
Shape = Callable[[Numbers], Numbers]


def pulses(*pulses: tuple[float, float, float], rise: float = 0.0) -> Shape:
    """Return a curve that is 0.05 but for pulses (from, to, height), with straight flanks of `rise` seconds inside."""

    def shape(times: Numbers) -> Numbers:
        values = np.full(len(times), 0.05)
        for start, end, height in pulses:
            inside = (times >= start) & (times < end)
            flank = np.clip(np.minimum(times - start, end - times) / rise, 0, 1) if rise else 1.0
            values = np.where(inside, 0.05 + (height - 0.05) * flank, values)
        return values

    return shape


def probabilities(happy: Numbers) -> Numbers:
    """Return [n, 3]: what happy leaves goes to neutral and sad, nine to one."""
    return np.stack([0.9 * (1 - happy), happy, 0.1 * (1 - happy)], axis=1)


def made_curve(
    shape: Shape, *, rate: float = 25.0, seconds: float = 60.0, times: Sequence[float] | None = None, **facts: Any
) -> TimeSeries:
    at = np.arange(round(seconds * rate)) / rate if times is None else np.asarray(times, np.float64)
    every = np.ones(len(at), np.bool_)
    plain: dict[str, Any] = {
        **{"participant": "P1", "session": "", "condition": "a", "video": "a.mp4", "person": "1", "offset": 0.0},
        **{"seen": every, "usable": every, "uncertain": ~every, "numbers": RAW},
    }
    return TimeSeries(times=at, raw=probabilities(shape(at)), classes=CLASSES, **(plain | facts))
