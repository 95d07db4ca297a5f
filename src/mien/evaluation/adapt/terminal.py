"""An adapted model's cross-validation as tables for the terminal."""

from rich.console import Group, RenderableType
from rich.text import Text

from mien.core.console import quantity
from mien.core.tables import terminal_table
from mien.evaluation.adapt.adapt import Adapted
from mien.evaluation.evaluation import class_table
from mien.evaluation.metrics import METRICS
from mien.evaluation.statistics import interval_text


def table(found: Adapted) -> RenderableType:
    """Return what was learned from, and how well the cross-validation went, as a whole and by class."""
    figures = [
        [METRICS["accuracy"].title, METRICS["accuracy"].text(found.accuracy)],
        ["95 % interval", interval_text(found.interval)],
        ["always the largest class", f"{found.majority:.4f}"],
    ]
    header, classes = class_table(found.scores)
    n, kept = quantity(found.scores.n, "face"), f"; {found.together} kept together" * (found.together != "nothing")
    return Group(
        Text(f"the features of {found.model} for {n}; C = {found.c:g}; {found.folds} parts{kept}"),
        terminal_table(["cross-validation", ""], figures),
        terminal_table(header[:-1], [row[:-1] for row in classes]),
    )
