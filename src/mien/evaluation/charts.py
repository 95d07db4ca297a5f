"""Charts as inline SVG: no plotting library, sharp at any size, coloured by the page's own theme."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isfinite, log10

from markupsafe import Markup

from mien.core.streams import visible
from mien.evaluation.metrics import ReliabilityBin

WIDTH, LEFT, RIGHT, TOP = 480, 44, 20, 26  # viewBox units
PLOT = WIDTH - LEFT - RIGHT


class _Chart:
    """A chart that is being drawn: x runs over `span`, y over `ticks`; `parts` are SVG elements."""

    def __init__(
        self, title: str, side: int, span: tuple[float, float], ticks: Sequence[float], *, percent: bool = False
    ) -> None:
        self.side, self.span, self.ticks = side, span, ticks
        self.ground = TOP + side
        self.parts = [_text(LEFT, 14, title, style="title")]
        for tick in ticks:
            y, name = self.down(tick), f"{100 * tick:.4g} %" if percent else f"{tick:.4g}"
            self.parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{LEFT + PLOT}" y2="{y:.1f}"/>')
            self.parts.append(_text(LEFT - 6, y + 4, name, anchor="end"))

    def right(self, x: float) -> float:
        first, last = self.span
        return LEFT + PLOT * (x - first) / (last - first or 1)

    def down(self, y: float) -> float:
        return TOP + self.side * (self.ticks[-1] - y) / (self.ticks[-1] - self.ticks[0])

    def bar(self, style: str, x: float, top: float, width: float, height: float) -> None:
        corner = f'x="{x:.1f}" y="{top:.1f}"'
        self.parts.append(f'<rect class="{style}" {corner} width="{width:.1f}" height="{height:.1f}"/>')

    def finish(self, marks: Sequence[tuple[float, str]], across: str, description: str) -> str:
        """Return the chart with the axis `across` below it, which has (x, name) `marks`."""
        self.parts += [_text(self.right(x), self.ground + 16, name, anchor="middle") for x, name in marks]
        self.parts.append(_text(LEFT + PLOT / 2, self.ground + 33, across, anchor="middle"))
        head = f'<svg viewBox="0 0 {WIDTH} {self.ground + 40}" role="img" aria-label="{escape(visible(description))}">'
        return Markup(f"{head}{''.join(self.parts)}</svg>")


def reliability(bins: Sequence[ReliabilityBin]) -> str:
    """Return the reliability diagram: accuracy and gap to the mean confidence per bin; below, the bins' counts."""
    shares = [share / 5 for share in range(6)]
    chart = _Chart("accuracy in the bin", 270, (0, 1), shares, percent=True)
    zero, low, most = chart.ground, 64, max(found.count for found in bins)
    chart.parts.append(_text(LEFT, zero + 28, "samples in the bin", style="title"))
    chart.ground += 50 + low  # where counts are 0
    for found in bins:
        if found.accuracy is None or found.confidence is None:
            continue
        x, width = chart.right(found.lower) + 1, PLOT * (found.upper - found.lower) - 2
        top, height = chart.down(found.accuracy), low * found.count / most
        other = chart.down(found.confidence)
        chart.bar("bar", x, top, width, zero - top)
        chart.bar("gap", x + 1, min(top, other), width - 2, abs(top - other))
        chart.bar("bar", x, chart.ground - height, width, height)
        chart.parts.append(
            _text(x + width / 2, chart.ground - height - 3, str(found.count), anchor="middle", style="count")
        )
    chart.parts.append(f'<line class="ideal" x1="{LEFT}" y1="{zero}" x2="{LEFT + PLOT}" y2="{TOP}"/>')
    description = "Reliability diagram: accuracy against confidence. A table of the bins follows."
    return chart.finish([(share, f"{100 * share:.0f} %") for share in shares], "confidence of the answer", description)


@dataclass(frozen=True)
class Curve:
    """One line of a chart: its class in page.css, its name (may be empty), and (x, value) points."""

    style: str
    name: str
    points: Sequence[tuple[float, float]]


