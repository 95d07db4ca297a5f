"""The learning curve of a run as a picture."""

import io
from pathlib import Path

from mien.core.files import replacing
from mien.recipes import Epoch


def draw_curves(epochs: list[Epoch], path: Path) -> None:
    """Write a PNG of loss and accuracy per epoch, training and validation side by side."""
    from matplotlib.figure import Figure  # not pyplot: no window, no global state
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for part, label in (("train", "training"), ("val", "validation")):
            axes.plot(
                [epoch.epoch for epoch in epochs],
                [getattr(epoch, f"{part}_{name}") for epoch in epochs],
                label=label,
                marker="." * (len(epochs) < 40),
            )
        axes.set(xlabel="epoch", ylabel=name)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.grid(alpha=0.3)
        axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    with replacing(path) as part_:
        part_.write_bytes(buffer.getvalue())
