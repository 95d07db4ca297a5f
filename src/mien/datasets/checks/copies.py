"""Groups of images that are copies of each other; `duplicates` finds them."""

from collections.abc import Collection, Iterator, Sequence

from mien.datasets.checks.check import Check, CheckedData, Issue, Removal


def find(data: CheckedData) -> list[Issue]:
    """Return one issue for each group, by its lowest row: how each member is like the first, and its correlation."""
    alike, found = data.duplicates, []
    for rows in alike.members:
        correlation = tuple(round(value, 4) for value in alike.correlation[rows].astype(float).tolist())
        found.append(
            Issue(
                rows=tuple(rows.tolist()),
                captions=tuple(", ".join(alike.kinds.get(row, ())) for row in rows.tolist()),
                count=len(rows),
                rank=min(correlation),
                facts={"correlation": correlation},
            )
        )
    return found


def removals(data: CheckedData, issues: Sequence[Issue], gone: Collection[int]) -> Iterator[Removal]:
    """Yield all training rows of a group but the first."""
    for issue in issues:
        rows = [row for row in issue.rows if data.table.splits[row] == "train" and row not in gone]
        for row in rows[1:]:
            yield Removal(row, "copy in train", rows[0])


ABOUT = "Groups of copies, each compared with the first of its group; the least alike first."
CHECK = Check("copies", "images that have a copy", ABOUT, find, fix="always", removals=removals)
