"""Accuracy by the columns of a user's table: age, gender, skin tone, site, whatever the table says of each picture.

Groups differ in what they show as well as in how well it is recognised: one with more happy faces is answered better by
every model. So each gap stands there twice, as it is and with the labels of all groups weighted alike.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.evaluation.metrics import score
from mien.evaluation.statistics import Interval, newcombe, permutation_test, weighted_proportion

LEAST = 30  # samples from which a group's accuracy is compared: its interval is then at most 0.34 wide
VALUES = 10  # a column of numbers with more different ones is cut into quintiles
MOST = 50  # values of a column that are shown, those with the most samples
SHUFFLES = 999


@dataclass(frozen=True)
class SubsetScores:
    """The scores of some of the samples. Ratios are in 0..1."""

    n: int
    accuracy: float
    interval: Interval
    """95 % Wilson score interval of the accuracy."""
    balanced_accuracy: float
    """Mean recall of the classes that these samples have."""
    confidence: float
    """Mean probability of the answers."""
    ece: float


def subset_scores(probabilities: NDArray[np.float32], labels: NDArray[Any], classes: Sequence[str]) -> SubsetScores:
    """Return the scores of samples; arguments and errors as `mien.evaluation.score` has them."""
    found = score(probabilities, labels, classes)
    confidence = float(probabilities.max(axis=1).mean(dtype=np.float64))
    return SubsetScores(found.n, found.accuracy, found.interval, found.balanced_accuracy, confidence, found.ece)


@dataclass(frozen=True)
class Group:
    """The samples that share a value of a column."""

    value: str
    scores: SubsetScores
    label_adjusted: float | None
    """The accuracy with the classes weighted as in all groups together; None where the group is not compared."""
    missed: int
    """Photos of this value in which no face was found; they are not among the samples."""

    @property
    def too_small(self) -> bool:
        """Whether it has too few samples to be compared."""
        return self.scores.n < LEAST


@dataclass(frozen=True)
class Gap:
    """The difference in accuracy between the best and the worst group of a column."""

    best: str
    worst: str
    size: float
    interval: Interval
    """95 %: Newcombe's, of two groups chosen beforehand. The larger of many gaps is large by chance already."""

    def to_json(self) -> dict[str, Any]:
        return {"gap": self.size, "gap_interval": list(self.interval), "best": self.best, "worst": self.worst}


@dataclass(frozen=True)
class Column:
    """One column of the table."""

    name: str
    groups: tuple[Group, ...]
    gap: Gap | None
    """Between groups of at least `LEAST` samples; None where fewer than two are that large."""
    p_value: float | None
    """Of a permutation test: how often shuffling right and wrong answers within each class gives a gap as large."""
    label_adjusted: Gap | None
    """The gap with the classes weighted alike; None where the groups have no class in common."""
    compared: tuple[str, ...]
    """The classes of which every compared group has samples: those that `label_adjusted` weighs."""
    unknown: int
    """Samples without a value."""
    omitted: int
    """Rarer values beyond the `MOST` shown."""

    def to_json(self) -> dict[str, Any]:
        """Return the column as plain objects; `gap` and `gap_interval` are None where nothing can be compared."""
        values = [
            {
                "value": group.value,
                **vars(group.scores),
                "too_small": group.too_small,
                "label_adjusted": group.label_adjusted,
                "missed": group.missed,
            }
            for group in self.groups
        ]
        gap = self.gap.to_json() if self.gap else {"gap": None, "gap_interval": None, "best": None, "worst": None}
        adjusted = self.label_adjusted.to_json() | {"classes": list(self.compared)} if self.label_adjusted else None
        return {
            "values": values,
            **gap,
            "p_value": self.p_value,
            "label_adjusted": adjusted,
            "unknown": self.unknown,
            "omitted": self.omitted,
        }


@dataclass(frozen=True)
class GroupTable:
    """The user's table: `columns` maps a name to the values of each row, "" where empty."""

    path: Path
    ids: tuple[str, ...]
    columns: dict[str, tuple[str, ...]]


