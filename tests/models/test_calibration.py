"""What a model carries of its calibration survives the file, is applied, and is refused where it makes no sense."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien import Recognizer
from mien.core.errors import InputError
from mien.models.calibration import Abstention, Calibration, Conformal
from mien.models.metadata import ModelInfo, OutputInfo
from mien.models.session import Session, softmax

SEVEN = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
INFO = ModelInfo(SEVEN, 48, (0.0,), (1.0,))
MADE = Calibration(
    method="vector",
    n=100,
    n_measured=50,
    held_out=True,
    split="validation",
    kind="fer2013",
    targets="label",
    fingerprint="0123456789abcdef",
    share=0.5,
    ece_before=0.2,
    ece_after=0.1,
    nll_before=1.5,
    nll_after=1.0,
    scale=tuple(np.linspace(0.5, 1.1, 7).tolist()),
    bias=tuple(np.linspace(-1, 1, 7).tolist()),
    abstain=Abstention(0.9, 0.6, 0.8, 0.92),
    conformal=Conformal(0.9, 0.7, 0.91, 1.4),
)
PLAIN = replace(MADE, method="temperature", scale=(), bias=())


def test_calibration_survives_the_model_file() -> None:
    info = replace(
        INFO, temperature=1.5, calibration=MADE, further_outputs={"majority": OutputInfo(("a", "b"), 2.0, PLAIN)}
    )
    assert ModelInfo.from_json(info.to_json()) == info
    assert info.for_output("majority").calibration == PLAIN
    assert info.for_output("label").calibration == MADE


def test_unknown_calibration_fields_are_ignored() -> None:
    facts = json.loads(replace(INFO, calibration=MADE).to_json())
    facts["calibration"] |= {"new": 1}
    facts["calibration"]["abstain"]["new"] = 2
    assert ModelInfo.from_json(json.dumps(facts)).calibration == MADE


def test_a_model_without_calibration_has_no_threshold_and_no_prediction_sets() -> None:
    info = replace(INFO, further_outputs={"majority": OutputInfo(("a", "b"), 1.0)})
    facts = json.loads(info.to_json())
    assert "calibration" not in facts
    assert set(facts["heads"]["majority"]) == {"labels", "temperature"}
    assert info.uncertain(np.ones((1, 7), np.float32)) is None
    assert info.in_prediction_set(np.ones((1, 7), np.float32)) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"method": "magic"},
        {"method": "temperature"},
        {"scale": []},
        {"scale": [1.0] * 6, "bias": [0.0] * 6},
        {"bias": [float("nan")] * 7},
        {"n": None, "scale": "x"},
        {"abstain": {"target": 0.9}},
        {"abstain": 3},
        {"conformal": {"coverage": 0.9, "quantile": 1.0, "measured_coverage": 0.9, "mean_size": 1, "method": "aps"}},
    ],
)
def test_inconsistent_calibration_is_refused(changed: dict[str, Any]) -> None:
    facts = json.loads(replace(INFO, calibration=MADE).to_json())
    facts["calibration"] |= changed
    with pytest.raises(InputError):
        ModelInfo.from_json(json.dumps(facts))


@pytest.mark.parametrize("temperature", [0, -1, 1e-320, 1e300])
def test_a_temperature_that_no_logits_survive_is_refused(temperature: float) -> None:
    facts = json.loads(INFO.to_json()) | {"temperature": temperature}
    with pytest.raises(InputError, match="temperature"):
        ModelInfo.from_json(json.dumps(facts))


def test_session_applies_vector_scaling(make_brightness_model: Callable[..., Path]) -> None:
    crops = np.full((2, 48, 48), 100, np.uint8)
    bare = Session(make_brightness_model(info=INFO.to_json())).logits(crops)
    info = replace(INFO, temperature=3.0, calibration=MADE)
    session = Session(make_brightness_model(info=info.to_json()))
    assert np.array_equal(session.logits(crops), bare)
    expected = softmax(bare * np.array(MADE.scale, np.float32) + np.array(MADE.bias, np.float32))
    assert np.allclose(session.probabilities(crops), expected, atol=1e-6)
    cooled = Session(make_brightness_model(info=replace(info, calibration=PLAIN).to_json()))
    assert np.allclose(cooled.probabilities(crops), softmax(bare / np.float32(3)), atol=1e-6)


def test_faces_below_the_threshold_are_uncertain() -> None:
    rows = np.array([[0.6, 0.4], [0.59, 0.41], [0.1, 0.9]], np.float32)
    rule = Abstention(0.9, float(np.float32(0.6)), 0.5, 0.9)
    assert rule.uncertain(rows).tolist() == [False, True, False]
    assert rule.uncertain(rows[:0]).tolist() == []


def test_recognizer_marks_uncertain_faces_and_returns_prediction_sets(
    make_brightness_model: Callable[..., Path],
) -> None:
    heat = replace(INFO, temperature=20.0, calibration=PLAIN)
    model = make_brightness_model(info=heat.to_json())
    picture = np.full((48, 48), 128, np.uint8)
    found = Recognizer(model, detector="none")(picture)
    rows = Session(model).probabilities(picture[None])
    assert found.uncertain is not None
    assert found.uncertain.tolist() == [bool(rows.max() < 0.6)]
    order = np.argsort(-rows[0], kind="stable")
    expected = tuple(SEVEN[place] for place in order if place == order[0] or 1 - rows[0, place] <= 0.7)
    assert found.prediction_sets == (expected,)
    plain = Recognizer(make_brightness_model(info=INFO.to_json()), detector="none")(picture)
    assert (plain.uncertain, plain.prediction_sets) == (None, None)
