"""Networks of other people, explained by a JSON file beside them, answer as the same network of ours does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx.helper import make_node

from mien.core.errors import InputError
from mien.models import latency
from mien.models.metadata import ModelInfo
from mien.models.session import Session
from tests.onnx_file import write_onnx

SIZE, LABELS = 6, ["Anger", "happiness", "neutral"]
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.25, 0.3)
FACTS: dict[str, Any] = {
    "labels": LABELS,
    "size": SIZE,
    "channels": "RGB",
    "mean": MEAN,
    "std": STD,
    "output": "logits",
}
WEIGHTS = np.random.default_rng(0).normal(0, 0.5, (3, SIZE, SIZE, len(LABELS))).astype(np.float32)
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a linear network over `weights` [channels, size, size, k], and its spec."""

    def make(
        facts: dict[str, Any] | str | None,
        *,
        weights: NDArray[np.float32] = WEIGHTS,
        nhwc: bool = False,
        softmax: bool = False,
        batch: int | str = "n",
        info: ModelInfo | None = None,
    ) -> Path:
        k = weights.shape[3]
        flat = (weights.transpose(1, 2, 0, 3) if nhwc else weights).reshape(-1, k)
        shape = [*weights.shape[1:3], weights.shape[0]] if nhwc else list(weights.shape[:3])
        nodes = [make_node("Flatten", ["x"], ["flat"]), make_node("MatMul", ["flat", "w"], ["y"])]
        if softmax:
            nodes.append(make_node("Softmax", ["y"], ["p"]))
        path = write_onnx(
            tmp_path / f"theirs-{len(list(tmp_path.iterdir()))}.onnx",
            nodes,
            {"w": flat},
            shape=shape,
            outputs={"p" if softmax else "y": k},
            batch=batch,
            info=info.to_json() if info else None,
        )
        if facts is not None:
            path.with_suffix(".json").write_text(facts if isinstance(facts, str) else json.dumps(facts))
        return path

    return make


@pytest.fixture
def crops() -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (5, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("facts", "network"),
    [
        ({}, {}),
        ({"layout": "NHWC"}, {"nhwc": True}),
        ({"channels": "BGR", "mean": MEAN[::-1], "std": STD[::-1]}, {"weights": WEIGHTS[::-1]}),
        ({"channels": "BGR", "mean": MEAN[::-1], "std": STD[::-1], "layout": "NHWC"},
         {"weights": WEIGHTS[::-1], "nhwc": True}),
        ({"output": "probabilities"}, {"softmax": True}),
        ({}, {"batch": 1}),
        ({}, {"batch": 2}),
        ({"output": "probabilities", "layout": "NHWC"}, {"batch": 1, "softmax": True, "nhwc": True}),
    ],
)  # fmt: skip
def test_external_model_predicts_as_our_own_file_does(
    write: Write, crops: NDArray[np.uint8], facts: dict[str, Any], network: dict[str, Any]
) -> None:
    ours = Session(write(None, info=ModelInfo(("angry", "happy", "neutral"), SIZE, MEAN, STD)))
    theirs = Session(write(FACTS | facts, **network))
    assert theirs.info.labels == ours.info.labels
    for tta in ("none", "flip"):
        expected = ours.probabilities(crops, tta=tta)
        assert theirs.probabilities(crops, tta=tta) == pytest.approx(expected, abs=2e-6)
    assert theirs.probabilities(crops[:1]) == pytest.approx(ours.probabilities(crops[:1]), abs=2e-6)
    assert theirs.probabilities(crops[:0]).shape == (0, 3)


def test_external_scale_multiplies_raw_pixels(write: Write, crops: NDArray[np.uint8]) -> None:
    """As the FER+ network of the ONNX zoo: grey, 0..255, one face a call."""
    grey = {"labels": LABELS, "size": SIZE, "channels": "grey", "scale": 1, "output": "logits", "temperature": 2.0}
    session = Session(write(grey, weights=WEIGHTS[:1] / 255, batch=1))
    faces = crops[..., 0]
    logits = faces.reshape(5, -1).astype(np.float32) @ (WEIGHTS[0] / 255).reshape(-1, 3)
    assert session.logits(faces) == pytest.approx(logits, abs=1e-4)
    powers = np.exp(logits / 2)
    assert session.probabilities(faces) == pytest.approx(powers / powers.sum(axis=1, keepdims=True), abs=1e-5)
    assert (latency.latency(session.path, batch=3, repeats=2).median or 0) > 0


