"""Classes with few training images."""

from collections.abc import Sequence
from dataclasses import dataclass

from mien.datasets.checks.check import Check, CheckedData, Issue

RARE = 10  # a class is rare where the largest has so many times more


@dataclass(frozen=True)
class RareClass(Issue):
    """Args: times, how many times more training images the largest class has; None: this one has none."""

    times: float | None = None


class RareClasses(Check):
    name = "rare_classes"
    title = "rare classes"
    about = f"The largest class has {RARE} times as many training images, or more."

    def find(self, data: CheckedData) -> Sequence[RareClass]:
        return rare(data.table.counts.get("train", {}))


def rare(counts: dict[str, int]) -> list[RareClass]:
    """Return the rare ones of class -> training images."""
    largest = max(counts, key=lambda name: counts[name], default="")
    most = counts.get(largest, 0)
    found = []
    for name, n in counts.items():
        if most >= RARE * max(n, 1):
            text = f"{most / n:.0f} times fewer images in train than {largest}" if n else "no image in train"
            found.append(RareClass(where=name, text=text, times=round(most / n, 1) if n else None))
    return found


CHECK = RareClasses()
