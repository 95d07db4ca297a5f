"""Class names that look alike: two folders read as one class, and near misspellings."""

import difflib
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.labels import canonical
from mien.datasets.checks.check import Check, CheckedData, Issue

CLOSE = 0.8  # difflib ratio of two class names that may be one


def find(data: CheckedData) -> list[Issue]:
    """Return one issue for each pair."""
    pairs = alike(data.table.ids, data.table.classes)
    return [Issue(where=one, text=f"looks like {other}") for one, other in pairs]


def alike(ids: NDArray[np.str_], classes: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of names that look alike; ids are paths with the folders that were read."""
    folders: dict[str, set[str]] = {}
    for part in {part for name in ids.tolist() for part in Path(name).parts[:-1]}:
        try:
            folders.setdefault(canonical(part), set()).add(part)
        except InputError:
            continue
    same = [(first, other) for names in folders.values() for first, *rest in [sorted(names)] for other in rest]
    pairs = combinations(map(str.lower, classes), 2)
    return same + [(one, other) for one, other in pairs if difflib.SequenceMatcher(None, one, other).ratio() >= CLOSE]


ABOUT = "Two folders read as one class, as anger and Angry, or names that differ by a letter or two."
CHECK = Check("class_names", "class names that look alike", ABOUT, find, "fault")
