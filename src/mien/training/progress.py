"""What the user sees on stderr while a run trains: a bar on a terminal, elsewhere a line every 30 seconds; a line per
epoch; what became of its weights."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.progress import TextColumn
from rich.table import Column

from mien.core.console import COUNT, duration, progress_bar, quantity
from mien.core.paths import printable
from mien.core.streams import say
from mien.evaluation.metrics import METRICS
from mien.recipes import Epoch, Recipe, best_epoch, figure
from mien.recipes.recipe import HIGHER, Figure
from mien.recipes.run_record import RunEnd
from mien.training.objective import Figures

ESTIMATE = 10.0  # seconds of training after which it is said how long an epoch takes


@dataclass
class Pace:
    """How many steps a run has, and what is known of the time that they take."""

    total: int
    """Steps of the run."""
    steps: int
    """Steps of a whole epoch."""
    validation: float = 0.0
    """Seconds of the last validation."""
    said: bool = False
    """Whether it was said how long an epoch takes."""

    def rest(self, step: int, seconds: float) -> float:
        """Return how many seconds the run has after one of its steps, at so many seconds a step."""
        left = self.total - step
        return left * seconds + -(-left // self.steps) * self.validation


class EpochBar:
    """A context that shows one epoch and its validation. Silent where not `visible`.

    Args:
        epoch: from 0 on.
        epochs: of the run.
        steps: those of this epoch.
        pace: what is known of the run; what is found out is added.
    """

    def __init__(self, epoch: int, epochs: int, steps: int, pace: Pace, *, visible: bool) -> None:
        self.title, self.epoch, self.epochs, self.steps = f"epoch {epoch + 1}/{epochs}", epoch, epochs, steps
        self.pace, self.visible = pace, visible
        self.since: tuple[int, float] | None = None  # step and seconds of the first look: before it GPUs compile
        figures = TextColumn("{task.fields[figures]}", table_column=Column())  # wraps on a narrow terminal
        self.progress = progress_bar(COUNT, figures, quiet=not visible)
        self.task = self.progress.add_task(self.title, total=steps, figures="")

    def __enter__(self) -> "EpochBar":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def show(self, step: int, figures: Figures, images: int, seconds: float) -> None:
        """Move to `step`.

        Args:
            step: the steps of the epoch so far.
            figures: of the epoch so far.
            images: how many it has had.
            seconds: how long it has taken.
        """
        speed = f"{step / seconds:,.1f} it/s, {images / seconds:,.0f} images/s"
        text = f"loss {figures.loss:.4f}, accuracy {figures.accuracy[0]:.4f}, {speed}"
        line, shown = f"step {step:,} of {self.steps:,}, {text}", text
        if self.since:
            before, began = self.since
            a_step = (seconds - began) / (step - before)
            rest = self.pace.rest(self.epoch * self.pace.steps + step, a_step)
            line += f", {duration((self.steps - step) * a_step)} left, {duration(rest)} of the run"
            shown += f", left: run {duration(rest)}, epoch"
            if self.visible and not self.pace.said and seconds >= ESTIMATE:
                self.pace.said = True
                steps = min(self.pace.steps, self.pace.total)
                an_epoch = f"about {duration(a_step * steps)} for the {quantity(steps, 'step')} of an epoch"
                say(f"{an_epoch}, {duration(rest)} for all that is left of {quantity(self.epochs, 'epoch')}")
        self.since = self.since or (step, seconds)
        self.progress.update(self.task, completed=step, figures=shown, line=line)

    def validating(self, images: int) -> None:
        """Begin the bar of the validation of so many images, which `advance` moves."""
        self.progress.update(self.task, completed=self.steps, visible=False)
        self.task = self.progress.add_task(f"{self.title}, validation", total=images, figures="images, left:")

    def advance(self, images: int) -> None:
        """Move the bar of the validation."""
        self.progress.advance(self.task, images)


def epoch_line(epochs: Sequence[Epoch], recipe: Recipe, *, stale: int = 0, left: float = 0.0) -> str:
    """Return the figures of the last of a run's epochs in a line, with whether its weights were kept, and why.

    Args:
        epochs: those of the run so far, at least one.
        recipe: what is trained.
        stale: how many epochs the monitored figure has not been better, for early stopping and plateau.
        left: how many seconds the run has, about.
    """
    new = epochs[-1]
    names = ("train_loss", "train_accuracy", "val_loss", "val_accuracy")
    further = "".join(f" {name} {value:.4f}" for name, value in new.further_val_accuracy.items())
    figures = " ".join(f"{name} {getattr(new, name):.4f}" for name in names) + further
    speed = f"{new.images_per_second:,.0f} images/s {new.seconds:.1f} s"
    parts = [f"epoch {new.epoch}/{recipe.epochs} {figures} {speed}", verdict(epochs, recipe)]
    if stale and (recipe.early_stop or recipe.schedule == "plateau"):
        limit = f", stops at {recipe.early_stop}" if recipe.early_stop else ""
        parts.append(f"{quantity(stale, 'epoch')} {_without(recipe)}{limit}")
    if left >= 1:
        parts.append(f"about {duration(left)} left")
    return "; ".join(parts)


def lowered_line(epoch: Epoch, lr: float, recipe: Recipe) -> str:
    """Return that `plateau` lowered the learning rate to `lr` after an epoch, and why."""
    why = f"a {_title(recipe.monitor)} that is {_better(recipe.monitor)} by 0.01 %"  # torch's threshold
    after = f"after epoch {epoch.epoch}: {quantity(recipe.patience + 1, 'epoch')} without {why}"
    return f"learning rate lowered from {epoch.lr:g} to {lr:g} {after}"


def verdict(epochs: Sequence[Epoch], recipe: Recipe) -> str:
    """Return whether the weights of the last of a run's epochs were kept as the best, and why."""
    *earlier, new = epochs
    if recipe.select == "last":
        return "weights saved: the last epoch is kept"
    name, better, value = _title(recipe.select), _better(recipe.select), _value(new, recipe.select)
    if not earlier:
        return f"best weights saved: {name} {value}, the first"
    best = best_epoch(earlier, recipe)
    of = f"{_value(best, recipe.select)} of epoch {best.epoch}"
    if best_epoch(epochs, recipe) is new:
        return f"best weights saved: {name} {value}, {better} than {of}"
    return f"not kept: {name} {value} is not {better} than {of}"


