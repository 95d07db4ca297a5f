"""Class names that look alike: two folders read as one class, and near misspellings."""

import difflib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.labels import canonical
from mien.datasets.checks.check import Check, CheckedData, Issue

CLOSE = 0.8  # difflib ratio of two class names that may be one


class ClassNames(Check):
    name = "class_names"
    title = "class names that look alike"
    about = "Two folders read as one class, as anger and Angry, or names that differ by a letter or two."
    severity = "fault"

    def find(self, data: CheckedData) -> Sequence[Issue]:
        pairs = alike(data.table.ids, data.table.classes)
        return [Issue(where=one, text=f"looks like {other}") for one, other in pairs]


def alike(ids: NDArray[np.str_], classes: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of names that look alike; ids are paths with the folders that were read."""
    folders: dict[str, set[str]] = {}
    for parts in {Path(name).parts[:-1] for name in ids.tolist()}:
        for part in parts:
            try:
                folders.setdefault(canonical(part), set()).add(part)
            except InputError:
                continue
    same = [(first, other) for names in folders.values() for first, *rest in [sorted(names)] for other in rest]
    near = [
        (one, other)
        for index, one in enumerate(classes)
        for other in classes[index + 1 :]
        if difflib.SequenceMatcher(None, one.lower(), other.lower()).ratio() >= CLOSE
    ]
    return same + near


CHECK = ClassNames()
