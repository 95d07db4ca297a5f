"""Charts as inline SVG: no plotting library, sharp at any size, coloured by the page's own theme."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isfinite, log10
from typing import Protocol

from markupsafe import Markup

WIDTH, LEFT, RIGHT, TOP = 480, 44, 20, 26  # viewBox units
PLOT = WIDTH - LEFT - RIGHT


class CalibrationBin(Protocol):
    """One bar of a reliability diagram: samples whose confidence lies in (lower, upper], their means or None."""

    @property
    def lower(self) -> float: ...
    @property
    def upper(self) -> float: ...
    @property
    def count(self) -> int: ...
    @property
    def confidence(self) -> float | None: ...
    @property
    def accuracy(self) -> float | None: ...


def reliability(bins: Sequence[CalibrationBin]) -> str:
    """Return the reliability diagram: accuracy and gap to the mean confidence per bin; below, the bins' counts."""
    side, low = 270, 64
    ground = TOP + side  # where accuracy is 0
    foot = ground + 50 + low  # where counts are 0
    most = max(found.count for found in bins)
    parts = [
        _text(LEFT, 14, "accuracy in the bin", style="title"),
        *_grid([(ground - side * share / 5, f"{20 * share} %") for share in range(6)]),
        _text(LEFT, ground + 28, "samples in the bin", style="title"),
    ]
    for found in bins:
        x, width = LEFT + PLOT * found.lower + 1, PLOT * (found.upper - found.lower) - 2
        if found.accuracy is None or found.confidence is None:
            continue
        height = low * found.count / most
        gap = side * abs(found.accuracy - found.confidence)
        parts += [
            _bar("bar", x, ground - side * found.accuracy, width, side * found.accuracy),
            _bar("gap", x + 1, ground - side * max(found.accuracy, found.confidence), width - 2, gap),
            _bar("bar", x, foot - height, width, height),
            _text(x + width / 2, foot - height - 3, str(found.count), anchor="middle", style="count"),
        ]
    parts.append(f'<line class="ideal" x1="{LEFT}" y1="{ground}" x2="{LEFT + PLOT}" y2="{TOP}"/>')
    parts += [_text(LEFT + PLOT * share / 5, foot + 15, f"{20 * share} %", anchor="middle") for share in range(6)]
    parts.append(_text(LEFT + PLOT / 2, foot + 32, "confidence of the answer", anchor="middle"))
    return _svg(foot + 38, "Reliability diagram: accuracy against confidence. A table of the bins follows.", parts)


@dataclass(frozen=True)
class Curve:
    """One line of a chart: its class in page.css, its name, and (x, value) points."""

    style: str
    name: str
    points: Sequence[tuple[float, float]]


def lines(
    title: str,
    curves: Sequence[Curve],
    *,
    across: str,
    percent: bool = False,
    span: tuple[float, float] | None = None,
) -> str:
    """Return the curves, `across` naming what they run over; values that are not finite are left out.

    The values' axis runs over `span`, where given, so that several charts can be compared; else over the values.
    Empty where no curve has two points.
    """
    curves = [
        Curve(curve.style, curve.name, [point for point in curve.points if isfinite(point[1])]) for curve in curves
    ]
    curves = [curve for curve in curves if len(curve.points) > 1]
    if not curves:
        return ""
    side = 210
    first, last = (bound(x for curve in curves for x, _ in curve.points) for bound in (min, max))
    values = [y for curve in curves for _, y in curve.points]
    ticks = round_ticks(*(span or (min(values), max(values))))

    def right(x: float) -> float:
        return LEFT + PLOT * (x - first) / (last - first or 1)

    def down(y: float) -> float:
        return TOP + side * (ticks[-1] - y) / (ticks[-1] - ticks[0])

    parts = [
        _text(LEFT, 14, title, style="title"),
        *_grid([(down(tick), f"{100 * tick:.4g} %" if percent else f"{tick:.4g}") for tick in ticks]),
    ]
    for position, curve in enumerate(curves):
        path = " ".join(f"{right(x):.1f},{down(y):.1f}" for x, y in curve.points)
        x = WIDTH - RIGHT - 95 * (len(curves) - position)
        parts += [
            f'<polyline class="{curve.style}" points="{path}"/>',
            f'<line class="{curve.style}" x1="{x}" y1="10" x2="{x + 22}" y2="10"/>',
            _text(x + 27, 14, curve.name, style=curve.style),
        ]
    whole = all(float(x).is_integer() for curve in curves for x, _ in curve.points)  # epochs, strengths
    marks = [x for x in round_ticks(first, last) if first <= x <= last and (x == round(x) or not whole)]
    parts += [_text(right(mark), TOP + side + 16, f"{mark:g}", anchor="middle") for mark in marks]
    parts.append(_text(LEFT + PLOT / 2, TOP + side + 33, across, anchor="middle"))
    return _svg(TOP + side + 40, f"{title.capitalize()} over {across}, {first:g} to {last:g}.", parts)


