"""The figures of a classifier, one entry of `METRICS` each, in numpy alone.

A new figure is one entry. Tables, pages, cards, JSON and comparisons walk the registry; nothing else names it.
scikit-learn has most of these, but is much to install for recognising a face; the tests compare each figure with it.
docs/evaluation.md defines each figure and gives its source.

A ratio whose denominator is zero is undefined: it is None, and means leave it out. So the recall of a class without
samples is None, the precision of a class that is never predicted is None, and the F1 is None where both hold.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.tables import cell
from mien.datasets.samples import hard
from mien.evaluation.statistics import Interval, interval_text, wilson

BINS = 15  # as Guo et al. 2017
FLOOR = float(np.finfo(np.float32).eps)  # the least probability a logarithm is computed of, as in scikit-learn

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class ReliabilityBin:
    """The samples whose confidence lies in (lower, upper]; the means are None where there are none."""

    lower: float
    upper: float
    count: int
    confidence: float | None
    accuracy: float | None


@dataclass(frozen=True)
class Outcomes:
    """Scored samples: what a metric is computed from."""

    probabilities: NDArray[np.float64]
    """[n, k], rows summing to 1."""
    truth: NDArray[np.int64]
    """[n], 0..k-1."""
    votes: NDArray[np.float64] | None = None
    """[n, k], the votes as a distribution per row; None where the labels are single classes."""

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """int64 [n]: the first of the most probable classes."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @cached_property
    def confusion(self) -> Counts:
        """int64 [k, k]: rows are the truth, columns the predictions."""
        k = self.probabilities.shape[1]
        return np.bincount(self.truth * k + self.predicted, minlength=k * k).reshape(k, k).astype(np.int64)

    @cached_property
    def bins(self) -> tuple[ReliabilityBin, ...]:
        """The reliability diagram: `BINS` bins of equal width over the confidence."""
        confidence = self.probabilities.max(axis=1)
        index = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
        counts = np.bincount(index, minlength=BINS).tolist()
        sums = np.bincount(index, weights=confidence, minlength=BINS).tolist()
        hits = np.bincount(index, weights=self.predicted == self.truth, minlength=BINS).tolist()
        return tuple(
            ReliabilityBin(at / BINS, (at + 1) / BINS, n, total / n if n else None, hit / n if n else None)
            for at, (n, total, hit) in enumerate(zip(counts, sums, hits, strict=True))
        )


def accuracy(confusion: Counts) -> NDArray[np.float64]:
    """Return the share of correct predictions, [...], of confusions [..., k, m]; columns from k on are no class."""
    return np.asarray(np.trace(confusion, axis1=-2, axis2=-1) / confusion.sum(axis=(-2, -1)))


def macro_f1(confusion: Counts) -> NDArray[np.float64]:
    """Return the mean F1 of the classes, likewise."""
    predicted = confusion.sum(axis=-2)[..., : confusion.shape[-2]]
    return _mean_over_classes(2 * _hits(confusion), confusion.sum(axis=-1) + predicted)


def mean_recall(confusion: Counts) -> NDArray[np.float64]:
    """Return the mean recall of the classes, likewise."""
    return _mean_over_classes(_hits(confusion), confusion.sum(axis=-1))


def log_loss(outcomes: Outcomes) -> float:
    """Return the mean -ln of the probability of the truth."""
    chosen = outcomes.probabilities[np.arange(len(outcomes.truth)), outcomes.truth]
    return float(-np.log(np.maximum(chosen, FLOOR)).mean())


def ece(outcomes: Outcomes) -> float:
    """Return the expected calibration error: the bins' gaps |accuracy - confidence| averaged over the samples."""
    gaps = [one.count * abs((one.accuracy or 0) - (one.confidence or 0)) for one in outcomes.bins]
    return sum(gaps) / len(outcomes.truth)


def kl(outcomes: Outcomes) -> float | None:
    """Return the mean Kullback-Leibler divergence, in nats, from the predictions to the votes; None without votes."""
    if outcomes.votes is None:
        return None
    votes = outcomes.votes
    logs = np.log(np.where(votes > 0, votes, 1)) - np.log(np.maximum(outcomes.probabilities, FLOOR))
    return float((votes * logs).sum(axis=1).mean())


