"""The stretches of a video that figures are about: the whole of it, and each event."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

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


def united(windows: Sequence[Window]) -> list[Window]:
    """Return windows of one label, those that overlap as one, so that no time counts twice.

    Example:
        >>> united([Window("beep", 1, 6), Window("beep", 4, 9), Window("beep", 9, 14)])
        [Window(label='beep', start=1, end=9), Window(label='beep', start=9, end=14)]
    """
    found = list[Window]()
    for one in sorted(windows, key=lambda one: one.start):
        if found and one.start < found[-1].end:
            found[-1] = replace(found[-1], end=max(found[-1].end, one.end))
        else:
            found.append(one)
    return found
