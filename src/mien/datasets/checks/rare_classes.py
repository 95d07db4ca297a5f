"""Classes with few training images."""

from mien.datasets.checks.check import Check, CheckedData, Issue

RARE = 10  # a class is rare where the largest has so many times more


def find(data: CheckedData) -> list[Issue]:
    """Return one issue for each rare class."""
    return rare(data.table.counts.get("train", {}))


def rare(counts: dict[str, int]) -> list[Issue]:
    """Return the rare ones of class -> training images."""
    largest = max(counts, key=lambda name: counts[name], default="")
    most, found = counts.get(largest, 0), []
    for name, n in counts.items():
        if most >= RARE * max(n, 1):
            text = f"{most / n:.0f} times fewer images in train than {largest}" if n else "no image in train"
            found.append(Issue(where=name, text=text, facts={"times": round(most / n, 1) if n else None}))
    return found


ABOUT = f"The largest class has {RARE} times as many training images, or more."
CHECK = Check("rare_classes", "rare classes", ABOUT, find)
