"""Drawn crops whose class is the place of their one bright block, and a tiny model that reads it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mien.datasets import Samples
from mien.datasets.labels import FER2013
from mien.evaluate import Data
from mien.predict.session import METADATA_KEY, ModelInfo

BLOCKS = 4  # a crop has 4 x 4 blocks; block c, counted row by row, is bright where the class is c

MakeModel = Callable[..., Path]
MakeSamples = Callable[..., Samples]


def draw(places: Sequence[int], size: int = 48) -> NDArray[np.uint8]:
    """Return uint8 [n, size, size]: black but for the block at `places`; -1 is black all over."""
    blocks = np.zeros((len(places), BLOCKS * BLOCKS), dtype=np.uint8)
    for row, place in enumerate(places):
        if place >= 0:
            blocks[row, place] = 255
    step = size // BLOCKS
    return blocks.reshape(-1, BLOCKS, BLOCKS).repeat(step, axis=1).repeat(step, axis=2)


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Return a function that writes a model whose logit of class c is `gain` times the brightness of block c."""

    def make(
        path: Path | None = None,
        *,
        labels: Sequence[str] = FER2013,
        size: int = 48,
        gain: float = 4.0,
        channels: int = 1,
    ) -> Path:
        outputs = len(labels)
        weights = np.tile(gain / channels * np.eye(BLOCKS * BLOCKS, outputs, dtype=np.float32), (channels, 1))
        block = [size // BLOCKS] * 2
        graph = helper.make_graph(
            [
                helper.make_node("AveragePool", ["x"], ["pooled"], kernel_shape=block, strides=block),
                helper.make_node("Flatten", ["pooled"], ["flat"]),
                helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
            ],
            "blocks",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", channels, size, size])],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", outputs])],
            [numpy_helper.from_array(weights.astype(np.float32), "weights")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        info = ModelInfo(
            labels=tuple(labels), size=size, mean=(0.0,) * channels, std=(1.0,) * channels, recipe="blocks"
        )
        helper.set_model_props(model, {METADATA_KEY: info.to_json()})
        path = path or tmp_path / "blocks.onnx"
        path.parent.mkdir(parents=True, exist_ok=True)
        onnx.save(model, path)
        return path

    return make


@pytest.fixture
def make_samples() -> MakeSamples:
    """Return a function that draws one crop for each place, labelled as asked."""

    def make(
        places: Sequence[int], labels: object = None, *, classes: Sequence[str] = FER2013, size: int = 48
    ) -> Samples:
        return Samples(
            images=draw(places, size),
            labels=np.asarray(places if labels is None else labels),
            ids=np.array([f"row {row}" for row in range(len(places))], dtype=np.str_),
            classes=tuple(classes),
        )

    return make


@pytest.fixture
def data() -> Data:
    return Data(path="faces", split="validation", kind="fer2013", targets="label", fingerprint="0123456789abcdef")


@pytest.fixture
def fer2013_csv(tmp_path: Path) -> Path:
    """A fer2013.csv of 21 PublicTest rows, three of each class; every third is drawn as the class after it."""
    lines = ["emotion,pixels,Usage", f"0,{' '.join(['0'] * 48 * 48)},Training"]
    for row in range(21):
        label = row % 7
        place = (label + 1) % 7 if row >= 14 else label
        lines.append(f"{label},{' '.join(map(str, draw([place])[0].ravel().tolist()))},PublicTest")
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join(lines) + "\n")
    return path
