"""Train, validation and test: the names people use for them, and seeded splits where a dataset has none.

A sample's split follows from the SHA-256 of the seed and its id, not from a random generator: the same on every machine
and with every version of numpy, and independent of the order in which files are listed.
"""

import hashlib
import re

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError

SPLITS = ("train", "validation", "test")
SYNONYMS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "validate": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "publictest": "validation",
    "test": "test",
    "testing": "test",
    "privatetest": "test",
    "all": "all",
}


def split_name(name: str) -> str:
    """Return train, validation, test or all for any of the names people use, in any case.

    Raises:
        InputError: no such name.
    """
    if (found := find_split(name)) is None:
        raise InputError(f"unknown split {name!r}; expected train, validation, test or all")
    return found


def find_split(name: str) -> str | None:
    """Return as `split_name`, or None where it is no split's name."""
    return SYNONYMS.get(re.sub(r"[-_ ]", "", name.strip().lower()))


def assign(
    splits: NDArray[np.str_],
    labels: NDArray[np.int64],
    ids: NDArray[np.str_],
    groups: NDArray[np.str_],
    *,
    holdout: tuple[float, float],
    seed: int,
) -> NDArray[np.str_]:
    """Return the split of each sample, str [n]: the dataset's own where it has them, else a seeded one.

    Samples without a split ("") are cut into train, validation and test. A dataset with a train split but no validation
    split gives the validation share from its train split; its test split stays as it is. The cut is stratified by
    label; where samples have groups (people), whole groups are assigned instead.

    Args:
        splits: str [n], "" where the dataset does not say.
        labels: int64 [n].
        ids: str [n], unique.
        groups: str [n], "" where unknown.
        holdout: the validation and test shares.
        seed: of the cut.
    """
    if min(holdout) < 0 or sum(holdout) >= 1:
        raise InputError(f"holdout {holdout}: expected fractions of at least 0 whose sum is below 1")
    result = splits.astype("<U10")
    free = result == ""
    shares = dict(zip(SPLITS[1:], holdout, strict=True))
    if not free.any():
        if (result == "validation").any() or not (result == "train").any():
            return result
        free, shares = result == "train", {"validation": holdout[0]}
    if (groups != "").any():
        names, member = np.unique(groups[free], return_inverse=True)
        result[free] = _cut(np.zeros(len(names), dtype=np.int64), names, shares, seed)[member]
    else:
        result[free] = _cut(labels[free], ids[free], shares, seed)
    return result


def _cut(labels: NDArray[np.int64], ids: NDArray[np.str_], shares: dict[str, float], seed: int) -> NDArray[np.str_]:
    """Return train or a name of `shares` for each id, str [n]; each share is taken from every label."""
    result = np.full(len(ids), "train", dtype="<U10")
    shuffled = _shuffled(ids, seed)
    for label in np.unique(labels):
        rows = shuffled[labels[shuffled] == label]
        start = 0
        for name, share in shares.items():
            stop = start + round(len(rows) * share)
            result[rows[start:stop]] = name
            start = stop
    return result


def _shuffled(ids: NDArray[np.str_], seed: int) -> NDArray[np.int64]:
    """Return the indices of `ids` in their seeded order, int64 [n]."""
    keys = [hashlib.sha256(f"{seed}:{name}".encode()).digest() for name in ids.tolist()]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
