"""Crops whose class is the place of one block, the surer the brighter it is, and the tiny model that reads them."""

from pathlib import Path

import numpy as np
import pytest

from tests.blocks import draw
from tests.blocks import make_model as make_model  # the fixture

N = 420


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fer2013.csv of 420 PublicTest and 7 Training rows: as bright as a block is, as often its class is the label."""
    dice = np.random.default_rng(0)
    lines = ["emotion,pixels,Usage"]
    for row in range(N + 7):
        place, bright = row % 7, dice.random()
        label = place if dice.random() < bright else (place + 1) % 7
        pixels = (draw([place])[0] * bright).astype(np.uint8)
        lines.append(f"{label},{' '.join(map(str, pixels.ravel().tolist()))},{'PublicTest' if row < N else 'Training'}")
    path = tmp_path_factory.mktemp("faces") / "fer2013.csv"
    path.write_text("\n".join(lines) + "\n")
    return path
