"""A search over recipes: a run for each combination of values, here or on Ray, and one table of them all."""

import functools
import hashlib
import itertools
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from statistics import mean, stdev
from typing import Any, Literal, get_type_hints

import torch

from mien.core import records
from mien.core.console import quantity
from mien.core.csv_files import csv_text
from mien.core.errors import InputError, did_you_mean
from mien.core.files import check_folder, only_one, write_text
from mien.core.paths import file_name
from mien.core.streams import say
from mien.core.tables import Table, cell
from mien.datasets import DataSpec
from mien.recipes import Epoch, Recipe, best_epoch, read_epochs, read_run, selection_figure
from mien.recipes.run_record import RECIPE
from mien.scale import ray_engine
from mien.training import setup
from mien.training.start import resume, train

SEARCH, TABLE = "search.json", "search.csv"
MOST = 10_000  # runs
Values = Mapping[str, Any]
"""Field of the recipe -> its value in one run."""


@dataclass(frozen=True)
class SearchRecord:
    """What is searched: its search.json. The same search continues in its folder, another is refused."""

    recipe: Recipe
    grid: dict[str, list[Any]]
    data: dict[str, Any]
    options: dict[str, Any]


@dataclass(frozen=True)
class SearchRun:
    """A run of a search."""

    values: Values
    folder: Path
    best: Epoch | None
    """The epoch that was kept; None: the run has failed."""
    figure: float
    """By which the recipe chooses, lower is better."""
    error: str = ""
    """Why it failed."""


def parse_grid(texts: Sequence[str], recipe: Recipe) -> dict[str, list[Any]]:
    """Return field -> values of "lr=0.01,0.05" and "seed=0..4".

    Raises:
        InputError: no such field, a value that it cannot have, a field twice, or more than `MOST` runs.

    Example:
        >>> parse_grid(["lr=0.01,0.05", "seed=0..2"], Recipe())
        {'lr': [0.01, 0.05], 'seed': [0, 1, 2]}
    """
    known, grid = [entry.name for entry in fields(Recipe)], dict[str, list[Any]]()
    for text in texts:
        name, given, values = text.partition("=")
        name = name.replace("-", "_")
        if not (name and given and values):
            raise InputError(f"--search {text}: expected FIELD=VALUE,VALUE or FIELD=FIRST..LAST, such as lr=0.01,0.05")
        if name not in known:
            raise InputError(f"--search {text}: no field {name!r} of a recipe{did_you_mean(name, known)}")
        if name in grid:
            raise InputError(f"--search: {name} is given twice; separate its values by commas")
        span = re.fullmatch(r"(-?\d{1,18})\.\.(-?\d{1,18})", values)
        found = range(int(span[1]), int(span[2]) + 1) if span else [_value(one) for one in values.split(",")]
        if not found:
            raise InputError(f"--search {text}: the first number is above the last")
        if len(found) > MOST:  # before they are listed
            raise InputError(f"--search {text}: {len(found):,} runs; at most {MOST:,}")
        grid[name] = [_field(recipe, name, one, f"--search {text}") for one in dict.fromkeys(found)]
    if (number := functools.reduce(lambda count, values: count * len(values), grid.values(), 1)) > MOST:
        raise InputError(f"--search: {number:,} runs; at most {MOST:,}")
    return grid


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"True": True, "False": False, "None": None}.get(text, text)


def _field(recipe: Recipe, name: str, value: Any, where: str) -> Any:
    """Return a value as the field of the recipe holds it. InputError where it cannot be that field's."""
    kind = get_type_hints(Recipe)[name]
    try:
        records.from_json(value, kind, where=where)
    except InputError:
        near = did_you_mean(str(value), records.choices(kind))
        raise InputError(f"{where}: {name} {value!r}: expected {records.in_words(kind)}{near}") from None
    return getattr(_with(recipe, {name: value}, where), name)


def _with(recipe: Recipe, values: Values, where: str) -> Recipe:
    return records.from_json({**records.to_json(recipe), **values}, Recipe, where=where)


