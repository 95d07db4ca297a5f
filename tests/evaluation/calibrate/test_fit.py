"""Fitted on one part of the faces, measured on the other; what stands in a record was measured."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.evaluation.calibrate import fit_calibration
from mien.evaluation.calibrate.fit import CalibrationOptions, Fitted, chosen
from mien.evaluation.metrics import score
from mien.evaluation.predictions import DataFacts
from mien.models.calibration import Abstention, Calibration
from mien.models.metadata import ModelInfo
from mien.models.session import softmax

INFO = ModelInfo(("happy", "sad", "fear"), 48, (0.0,), (1.0,), temperature=1.7)
DATA = DataFacts("faces", "validation", "folder", "label", "0123456789abcdef")
Fit = Callable[..., Fitted]


@pytest.fixture(scope="module")
def faces() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Logits twice as sure as they are right."""
    dice = np.random.default_rng(0)
    logits = dice.normal(0, 2, (1200, 3)).astype(np.float32)
    labels = (softmax(logits).cumsum(axis=1) < dice.random((1200, 1))).sum(axis=1).clip(max=2)
    return 2 * logits, labels


def test_half_fits_and_the_other_half_measures(faces: tuple[Any, Any]) -> None:
    logits, labels = faces
    wanted = CalibrationOptions(abstain_at=0.8, coverage=0.9, share=0.5)
    found = fit_calibration(logits, labels, INFO, DATA, wanted)
    first, made = chosen(labels, 0.5, 0), found.calibration
    assert (made.n, made.n_measured, made.held_out, made.share) == (first.sum(), (~first).sum(), True, 0.5)
    assert (made.split, made.kind, made.targets, made.fingerprint) == (
        "validation",
        "folder",
        "label",
        "0123456789abcdef",
    )
    assert found.temperature == pytest.approx(2, rel=0.2)
    x, y = logits[~first], labels[~first]
    before, rows = score(softmax(x), y, INFO.labels), softmax(x / np.float32(found.temperature))
    after = score(rows, y, INFO.labels)
    assert (made.ece_before, made.nll_before) == (before.metrics["ece"], before.metrics["log_loss"])
    assert (made.ece_after, made.nll_after) == (after.metrics["ece"], after.metrics["log_loss"])
    assert after.metrics["ece"] < before.metrics["ece"] - 0.03
    right, sure = rows.argmax(axis=1) == y, rows.max(axis=1)
    assert made.abstain is not None
    counts = sure >= made.abstain.threshold
    assert made.abstain == Abstention(0.8, made.abstain.threshold, counts.mean(), right[counts].mean())
    assert made.conformal is not None
    assert (made.conformal.coverage, made.conformal.method) == (0.9, "lac")
    assert made.conformal.measured_coverage == pytest.approx(0.9, abs=0.04)
    assert 1 <= made.conformal.mean_size <= 3
    again = fit_calibration(logits, labels, INFO, DATA, CalibrationOptions(abstain_at=0.8, coverage=0.9, share=0.5))
    assert again.calibration == made
    other = fit_calibration(
        logits, labels, INFO, DATA, CalibrationOptions(abstain_at=0.8, coverage=0.9, share=0.5, seed=1)
    )
    assert other.temperature != found.temperature


def test_the_measuring_half_changes_nothing_that_is_fitted(faces: tuple[Any, Any]) -> None:
    logits, labels = faces
    first = chosen(labels, 0.5, 0)
    spoilt = np.where(first[:, None], logits, -logits)
    wanted = CalibrationOptions("vector", abstain_at=0.8, coverage=0.9, share=0.5)
    one, two = (fit_calibration(rows, labels, INFO, DATA, wanted).calibration for rows in (logits, spoilt))
    assert (one.scale, one.bias) == (two.scale, two.bias)
    assert one.abstain is not None
    assert two.abstain is not None
    assert one.abstain.threshold == two.abstain.threshold
    assert one.ece_after != two.ece_after


def test_where_all_fits_the_figures_are_of_the_same_faces(faces: tuple[Any, Any]) -> None:
    made = fit_calibration(*faces, INFO, DATA).calibration
    assert (made.n, made.n_measured, made.held_out) == (1200, 1200, False)
    assert (made.abstain, made.conformal) == (None, None)


def test_no_faces_at_all() -> None:
    found = fit_calibration(np.zeros((0, 3), np.float32), np.zeros(0, np.int64), INFO, DATA)
    assert (found.temperature, found.before, found.calibration.n, found.calibration.ece_after) == (1, None, 0, None)


def test_the_halves_have_the_same_share_of_each_class() -> None:
    labels = np.repeat([0, 1, 2], [100, 10, 1])
    first = chosen(labels, 0.3, 0)
    assert np.bincount(labels[first], minlength=3).tolist() == [30, 3, 0]
    assert chosen(labels, 1.0, 0).all()
    with pytest.raises(InputError, match=r"--share 0\.1 of 3 faces leaves none"):
        chosen(np.array([0, 1, 2]), 0.1, 0)


def test_keeping_changes_no_probability(faces: tuple[Any, Any]) -> None:
    logits, labels = faces
    found = fit_calibration(logits, labels, INFO, DATA, CalibrationOptions("keep", coverage=0.9))
    assert (found.temperature, found.calibration.method) == (1.7, "temperature")
    vector = Calibration("vector", 1, 1, False, "", "", "", "", scale=(1.0, 2.0, 3.0), bias=(0.0, 0.0, 1.0))
    scaled = ModelInfo(("happy", "sad", "fear"), 48, (0.0,), (1.0,), calibration=vector)
    kept = fit_calibration(logits, labels, scaled, DATA, CalibrationOptions("keep", coverage=0.9)).calibration
    assert (kept.method, kept.scale, kept.bias) == ("vector", vector.scale, vector.bias)


def test_vector_scaling_needs_every_class(faces: tuple[Any, Any]) -> None:
    logits, labels = faces
    few = labels != 1
    with pytest.raises(InputError, match="faces of every class; there are none of sad"):
        fit_calibration(logits[few], labels[few], INFO, DATA, CalibrationOptions("vector"))


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"method": "isotonic"}, "unknown method 'isotonic'; expected temperature, vector or keep"),
        ({"method": "keep"}, "keep changes nothing alone"),
        ({"abstain_at": 1.0}, "--abstain-at 1: expected a share above 0 and below 1"),
        ({"coverage": float("nan")}, "--coverage nan"),
        ({"share": 0.0}, "--share 0: expected a share above 0, at most 1"),
    ],
)
def test_nonsense_is_refused(wanted: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        CalibrationOptions(**wanted)
