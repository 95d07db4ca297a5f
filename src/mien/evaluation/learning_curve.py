"""The learning curve of a run: what it shows, and its drawing as SVG for report.html, curves.svg and notebooks.

That drawing needs no plotting library; `mien.evaluation.plots` draws the same panels as PNG and PDF.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from mien.core import html
from mien.evaluation.charts import Curve, lines
from mien.evaluation.metrics import METRICS
from mien.recipes import Epoch, Recipe, figure
from mien.recipes.recipe import Figure

STYLES = {"train": "training", "val": "validation"}  # of `page.css`; each begins the names of its fields of `Epoch`


@dataclass(frozen=True)
class CurvePanel:
    """One chart: its curves run over `across`."""

    title: str
    across: str
    curves: Sequence[Curve]
    percent: bool = False
    span: tuple[float, float] | None = None
    """What the axis of the values covers; None: the values."""
    mark: tuple[float, str] | None = None
    """Where across a vertical line is drawn, and its name."""


def panels(epochs: Sequence[Epoch], recipe: Recipe | None = None) -> list[CurvePanel]:
    """Return loss and accuracy over the epochs, and the learning rate over the steps; [] without epochs.

    With the `recipe` also the further validation figures that it selects by or monitors. The epoch whose weights are
    kept is marked, where the run recorded it.
    """
    if not epochs:
        return []
    shown = [*epochs, *epochs] if len(epochs) == 1 else epochs  # a line from the point to itself is a dot
    kept = max((epoch.epoch for epoch in epochs if epoch.kept), default=None)
    mark = None if kept is None else (float(kept), f"epoch {kept}, kept")

    def panel(name: str) -> CurvePanel:
        curves = [
            Curve(style, label, [(float(epoch.epoch), getattr(epoch, f"{style}_{name}")) for epoch in shown])
            for style, label in STYLES.items()
        ]
        return CurvePanel(name, "epoch", curves, percent=name == "accuracy", mark=mark)

    def further(name: Figure) -> CurvePanel:
        points = [(float(epoch.epoch), figure(epoch, name)) for epoch in shown]
        return CurvePanel(METRICS[name].title, "epoch", [Curve("val", STYLES["val"], points)], mark=mark)

    watched = [name for name in _watched(recipe) if any(isfinite(figure(epoch, name)) for epoch in epochs)]
    rates = learning_rates(epochs)
    rates = rates * 2 if len(rates) == 1 else rates
    span = (0.0, max(rate for _, rate in rates))
    rate = CurvePanel("learning rate", "step", [Curve("val", "", rates)], span=span)
    return [panel("loss"), panel("accuracy"), *map(further, watched), rate]


def _watched(recipe: Recipe | None) -> list[Figure]:
    """Return the figures that choose the epoch, or that plateau and early stopping watch, but loss and accuracy."""
    if recipe is None:
        return []
    monitored = recipe.early_stop or recipe.schedule == "plateau"
    names = dict.fromkeys((recipe.select, recipe.monitor if monitored else "loss"))
    return [name for name in names if name != "last" and name not in ("loss", "accuracy")]


def learning_rates(epochs: Sequence[Epoch]) -> list[tuple[float, float]]:
    """Return (step, learning rate) over a run; of epochs that recorded no steps the rate at their end."""
    points: list[tuple[float, float]] = []
    for epoch in epochs:
        points += [(float(step), rate) for step, rate in epoch.lr_by_step]
        points.append((float(epoch.step), points[-1][1] if epoch.lr_by_step else epoch.lr))
    return points


def learning_curves(epochs: Sequence[Epoch], recipe: Recipe | None = None) -> list[str]:
    """Return the `panels` as inline SVG; [] without epochs.

    Example:
        >>> learning_curves([])
        []
    """
    drawn = (
        lines(one.title, one.curves, across=one.across, percent=one.percent, span=one.span, mark=one.mark)
        for one in panels(epochs, recipe)
    )
    return [chart for chart in drawn if chart]


def curves_svg(epochs: Sequence[Epoch], recipe: Recipe | None = None) -> str:
    """Return the same charts side by side as the text of an SVG file that needs no other file."""
    return html.render("mien.evaluation/curves.svg", charts=learning_curves(epochs, recipe))