def test_external_temperature_applies_to_probabilities_too(write: Write, crops: NDArray[np.uint8]) -> None:
    soft = Session(write(FACTS | {"temperature": 3.0})).probabilities(crops)
    same = Session(write(FACTS | {"temperature": 3.0, "output": "probabilities"}, softmax=True)).probabilities(crops)
    assert same == pytest.approx(soft, abs=2e-6)


def test_metadata_has_precedence_over_an_external_spec(write: Write) -> None:
    info = ModelInfo(("angry", "happy", "neutral"), SIZE, MEAN, STD, temperature=1.5)
    assert Session(write({"anything": "else"}, info=info)).info == info


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in FACTS.items() if key != name}


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (None, r"no mien metadata, and there is no theirs-0\.json; export it with: mien export RUN"),
        ("{", "theirs-0.json: Input data was truncated"),
        ("[]", "Expected object, got array"),
        (FACTS | {"lables": []}, "no field 'lables'; did you mean 'labels'"),
        (without("labels"), "missing required field labels"),
        (without("size"), "missing required field size"),
        (without("channels"), "missing required field channels"),
        (without("output"), "missing required field output"),
        (without("mean"), "no field 'mean', nor 'scale'"),
        (without("std"), "no field 'std'"),
        (FACTS | {"scale": 1}, "mean and std mean .* give one"),
        (FACTS | {"labels": ["happy"]}, "labels: expected two or more different classes, got happy"),
        (FACTS | {"labels": "happy"}, r"Expected array, got str \(at labels\)"),
        (
            FACTS | {"labels": ["happy", "sad", "joy"]},
            "labels: expected two or more different classes, got happy, sad, happy",
        ),
        (FACTS | {"labels": ["happy", "sad", "hapy"]}, "unknown label 'hapy'; did you mean 'happy'"),
        (FACTS | {"size": 6.5}, r"Expected int, got float \(at size\)"),
        (FACTS | {"size": 6.0}, r"Expected int, got float \(at size\)"),
        (FACTS | {"size": 0}, r"Expected int >= 1 \(at size\)"),
        (FACTS | {"size": True}, r"Expected int, got bool \(at size\)"),
        (FACTS | {"channels": 3}, r"Expected str, got int \(at channels\)"),
        (FACTS | {"channels": "gray"}, r"Invalid enum value 'gray'; expected grey, RGB, BGR \(at channels\)"),
        (FACTS | {"channels": "grey"}, "mean: expected 1 numbers, one per channel"),
        (FACTS | {"mean": 0.5}, r"Expected array \| null, got float \(at mean\)"),
        (FACTS | {"std": [1, 1, 0]}, r"Expected float > 0.* \(at std"),
        (FACTS | {"mean": [1, 1, "x"]}, r"Expected float, got str \(at mean"),
        (FACTS | {"layout": "CHW"}, r"Invalid enum value 'CHW'; expected NCHW, NHWC \(at layout"),
        (FACTS | {"output": "softmax"}, r"Invalid enum value 'softmax'; expected logits, probabilities \(at output"),
        (FACTS | {"temperature": 0}, r"Expected float > 0.* \(at temperature"),
        (
            FACTS | {"primary_output": "votes"},
            r"expected label, majority, plurality, distribution \(at primary_output",
        ),
        (FACTS | {"size": 7}, r"x is \['n', 3, 6, 6\], theirs-0\.json says \['n', 3, 7, 7\]"),
        (FACTS | {"layout": "NHWC"}, r"theirs-0\.json says \['n', 6, 6, 3\]"),
        (FACTS | {"labels": ["happy", "sad"]}, r"y is \['n', 3\], theirs-0\.json says \['n', 2\]"),
    ],
)
def test_external_spec_errors_are_one_line(write: Write, facts: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Session(write(facts))
    assert "\n" not in str(caught.value)
    assert "theirs-0" in str(caught.value)


def test_logits_declared_as_probabilities_are_refused(write: Write, crops: NDArray[np.uint8]) -> None:
    session = Session(write(FACTS | {"output": "probabilities"}))
    with pytest.raises(InputError, match=r"theirs-0\.json: output 'probabilities'.* should it say 'logits'"):
        session.probabilities(crops)


def test_probabilities_declared_as_logits_are_refused(write: Write, crops: NDArray[np.uint8]) -> None:
    """A softmax of a softmax has the same most probable class, and confidences that are far too low."""
    session = Session(write(FACTS | {"output": "logits"}, softmax=True))
    for faces in (crops, crops[:1]):
        with pytest.raises(InputError, match=r"theirs-0\.json: output 'logits'.* should it say 'probabilities'"):
            session.probabilities(faces)
    assert session.probabilities(crops[:0]).shape == (0, 3)
