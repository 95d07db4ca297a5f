"""The learning curve of a run: what it shows, and its drawing as SVG for report.html, curves.svg and notebooks.

That drawing needs no plotting library; `mien.evaluation.plots` draws the same panels as PNG and PDF.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mien.core import html
from mien.evaluation.charts import Curve, lines
from mien.recipes import Epoch

STYLES = {"train": "training", "val": "validation"}  # of `page.css`; each begins the names of its fields of `Epoch`


@dataclass(frozen=True)
class Panel:
    """One chart: its curves run over `across`."""

    title: str
    across: str
    curves: Sequence[Curve]
    percent: bool = False
    span: tuple[float, float] | None = None
    """What the axis of the values covers; None: the values."""


def panels(epochs: Sequence[Epoch]) -> list[Panel]:
    """Return loss and accuracy over the epochs, and the learning rate over the steps; [] without epochs."""
    if not epochs:
        return []
    shown = [*epochs, *epochs] if len(epochs) == 1 else epochs  # a line from the point to itself is a dot

    def panel(figure: str) -> Panel:
        curves = [
            Curve(style, name, [(float(epoch.epoch), getattr(epoch, f"{style}_{figure}")) for epoch in shown])
            for style, name in STYLES.items()
        ]
        return Panel(figure, "epoch", curves, percent=figure == "accuracy")

    rates = learning_rates(epochs)
    rates = rates * 2 if len(rates) == 1 else rates
    span = (0.0, max(rate for _, rate in rates))
    return [panel("loss"), panel("accuracy"), Panel("learning rate", "step", [Curve("val", "", rates)], span=span)]


def learning_rates(epochs: Sequence[Epoch]) -> list[tuple[float, float]]:
    """Return (step, learning rate) over a run; of epochs that recorded no steps the rate at their end."""
    points: list[tuple[float, float]] = []
    for epoch in epochs:
        points += [(float(step), rate) for step, rate in epoch.lr_by_step]
        points.append((float(epoch.step), points[-1][1] if epoch.lr_by_step else epoch.lr))
    return points


def learning_curves(epochs: Sequence[Epoch]) -> list[str]:
    """Return the panels as inline SVG; [] without epochs.

    Example:
        >>> learning_curves([])
        []
    """
    drawn = (
        lines(one.title, one.curves, across=one.across, percent=one.percent, span=one.span) for one in panels(epochs)
    )
    return [chart for chart in drawn if chart]


def curves_svg(epochs: Sequence[Epoch]) -> str:
    """Return the same charts side by side as the text of an SVG file that needs no other file."""
    return html.render("mien.evaluation/curves.svg", charts=learning_curves(epochs))