@dataclass(frozen=True)
class Dot:
    """One point of a scatter: its name, place, and the interval of its value."""

    name: str
    x: float
    y: float
    low: float
    high: float


def scatter(title: str, dots: Sequence[Dot], *, across: str, percent: bool = False) -> str:
    """Return named points with their intervals over `across`, on a logarithmic axis. Empty where there are none."""
    if not dots:
        return ""
    side = 260
    ticks = round_ticks(min(dot.low for dot in dots), max(dot.high for dot in dots))
    marks = log_ticks(min(dot.x for dot in dots), max(dot.x for dot in dots))

    def right(x: float) -> float:
        return LEFT + PLOT * log10(x / marks[0]) / log10(marks[-1] / marks[0])

    def down(y: float) -> float:
        return TOP + side * (ticks[-1] - y) / (ticks[-1] - ticks[0])

    parts = [
        _text(LEFT, 14, title, style="title"),
        *_grid([(down(tick), f"{100 * tick:.4g} %" if percent else f"{tick:.4g}") for tick in ticks]),
    ]
    taken = [(right(dot.x) - 4, down(dot.high), right(dot.x) + 4, down(dot.low)) for dot in dots]
    for dot in sorted(dots, key=lambda dot: (dot.x, -dot.y)):
        x, y = right(dot.x), down(dot.y)
        parts += [
            f'<line class="whisker" x1="{x:.1f}" y1="{down(dot.low):.1f}" x2="{x:.1f}" y2="{down(dot.high):.1f}"/>',
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"/>',
        ]
        left, base = _free(x, y, 6.2 * len(dot.name), taken, TOP + side)
        taken.append((left, base - 9, left + 6.2 * len(dot.name), base + 3))
        parts.append(_text(left, base, dot.name))
    parts += [_text(right(mark), TOP + side + 16, f"{mark:g}", anchor="middle") for mark in marks]
    parts.append(_text(LEFT + PLOT / 2, TOP + side + 33, f"{across}, logarithmic", anchor="middle"))
    return _svg(TOP + side + 40, f"{title.capitalize()} against {across}; a table with the figures follows.", parts)


Box = tuple[float, float, float, float]


def _free(x: float, y: float, width: float, taken: Sequence[Box], ground: float) -> tuple[float, float]:
    """Return where a label of a point at (x, y) begins: beside it, where it covers the least of what is there."""

    def covered(place: tuple[float, float]) -> float:
        left, base = place
        box = (left, base - 9, left + width, base + 3)
        outside = max(0, box[2] - WIDTH) + max(0, LEFT - box[0]) + max(0, TOP - box[1]) + max(0, box[3] - ground)
        shared = sum(
            max(0, min(box[2], other[2]) - max(box[0], other[0]))
            * max(0, min(box[3], other[3]) - max(box[1], other[1]))
            for other in taken
        )
        return shared + 100 * outside

    steps = [0, *(sign * step for step in range(12, 61, 12) for sign in (-1, 1))]
    places = [(start, y + 4 + step) for step in steps for start in (x + 8, x - 8 - width)]
    return min(places, key=covered)  # of those equally good, the first: nearest to the point


def log_ticks(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times powers of ten, of which the outermost enclose low and high, both above 0."""
    marks = [
        factor * 10.0**power for power in range(floor(log10(low)) - 1, ceil(log10(high)) + 1) for factor in (1, 2, 5)
    ]
    first = max(index for index, mark in enumerate(marks) if mark <= low)
    last = min((index for index, mark in enumerate(marks) if mark >= high), default=len(marks) - 1)
    return marks[first : max(last, first + 1) + 1]


def round_ticks(low: float, high: float) -> list[float]:
    """Return round numbers, 1, 2 or 5 times a power of ten apart, of which the outermost enclose low and high."""
    span = max(high - low, 1e-3)
    power = 10.0 ** floor(log10(span / 4))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= span / 5)
    start, end = floor(low / step), max(ceil(high / step), floor(low / step) + 1)
    return [step * index for index in range(start, end + 1)]


def _grid(rows: Sequence[tuple[float, str]]) -> list[str]:
    return [
        f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{LEFT + PLOT}" y2="{y:.1f}"/>'
        + _text(LEFT - 6, y + 4, name, anchor="end")
        for y, name in rows
    ]


def _text(x: float, y: float, text: str, *, anchor: str = "start", style: str = "") -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _bar(style: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _svg(height: float, description: str, parts: Sequence[str]) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(description)}">'
    return Markup(f"{head}{''.join(parts)}</svg>")
