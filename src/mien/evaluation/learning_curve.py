"""The learning curve of a run: the one drawing of it, for report.html and for curves.svg in the run folder."""

from collections.abc import Sequence

from mien.core import html
from mien.evaluation.charts import Curve, lines
from mien.recipes import Epoch

STYLES = {"train": "training", "val": "validation"}  # of `page.css`; each begins the names of its fields of `Epoch`


def learning_curves(epochs: Sequence[Epoch]) -> list[str]:
    """Return two charts as inline SVG, loss and accuracy over the epochs; [] without epochs.

    Example:
        >>> learning_curves([])
        []
    """
    if len(epochs) == 1:
        epochs = [*epochs, *epochs]  # a line from the point to itself is a dot

    def chart(figure: str) -> str:
        curves = [
            Curve(style, name, [(float(epoch.epoch), getattr(epoch, f"{style}_{figure}")) for epoch in epochs])
            for style, name in STYLES.items()
        ]
        return lines(figure, curves, across="epoch", percent=figure == "accuracy")

    return [drawn for figure in ("loss", "accuracy") if (drawn := chart(figure))]


def curves_svg(epochs: Sequence[Epoch]) -> str:
    """Return the same charts side by side as the text of an SVG file that needs no other file."""
    return html.render("mien.evaluation/curves.svg", charts=learning_curves(epochs))
