"""Expressions over time, drawn: for each face stacked probabilities, below them a row of bars for each expression.

What is readable depends on the room for a second. A bar of an episode that is at least `LEAST` pixels long is drawn as
it is, with its apex where there is room for the mark. Shorter ones are summed up: a column of `LEAST` pixels is as high
as the share of its time that they fill, so that two hours do not become one black band.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil, floor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.core.fonts import drawable, load_font
from mien.faces.annotate import Colour
from mien.outputs.drawing import INK, Drawing

BINS = 600  # over a panel at most: what a screen shows
MOST = 8  # classes are shown, of more the most probable
WIDTH, LEFT, RIGHT, TOP = 1200, 110, 24, 72  # pixels
LEGEND = 130  # pixels of a class in the legend, at least
HEAD, BAND, ROW, SPACE = 22, 84, 16, 14  # heights: of a name, of the probabilities, of a row of bars, between panels
AXIS = 22  # height of the times below a panel
LEAST = 2.0  # pixels of the shortest bar that is drawn as it is
ROOM = 14.0  # pixels of the shortest bar with a mark at its apex
LOWEST = 0.25  # the height of a column in which there is anything at all
EVENTS = 3  # rows of events; what does not fit is summed up in the last one
FAINT, REST, EVENT, EDGE = (222, 226, 232), (196, 200, 208), (203, 209, 219), (150, 158, 172)
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)  # seconds between ticks


class Bar(NamedTuple):
    """An episode or an event: what it is called, and its seconds; an event has no apex."""

    label: str
    start: float
    end: float
    apex: float | None = None


@dataclass(frozen=True, eq=False)
class TimelinePanel:
    """A face over a stretch of time."""

    name: str
    note: str
    start: float
    end: float
    """Seconds: the stretch."""
    means: NDArray[np.float64]
    """Probabilities [n, k] over n equal parts of the stretch, at most `BINS`; NaN where the face is not seen."""
    episodes: Sequence[Bar]
    events: Sequence[Bar] = field(default=())


def draw_panels(
    panels: Sequence[TimelinePanel], colours: Mapping[str, Colour], title: str, *, width: float = WIDTH
) -> Drawing:
    """Return the drawing of panels, one below the other, all with the same number of pixels for a second.

    Args:
        panels: what to draw; times below one that ends the figure, or is followed by another stretch.
        colours: of the k classes, in their order (`mien.faces.annotate.palette`).
        title: above all.
        width: of the drawing, in pixels of 1/96 inch.
    """
    shares, colours = _most([panel.means for panel in panels], dict(colours))
    longest = max((panel.end - panel.start for panel in panels), default=0.0)
    scale = (width - LEFT - RIGHT) / longest if longest else 0.0
    per_line = min(len(colours), max(1, floor((width - LEFT - RIGHT) / LEGEND)))
    wide = min(1.5 * LEGEND, (width - LEFT - RIGHT) / per_line)
    lines = ceil(len(colours) / per_line)
    top = TOP + 20.0 * (lines - 1)
    rows = [_rows(panel, colours) for panel in panels]
    ends = [at + 1 == len(panels) or _span(panels[at + 1]) != _span(panel) for at, panel in enumerate(panels)]
    events = [_lanes(panel.events) for panel in panels]
    heights = [
        HEAD + ROW * len(lanes) + BAND + 6 + ROW * len(own) + (AXIS if end else 0) + SPACE
        for lanes, own, end in zip(events, rows, ends, strict=True)
    ]
    drawing = Drawing(width, top + sum(heights) + (0 if panels else 40))
    named = _drawable(list(colours), [title, *_names(panels, events)])
    whole = named[_plain(title)]
    size = 16 if load_font(16).getlength(whole) <= width - LEFT - 8 else 12
    text = _fitting(whole, width - LEFT - 8, size)
    drawing.text(LEFT, 28, text, size=size, bold=True, svg=_plain(title) if text == whole else text)
    for index, (name, colour) in enumerate(colours.items()):
        x, y = LEFT + index % per_line * wide, 44 + 20 * (index // per_line)
        drawing.rectangle(x, y, x + 13, y + 13, colour)
        drawing.text(x + 19, y + 12, _fitting(named[_plain(name)], wide - 24, 13), svg=_plain(name))
    if not panels:
        drawing.text(LEFT, top + 20, "no face was found")
    for panel, means, own, lanes, end, height in zip(panels, shares, rows, events, ends, heights, strict=True):
        _Pen(drawing, panel, scale, top, named).draw(means, colours, own, lanes, axis=end, height=height)
        top += height
    return drawing


class _Pen:
    """Draws one panel, from `top` down."""

    def __init__(self, drawing: Drawing, panel: TimelinePanel, scale: float, top: float, named: dict[str, str]) -> None:
        self.drawing, self.panel, self.scale, self.top, self.named = drawing, panel, scale, top, named
        self.right = LEFT + (panel.end - panel.start) * scale

    def x(self, seconds: float) -> float:
        return LEFT + (seconds - self.panel.start) * self.scale

    def draw(
        self,
        means: NDArray[np.float64],
        colours: dict[str, Colour],
        rows: dict[str, list[Bar]],
        lanes: Sequence[Sequence[Bar]],
        *,
        axis: bool,
        height: float,
    ) -> None:
        drawing, panel = self.drawing, self.panel
        name = _fitting(self.named[_plain(panel.name)], 0.6 * (drawing.width - LEFT), 13)
        drawing.text(LEFT, self.top + 14, name, bold=True)
        drawing.text(LEFT + load_font(13).getlength(name) + 14, self.top + 14, panel.note, size=12)
        y = self.top + HEAD
        ground = y + ROW * len(lanes) + BAND
        bottom = ground + 6 + ROW * len(rows)
        self.ticks(y + ROW * len(lanes), bottom, self.top + height - SPACE if axis else None)
        for lane in lanes:
            self.bars(lane, EVENT, y, labels=True)
            for event in lane:
                if (event.end - event.start) * self.scale >= ROOM:
                    for x in (self.x(event.start), self.x(event.end)):
                        drawing.rectangle(x - 0.4, y + ROW - 3, x + 0.4, bottom, EDGE)
            y += ROW
        drawing.rectangle(LEFT, ground, self.right, ground + 1, FAINT)
        for share, height in (("0", ground), ("1", y + 8)):
            drawing.text(LEFT - 8, height, share, size=11, anchor="end")
        for first, after in _seen(means):
            self.stack(means[first:after], first, y, list(colours.values()))
        y = ground + 6
        for expression, episodes in rows.items():
            label = _fitting(self.named[_plain(expression)], LEFT - 16, 11)
            drawing.text(LEFT - 8, y + ROW - 6, label, size=11, anchor="end", svg=_plain(expression))
            self.bars(episodes, colours.get(expression, REST), y)
            y += ROW

    def ticks(self, top: float, bottom: float, names: float | None) -> None:
        """Draw a faint line at round times, and the times where there is a place for `names`."""
        panel, most = self.panel, max(2.0, (self.right - LEFT) / 88)
        length = panel.end - panel.start
        step = next((step for step in STEPS if length / step <= most), 86_400 * ceil(length / most / 86_400))
        for count in range(ceil(panel.start / step - 1e-6), floor(panel.end / step + 1e-6) + 1):
            x = self.x(step * count)
            self.drawing.rectangle(x - 0.5, top, x + 0.5, bottom + (4 if names else 0), FAINT)
            if names:
                self.drawing.text(x, names - 2, clock(step * count, step), size=12, anchor="middle")

    def stack(self, means: NDArray[np.float64], first: int, top: float, colours: Sequence[Colour]) -> None:
        """Draw stacked areas, the first class at the bottom; from one bin's middle to the next.

        Each reaches down to the ground, behind the one before: viewers of PDF show light between areas that touch.
        """
        wide = (self.right - LEFT) / len(self.panel.means)
        xs = np.array([first, *(first + index + 0.5 for index in range(len(means))), first + len(means)]) * wide + LEFT
        heights = np.cumsum(means, axis=1)[[0, *range(len(means)), -1]]
        ground = top + BAND
        for colour, height in reversed(list(zip(colours, heights.T, strict=True))):
            ys = ground - BAND * np.minimum(height, 1)
            outline = list(zip(xs.tolist(), ys.tolist(), strict=True))
            self.drawing.polygon([(xs[0], ground), *outline, (xs[-1], ground)], colour)

    def bars(self, bars: Sequence[Bar], colour: Colour, top: float, *, labels: bool = False) -> None:
        """Draw the bars of a row that are long enough, and the others as columns."""
        long, short = list[Bar](), list[Bar]()
        for bar in bars:
            (long if (bar.end - bar.start) * self.scale >= LEAST else short).append(bar)
        for xs, heights in columns(short, self.panel, self.scale):
            ys = (top + (ROW - 3) * (1 - heights)).tolist()
            steps = [(x, y) for y, both in zip(ys, pairwise(xs), strict=True) for x in both]
            self.drawing.polygon([(xs[0], top + ROW - 3), *steps, (xs[-1], top + ROW - 3)], colour)
        after = [self.x(bar.start) for bar in bars[1:]] + [self.drawing.width - 8]
        for bar in long:
            start, end = self.x(bar.start), self.x(bar.end)
            self.drawing.rectangle(start, top, end, top + ROW - 3, colour)
            if bar.apex is not None and end - start >= ROOM:
                apex = self.x(bar.apex)
                self.drawing.polygon([(apex - 4, top), (apex + 4, top), (apex, top + 6)], INK)
            if labels:
                room = min(x for x in after if x > start) - start - 8  # until the next event
                text = _fitting(self.named[_plain(bar.label)], room, 11)
                if len(text) > 2:
                    self.drawing.text(start + 4, top + ROW - 6, text, size=11)


def columns(bars: Sequence[Bar], panel: TimelinePanel, scale: float) -> list[tuple[list[float], NDArray[np.float64]]]:
    """Return where short bars are summed up: runs of columns, as edges [n + 1] in pixels and heights [n], 0 to 1."""
    if not bars:
        return []
    n = max(1, ceil((panel.end - panel.start) * scale / LEAST))
    edges = np.linspace(panel.start, panel.end, n + 1)
    starts = np.array([[bar.start] for bar in bars])
    lengths = np.maximum([[bar.end - bar.start] for bar in bars], 1e-9)  # of a point in time too
    until = np.zeros(n + 1)  # the time in bars until each edge
    for part in np.array_split(np.arange(len(bars)), ceil(len(bars) / 256)):
        until += np.clip(edges - starts[part], 0, lengths[part]).sum(axis=0)
    filled = np.diff(until) / np.diff(edges)
    heights = np.where(filled > 0, np.clip(filled, LOWEST, 1), 0)
    xs = LEFT + (edges - panel.start) * scale
    return [(xs[a : b + 1].tolist(), heights[a:b]) for a, b in _runs(heights > 0)]


def _span(panel: TimelinePanel) -> tuple[float, float]:
    return panel.start, panel.end


def _rows(panel: TimelinePanel, colours: dict[str, Colour]) -> dict[str, list[Bar]]:
    """Return the bars of each expression that has some, in the order of the legend; those without a colour last."""
    order = [*colours, *sorted({bar.label for bar in panel.episodes} - set(colours))]
    found: dict[str, list[Bar]] = {name: [] for name in order}
    for bar in panel.episodes:
        found[bar.label].append(bar)
    return {name: bars for name, bars in found.items() if bars}


def _lanes(bars: Sequence[Bar]) -> list[list[Bar]]:
    """Spread bars over as few rows as they need so as not to overlap; the last of `EVENTS` takes all others."""
    lanes: list[list[Bar]] = []
    for bar in sorted(bars, key=lambda one: (one.start, one.end)):
        lane = next((lane for lane in lanes if lane[-1].end <= bar.start), None)
        if lane is None and len(lanes) == EVENTS:
            lane = lanes[-1]
        if lane is None:
            lanes.append(lane := [])
        lane.append(bar)
    return lanes


def _most(
    means: Sequence[NDArray[np.float64]], colours: dict[str, Colour]
) -> tuple[Sequence[NDArray[np.float64]], dict[str, Colour]]:
    """Return the probabilities and colours of the most probable classes, and of all others as one."""
    if len(colours) <= MOST:
        return means, colours
    total = sum((np.nansum(rows, axis=0) for rows in means), np.zeros(len(colours)))
    chosen = np.sort(np.argsort(-total, kind="stable")[: MOST - 1])
    others = np.setdiff1d(np.arange(len(colours)), chosen)
    folded = [np.concatenate([rows[:, chosen], rows[:, others].sum(axis=1, keepdims=True)], axis=1) for rows in means]
    names = list(colours)
    return folded, {names[index]: colours[names[index]] for index in chosen.tolist()} | {
        f"{len(others):,} others": REST
    }


def _names(panels: Sequence[TimelinePanel], events: Sequence[Sequence[Sequence[Bar]]]) -> Iterator[str]:
    for panel, lanes in zip(panels, events, strict=True):
        yield panel.name
        yield from (bar.label for bar in panel.episodes)
        yield from (bar.label for lane in lanes for bar in lane)


def _plain(name: str) -> str:
    """Return a name as one line: that of a file or participant may hold anything."""
    return "".join(letter if letter.isprintable() else "?" for letter in name)


def _drawable(classes: Sequence[str], names: Iterable[str]) -> dict[str, str]:
    """Return each plain name -> as the font draws it; of names that are no classes, ? are letters that it lacks."""
    plain = list(dict.fromkeys(map(_plain, [*classes, *names])))
    found = dict(zip(plain, drawable(plain, longest=None), strict=True))
    for index, name in enumerate(plain[len(classes) :], start=len(classes)):
        if found[name] == f"class {index}" != name:
            found[name] = "".join(letter if letter.isascii() else "?" for letter in name)
    return found


def _fitting(text: str, room: float, size: float) -> str:
    """Return as much of a text as is at most `room` pixels long."""
    font = load_font(size)
    if font.getlength(text) <= room:
        return text
    while text and font.getlength(f"{text}..") > room:
        text = text[:-1]
    return f"{text.rstrip()}.." if text else ""


def _seen(means: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the stretches [first, after) of bins in which there are numbers."""
    return _runs(np.isfinite(means[:, 0]))


def _runs(marks: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return where marks [n] are set, as stretches [first, after)."""
    edges = np.diff(marks.astype(np.int8), prepend=0, append=0)
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


def clock(seconds: float, step: float) -> str:
    """Return the time on an axis whose ticks are `step` seconds apart.

    Example:
        >>> clock(75, 5), clock(-75, 5), clock(3675, 60), clock(0.4, 0.2)
        ('1:15', '-1:15', '1:01:15', '0.4 s')
    """
    if step < 1:
        return f"{seconds:.1f} s"
    sign, (minutes, rest) = "-" if round(seconds) < 0 else "", divmod(abs(round(seconds)), 60)
    return f"{sign}{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{sign}{minutes}:{rest:02d}"
