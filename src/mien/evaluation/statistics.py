"""Intervals of proportions and tests of differences.

Wilson's and Newcombe's intervals, Holm's adjustment and the bootstrap are a few lines of NumPy, so that
`mien evaluate`, `mien audit` and `mien benchmark` need no SciPy; the tests check them against SciPy and statsmodels.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import needs_extra

Z = 1.959963984540054  # the 97.5 % quantile of the normal distribution

Interval = tuple[float, float]


def wilson(successes: int, n: int) -> Interval:
    """Return the 95 % score interval of a proportion of n >= 1, within 0..1 (Wilson 1927, no continuity correction).

    Example:
        >>> low, high = wilson(81, 263)
        >>> round(low, 4), round(high, 4)
        (0.2553, 0.3662)
    """
    share = successes / n
    centre = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * float(np.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n)))
    return (0.0 if successes == 0 else centre - half, 1.0 if successes == n else centre + half)


def interval_text(interval: Interval) -> str:
    """Return an interval of a proportion as it is printed: 0.6585-0.7100."""
    return f"{interval[0]:.4f}-{interval[1]:.4f}"


def weighted_proportion(
    successes: NDArray[np.int64], n: NDArray[np.int64], weights: NDArray[np.float64]
) -> tuple[float, Interval]:
    """Return the weighted mean of independent proportions and its 95 % interval, from theirs (Zou and Donner 2008).

    All arrays are [k]. The weights sum to 1; a proportion of weight 0 is left out, and its n may be 0.
    """
    used = np.flatnonzero(weights)
    shares = successes[used] / n[used]
    bounds = np.array([wilson(int(successes[index]), int(n[index])) for index in used])
    mean = float(weights[used] @ shares)
    low, high = (float(np.hypot.reduce(weights[used] * (shares - bounds[:, side]))) for side in (0, 1))
    return mean, (max(0.0, mean - low), min(1.0, mean + high))


def newcombe(first: tuple[float, Interval], second: tuple[float, Interval]) -> Interval:
    """Return the 95 % interval of the difference of two independent proportions, each with its own interval.

    With Wilson's intervals this is method 10 of Newcombe 1998, "Interval estimation for the difference between
    independent proportions" (without continuity correction). statsmodels has it for counts only, and weighted means
    have none.
    """
    (a, (a_low, a_high)), (b, (b_low, b_high)) = first, second
    low, high = np.hypot(a - a_low, b_high - b), np.hypot(a_high - a, b - b_low)
    return float(a - b - low), float(a - b + high)


def permutation_test(hits: NDArray[np.int64], support: NDArray[np.int64], *, shuffles: int, seed: int) -> float:
    """Return the p-value of the difference between the highest and the lowest accuracy of several groups.

    The null hypothesis: the accuracy depends on the class alone. Correct predictions are shuffled among the groups
    within each class; SciPy's permutation test does not do that by strata.

    Args:
        hits: correct predictions, [groups, classes].
        support: samples, likewise.
        shuffles: how many.
        seed: of the shuffles.
    """
    rng = np.random.default_rng(seed)
    shuffled = np.zeros((shuffles, len(support)))
    for index in np.flatnonzero(support.any(axis=0)):
        shuffled += rng.multivariate_hypergeometric(support[:, index], int(hits[:, index].sum()), size=shuffles)
    n = support.sum(axis=1)
    as_large = np.ptp(shuffled / n, axis=1) >= np.ptp(hits.sum(axis=1) / n) - 1e-12
    return float((1 + as_large.sum()) / (1 + shuffles))


def binomial_tail(successes: NDArray[np.int64], n: NDArray[np.int64], probability: float) -> NDArray[np.float64]:
    """Return the probability of at least so many successes in n trials, elementwise.

    Raises:
        MissingExtra: no SciPy.
    """
    with needs_extra("eval", "the binomial distribution"):
        from scipy.special import bdtrc  # scipy.stats takes a second to import
    return np.where(successes > 0, bdtrc(np.maximum(successes - 1, 0), n, probability), 1.0)


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test (1947), of the samples that only one model has right.

    Raises:
        MissingExtra: no SciPy.
    """
    with needs_extra("eval", "McNemar's test between two models"):
        from scipy.stats import binomtest
    return float(binomtest(only_first, only_first + only_second).pvalue) if only_first + only_second else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number (Holm 1979), in the order given."""
    order = np.argsort(p_values)
    adjusted = np.empty(len(p_values))
    factors = len(p_values) - np.arange(len(p_values))
    adjusted[order] = np.maximum.accumulate(np.minimum(1, factors * np.asarray(p_values)[order]))
    return [float(p) for p in adjusted]


def resample(counts: NDArray[Any], *, resamples: int, seed: int) -> NDArray[np.int64]:
    """Return bootstrap resamples, int64 [resamples, cells], of samples of which `counts` [cells] fall into each cell.

    A figure that depends on the counts of the cells alone (truth and prediction; right or wrong) needs no more (Efron
    1979). The counts follow the multinomial distribution, so the time does not depend on n; SciPy's bootstrap draws
    every sample.
    """
    n = int(counts.sum())
    return np.random.default_rng(seed).multinomial(n, counts / n, size=resamples)


def percentile_interval(values: NDArray[np.float64]) -> Interval:
    """Return the 95 % percentile interval of a figure over its resamples, [resamples]."""
    low, high = np.quantile(values, (0.025, 0.975)).tolist()
    return low, high
