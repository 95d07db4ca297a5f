"""The models in the package, and what was measured of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.core import images, records
from mien.core.errors import InputError

ASSETS = Path(__file__).parent.parent / "assets"


@dataclass(frozen=True)
class BundledCard:
    """What was recorded of a bundled model when it was put into the package (benchmarks/variants.py).

    The records of what is measured and trained belong to the rows above; here they are plain JSON.
    """

    sha256: str
    """Of the .onnx file."""
    bytes: int
    parameters: int
    macs: int
    """Multiply-adds for one face."""
    training: dict[str, Any]
    """A `mien.recipes.RunRecord`, less the paths of the machine."""
    figures: dict[str, dict[str, Any]]
    """Title -> scores."""
    ms: dict[str, dict[str, float]]
    """`batch 1`, `batch 32` -> a `mien.models.latency.Latency` by field, as far as it was recorded."""
    calibration: dict[str, Any]
    """A `mien.models.calibration.Calibration` by field, and more of how it was fitted."""
    quantized: dict[str, Any] | None = None
    """Which model it was made from, and how; None where it is not in 8 bits."""


def bundled() -> dict[str, Path]:
    """Return the models in the package: name -> .onnx file, `default` first."""
    return {path.stem: path for path in sorted(ASSETS.glob("*.onnx"))}


def measured_crops() -> dict[str, images.CropSpec]:
    """Return how faces are best cropped, by detector, for networks trained on FER2013 (benchmarks/crops.py)."""
    return records.read(ASSETS / "crops.json", dict[str, images.CropSpec], what="crops by detector")


def bundled_card(name: str) -> BundledCard:
    """Return what was recorded of a bundled model."""
    return records.read(ASSETS / f"{name}.json", BundledCard, what="the card of a bundled model")


def resolve(model: str | Path) -> Path:
    """Return the .onnx file that `model` names: a bundled model, a run folder, or an .onnx file.

    Raises:
        InputError: there is no such file, or the run has not been exported.

    Example:
        >>> resolve("default").name
        'default.onnx'
    """
    path = bundled().get(str(model), Path(model))
    if path.is_dir():
        if not (path / "model.onnx").is_file():
            raise InputError(f"{path}: no model.onnx in it; make one with: mien export {path}")
        return path / "model.onnx"
    if not path.is_file():
        raise InputError(f"{path}: no such model; expected {', '.join(bundled())}, a run folder or an .onnx file")
    return path
