"""Groups of copies across splits."""

from dataclasses import replace

from mien.datasets.checks import copies
from mien.datasets.checks.check import Check, CheckedData, Issue
from mien.datasets.splits import SPLITS


def find(data: CheckedData) -> list[Issue]:
    """Return the groups of copies that are in two splits and more."""
    groups = [(group, set(data.table.splits[list(group.rows)].tolist())) for group in copies.find(data)]
    return [
        replace(group, count=1, text=", ".join(split for split in SPLITS if split in present))
        for group, present in groups
        if len(present) > 1
    ]


ABOUT = "Copies of each other in two splits and more; the least alike first."
CHECK = Check("across_splits", "groups of copies across splits", ABOUT, find, "fault")