def search(
    recipe: Recipe,
    grid: Mapping[str, Sequence[Any]],
    data: DataSpec,
    out: Path,
    *,
    engine: Literal["local", "ray"] = "local",
    threads: int | None = None,
    **options: Any,
) -> list[SearchRun]:
    """Train a run for each combination of values; return them, the best first, and write them to search.csv in `out`.

    Runs that are finished are not trained again, one that was stopped goes on. A run that fails is in the result, and
    the others follow.

    Args:
        recipe: what all runs have in common.
        grid: field -> values (`parse_grid`).
        data, options: of `mien.training.train`.
        out: a folder with a folder for each run.
        engine: local: one after another in this process; ray: each on an actor of a cluster that sees data and `out`.
        threads: cores of an actor, 1 by default.

    Raises:
        InputError: no data, no such device, the folder has another search, or another process searches there.
        MissingExtra: ray is not installed.
        Interrupted: Ctrl-C; the same search goes on where it stopped.
    """
    wanted = SearchRecord(
        recipe, {name: list(values) for name, values in grid.items()}, records.to_json(data), records.to_json(options)
    )
    if not os.path.exists(data.path):  # noqa: PTH110 - and not in each run
        raise InputError(f"{data.path}: no such file or folder")
    if engine == "local":
        setup.device(options.get("device", "auto"))
    check_folder(out)
    out.mkdir(parents=True, exist_ok=True)
    with only_one(out):
        if not (out / SEARCH).exists():
            if any(out.iterdir()):
                raise InputError(f"{out}: exists and is not empty; choose another --out")
            records.write(out / SEARCH, wanted)
        elif records.dumps(records.read(out / SEARCH, SearchRecord, what="a search")) != records.dumps(wanted):
            raise InputError(f"{out}: has another search ({SEARCH} says which); give it as before, or another --out")
        combinations = [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]
        folders = {out / folder_name(values): values for values in combinations}
        left = [(folder, values) for folder, values in folders.items() if not finished(folder)]
        say(f"{out}: {quantity(len(folders), 'run')}, finished {len(folders) - len(left):,}, to go {len(left):,}")
        make = functools.partial(_trainer, recipe, data, options, None if engine == "local" else threads or 1)
        errors: dict[Path, str] = {}
        done = (
            ((piece, make()(piece)) for piece in left) if engine == "local" else _on_ray(make, left, threads, options)
        )
        for number, ((folder, _), error) in enumerate(done, start=1):
            if error:
                errors[folder] = error
            say(f"{folder}: {error or 'finished'} ({number:,} of {len(left):,})")
        runs = [_result(values, folder, errors.get(folder, "")) for folder, values in folders.items()]
        runs.sort(key=lambda run: run.figure)
        _write(out / TABLE, runs)
    return runs


def folder_name(values: Values) -> str:
    """Return the name of a run's folder: no two of other values have the same.

    Example:
        >>> folder_name({"lr": 0.01, "seed": 0})
        'lr-0.01_seed-0'
    """
    text = "_".join(f"{name}-{value}" for name, value in values.items())
    name = file_name(text)
    return name if name == text else f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def finished(folder: Path) -> bool:
    """Return whether a folder has a run that has ended, and its model: a kill may come between the two."""
    return (folder / RECIPE).is_file() and read_run(folder).end is not None and (folder / "model.onnx").is_file()


Trained = tuple[tuple[Path, Values], str]


def _trainer(
    recipe: Recipe, data: DataSpec, options: Mapping[str, Any], threads: int | None
) -> Callable[[tuple[Path, Values]], str]:
    """Return what trains a run and returns why it failed, or ""."""
    if threads:
        torch.set_num_threads(threads)

    def call(piece: tuple[Path, Values]) -> str:
        folder, values = piece
        try:
            if (folder / RECIPE).is_file():
                resume(folder, device=options.get("device", "auto"))
            else:
                train(_with(recipe, values, str(folder)), data, folder, **options)
        except InputError as error:
            return str(error)
        return ""

    return call


def _on_ray(
    make: Callable[[], Callable[[tuple[Path, Values]], str]],
    left: Sequence[tuple[Path, Values]],
    threads: int | None,
    options: Mapping[str, Any],
) -> Iterator[Trained]:
    gpu = options.get("device", "auto") != "cpu" and bool(left) and ray_engine.has_gpu()
    for piece, error in ray_engine.run(make, left, cpus=threads or 1, gpus=int(gpu)):
        yield piece, ray_engine.lost(piece[0]) if error is None else error


def _result(values: Values, folder: Path, error: str) -> SearchRun:
    if error or not (epochs := read_epochs(folder)):
        return SearchRun(values, folder, None, float("inf"), error or "no epoch is finished")
    recipe = read_run(folder).recipe
    best = best_epoch(epochs, recipe)
    return SearchRun(values, folder, best, selection_figure(best, recipe))


def _write(path: Path, runs: Sequence[SearchRun]) -> None:
    head = [*runs[0].values, "run", "epoch", "val_loss", "val_accuracy", "error"]
    rows = [
        [
            *run.values.values(),
            run.folder.name,
            *((run.best.epoch, run.best.val_loss, run.best.val_accuracy) if run.best else (None, None, None)),
            run.error,
        ]
        for run in runs
    ]
    write_text(path, csv_text([head, *rows]))


def search_table(runs: Sequence[SearchRun]) -> Table:
    """Return a row for each combination of values but the seed, the best first: means over the seeds, with SD."""
    groups: dict[str, list[SearchRun]] = {}
    for run in runs:
        groups.setdefault(json.dumps({**run.values, "seed": None}, default=str), []).append(run)
    rows = []
    for group in groups.values():
        kept = [run for run in group if run.best]
        values = [str(value) for name, value in group[0].values.items() if name != "seed"]
        bests = [run.best for run in kept if run.best]
        figures = [[best.val_loss for best in bests], [best.val_accuracy for best in bests]]
        failed = str(len(group) - len(kept)) if len(kept) < len(group) else ""
        order = mean(run.figure for run in kept) if kept else float("inf")
        rows.append((order, [*values, str(len(kept)), failed, *map(_spread, figures)]))
    names = [name for name in runs[0].values if name != "seed"]
    return [*names, "runs", "failed", "val_loss", "val_accuracy"], [
        row for _, row in sorted(rows, key=lambda one: one[0])
    ]


def _spread(figures: Sequence[float]) -> str:
    return cell(mean(figures) if figures else None) + (f" ± {stdev(figures):.4f}" if len(figures) > 1 else "")
