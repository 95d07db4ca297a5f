"""Classes whose names look alike (two folders read as one class, near misspellings), and rare ones."""

import difflib
import re
from collections.abc import Mapping, Sequence

from mien.datasets.checks.check import Check, CheckedData, Issue

CLOSE = 0.8  # difflib ratio of two class names that may be one
RARE = 10  # a class is rare where the largest has so many times more


def alike(renamed: Mapping[str, str], classes: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of names that look alike.

    Args:
        renamed: `Dataset.renamed`; the names in the source that became one class look alike.
        classes: those of the dataset; of two that differ in numbers alone neither is a misspelling.
    """
    found = []
    for name in dict.fromkeys(renamed.values()):
        first, *rest = sorted(old for old, new in renamed.items() if new == name)
        found += [(first, other) for other in rest]
    names = [(name.lower(), re.sub(r"\d+", "", name.lower())) for name in classes]
    matcher = difflib.SequenceMatcher()
    for index, (one, plain) in enumerate(names):
        matcher.set_seq2(one)
        for other, its_plain in names[index + 1 :]:
            matcher.set_seq1(other)
            close = matcher.real_quick_ratio() >= CLOSE and matcher.quick_ratio() >= CLOSE
            if close and plain != its_plain and matcher.ratio() >= CLOSE:
                found.append((one, other))
    return found


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
    pairs = alike(data.table.renamed, data.table.classes)
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
