"""Answers for other shares of the classes: Bayes' rule, thresholds that follow, one clear line for what is wrong."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.models.calibration import Abstention, Calibration, Conformal, Evidence
from mien.models.metadata import ModelInfo, OutputInfo
from mien.models.prior import shares_of
from mien.models.session import softmax

LABELS, SHARES = ("neutral", "happy", "fear"), (0.6, 0.3, 0.1)
INFO = ModelInfo(LABELS, 48, (0.0,), (1.0,), shares=SHARES, temperature=2.0)


def faces(n: int = 4000, *, seed: int = 0) -> tuple[Any, Any]:
    """Logits [n, 3] that are calibrated at SHARES, and labels drawn by these shares."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, n, p=SHARES)
    seen = rng.normal(size=(n, 3)) + 1.5 * np.eye(3)[labels]  # unit deviation: log density = seen * 1.5 + constant
    return (1.5 * seen + np.log(SHARES)).astype(np.float32), labels


def test_even_answers_divide_by_the_shares() -> None:
    logits = np.array([[1.0, 2.0, 0.5], [0.0, 0.0, 0.0]], np.float32)
    web, even = (softmax(info.calibrate_logits(logits)) for info in (INFO, INFO.with_prior("even")))
    expected = web / np.array(SHARES)
    np.testing.assert_allclose(even, expected / expected.sum(axis=1, keepdims=True), rtol=1e-5)


def test_web_answers_are_those_of_the_training_data() -> None:
    logits = faces(50)[0]
    np.testing.assert_allclose(
        INFO.with_prior("web").calibrate_logits(logits), INFO.calibrate_logits(logits), atol=1e-6
    )


def test_even_answers_are_right_about_rare_classes_and_calibrated() -> None:
    logits, labels = faces(30_000)
    info = replace(INFO, temperature=1.0)
    answers = {name: softmax(info.with_prior(name).calibrate_logits(logits)) for name in ("web", "even")}
    recall = {name: np.mean(found.argmax(1)[labels == 2] == 2) for name, found in answers.items()}
    assert recall["even"] > recall["web"] + 0.2
    weights = (1 / 3 / np.array(SHARES))[labels]
    for name in range(3):  # among faces of even shares, a class is as frequent as its mean probability
        mean = np.average(answers["even"][:, name], weights=weights)
        assert mean == pytest.approx(1 / 3, abs=0.01)


def test_threshold_and_sets_follow_the_prior() -> None:
    logits, labels = faces(5000)
    made = Calibration(
        "temperature", 5000, 5000, False, "validation", "", "label", "",
        abstain=Abstention(0.9, 0.5, 1.0, 0.9), conformal=Conformal(0.9, 0.5, 0.9, 1.2),
        evidence=Evidence.of(logits, labels),
    )  # fmt: skip
    even = replace(INFO, temperature=1.0, calibration=made).with_prior("even")
    others, truth = faces(50_000, seed=1)
    answers = softmax(even.calibrate_logits(others))
    weights = (1 / 3 / np.array(SHARES))[truth]
    uncertain, sets = even.uncertain(answers), even.in_prediction_set(answers)
    assert uncertain is not None
    assert sets is not None
    sure = ~uncertain
    assert 0.1 < sure.mean() < 0.95
    assert np.average(answers.argmax(1)[sure] == truth[sure], weights=weights[sure]) > 0.89
    held = np.average(sets[np.arange(len(truth)), truth], weights=weights)
    assert held == pytest.approx(0.9, abs=0.015)


def test_without_the_faces_there_is_no_threshold_for_another_prior() -> None:
    made = Calibration(
        "temperature", 9, 9, False, "validation", "", "label", "", abstain=Abstention(0.9, 0.5, 1.0, 0.9)
    )
    assert replace(INFO, calibration=made).with_prior("even").uncertain(np.ones((1, 3), np.float32)) is None


def test_a_file_keeps_shares_prior_and_faces() -> None:
    logits, labels = faces(20)
    made = Calibration("temperature", 20, 20, False, "", "", "", "", evidence=Evidence.of(logits, labels))
    info = replace(INFO, calibration=made).with_prior("even")
    info = replace(info, further_outputs={"majority": OutputInfo(("a", "b"), 1.0, shares=(0.25, 0.75))})
    assert ModelInfo.from_json(info.to_json()) == info
    again = info.with_prior("web")
    assert again.prior == pytest.approx(SHARES)
    assert again.further_outputs["majority"].prior == (0.25, 0.75)
    read, truth = made.evidence.read() if made.evidence else ((), ())
    np.testing.assert_allclose(softmax(np.asarray(read)), softmax(logits), atol=2e-3)
    assert list(truth) == labels.tolist()


def test_a_file_without_shares_is_as_before() -> None:
    plain = ModelInfo(LABELS, 48, (0.0,), (1.0,))
    assert "shares" not in plain.to_json()
    assert "prior" not in plain.to_json()
    with pytest.raises(InputError, match="does not record which shares"):
        plain.with_prior("even")


def test_shares_of_a_file_are_scaled_to_one(tmp_path: Path) -> None:
    path = tmp_path / "ward.json"
    path.write_text('{"fear": 6, "happy": 1, "neutral": 3}')
    assert shares_of(path, LABELS, SHARES).tolist() == [0.3, 0.1, 0.6]
    assert INFO.with_prior(str(path)).prior == INFO.with_prior({"fear": 6, "happy": 1, "neutral": 3}).prior


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"fear": 1, "happy": 1}', "no share for neutral"),
        ('{"fear": 1, "hapy": 1, "neutral": 1}', "no class 'hapy'; did you mean 'happy'"),
        ('{"fear": 0, "happy": 1, "neutral": 1}', "above 0"),
        ('{"fear": -1, "happy": 1, "neutral": 1}', "above 0"),
        ('{"fear": "x", "happy": 1, "neutral": 1}', "fear"),
        ("[1, 2]", "ward.json"),
        ("{", "ward.json"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "ward.json"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        INFO.with_prior(str(path))


def test_a_word_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="expected even, web, or a JSON file"):
        INFO.with_prior("evn")
    with pytest.raises(InputError, match="no-such"):
        INFO.with_prior("no-such.json")
