"""Two numbers chosen on labelled faces: the confidence below which an answer is uncertain, and the sets' quantile."""

from math import ceil

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError

RISK = 0.05  # the chance, for the threshold chosen, that its answers on further faces miss the target
CANDIDATES = 2000  # thresholds looked at, spread evenly over the faces where there are more


def threshold(confidence: NDArray[np.float64], correct: NDArray[np.bool_], target: float) -> float:
    """Return the lowest confidence from which on the answers are right as often as `target` says, and not by luck.

    Not by luck: were they right with a chance of `target` or less, so many right ones would come with a chance of at
    most `RISK` (the one-sided 95 % bound of Clopper and Pearson 1934 reaches the target). The plain share of right
    answers would keep the promise on further faces every second time only (LOG.md, 2026-11-21); this rule is that of
    Geifman and El-Yaniv 2017 without their correction for having searched, which costs more answers than it needs.

    Args:
        confidence: [n], of the answer.
        correct: [n], whether it is right.
        target: above 0, below 1.

    Returns:
        0 where all answers reach the target.

    Raises:
        InputError: no threshold reaches it; says what the best one reaches.
    """
    order = np.argsort(-confidence, kind="stable")
    sure, right = confidence[order], np.cumsum(correct[order])
    ends = np.flatnonzero(np.append(sure[1:] < sure[:-1], True)) if len(sure) else np.zeros(0, int)  # ties go together
    kept = ends[np.unique(np.linspace(0, len(ends) - 1, min(CANDIDATES, len(ends))).astype(int))]
    logs = np.concatenate([[0.0], np.log(np.arange(1, len(sure) + 1)).cumsum()])  # of the factorials
    for end in kept[::-1]:
        if right[end] >= target * (end + 1) and _luck(int(right[end]), int(end) + 1, target, logs) <= RISK:
            return 0.0 if end == len(sure) - 1 else float(sure[end])
    share = right[kept] / (kept + 1)
    least = next((place for place in range(len(kept)) if kept[place] + 1 >= 20), len(kept) - 1)
    reached = f": of the surest {kept[least] + 1:,} answers {share[least]:.1%} are right" if len(kept) else ""
    raise InputError(
        f"no threshold on the confidence gives an accuracy of {target:g} that {len(sure):,} faces can show{reached}; "
        "ask for less, or give more faces"
    )


def _luck(right: int, n: int, chance: float, logs: NDArray[np.float64]) -> float:
    """Return the chance of at least `right` out of n, each with a chance of `chance`; `logs` are of the factorials."""
    hits = np.arange(right, n + 1)
    terms = logs[n] - logs[hits] - logs[n - hits] + hits * np.log(chance) + (n - hits) * np.log1p(-chance)
    return float(np.exp(terms).sum())


def quantile(probabilities: NDArray[np.float32], labels: NDArray[np.int64], coverage: float) -> float:
    """Return the score up to which labels are in a set, so that `coverage` of the sets of new faces hold the truth.

    The ceil((n + 1) coverage)-th smallest of the scores 1 - p(truth): exact for any n where the new face might as well
    have been among these (exchangeable), on the mean over draws of the n (Vovk et al. 2005; Lei et al. 2018).

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
