"""The learning curves as a page: the panels of `mien.evaluation.learning_curve`."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from mien.evaluation.learning_curve import panels
from mien.evaluation.plots.sheet import BLUE, GRID, SOFT
from mien.recipes import Epoch, Recipe

LINES = {"train": {"color": SOFT, "linestyle": "--"}, "val": {"color": BLUE, "linestyle": "-"}}


def curves(epochs: Sequence[Epoch], title: str, recipe: Recipe | None = None) -> Figure:
    """Return the panels of at least one epoch."""
    drawn = panels(epochs, recipe)
    figure = Figure(figsize=(4.35 * len(drawn), 3.8), layout="constrained", facecolor="white")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, fontweight="bold")
    for axes, panel in zip(figure.subplots(1, len(drawn)), drawn, strict=True):
        for curve in panel.curves:
            x, y = zip(*curve.points, strict=True)
            alone = "o" if len(set(x)) == 1 else ""
            axes.plot(x, y, label=curve.name, marker=alone, linewidth=1.8, **LINES[curve.style])
        if panel.mark:
            axes.axvline(panel.mark[0], label=panel.mark[1], color=SOFT, linestyle=":", linewidth=1.4)
        axes.set_title(panel.title, loc="left", fontsize=10)
        axes.set_xlabel(panel.across)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        if len(first := {x for curve in panel.curves for x, _ in curve.points}) == 1:
            axes.set_xticks(list(first))
        if panel.percent:
            axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g} %"))
        if panel.span:
            axes.set_ylim(panel.span[0], panel.span[1] * 1.05)
        if panel.curves[0].name:
            axes.legend(frameon=False, fontsize=9)
        axes.grid(color=GRID, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
