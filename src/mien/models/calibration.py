"""What was fitted on labelled faces and is kept in a model file: scaling, a confidence threshold, prediction sets.

`mien.evaluation.calibrate` fits it; here it is checked and applied.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError

METHODS = ("temperature", "vector")


@dataclass(frozen=True)
class Abstention:
    """A confidence threshold for selective classification (Geifman & El-Yaniv 2017)."""

    target: float
    """The accuracy, 0..1, that predictions above the threshold were to have."""
    threshold: float
    """A prediction whose probability is below it is uncertain."""
    coverage: float
    """Share of the measured faces, 0..1, whose prediction is not uncertain."""
    accuracy: float | None
    """Accuracy of those predictions, 0..1; None where there was none."""

    def uncertain(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return bool [n] for probabilities [n, k]: the largest of the row is below the threshold."""
        return np.asarray(probabilities.max(axis=1, initial=0.0).astype(np.float64) < self.threshold)


@dataclass(frozen=True)
class Conformal:
    """Prediction sets with a guaranteed coverage, by split conformal prediction (Vovk et al. 2005).

    A label's score is 1 minus its probability ("lac", least ambiguous sets; Sadinle et al. 2019).
    """

    coverage: float
    """The share of sets, 0..1, that were to contain the true label."""
    quantile: float
    """Labels whose score is at most this are in the set."""
    measured_coverage: float
    """Share of the measured faces, 0..1, whose set contains the true label."""
    mean_size: float
    """Mean number of labels in a set, over the measured faces."""
    method: str = "lac"

    def in_prediction_set(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return bool [n, k], the labels in the prediction set of each row [n, k]; the most probable always is."""
        held = 1 - probabilities.astype(np.float64) <= self.quantile
        held[np.arange(len(held)), probabilities.argmax(axis=1)] = True
        return np.asarray(held)


@dataclass(frozen=True)
class Evidence:
    """The faces that a calibration was fitted on: what fits threshold and sets anew for other shares of the classes."""

    logits: bytes
    """float16 [n, k], little-endian: calibrated logits, at the shares of the training data."""
    labels: bytes
    """uint16 [n], likewise: the true class."""

    @classmethod
    def of(cls, logits: NDArray[np.float32], labels: NDArray[np.int64]) -> "Evidence":
        """Keep calibrated logits [n, k] and labels [n]."""
        centred = logits - logits.max(axis=1, keepdims=True)
        return cls(centred.astype("<f2").tobytes(), labels.astype("<u2").tobytes())

    def weighted(self, prior: NDArray[np.float64], offset: NDArray[np.float64]) -> "WeightedFaces":
        """Return the answers with `offset` [k] added to the logits, each class as heavy as `prior` [k] says."""
        logits, labels = self.read()
        powers = np.exp(logits + offset)
        counts = np.bincount(labels, minlength=len(prior))
        return WeightedFaces(
            powers / powers.sum(axis=1, keepdims=True), labels, (prior / np.maximum(counts, 1))[labels]
        )

    def read(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return logits [n, k] and labels [n]."""
        labels = np.frombuffer(self.labels, "<u2").astype(np.int64)
        logits = np.frombuffer(self.logits, "<f2").astype(np.float32)
        return logits.reshape(len(labels), -1), labels


@dataclass(frozen=True)
class WeightedFaces:
    """Answers [n, k], the true classes [n], and how much each face weighs [n]."""

    probabilities: NDArray[np.float64]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]

    @property
    def confidence(self) -> NDArray[np.float64]:
        return np.asarray(self.probabilities.max(axis=1))

    @property
    def correct(self) -> NDArray[np.bool_]:
        return np.asarray(self.probabilities.argmax(axis=1) == self.labels)

    @property
    def of_truth(self) -> NDArray[np.float64]:
        """The probability of the true class."""
        return np.asarray(self.probabilities[np.arange(len(self.labels)), self.labels])


