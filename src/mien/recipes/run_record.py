"""What a training run records of itself: recipe.json holds a `RunRecord`, each line of metrics.jsonl an `Epoch`."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from mien.core import records
from mien.core.console import notice
from mien.core.errors import InputError
from mien.core.paths import file_name
from mien.core.trackers import Tracker
from mien.recipes.recipe import HIGHER, Figure, Recipe

RECIPE, METRICS, HASHES = "recipe.json", "metrics.jsonl", "training_faces.npz"  # the files in the run folder


@dataclass(frozen=True)
class SplitRecord:
    """One split of the data of a run."""

    n: int
    """How many images."""
    fingerprint: str
    """`mien.datasets.fingerprint` of its images and targets."""
    sources: tuple[str, ...] = ()
    """The fingerprints of what was joined: the dataset with each of its labels, then each dataset of photos."""
    counts: dict[str, int] = field(default_factory=dict)
    """How many images each class of the primary output has."""


@dataclass(frozen=True)
class ExcludeRecord:
    """A list of what was left out of the data."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class TrainingData:
    """The data of a run."""

    path: Path | None = None
    """The dataset's folder or file; None for the bundled models."""
    kind: str | None = None
    """The format, where it was given."""
    classes: str | None = None
    """What the integers of arrays mean, where it was given."""
    photos: tuple[Path, ...] = ()
    """Further datasets, of photos whose faces were added."""
    exclude: ExcludeRecord | None = None
    splits: dict[str, SplitRecord] = field(default_factory=dict)
    """The splits train and validation."""


@dataclass(frozen=True)
class RunEnd:
    """How a run ended."""

    reason: Literal["epochs", "max_steps", "early_stop", "callback"]
    """Which limit it reached, or that a callback ended it."""
    best_epoch: int
    """The epoch whose weights are in model.onnx."""
    figure: float | None
    """The figure by which `Recipe.select` chose it; None where that is the last, or the figure is undefined."""
    training_seconds: float
    """Of all steps, over all interruptions."""
    finished: str
    """ISO 8601, UTC."""


@dataclass(frozen=True)
class RunRecord:
    """A training run: what was trained, on which data, and under which circumstances."""

    recipe: Recipe
    data: TrainingData
    mean: tuple[float, ...]
    """Per channel, of pixels in 0..1; images are standardised by it."""
    std: tuple[float, ...]
    class_weights: dict[str, float] | None = None
    """Of each class of the primary output, in the training loss; None: all alike."""
    shares: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """Shares of the classes of each output in the training data; with `logit_adjust`, without the photos."""
    teachers: tuple[str, ...] = ()
    """The runs whose predictions it learned from: folders or names of bundled models."""
    start: str | None = None
    """The run whose weights it started from, likewise."""
    parameters: int | None = None
    """How many the network has."""
    network_sha256: str | None = None
    """Of the file with the user's own network, where it is in one."""
    macs: int | None = None
    """Multiply-adds for one image."""
    device: str | None = None
    precision: str | None = None
    """Precision of convolutions and matrix products: float32 or bfloat16."""
    processes: int | None = None
    threads: int | None = None
    command: str | None = None
    started: str | None = None
    """ISO 8601, UTC."""
    versions: dict[str, str] = field(default_factory=dict)
    """Versions of mien, torch, numpy and python."""
    trackers: dict[Tracker, str] = field(default_factory=dict)
    """The experiment trackers that it is logged to, each with what it calls the run."""
    end: RunEnd | None = None
    """None while the run has epochs to go."""


