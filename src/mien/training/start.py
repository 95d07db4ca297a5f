"""Start a run from a recipe and data, or resume a stopped one."""

import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from mien import __version__
from mien.core.errors import InputError
from mien.core.files import only_one
from mien.datasets import DataSpec, exclude
from mien.recipes import Recipe, RunRecord, TrainingData, read_epochs, read_run
from mien.recipes.run_record import ExcludeRecord
from mien.training import distill, distributed, setup
from mien.training.batches import Batches, Scaling, total_steps
from mien.training.classes import with_classes
from mien.training.data import Split, build_splits
from mien.training.export import export
from mien.training.learner import Learner
from mien.training.progress import announce
from mien.training.run import Run, full_name
from mien.training.temperatures import fit_temperatures
from mien.training.trainer import Trainer


def train(
    recipe: Recipe,
    data: DataSpec,
    out: Path,
    *,
    photos: Sequence[Path] = (),
    teachers: Sequence[Path] = (),
    start: Path | None = None,
    device: str = "auto",
) -> Path:
    """Train a recipe from its beginning and export it; return the run folder `out`.

    Args:
        recipe: what to train; the network gets the classes of the data (see `mien.training.classes`).
        data: the dataset. Its splits train and validation are used; targets and output are the recipe's.
        out: a new folder.
        photos: further datasets, of photos, whose faces are found and added to both splits.
        teachers: finished runs with the same outputs, for a recipe with `distill`.
        start: a finished run of the same network, to start from its best weights; outputs of other classes
            start from random weights.
        device: auto, cpu, cuda, cuda:N or mps.

    Raises:
        InputError: data, recipe or device cannot be used, or the loss is no longer a number.
        Interrupted: Ctrl-C; the run is saved.

    Example:
        >>> train(RECIPES["mien"], DataSpec(Path("fer2013")), Path("runs/first"))  # doctest: +SKIP
        PosixPath('runs/first')
    """
    chosen = setup.device(device)
    with distributed.process_group(chosen):
        run = Run.reserve(out) if distributed.LEADS else Run(out)
        recipe = with_classes(recipe, data)
        splits = build_splits(recipe, data, photos)
        scaling = setup.scaling(recipe, splits["train"])
        parameters, macs = setup.cost(recipe)
        listed = data.exclude
        record = RunRecord(
            recipe=recipe,
            data=TrainingData(
                path=data.path.resolve(),
                kind=data.kind,
                classes=data.classes,
                photos=tuple(path.resolve() for path in photos),
                exclude=ExcludeRecord(listed.resolve(), exclude.load(listed).sha256) if listed else None,
                splits={name: split.record for name, split in splits.items()},
            ),
            mean=scaling.mean,
            std=scaling.std,
            teachers=tuple(full_name(path) for path in teachers),
            start=full_name(start) if start else None,
            parameters=parameters,
            macs=macs,
            device=setup.device_name(chosen),
            processes=distributed.WORLD,
            threads=torch.get_num_threads(),
            command=shlex.join(["mien", *sys.argv[1:]]),
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            versions={
                "mien": __version__,
                "torch": str(torch.__version__),
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
        )
        return _fit(run, record, splits, chosen)


def resume(path: Path, *, device: str = "auto") -> Path:
    """Continue a stopped run from its last checkpoint, to the weights that it would have reached.

    Raises:
        InputError: no run, another process continues it, or its data or its list of what is left out has changed.
    """
    record = read_run(path)
    read_epochs(path, strict=True)  # damage is an error now, not after the next epoch
    chosen, data = setup.device(device), record.data
    if data.path is None:
        raise InputError(f"{path}: its recipe.json names no data; train anew")
    with distributed.process_group(chosen), only_one(path) if distributed.LEADS else nullcontext():
        listed = data.exclude
        if listed and exclude.load(listed.path).sha256 != listed.sha256:
            raise InputError(f"{listed.path}: has changed since {path} began; train anew")
        spec = DataSpec(data.path, kind=data.kind, classes=data.classes, exclude=listed.path if listed else None)
        splits = build_splits(record.recipe, spec, data.photos)
        for name, split in splits.items():
            if name not in data.splits or split.fingerprint != data.splits[name].fingerprint:
                raise InputError(f"{data.path}: the {name} split has changed since {path} began; train anew")
        return _fit(Run(path), record, splits, chosen, held=True)


def _fit(run: Run, record: RunRecord, splits: Mapping[str, Split], device: torch.device, *, held: bool = False) -> Path:
    """Train from the beginning or from the last checkpoint to the end, export, and return the run folder.

    `held` says that the folder is held by `only_one`; a new one is held as soon as it is there.
    """
    recipe, scaling = record.recipe, Scaling(record.mean, record.std)
    training, validation = (
        Batches(
            splits[name].images, splits[name].targets, recipe.batch, device, scaling=scaling, seed=recipe.seed,
            rank=distributed.RANK, world=distributed.WORLD,
        )
        for name in ("train", "validation")
    )  # fmt: skip
    start = Path(record.start) if record.start else None
    network = setup.network(recipe, start=start, resumed=run.has_state())
    teachers = distill.load_teachers([Path(name) for name in record.teachers], recipe, device)
    total = total_steps(recipe, len(training))
    learner = Learner(recipe, network, device, total=total, scaling=scaling, teachers=teachers, compiled=True)
    trainer = Trainer(run, learner, training, validation)
    if distributed.LEADS:
        if not run.described():
            run.describe(replace(record, precision=learner.precision))
        run.save_prints(splits["train"].images, record.start)
        announce(learner, training, validation)
    with only_one(run.path) if distributed.LEADS and not held else nullcontext():
        trainer.fit()
        if distributed.LEADS:
            if recipe.calibrate:
                fit_temperatures(run.path, splits["validation"], device)
            export(run.path)
    return run.path
