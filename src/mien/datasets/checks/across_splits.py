"""Groups of copies across splits."""

from collections.abc import Sequence
from dataclasses import replace

from mien.datasets.checks.check import Check, CheckedData
from mien.datasets.checks.copies import CopyGroup, groups


class AcrossSplits(Check):
    name = "across_splits"
    title = "groups of copies across splits"
    about = "Copies of each other in two splits and more, the least alike first."
    severity = "fault"

    def find(self, data: CheckedData) -> Sequence[CopyGroup]:
        return [replace(group, text=", ".join(group.splits)) for group in groups(data) if len(group.splits) > 1]


CHECK = AcrossSplits()
