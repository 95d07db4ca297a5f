"""The one temperature per output that makes a finished run's probabilities mean what they say (Guo et al. 2017)."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.export import CALIBRATION
from mien.predict import Session
from mien.recipes import Recipe
from mien.train.gather import Part
from mien.train.run import write

TEMPERATURES = np.geomspace(0.25, 4, 401)


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
        fitted[name] = temperature(np.concatenate(logits), shares[faces].argmax(axis=1))
    write(run / CALIBRATION, (json.dumps(fitted) + "\n").encode())


def temperature(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return what logits [n, k] are to be divided by, 0.25 to 4, for the least log loss on labels [n]; 1 for none."""
    if not len(labels):
        return 1.0
    logits = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    chosen = logits[np.arange(len(labels)), labels]
    losses = [(np.log(np.exp(logits / t).sum(axis=1)) - chosen / t).mean() for t in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])
