"""What would make a dataset's figures wrong: copies, contradicting labels, broken pictures, mixed-up people."""

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.core import console
from mien.datasets.checks import borders, outliers
from mien.datasets.checks.duplicates import Duplicates, find
from mien.datasets.dataset import Dataset, FaceCropper, ImageSpec
from mien.datasets.reading import detect, open_dataset
from mien.datasets.samples import fingerprint
from mien.datasets.spec import DataSpec
from mien.datasets.splits import SPLITS

FARTHEST = 100  # pictures far from the rest that are listed


@dataclass(frozen=True)
class Group:
    """Pictures that are copies of each other.

    Args:
        rows: int64 [m], their rows in the table, ascending.
        labels: the different labels among them, those without one left aside; two and more are a conflict.
        splits: the splits they stand in.
    """

    rows: NDArray[np.int64]
    labels: tuple[str, ...]
    splits: tuple[str, ...]

    @property
    def conflicting(self) -> bool:
        """Whether the same picture has different labels."""
        return len(self.labels) > 1

    @property
    def across(self) -> bool:
        """Whether it stands in more than one split."""
        return len(self.splits) > 1


class Suspect(NamedTuple):
    """A row whose label may be wrong."""

    row: int
    given: str
    suggested: str
    score: float
    """How well the given label fits, 0 to 1."""


@dataclass(frozen=True)
class IssueReport:
    """What `check` has found at `path`; rows are places in `table`.

    Args:
        path: as given.
        kind: the reader's name.
        table: the samples, with the splits that the dataset itself has; the rest counts as train.
        duplicates: which are copies, and how they are alike.
        groups: those of two and more, by their lowest row.
        blank: int64, pictures nearly of one colour.
        graphic: int64, pictures of few grey levels: drawings, text, placeholders.
        cropped: int64, pictures that run over the edge of their photo.
        borders: str [n], what is wrong with their borders (see `borders.bad`).
        faceless: int64, photos in which no face was found, where faces were looked for.
        far: int64, pictures far from the rest, the farthest first.
        distance: float32 [n], in robust deviations from the median.
        rare: class -> how many times more training pictures the largest class has.
        people: name -> split -> pictures, of those who stand in more than one split.
        spellings: pairs of class names that look like one.
        suspects: rows whose label is probably wrong, the surest first; None where nobody looked.
        options: what `check` was told.
    """

    path: str
    kind: str
    table: Dataset = field(repr=False)
    duplicates: Duplicates = field(repr=False)
    groups: tuple[Group, ...] = field(repr=False)
    blank: NDArray[np.int64]
    graphic: NDArray[np.int64]
    cropped: NDArray[np.int64]
    borders: NDArray[np.str_] = field(repr=False)
    faceless: NDArray[np.int64]
    far: NDArray[np.int64]
    distance: NDArray[np.float32] = field(repr=False)
    rare: dict[str, float]
    people: dict[str, dict[str, int]]
    spellings: list[tuple[str, str]]
    suspects: tuple[Suspect, ...] | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def faults(self) -> dict[str, int]:
        """What makes figures wrong, counted; nothing in it is 0."""
        counts = {
            "rows or files not read": len(self.table.problems),
            "held-out pictures that stand in train": sum(near for _, near in self.leaks.values()),
            "groups of copies across splits": sum(group.across for group in self.groups),
            "groups of copies with conflicting labels": sum(group.conflicting for group in self.groups),
            "blank pictures": len(self.blank),
            "names in several splits": len(self.people),
            "class names that look like one": len(self.spellings),
        }
        return {name: count for name, count in counts.items() if count}

    @property
    def leaks(self) -> dict[str, tuple[int, int]]:
        """Of validation and test: how many pictures stand in train too, byte for byte and by any likeness."""
        splits, train = self.table.splits, np.flatnonzero(self.table.splits == "train")
        copies, found = self.duplicates.copied_from(train) >= 0, {}
        for split in SPLITS[1:]:
            held = np.flatnonzero(splits == split)
            if len(held):
                exact = np.isin(self.duplicates.identical[held], self.duplicates.identical[train])
                found[split] = (int(exact.sum()), int(copies[held].sum()))
        return found

    def label(self, row: int) -> str:
        """Return the name of a row's label, its most voted one; "" where it has none."""
        code = int(hard(self.table)[row])
        return self.table.classes[code] if code >= 0 else ""

    def counts(self) -> dict[str, dict[str, int]]:
        """Return split -> class -> labelled samples."""
        codes = hard(self.table)
        return {
            split: {
                name: int(((codes == code) & (self.table.splits == split)).sum())
                for code, name in enumerate(self.table.classes)
            }
            for split in SPLITS
            if (self.table.splits == split).any()
        }

    def to_json(self) -> dict[str, Any]:
        """Return plain lists, dicts, strings and numbers."""
        table, found = self.table, self.duplicates
        codes = hard(table).tolist()
        ids, splits = table.ids.tolist(), table.splits.tolist()

        def place(row: int) -> dict[str, Any]:
            code = codes[row]
            return {"id": ids[row], "split": splits[row], "label": table.classes[code] if code >= 0 else None}

        def listed(rows: NDArray[np.int64]) -> list[dict[str, Any]]:
            return [place(row) for row in rows.tolist()]

        return {
            "path": self.path,
            "kind": self.kind,
            "n": len(table.ids),
            "fingerprint": fingerprint(table.images, table.labels, table.classes),
            "options": self.options,
            "counts": self.counts(),
            "faults": self.faults,
            "leaks": {split: {"exact": exact, "any": near} for split, (exact, near) in self.leaks.items()},
            "groups": [
                {
                    "conflicting": group.conflicting,
                    "across": group.across,
                    "members": [
                        place(row)
                        | {
                            "likeness": list(found.kinds.get(row, ())),
                            "correlation": round(float(found.correlation[row]), 4),
                        }
                        for row in group.rows.tolist()
                    ],
                }
                for group in self.groups
            ],
            "blank": listed(self.blank),
            "graphic": listed(self.graphic),
            "cropped": [place(row) | {"borders": str(self.borders[row])} for row in self.cropped.tolist()],
            "faceless": listed(self.faceless),
            "far": [place(row) | {"distance": round(float(self.distance[row]), 2)} for row in self.far.tolist()],
            "rare": {name: None if times == float("inf") else round(times, 1) for name, times in self.rare.items()},
            "people": self.people,
            "spellings": [list(pair) for pair in self.spellings],
            "suspects": None
            if self.suspects is None
            else [
                {"id": ids[row], "split": splits[row], "given": given, "suggested": suggested, "score": score}
                for row, given, suggested, score in self.suspects
            ],
            "problems": [vars(problem) for problem in table.problems],
            "dropped": table.dropped,
        }


