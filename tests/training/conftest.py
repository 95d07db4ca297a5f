"""A tiny FER2013 of drawn faces, recipes cut down to seconds, and one thread, as bit-for-bit comparisons need."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mien.core.labels import FER2013, FERPLUS
from mien.recipes import RECIPES, Recipe
from tests import drawn
from tests.blocks import make_model

__all__ = ["make_model"]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def fer2013(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """56 faces for training and 21 for validation."""
    folder = tmp_path_factory.mktemp("drawn")
    drawn.write_fer2013(folder / "fer2013.csv", drawn.faces(77), ["Training"] * 56 + ["PublicTest"] * 21)
    return folder


@pytest.fixture(scope="session")
def ferplus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same faces with votes: three quarters for the label, but every fifth image without votes that count."""
    folder, usage = tmp_path_factory.mktemp("voted"), ["Training"] * 56 + ["PublicTest"] * 21
    samples = drawn.faces(77)
    drawn.write_fer2013(folder / "fer2013.csv", samples, usage)
    votes = np.zeros((77, 10), dtype=np.int64)
    codes = np.array([FERPLUS.index(name) for name in FER2013])[samples.labels]
    votes[np.arange(77), codes] = 7
    votes[np.arange(77), (codes + 1) % 8] += 3
    votes[::5] = [0] * 8 + [10, 0]
    drawn.write_votes(folder / "fer2013new.csv", votes.tolist(), usage)
    return folder


@pytest.fixture
def tiny() -> Callable[..., Recipe]:
    """`tiny(name, **fields)`: that recipe on 16 x 16 grey images, 3 epochs of 7 steps of 8."""

    def cut(name: str, **fields: Any) -> Recipe:
        small: dict[str, Any] = {
            "classes": FER2013,
            "size": 16,
            "channels": 1,
            "crop": 0,
            "pad": 0,
            "batch": 8,
            "epochs": 3,
        }
        return replace(RECIPES[name], **small | {"pretrained": False} | fields)

    return cut


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the export and the drawings, which take longer than a tiny run."""
    monkeypatch.setattr("mien.training.start.export", lambda run: run / "model.onnx")
    for name in ("draw_training_images", "draw_results"):
        monkeypatch.setattr(f"mien.training.plots.{name}", lambda *_: None)
