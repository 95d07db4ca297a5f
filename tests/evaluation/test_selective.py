"""Risk and coverage by hand, the threshold and the sets that a model carries, and what a report says of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mien.core.labels import FER2013
from mien.datasets import DataSpec
from mien.evaluation import DataFacts, evaluate, predict
from mien.evaluation.alignment import Alignment
from mien.evaluation.predictions import Scored, load
from mien.evaluation.report import page
from mien.evaluation.selective import risks, selective
from mien.evaluation.terminal import selective_notes
from mien.models.calibration import Abstention, Calibration, Conformal
from mien.models.metadata import METADATA_KEY, ModelInfo
from mien.models.session import Session
from tests.blocks import MakeModel, MakeSamples, measured

MADE = Calibration(
    "temperature", 30, 30, False, "validation", "fer2013", "label", "f" * 16,
    abstain=Abstention(0.9, 0.6, 0.5, 0.9),
    conformal=Conformal(0.8, 0.65, 0.8, 1.5),
)  # fmt: skip


def test_risk_and_coverage_by_hand() -> None:
    errors, coverage = risks(np.array([0.9, 0.5, 0.8, 0.6], np.float32), np.array([True, False, False, True]))
    assert errors.tolist() == pytest.approx([0, 1 / 2, 1 / 3, 2 / 4])
    assert coverage.tolist() == [0.25, 0.5, 0.75, 1]


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=12), st.randoms())
def test_the_order_of_equally_sure_answers_does_not_matter(faces: list[tuple[int, bool]], dice: object) -> None:
    shuffled = sorted(faces, key=lambda _: dice.random())  # type: ignore[attr-defined]
    one, other = (
        risks(np.array([sure for sure, _ in rows], np.float32), np.array([right for _, right in rows]))[0]
        for rows in (faces, shuffled)
    )
    assert np.allclose(one, other)
    assert one[-1] == pytest.approx(1 - np.mean([right for _, right in faces]))


ROWS = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.1, 0.3, 0.6], [0.4, 0.3, 0.3]], np.float32)


def scored(
    answers: NDArray[np.float32],
    truth: NDArray[np.int64],
    calibration: Calibration | None,
    outputs: dict[str, str | None] | None = None,
) -> Scored:
    """Return samples answered over the labels a, b, c; `outputs` says which scored class each of them is."""
    outputs = outputs or {"a": "a", "b": "b", "c": "c"}
    classes = tuple(dict.fromkeys(name for name in outputs.values() if name))
    alignment = Alignment(classes, {name: name for name in classes}, outputs)
    folded = alignment.fold(answers)
    info = ModelInfo(("a", "b", "c"), 48, (0.0,), (1.0,), calibration=calibration)
    ids, n = np.array([str(row) for row in range(len(truth))]), np.arange(len(truth))
    return Scored(info, alignment, n, answers, folded, folded, truth, ids, {}, (), ())


def test_the_threshold_and_the_sets_by_hand() -> None:
    truth = np.array([0, 1, 1, 0])
    found = selective(scored(ROWS, truth, MADE), "f" * 16)
    at, sets = found.abstention, found.conformal
    assert at is not None
    assert (at.n, at.coverage, at.accuracy) == (2, 0.5, 0.5)
    assert sets is not None  # of labels with at least 0.35: a; a, b; c; a
    assert (sets.coverage, sets.mean_size) == (0.75, 1.25)
    assert sets.per_class == {"a": 1.0, "b": 0.5, "c": None}
    assert found.fitted is not None
    assert found.same_split
    assert found.curve[-1] == (1, 0.5)
    assert found.aurc == pytest.approx((0 + 1 / 2 + 2 / 3 + 2 / 4) / 4)
    none = selective(scored(ROWS, truth, None), "f" * 16)
    assert (none.abstention, none.conformal, none.fitted) == (None, None, None)


def test_a_set_holds_the_truth_by_any_label_that_is_folded_into_it() -> None:
    found = selective(scored(ROWS, np.array([0, 0, 0, 1]), MADE, {"a": "ab", "b": "ab", "c": "c"}), "")
    assert found.conformal is not None
    assert found.conformal.coverage == 0.5
    assert found.abstention is not None
    assert found.abstention.n == 2  # the confidence is that of the model's own answer
    lacking = selective(scored(ROWS, np.array([0, 1, 1, 0]), MADE, {"a": "a", "b": "b", "c": None}), "")
    assert lacking.conformal is not None
    assert lacking.conformal.coverage == 0.75


def test_none_counts() -> None:
    strict = replace(MADE, abstain=Abstention(0.9, 1.0, 0.0, None), conformal=None)
    found = selective(scored(ROWS, np.zeros(4, int), strict), "")
    assert found.abstention is not None
    assert (found.abstention.n, found.abstention.accuracy, found.abstention.interval) == (0, None, None)


def calibrated(path: Path, made: Calibration) -> Path:
    proto = onnx.load(path)
    info = replace(Session(path).info, calibration=made)
    onnx.helper.set_model_props(proto, {METADATA_KEY: info.to_json()})
    onnx.save(proto, path)
    return path


def test_report_and_terminal_say_what_it_was_fitted_on(
    make_model: MakeModel, make_samples: MakeSamples, data: DataFacts
) -> None:
    session = Session(calibrated(make_model(), MADE))
    samples = make_samples([0, 1, 2, 3, 3, 4], [0, 1, 2, 3, 4, 4], classes=FER2013)
    other, same, part = (
        selective_notes(measured(session, samples, replace(data, fingerprint=mark, kind=kind)))
        for mark, kind in (("0" * 16, "folder"), ("f" * 16, "fer2013"), ("0" * 16, "fer2013"))
    )
    assert other[2] == "threshold and prediction sets were fitted on 30 faces, fer2013 validation, targets: label"
    assert same[2].endswith("this very split, targets: label; not all of these faces are new to it")
    assert part[2].endswith("; some of these faces may be among them")
    predictions = predict(session, samples, data)
    found = evaluate(predictions)
    text = page([found], predictions, samples.images)
    assert "chosen for an accuracy of 0.9" in text
    assert "90% asked for" in text
    assert found.selective.fitted is not None
    assert not found.selective.same_split
    assert found.selective.conformal is not None
    assert found.selective.conformal.per_class["neutral"] is None


def test_older_models_say_nothing_of_it(make_model: MakeModel, fer2013_csv: Path) -> None:
    session, samples, data = load(make_model(), DataSpec(fer2013_csv))
    predictions = predict(session, samples, data)
    found = evaluate(predictions)
    assert selective_notes(found) == []
    assert found.selective.fitted is None
    assert "Answering only where it is sure" in page([found], predictions, samples.images)
