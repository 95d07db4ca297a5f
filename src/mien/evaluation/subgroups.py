"""Accuracy by the columns of a user's table: age, gender, skin tone, site, whatever it says about each image.

Groups differ in what they show as well as in how well it is recognised: every model answers a group with more happy
faces better. So each gap is given twice: as measured, and label-adjusted (the classes weighted alike in all groups).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core import csv_files
from mien.core.errors import InputError
from mien.evaluation.metrics import MetricValues, score
from mien.evaluation.predictions import Scored
from mien.evaluation.statistics import Interval, newcombe, permutation_test, weighted_proportion

LEAST = 30  # samples from which a group's accuracy is compared: its interval is then at most 0.34 wide
VALUES = 10  # a column of numbers with more different ones is cut into quintiles
MOST = 50  # values of a column that are shown, those with the most samples
SHUFFLES = 999


@dataclass(frozen=True)
class SubsetScores(MetricValues):
    """The scores of some of the samples. Ratios are in 0..1."""

    confidence: float
    """Mean probability of the predictions."""


def subset_scores(scored: Scored, rows: Any = slice(None)) -> SubsetScores:
    """Return the scores of some samples: `rows` is a mask, an index array or a slice; all of them by default."""
    probabilities = scored.probabilities[rows]
    found = score(probabilities, scored.labels[rows], scored.alignment.classes)
    confidence = float(probabilities.max(axis=1).mean(dtype=np.float64))
    return SubsetScores(found.n, found.metrics, found.interval, confidence)


@dataclass(frozen=True)
class Group:
    """The samples that share a value of a column."""

    value: str
    scores: SubsetScores
    too_small: bool
    """Whether it has fewer than `LEAST` samples: it is then not compared with others."""
    label_adjusted: float | None
    """The accuracy with the classes weighted as in all groups together; None where the group is not compared."""
    missed: int
    """Photos of this value in which no face was found; they are not among the samples."""


@dataclass(frozen=True)
class Gap:
    """The difference in accuracy between the best and the worst group of a column."""

    best: str
    worst: str
    size: float
    interval: Interval
    """95 %: Newcombe's, of two groups chosen beforehand. The largest of many gaps is large by chance already."""


@dataclass(frozen=True)
class Column:
    """One column of the table."""

    name: str
    groups: tuple[Group, ...]
    gap: Gap | None
    """Between groups of at least `LEAST` samples; None where fewer than two are that large."""
    p_value: float | None
    """Permutation test: how often shuffling correct and wrong predictions within each class gives a gap as large."""
    label_adjusted: Gap | None
    """The gap with the classes weighted alike; None where the groups have no class in common."""
    compared: tuple[str, ...]
    """The classes of which every compared group has samples: those that `label_adjusted` weighs."""
    unknown: int
    """Samples without a value."""
    omitted: int
    """Rarer values beyond the `MOST` shown."""


@dataclass(frozen=True)
class GroupTable:
    """The user's table: `columns` maps a name to the values of all rows, "" where empty."""

    path: Path
    ids: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]


def read(path: Path) -> GroupTable:
    """Read a CSV with a column `id` or `file` and further ones.

    Raises:
        InputError: no such file, no such column, a row of another length, or two rows for one image.
    """
    file = csv_files.sniff(path)
    header = list(file.header)
    keys, names = [index for index, name in enumerate(header) if name.lower() in ("id", "file")], ", ".join(header)
    if len(keys) != 1:
        raise InputError(f"{path}: expected one column id or file in its first line, got {names or 'nothing'}")
    if len(set(header)) < len(header) or "" in header or len(header) < 2:
        raise InputError(f"{path}: expected further columns with different names, got {names}")
    seen: dict[str, int] = {}
    rows = []
    for number, cells in file.rows(utf8=True):
        rows.append(row := [csv_files.from_cell(cell).strip() for cell in cells])
        name = row[keys[0]] = row[keys[0]].replace("\\", "/").removeprefix("./")
        if name in seen:
            raise InputError(f"{path}:{number}: {name} is in line {seen[name]} already; one row for each image")
        seen[name] = number
    columns = {name: tuple(row[index] for row in rows) for index, name in enumerate(header) if index != keys[0]}
    return GroupTable(path, tuple(seen), columns)


