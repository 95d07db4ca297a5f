"""Drawn FER2013 data with votes, runs that differ in their seed, and `measured`, which benchmarks them untimed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien import recipes
from mien.core.labels import FER2013, FERPLUS
from mien.evaluation.benchmark import Result, benchmark, measure
from mien.evaluation.benchmark.protocols import find
from tests import drawn
from tests.blocks import MakeModel, MakeSamples, record_run

SPLITS = ["Training"] * 7 + ["PublicTest"] * 14 + ["PrivateTest"] * 7


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "TIMED", {1: 2, 32: 1})


def measured(protocol: str, data: Path, *models: Path, **options: Any) -> Result:
    """Benchmark models by a protocol, untimed."""
    return benchmark(find(protocol), data, [str(model) for model in models], timed=False, **options)


@pytest.fixture
def data(tmp_path: Path, make_samples: MakeSamples) -> Path:
    """fer2013.csv with 7, 14 and 7 faces in its splits; of PublicTest 3 are drawn as the class after theirs.

    Each face has a pattern of its own in its lower half, which the model does not look at, so that none resembles
    another; but the first of PublicTest is the first of Training.
    """
    labels = np.arange(28) % 7
    places = labels.copy()
    places[18:21] = (labels[18:21] + 1) % 7
    samples = make_samples(places, labels)
    images = samples.images.copy()
    patterns = np.random.default_rng(0).integers(0, 256, (28, 4, 8), dtype=np.uint8)
    images[:, 24:] = patterns.repeat(6, axis=1).repeat(6, axis=2)
    images[7] = images[0]
    drawn.write_fer2013(tmp_path / "fer" / "fer2013.csv", replace(samples, images=images), usage=SPLITS)
    return tmp_path / "fer"


@pytest.fixture
def votes(data: Path) -> None:
    """Ten votes a face, for FER2013's label; of PublicTest's first only six, its second is no face to anybody."""
    rows = []
    for row in range(28):
        counts = [0] * 10
        counts[FERPLUS.index(FER2013[row % 7])] = 10
        rows.append(counts)
    rows[7] = [4, 0, 0, 0, 6, 0, 0, 0, 0, 0]
    rows[8] = [0] * 9 + [10]
    drawn.write_votes(data / "fer2013new.csv", rows, SPLITS)


@pytest.fixture
def seeds(make_model: MakeModel, data: Path, tmp_path: Path) -> list[Path]:
    """Two runs of one recipe that differ in their seed and weights."""
    recipe = recipes.RECIPES["mien"]
    runs = []
    for seed, gain in enumerate((4.0, 2.0)):
        run = tmp_path / f"run-{seed}"
        make_model(run / "model.onnx", gain=gain)
        command = f"mien train mien --data {data} --out {run}"
        own = replace(recipe, seed=seed)
        record_run(run, recipe=own, path=data, parameters=112, macs=112, command=command, device="cpu")
        runs.append(run)
    return runs