def check(spec: DataSpec, *, near: bool = True, face: FaceCropper | None = None) -> IssueReport:
    """Look for what would make figures on a dataset wrong, in all its splits.

    The splits are the dataset's own; splits that mien would make follow a seed, so what has none counts as train.

    Args:
        spec: which dataset.
        near: look for near copies as well, not only for equal bytes.
        face: looks for the face in each photo; copies are then compared by the crops.

    Raises:
        InputError: no dataset there, or nothing in it can be read.
    """
    table = open_dataset(spec, ImageSpec(face=face), shares=(0.0, 0.0))
    table = _used(table)
    with console.bar() as bar:
        task = bar.add_task("looking for copies", total=1.0)
        found = find(table.images, near=near, advance=lambda share: bar.update(task, completed=share))
    facts = outliers.texture(table.images)
    blank = facts.deviation < outliers.BLANK
    graphic = (facts.bits < outliers.BITS) & ~blank
    edges = borders.bad(table.images)
    outlying = np.flatnonzero((facts.distance > outliers.FAR) & ~graphic)
    codes = hard(table)
    training = np.bincount(codes[(table.splits == "train") & (codes >= 0)], minlength=len(table.classes))
    options = {"kind": spec.kind, "targets": spec.targets, "classes": spec.classes, "near": near}
    return IssueReport(
        path=str(spec.path),
        kind=spec.kind or detect(spec.path, spec.targets),
        table=table,
        duplicates=found,
        groups=tuple(_group(table, codes, rows) for rows in found.members),
        blank=np.flatnonzero(blank),
        graphic=np.flatnonzero(graphic),
        cropped=np.flatnonzero((edges != "") & ~blank & ~graphic),
        borders=edges,
        faceless=np.flatnonzero(~table.found),
        far=outlying[np.argsort(-facts.distance[outlying], kind="stable")][:FARTHEST],
        distance=facts.distance,
        rare=outliers.rare(dict(zip(table.classes, training.tolist(), strict=True))),
        people=outliers.in_several_splits(outliers.people(table.ids, table.groups), table.splits),
        spellings=outliers.spellings(table.ids, table.classes),
        options=options
        | {"exclude": str(spec.exclude) if spec.exclude else None, "face": repr(face) if face else None},
    )


def hard(table: Dataset) -> NDArray[np.int64]:
    """Return int64 [n], the label or the most voted class of each sample, -1 where it has none."""
    return np.asarray(table.labels if table.labels.ndim == 1 else table.labels.argmax(axis=1), dtype=np.int64)


def _used(table: Dataset) -> Dataset:
    """Return the table without what a rule leaves out."""
    rows = np.flatnonzero(table.splits != "")
    if len(rows) == len(table.splits):
        return table
    columns = {name: getattr(table, name)[rows] for name in ("images", "labels", "ids", "splits", "groups", "sides")}
    return replace(table, **columns)


def _group(table: Dataset, codes: NDArray[np.int64], rows: NDArray[np.int64]) -> Group:
    present = set(table.splits[rows].tolist())
    labels = sorted({int(code) for code in codes[rows] if code >= 0})
    return Group(
        rows=rows,
        labels=tuple(table.classes[code] for code in labels),
        splits=tuple(split for split in SPLITS if split in present),
    )
