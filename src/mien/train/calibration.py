"""A finished run's temperature for each output, fitted on its validation part; `mien.calibrate` does the fitting."""

from pathlib import Path

import numpy as np

from mien.calibrate import Source, fit, save
from mien.predict import Session
from mien.recipes import Recipe
from mien.train.gather import Part


def calibrate(run: Path, recipe: Recipe, validation: Part) -> None:
    """Fit the temperature of each output of the run's model.onnx on validation, by the class its targets like best."""
    fitted, start = {}, 0
    for name, classes in recipe.outputs.items():
        shares = validation.targets
        if shares.ndim == 1:
            shares = np.eye(len(classes), dtype=np.float32)[shares]
        shares = shares[:, start : start + len(classes)]
        start += len(classes)
        session = Session(run / "model.onnx", head=name)
        faces = np.flatnonzero(shares.any(axis=1))
        logits = [session.logits(validation.images[block]) for block in np.array_split(faces, 1 + len(faces) // 256)]
        source = Source("validation", kind="", targets=name, fingerprint=validation.fingerprint)
        found = fit(np.concatenate(logits), shares[faces].argmax(axis=1), session.info, source)
        fitted[name] = (found.temperature, found.calibration)
    save(run, fitted)
