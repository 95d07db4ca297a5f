"""A temperature makes probabilities mean what they say, for each output by what its labelling knows."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mien.datasets.labels import FERPLUS
from mien.export import CALIBRATION
from mien.images import Pixels
from mien.predict.session import softmax
from mien.recipes import Recipe
from mien.train.calibration import TEMPERATURES, calibrate, temperature
from mien.train.gather import Part
from tests import drawn


@given(heat=st.floats(0.4, 3), k=st.integers(2, 8), seed=st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_it_finds_the_temperature_that_answers_were_drawn_with(heat: float, k: int, seed: int) -> None:
    dice = np.random.default_rng(seed)
    logits = dice.normal(0, 2, (2000, k)).astype(np.float32)
    labels = (softmax(logits / np.float32(heat)).cumsum(axis=1) < dice.random((2000, 1))).sum(axis=1).clip(max=k - 1)
    found = temperature(logits, labels)
    assert found == pytest.approx(heat, rel=0.25)
    assert temperature(logits * 2 + 500, labels) == pytest.approx(min(2 * found, 4), rel=0.01)  # a shift says nothing


def test_it_is_the_best_of_all() -> None:
    dice = np.random.default_rng(0)
    logits, labels = dice.normal(0, 2, (300, 7)).astype(np.float32), dice.integers(0, 7, 300)
    logits[np.arange(300), labels] += 3.5
    logits *= 2  # too sure

    def cost(heat: float) -> float:
        return float(-np.log(softmax(logits / np.float32(heat))[np.arange(300), labels]).mean())

    best = temperature(logits, labels)
    assert 0.25 < best < 4
    assert cost(best) <= min(map(cost, TEMPERATURES.tolist())) + 1e-6
    assert cost(best) < cost(1.0) - 0.01


def test_it_keeps_within_its_bounds() -> None:
    sure = np.eye(3, dtype=np.float32)
    assert temperature(sure, np.arange(3)) == 0.25  # always right
    assert temperature(100 * sure, np.array([1, 2, 0])) == 4  # always wrong
    assert temperature(np.zeros((0, 3), np.float32), np.zeros(0, np.int64)) == 1  # nothing to go by


class Fake:
    """A session whose logits are the picture's first pixels, those of the first output before those of the second."""

    def __init__(self, path: Path, *, head: str) -> None:
        assert path.name == "model.onnx"
        self.columns = {"distribution": slice(0, 8), "label": slice(8, 15)}[head]

    def logits(self, crops: Pixels) -> NDArray[np.float32]:
        return crops[:, 0, self.columns].astype(np.float32) / np.float32(20)


def test_each_output_has_its_own_by_the_pictures_it_knows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.train.calibration.Session", Fake)
    dice = np.random.default_rng(1)
    recipe = Recipe(classes=FERPLUS, targets="distribution", heads=("label",))
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
    calibrate(tmp_path, recipe, Part(pictures, targets, FERPLUS))
    found = json.loads((tmp_path / CALIBRATION).read_text())
    logits = pictures[:, 0, :15].astype(np.float32) / np.float32(20)
    assert found == {
        "distribution": temperature(logits[300:, :8], votes[300:]),
        "label": temperature(logits[:, 8:], labels),
    }
    assert found["distribution"] != pytest.approx(found["label"], rel=0.05)
    assert found["distribution"] < 2


def test_one_output_with_hard_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.train.calibration.Session", lambda path, head: Fake(path, head="label"))
    samples = drawn.faces(40)
    calibrate(tmp_path, Recipe(), Part(samples.images, samples.labels, samples.classes))
    expected = temperature(samples.images[:, 0, 8:15].astype(np.float32) / np.float32(20), samples.labels)
    assert json.loads((tmp_path / CALIBRATION).read_text()) == {"label": expected}
