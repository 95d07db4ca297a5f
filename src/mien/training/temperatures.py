"""A finished run's temperature for each output, fitted on its validation part by `mien.evaluation.calibrate`."""

from pathlib import Path

import numpy as np

from mien.evaluation.calibrate import OutputCalibration, fit
from mien.evaluation.calibrate.files import save
from mien.evaluation.calibrate.fit import CalibrationSource
from mien.models.session import Session
from mien.recipes import Recipe
from mien.training.data import Split


def calibrate(run: Path, recipe: Recipe, validation: Split) -> None:
    """Fit the temperature of each output of the run's model.onnx on validation, by the class its targets like best."""
    fitted: dict[str, OutputCalibration] = {}
    start = 0
    for name, classes in recipe.outputs.items():
        shares = validation.targets
        if shares.ndim == 1:
            shares = np.eye(len(classes), dtype=np.float32)[shares]
        shares = shares[:, start : start + len(classes)]
        start += len(classes)
        session = Session(run / "model.onnx", output=name)
        faces = np.flatnonzero(shares.any(axis=1))
        logits = [session.logits(validation.images[block]) for block in np.array_split(faces, 1 + len(faces) // 256)]
        source = CalibrationSource("validation", kind="", targets=name, fingerprint=validation.fingerprint)
        found = fit(np.concatenate(logits), shares[faces].argmax(axis=1), session.info, source)
        fitted[name] = OutputCalibration(found.temperature, found.calibration)
    save(run, fitted)
