"""What was measured of the models in the package: src/mien/assets/NAME.json, written by benchmarks/variants.py."""

from dataclasses import dataclass

from mien.core import records
from mien.evaluation.calibrate.files import OutputCalibration
from mien.evaluation.card.scores import CardScore
from mien.models.bundled import ASSETS
from mien.models.latency import Latency
from mien.recipes import RunRecord


@dataclass(frozen=True)
class Quantization:
    """How a model was written in 8 bits."""

    of: str
    """SHA-256 of the model in 32 bits."""
    images: int
    """How many images the ranges were measured on."""
    agreement: float
    """Share of these images that both models answer alike."""
    onnxruntime: str
    """Its version."""


@dataclass(frozen=True)
class BundledCard:
    """What is known of a model in the package."""

    sha256: str
    """The SHA-256 of the .onnx file."""
    bytes: int
    training: RunRecord
    quantization: Quantization | None
    scores: tuple[CardScore, ...]
    latency: tuple[Latency, ...]
    calibration: dict[str, OutputCalibration]
    """By output; those that were calibrated after training."""


def read_card(name: str) -> BundledCard:
    """Return the card of a bundled model.

    Example:
        >>> read_card("small").scores[0].title
        'FER2013 PublicTest'
    """
    return records.read(ASSETS / f"{name}.json", BundledCard, what="the card of a bundled model")
