"""A model explains itself, or is refused in one line that names it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from mien.core.errors import InputError
from mien.core.images import CropSpec
from mien.models.bundled import measured_crops, resolve
from mien.models.metadata import METADATA_KEY, ModelInfo, OutputInfo
from mien.models.session import Session, softmax


def test_model_info_survives_json() -> None:
    info = ModelInfo(
        labels=("angry", "happy"),
        size=40,
        mean=(0.1, 0.2, 0.3),
        std=(1.0, 1.0, 2.0),
        temperature=1.5,
        margin=0.2,
        crops={"yunet": CropSpec(0.05, level=True)},
        recipe="mien",
    )
    assert ModelInfo.from_json(info.to_json()) == info
    several = replace(
        info, primary_output="distribution", further_outputs={"label": OutputInfo(("sad", "fear", "happy"), 0.5)}
    )
    assert ModelInfo.from_json(several.to_json()) == several


def test_model_info_crops_by_detector() -> None:
    info = ModelInfo(("angry", "happy"), 48, (0.0,), (1.0,), margin=0.2, crops={"yunet": CropSpec(0.05, level=True)})
    assert [info.crop(name) for name in ("yunet", "haar", "none")] == [
        CropSpec(0.05, level=True),
        CropSpec(0.2),
        CropSpec(0.0),
    ]
    old = json.loads(info.to_json())
    del old["crops"]  # as files were written before there were any
    assert ModelInfo.from_json(json.dumps(old)).crop("yunet") == CropSpec(0.2)
    assert {"haar", "yunet"} <= measured_crops().keys()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"labels": ["a", "b"], "size": "x", "mean": [0], "std": [1]}',
        '{"labels": ["a"], "size": 9, "mean": [0], "std": [1]}',
        '{"labels": ["a", "b"], "size": 9, "mean": [0], "std": [1], "heads": ["label"]}',
        '{"labels": ["a", "b"], "size": 9, "mean": [0], "std": [1], "heads": {"label": {"labels": ["a", "b"]}}}',
        '{"labels": ["a", "b"], "size": 9, "mean": [0], "std": [1], "heads": {"label": ["a", "b"]}}',
        '{"labels": ["a", "b"], "size": 9, "mean": [0], "std": [1], "crops": {"haar": {"margins": 1}}}',
    ],
)
def test_incomplete_metadata_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="model facts"):
        ModelInfo.from_json(text)


def test_resolve_model_names_and_paths(model: Path, tmp_path: Path) -> None:
    assert resolve(model) == model
    with pytest.raises(InputError, match=r"no model\.onnx in it; make one with: mien export"):
        resolve(tmp_path)
    (tmp_path / "model.onnx").write_bytes(model.read_bytes())
    assert resolve(tmp_path) == tmp_path / "model.onnx"
    with pytest.raises(InputError, match="no such model"):
        resolve(tmp_path / "gone.onnx")


def test_session_refuses_other_files(tmp_path: Path, make_brightness_model: Callable[..., Path]) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(InputError, match=r"text\.onnx: not an ONNX model"):
        Session(tmp_path / "text.onnx")
    with pytest.raises(InputError, match="it has no mien metadata"):
        Session(make_brightness_model(info=None))
    with pytest.raises(InputError, match=r"model facts: .* missing required field labels"):
        Session(make_brightness_model(info="{}"))


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (ModelInfo(("angry", "happy"), 48, (0.0,), (1.0,)), r"logits is \['n', 7\], its metadata says \['n', 2\]"),
        (
            ModelInfo(tuple("abcdefg"), 40, (0.0,), (1.0,)),
            r"x is \['n', 1, 48, 48\], its metadata says \['n', 1, 40, 40\]",
        ),
        (ModelInfo(tuple("abcdefg"), 48, (0.0,) * 3, (1.0,) * 3), r"its metadata says \['n', 3, 48, 48\]"),
    ],
)
def test_metadata_that_contradicts_the_network_is_refused(
    make_brightness_model: Callable[..., Path], facts: ModelInfo, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        Session(make_brightness_model(info=facts.to_json()))


def test_probabilities(model: Path) -> None:
    session = Session(model, threads=1)
    crops = np.random.default_rng(0).integers(0, 256, (10, 48, 48), dtype=np.uint8)
    whole = session.probabilities(crops)
    assert whole.shape == (10, 7)
    assert whole.dtype == np.float32
    assert np.allclose(whole.sum(axis=1), 1, atol=1e-6)
    assert np.allclose(session.probabilities(crops, batch=3), whole, atol=1e-6)
    assert np.allclose(session.probabilities(crops, tta="flip"), whole, atol=1e-5)  # an average does not see the mirror
    assert session.probabilities(crops[:0]).shape == (0, 7)
    assert np.allclose(
        session.logits(np.repeat(np.repeat(crops, 2, 1), 2, 2)), session.logits(crops), atol=1e-3
    )  # resized


def test_temperature_above_1_lowers_confidence(make_brightness_model: Callable[..., Path]) -> None:
    crops = np.full((1, 48, 48), 100, np.uint8)
    facts = ModelInfo(tuple("abcdefg"), 48, (0.0,), (1.0,))
    sharp = Session(make_brightness_model(info=facts.to_json()))
    soft = Session(make_brightness_model(info=replace(facts, temperature=4.0).to_json()))
    assert np.allclose(soft.probabilities(crops), softmax(sharp.logits(crops) / np.float32(4)), atol=1e-6)
    assert soft.probabilities(crops).max() < sharp.probabilities(crops).max()


def test_softmax_of_large_numbers() -> None:
    found = softmax(np.array([[1e4, 1e4], [-1e4, 0]], np.float32))
    assert found.tolist() == [[0.5, 0.5], [0, 1]]


SEVEN = tuple("abcdefg")
SEVERAL = ModelInfo(
    SEVEN,
    48,
    (0.0,),
    (1.0,),
    temperature=2.0,
    primary_output="distribution",
    further_outputs={"majority": OutputInfo(("h", "i", "j"), 4.0), "label": OutputInfo(("k", "l"), 0.5)},
)


@pytest.fixture
def several(model: Path, tmp_path: Path) -> Callable[..., Path]:
    """`several(info)`: the seven logits of `model`, then the first three turned round, then the last two."""

    def write(info: ModelInfo = SEVERAL) -> Path:
        proto = onnx.load(model)
        cuts = [("reversed", [2, 1, 0]), ("last", [5, 6])]
        for name, columns in cuts:
            places = helper.make_tensor(f"{name} places", TensorProto.INT64, [len(columns)], columns)
            proto.graph.initializer.append(places)
            proto.graph.node.append(helper.make_node("Gather", ["logits", places.name], [name], axis=1))
            proto.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", len(columns)]))
        helper.set_model_props(proto, {METADATA_KEY: info.to_json()})
        onnx.save(proto, tmp_path / "several.onnx")
        return tmp_path / "several.onnx"

    return write


def test_session_scores_the_output_asked_for_at_its_own_temperature(model: Path, several: Callable[..., Path]) -> None:
    path, crops = several(), np.random.default_rng(0).integers(0, 256, (6, 48, 48), dtype=np.uint8)
    logits = Session(model).logits(crops)
    for head, columns, labels, temperature in (
        (None, [0, 1, 2, 3, 4, 5, 6], SEVEN, 2.0),
        ("distribution", [0, 1, 2, 3, 4, 5, 6], SEVEN, 2.0),
        ("majority", [2, 1, 0], ("h", "i", "j"), 4.0),
        ("label", [5, 6], ("k", "l"), 0.5),
    ):
        session = Session(path, output=head)
        assert (session.info.labels, session.info.temperature) == (labels, temperature)
        assert session.info.primary_output == (head or "distribution")
        assert np.array_equal(session.logits(crops), logits[:, columns])
        expected = softmax(logits[:, columns] / np.float32(temperature))
        assert np.allclose(session.probabilities(crops), expected, atol=1e-6)
        assert np.allclose(session.probabilities(crops, tta="flip"), expected, atol=1e-4)
        assert session.probabilities(crops[:0]).shape == (0, len(labels))


def test_session_run_returns_the_logits_of_every_output(several: Callable[..., Path]) -> None:
    path, crops = several(), np.random.default_rng(0).integers(0, 256, (10, 48, 48), dtype=np.uint8)
    found = Session(path, output="label").run(crops, batch=4)
    assert list(found) == ["distribution", "majority", "label"]
    for name, logits in found.items():
        session = Session(path, output=name)
        expected = np.concatenate([session.logits(crops[start : start + 4]) for start in (0, 4, 8)])
        assert np.array_equal(logits, expected)
        assert session.run(crops[:0])[name].shape == (0, expected.shape[1])


def test_for_output_keeps_all_outputs() -> None:
    label = SEVERAL.for_output("label")
    assert label.outputs == SEVERAL.outputs
    assert label.for_output("distribution").outputs == SEVERAL.outputs
    assert label.for_output("distribution") == SEVERAL


def test_unknown_output_is_refused(model: Path, several: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"no output 'plurality'; it has distribution, majority, label$"):
        Session(several(), output="plurality")
    with pytest.raises(InputError, match=r"no output 'majority'; it has label$"):
        Session(model, output="majority")


def test_metadata_without_outputs_still_opens(make_brightness_model: Callable[..., Path]) -> None:
    facts = json.loads(ModelInfo(SEVEN, 48, (0.0,), (1.0,), temperature=1.5).to_json())
    old = {name: fact for name, fact in facts.items() if name not in ("answers", "heads")}
    for head in (None, "label"):
        session = Session(make_brightness_model(info=json.dumps(old)), output=head)
        assert session.info == ModelInfo(SEVEN, 48, (0.0,), (1.0,), temperature=1.5)
        assert (session.info.primary_output, session.info.further_outputs) == ("label", {})
        assert session.probabilities(np.zeros((2, 48, 48), np.uint8)).shape == (2, 7)
    del old["temperature"], old["margin"], old["recipe"]
    assert Session(make_brightness_model(info=json.dumps(old))).info.temperature == 1.0


def test_outputs_that_contradict_the_network_are_refused(
    several: Callable[..., Path], make_brightness_model: Callable[..., Path]
) -> None:
    turned = replace(SEVERAL, further_outputs=dict(reversed(SEVERAL.further_outputs.items())))
    with pytest.raises(InputError, match=r"reversed is \['n', 3\], its metadata says \['n', 2\]"):
        Session(several(turned), output="label")
    with pytest.raises(InputError, match="has 1 outputs, its metadata names 3"):
        Session(make_brightness_model(info=SEVERAL.to_json()), output="label")
    with pytest.raises(InputError, match="model facts are inconsistent"):
        Session(
            several(replace(SEVERAL, further_outputs={"majority": OutputInfo(("h", "i", "j"), 0.0)})), output="majority"
        )


def test_onnxruntime_reports_nothing_to_its_makers(tmp_path: Path) -> None:
    """It would keep a number of this machine in the user's cache folder."""
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    code = "import mien; mien.Recognizer(detector='none')"
    places = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run([sys.executable, "-c", code], env=environment | places, check=True)
    assert list(tmp_path.iterdir()) == []
