"""Calibrations in files: a model's metadata and a run's calibration.json keep them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mien.core import records
from mien.core.errors import InputError, needs_extra
from mien.core.files import check_folder, replacing
from mien.models.bundled import bundled, resolve
from mien.models.calibration import Calibration
from mien.models.metadata import METADATA_KEY, ModelInfo
from mien.models.session import Session

FILE = "calibration.json"  # in a run: the calibration of each output


@dataclass(frozen=True)
class OutputCalibration:
    """What calibration.json keeps of one output."""

    temperature: float
    calibration: Calibration


def with_calibration(info: ModelInfo, output: str, fitted: OutputCalibration) -> ModelInfo:
    """Return the facts of a model with the calibration of one of its outputs."""
    if output == info.primary_output:
        return replace(info, temperature=fitted.temperature, calibration=fitted.calibration)
    changed = replace(info.outputs[output], temperature=fitted.temperature, calibration=fitted.calibration)
    return replace(info, further_outputs={**info.further_outputs, output: changed})


def target_file(model: str | Path, out: Path | None) -> Path:
    """Return the file to write: `out`, or the model.onnx of a run. To be called before long work.

    Raises:
        InputError: `out` exists already or is no .onnx file, is missing though the model is no run, or the folder
            cannot be written to.
        MissingExtra: onnx or SciPy is not installed.
    """
    with needs_extra("eval", "mien calibrate"):
        import onnx  # noqa: F401
        import scipy  # noqa: F401
    if out is None:
        if str(model) in bundled() or not Path(model).is_dir():
            raise InputError(f"{model}: no run folder, so it stays as it is; say where to write with --out FILE.onnx")
        check_folder(Path(model))
        return resolve(model)
    check_new_file(out)
    return out


def check_new_file(out: Path) -> None:
    """Raise InputError where `out` exists already or is no .onnx file, or its folder cannot be written to."""
    if out.suffix.lower() != ".onnx":
        raise InputError(f"{out}: expected a name that ends with .onnx")
    if out.exists():
        raise InputError(f"{out}: exists already; choose another file")
    check_folder(out.parent)


def write_model(model: str | Path, info: ModelInfo, out: Path) -> None:
    """Write a model once more with other facts in it; the network stays as it is. `out` may be the model's own file."""
    import onnx

    proto = onnx.load(resolve(model))
    others = {entry.key: entry.value for entry in proto.metadata_props}
    onnx.helper.set_model_props(proto, {**others, METADATA_KEY: info.to_json()})
    with replacing(out) as part:
        part.write_bytes(proto.SerializeToString())
        Session(part)  # it opens, and its facts are read


def read(run: Path) -> dict[str, OutputCalibration]:
    """Return the calibration of each output that a run's calibration.json knows; {} without one.

    Raises:
        InputError: it is damaged.
    """
    path = run / FILE
    return records.read(path, dict[str, OutputCalibration], what="what mien calibrate writes") if path.is_file() else {}


def save(run: Path, outputs: Mapping[str, OutputCalibration]) -> None:
    """Put calibrations of outputs into a run's calibration.json; those of its other outputs stay."""
    records.write(run / FILE, {**read(run), **outputs})
