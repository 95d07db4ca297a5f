"""The learning curve of a run: the one drawing of it, for report.html and for curves.svg in the run folder."""

from collections.abc import Sequence

from mien.core import html
from mien.evaluation import charts
from mien.recipes import Epoch


def learning_curves(epochs: Sequence[Epoch]) -> list[str]:
    """Return two charts as inline SVG, loss and accuracy over the epochs; [] without epochs.

    Example:
        >>> learning_curves([])
        []
    """

    def chart(title: str, training: Sequence[float], validation: Sequence[float], *, percent: bool = False) -> str:
        curves = [
            charts.Curve(style, name, list(zip(numbers, values, strict=True)))
            for style, name, values in (("train", "training", training), ("val", "validation", validation))
        ]
        return charts.lines(title, curves, across="epoch", percent=percent)

    if len(epochs) == 1:
        epochs = [*epochs, *epochs]  # a line from the point to itself is a dot
    numbers = [float(epoch.epoch) for epoch in epochs]
    found = [
        chart("loss", [epoch.train_loss for epoch in epochs], [epoch.val_loss for epoch in epochs]),
        chart(
            "accuracy",
            [epoch.train_accuracy for epoch in epochs],
            [epoch.val_accuracy for epoch in epochs],
            percent=True,
        ),
    ]
    return [one for one in found if one]


def curves_svg(epochs: Sequence[Epoch]) -> str:
    """Return the same charts side by side as the text of an SVG file that needs no other file."""
    return html.render("mien.evaluation/curves.svg", charts=learning_curves(epochs))
