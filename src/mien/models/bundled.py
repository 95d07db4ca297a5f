"""The models in the package; `mien.evaluation.card.bundled` reads what was measured of them."""

import os
from pathlib import Path

from mien.core import images, records
from mien.core.errors import InputError
from mien.core.paths import local_path, printable

ASSETS = Path(__file__).parent.parent / "assets"


def bundled() -> dict[str, Path]:
    """Return the models in the package: name -> .onnx file, `default` first."""
    return {path.stem: path for path in sorted(ASSETS.glob("*.onnx"))}


def model_name(path: Path) -> str:
    """Return what a model file is called: the name of a bundled model, else that of the file."""
    return next((name for name, file in bundled().items() if file == path), printable(path.name))


def measured_crops() -> dict[str, images.CropSpec]:
    """Return how faces are best cropped, by detector, for networks trained on FER2013 (benchmarks/crops.py)."""
    return records.read(ASSETS / "crops.json", dict[str, images.CropSpec], what="how faces are cropped")


def resolve(model: str | os.PathLike[str]) -> Path:
    """Return the .onnx file that `model` names: a bundled model, a run folder, or an .onnx file.

    Raises:
        InputError: there is no such file, or the run has not been exported.

    Example:
        >>> resolve("default").name
        'default.onnx'
    """
    path = bundled().get(os.fspath(model)) or local_path(model)
    if path.is_dir():
        if not (path / "model.onnx").is_file():
            raise InputError(f"{path}: no model.onnx in it; make one with: mien export {path}")
        return path / "model.onnx"
    if not path.is_file():
        raise InputError(f"{path}: no such model; expected {', '.join(bundled())}, a run folder or an .onnx file")
    return path
