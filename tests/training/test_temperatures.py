"""The temperature of each output is the best one for the logits of the best weights, on images it has labels for."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from mien.core.labels import FER2013, FERPLUS
from mien.evaluation.calibrate.files import read
from mien.evaluation.calibrate.scaling import fit_temperature
from mien.recipes import Recipe
from mien.training import temperatures
from mien.training.data import Split
from mien.training.run import RunFiles
from mien.training.temperatures import fit_temperatures
from tests import drawn
from tests.training.runs import record

CPU = torch.device("cpu")


class FirstRow(nn.Module):
    """A network whose logits are the first pixels of an image, a twentieth of 0..255, from a column on."""

    def __init__(self, start: int, stop: int) -> None:
        super().__init__()
        self.columns = slice(start, stop)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images[:, 0, 0, self.columns] * 255 / 20


def network(monkeypatch: pytest.MonkeyPatch, run: Path, recipe: Recipe, start: int = 0) -> None:
    """Make the best weights of a run those of `FirstRow`."""
    RunFiles(run).describe(record(recipe, mean=(0.0,), std=(1.0,)))

    def load(weights: Path, _: Recipe) -> nn.Module:
        assert weights == run / "best.safetensors"
        return FirstRow(start, start + recipe.width)

    monkeypatch.setattr(temperatures, "load_network", load)


def test_temperature_of_each_output_is_fitted_on_its_labelled_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    recipe = Recipe(classes=FERPLUS, targets="distribution", further_outputs=("label",))
    images = rng.integers(0, 100, (700, 48, 48), dtype=np.uint8)
    targets = np.zeros((700, 15), np.float32)
    votes, labels = rng.integers(0, 8, 700), rng.integers(0, 7, 700)
    targets[np.arange(700), votes] = 0.6
    targets[np.arange(700), (votes + 1) % 8] = 0.4
    targets[np.arange(700), 8 + labels] = 1
    images[np.arange(700), 0, votes] += 60  # a little too confident
    images[np.arange(700), 0, 8 + labels] += 25
    targets[:300, :8] = 0  # without votes, and so wrong that they would be noticed
    images[:300, 0, :8] = 255 * np.eye(8, dtype=np.uint8)[(votes[:300] + 3) % 8]
    split = Split(images, targets, FERPLUS)
    network(monkeypatch, tmp_path, recipe)
    fit_temperatures(tmp_path, split, CPU)
    fitted = read(tmp_path)
    found = {name: one.temperature for name, one in fitted.items()}
    logits = images[:, 0, :15].astype(np.float32) / np.float32(20)
    assert found == pytest.approx(
        {
            "distribution": fit_temperature(logits[300:, :8], votes[300:]),
            "label": fit_temperature(logits[:, 8:], labels),
        },
        rel=1e-6,
    )
    assert found["distribution"] != pytest.approx(found["label"], rel=0.05)
    assert found["distribution"] < 2
    for name, n in (("distribution", 400), ("label", 700)):
        made = fitted[name].calibration
        assert (made.method, made.n, made.held_out) == ("temperature", n, False)
        assert (made.split, made.targets, made.fingerprint) == ("validation", name, split.fingerprint)
        assert made.ece_after is not None
        assert made.nll_after is not None
        assert 0 <= made.ece_after < (made.ece_before or 0)
        assert made.nll_after < (made.nll_before or 0)


def test_temperature_of_one_output_with_hard_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = drawn.faces(40)
    network(monkeypatch, tmp_path, Recipe(classes=FER2013), start=8)
    fit_temperatures(tmp_path, Split(samples.images, samples.labels, samples.classes), CPU)
    expected = fit_temperature(samples.images[:, 0, 8:15].astype(np.float32) / np.float32(20), samples.labels)
    assert {name: one.temperature for name, one in read(tmp_path).items()} == {
        "label": pytest.approx(expected, rel=1e-6)
    }
