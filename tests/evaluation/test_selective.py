"""Risk and coverage by hand, the threshold and the sets that a model carries, and what a report says of them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.labels import FER2013
from mien.evaluation import DataFacts, evaluate, measure
from mien.evaluation.report import page
from mien.evaluation.selective import risks, selective
from mien.evaluation.terminal import selective_notes
from mien.models.calibration import Abstention, Calibration, Conformal
from mien.models.metadata import METADATA_KEY
from mien.models.session import Session
from tests.blocks import MakeModel, MakeSamples

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


def test_the_threshold_and_the_sets_by_hand() -> None:
    truth = np.array([0, 1, 1, 0])
    found = selective(ROWS, truth, ROWS, np.arange(3), ("a", "b", "c"), MADE, "f" * 16)
    at, sets = found.abstention, found.conformal
    assert at is not None
    assert (at.n, at.coverage, at.accuracy) == (2, 0.5, 0.5)
    assert sets is not None  # of labels with at least 0.35: a; a, b; c; a
    assert (sets.coverage, sets.mean_size) == (0.75, 1.25)
    assert sets.per_class == {"a": 1.0, "b": 0.5, "c": None}
    assert found.fitted_here
    assert found.curve[-1] == (1, 0.5)
    assert found.aurc == pytest.approx((0 + 1 / 2 + 2 / 3 + 2 / 4) / 4)
    none = selective(ROWS, truth, ROWS, np.arange(3), ("a", "b", "c"), None, "f" * 16)
    assert (none.abstention, none.conformal, none.fitted_here) == (None, None, False)


def test_a_set_holds_the_truth_by_any_label_that_is_folded_into_it() -> None:
    folded = np.stack([ROWS[:, 0] + ROWS[:, 1], ROWS[:, 2]], axis=1)
    found = selective(folded, np.array([0, 0, 0, 1]), ROWS, np.array([0, 0, 1]), ("ab", "c"), MADE, "")
    assert found.conformal is not None
    assert found.conformal.coverage == 0.5
    assert found.abstention is not None
    assert found.abstention.n == 2  # the confidence is that of the model's own answer
    lacking = selective(ROWS[:, :2] / 0.9, np.array([0, 1, 1, 0]), ROWS, np.array([0, 1, -1]), ("a", "b"), MADE, "")
    assert lacking.conformal is not None
    assert lacking.conformal.coverage == 0.75


def test_none_counts() -> None:
    strict = replace(MADE, abstain=Abstention(0.9, 1.0, 0.0, None), conformal=None)
    found = selective(ROWS, np.zeros(4, int), ROWS, np.arange(3), ("a", "b", "c"), strict, "")
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
        selective_notes(measure(session, samples, replace(data, fingerprint=mark, kind=kind)))
        for mark, kind in (("0" * 16, "folder"), ("f" * 16, "fer2013"), ("0" * 16, "ferplus"))
    )
    assert other[2] == "threshold and prediction sets were fitted on 30 faces, fer2013 validation, targets: label"
    assert same[2].endswith("this very split, targets: label; not all of these faces are new to it")
    assert part[2].endswith("; some of these faces may be among them")
    found = measure(session, samples, data)
    text = page([found])
    assert "chosen for an accuracy of 0.9" in text
    assert "90% asked for" in text
    facts = found.to_json()["selective"]
    assert set(facts) == {"aurc", "curve", "abstention", "conformal", "fitted"}
    assert facts["fitted"]["here"] is False
    assert facts["conformal"]["per_class"]["neutral"] is None


def test_older_models_say_nothing_of_it(make_model: MakeModel, fer2013_csv: Path) -> None:
    found = evaluate(make_model(), fer2013_csv)
    assert selective_notes(found) == []
    assert found.to_json()["selective"]["fitted"] is None
    assert "Answering only where it is sure" in page([found])