@dataclass(frozen=True)
class Metric:
    """One figure."""

    name: str
    """Its key in JSON and in `MetricValues.metrics`."""
    title: str
    """Its heading in tables and on pages."""
    better: Literal["higher", "lower"]
    compute: Callable[[Outcomes], float | None] | None = None
    """From outcomes to the figure; None where it is undefined. A metric of counts leaves it out."""
    of_counts: Callable[[Counts], NDArray[np.float64]] | None = None
    """From confusions [..., k, m] to figures [...]; such a metric is also computed over photos without a found face (an
    (m = k + 1)th column) and on bootstrap draws."""
    of_calibration: bool = False
    """Whether calibration is meant to improve it: tables show it before calibration too."""
    format: str = ".4f"
    """How it is printed."""
    hub: str | None = None
    """Its type in Hugging Face's model cards, where they have one."""

    def value(self, outcomes: Outcomes) -> float | None:
        """Return the figure of these outcomes."""
        if self.of_counts:
            return float(self.of_counts(outcomes.confusion))
        return self.compute(outcomes) if self.compute else None

    def text(self, value: float | None) -> str:
        """Return a value as it is printed; - where it is undefined."""
        return cell(value, self.format)


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", "higher", of_counts=accuracy, hub="accuracy"),
        Metric("macro_f1", "macro-F1", "higher", of_counts=macro_f1, hub="f1"),
        Metric("balanced_accuracy", "balanced accuracy", "higher", of_counts=mean_recall, hub="balanced_accuracy"),
        Metric("log_loss", "log loss", "lower", log_loss),
        Metric("ece", "ECE", "lower", ece, of_calibration=True),
        Metric("kl", "KL to the votes", "lower", kl),
    )
}
COUNT_METRICS = tuple(metric for metric in METRICS.values() if metric.of_counts)
INTERVAL = "95 % interval"  # the heading over the interval of the accuracy


@dataclass(frozen=True)
class MetricValues:
    """The figures of n predictions."""

    n: int
    metrics: dict[str, float]
    """By the names in `METRICS`; what is undefined is left out."""
    interval: Interval
    """95 % Wilson score interval of the accuracy."""

    def __post_init__(self) -> None:
        if "accuracy" not in self.metrics:
            raise InputError("metrics without accuracy")

    @property
    def accuracy(self) -> float:
        """The share of correct predictions."""
        return self.metrics["accuracy"]

    @property
    def texts(self) -> dict[str, str]:
        """Every figure as it is printed, by title; the interval follows the accuracy."""
        found = {}
        for name, metric in METRICS.items():
            if name in self.metrics:
                found[metric.title] = metric.text(self.metrics[name])
            if name == "accuracy":
                found[INTERVAL] = interval_text(self.interval)
        return found

    def __str__(self) -> str:
        return ", ".join(f"{title} {text}" for title, text in self.texts.items())


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
class Annotator:
    """How far a single annotator is from the votes of all."""

    kl: float
    """Mean Kullback-Leibler divergence, in nats, to the votes."""
    accuracy: float
    """How often one annotator names the most voted class."""


@dataclass(frozen=True)
class Scores(MetricValues):
    """What `score` measured. Ratios are in 0..1."""

    classes: tuple[str, ...]
    per_class: dict[str, ClassScores]
    confusion: Counts
    """int64 [k, k]: rows are the truth, columns the predictions, both in the order of `classes`."""
    bins: tuple[ReliabilityBin, ...]
    annotator: Annotator | None = None
    """Scores of one annotator, where the labels are votes."""

    @property
    def rates(self) -> NDArray[np.float64]:
        """[k, k]: `confusion` as shares of its rows; NaN in the row of a class without samples."""
        support = self.confusion.sum(axis=1, keepdims=True)
        empty = np.full(self.confusion.shape, np.nan)
        return np.asarray(np.divide(self.confusion, support, out=empty, where=support > 0))

    def most_mistaken(self, most: int) -> list[int]:
        """Return the indices of the `most` classes with most mistakes, made of them or with them, ascending."""
        wrong = self.confusion.sum(axis=0) + self.confusion.sum(axis=1) - 2 * _hits(self.confusion)
        return sorted(np.argsort(-wrong, kind="stable")[:most].tolist())


