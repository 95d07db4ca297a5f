"""Groups of images that are copies of each other; `duplicates` finds them."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from mien.datasets.checks.check import Check, CheckedData, Issue, Removal
from mien.datasets.splits import SPLITS


@dataclass(frozen=True)
class CopyGroup(Issue):
    """A group of two and more images that are copies of each other.

    Args:
        labels: the different labels among them; images without a label are not counted.
        splits: the splits that they are in.
        likeness: how each is like the first of `rows`: exact, mirrored, shifted, brightness, recompressed, edited.
        correlation: of the pixels of each with those of the first; 1 for exact copies.
    """

    labels: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    likeness: tuple[tuple[str, ...], ...] = ()
    correlation: tuple[float, ...] = ()

    @property
    def rank(self) -> float:
        """The lowest correlation: the least alike are shown first."""
        return min(self.correlation)

    def caption(self, member: int) -> str:
        """Return how it is like the first."""
        return ", ".join(self.likeness[member])


def groups(data: CheckedData) -> list[CopyGroup]:
    """Return the groups of copies, by their lowest row."""
    table, alike = data.table, data.duplicates
    found = []
    for rows in alike.members:
        codes, present = table.hard[rows], set(table.splits[rows].tolist())
        found.append(
            CopyGroup(
                rows=tuple(rows.tolist()),
                labels=tuple(table.classes[code] for code in sorted(set(codes[codes >= 0].tolist()))),
                splits=tuple(split for split in SPLITS if split in present),
                likeness=tuple(alike.kinds.get(row, ()) for row in rows.tolist()),
                correlation=tuple(round(value, 4) for value in alike.correlation[rows].astype(float).tolist()),
            )
        )
    return found


class Copies(Check):
    name = "copies"
    title = "images that have a copy"
    fix = "always"

    def find(self, data: CheckedData) -> Sequence[CopyGroup]:
        return groups(data)

    def count(self, issues: Sequence[Issue]) -> int:
        return sum(len(issue.rows) for issue in issues)

    def describe(self, data: CheckedData, issues: Sequence[Issue]) -> str:
        kinds = Counter(kind for likeness in data.duplicates.kinds.values() for kind in likeness)
        return (
            f"{self.count(issues):,} images are in {len(issues):,} groups of copies. Compared with the first of their "
            f"group: {', '.join(f'{name} {n:,}' for name, n in kinds.most_common())}. The least alike first."
        )

    def removals(self, data: CheckedData, issues: Sequence[Issue], gone: Collection[int]) -> Iterator[Removal]:
        """Yield all training rows of a group but the first."""
        for issue in issues:
            rows = [row for row in issue.rows if data.table.splits[row] == "train" and row not in gone]
            for row in rows[1:]:
                yield Removal(row, "copy in train", rows[0])


CHECK = Copies()
