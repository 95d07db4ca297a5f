"""What was fitted on labelled faces and travels in a model: scaled logits, a threshold of confidence, prediction sets.

`mien.evaluation.calibrate` fits it; here it is kept, checked and applied.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mien.core import records
from mien.core.errors import InputError

METHODS = ("temperature", "vector")


@dataclass(frozen=True)
class Abstention:
    """The confidence from which on an answer counts (selective classification, Geifman & El-Yaniv 2017)."""

    target: float
    """The accuracy, 0..1, that was asked of the answers that count."""
    threshold: float
    """An answer whose probability is below it is uncertain."""
    coverage: float
    """Share of the measured faces whose answer counts."""
    accuracy: float | None
    """Of those answers; None where there was none."""

    def uncertain(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return bool [n] for probabilities [n, k]: the largest of the row is below the threshold."""
        return np.asarray(probabilities.max(axis=1, initial=0.0).astype(np.float64) < self.threshold)


@dataclass(frozen=True)
class Conformal:
    """Label sets that hold the truth as often as was asked for: split conformal prediction (Vovk et al. 2005).

    A label's score is 1 less its probability ("lac", least ambiguous sets; Sadinle et al. 2019).
    """

    coverage: float
    """The share of sets, 0..1, that were to hold the truth."""
    quantile: float
    """Labels with a score up to it are in the set."""
    measured_coverage: float
    """Share of the measured faces whose set holds the truth."""
    mean_size: float
    """How many labels a set has, over the measured faces."""
    method: str = "lac"

    def in_prediction_set(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Return bool [n, k], which labels are in the set of each row of [n, k]; the likeliest always is."""
        sets = 1 - probabilities.astype(np.float64) <= self.quantile
        sets[np.arange(len(sets)), probabilities.argmax(axis=1)] = True
        return np.asarray(sets)


@dataclass(frozen=True)
class Calibration:
    """How an output was calibrated and what that changed, as it stands in the model and in a run's calibration.json."""

    method: str
    """temperature, or vector: softmax(scale * logits + bias) (Guo et al. 2017)."""
    n: int
    """Faces it was fitted on."""
    n_measured: int
    """Faces that the figures below are of."""
    held_out: bool
    """Whether those are others than it was fitted on."""
    split: str
    kind: str
    """The reader of the dataset; "" where several were joined."""
    targets: str
    """Whose labels: label, majority, plurality or distribution."""
    fingerprint: str
    """Of the split it was fitted on, all of it (`mien.evaluation.DataFacts.fingerprint`)."""
    share: float = 1.0
    """How much of that split, 0..1, it was fitted on."""
    ece_before: float | None = None
    """Expected calibration error of the bare softmax; None where nothing was measured."""
    ece_after: float | None = None
    nll_before: float | None = None
    """Mean negative log-likelihood in nats, likewise."""
    nll_after: float | None = None
    scale: tuple[float, ...] = ()
    """Per label; empty where one temperature is all."""
    bias: tuple[float, ...] = ()
    abstain: Abstention | None = None
    conformal: Conformal | None = None

    def __post_init__(self) -> None:
        numbers = [*self.scale, *self.bias]
        if self.abstain:
            numbers.append(self.abstain.threshold)
        if self.conformal:
            numbers.append(self.conformal.quantile)
        vector = self.method == "vector"
        if (
            self.method not in METHODS
            or len(self.scale) != len(self.bias)
            or vector != bool(self.scale)
            or not np.isfinite(np.array(numbers)).all()
            or (self.conformal and self.conformal.method != "lac")
        ):
            raise InputError(f"calibration makes no sense: {self}")

    def to_json(self) -> dict[str, Any]:
        """Return plain objects; what `from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, facts: object) -> Self:
        """Return the record of plain objects; InputError where a fact is missing or of another type."""
        return records.from_json(facts, cls, where="calibration")


def scale_logits(
    logits: NDArray[np.float32], temperature: float, scale: Sequence[float] = (), bias: Sequence[float] = ()
) -> NDArray[np.float32]:
    """Return logits [n, k] whose softmax is calibrated: by scale and bias [k] where given, else by the temperature."""
    if scale:
        return logits * np.array(scale, np.float32) + np.array(bias, np.float32)
    return logits / np.float32(temperature)
