"""What was fitted on labelled faces and is kept in a model file: scaling, a confidence threshold, prediction sets.

`mien.evaluation.calibrate` fits it; here it is checked and applied.
"""

from collections.abc import Sequence
from dataclasses import dataclass

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


def scale_logits(
    logits: NDArray[np.float32], temperature: float, scale: Sequence[float] = (), bias: Sequence[float] = ()
) -> NDArray[np.float32]:
    """Return logits [n, k] whose softmax is calibrated: by scale and bias [k] where given, else by the temperature."""
    if scale:
        return logits * np.array(scale, np.float32) + np.array(bias, np.float32)
    return logits / np.float32(temperature)
