"""From probabilities and labels to scores, in numpy alone.

scikit-learn has most of these, but is much to install for recognising a face; the tests hold each figure against it.
docs/evaluation.md says in words what each figure means and where it comes from.

A ratio whose denominator is zero is undefined: it is None, and the means leave it out. So the recall of a class without
samples is None, the precision of a class never answered is None, and the F1 of a class is None only where both hold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.evaluation.statistics import wilson

BINS = 15  # as Guo et al. 2017
FLOOR = float(np.finfo(np.float32).eps)  # the least probability a logarithm is taken of, as in scikit-learn


@dataclass(frozen=True)
class ClassScores:
    """One class: ratios in 0..1 or None where undefined, and counts of samples."""

    precision: float | None
    recall: float | None
    f1: float | None
    support: int
    """Samples whose truth is this class."""
    predicted: int
    """Samples answered with this class."""


@dataclass(frozen=True)
class ReliabilityBin:
    """The samples whose confidence lies in (lower, upper]; the means are None where there are none."""

    lower: float
    upper: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Scores:
    """What `score` measured. Ratios are in 0..1."""

    classes: tuple[str, ...]
    n: int
    accuracy: float
    interval: tuple[float, float]
    """95 % Wilson score interval of the accuracy."""
    macro_f1: float
    """Mean of the classes' F1."""
    balanced_accuracy: float
    """Mean of the classes' recall."""
    per_class: dict[str, ClassScores]
    confusion: NDArray[np.int64]
    """[k, k] counts: rows are the truth, columns the answer, both in the order of `classes`."""
    log_loss: float
    """Mean -ln of the probability given to the truth."""
    ece: float
    """Expected calibration error over `bins`."""
    bins: tuple[ReliabilityBin, ...]
    kl: float | None
    """Mean Kullback-Leibler divergence, in nats, from the answer to the votes; None for hard labels."""
    annotator_kl: float | None
    """The same of a single annotator, see `annotator`; None for hard labels."""
    annotator_accuracy: float | None
    """How often one annotator names the most voted class; None for hard labels."""

    @property
    def rates(self) -> NDArray[np.float64]:
        """[k, k]: `confusion` as shares of its rows; NaN in the row of a class without samples."""
        support = self.confusion.sum(axis=1, keepdims=True)
        empty = np.full(self.confusion.shape, np.nan)
        return np.asarray(np.divide(self.confusion, support, out=empty, where=support > 0))

    def to_json(self) -> dict[str, Any]:
        """Return the scores as plain objects; what is undefined is None."""
        return {
            "n": self.n,
            "accuracy": self.accuracy,
            "interval": list(self.interval),
            "macro_f1": self.macro_f1,
            "balanced_accuracy": self.balanced_accuracy,
            "log_loss": self.log_loss,
            "ece": self.ece,
            "kl": self.kl,
            "annotator_kl": self.annotator_kl,
            "annotator_accuracy": self.annotator_accuracy,
            "classes": list(self.classes),
            "per_class": {name: vars(found) for name, found in self.per_class.items()},
            "confusion": self.confusion.tolist(),
            "confusion_rates": [None if np.isnan(row).any() else row.tolist() for row in self.rates],
            "reliability": [vars(found) for found in self.bins],
        }


def score(probabilities: NDArray[np.float32], labels: NDArray[Any], classes: Sequence[str]) -> Scores:
    """Score predictions against the truth.

    Args:
        probabilities: float [n, k], rows summing to 1; the answer is the first of the largest.
        labels: int [n], index into `classes`; or float [n, k], the votes as a distribution per row: the truth is then
            the first of the most voted, and `kl` compares the whole row.
        classes: the k names.

    Raises:
        InputError: nothing to score, arrays that do not fit each other, a label out of range, or no probabilities.
    """
    predicted = np.asarray(probabilities, dtype=np.float64)
    _check(predicted, labels, len(classes))
    n, k = predicted.shape
    truth = labels if labels.ndim == 1 else labels.argmax(axis=1)
    answer = predicted.argmax(axis=1)
    confusion = np.bincount(truth * k + answer, minlength=k * k).reshape(k, k).astype(np.int64)
    per_class = dict(zip(classes, _per_class(confusion), strict=True))
    correct = answer == truth
    bins, ece = _calibration(predicted.max(axis=1), correct)
    alone = annotator(labels) if labels.ndim == 2 else (None, None)
    return Scores(
        classes=tuple(classes),
        n=n,
        accuracy=float(correct.mean()),
        interval=wilson(int(correct.sum()), n),
        macro_f1=_mean([found.f1 for found in per_class.values()]),
        balanced_accuracy=_mean([found.recall for found in per_class.values()]),
        per_class=per_class,
        confusion=confusion,
        log_loss=float(-np.log(np.maximum(predicted[np.arange(n), truth], FLOOR)).mean()),
        ece=ece,
        bins=bins,
        kl=None if labels.ndim == 1 else _divergence(labels.astype(np.float64), predicted),
        annotator_kl=alone[0],
        annotator_accuracy=alone[1],
    )


