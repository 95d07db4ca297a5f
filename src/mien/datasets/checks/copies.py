"""Copies of images: held-out ones in train, groups across splits, with conflicting labels, and all groups."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mien.datasets.checks.check import Check, CheckedData, Issue, Removal
from mien.datasets.splits import SPLITS


def find_leaks(data: CheckedData) -> list[Issue]:
    """Return one issue for each held-out split: its images, those in train by any likeness, and byte for byte."""
    splits, train = data.table.splits, np.flatnonzero(data.table.splits == "train")
    copied, identical = data.duplicates.copied_from(train) >= 0, data.duplicates.identical
    found = []
    for split in SPLITS[1:]:
        held = np.flatnonzero(splits == split)
        if n := len(held):
            near, exact = int(copied[held].sum()), int(np.isin(identical[held], identical[train]).sum())
            text = (
                f"{near:,} of {n:,} images ({100 * near / n:.1f} %) are also in train, "
                f"{exact:,} ({100 * exact / n:.1f} %) of them byte for byte"
            )
            found.append(Issue(where=split, text=text, count=near, facts={"n": n, "near": near, "exact": exact}))
    return found


def find_copies(data: CheckedData) -> list[Issue]:
    """Return one issue for each group, by its lowest row: how each member is like the first, and its correlation."""
    alike, found = data.duplicates, []
    for group in alike.members:
        rows, correlation = group.tolist(), tuple(round(float(value), 4) for value in alike.correlation[group])
        kinds = tuple(", ".join(alike.kinds.get(row, ())) for row in rows)
        facts = {"correlation": correlation}
        found.append(Issue(tuple(rows), captions=kinds, count=len(rows), rank=min(correlation), facts={**facts}))
    return found


def find_across_splits(data: CheckedData) -> list[Issue]:
    """Return the groups of copies that are in two splits and more."""
    return _differing(data, np.array([SPLITS.index(split) for split in data.table.splits.tolist()]), SPLITS, ", ")


def find_conflicts(data: CheckedData) -> list[Issue]:
    """Return the groups of copies that have two labels and more."""
    return _differing(data, data.table.hard, data.table.classes, " and ")


def _differing(data: CheckedData, codes: NDArray[np.int64], names: Sequence[str], between: str) -> list[Issue]:
    """Return the groups of copies with several of the codes [n], -1 for none; the text names them."""
    groups = [(group, sorted(set(codes[list(group.rows)].tolist()) - {-1})) for group in find_copies(data)]
    return [
        replace(group, count=1, text=between.join(names[code] for code in present))
        for group, present in groups
        if len(present) > 1
    ]


def remove_leaks(data: CheckedData, issues: Sequence[Issue], gone: Collection[int]) -> Iterator[Removal]:
    """Yield the training rows that copy a validation or test image."""
    splits = data.table.splits
    held = data.duplicates.copied_from(np.flatnonzero(splits != "train"))
    for row in np.flatnonzero((splits == "train") & (held >= 0)).tolist():
        yield Removal(row, f"copy in {splits[held[row]]}", int(held[row]))


def remove_conflicts(data: CheckedData, issues: Sequence[Issue], gone: Collection[int]) -> Iterator[Removal]:
    """Yield all training rows of a group that conflict, as nothing says which of them is right."""
    codes = data.table.hard
    for rows in _training_rows(data, issues, gone):
        if len({codes[row] for row in rows} - {-1}) > 1:
            for row in rows:
                yield Removal(row, "conflicting labels", next(other for other in rows if codes[other] != codes[row]))


def remove_copies(data: CheckedData, issues: Sequence[Issue], gone: Collection[int]) -> Iterator[Removal]:
    """Yield all training rows of a group but the first."""
    for first, *others in filter(None, _training_rows(data, issues, gone)):
        for row in others:
            yield Removal(row, "copy in train", first)


def _training_rows(data: CheckedData, issues: Sequence[Issue], gone: Collection[int]) -> Iterator[list[int]]:
    for issue in issues:
        yield [row for row in issue.rows if data.table.splits[row] == "train" and row not in gone]


LEAKS = Check(
    "leaks",
    "held-out images that are also in train",
    "Validation or test images that are alike to a training image, by group or directly.",
    find_leaks,
    "fault",
    "always",
    remove_leaks,
)
ACROSS_SPLITS = Check(
    "across_splits",
    "groups of copies across splits",
    "Copies of each other in two splits and more; the least alike first.",
    find_across_splits,
    "fault",
)
CONFLICTS = Check(
    "conflicts",
    "groups of copies with conflicting labels",
    "The same image with two and more labels (of votes, the most voted); the least alike first.",
    find_conflicts,
    "fault",
    "always",
    remove_conflicts,
)
COPIES = Check(
    "copies",
    "images that have a copy",
    "Groups of copies, each compared with the first of its group; the least alike first.",
    find_copies,
    fix="always",
    removals=remove_copies,
)