@dataclass(frozen=True)
class Epoch:
    """The figures of one epoch. Losses are means per image; training figures are of augmented images.

    Example:
        >>> import mien
        >>> epoch = mien.Run("runs/mine").metrics[-1]
        >>> epoch.epoch, epoch.val_loss > 0, "macro_f1" in epoch.val_metrics
        (1, True, True)
    """

    epoch: int
    """From 1 on."""
    step: int
    """Steps of the whole run so far."""
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    """Accuracy of the primary output, 0..1."""
    lr: float
    """The learning rate at the end of the epoch; of a network that is fine-tuned, the head's."""
    images_per_second: float
    seconds: float
    further_val_accuracy: dict[str, float] = field(default_factory=dict)
    """Accuracy of the further outputs, by name."""
    val_metrics: dict[str, float] = field(default_factory=dict)
    """Further figures of the primary output by their names in `mien.evaluation.metrics.METRICS`; what is undefined is
    left out."""
    lr_by_step: tuple[tuple[int, float], ...] = ()
    """(step of the whole run, from 1 on; its learning rate, as `lr`), at some steps of the epoch: where it changed."""
    body_lr: float | None = None
    """Likewise of the layer that is farthest from the head, where `finetune` is layers or all; over the epoch it
    changes in proportion to the head's."""
    kept: bool | None = None
    """Whether its weights were saved as the best so far; None in runs of before this was recorded."""


def new_folder(recipe: Recipe) -> Path:
    """Return the folder of a run that starts now, where none was named: runs/RECIPE-TIME, or with -2, -3, ..."""
    name = f"{file_name(recipe.name)}-{datetime.now():%Y%m%d-%H%M%S}"
    paths = (Path("runs") / (f"{name}-{number}" if number > 1 else name) for number in itertools.count(1))
    return next(path for path in paths if not path.exists())


def figure(epoch: Epoch, name: Figure) -> float:
    """Return a figure of the validation split; NaN where it is undefined."""
    if name in ("loss", "accuracy"):
        return epoch.val_loss if name == "loss" else epoch.val_accuracy
    return epoch.val_metrics.get(name, math.nan)


def judged(epoch: Epoch, name: Figure) -> float:
    """Return a figure so that lower is better; infinity where it is undefined."""
    value = figure(epoch, name)
    return math.inf if math.isnan(value) else -value if name in HIGHER else value


def selection_figure(epoch: Epoch, recipe: Recipe) -> float:
    """Return the figure by which `Recipe.select` chooses: the epoch with the lowest is kept, the first of equals."""
    return -epoch.epoch if recipe.select == "last" else judged(epoch, recipe.select)


def best_epoch(epochs: Sequence[Epoch], recipe: Recipe) -> Epoch:
    """Return the one of a run's epochs, at least one, whose weights are kept."""
    return min(epochs, key=lambda epoch: selection_figure(epoch, recipe))


def read_run(folder: Path) -> RunRecord:
    """Return what the run in a folder recorded.

    Raises:
        InputError: no run, or a damaged recipe.json.
    """
    path = folder / RECIPE
    if folder.is_file():
        near = f"; name its folder: {folder.parent}" if (folder.parent / RECIPE).is_file() else ""
        raise InputError(f"{folder}: a file; expected the folder of a run, as mien train makes{near}")
    if not path.is_file():
        raise InputError(f"{folder}: no run; expected a folder with a recipe.json, as mien train makes")
    return records.read(path, RunRecord, what="the recipe.json of a run of mien train")


def read_epochs(folder: Path, *, strict: bool = False) -> list[Epoch]:
    """Return the finished epochs of a run, in order; [] without metrics.

    A damaged line ends them, with a notice; with `strict` it is an InputError.
    """
    epochs: list[Epoch] = []
    try:
        epochs.extend(records.read_lines(folder / METRICS, Epoch, what="line that mien train wrote"))
    except InputError as error:
        if strict:
            raise
        notice(f"{error}; the epochs from there on are left out")
    return epochs


def read_history(folder: Path) -> tuple[list[Epoch], Recipe | None]:
    """Return the finished epochs of a run and its recipe; ([], None) of a folder that is no run."""
    return (read_epochs(folder), read_run(folder).recipe) if (folder / RECIPE).is_file() else ([], None)
