"""The report's charts as inline SVG: no plotting library, sharp at any size, coloured by the page's own theme."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite

from mien.evaluate.scores import Bin

WIDTH, LEFT, RIGHT = 520, 44, 10


def reliability(bins: Sequence[Bin]) -> str:
    """Return the reliability diagram: accuracy per bin of confidence, the gap to the ideal, and below it the bins' counts."""
    top, side, low = 24, 270, 64
    plot = WIDTH - LEFT - RIGHT
    most = max(found.count for found in bins)
    parts = [
        _axis(top, side, 0, 1, 5, percent=True),
        f'<text class="title" x="{LEFT}" y="14">accuracy in the bin</text>',
    ]
    base = top + side + 44
    parts.append(f'<text class="title" x="{LEFT}" y="{base - 10}">samples in the bin</text>')
    for found in bins:
        x, width = LEFT + plot * found.lower + 1, plot * (found.upper - found.lower) - 2
        height = low * found.count / most
        floor = base + 14 + low
        parts.append(_rectangle("bar", x, floor - height, width, height))
        if found.count:
            parts.append(
                f'<text x="{x + width / 2:.1f}" y="{floor - height - 3:.1f}" text-anchor="middle">{found.count}</text>'
            )
        if found.accuracy is not None and found.confidence is not None:
            parts.append(_rectangle("bar", x, top + side * (1 - found.accuracy), width, side * found.accuracy))
            upper = max(found.accuracy, found.confidence)
            parts.append(
                _rectangle(
                    "gap", x + 1, top + side * (1 - upper), width - 2, side * abs(found.accuracy - found.confidence)
                )
            )
    parts.append(f'<line class="ideal" x1="{LEFT}" y1="{top + side}" x2="{LEFT + plot}" y2="{top}"/>')
    bottom = base + 14 + low
    for step in range(6):
        x = LEFT + plot * step / 5
        parts.append(f'<text x="{x:.1f}" y="{bottom + 15}" text-anchor="middle">{step * 20} %</text>')
    parts.append(
        f'<text x="{LEFT + plot / 2:.1f}" y="{bottom + 32}" text-anchor="middle">confidence of the answer</text>'
    )
    return _svg(
        bottom + 40, "Reliability diagram: accuracy against confidence; the table below has the numbers.", parts
    )


@dataclass(frozen=True)
class Curve:
    """One line of a chart: its CSS class, its name, and (epoch, value) points."""

    style: str
    name: str
    points: Sequence[tuple[float, float]]


def lines(title: str, curves: Sequence[Curve], *, percent: bool = False) -> str:
    """Return values over epochs, not finite ones left out; empty where no curve has two points."""
    curves = [
        Curve(curve.style, curve.name, [point for point in curve.points if isfinite(point[1])]) for curve in curves
    ]
    curves = [curve for curve in curves if len(curve.points) > 1]
    if not curves:
        return ""
    top, side, plot = 24, 210, WIDTH - LEFT - RIGHT
    epochs = [x for curve in curves for x, _ in curve.points]
    values = [y for curve in curves for _, y in curve.points]
    first, last, low, high = min(epochs), max(epochs), min(values), max(values)
    low, high = low - 0.05 * (high - low or 1), high + 0.05 * (high - low or 1)

    def place(x: float, y: float) -> tuple[float, float]:
        return LEFT + plot * (x - first) / (last - first or 1), top + side * (high - y) / (high - low)

    parts = [
        _axis(top, side, low, high, 4, percent=percent),
        f'<text class="title" x="{LEFT}" y="14">{escape(title)}</text>',
    ]
    for position, curve in enumerate(curves):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in curve.points))
        parts.append(f'<polyline class="{curve.style}" points="{path}"/>')
        x = WIDTH - RIGHT - 105 * (len(curves) - position)
        parts.append(f'<line class="{curve.style}" x1="{x}" y1="10" x2="{x + 22}" y2="10"/>')
        parts.append(f'<text class="{curve.style}" x="{x + 27}" y="14">{escape(curve.name)}</text>')
    for epoch in sorted({first, round((first + last) / 2), last}):
        x, _ = place(epoch, low)
        anchor = "end" if epoch == last else "middle"
        parts.append(f'<text x="{x:.1f}" y="{top + side + 16}" text-anchor="{anchor}">{epoch:g}</text>')
    parts.append(f'<text x="{LEFT + plot / 2:.1f}" y="{top + side + 34}" text-anchor="middle">epoch</text>')
    return _svg(top + side + 42, f"{title} over epochs {first:g} to {last:g}.", parts)


def _axis(top: float, side: float, low: float, high: float, steps: int, *, percent: bool) -> str:
    parts = []
    for step in range(steps + 1):
        y, value = top + side * (1 - step / steps), low + (high - low) * step / steps
        text = f"{100 * value:.0f} %" if percent else f"{value:.2f}"
        parts.append(f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
    return "".join(parts)


def _rectangle(style: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _svg(height: float, description: str, parts: Sequence[str]) -> str:
    label = escape(description)
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