def lines(
    title: str, curves: Sequence[Curve], *, across: str, percent: bool = False, span: tuple[float, float] | None = None,
    mark: tuple[float, str] | None = None,
) -> str:  # fmt: skip
    """Return the curves, `across` naming what they run over; values that are not finite are left out.

    The values' axis runs over `span`, where given, so that several charts can be compared; else over the values.
    `mark` is where a vertical line crosses them, with its name. Empty where no curve has two points.
    """
    finite = [Curve(curve.style, curve.name, [one for one in curve.points if isfinite(one[1])]) for curve in curves]
    curves = [curve for curve in finite if len(curve.points) > 1]
    if not curves:
        return ""
    xs, values = zip(*(point for curve in curves for point in curve.points), strict=True)
    first, last = min(xs), max(xs)
    chart = _Chart(title, 210, (first, last), round_ticks(*(span or (min(values), max(values)))), percent=percent)
    for position, curve in enumerate(curves):
        path = " ".join(f"{chart.right(x):.1f},{chart.down(y):.1f}" for x, y in curve.points)
        x = WIDTH - RIGHT - 95 * (len(curves) - position)
        chart.parts.append(f'<polyline class="{curve.style}" points="{path}"/>')
        if not curve.name:
            continue
        chart.parts += [
            f'<line class="{curve.style}" x1="{x}" y1="10" x2="{x + 22}" y2="10"/>',
            _text(x + 27, 14, curve.name, style=curve.style),
        ]
    if mark:
        at, early = chart.right(mark[0]), 2 * mark[0] <= first + last
        chart.parts.append(f'<line class="ideal" x1="{at:.1f}" y1="{TOP}" x2="{at:.1f}" y2="{chart.ground}"/>')
        chart.parts.append(_text(at + (5 if early else -5), TOP + 12, mark[1], anchor="start" if early else "end"))
    whole = all(float(x).is_integer() for x in xs)  # epochs, strengths
    marks = [x for x in round_ticks(first, last) if first <= x <= last and (x == round(x) or not whole)]
    description = f"{title.capitalize()} over {across}, {first:g} to {last:g}."
    return chart.finish([(mark, f"{mark:g}") for mark in marks], across, description)


@dataclass(frozen=True)
class Dot:
    """One point of a scatter: its name, its coordinates, and the interval of its value."""

    name: str
    x: float
    y: float
    low: float
    high: float


def scatter(title: str, dots: Sequence[Dot], *, across: str, percent: bool = False) -> str:
    """Return named points with their intervals over `across`, on a logarithmic axis. Empty where there are none."""
    if not dots:
        return ""
    ticks = round_ticks(min(dot.low for dot in dots), max(dot.high for dot in dots))
    marks = log_ticks(min(dot.x for dot in dots), max(dot.x for dot in dots))
    chart = _Chart(title, 260, (log10(marks[0]), log10(marks[-1])), ticks, percent=percent)
    dots = sorted(dots, key=lambda dot: (dot.x, -dot.y))
    points = [(chart.right(log10(dot.x)), *map(chart.down, (dot.y, dot.low, dot.high))) for dot in dots]
    occupied = [(x - 4, top, x + 4, bottom) for x, _, bottom, top in points]
    for dot, (x, y, bottom, top) in zip(dots, points, strict=True):
        width = 6.2 * len(dot.name)
        left, base = _free(x, y, width, occupied, chart.ground)
        occupied.append((left, base - 9, left + width, base + 3))
        chart.parts += [
            f'<line class="whisker" x1="{x:.1f}" y1="{bottom:.1f}" x2="{x:.1f}" y2="{top:.1f}"/>',
            f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"/>',
            _text(left, base, dot.name),
        ]
    description = f"{title.capitalize()} against {across}; a table with the figures follows."
    return chart.finish([(log10(mark), f"{mark:g}") for mark in marks], f"{across}, logarithmic", description)


Corners = tuple[float, float, float, float]


def _free(x: float, y: float, width: float, occupied: Sequence[Corners], ground: float) -> tuple[float, float]:
    """Return where the name of a point at (x, y) begins: next to it, where it covers the least of what is there."""

    def covered(start: tuple[float, float]) -> float:
        left, base = start
        right, top, bottom = left + width, base - 9, base + 3
        outside = max(0, right - WIDTH) + max(0, LEFT - left) + max(0, TOP - top) + max(0, bottom - ground)
        shared = sum(
            max(0, min(right, other[2]) - max(left, other[0])) * max(0, min(bottom, other[3]) - max(top, other[1]))
            for other in occupied
        )
        return shared + 100 * outside

    steps = [0, *(sign * step for step in range(12, 61, 12) for sign in (-1, 1))]
    starts = [(start, y + 4 + step) for step in steps for start in (x + 8, x - 8 - width)]
    return min(starts, key=covered)  # of those equally good, the first: nearest to the point


def log_ticks(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times powers of ten, of which the outermost enclose low and high, both above 0."""
    powers = range(floor(log10(low)) - 1, ceil(log10(high)) + 1)
    marks = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    first = max(index for index, mark in enumerate(marks) if mark <= low)
    last = min((index for index, mark in enumerate(marks) if mark >= high), default=len(marks) - 1)
    return marks[first : max(last, first + 1) + 1]


def round_ticks(low: float, high: float) -> list[float]:
    """Return round numbers, 1, 2 or 5 times a power of ten apart, of which the outermost enclose low and high."""
    span = max(high - low, 1e-3 * min(1, max(abs(low), abs(high))), 1e-12)
    power = 10.0 ** floor(log10(span / 4))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= span / 5)
    start, end = floor(low / step), max(ceil(high / step), floor(low / step) + 1)
    return [step * index for index in range(start, end + 1)]


def _text(x: float, y: float, text: str, *, anchor: str = "start", style: str = "") -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(visible(text))}</text>'
