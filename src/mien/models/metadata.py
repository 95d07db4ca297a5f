"""The facts about a model that travel inside its .onnx file, as JSON under the metadata key `mien`."""

from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mien.core import images, records
from mien.core.errors import InputError
from mien.models.calibration import Calibration, scale_logits
from mien.models.prior import WORDS, Prior, shares_of

METADATA_KEY = "mien"
LARGEST = 4096  # pixels of an input's side
FILE_KEYS = {"primary_output": "answers", "further_outputs": "heads"}  # what the file calls these fields


@dataclass(frozen=True)
class OutputInfo:
    """One output of a model."""

    labels: tuple[str, ...]
    """Its classes, in order."""
    temperature: float
    """The logits are divided by it before the softmax, unless `calibration` has a scale and a bias per label."""
    calibration: Calibration | None = None
    shares: tuple[float, ...] = ()
    """Shares of its classes in the training data, which the logits hold; () where they were not recorded."""
    prior: tuple[float, ...] = ()
    """Shares of its classes that the answers assume; (): those of the training data."""

    def with_prior(self, prior: Prior) -> "OutputInfo":
        """Return it with answers for other shares of the classes, by Bayes' rule (Saerens et al. 2002).

        Raises:
            InputError: its `shares` are not known, or the prior has not a share for each class.
        """
        if not self.shares:
            raise InputError("prior: the model does not record which shares its classes have in its training data")
        chosen, trained = shares_of(prior, self.labels, self.shares), np.array(self.shares)
        fitted = self.calibration and self.calibration.for_prior(chosen, trained)
        return replace(self, prior=tuple(chosen.tolist()), calibration=fitted)

    def __post_init__(self) -> None:
        for what, numbers in (("shares", self.shares), ("prior", self.prior)):
            if numbers and (len(numbers) != len(self.labels) or not min(numbers) > 0 or abs(sum(numbers) - 1) > 1e-3):
                raise InputError(f"model facts are inconsistent: {what} {numbers}")
        if self.prior and not self.shares:
            raise InputError("model facts are inconsistent: a prior without shares")
        if not 1e-6 <= self.temperature <= 1e6:
            raise InputError(f"model facts are inconsistent: temperature {self.temperature}, expected 1e-06 to 1e+06")


@dataclass(frozen=True)
class Adaptation:
    """How the last layer was fitted to classes of one's own, on the features of another model (`mien adapt`)."""

    model: str
    """Whose features: default, small, or the name of the file."""
    sha256: str
    """Of that file."""
    counts: dict[str, int]
    """Class -> images learned from."""
    c: float
    """The C of scikit-learn's LogisticRegression."""
    folds: int
    """Parts of the cross-validation."""
    accuracy: float
    """In cross-validation, 0..1."""


