"""The verb `calibrate`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mien.cli.options import Data, Model, Unused
from mien.core.streams import say, show_json, show_table
from mien.datasets.spec import Merge


@dataclass(frozen=True)
class CalibrationData(Data):
    """The faces to calibrate on; a class that the model lacks is left out."""

    merge: Unused[Merge] = "drop"


def calibrate(
    model: Model,
    /,
    data: CalibrationData,
    *,
    method: Literal["temperature", "vector", "keep"] = "temperature",
    abstain_at: float | None = None,
    coverage: float | None = None,
    share: float = 1.0,
    seed: int = 0,
    out: Path | None = None,
    json: bool = False,
) -> None:
    """Calibrate probabilities; fit an abstention threshold and prediction sets.

    Needs labelled faces that the model was not trained on. Fits a temperature, or a scale and a bias per class; with
    --abstain-at, the confidence below which predict marks a label as uncertain; with --coverage, the prediction sets of
    predict. The ONNX file stores all of it, in place of an earlier calibration.

    For a run, replaces model.onnx and writes calibration.json with the measured figures. For any other model, --out
    names the ONNX file to write. docs/calibration.md has the guarantees and their limits.

    Examples:
        $ mien calibrate runs/first --data fer2013/
        $ mien calibrate runs/first --data fer2013/ --abstain-at 0.9 --coverage 0.9
        $ mien calibrate default --data fer2013/ --method vector --out mine.onnx
        $ mien calibrate default --data photos/ --detector auto --out mine.onnx

    Args:
        model: A run folder, an .onnx file, or a bundled model: default or small.
        data: The calibration data; its targets choose the output that is calibrated.
        method: temperature (one number; the predicted class stays), vector (a scale and a bias per class), or keep (no
            change; fits --abstain-at and --coverage only).
        abstain_at: The accuracy wanted of the labels that are not marked as uncertain, such as 0.9.
        coverage: The share of prediction sets wanted that contain the true label, such as 0.9.
        share: The share of each class to fit on, drawn at random; the rest measures. With 1 the figures are those of
            the fitted faces.
        seed: Random seed of that draw.
        out: The new .onnx file to write instead.
        json: Print one JSON object instead of a table.
    """
    from mien.core import records
    from mien.core.errors import InputError
    from mien.evaluation.calibrate import CalibrationOptions, OutputCalibration
    from mien.evaluation.calibrate import calibrate as fit_predictions
    from mien.evaluation.calibrate.files import FILE, save, target_file, with_calibration, write_model
    from mien.evaluation.calibrate.terminal import table
    from mien.evaluation.predictions import load, predict

    options = CalibrationOptions(method, abstain_at, coverage, share, seed)
    target = target_file(model, out)
    session, samples, facts = load(model, data)
    if session.external:  # mien's metadata has no field for the order of channels and the layout
        raise InputError(f"{model}: not a model that mien exported; its .json file can hold a temperature")
    found = fit_predictions(predict(session, samples, facts), options, output=data.output)
    fitted = OutputCalibration(found.temperature, found.calibration)
    write_model(model, with_calibration(session.info, found.output, fitted), target)
    written = [target]
    if out is None:
        save(Path(model), {found.output: fitted})
        written.append(Path(model) / FILE)
    if json:
        show_json(records.dumps(found))
    else:
        show_table(table(found))
    for path in written:
        say(f"wrote {path}")
    if out is None and (
        older := [
            path.name for what in ("evaluation", "audit") for path in sorted(target.parent.glob(f"{what}-*.json"))
        ]
    ):
        say(f"measured before, on another model file: {', '.join(older)}; measure again")
