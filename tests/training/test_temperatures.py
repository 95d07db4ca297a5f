"""A temperature makes probabilities mean what they say, for each output by what its labelling knows."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.images import Pixels
from mien.core.labels import FER2013, FERPLUS
from mien.evaluation.calibrate.files import FILE
from mien.evaluation.calibrate.scaling import fit_temperature
from mien.models.metadata import ModelInfo
from mien.recipes import Recipe
from mien.training.data import Split
from mien.training.temperatures import calibrate
from tests import drawn


class Fake:
    """A session whose logits are the picture's first pixels, those of the first output before those of the second."""

    def __init__(self, path: Path, *, output: str) -> None:
        assert path.name == "model.onnx"
        self.columns = {"distribution": slice(0, 8), "label": slice(8, 15)}[output]
        labels = {"distribution": FERPLUS, "label": FER2013}[output]
        self.info = ModelInfo(labels, 48, (0.0,), (1.0,), primary_output=output)

    def logits(self, crops: Pixels) -> NDArray[np.float32]:
        return crops[:, 0, self.columns].astype(np.float32) / np.float32(20)


def test_each_output_has_its_own_by_the_pictures_it_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.training.temperatures.Session", Fake)
    dice = np.random.default_rng(1)
    recipe = Recipe(classes=FERPLUS, targets="distribution", further_outputs=("label",))
    pictures = dice.integers(0, 100, (700, 48, 48), dtype=np.uint8)
    targets = np.zeros((700, 15), np.float32)
    votes, labels = dice.integers(0, 8, 700), dice.integers(0, 7, 700)
    targets[np.arange(700), votes] = 0.6
    targets[np.arange(700), (votes + 1) % 8] = 0.4
    targets[np.arange(700), 8 + labels] = 1
    pictures[np.arange(700), 0, votes] += 60  # a little too sure
    pictures[np.arange(700), 0, 8 + labels] += 25
    targets[:300, :8] = 0  # without votes, and so far off that they would be seen
    pictures[:300, 0, :8] = 255 * np.eye(8, dtype=np.uint8)[(votes[:300] + 3) % 8]
    part = Split(pictures, targets, FERPLUS)
    calibrate(tmp_path, recipe, part)
    facts = json.loads((tmp_path / FILE).read_text())
    found = {name: fitted["temperature"] for name, fitted in facts.items()}
    logits = pictures[:, 0, :15].astype(np.float32) / np.float32(20)
    assert found == {
        "distribution": fit_temperature(logits[300:, :8], votes[300:]),
        "label": fit_temperature(logits[:, 8:], labels),
    }
    assert found["distribution"] != pytest.approx(found["label"], rel=0.05)
    assert found["distribution"] < 2
    for name, n in (("distribution", 400), ("label", 700)):
        made = facts[name]
        assert (made["method"], made["n"], made["held_out"]) == ("temperature", n, False)
        assert (made["split"], made["targets"], made["fingerprint"]) == ("validation", name, part.fingerprint)
        assert 0 <= made["ece_after"] < made["ece_before"]
        assert made["nll_after"] < made["nll_before"]


def test_one_output_with_hard_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.training.temperatures.Session", lambda path, output: Fake(path, output="label"))
    samples = drawn.faces(40)
    calibrate(tmp_path, Recipe(), Split(samples.images, samples.labels, samples.classes))
    expected = fit_temperature(samples.images[:, 0, 8:15].astype(np.float32) / np.float32(20), samples.labels)
    facts = json.loads((tmp_path / FILE).read_text())
    assert {name: fitted["temperature"] for name, fitted in facts.items()} == {"label": expected}