@dataclass(frozen=True)
class ModelInfo:
    """The facts about a model, seen from one of its outputs.

    Raises:
        InputError: a value is out of range, or values do not fit each other.
    """

    labels: tuple[str, ...]
    """The classes of the output, in order."""
    size: int
    """The input is size x size pixels."""
    mean: tuple[float, ...]
    """Per channel, for pixels divided by 255; its length is the number of channels, 1 (grey) or 3 (RGB)."""
    std: tuple[float, ...]
    """Per channel, likewise."""
    temperature: float = 1.0
    """The logits are divided by it before the softmax, unless `calibration` has a scale and a bias per label."""
    margin: float = 0.0
    """Share of a detected box's longer side that is added on every side, for detectors that `crops` does not name."""
    crops: dict[str, images.CropSpec] = field(default_factory=dict)
    """How a face is cropped, by the name of the detector that found it."""
    recipe: str = ""
    """The recipe that trained it."""
    primary_output: str = "label"
    """The labelling it follows: label (the dataset's own), or the FER+ majority, plurality or distribution."""
    further_outputs: dict[str, OutputInfo] = field(default_factory=dict)
    """The other outputs, by the labelling that each follows."""
    calibration: Calibration | None = None
    """How the output was calibrated, its threshold and its prediction sets; None where nothing was recorded."""
    adaptation: Adaptation | None = None
    """How its last layer was fitted on another model's features; None for a trained network."""
    shares: tuple[float, ...] = ()
    """Shares of its classes in the training data, which the logits hold; () where they were not recorded."""
    prior: tuple[float, ...] = ()
    """Shares of its classes that the answers assume; (): those of the training data."""

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or len(self.mean) not in (1, 3):
            raise InputError(f"mean and std: expected 1 or 3 numbers each, got {len(self.mean)} and {len(self.std)}")
        if len(self.labels) < 2 or not 1 <= self.size <= LARGEST or min(self.std) < 1e-6:
            raise InputError(f"model facts are inconsistent: {self}")
        for output in self.outputs.values():
            scale = output.calibration.scale if output.calibration else ()
            if scale and len(scale) != len(output.labels):
                raise InputError(f"model facts are inconsistent: {len(scale)} scales for {len(output.labels)} labels")

    @property
    def outputs(self) -> dict[str, OutputInfo]:
        """All outputs by the labelling that each follows, the primary one first."""
        own = OutputInfo(self.labels, self.temperature, self.calibration, self.shares, self.prior)
        return {self.primary_output: own, **self.further_outputs}

    def to_json(self) -> str:
        facts = records.to_json(self)
        for output in (facts, *facts["further_outputs"].values()):
            for name in ("calibration", "shares", "prior"):
                if not output[name]:
                    del output[name]
            if output.get("calibration", {}).get("evidence", 0) is None:
                del output["calibration"]["evidence"]
        if self.adaptation is None:
            del facts["adaptation"]
        return records.dumps({FILE_KEYS.get(name, name): value for name, value in facts.items()}, indent=0)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises InputError where a fact is missing or of another type."""
        facts = records.loads(text, dict[str, Any], where="model facts")
        names = {key: name for name, key in FILE_KEYS.items()}
        return records.from_json({names.get(key, key): value for key, value in facts.items()}, cls, where="model facts")

    def crop(self, detector: str) -> images.CropSpec:
        """Return how a face is cropped that the detector of this name found; `none` gets no margin."""
        return self.crops.get(detector) or images.CropSpec(0.0 if detector == "none" else self.margin)

    def for_output(self, name: str) -> "ModelInfo":
        """Return the same facts with another output as the primary one.

        Raises:
            InputError: the model has no such output.
        """
        if name not in self.outputs:
            raise InputError(f"the model has no output {name!r}; it has {', '.join(self.outputs)}")
        others = {other: output for other, output in self.outputs.items() if other != name}
        return replace(self, **vars(self.outputs[name]), primary_output=name, further_outputs=others)

    def calibrate_logits(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return calibrated logits [n, k]: their softmax is the probabilities."""
        fitted = self.calibration
        return self.at_prior(
            scale_logits(logits, self.temperature, fitted.scale if fitted else (), fitted.bias if fitted else ())
        )

    def at_prior(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return logits [n, k], which hold the shares of the training data, moved to those that the answers assume."""
        return logits + np.log(np.array(self.prior) / self.shares).astype(np.float32) if self.prior else logits

    def with_prior(self, prior: Prior) -> "ModelInfo":
        """Return the same facts with answers for other shares of the classes: of all outputs, where a word says which.

        Shares by name are those of the primary output.

        Raises:
            InputError: the primary output cannot have that prior.
        """
        changed = {
            name: output.with_prior(prior)
            if name == self.primary_output or (output.shares and prior in WORDS)
            else output
            for name, output in self.outputs.items()
        }
        own = changed.pop(self.primary_output)
        return replace(self, **vars(own), further_outputs=changed)

    def uncertain(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_] | None:
        """Return bool [n], the confidence is below the threshold; None where the model has none."""
        abstain = self.calibration.abstain if self.calibration else None
        return abstain.uncertain(probabilities) if abstain else None

    def in_prediction_set(self, probabilities: NDArray[np.float32]) -> NDArray[np.bool_] | None:
        """Return bool [n, k], the labels in each prediction set; None where the model has none."""
        conformal = self.calibration.conformal if self.calibration else None
        return conformal.in_prediction_set(probabilities) if conformal else None
