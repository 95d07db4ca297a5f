"""Readers: what lies on disk -> Samples.

One function reads them all; the kind of dataset is recognised from what lies at the path, or named.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mien.core import labels
from mien.core.errors import InputError
from mien.datasets import cache
from mien.datasets import exclude as exclusion
from mien.datasets.checks.issues import IssueReport, check
from mien.datasets.dataset import Dataset, DatasetReader, FaceCropper, ImageSpec, Problems
from mien.datasets.readers import arrays, facial_expressions, fer2013, ferplus, folder
from mien.datasets.samples import Problem, Samples, fingerprint
from mien.datasets.splits import SPLITS, assign, split_name

__all__ = [
    "KINDS",
    "IssueReport",
    "Problem",
    "Samples",
    "check",
    "detect",
    "fingerprint",
    "locate",
    "read",
    "split_name",
]

KINDS: dict[str, DatasetReader] = {
    "ferplus": ferplus.READER,
    "fer2013": fer2013.READER,
    "legend": facial_expressions.READER,
    "arrays": arrays.READER,
    "folder": folder.READER,
}

PHOTOS = ("legend", "folder")  # the kinds that hold files of whole photos
Holdout = float | tuple[float, float] | None


def detect(root: str | Path, targets: str = "label") -> str:
    """Return the kind of dataset at `root`: fer2013, ferplus, folder, legend or arrays.

    fer2013.csv with fer2013new.csv beside it is `fer2013` for `targets="label"`, and `ferplus` for the targets that
    need votes: the same pictures, whose labels are FER2013's own unless votes are asked for.

    Raises:
        InputError: nothing there, or nothing known; says what was expected.
    """
    return locate(Path(root), None, targets)[0]


def read(
    root: str | Path,
    split: str = "train",
    *,
    kind: str | None = None,
    size: int = 48,
    channels: int = 1,
    face: FaceCropper | None = None,
    targets: str = "label",
    classes: Sequence[str] | str | None = None,
    order: Sequence[str] | str | None = None,
    holdout: Holdout = None,
    seed: int = 0,
    exclude: Path | None = None,
    strict: bool = False,
    cache: bool = True,
) -> Samples:
    """Read one split of the dataset at `root`.

    Args:
        root: a file or folder; a folder that holds nothing but another folder stands for that one.
        split: train, validation, test or all, or a synonym (Training, PublicTest, val ...) in any case.
        kind: a name of `KINDS`; None recognises it.
        size: the pictures come out as size x size pixels.
        channels: 1 grey, 3 RGB.
        face: cuts the face out of each picture first (see `mien.faces.LargestFace`), in datasets of photos: legend
            and folder. A photo without one is kept whole, and False in `Samples.found`.
        targets: `label`, the dataset's own; `majority`, `plurality` or `distribution` of the FER+ votes (see
            `ferplus.target`).
        classes: the labels wanted, as names or the name of a taxonomy of `labels.TAXONOMIES`; samples of other classes
            are left out and counted in `dropped`. None: the dataset's own.
        order: what the integers of arrays mean, likewise; other datasets say it themselves. None: three are the
            leaderboard's, other numbers are refused.
        holdout: fractions for validation and test where the dataset has no such splits; one number changes only the
            first.
            None: 0.1 each for folder and legend, 0.1 for validation alone elsewhere. Splits the dataset has stay as
                they are.
        seed: of the splits we make; the same on every machine.
        exclude: a CSV file whose column `id` lists what to leave out, after the splits are settled; counted in
            `dropped`, by its column `reason` where it has one (see `mien.datasets.exclude`).
        strict: stop at the first thing that is broken instead of listing it in `problems`.
        cache: keep what was read in the cache folder (see `mien.datasets.cache`) and look there first.

    Raises:
        InputError: no such dataset, split or option, nothing in it can be read, or (strict) something cannot.
    """
    wanted = split_name(split)
    table = open_dataset(
        root, kind=kind, size=size, channels=channels, face=face, targets=targets, order=order,
        holdout=holdout, seed=seed, exclude=exclude, strict=strict, use_cache=cache,
    )  # fmt: skip
    chosen = table.splits != "" if wanted == "all" else table.splits == wanted
    if not chosen.any():
        there = [name for name in SPLITS if (table.splits == name).any()]
        less = f" without what {exclude} lists" if exclude else ""
        raise InputError(f"{root}: no split {split!r} in it{less}; it has {', '.join(there) or 'none'}")
    samples = take(table, np.flatnonzero(chosen))
    target = _names(classes)
    if target is None or samples.classes == target or not samples.classes:
        return samples
    mapped = samples.relabel(target)
    if lost := len(samples) - len(mapped):
        mapped = replace(
            mapped, dropped={**samples.dropped, f"of another class than the {len(target)} asked for": lost}
        )
    return mapped


def take(table: Dataset, rows: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Samples:
    """Return the samples at ascending row numbers; pictures stay memory-mapped where the rows lie side by side."""
    together = len(rows) and rows[-1] - rows[0] + 1 == len(rows)
    index = slice(rows[0], rows[-1] + 1) if together else rows
    return Samples(
        images=table.images[index],
        labels=table.labels[index],
        ids=table.ids[index],
        found=table.found[index],
        classes=table.classes,
        problems=table.problems,
        dropped=table.dropped,
    )


def open_dataset(
    root: str | Path,
    *,
    kind: str | None = None,
    size: int = 48,
    channels: int = 1,
    face: FaceCropper | None = None,
    targets: str = "label",
    order: Sequence[str] | str | None = None,
    holdout: Holdout = None,
    seed: int = 0,
    exclude: Path | None = None,
    strict: bool = False,
    use_cache: bool = True,
) -> Dataset:
    """Return everything at `root` with its splits settled, "" for what a rule leaves out; arguments as for `read`."""
    if targets not in ("label", *ferplus.TARGETS):
        raise InputError(f"unknown targets {targets!r}; expected label, {', '.join(ferplus.TARGETS)}")
    kind, root = locate(Path(root), kind, targets)
    excluded = exclusion.load(exclude) if exclude else None
    if face and kind not in PHOTOS:
        raise InputError(
            f"{root}: a dataset of kind {kind} holds face crops; faces are looked for in {' and '.join(PHOTOS)}"
        )
    reader, form, problems = KINDS[kind], ImageSpec(size, channels, face), Problems(strict)
    try:
        if use_cache:
            store = "fer2013" if kind == "ferplus" else kind
            table = cache.cached(
                cache.entry(store, root, reader.sources(root), form), lambda: reader.load(root, form, problems)
            )
        else:
            table = reader.load(root, form, problems)
    except OSError as error:
        raise InputError(f"{error.filename or root}: {error.strerror or error}") from None
    if strict and table.problems:
        raise InputError(str(table.problems[0]))
    hard, keep = table.labels, np.ones(len(table.labels), dtype=bool)
    if kind == "arrays":
        table, keep = arrays.name(table, root, _names(order), Problems(strict))
    elif kind == "ferplus":
        table, keep = ferplus.vote(table, root, targets, Problems(strict))
    parts = (
        reader.holdout if holdout is None else holdout if isinstance(holdout, tuple) else (holdout, reader.holdout[1])
    )
    settled = assign(table.splits, hard, table.ids, table.groups, holdout=parts, seed=seed)
    table = replace(table, splits=np.where(keep, settled, ""))
    return excluded.leave_out(table, root) if excluded else table


def _names(classes: Sequence[str] | str | None) -> tuple[str, ...] | None:
    if classes is None:
        return None
    if isinstance(classes, str):
        if classes not in labels.TAXONOMIES:
            raise InputError(f"unknown taxonomy {classes!r}; known: {', '.join(labels.TAXONOMIES)}")
        return labels.TAXONOMIES[classes]
    return tuple(labels.canonical(name) for name in classes)


def locate(root: Path, kind: str | None, targets: str) -> tuple[str, Path]:
    """Return the kind and the place of the dataset: `root`, or the only folder in it (and so on).

    Raises:
        InputError: as `detect` does.
    """
    if kind is not None and kind not in KINDS:
        raise InputError(f"unknown kind of dataset {kind!r}; expected {', '.join(sorted(KINDS))}")
    if not root.exists():
        raise InputError(f"{root}: no such file or folder")
    if kind not in (None, "ferplus") and targets != "label":
        raise InputError(f"targets {targets!r} need the FER+ votes of kind ferplus, not {kind}")
    if kind == "ferplus" and targets == "label":
        raise InputError(f"kind ferplus has votes, no labels; choose targets {', '.join(ferplus.TARGETS)}")
    votes = targets != "label"
    kinds = [kind] if kind else ["ferplus"] if votes else [name for name in KINDS if name != "ferplus"]
    place = root
    try:
        while True:
            for name in kinds:
                if KINDS[name].recognises(place):
                    return name, place
            inside = (
                [path for path in place.iterdir() if path.is_dir() and path.name[0] != "."] if place.is_dir() else []
            )
            if len(inside) != 1:
                break
            (place,) = inside
    except OSError as error:
        raise InputError(f"{error.filename or root}: {error.strerror or error}") from None
    expected = "; or ".join(KINDS[name].expects for name in kinds)
    empty = root.is_dir() and not any(root.iterdir())
    raise InputError(f"{root}: {'an empty folder' if empty else 'no dataset recognised'}; expected {expected}")
