"""What the user sees on stderr while a run goes on: a bar per epoch on a terminal, a line per epoch elsewhere."""

import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class EpochBar:
    """A context that shows one epoch: `show` moves it, `close` leaves the epoch's line. Silent where not `visible`."""

    def __init__(self, epoch: int, epochs: int, steps: int, *, visible: bool) -> None:
        self.title = f"epoch {epoch + 1}/{epochs}"
        self.visible = visible
        self.progress = Progress(
            TextColumn(self.title),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(file=sys.stderr),
            transient=True,
            disable=not (visible and sys.stderr.isatty()),
        )
        self.task = self.progress.add_task(self.title, total=steps, figures="")

    def __enter__(self) -> "EpochBar":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def show(self, step: int, loss: float, accuracy: float, rate: float) -> None:
        """Move to `step`; loss and accuracy are the epoch's so far, rate is pictures a second."""
        self.progress.update(
            self.task, completed=step, figures=f"loss {loss:.4f} accuracy {accuracy:.4f} {rate:,.0f} images/s"
        )

    def close(self, row: dict[str, Any]) -> None:
        """Leave the figures of the finished epoch on stderr."""
        self.progress.stop()
        if self.visible:
            figures = " ".join(
                f"{name} {row[name]:.4f}" for name in ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
            )
            print(
                f"{self.title} {figures} {row['images_per_second']:,.0f} images/s {row['seconds']:.1f} s",
                file=sys.stderr,
                flush=True,
            )
