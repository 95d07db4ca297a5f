"""Held-out images that are also in train."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mien.datasets.checks.check import Check, CheckedData, Issue, Removal
from mien.datasets.splits import SPLITS


@dataclass(frozen=True)
class Leak(Issue):
    """How much of a held-out split is also in train.

    Args:
        n: images in the split.
        exact: those that are in train byte for byte.
        near: those that are in train by any likeness, of a group or of a pair.
    """

    n: int = 0
    exact: int = 0
    near: int = 0


class Leaks(Check):
    name = "leaks"
    title = "held-out images that are also in train"
    about = "Validation or test images that are alike to a training image; one issue for each of these splits."
    severity = "fault"
    fix = "always"

    def find(self, data: CheckedData) -> Sequence[Leak]:
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
                found.append(Leak(where=split, text=text, n=n, exact=exact, near=near))
        return found

    def count(self, issues: Sequence[Issue]) -> int:
        return sum(issue.near for issue in issues if isinstance(issue, Leak))

    def headline(self, issues: Sequence[Issue]) -> tuple[str, str] | None:
        shares = {issue.where: issue.near / issue.n for issue in issues if isinstance(issue, Leak) and issue.near}
        if not shares:
            return None
        split = max(shares, key=lambda name: shares[name])
        return f"{100 * shares[split]:.1f} %", f"of {split} is also in train"

    def removals(self, data: CheckedData, issues: Sequence[Issue], gone: Collection[int]) -> Iterator[Removal]:
        """Yield the training rows that copy a validation or test image."""
        splits = data.table.splits
        held = data.duplicates.copied_from(np.flatnonzero(splits != "train"))
        for row in np.flatnonzero((splits == "train") & (held >= 0)).tolist():
            yield Removal(row, f"copy in {splits[held[row]]}", int(held[row]))


CHECK = Leaks()
