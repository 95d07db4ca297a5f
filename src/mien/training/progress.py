"""What the user sees on stderr: what is trained, then a bar per epoch on a terminal, a line per epoch elsewhere."""

import torch
from rich.progress import TimeElapsedColumn

from mien.core.console import COUNT, progress_bar
from mien.core.streams import say
from mien.datasets.classes import describe
from mien.recipes import Epoch
from mien.training import distributed, setup
from mien.training.batches import Batches
from mien.training.learner import Learner
from mien.training.objective import Figures


def announce(learner: Learner, training: Batches, validation: Batches) -> None:
    """Say what is trained, on what, and for how long."""
    recipe, total, world = learner.recipe, learner.total, distributed.WORLD
    (parameters, macs), device = setup.cost(recipe), f"{learner.precision} on {setup.device_name(learner.device)}"
    lines = [
        f"{recipe.name or 'recipe'}: {recipe.model}, {parameters:,} parameters, "
        f"{macs / 1e6:,.1f} million multiply-adds an image, {device}, "
        + (f"{world} processes" if world > 1 else _many(torch.get_num_threads(), "thread")),
        f"train {len(training):,}, validation {len(validation):,} images "
        f"of {recipe.size} x {recipe.size} x {recipe.channels}",
        describe(recipe.classes, {}),
        f"{_many(training.steps, 'batch', 'es')} of {training.batch}"
        + f" (the last of {training.last})" * (training.last < training.batch)
        + f" per epoch, {_many(total, 'step')}"
        + f", continuing at {learner.steps}" * bool(learner.steps),
    ]
    say(*lines)


def _many(n: int, noun: str, ending: str = "s") -> str:
    return f"{n:,} {noun}{ending * (n != 1)}"


class EpochBar:
    """A context that shows one epoch: `show` moves it, `close` leaves the epoch's line. Silent where not `visible`."""

    def __init__(self, epoch: int, epochs: int, steps: int, *, visible: bool) -> None:
        self.title = f"epoch {epoch + 1}/{epochs}"
        self.visible = visible
        self.progress = progress_bar(COUNT, "{task.fields[figures]}", TimeElapsedColumn(), quiet=not visible)
        self.task = self.progress.add_task(self.title, total=steps, figures="")

    def __enter__(self) -> "EpochBar":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def show(self, step: int, figures: Figures, rate: float) -> None:
        """Move to `step`; the figures are the epoch's so far, rate is images per second."""
        text = f"loss {figures.loss:.4f} accuracy {figures.accuracy[0]:.4f} {rate:,.0f} images/s"
        self.progress.update(self.task, completed=step, figures=text)

    def close(self, epoch: Epoch) -> None:
        """Leave the figures of the finished epoch on stderr."""
        self.progress.stop()
        if self.visible:
            names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
            figures = " ".join(f"{name} {getattr(epoch, name):.4f}" for name in names)
            speed = f"{epoch.images_per_second:,.0f} images/s {epoch.seconds:.1f} s"
            say(f"{self.title} {figures} {speed}")
