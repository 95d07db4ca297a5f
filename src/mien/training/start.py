"""Start a run from a recipe and data, or resume a stopped one."""

import platform
import shlex
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from mien import __version__
from mien.core.console import first_few, notice
from mien.core.errors import InputError
from mien.core.files import only_one
from mien.core.paths import from_printable, printable
from mien.core.streams import say
from mien.core.trackers import Tracker
from mien.datasets import DataSpec, exclude
from mien.models.bundled import bundled
from mien.recipes import Recipe, RunRecord, TrainingData, read_epochs, read_run
from mien.recipes.run_record import ExcludeRecord
from mien.training import balance, distill, distributed, finetune, plots, setup, trackers
from mien.training.announce import announce
from mien.training.batches import Batches, Scaling, total_steps
from mien.training.callbacks import Callback
from mien.training.classes import with_classes
from mien.training.data import Split, build_splits, class_shares
from mien.training.export import export, try_export
from mien.training.learner import Learner
from mien.training.networks import is_external, own
from mien.training.objective import Objective
from mien.training.progress import end_line
from mien.training.run import RunFiles, full_name, with_own_model
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
    log: Collection[Tracker] = (),
    callbacks: Sequence[Callback] = (),
    command: str | None = None,
    summary: bool = False,
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
        log: the experiment trackers to log it to.
        callbacks: called after every epoch (see `mien.training.callbacks`).
        command: the command line to record; by default that of this process.
        summary: say on stderr which layers the network has, before it is trained.

    Raises:
        InputError: data, recipe, device or tracker cannot be used, or the loss is no longer a number.
        MissingExtra: a tracker is not installed.
        Interrupted: Ctrl-C; the run is saved.

    Example:
        >>> train(RECIPES["mien"], DataSpec(Path("fer2013")), Path("runs/first"))  # doctest: +SKIP
        PosixPath('runs/first')
    """
    began, chosen = time.perf_counter(), setup.device(device)
    trackers.check(log)
    with distributed.process_group(chosen):
        run = RunFiles.reserve(out) if distributed.LEADS else RunFiles(out)
        if own.is_own(recipe.model):
            recipe = replace(recipe, model=own.absolute(recipe.model))  # what cannot be imported fails here
        finetune.check(recipe, start)
        if start:
            setup.check_start(recipe, start)
        balance.check(recipe)
        recipe = balance.with_weights(with_classes(recipe, data))
        splits = build_splits(recipe, data, photos)
        _check_figures(recipe, splits["validation"])
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
            shares=class_shares(recipe, splits["train"]),
            class_weights=balance.weights(recipe, splits["train"]),
            teachers=tuple(full_name(path) for path in teachers),
            start=full_name(start) if start else None,
            parameters=parameters,
            network_sha256=own.source_digest(recipe.model) if own.is_own(recipe.model) else None,
            macs=macs,
            device=setup.device_name(chosen),
            processes=distributed.WORLD,
            threads=torch.get_num_threads(),
            command=command or shlex.join(["mien", *sys.argv[1:]]),
            started=datetime.now(UTC).isoformat(timespec="seconds"),
            versions={
                "mien": __version__,
                "torch": str(torch.__version__),
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
        )
        return _fit(run, record, splits, chosen, log=log, callbacks=callbacks, summary=summary, began=began)


def _check_figures(recipe: Recipe, validation: Split) -> None:
    """Raise InputError where the recipe looks at a figure that the validation split does not have."""
    known = {"loss", "accuracy"}
    if {recipe.monitor, recipe.select} <= known | {"last"}:
        return
    logits = torch.zeros(len(validation), recipe.width)
    known |= Objective(recipe).metrics(logits, torch.from_numpy(validation.targets)).keys()
    for option, figures in (("monitor", known), ("select", known | {"last"})):
        if (name := getattr(recipe, option)) not in figures:
            raise InputError(
                f"{option} {name}: undefined: the validation labels are no distributions of votes; "
                f"expected one of {', '.join(sorted(figures))}"
            )


def resume(
    path: Path,
    *,
    data: Path | None = None,
    photos: Sequence[Path] = (),
    exclude_list: Path | None = None,
    teachers: Sequence[Path] = (),
    device: str = "auto",
    model: str | None = None,
    log: Collection[Tracker] | None = None,
    callbacks: Sequence[Callback] = (),
    summary: bool = False,
) -> Path:
    """Continue a stopped run from its last checkpoint, to the weights that it would have reached.

    Of a finished run nothing is trained; it is exported and drawn again, and keeps its recorded end.

    Args:
        path: the run folder.
        data: where its data lies now, if it has moved; photos, the list of what is left out, and teachers likewise.
            All but the teachers are compared with what the run recorded. The run records where they are.
        photos: as many as the run has.
        exclude_list: a copy of its list.
        teachers: as many as the run has.
        device: auto, cpu, cuda, cuda:N or mps.
        model: for a network of the user's own, where its code is now.
        log: the experiment trackers to log it to; None: those that it was logged to before.
        callbacks: called after every epoch (see `mien.training.callbacks`).
        summary: say on stderr which layers the network has.

    Raises:
        InputError: no run, another process continues it, or its data or its list of what is left out has changed or is
            no longer there.
        MissingExtra: a tracker in `log` is not installed.
    """
    began, record = time.perf_counter(), read_run(path)
    read_epochs(path, strict=True)  # damage is an error now, not after the next epoch
    chosen = setup.device(device)
    trackers.check(log or ())
    moved = _moved(path, with_own_model(path, record, model, "resume"), data, photos, exclude_list, teachers)
    if moved.data.path is None:
        raise InputError(f"{path}: its recipe.json names no data; train anew")
    with distributed.process_group(chosen), only_one(path) if distributed.LEADS else nullcontext():
        listed = moved.data.exclude
        if listed and exclude.load(listed.path).sha256 != listed.sha256:
            raise InputError(f"{listed.path}: {_changed('', path, exclude_list is not None)}")
        spec = DataSpec(
            moved.data.path, kind=moved.data.kind, classes=moved.data.classes, exclude=listed.path if listed else None
        )
        splits = build_splits(moved.recipe, spec, moved.data.photos)
        for name, split in splits.items():
            recorded = moved.data.splits.get(name)
            if recorded is None or split.fingerprint != recorded.fingerprint:
                what = _changed(f"the {name} split", path, moved.data != record.data)
                if recorded:
                    what += f" ({len(split):,} images, fingerprint {split.fingerprint}; the run has {recorded.n:,}, "
                    what += f"{recorded.fingerprint})"
                raise InputError(f"{moved.data.path}: {what}")
        run = RunFiles(path)
        if moved != record and distributed.LEADS:
            run.describe(moved)
        log = trackers.again(path, moved) if log is None else log
        return _fit(run, moved, splits, chosen, log=log, callbacks=callbacks, summary=summary, began=began, held=True)


def _changed(what: str, run: Path, moved: bool) -> str:
    text = f"{what} is not that of {run}" if moved else f"{what} has changed since {run} began; train anew"
    return text.lstrip()


def _moved(
    run: Path,
    record: RunRecord,
    data: Path | None,
    photos: Sequence[Path],
    exclude_list: Path | None,
    teachers: Sequence[Path],
) -> RunRecord:
    """Return the record with the paths given. InputError where one is missing, or was never there."""
    old = record.data
    for option, given, recorded in (("photos", photos, old.photos), ("teachers", teachers, record.teachers)):
        if given and len(given) != len(recorded):
            raise InputError(
                f"--{option}: {len(given)} given, {len(recorded)} in {run}; name all of them, in its order"
            )
    if exclude_list and not old.exclude:
        raise InputError(f"--exclude {exclude_list}: {run} left nothing out")
    if teachers:
        notice(f"teachers: {first_few(list(map(str, teachers)))}; whether they are those of {run} cannot be checked")
    moved = replace(
        record,
        teachers=tuple(map(full_name, teachers)) or record.teachers,
        data=replace(
            old,
            path=data.resolve() if data else old.path,
            photos=tuple(path.resolve() for path in photos) or old.photos,
            exclude=replace(old.exclude, path=exclude_list.resolve()) if old.exclude and exclude_list else old.exclude,
        ),
    )
    needed = [("data", moved.data.path), *(("photos", path) for path in moved.data.photos)]
    needed += [("exclude", moved.data.exclude.path)] if moved.data.exclude else []
    needed += [("teachers", from_printable(name)) for name in moved.teachers if name not in bundled()]
    for option, place in needed:
        if place is not None and not place.exists():
            raise InputError(f"{place}: no longer there; say where it is: mien resume {run} --{option} PATH")
    return moved


def _fit(
    run: RunFiles,
    record: RunRecord,
    splits: Mapping[str, Split],
    device: torch.device,
    *,
    log: Collection[Tracker],
    callbacks: Sequence[Callback],
    summary: bool,
    began: float,
    held: bool = False,
) -> Path:
    """Train from the beginning or from the last checkpoint to the end, export, and return the run folder.

    `began` is when the command began. `held` says that the folder is held by `only_one`; a new one is held as soon as
    it is there.
    """
    recipe, scaling = record.recipe, Scaling(record.mean, record.std)
    training, validation = (
        Batches(
            splits[name].images, splits[name].stacked, recipe.batch, device, scaling=scaling, seed=recipe.seed,
            drop_last=recipe.drop_last, rank=distributed.RANK, world=distributed.WORLD,
            groups=splits[name].hard if name == "train" and recipe.sampling == "balanced" else None,
        )
        for name in ("train", "validation")
    )  # fmt: skip
    start = from_printable(record.start) if record.start else None
    network = setup.network(recipe, start=start, resumed=run.has_state())
    if distributed.LEADS and is_external(recipe.model):
        try_export(network, record)
    teachers = distill.load_teachers([from_printable(name) for name in record.teachers], recipe, device)
    total = total_steps(recipe, len(training), world=distributed.WORLD)
    learner = Learner(
        recipe, network, device,
        total=total, scaling=scaling, teachers=teachers, class_weights=record.class_weights, compiled=True,
    )  # fmt: skip
    logs = trackers.Trackers(run, log if distributed.LEADS else ())
    called = [logs.epoch, *callbacks] if log else callbacks
    trainer = Trainer(run, learner, training, validation, callbacks=called)
    if distributed.LEADS:
        if not run.described():
            run.describe(replace(record, precision=learner.precision))
        run.save_hashes(splits["train"].images, record.start)
        announce(learner, training, validation, splits, summary=summary)
        used = training.seen(training.steps) / len(training)
        say(*balance.describe(recipe, record.class_weights, splits["train"].counts, used=used))
        say(*finetune.describe(recipe, learner.layers))
        plots.draw_training_images(run.path, record, splits["train"])
    with only_one(run.path) if distributed.LEADS and not held else nullcontext(), logs:
        end = record.end if trainer.finished else None
        if end and distributed.LEADS:
            say(f"{printable(run.path)}: was finished already; nothing is trained, it is exported and drawn again")
        elif record.end and distributed.LEADS:  # a callback ended it, with epochs to go
            run.describe(replace(read_run(run.path), end=None))
        trainer.fit()
        if distributed.LEADS:
            if end is None:
                run.describe(replace(read_run(run.path), end=(end := trainer.end())))
            if recipe.calibrate:
                fit_temperatures(run.path, splits["validation"], device)
            model = export(run.path)
            plots.draw_results(run.path, record, splits["validation"])
            logs.finish()
            seconds = None if held else time.perf_counter() - began  # a resumed run took longer than this command
            say(end_line(end, read_epochs(run.path), recipe, model, seconds))
    return run.path