@dataclass(frozen=True)
class EndToEnd:
    """Scores over whole photos, where a face that was not found counts as a wrong answer."""

    detector: str
    n: int
    coverage: float
    """Share of the photos in which a face was found; the other scores are of these."""
    accuracy: float
    interval: tuple[float, float]
    """95 % Wilson score interval of the accuracy."""
    balanced_accuracy: float


def end_to_end(scores: Scores, support: Sequence[int], detector: str) -> EndToEnd:
    """Return `scores`, of the faces found, over all photos: `support` counts these, by class of `scores.classes`."""
    hits, n = np.diag(scores.confusion), sum(support)
    return EndToEnd(
        detector=detector,
        n=n,
        coverage=scores.n / n,
        accuracy=float(hits.sum() / n),
        interval=wilson(int(hits.sum()), n),
        balanced_accuracy=_mean([_ratio(int(hit), whole) for hit, whole in zip(hits, support, strict=True)]),
    )


def annotator(votes: NDArray[Any]) -> tuple[float, float]:
    """Return the mean KL divergence to the votes [n, k] of one annotator, and how often they name the most voted class.

    One annotator names a class, not a distribution. The fairest reading of it is the mean of the votes of all faces
    that an annotator would name so; what they voted themselves is among the votes, which flatters them a little.
    """
    votes = votes.astype(np.float64)
    together = votes.T @ votes
    reading = together / np.maximum(together.sum(axis=1, keepdims=True), FLOOR)
    logs = np.log(np.maximum(reading, FLOOR))
    own = (votes * np.log(np.where(votes > 0, votes, 1))).sum(axis=1)
    expected = (votes * (votes @ logs.T)).sum(axis=1)  # of sum(votes ln(reading)), over which class is named
    return float((own - expected).mean()), float(votes.max(axis=1).mean())


def _check(predicted: NDArray[np.float64], labels: NDArray[Any], k: int) -> None:
    if predicted.ndim != 2 or predicted.shape[1] != k:
        raise InputError(f"probabilities: expected [n, {k}], got {list(predicted.shape)}")
    n = len(predicted)
    if n == 0:
        raise InputError("nothing to score: no labelled samples")
    if labels.shape not in ((n,), (n, k)):
        raise InputError(f"labels: expected [{n}] or [{n}, {k}], got {list(labels.shape)}")
    if labels.ndim == 1 and (not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0 or labels.max() >= k):
        raise InputError(f"labels: expected integers 0..{k - 1}, got {labels.dtype} {labels.min()}..{labels.max()}")
    for name, rows in (("probabilities", predicted), ("labels", labels)):
        if rows.ndim == 2 and not _distributes(rows):
            raise InputError(f"{name}: expected rows of numbers in 0..1 that sum to 1")


def _distributes(rows: NDArray[Any]) -> bool:
    return bool(np.isfinite(rows).all() and rows.min() >= 0 and np.allclose(rows.sum(axis=1), 1, atol=1e-3))


def _per_class(confusion: NDArray[np.int64]) -> list[ClassScores]:
    hits, supports, answers = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return [
        ClassScores(
            precision=_ratio(hit, predicted),
            recall=_ratio(hit, support),
            f1=_ratio(2 * hit, support + predicted),
            support=support,
            predicted=predicted,
        )
        for hit, support, predicted in zip(hits.tolist(), supports.tolist(), answers.tolist(), strict=True)
    ]


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: list[float | None]) -> float:
    return float(np.mean([value for value in values if value is not None]))


def _calibration(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_]
) -> tuple[tuple[ReliabilityBin, ...], float]:
    """Return equal-width bins of the confidence, and their gaps |accuracy - confidence| averaged over the samples."""
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    counts = np.bincount(place, minlength=BINS)
    sums = np.bincount(place, weights=confidence, minlength=BINS)
    hits = np.bincount(place, weights=correct, minlength=BINS)
    bins = tuple(
        ReliabilityBin(
            lower=index / BINS,
            upper=(index + 1) / BINS,
            count=int(counts[index]),
            confidence=float(sums[index] / counts[index]) if counts[index] else None,
            accuracy=float(hits[index] / counts[index]) if counts[index] else None,
        )
        for index in range(BINS)
    )
    return bins, float(np.abs(hits - sums).sum() / len(confidence))


def _divergence(votes: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    """Return the mean of sum(votes ln(votes / predicted)), where 0 ln 0 is 0."""
    logs = np.log(np.where(votes > 0, votes, 1)) - np.log(np.maximum(predicted, FLOOR))
    return float((votes * logs).sum(axis=1).mean())
