"""Train a recipe or a network of one's own, and go on."""

import json
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from mien.api.options import EXPECTED, PathText, checked, load_training, plain
from mien.core.arguments import short, typed
from mien.core.console import forget_notices
from mien.core.errors import InputError, did_you_mean
from mien.core.labels import join_names
from mien.core.paths import local_path
from mien.core.trackers import Tracker
from mien.datasets import DataSpec
from mien.evaluation.run import Run
from mien.recipes import Recipe, find, new_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

    from mien.training.callbacks import Callback

Paths = PathText | Iterable[PathText]


@typed
def train(
    recipe: PathText | Recipe | None = None,
    *,
    data: PathText,
    model: "str | type[nn.Module] | nn.Module | Any" = None,
    out: PathText | None = None,
    kind: str | None = None,
    exclude: PathText | None = None,
    photos: Paths = (),
    teachers: Paths = (),
    start: PathText | None = None,
    device: str = "auto",
    threads: int | None = None,
    log: str | Iterable[str] = (),
    callbacks: "Callback | Sequence[Callback]" = (),
    summary: bool = False,
    **options: Any,
) -> Run:
    """Train a recipe, or a network of your own, and return the finished run, exported.

    Args:
        recipe: a name that `mien recipes` lists, a JSON file (the recipe.json of a run, or your own), or a `Recipe`.
            None: the defaults of `Recipe`, for the network `model`.
        data: the dataset's folder or file.
        model: the network: a name (`resnet9`, `timm/NAME`, `package.module:NAME`, `path/to/file.py:NAME`); a class or
            function that gets `classes`, `channels` and `size` and returns a `torch.nn.Module`, which maps float
            [n, channels, size, size] to logits [n, classes]; or such a module, of which a copy is trained.
        out: a new folder for the run; runs/RECIPE-TIME by default.
        kind: the format of the data; recognised by default.
        exclude: a CSV file whose column id lists the samples to leave out.
        photos: further datasets, of photos, whose faces are found and added.
        teachers: finished runs (or "default") with the same outputs, for a recipe with `distill`; one that was trained
            with `logit_adjust`, as "default" was, needs logit_adjust=True.
        start: a finished run of the same network (or "default") to start from its weights.
        device: auto, cpu, cuda, cuda:N or mps.
        threads: how many CPU cores to use; all by default.
        log: experiment trackers to log the run to: "tensorboard", "wandb", "mlflow", or several.
        callbacks: functions (run, epoch) that are called after every epoch; where one returns False or raises
            `mien.StopTraining`, the run ends as by early stopping.
        summary: show the network's layers with shapes and parameters on stderr first.
        options: fields of the recipe: epochs=12, lr=1e-3, classes=("bored", "engaged"), class_weights="balanced" or
            a dict {class: weight}.

    Raises:
        InputError: an option, the data, the recipe or the network cannot be used, or the loss is no longer a number.
        MissingExtra: mien[train], or a tracker, is not installed.
        KeyboardInterrupt: Ctrl-C; the run is saved, and `resume` continues it.

    Example:
        >>> import mien
        >>> run = mien.train("mien", data="fer2013/", epochs=12, out="runs/first")
        >>> 0 <= run.best.val_accuracy <= 1
        True
    """
    forget_notices()
    training = load_training("mien.train")
    if model is not None:
        options["model"] = model if isinstance(model, str) else training.own.register(model)
    if isinstance(weights := options.get("class_weights"), Mapping):
        try:
            options["class_weights"] = json.dumps({str(name): float(one) for name, one in weights.items()})
        except (TypeError, ValueError):
            raise InputError(
                f"mien.train: class_weights {short(weights)}: expected {EXPECTED['class_weights']}"
            ) from None
    given = recipe
    if recipe is None:
        recipe = Recipe(name=options.get("model", "").rpartition(":")[2].removesuffix("()"))
    elif not isinstance(recipe, Recipe):
        recipe = find(recipe if isinstance(recipe, str) else Path(recipe), model_named=model is not None)
    recipe = checked(Recipe, vars(recipe), options, train)
    spec = DataSpec(
        local_path(data),
        "train",
        kind=kind,
        classes=join_names(recipe.classes) if "classes" in options else None,
        holdout=recipe.holdout if "holdout" in options else None,
        exclude=_path(exclude),
    )
    folder = _path(out) or new_folder(recipe)
    name = folder / "recipe.json" if given is None or isinstance(given, Recipe) else given  # what can be trained again
    settings: dict[str, Any] = {"data": data, "out": folder, "kind": kind, "exclude": exclude, "photos": _paths(photos)}
    settings |= {"teachers": _paths(teachers), "start": start, "device": device, "threads": threads}
    settings["log"] = _trackers(log)
    with _threads(threads):
        path = training.train(
            recipe,
            spec,
            folder,
            photos=_paths(photos),
            teachers=_paths(teachers),
            start=_path(start),
            device=device,
            log=_trackers(log),
            callbacks=_listed(callbacks),
            summary=summary,
            command=_command("train", name, settings | options),
        )
    return Run(path)


