"""Classes whose names look alike (two folders read as one class, near misspellings), and rare ones."""

import difflib
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.labels import find_class
from mien.datasets.checks.check import Check, CheckedData, Issue

CLOSE = 0.8  # difflib ratio of two class names that may be one
RARE = 10  # a class is rare where the largest has so many times more


def alike(ids: NDArray[np.str_], classes: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of names that look alike; ids are paths with the folders that were read."""
    folders: dict[str, set[str]] = {}
    for part in {part for path in ids.tolist() for part in Path(path).parts[:-1]}:
        if name := find_class(part):
            folders.setdefault(name, set()).add(part)
    same = [(first, other) for names in folders.values() for first, *rest in [sorted(names)] for other in rest]
    pairs = combinations(map(str.lower, classes), 2)
    return same + [(one, other) for one, other in pairs if difflib.SequenceMatcher(None, one, other).ratio() >= CLOSE]


def rare(counts: dict[str, int]) -> list[Issue]:
    """Return the rare ones of class -> training images."""
    largest = max(counts, key=lambda name: counts[name], default="")
    most, found = counts.get(largest, 0), []
    for name, n in counts.items():
        if most >= RARE * max(n, 1):
            text = f"{most / n:.0f} times fewer images in train than {largest}" if n else "no image in train"
            found.append(Issue(where=name, text=text, facts={"times": round(most / n, 1) if n else None}))
    return found


def find_alike(data: CheckedData) -> list[Issue]:
    """Return one issue for each pair of names."""
    pairs = alike(data.table.ids, data.table.classes)
    return [Issue(where=one, text=f"looks like {other}") for one, other in pairs]


CLASS_NAMES = Check(
    "class_names",
    "class names that look alike",
    "Two folders read as one class, as anger and Angry, or names that differ by a letter or two.",
    find_alike,
    "fault",
)
RARE_CLASSES = Check(
    "rare_classes",
    "rare classes",
    f"The largest class has {RARE} times as many training images, or more.",
    lambda data: rare(data.table.counts.get("train", {})),
)