def read(path: Path) -> GroupTable:
    """Read a CSV with a column `id` or `file` and further ones.

    Raises:
        InputError: no such file, no such column, a row of another length, or one picture in two rows.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = csv.reader(file)
            head = [name.strip() for name in next(lines, [])]
            rows = [(lines.line_num, [field.strip() for field in line]) for line in lines if any(line)]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a CSV file in UTF-8 ({error})") from None
    keys = [place for place, name in enumerate(head) if name.lower() in ("id", "file")]
    if len(keys) != 1:
        raise InputError(
            f"{path}: expected one column id or file in its first line, got {', '.join(head) or 'nothing'}"
        )
    if len(set(head)) < len(head) or "" in head or len(head) < 2:
        raise InputError(f"{path}: expected further columns, each with a name of its own, got {', '.join(head)}")
    seen: dict[str, int] = {}
    for number, row in rows:
        if len(row) != len(head):
            raise InputError(f"{path}:{number}: {len(row)} fields, expected {len(head)}")
        name = row[keys[0]] = row[keys[0]].replace("\\", "/").removeprefix("./")
        if name in seen:
            raise InputError(f"{path}:{number}: {name} stands in line {seen[name]} already; one row for each picture")
        seen[name] = number
    columns = {name: tuple(row[place] for _, row in rows) for place, name in enumerate(head) if place != keys[0]}
    return GroupTable(path, tuple(seen), columns)


def match(table: GroupTable, ids: Sequence[str]) -> NDArray[np.int64]:
    """Return the row of each of `ids` in the table, int64 [n], -1 where it has none.

    A row fits the id whose path ends like its own, or the other way round, with whole names of folders and file:
    `1.png` and `angry/1.png`. A row that fits several ids fits none.

    Raises:
        InputError: two rows fit one id, or no row fits any.
    """
    endings: dict[str, list[int]] = {}
    for place, name in enumerate(ids):
        for ending in _endings(name):
            endings.setdefault(ending, []).append(place)
    whole = {name: place for place, name in enumerate(ids)}
    rows = np.full(len(ids), -1, dtype=np.int64)
    for row, name in enumerate(table.ids):
        fits = [whole[name]] if name in whole else endings.get(name, [])
        fits = fits or [whole[ending] for ending in _endings(name) if ending in whole][:1]
        if len(fits) != 1:
            continue
        if rows[fits[0]] >= 0:
            raise InputError(
                f"{table.path}: {table.ids[rows[fits[0]]]} and {name} are both the picture {ids[fits[0]]}; "
                "one row for each picture"
            )
        rows[fits[0]] = row
    if (rows < 0).all():
        raise InputError(
            f"{table.path}: none of its {len(table.ids)} rows names one of the {len(ids)} pictures scored; "
            f"expected names like {ids[0]!r}, got " + (f"{table.ids[0]!r}" if table.ids else "no row")
        )
    return rows


def _endings(name: str) -> list[str]:
    """Return the path and what is left of it without its first folder, its second ...: longest first."""
    names = name.split("/")
    return ["/".join(names[start:]) for start in range(len(names))]


def column(
    name: str,
    values: Sequence[str],
    probabilities: NDArray[np.float32],
    labels: NDArray[Any],
    classes: Sequence[str],
    *,
    seed: int = 0,
) -> Column:
    """Score the samples by the values of one column.

    Args:
        name: the column's.
        values: one for each sample, "" where unknown; further ones are of photos in which no face was found.
        probabilities, labels, classes: of the n samples, as `mien.evaluation.score` has them.
        seed: of the shuffles.
    """
    n = len(probabilities)
    names, places = _cut(values)
    counts = np.bincount(places[:n][places[:n] >= 0], minlength=len(names))
    shown = np.sort(np.argsort(-counts, kind="stable")[:MOST])
    shown = shown[counts[shown] > 0]
    truth = np.asarray(labels if labels.ndim == 1 else labels.argmax(axis=1))
    right = probabilities.argmax(axis=1) == truth
    masks = [places[:n] == place for place in shown]
    parts = [subset_scores(probabilities[mask], labels[mask], classes) for mask in masks]
    large = [index for index, found in enumerate(parts) if found.n >= LEAST]
    k = len(classes)
    support = np.array([np.bincount(truth[masks[index]], minlength=k) for index in large]).reshape(-1, k)
    hits = np.array([np.bincount(truth[masks[index]][right[masks[index]]], minlength=k) for index in large])
    common = (support > 0).all(axis=0) & bool(len(large))
    weights = np.where(common, support.sum(axis=0), 0) / max(1, support[:, common].sum())
    labelled = [names[place] for place in shown]
    gap = label_adjusted = p_value = None
    adjusted: dict[int, float] = {}
    if common.any():
        mixed = [weighted_proportion(row, whole, weights) for row, whole in zip(hits, support, strict=True)]
        adjusted = {index: accuracy for index, (accuracy, _) in zip(large, mixed, strict=True)}
    if len(large) > 1:
        gap = _gap([(labelled[index], parts[index].accuracy, parts[index].interval) for index in large])
        p_value = permutation_test(hits, support, shuffles=SHUFFLES, seed=seed)
        if common.any():
            label_adjusted = _gap([(labelled[index], *found) for index, found in zip(large, mixed, strict=True)])
    return Column(
        name=name,
        groups=tuple(
            Group(labelled[index], found, adjusted.get(index), int((places[n:] == shown[index]).sum()))
            for index, found in enumerate(parts)
        ),
        gap=gap,
        p_value=p_value,
        label_adjusted=label_adjusted,
        compared=tuple(np.asarray(classes)[common].tolist()),
        unknown=int((places[:n] < 0).sum()),
        omitted=int((counts > 0).sum()) - len(shown),
    )


def _cut(values: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the groups' names and the group of each value, -1 where unknown; many numbers become quintiles."""
    known = sorted({value for value in values if value})
    numbers = _numbers(known)
    if numbers and len(known) > VALUES:
        mask = np.array([bool(value) for value in values])
        places = np.full(len(values), -1, dtype=np.int64)
        names, places[mask] = quintiles(np.array([numbers[value] for value in values if value]))
        return names, places
    if numbers:
        known.sort(key=numbers.__getitem__)
    order = {value: place for place, value in enumerate(known)}
    return known, np.array([order.get(value, -1) for value in values], dtype=np.int64)


def _numbers(values: Sequence[str]) -> dict[str, float]:
    """Return the number that each value is; {} where one is none."""
    try:
        numbers = {value: float(value) for value in values}
    except ValueError:
        return {}
    return numbers if np.isfinite(list(numbers.values())).all() else {}


def quintiles(values: NDArray[Any]) -> tuple[list[str], NDArray[np.int64]]:
    """Return ranges as text, lowest first, and the range of each value, int64 [n]: five, fewer where many are equal."""
    edges = np.unique(np.quantile(values, [0.2, 0.4, 0.6, 0.8]))
    _, places = np.unique(np.searchsorted(edges, values, side="right"), return_inverse=True)
    members = [values[places == place] for place in range(places.max() + 1)]
    return [f"{found.min():.4g} to {found.max():.4g}" for found in members], places.astype(np.int64)


def _gap(found: Sequence[tuple[str, float, Interval]]) -> Gap:
    best, worst = max(found, key=lambda group: group[1]), min(found, key=lambda group: group[1])
    return Gap(best[0], worst[0], best[1] - worst[1], newcombe(best[1:], worst[1:]))