def score(probabilities: NDArray[np.float32], labels: NDArray[Any], classes: Sequence[str]) -> Scores:
    """Score predictions against the truth.

    Args:
        probabilities: float [n, k], rows summing to 1; the prediction is the first of the most probable classes.
        labels: int [n], index into `classes`; or float [n, k], the votes as a distribution per row: the truth is then
            the first of the most voted classes.
        classes: the k names.

    Raises:
        InputError: nothing to score, arrays of different lengths, a label out of range, or no probabilities.

    Example:
        >>> found = score(np.eye(2, dtype=np.float32), np.array([0, 1]), ["happy", "sad"])
        >>> found.accuracy
        1.0
    """
    predicted = np.asarray(probabilities, dtype=np.float64)
    _check(predicted, labels, len(classes))
    outcomes = Outcomes(predicted, hard(labels), labels.astype(np.float64) if labels.ndim == 2 else None)
    confusion = outcomes.confusion
    values = {name: metric.value(outcomes) for name, metric in METRICS.items()}
    counts = (count.tolist() for count in (_hits(confusion), confusion.sum(axis=1), confusion.sum(axis=0)))
    return Scores(
        n=len(predicted),
        classes=tuple(classes),
        metrics={name: value for name, value in values.items() if value is not None},
        interval=wilson(int(np.trace(confusion)), len(predicted)),
        per_class=dict(zip(classes, map(_class_scores, *counts), strict=True)),
        confusion=confusion,
        bins=outcomes.bins,
        annotator=annotator(labels) if labels.ndim == 2 else None,
    )


@dataclass(frozen=True)
class EndToEnd(MetricValues):
    """Scores over n whole photos, by `COUNT_METRICS`: a face that was not found counts as a wrong prediction."""

    detector: str
    coverage: float
    """Share of the photos in which a face was found; the other scores are of these."""


def end_to_end(scores: Scores, support: Sequence[int], detector: str) -> EndToEnd:
    """Return `scores`, of the faces found, over all photos: `support` counts these, by class of `scores.classes`."""
    missed = np.array(support)[:, None] - scores.confusion.sum(axis=1, keepdims=True)
    counts, n = np.concatenate([scores.confusion, missed], axis=1), sum(support)
    return EndToEnd(
        detector=detector,
        n=n,
        coverage=scores.n / n,
        metrics={metric.name: float(metric.of_counts(counts)) for metric in COUNT_METRICS if metric.of_counts},
        interval=wilson(int(np.trace(scores.confusion)), n),
    )


def annotator(votes: NDArray[Any]) -> Annotator:
    """Return how far one annotator is from the votes [n, k] of all.

    One annotator names a class, not a distribution. The fairest reading of it is the mean of the votes of all faces
    that an annotator would name so. The annotator's own vote is among the votes, which flatters a little.
    """
    votes = votes.astype(np.float64)
    together = votes.T @ votes
    reading = together / np.maximum(together.sum(axis=1, keepdims=True), FLOOR)
    logs = np.log(np.maximum(reading, FLOOR))
    own = (votes * np.log(np.where(votes > 0, votes, 1))).sum(axis=1)
    expected = (votes * (votes @ logs.T)).sum(axis=1)  # of sum(votes ln(reading)), over which class is named
    return Annotator(float((own - expected).mean()), float(votes.max(axis=1).mean()))


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
        if rows.ndim == 2 and not (rows.min() >= 0 and np.allclose(rows.sum(axis=1), 1, atol=1e-3)):
            raise InputError(f"{name}: expected rows of numbers in 0..1 that sum to 1")


def _hits(confusion: Counts) -> Counts:
    return np.diagonal(confusion, axis1=-2, axis2=-1)


def _mean_over_classes(parts: Counts, wholes: Counts) -> NDArray[np.float64]:
    """Return the mean of parts / wholes, [..., k], over the last axis without the classes whose whole is 0."""
    ratios = np.divide(parts, wholes, out=np.zeros(parts.shape), where=wholes > 0)
    return np.asarray(ratios.sum(axis=-1) / (wholes > 0).sum(axis=-1))


def _class_scores(hits: int, support: int, predicted: int) -> ClassScores:
    def ratio(part: int, whole: int) -> float | None:
        return part / whole if whole else None

    f1 = ratio(2 * hits, support + predicted)
    return ClassScores(ratio(hits, predicted), ratio(hits, support), f1, support, predicted)
