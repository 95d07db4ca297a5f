"""The stretches of a video that figures are about: the whole of it, and each event."""

from collections.abc import Sequence
from dataclasses import dataclass

from mien.study.numbers.curves import TimeSeries


@dataclass(frozen=True)
class Window:
    """A stretch of a video: an event, or all of it."""

    label: str
    """Of the event; "" is the whole video."""
    start: float
    end: float
    """Seconds of the video."""


def whole(curve: TimeSeries) -> Window:
    """Return the window that is all of a curve."""
    return Window("", float(curve.cells[0][0]), float(curve.cells[1][-1]))


def windows_of(curve: TimeSeries, events: Sequence[Window], *, after_point: float) -> list[Window]:
    """Return the events of a curve's video, by start, as far as its frames reach.

    An event without a length is the `after_point` seconds after it.
    """
    limits = whole(curve)
    found = []
    for event in events:
        end = event.end if event.end > event.start else event.start + after_point
        start, end = max(event.start, limits.start), min(end, limits.end)
        if start < end:
            found.append(Window(event.label, start, end))
    return sorted(found, key=lambda one: (one.start, one.end, one.label))
