"""FER+: ten people's votes for every row of fer2013.csv (Barsoum et al. 2016, arXiv:1608.01041; microsoft/FERPlus).

fer2013new.csv holds one row of votes per row of fer2013.csv, in the same order; its image names are empty where the
image is not a face, and differ from the row numbers, so that the order is the only key. The rules are those of the
authors' code (src/ferplus.py, `_process_data`), so that accuracies can be compared with theirs; a single vote for a
class counts as an outlier and is dropped.
"""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.csv_files import integer, is_csv, sniff
from mien.core.errors import InputError
from mien.core.labels import FERPLUS, find_class
from mien.core.paths import printable
from mien.datasets.dataset import Dataset, Problems
from mien.datasets.readers.reader import header
from mien.datasets.splits import find_split

TARGETS = ("majority", "plurality", "distribution")
UNKNOWN, NOT_A_FACE = len(FERPLUS), len(FERPLUS) + 1  # the columns after the eight expressions
REASONS = {UNKNOWN: "unknown or no agreement", NOT_A_FACE: "not a face"}


@dataclass(frozen=True)
class Votes:
    """The votes in file order.

    Args:
        counts: int64 [rows, 10], negative where the row is broken.
        splits: str [rows], "" where the file does not say.
    """

    counts: NDArray[np.int64]
    splits: NDArray[np.str_]


def find(folder: Path) -> Path | None:
    """Return the first CSV file of a folder that has the columns of the votes."""
    files = sorted(path for path in folder.iterdir() if is_csv(path) and path.is_file())
    return next((path for path in files if {"unknown", "nf", "neutral"} <= set(header(path))), None)


def votes(path: Path, problems: Problems) -> Votes:
    """Read fer2013new.csv; a row whose votes are not whole numbers from 0 is reported.

    Raises:
        InputError: a column is missing.
    """
    file = sniff(path)
    names = file.names
    order, wanted = [find_class(name) or name for name in names], (*FERPLUS, "unknown", "nf")
    if missing := [name for name in wanted if name not in order]:
        raise InputError(f"{path}: no column {missing[0].replace('nf', 'NF')!r}")
    columns = [order.index(name) for name in wanted]
    usage = names.index("usage") if "usage" in names else None
    counts: list[list[int]] = []
    splits: list[str] = []
    for line, row in file.rows(ragged=True):
        found = [integer(row[column]) for column in columns] if len(row) == len(names) else []
        split = find_split(row[usage]) if found and usage is not None else ""
        valid = [count for count in found if count is not None and count >= 0]
        if len(valid) < len(columns) or split in (None, "all"):
            problems.report(
                f"{path.name}:{line}",
                f"expected {len(names)} fields with whole numbers of votes, got {printable(','.join(row)[:60])!r}",
            )
            valid, split = [-1] * len(columns), ""
        counts.append(valid)
        splits.append(split or "")
    return Votes(np.array(counts, dtype=np.int64).reshape(-1, NOT_A_FACE + 1), np.array(splits, dtype="<U10"))


def target(counts: NDArray[np.int64], targets: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the labels that follow from votes [n, 10], and the winner among the ten columns, int64 [n].

    majority: the class with more than half of the votes; without one the row is unknown.
    plurality: the class with most votes; of a tie the first in FER+'s order (neutral, happy, surprise, ...).
    distribution: float32 [n, 8], the authors' target for cross-entropy: classes are kept from the top, those of a tie
    together, until they hold three quarters of the votes or are three, and scaled to sum to 1. It is not the plain
    share of the votes: that would teach the network the stray votes below, and the published scores are of this one.
    Rows that need more than three classes, or whose classes hold at most half of the votes, are unknown.

    Labels are meaningful where the winner is an expression (below 8); the others are to be left out, as the authors do.
    """
    counted = np.where(counts > 1, counts, 0)
    total = counted.sum(axis=1)
    top = counted.max(axis=1)
    winner = np.where(top > 0, counted.argmax(axis=1), UNKNOWN)
    if targets == "plurality":
        return winner, winner
    if targets == "majority":
        winner = np.where(2 * top > total, winner, UNKNOWN)
        return winner, winner
    kept = _from_the_top(counted)
    agreed = (2 * kept.sum(axis=1) > total) & ((kept > 0).sum(axis=1) <= 3)
    winner = np.where(agreed, kept.argmax(axis=1), UNKNOWN)
    faces = kept[:, : len(FERPLUS)].astype(np.float32)
    return faces / np.maximum(faces.sum(axis=1, keepdims=True), 1), winner


def _from_the_top(counted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return `counted` [n, 10] with only the classes that the distribution keeps."""
    rest, kept = counted.copy(), np.zeros_like(counted)
    open_rows = np.ones(len(counted), dtype=bool)
    for _ in range(3):
        open_rows &= (4 * kept.sum(axis=1) < 3 * counted.sum(axis=1)) & ((kept > 0).sum(axis=1) < 3)
        level = (rest == rest.max(axis=1, keepdims=True)) & (rest > 0) & open_rows[:, None]
        last = level[:, UNKNOWN:].any(axis=1)  # unknown or not a face: kept only where no expression is kept before it
        level[:, NOT_A_FACE] &= ~level[:, UNKNOWN]
        kept = np.where(level, counted, kept)
        rest[level] = 0
        expressions = kept[:, : len(FERPLUS)].any(axis=1)
        kept[:, UNKNOWN:][expressions] = 0
        open_rows &= ~last
    return kept


def join(table: Dataset, path: Path, targets: str, problems: Problems) -> tuple[Dataset, NDArray[np.bool_]]:
    """Return the table of fer2013.csv with the votes at `path` for labels, and a mask [n] of the rows the rule keeps.

    Where fer2013.csv has no Usage column, that of the votes counts.

    Raises:
        InputError: the two files are not row for row.
    """
    found = votes(path, problems)
    total = len(table.ids) + len(table.problems)  # each row of fer2013.csv is a sample or a problem
    if len(found.counts) != total:
        raise InputError(
            f"{path}: {len(found.counts):,} rows of votes for {total:,} rows of pixels; they must be row for row"
        )
    rows = table.ids.astype(np.int64)
    counts, splits = found.counts[rows], found.splits[rows]
    if (clash := (splits != table.splits) & (splits != "") & (table.splits != "")).any():
        row = rows[clash.argmax()]
        raise InputError(f"{path}: Usage of row {row + 1} is not that of the pixels; the two files must be row for row")
    labels, winner = target(counts, targets)
    fine = counts[:, 0] >= 0
    reasons = Counter(winner[fine].tolist())
    joined = replace(
        table,
        labels=labels,
        classes=FERPLUS,
        splits=np.where(table.splits == "", splits, table.splits),
        dropped=table.dropped | {reason: reasons[column] for column, reason in REASONS.items() if reasons[column]},
        problems=(*table.problems, *problems.found),
    )
    return joined, fine & (winner < len(FERPLUS))
