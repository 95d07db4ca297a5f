"""People whose images are in several splits."""

import re

import numpy as np
from numpy.typing import NDArray

from mien.datasets.checks.check import Check, CheckedData, Issue
from mien.datasets.readers.facial_expressions import person

CROWD = 0.2  # a name that more than this share of the files carry is no person's


def find(data: CheckedData) -> list[Issue]:
    """Return one issue for each name."""
    return in_several_splits(people(data.table.ids, data.table.groups), data.table.splits)


def people(ids: NDArray[np.str_], groups: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return who is in each image, str [n], "" where nothing says it.

    Where the dataset has no groups, file names say it, if most of them have letters before a number, and no such name
    is that of more than a fifth of the images (`image_0001.jpg` names nobody).
    """
    if (groups != "").any():
        return groups
    files = [person(name) if "." in name else "" for name in ids.tolist()]
    names = np.array([name if re.search("[a-z]", name) else "" for name in files])
    found, counts = np.unique(names, return_counts=True)
    known = (names != "").sum() > 0.5 * len(names) and counts[found != ""].max(initial=0) <= CROWD * len(names)
    return names if known else np.full(len(names), "", dtype="<U1")


def in_several_splits(names: NDArray[np.str_], splits: NDArray[np.str_]) -> list[Issue]:
    """Return the names that are in more than one split; facts: split -> images."""
    pairs, counts = np.unique(np.stack([names, splits])[:, names != ""], axis=1, return_counts=True)
    found: dict[str, dict[str, int]] = {}
    for name, split, count in zip(*pairs.tolist(), counts.tolist(), strict=True):
        found.setdefault(name, {})[split] = count
    return [
        Issue(where=name, text=", ".join(f"{split} {n:,}" for split, n in parts.items()), facts={**parts})
        for name, parts in found.items()
        if len(parts) > 1
    ]


ABOUT = "Names of people by the dataset itself, or by file names up to their number."
CHECK = Check("persons", "names in several splits", ABOUT, find, "fault")