def _without(recipe: Recipe) -> str:
    return f"without a {_better(recipe.monitor)} {_title(recipe.monitor)}"


def _title(name: Figure) -> str:
    return f"validation {'loss' if name == 'loss' else METRICS[name].title}"


def _better(name: Figure, ending: str = "er") -> str:
    return ("high" if name in HIGHER else "low") + ending


def _value(epoch: Epoch, name: Figure) -> str:
    value = figure(epoch, name)
    return "undefined" if math.isnan(value) else f"{value:.4f}"


def end_line(end: RunEnd, epochs: Sequence[Epoch], recipe: Recipe, model: Path, seconds: float | None) -> str:
    """Return which weights the model of a finished run has, with their figures, and why and when the run ended.

    Args:
        end: how it ended.
        epochs: all of the run.
        recipe: what was trained.
        model: the exported file.
        seconds: that the run took; None where it was resumed, for nothing records the time between.
    """
    best = best_epoch(epochs, recipe)
    further = "".join(f", {name} {value:.4f}" for name, value in best.further_val_accuracy.items())
    chosen = "the last epoch is kept"
    if recipe.select != "last":
        chosen = f"{_better(recipe.select, 'est')} {_title(recipe.select)} {_value(best, recipe.select)}"
    reasons = {
        "epochs": f"after all {recipe.epochs} epochs" if recipe.epochs > 1 else "after its epoch",
        "max_steps": f"at max_steps {recipe.max_steps:,}",
        "early_stop": f"by early stopping, {quantity(recipe.early_stop, 'epoch')} {_without(recipe)}",
        "callback": "by a callback",
    }
    return (
        f"{printable(model)} has the weights of epoch {end.best_epoch} of {len(epochs)}, {chosen}: "
        f"val_loss {best.val_loss:.4f}, val_accuracy {best.val_accuracy:.4f}{further}; "
        f"training ended {reasons[end.reason]}; "
        + ("" if seconds is None else f"{duration(seconds)} in all, ")
        + f"{duration(end.training_seconds)} of training steps"
    )
