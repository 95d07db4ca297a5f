"""The verb `calibrate`."""

import sys
from pathlib import Path
from typing import Literal

from mien.cli.evaluate import Labelling
from mien.cli.parse import console


def calibrate(
    model: str,
    /,
    *,
    data: Path,
    split: str = "validation",
    targets: Labelling = "label",
    method: Literal["temperature", "vector", "keep"] = "temperature",
    abstain_at: float | None = None,
    coverage: float | None = None,
    share: float = 1.0,
    seed: int = 0,
    kind: str | None = None,
    classes: str | None = None,
    exclude: Path | None = None,
    output: Labelling | None = None,
    detector: str | None = None,
    out: Path | None = None,
    json: bool = False,
) -> None:
    """Calibrate probabilities; fit an abstention threshold and prediction sets.

    Fits, on labelled faces that the model did not learn, a temperature or a scale and a bias per class; with
    --abstain-at the confidence below which predict marks an answer as uncertain; with --coverage the prediction sets
    that predict gives. All of it is kept in the ONNX file. What such a file had of this before is replaced.

    Of a run model.onnx is replaced, and calibration.json says what was measured. Any other model stays, and --out
    names the file to write. docs/calibration.md says what is promised and what is not.

    Examples:
        $ mien calibrate runs/first --data fer2013/
        $ mien calibrate runs/first --data fer2013/ --abstain-at 0.9 --coverage 0.9
        $ mien calibrate default --data fer2013/ --method vector --out mine.onnx
        $ mien calibrate default --data photos/ --detector auto --out mine.onnx

    Args:
        model: A run folder, an .onnx file, or default, the bundled model.
        data: The dataset's folder or file.
        split: Which part of it: validation (PublicTest), test or train.
        targets: Which labels, where the dataset has FER+ votes; the output that follows them is calibrated.
        method: temperature (one number, the answers stay the same), vector (a scale and a bias per class), or keep (the
            probabilities stay what they are; for --abstain-at and --coverage alone).
        abstain_at: The accuracy that the answers shall have which are not uncertain, such as 0.9.
        coverage: How often a prediction set shall hold the truth, such as 0.9.
        share: How much of each class it is fitted on, drawn at random; the rest measures. 1: all, and the figures are
            of the faces it was fitted on.
        seed: Of that draw.
        kind: The reader, where it is not to be recognised: fer2013, facial_expressions, folder or arrays.
        classes: What the integers of arrays mean, as fer2013 or alphabetical; elsewhere, the classes to read.
        exclude: A CSV file whose column id lists what of the data is left out.
        output: Which output of the model, where it has several; the one that follows the targets by default.
        detector: The data are photos: find the face in each first, as predict does.
        out: The .onnx file to write instead; it must not be there yet.
        json: Print one JSON object instead of a table.
    """
    from json import dumps

    from mien.evaluation import calibrate as calibration

    wanted = calibration.CalibrationOptions(method, abstain_at, coverage, share, seed)
    place = calibration.place(model, out)
    info, found = calibration.calibrate(
        model, data, split, wanted=wanted, kind=kind, targets=targets, classes=classes, exclude=exclude, output=output,
        detector=detector,
    )  # fmt: skip
    calibration.write(model, info, place)
    written = [place]
    if out is None:
        calibration.save(Path(model), {found.output: (found.temperature, found.calibration)})
        written.append(Path(model) / calibration.FILE)
    if json:
        print(dumps(found.to_json()))
    else:
        console().print(calibration.table(found))
    for path in written:
        print(f"wrote {path}", file=sys.stderr)
    if out is None and (
        older := [path.name for what in ("evaluation", "audit") for path in sorted(place.parent.glob(f"{what}-*.json"))]
    ):
        print(f"measured before, on another model file: {', '.join(older)}; measure again", file=sys.stderr)
