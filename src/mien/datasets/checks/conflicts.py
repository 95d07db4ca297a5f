"""Groups of copies with conflicting labels."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from mien.datasets.checks.check import Check, CheckedData, Issue, Removal
from mien.datasets.checks.copies import CopyGroup, groups


class Conflicts(Check):
    name = "conflicts"
    title = "groups of copies with conflicting labels"
    about = "The same image with two and more labels (of votes, the most voted), the least alike first."
    severity = "fault"
    fix = "always"

    def find(self, data: CheckedData) -> Sequence[CopyGroup]:
        return [replace(group, text=" and ".join(group.labels)) for group in groups(data) if len(group.labels) > 1]

    def removals(self, data: CheckedData, issues: Sequence[Issue], gone: Collection[int]) -> Iterator[Removal]:
        """Yield all training rows of a group that conflict, as nothing says which of them is right."""
        codes = data.table.hard
        for issue in issues:
            rows = [row for row in issue.rows if data.table.splits[row] == "train" and row not in gone]
            if len({codes[row] for row in rows} - {-1}) > 1:
                for row in rows:
                    other = next(other for other in rows if codes[other] != codes[row])
                    yield Removal(row, "conflicting labels", other)


CHECK = Conflicts()