@dataclass(frozen=True)
class Calibration:
    """How an output was calibrated and what that changed; part of a model file and of a run's calibration.json."""

    method: str
    """temperature, or vector: softmax(scale * logits + bias) (Guo et al. 2017)."""
    n: int
    """Faces it was fitted on."""
    n_measured: int
    """Faces that the figures below were measured on."""
    held_out: bool
    """Whether those are other faces than it was fitted on."""
    split: str
    kind: str
    """The reader of the dataset; "" where several were joined."""
    targets: str
    """Which labels: label, majority, plurality or distribution."""
    fingerprint: str
    """Fingerprint of the full split it was fitted on (`Samples.fingerprint` at 48 x 48 grey)."""
    share: float = 1.0
    """Share of that split, 0..1, that it was fitted on."""
    ece_before: float | None = None
    """Expected calibration error of the bare softmax; None where nothing was measured."""
    ece_after: float | None = None
    nll_before: float | None = None
    """Mean negative log-likelihood in nats, likewise."""
    nll_after: float | None = None
    scale: tuple[float, ...] = ()
    """Per label; empty where there is only a temperature."""
    bias: tuple[float, ...] = ()
    abstain: Abstention | None = None
    conformal: Conformal | None = None
    evidence: Evidence | None = None
    """The faces; None where threshold and sets hold for the file's own prior alone."""

    def __post_init__(self) -> None:
        if self.kind == "ferplus":  # as the bundled files have it: their bytes do not change
            object.__setattr__(self, "kind", "fer2013")
        threshold = self.abstain.threshold if self.abstain else 0.0
        quantile = self.conformal.quantile if self.conformal else 0.0
        if (
            self.method not in METHODS
            or len(self.scale) != len(self.bias)
            or (self.method == "vector") != bool(self.scale)
            or not np.isfinite([*self.scale, *self.bias, threshold, quantile]).all()
            or (self.conformal and self.conformal.method != "lac")
        ):
            raise InputError(f"calibration values are inconsistent: {self}")

    def for_prior(
        self, prior: NDArray[np.float64], shares: NDArray[np.float64], *, measure: "Evidence | None" = None
    ) -> "Calibration":
        """Return it with threshold and sets for faces whose classes have the shares `prior` [k].

        The faces of each class weigh as much together as the prior says (label shift; Podkopaev & Ramdas 2021). Without
        `evidence` there is neither threshold nor set.

        Args:
            prior: [k], positive, of sum 1.
            shares: [k], likewise, those of the training data.
            measure: the faces that coverage and accuracy are measured on; None: those of `evidence`.
        """
        if self.evidence is None:
            return replace(self, abstain=None, conformal=None)
        offset = np.log(prior / shares)
        faces, others = self.evidence.weighted(prior, offset), (measure or self.evidence).weighted(prior, offset)
        abstain, conformal = self.abstain, self.conformal
        if abstain:
            threshold = weighted_threshold(faces.confidence, faces.correct, faces.weights, abstain.target)
            kept = others.confidence >= threshold
            accuracy = np.average(others.correct[kept], weights=others.weights[kept]) if kept.any() else None
            abstain = Abstention(
                abstain.target,
                threshold,
                float(others.weights[kept].sum() / others.weights.sum()),
                None if accuracy is None else float(accuracy),
            )
        if conformal:
            quantile = weighted_quantile(1 - faces.of_truth, faces.weights, conformal.coverage)
            sets = replace(conformal, quantile=quantile).in_prediction_set(others.probabilities.astype(np.float32))
            held = sets[np.arange(len(sets)), others.labels]
            conformal = Conformal(
                conformal.coverage,
                quantile,
                float(np.average(held, weights=others.weights)),
                float(np.average(sets.sum(axis=1), weights=others.weights)),
            )
        return replace(self, abstain=abstain, conformal=conformal)


def weighted_threshold(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], weights: NDArray[np.float64], target: float
) -> float:
    """Return the lowest confidence from which on the weighted accuracy reaches the target; above 1 where none does.

    Its one-sided 95 % bound (Wilson 1927, with the effective number of faces of Kish 1965) reaches it.
    """
    order = np.argsort(-confidence, kind="stable")
    ordered, weight = confidence[order], weights[order]
    total = weight.cumsum()
    share, n = (weight * correct[order]).cumsum() / total, total**2 / (weight**2).cumsum()
    z = 1.6449
    bound = (share + z**2 / (2 * n) - z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))) / (1 + z**2 / n)
    last = np.append(ordered[1:] < ordered[:-1], True)  # of equal confidences
    reached = np.flatnonzero((bound >= target) & last)
    if not len(reached):
        return 1.01
    return 0.0 if reached[-1] == len(ordered) - 1 else float(ordered[reached[-1]])


def weighted_quantile(scores: NDArray[np.float64], weights: NDArray[np.float64], coverage: float) -> float:
    """Return the score up to which `coverage` of the weights lie, those of one further face of mean weight added."""
    order = np.argsort(scores, kind="stable")
    total = weights[order].cumsum()
    rank = np.searchsorted(total, coverage * (total[-1] + weights.mean()))
    return float(scores[order][min(int(rank), len(scores) - 1)])


def scale_logits(
    logits: NDArray[np.float32], temperature: float, scale: Sequence[float] = (), bias: Sequence[float] = ()
) -> NDArray[np.float32]:
    """Return logits [n, k] whose softmax is calibrated: by scale and bias [k] where given, else by the temperature."""
    if scale:
        return logits * np.array(scale, np.float32) + np.array(bias, np.float32)
    return logits / np.float32(temperature)