def match(table: GroupTable, ids: Sequence[str]) -> NDArray[np.int64]:
    """Return the row of each of `ids` in the table, int64 [n], -1 where it has none.

    A row fits the id whose path ends like its own, or the other way round, with whole names of folders and file:
    `1.png` and `angry/1.png`. A row that fits several ids fits none.

    Raises:
        InputError: two rows fit one id, or no row fits any.
    """
    endings: dict[str, list[int]] = {}
    for index, name in enumerate(ids):
        for ending in _endings(name):
            endings.setdefault(ending, []).append(index)
    whole = {name: index for index, name in enumerate(ids)}
    rows = np.full(len(ids), -1, dtype=np.int64)
    for row, name in enumerate(table.ids):
        fits = [whole[name]] if name in whole else endings.get(name, [])
        fits = fits or [whole[ending] for ending in _endings(name) if ending in whole][:1]
        if len(fits) != 1:
            continue
        if rows[fits[0]] >= 0:
            both = f"{table.ids[rows[fits[0]]]} and {name}"
            raise InputError(f"{table.path}: {both} are both the image {ids[fits[0]]}; one row for each image")
        rows[fits[0]] = row
    if (rows < 0).all():
        raise InputError(
            f"{table.path}: none of its {len(table.ids)} rows names one of the {len(ids)} images scored; "
            f"expected names like {ids[0]!r}, got " + (f"{table.ids[0]!r}" if table.ids else "no row")
        )
    return rows


def _endings(name: str) -> list[str]:
    """Return the path and what is left of it without its first folder, its second ...: longest first."""
    return [name, *(_endings(name.partition("/")[2]) if "/" in name else ())]


def column(name: str, values: Sequence[str], scored: Scored, *, seed: int = 0) -> Column:
    """Score the samples by the values of one column.

    Args:
        name: the column's.
        values: one for each of the n samples, "" where unknown; further ones are of photos in which no face was found.
        scored: the samples.
        seed: of the shuffles.
    """
    n, truth, classes = len(scored.rows), scored.truth, scored.alignment.classes
    names, members = _cut(values)
    inside, missed = members[:n], members[n:]
    counts = np.bincount(inside[inside >= 0], minlength=len(names))
    shown = np.sort(np.argsort(-counts, kind="stable")[:MOST])
    shown = shown[counts[shown] > 0]
    large = shown[counts[shown] >= LEAST]
    scores = {group: subset_scores(scored, inside == group) for group in shown.tolist()}
    support, hits = (
        np.array(
            [np.bincount(truth[wanted & (inside == group)], minlength=len(classes)) for group in large], np.int64
        ).reshape(-1, len(classes))
        for wanted in (np.ones(n, np.bool_), scored.correct)
    )  # [large groups, classes]
    common = (support > 0).all(axis=0) & bool(len(large))
    adjusted: dict[int, tuple[float, Interval]] = {}
    if common.any():
        weights = np.where(common, support.sum(axis=0), 0) / support[:, common].sum()
        adjusted = {
            group: weighted_proportion(hit, whole, weights)
            for group, hit, whole in zip(large.tolist(), hits, support, strict=True)
        }
    return Column(
        name=name,
        groups=tuple(
            Group(
                value=names[group],
                scores=found,
                too_small=found.n < LEAST,
                label_adjusted=adjusted[group][0] if group in adjusted else None,
                missed=int((missed == group).sum()),
            )
            for group, found in scores.items()
        ),
        gap=_gap([(names[group], scores[group].accuracy, scores[group].interval) for group in large.tolist()]),
        p_value=permutation_test(hits, support, shuffles=SHUFFLES, seed=seed) if len(large) > 1 else None,
        label_adjusted=_gap([(names[group], *found) for group, found in adjusted.items()]),
        compared=tuple(np.asarray(classes)[common].tolist()),
        unknown=int((inside < 0).sum()),
        omitted=int((counts > 0).sum()) - len(shown),
    )


def _cut(values: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the groups' names and the group of each value, -1 where unknown; many numbers become quintiles."""
    known = sorted(set(values) - {""})
    try:
        numbers = [float(value) for value in known]
    except ValueError:
        numbers = []
    if numbers and np.isfinite(numbers).all():
        if len(known) > VALUES:
            members = np.full(len(values), -1, dtype=np.int64)
            names, members[np.array(values) != ""] = quintiles(np.array([float(value) for value in values if value]))
            return names, members
        known.sort(key=float)
    order = {value: index for index, value in enumerate(known)}
    return known, np.array([order.get(value, -1) for value in values], dtype=np.int64)


def quintiles(values: NDArray[Any]) -> tuple[list[str], NDArray[np.int64]]:
    """Return ranges as text, lowest first, and the range of each value, int64 [n]: five, fewer where many are equal."""
    edges = np.unique(np.quantile(values, [0.2, 0.4, 0.6, 0.8]))
    _, members = np.unique(np.searchsorted(edges, values, side="right"), return_inverse=True)
    ranges = [values[members == index] for index in range(members.max() + 1)]
    return [f"{found.min():.4g} to {found.max():.4g}" for found in ranges], members.astype(np.int64)


def _gap(found: Sequence[tuple[str, float, Interval]]) -> Gap | None:
    """Return the gap between groups (name, accuracy, its interval); None where there are fewer than two."""
    if len(found) < 2:
        return None
    best, worst = max(found, key=lambda group: group[1]), min(found, key=lambda group: group[1])
    return Gap(best[0], worst[0], best[1] - worst[1], newcombe(best[1:], worst[1:]))
