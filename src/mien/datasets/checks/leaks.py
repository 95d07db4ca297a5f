"""Held-out images that are also in train."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from mien.datasets.checks.check import Check, CheckedData, Issue, Removal
from mien.datasets.splits import SPLITS


def find(data: CheckedData) -> list[Issue]:
    """Return one issue for each held-out split: its images, those in train by any likeness, and byte for byte."""
    splits, train = data.table.splits, np.flatnonzero(data.table.splits == "train")
    copied, identical = data.duplicates.copied_from(train) >= 0, data.duplicates.identical
    found = []
    for split in SPLITS[1:]:
        held = np.flatnonzero(splits == split)
        n = len(held)
        if n:
            near, exact = int(copied[held].sum()), int(np.isin(identical[held], identical[train]).sum())
            text = (
                f"{near:,} of {n:,} images ({100 * near / n:.1f} %) are also in train, "
                f"{exact:,} ({100 * exact / n:.1f} %) of them byte for byte"
            )
            found.append(Issue(where=split, text=text, count=near, facts={"n": n, "near": near, "exact": exact}))
    return found


def removals(data: CheckedData, issues: Sequence[Issue], gone: Collection[int]) -> Iterator[Removal]:
    """Yield the training rows that copy a validation or test image."""
    splits = data.table.splits
    held = data.duplicates.copied_from(np.flatnonzero(splits != "train"))
    for row in np.flatnonzero((splits == "train") & (held >= 0)).tolist():
        yield Removal(row, f"copy in {splits[held[row]]}", int(held[row]))


ABOUT = "Validation or test images that are alike to a training image, by group or directly."
CHECK = Check("leaks", "held-out images that are also in train", ABOUT, find, "fault", "always", removals)
