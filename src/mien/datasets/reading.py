"""A dataset on disk -> `Samples`: recognise the format, read it or its cached copy, label it, settle its splits."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.console import notice
from mien.core.errors import InputError
from mien.core.files import os_errors
from mien.core.labels import misspelt
from mien.core.paths import printable
from mien.datasets import cache as stored
from mien.datasets import exclude
from mien.datasets.classes import describe, select
from mien.datasets.dataset import Dataset, ImageSpec, Problems
from mien.datasets.notices import notice_lost, notices
from mien.datasets.readers import locate, readers
from mien.datasets.samples import Samples
from mien.datasets.spec import DataSpec
from mien.datasets.splits import SPLITS, assign_splits, check_shares, split_name


def detect(path: str | Path, targets: str = "label") -> str:
    """Return the kind of dataset at `path`: a name of `readers.readers()`.

    Raises:
        InputError: nothing there, or nothing known; says what was expected.
    """
    return locate(Path(path), targets=targets)[0].name


def read(
    spec: DataSpec,
    image: ImageSpec | None = None,
    *,
    seed: int = 0,
    shares: tuple[float, float] | None = None,
    usual: float | None = None,
    strict: bool = False,
    cache: bool = True,
) -> Samples:
    """Read one split of a dataset, from the cache (see `mien.datasets.cache`) where it has been read before.

    Args:
        spec: which samples. Samples of other classes than `spec.classes` are left out and counted in `dropped`; so is
            what `spec.exclude` lists, after the splits are settled.
        image: the size and channels of the images, 48 x 48 grey by default; with a face cropper, in datasets of photos,
            the face is cut out of each. A photo without a face is kept whole, and False in `Samples.found`.
        seed: of the splits made here, where the dataset has none; the same on every machine.
        shares: the validation and test shares where the dataset has no such splits, instead of `spec.holdout` and the
            reader's own.
        usual: the validation share where nobody asks for one and the dataset has no such split: that of a model's run.
        strict: stop at the first thing that is broken instead of listing it in `problems`.
        cache: keep what was read in the cache folder, and look there first.

    Raises:
        InputError: no such dataset, split or classes, nothing in it can be read, or (strict) something cannot; a share
            is asked for of a split that the dataset has.

    Example:
        >>> samples = read(DataSpec(Path("fer2013"), "train"), ImageSpec(64, 3))  # doctest: +SKIP
        >>> samples.images.shape  # doctest: +SKIP
        (28709, 64, 64, 3)
    """
    table = open_dataset(spec, image, seed=seed, shares=shares, usual=usual, strict=strict, cache=cache)
    return select_samples(table, spec)


def select_samples(table: Dataset, spec: DataSpec) -> Samples:
    """Return the samples of an open dataset that `spec` asks for, as `read` does: of its split, of its classes.

    Raises:
        InputError: no such split or classes in it.
    """
    wanted = split_name(spec.split)
    chosen = table.splits != "" if wanted == "all" else table.splits == wanted
    if not chosen.any():
        there = [name for name in SPLITS if (table.splits == name).any()]
        less = f" without what {spec.exclude} lists" if spec.exclude else ""
        persons = len(set(table.groups.tolist()) - {""})
        what = f"persons ({persons})" if persons else "samples"
        few = (
            f"; too few {what} for a share of them, give a larger --holdout" if wanted not in there == ["train"] else ""
        )
        raise InputError(f"{spec.path}: no split {spec.split!r} in it{less}; it has {', '.join(there) or 'none'}{few}")
    samples = samples_at(table, np.flatnonzero(chosen))
    if spec.classes is None or not samples.classes:
        return samples
    classes, becomes = select(samples.classes, spec.classes)
    if renamed := {name: new for name, new in becomes.items() if new not in (None, name)}:
        notice(f"{printable(spec.path)}: {describe(classes, renamed)}")
    kept = samples.select(classes, becomes)
    notice_lost(spec, samples, np.isin(samples.ids, kept.ids), classes)
    return kept


def open_dataset(
    spec: DataSpec,
    image: ImageSpec | None = None,
    *,
    seed: int = 0,
    shares: tuple[float, float] | None = None,
    usual: float | None = None,
    strict: bool = False,
    cache: bool = True,
) -> Dataset:
    """Return all splits of a dataset, whatever `spec.split` is; "" is the split of what a rule leaves out.

    Arguments and errors are those of `read`. `spec.classes` names the integers of arrays; elsewhere no class is left
    out here.
    """
    image, problems = image or ImageSpec(), Problems(strict)
    reader, root = locate(spec.path, spec.kind, spec.targets)
    excluded = exclude.load(spec.exclude) if spec.exclude else None
    if image.face and not reader.photos:
        photos = ", ".join(name for name, one in readers().items() if one.photos)
        raise InputError(f"{root}: a dataset of kind {reader.name} holds face crops; faces are looked for in {photos}")

    def load() -> Dataset:
        table = reader.load(root, image, problems)
        dropped = problems.dropped | table.dropped
        return replace(table, dropped=dropped, examples=problems.examples, notes=tuple(problems.notes))

    with os_errors(root):
        if cache:
            entry = stored.entry(reader.name, root, [*reader.sources(root), *reader.unread(root)], image)
            table = stored.cached(entry, load)
        else:
            table = load()
    if strict and table.problems:
        raise InputError(str(table.problems[0]))
    own = table.labels
    table, kept = reader.label(table, root, spec.targets, spec.class_names, Problems(strict))
    if shares is not None or spec.holdout is not None:
        check_shares(table.splits, shares or (spec.holdout, 0), root)
    if shares is None:
        validation = usual if spec.holdout is None else spec.holdout
        shares = (reader.holdout[0] if validation is None else validation, reader.holdout[1])
    splits = assign_splits(table.splits, own, table.ids, table.groups, holdout=shares, seed=seed)
    table = replace(table, splits=np.where(kept, splits, ""))
    if excluded:
        table = excluded.leave_out(table, root)
    doubtful = table.renamed or any(map(misspelt, table.classes))
    for line in [*notices(table), *([describe(table.classes, table.renamed)] if doubtful else [])]:
        notice(f"{printable(spec.path)}: {line}")
    return table


def samples_at(table: Dataset, rows: NDArray[np.int64]) -> Samples:
    """Return the samples at ascending row numbers; images stay memory-mapped where the rows are consecutive."""
    consecutive = len(rows) and rows[-1] - rows[0] + 1 == len(rows)
    index = slice(rows[0], rows[-1] + 1) if consecutive else rows
    return Samples(
        images=table.images[index],
        labels=table.labels[index],
        ids=table.ids[index],
        sides=table.sides[index],
        classes=table.classes,
        problems=table.problems,
        dropped=table.dropped,
    )
