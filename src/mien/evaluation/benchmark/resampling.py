"""What chance does to figures measured on n faces: bootstrap intervals, and tests between two models on the same faces.

A bootstrap draws n of the n faces with replacement, many times. Every figure here depends only on how many faces fall
into each of a few cells (truth and answer; who was right), and these numbers follow the multinomial distribution: all
draws are made in one call, exactly, and n does not matter for the time.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError

DRAWS = 10_000
SEED = 0
LEVEL = 0.95

Interval = tuple[float, float]


def intervals(confusion: NDArray[np.int64], *, draws: int = DRAWS, seed: int = SEED) -> dict[str, Interval]:
    """Return 95 % percentile bootstrap intervals of accuracy, macro-F1 and balanced accuracy (Efron 1979).

    Args:
        confusion: [k, k] counts, rows the truth. Means leave out classes as `scores` does: F1 where a class has
            neither samples nor answers, recall where it has no samples in the draw.
    """
    k, n = len(confusion), int(confusion.sum())
    dice = np.random.default_rng(seed)
    drawn = dice.multinomial(n, confusion.ravel() / n, size=draws).reshape(draws, k, k)
    hits = np.diagonal(drawn, axis1=1, axis2=2)
    support, answers = drawn.sum(axis=2), drawn.sum(axis=1)
    return {
        "accuracy": _percentiles(hits.sum(axis=1) / n),
        "macro_f1": _percentiles(_class_mean(2 * hits, support + answers)),
        "balanced_accuracy": _percentiles(_class_mean(hits, support)),
    }


def mean_interval(values: NDArray[np.float64], *, draws: int = DRAWS, seed: int = SEED) -> Interval:
    """Return the 95 % percentile bootstrap interval of the mean of [n] values, of which there are few distinct ones."""
    levels, counts = np.unique(np.round(values, 9), return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(len(values), counts / len(values), size=draws)
    return _percentiles(drawn @ levels / len(values))


@dataclass(frozen=True)
class Difference:
    """Two models, or two recipes with several seeds each, on the same n faces."""

    n: int
    difference: float
    """Accuracy of the first less that of the second, each the mean over its seeds."""
    interval: Interval
    """95 %, percentiles of a paired bootstrap: the faces are drawn, both are scored on the same draw."""
    only_first: int
    """Faces that only the first has right; of the pair of seeds with the largest p."""
    only_second: int
    p: float
    """McNemar's exact test, two-sided; with several seeds the largest p of all pairs of seeds."""


def differ(first: NDArray[np.bool_], second: NDArray[np.bool_], *, draws: int = DRAWS, seed: int = SEED) -> Difference:
    """Compare who was right: bool [seeds, n] each, face for face; the numbers of seeds may differ.

    Raises:
        InputError: the faces differ in number.
    """
    if first.shape[1] != second.shape[1]:
        raise InputError(f"two models on {first.shape[1]} and {second.shape[1]} faces; expected the same")
    gap = first.mean(axis=0) - second.mean(axis=0)
    pairs = [(int((a & ~b).sum()), int((b & ~a).sum())) for a in first for b in second]
    p, only_first, only_second = max((mcnemar(*pair), *pair) for pair in pairs)
    return Difference(
        n=len(gap),
        difference=float(gap.mean()),
        interval=mean_interval(gap, draws=draws, seed=seed),
        only_first=only_first,
        only_second=only_second,
        p=p,
    )


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p of McNemar's exact test (1947) for the counts of faces that one alone has right.

    Under the hypothesis that both err alike, each such face is a fair coin.
    """
    n, term, total = only_first + only_second, 1, 0
    for index in range(min(only_first, only_second) + 1):
        total += term
        term = term * (n - index) // (index + 1)
    return float(min(1.0, 2 * total / 2**n))  # whole numbers up to here: no rounding


def holm(values: Sequence[float]) -> list[float]:
    """Return p values adjusted for their number (Holm 1979), in the order given."""
    adjusted, least = [0.0] * len(values), 0.0
    for rank, place in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        least = max(least, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = least
    return adjusted


def pack(correct: NDArray[np.bool_]) -> str:
    """Return bool [n] as text, 8 faces a byte in base64."""
    return base64.b64encode(np.packbits(correct).tobytes()).decode()


def unpack(text: str, n: int) -> NDArray[np.bool_]:
    """Return what `pack` packed. ValueError where it is not n faces."""
    bits = np.unpackbits(np.frombuffer(base64.b64decode(text, validate=True), dtype=np.uint8))
    if not n <= len(bits) < n + 8:
        raise ValueError(f"{len(bits)} bits for {n} faces")
    return bits[:n].astype(bool)


def _class_mean(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean over classes of part / whole, [draws, k] each, without classes whose whole is 0: [draws]."""
    there = whole > 0
    ratio = np.divide(part, whole, out=np.zeros(part.shape), where=there)
    return np.asarray(ratio.sum(axis=1) / there.sum(axis=1))


def _percentiles(values: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]).tolist()
    return low, high
