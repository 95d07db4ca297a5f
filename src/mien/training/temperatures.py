"""The temperature of each output of a run, fitted on its validation split by `mien.evaluation.calibrate`."""

from pathlib import Path

import numpy as np
import torch

from mien.core.console import quantity, track
from mien.core.streams import say
from mien.evaluation.calibrate import OutputCalibration, fit_calibration
from mien.evaluation.calibrate.files import save
from mien.evaluation.predictions import DataFacts
from mien.recipes import read_run
from mien.training.batches import BLOCK, Batches, Scaling
from mien.training.data import Split
from mien.training.export import model_info
from mien.training.learner import predictions
from mien.training.networks import load_network


def fit_temperatures(run: Path, validation: Split, device: torch.device) -> None:
    """Fit the temperature of each output of a run's best weights and keep them in calibration.json, for the export.

    The true class of an image is the one with the largest share in its target.
    """
    record = read_run(run)
    network = load_network(run / "best.safetensors", record.recipe).to(device)
    scaling = Scaling(record.mean, record.std)
    batches = Batches(validation.images, validation.targets, len(validation), device, scaling=scaling)
    blocks = track(predictions(network, batches), "fitting temperatures", -(-len(validation) // BLOCK))
    logits = torch.cat([block for block, _ in blocks]).cpu().numpy()
    targets = validation.targets
    if validation.log_shares is not None:
        logits = logits + validation.log_shares
    if targets.ndim == 1:
        targets = np.eye(len(record.recipe.classes), dtype=np.float32)[targets]
    info, start = model_info(record), 0
    fitted: dict[str, OutputCalibration] = {}
    for name, classes in record.recipe.outputs.items():
        columns = slice(start, start + len(classes))
        start += len(classes)
        labelled = targets[:, columns].any(axis=1)
        data = DataFacts("", "validation", kind="", targets=name, fingerprint=validation.fingerprint)
        labels = targets[labelled, columns].argmax(axis=1)
        found = fit_calibration(logits[labelled, columns], labels, info.for_output(name), data)
        fitted[name] = OutputCalibration(found.temperature, found.calibration)
        say(f"{name}: temperature {found.temperature:.3f}, fitted on {quantity(len(labels), 'validation image')}")
    save(run, fitted)
