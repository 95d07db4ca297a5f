"""Groups of copies with conflicting labels."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from mien.datasets.checks import copies
from mien.datasets.checks.check import Check, CheckedData, Issue, Removal


def find(data: CheckedData) -> list[Issue]:
    """Return the groups of copies that have two labels and more."""
    codes, classes = data.table.hard, data.table.classes
    groups = [(group, sorted(set(codes[list(group.rows)].tolist()) - {-1})) for group in copies.find(data)]
    return [
        replace(group, count=1, text=" and ".join(classes[code] for code in present))
        for group, present in groups
        if len(present) > 1
    ]


def removals(data: CheckedData, issues: Sequence[Issue], gone: Collection[int]) -> Iterator[Removal]:
    """Yield all training rows of a group that conflict, as nothing says which of them is right."""
    codes = data.table.hard
    for issue in issues:
        rows = [row for row in issue.rows if data.table.splits[row] == "train" and row not in gone]
        if len({codes[row] for row in rows} - {-1}) > 1:
            for row in rows:
                yield Removal(row, "conflicting labels", next(other for other in rows if codes[other] != codes[row]))


ABOUT = "The same image with two and more labels (of votes, the most voted); the least alike first."
CHECK = Check("conflicts", "groups of copies with conflicting labels", ABOUT, find, "fault", "always", removals)
