"""Drawn crops whose class is the index of their one bright block, and a tiny model that reads it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx.helper import make_node
from PIL import Image

from mien import cli
from mien.core import records
from mien.core.images import Pixels
from mien.core.labels import FER2013
from mien.datasets import DataSpec, Samples
from mien.evaluation import DataFacts, Evaluation, evaluate, evaluate_model, predict
from mien.faces.detectors import Detections, detectors
from mien.models.metadata import ModelInfo, OutputInfo
from mien.models.session import Session, Tta
from mien.recipes import Recipe, RunRecord, SplitRecord, TrainingData
from tests.onnx_file import write_onnx


def measured(
    session: Session,
    samples: Samples,
    data: DataFacts,
    *,
    tta: Tta = "none",
    output: str | None = None,
    merge: str = "drop",
) -> Evaluation:
    """Score an open model on samples."""
    return evaluate(predict(session, samples, data, tta=tta), output=output, tta=tta, merge=merge)


def evaluated(
    model: str | Path, path: Path, split: str = "validation", *, tta: Tta = "none", **options: Any
) -> Evaluation:
    """Score a model file on a split of a dataset; `options` are further fields of DataSpec."""
    return evaluate_model(model, DataSpec(path, split, **options), tta=tta)


def record_run(
    run: Path, *, recipe: Recipe | None = None, path: Path | None = None, train: str = "a" * 16, **facts: Any
) -> None:
    """Write a recipe.json; `path` and `train` are path and fingerprint of the training data."""
    options = {name: facts.pop(name) for name in ("classes", "photos", "exclude") if name in facts}
    data = TrainingData(path=path, splits={"train": SplitRecord(1, train)}, **options)
    records.write(run / "recipe.json", RunRecord(recipe or Recipe(), data, (0.0,), (1.0,), **facts))


BLOCKS = 4  # a crop has 4 x 4 blocks; block c, counted row by row, is bright where the class is c

Mien = Callable[..., tuple[int, str, str]]
MakeModel = Callable[..., Path]
MakeSamples = Callable[..., Samples]


def draw(bright: Sequence[int], size: int = 48) -> NDArray[np.uint8]:
    """Return uint8 [n, size, size]: black but for the block with the index in `bright`; -1 is black all over."""
    blocks = np.zeros((len(bright), BLOCKS * BLOCKS), dtype=np.uint8)
    for row, index in enumerate(bright):
        if index >= 0:
            blocks[row, index] = 255
    step = size // BLOCKS
    return blocks.reshape(-1, BLOCKS, BLOCKS).repeat(step, axis=1).repeat(step, axis=2)


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Return a function that writes a model whose logit of class c is `gain` times the brightness of block c.

    `further_outputs` read the blocks likewise; they are named by the labelling they follow, each with its classes.
    """

    def make(
        path: Path | None = None,
        *,
        labels: Sequence[str] = FER2013,
        size: int = 48,
        gain: float = 4.0,
        channels: int = 1,
        primary_output: str = "label",
        further_outputs: Mapping[str, Sequence[str]] | None = None,
    ) -> Path:
        outputs = {"logits": labels, **(further_outputs or {})}
        eye = np.eye(BLOCKS * BLOCKS, dtype=np.float32)
        weights = {
            name: np.float32(gain / channels) * np.tile(eye[:, : len(k)], (channels, 1)) for name, k in outputs.items()
        }
        block = [size // BLOCKS] * 2
        info = ModelInfo(
            labels=tuple(labels),
            size=size,
            mean=(0.0,) * channels,
            std=(1.0,) * channels,
            recipe="blocks",
            primary_output=primary_output,
            further_outputs={name: OutputInfo(tuple(k), 1.0) for name, k in (further_outputs or {}).items()},
        )
        return write_onnx(
            path or tmp_path / "blocks.onnx",
            [
                make_node("AveragePool", ["x"], ["pooled"], kernel_shape=block, strides=block),
                make_node("Flatten", ["pooled"], ["flat"]),
                *(make_node("MatMul", ["flat", f"{name} weights"], [name]) for name in outputs),
            ],
            {f"{name} weights": array for name, array in weights.items()},
            shape=[channels, size, size],
            outputs={name: len(k) for name, k in outputs.items()},
            info=info.to_json(),
        )

    return make


@pytest.fixture
def make_samples() -> MakeSamples:
    """Return a function that draws one crop for each block, labelled as asked."""

    def make(
        blocks: Sequence[int], labels: object = None, *, classes: Sequence[str] = FER2013, size: int = 48
    ) -> Samples:
        return Samples(
            images=draw(blocks, size),
            labels=np.asarray(blocks if labels is None else labels),
            ids=np.array([f"row {row}" for row in range(len(blocks))], dtype=np.str_),
            classes=tuple(classes),
        )

    return make


@pytest.fixture
def data() -> DataFacts:
    return DataFacts(path="faces", split="validation", kind="fer2013", targets="label", fingerprint="0123456789abcdef")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Photos in class folders with a crop in a grey frame, and a `yunet` that knows where it is.

    Of 5 angry ones 3 are found, 2 of them drawn as angry; of 3 happy ones 2, both drawn as happy; of 1 sad one none.
    """
    grey = np.full((96, 96), 128, np.uint8)

    def detect(image: Pixels, /) -> Detections:
        there = not (image == 128).all()
        return Detections(np.array([[24, 24, 48, 48], [0, 0, 8, 8]], np.float32)[: 2 * there])

    detect.name = "yunet"  # type: ignore[attr-defined]
    monkeypatch.setitem(detectors(), "yunet", lambda: detect)
    for name, blocks in {"angry": [0, 0, 3, -1, -1], "happy": [3, 3, -1], "sad": [-1]}.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number, index in enumerate(blocks):
            image = grey.copy()
            if index >= 0:
                image[24:72, 24:72] = draw([index])[0]
            Image.fromarray(image).save(tmp_path / "photos" / name / f"{number}.png")
    return tmp_path / "photos"


@pytest.fixture
def fer2013_csv(tmp_path: Path) -> Path:
    """A fer2013.csv of 21 PublicTest rows, three of each class; every third is drawn as the class after it."""
    lines = ["emotion,pixels,Usage", f"0,{' '.join(['0'] * 48 * 48)},Training"]
    for row in range(21):
        label = row % 7
        index = (label + 1) % 7 if row >= 14 else label
        lines.append(f"{label},{' '.join(map(str, draw([index])[0].ravel().tolist()))},PublicTest")
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def mien(capsys: pytest.CaptureFixture[str]) -> Mien:
    """Return a function that runs the command line: arguments -> exit code, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stop:
            cli.main([str(argument) for argument in arguments])
        return int(stop.value.code or 0), *capsys.readouterr()

    return run
