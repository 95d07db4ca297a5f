"""Fitted on labelled faces: the confidence below which a prediction is uncertain, and the quantile of the sets."""

from math import ceil

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.evaluation.statistics import binomial_tail

RISK = 0.05  # the probability that the predictions above the threshold miss the target on further faces
CANDIDATES = 2000  # thresholds tried, at equal distances in the ordered faces where there are more
SHOWN = 20  # faces that the best accuracy in the message rests on, at least


def threshold(confidence: NDArray[np.float64], correct: NDArray[np.bool_], target: float) -> float:
    """Return the lowest confidence from which on the predictions reach the target accuracy, with confidence 95 %.

    The one-sided 95 % bound of Clopper and Pearson (1934) of their accuracy reaches the target: were it lower, so many
    correct predictions would have a probability of at most `RISK`. The plain share of correct predictions would hold on
    further faces every second time only (LOG.md, 2026-11-21). This is the rule of Geifman and El-Yaniv 2017 without
    their correction for the search, which costs more predictions than it needs.

    Args:
        confidence: [n], of the prediction.
        correct: [n], whether it is right.
        target: accuracy, above 0, below 1.

    Returns:
        The confidence, 0..1; 0 where all predictions reach the target.

    Raises:
        InputError: no threshold reaches it; the message says what the best one reaches.
        MissingExtra: no SciPy.

    Example:
        >>> import numpy as np
        >>> threshold(np.repeat([0.9, 0.5], 100), np.repeat([True, False], 100), 0.9)
        0.9
    """
    n = len(confidence)
    order = np.argsort(-confidence, kind="stable")
    ordered, hits = confidence[order], np.cumsum(correct[order])
    last = np.flatnonzero(np.append(ordered[1:] < ordered[:-1], n > 0))  # of equal confidences
    last = last[np.unique(np.linspace(0, len(last) - 1, min(CANDIDATES, len(last))).astype(int))]
    accuracy = hits[last] / (last + 1)
    reached = last[(accuracy >= target) & (binomial_tail(hits[last], last + 1, target) <= RISK)]
    if len(reached):
        return 0.0 if reached[-1] == n - 1 else float(ordered[reached[-1]])
    best = ""
    if n:
        index = min(int(np.searchsorted(last + 1, SHOWN)), len(last) - 1)
        best = f": of the {last[index] + 1:,} most confident answers {accuracy[index]:.1%} are right"
    raise InputError(
        f"no threshold on the confidence gives an accuracy of {target:g} that {n:,} faces can show{best}; "
        "ask for less, or give more faces"
    )


def quantile(probabilities: NDArray[np.float32], labels: NDArray[np.int64], coverage: float) -> float:
    """Return the score up to which labels are in a prediction set, so that `coverage` of the sets hold the true label.

    The ceil((n + 1) coverage)-th smallest of the scores 1 - p(true label): exact for any n where a new face is
    exchangeable with these, on the mean over samples of n faces (Vovk et al. 2005; Lei et al. 2018).

    Args:
        probabilities: [n, k].
        labels: int [n], 0..k-1.
        coverage: above 0, below 1.

    Raises:
        InputError: too few faces for so high a coverage.
    """
    n = len(labels)
    rank = ceil((n + 1) * coverage - 1e-9)
    if rank > n:
        least = ceil(coverage / (1 - coverage) - 1e-9)
        raise InputError(f"{n} faces are too few for prediction sets of coverage {coverage:g}, which need {least:,}")
    return float(np.sort(1 - probabilities[np.arange(n), labels].astype(np.float64))[rank - 1])