@typed
def resume(
    run: PathText,
    *,
    data: PathText | None = None,
    photos: Paths = (),
    exclude: PathText | None = None,
    teachers: Paths = (),
    model: "str | type[nn.Module] | nn.Module | Any" = None,
    device: str = "auto",
    threads: int | None = None,
    log: str | Iterable[str] | None = None,
    callbacks: "Callback | Sequence[Callback]" = (),
    summary: bool = False,
) -> Run:
    """Continue a stopped run from its last checkpoint, to the weights that it would have reached; return it.

    Args:
        run: the run, or its folder.
        data: where its data lies now, if it has moved; `photos`, `exclude` and `teachers` likewise.
        photos: as many as the run has.
        exclude: a copy of its list.
        teachers: as many as the run has.
        model: a network of your own that was handed over as an object, again; or where its code is now.
        device: auto, cpu, cuda, cuda:N or mps.
        threads: how many CPU cores to use; all by default.
        log: as for `train`; by default those that the run was logged to, with () none.
        callbacks: as for `train`; a run does not keep them.
        summary: as for `train`.

    Raises:
        InputError: no run, another process continues it, or its data has changed or is no longer there.
        MissingExtra: mien[train], or a tracker, is not installed.
        KeyboardInterrupt: Ctrl-C; the run is saved.

    Example:
        >>> import mien
        >>> run = mien.resume("runs/mine")
        >>> run.record.end.reason
        'epochs'
    """
    forget_notices()
    training = load_training("mien.resume")
    with _threads(threads):
        path = training.resume(
            local_path(run),
            data=_path(data),
            photos=_paths(photos),
            exclude_list=_path(exclude),
            teachers=_paths(teachers),
            model=model if model is None or isinstance(model, str) else training.own.register(model),
            device=device,
            log=None if log is None else _trackers(log),
            callbacks=_listed(callbacks),
            summary=summary,
        )
    return Run(path)


def _path(value: PathText | None) -> Path | None:
    return None if value is None else local_path(value)


def _paths(values: Paths) -> tuple[Path, ...]:
    return tuple(map(local_path, [values] if isinstance(values, str | os.PathLike) else values))


def _listed(callbacks: "Callback | Sequence[Callback]") -> "list[Callback]":
    found = [callbacks] if callable(callbacks) or not isinstance(callbacks, Iterable) else list(callbacks)
    for one in found:
        if not callable(one):
            raise InputError(f"callbacks: {one!r} is no function of (run, epoch)")
    return found


def _trackers(log: str | Iterable[str]) -> tuple[Tracker, ...]:
    names = (log,) if isinstance(log, str) else tuple(log)
    known = get_args(Tracker)
    for name in names:
        if name not in known:
            near = did_you_mean(str(name), known)
            raise InputError(f"log {short(name)}: expected one of {', '.join(known)}{near}")
    return cast(tuple[Tracker, ...], names)


@contextmanager
def _threads(number: int | None) -> "Iterator[None]":
    """Let torch use so many threads in the block."""
    import torch

    before = torch.get_num_threads()
    if number is not None:
        if number < 1:
            raise InputError(f"threads {number}: at least 1")
        torch.set_num_threads(int(number))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _command(verb: str, first: object, options: Mapping[str, Any]) -> str:
    """Return the command line that does the same, as a run records it."""
    words = ["mien", verb, str(first)]
    for name, value in options.items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        elif value not in (None, (), "auto"):
            words += [f"--{option}", *map(str, value if isinstance(value, list | tuple) else [plain(value)])]
    return shlex.join(words)
