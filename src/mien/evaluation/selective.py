"""What a model gains by not answering: risk and coverage, the threshold it carries, its conformal prediction sets.

docs/calibration.md says in words what each figure means.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.evaluation.predictions import Scored
from mien.evaluation.statistics import wilson
from mien.models.calibration import Abstention, Calibration, Conformal

POINTS = 100  # of the curve


@dataclass(frozen=True)
class AbstentionScores(Abstention):
    """The answers that are not uncertain, by the threshold in the model: their share and accuracy in these samples."""

    n: int
    """How many answers count."""
    interval: tuple[float, float] | None
    """95 % Wilson score interval of that accuracy."""


@dataclass(frozen=True)
class PredictionSetScores:
    """The conformal prediction sets, by the quantile in the model."""

    target: float
    """The coverage that the quantile was chosen for."""
    quantile: float
    method: str
    coverage: float
    """Share of the sets that hold the truth."""
    interval: tuple[float, float]
    """95 % Wilson score interval of it."""
    mean_size: float
    """Labels per set."""
    per_class: dict[str, float | None]
    """The coverage among the samples of each class; None where it has none."""


@dataclass(frozen=True)
class Selective:
    """Figures of abstaining where the model is uncertain."""

    curve: tuple[tuple[float, float], ...]
    """(coverage, accuracy of the most confident answers that make it up), coverage rising to 1."""
    aurc: float
    """Area under the risk-coverage curve: mean over i of the error of the i most confident answers (Geifman et al.
    2019)."""
    abstention: AbstentionScores | None
    conformal: PredictionSetScores | None
    fitted: Calibration | None
    """The calibration of the scored output, as the model file has it."""
    same_split: bool
    """Whether it was fitted on the scored split, or on a share of it."""


def selective(scored: Scored, fingerprint: str) -> Selective:
    """Score the predictions that are not uncertain, and the prediction sets.

    Args:
        scored: the samples; threshold and quantile apply to `scored.label_probabilities`, as users get them.
        fingerprint: of the scored split.
    """
    right, fitted, own = scored.correct, scored.info.calibration, scored.label_probabilities
    errors, coverage = risks(scored.probabilities.max(axis=1), right)
    n = len(right)
    shown = np.unique(np.ceil(n * np.arange(1, POINTS + 1) / POINTS).astype(int)) - 1
    return Selective(
        curve=tuple(zip(coverage[shown].tolist(), (1 - errors[shown]).tolist(), strict=True)),
        aurc=float(errors.mean()),
        abstention=abstention_scores(fitted.abstain, own, right) if fitted and fitted.abstain else None,
        conformal=_conformal(scored, fitted.conformal) if fitted and fitted.conformal else None,
        fitted=fitted,
        same_split=fitted is not None and fitted.fingerprint == fingerprint,
    )


def risks(confidence: NDArray[np.float32], right: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return float64 [n] twice: the error of the 1, 2 ... n most confident predictions, and their coverage.

    Equally confident predictions count with the mean of their errors, so that their order does not matter.
    """
    _, group, sizes = np.unique(-confidence, return_inverse=True, return_counts=True)
    wrong = np.bincount(group, weights=~right) / sizes
    number = np.arange(1, len(right) + 1)
    return np.repeat(wrong, sizes).cumsum() / number, number / len(right)


def abstention_scores(
    rule: Abstention, probabilities: NDArray[np.float32], right: NDArray[np.bool_]
) -> AbstentionScores:
    """Return what a threshold does to predictions, probabilities [n, k], of which `right` [n] are right."""
    kept = right[~rule.uncertain(probabilities)]
    n, hits = len(kept), int(kept.sum())
    accuracy, interval = (hits / n, wilson(hits, n)) if n else (None, None)
    return AbstentionScores(rule.target, rule.threshold, n / len(right), accuracy, n, interval)


def _conformal(scored: Scored, rule: Conformal) -> PredictionSetScores:
    classes, truth = scored.alignment.classes, scored.truth
    index = np.array([classes.index(new) if new else -1 for new in scored.alignment.outputs.values()])
    sets = rule.in_prediction_set(scored.label_probabilities)
    held = (sets & (index == truth[:, None])).any(axis=1)
    return PredictionSetScores(
        target=rule.coverage,
        quantile=rule.quantile,
        method=rule.method,
        coverage=float(held.mean()),
        interval=wilson(int(held.sum()), len(held)),
        mean_size=float(sets.sum(axis=1).mean()),
        per_class={
            name: float(held[truth == code].mean()) if (truth == code).any() else None
            for code, name in enumerate(classes)
        },
    )
