"""Bootstrap intervals of scores on n faces, and the paired test of two models on the same faces."""

import base64
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.evaluation.metrics import COUNT_METRICS
from mien.evaluation.statistics import Interval, mcnemar, percentile_interval, resample

RESAMPLES = 10_000


def intervals(confusion: NDArray[np.int64], *, seed: int = 0) -> dict[str, Interval]:
    """Return 95 % percentile bootstrap intervals of the metrics of counts (Efron 1979), by name.

    Args:
        confusion: [k, k] counts, rows the truth.
        seed: of the resamples.
    """
    drawn = resample(confusion.ravel(), resamples=RESAMPLES, seed=seed).reshape(-1, *confusion.shape)
    return {one.name: percentile_interval(one.of_counts(drawn)) for one in COUNT_METRICS if one.of_counts}


def mean_interval(values: NDArray[np.float64]) -> Interval:
    """Return the 95 % percentile bootstrap interval of the mean of [n] values, of which there are few distinct ones."""
    levels, counts = np.unique(np.round(values, 9), return_counts=True)
    return percentile_interval(resample(counts, resamples=RESAMPLES, seed=0) @ levels / len(values))


@dataclass(frozen=True)
class PairedTest:
    """Two models, or two recipes with several seeds each, on the same n faces."""

    n: int
    difference: float
    """Accuracy of the first minus that of the second, each the mean over its seeds."""
    interval: Interval
    """95 % percentile interval of a paired bootstrap: both are scored on the same resample of the faces."""
    only_first: int
    """Faces that only the first has right, in the pair of seeds with the largest p."""
    only_second: int
    p: float
    """McNemar's exact test, two-sided; with several seeds the largest p of all pairs of seeds."""
    first: str
    """The name of the result."""
    second: str
    p_holm: float
    """`p`, adjusted for the number of pairs of results (Holm 1979)."""


def paired_test(
    first: NDArray[np.bool_], second: NDArray[np.bool_], names: tuple[str, str] = ("first", "second")
) -> PairedTest:
    """Compare who was right: bool [seeds, n] each, face for face; the numbers of seeds may differ.

    Raises:
        InputError: the faces differ in number.
        MissingExtra: no SciPy.
    """
    if first.shape[1] != second.shape[1]:
        raise InputError(f"two models on {first.shape[1]} and {second.shape[1]} faces; expected the same")
    gap = first.mean(axis=0) - second.mean(axis=0)
    pairs = [(int((a & ~b).sum()), int((b & ~a).sum())) for a in first for b in second]
    p, only_first, only_second = max((mcnemar(*pair), *pair) for pair in pairs)
    return PairedTest(
        len(gap), float(gap.mean()), mean_interval(gap), only_first, only_second, p, *names, p_holm=p
    )  # fmt: skip


def pack(correct: NDArray[np.bool_]) -> str:
    """Return bool [n] as text, 8 faces a byte in base64."""
    return base64.b64encode(np.packbits(correct).tobytes()).decode()


def unpack(text: str, n: int) -> NDArray[np.bool_]:
    """Return what `pack` packed. ValueError where it is not n faces."""
    bits = np.unpackbits(np.frombuffer(base64.b64decode(text, validate=True), dtype=np.uint8))
    if not n <= len(bits) < n + 8:
        raise ValueError(f"{len(bits)} bits for {n} faces")
    return bits[:n].astype(bool)
