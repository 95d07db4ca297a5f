"""A temperature, or a scale and a bias per class, calibrates probabilities."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize

from mien.core.errors import MissingExtra
from mien.evaluation.calibrate.scaling import fit_temperature, fit_vector
from mien.models.session import softmax


def drawn(logits: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.int64]:
    """Return labels [n], each drawn with the probabilities that the softmax of its logits says."""
    below = softmax(logits).cumsum(axis=1) < rng.random((len(logits), 1))
    return np.asarray(below.sum(axis=1).clip(max=logits.shape[1] - 1))


def cost(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    return float(-np.log(softmax(logits)[np.arange(len(labels)), labels]).mean())


@given(true=st.floats(0.4, 3), k=st.integers(2, 8), seed=st.integers(0, 10**6))
@settings(max_examples=8, deadline=None)
def test_fit_temperature_finds_the_temperature_of_drawn_labels(true: float, k: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (2000, k)).astype(np.float32)
    labels = drawn(logits / np.float32(true), rng)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(true, rel=0.25)
    shifted = logits * 2 + 500  # a shift of all logits changes no probability
    assert fit_temperature(shifted, labels) == pytest.approx(min(2 * found, 4), rel=0.01)


def test_fit_temperature_finds_the_least_log_loss() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 2, (300, 7)).astype(np.float32), rng.integers(0, 7, 300)
    logits[np.arange(300), labels] += 3.5
    logits *= 2  # too sure
    best = fit_temperature(logits, labels)
    assert 0.25 < best < 4
    others = [cost(logits / np.float32(other), labels) for other in np.geomspace(0.25, 4, 401)]
    assert cost(logits / np.float32(best), labels) <= min(others) + 1e-6
    assert cost(logits / np.float32(best), labels) < cost(logits, labels) - 0.01


def test_fit_temperature_stays_within_its_bounds() -> None:
    sure = np.eye(3, dtype=np.float32)
    assert fit_temperature(sure, np.arange(3)) == 0.25  # always right
    assert fit_temperature(100 * sure, np.array([1, 2, 0])) == 4  # always wrong
    assert fit_temperature(np.zeros((0, 3), np.float32), np.zeros(0, np.int64)) == 1  # nothing to go by


def test_fit_vector_finds_scale_and_bias_of_drawn_labels() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, (20_000, 4)).astype(np.float32)
    scale, bias = np.array([0.5, 0.7, 0.9, 1.2], np.float32), np.array([0.8, -0.5, -0.6, 0.3], np.float32)
    got_scale, got_bias = fit_vector(logits, drawn(logits * scale + bias, rng))
    assert np.allclose(got_scale, scale, atol=0.05)
    assert np.allclose(got_bias, bias, atol=0.1)  # which sum to 0, as the penalty wants


@pytest.mark.parametrize("penalty", [0.1, 10.0, 1e5])
def test_fit_vector_finds_what_another_optimiser_finds(penalty: float) -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (200, 3)).astype(np.float32)
    labels = drawn(logits * np.array([2, 1, 0.3], np.float32), rng)
    temperature = fit_temperature(logits, labels)

    def loss(x: NDArray[np.float64]) -> float:
        z = logits.astype(np.float64) * x[:3] + x[3:]
        summed = np.log(np.exp(z).sum(axis=1)) - z[np.arange(200), labels]
        return float(summed.sum() + penalty / 2 * (((temperature * x[:3] - 1) ** 2).sum() + (x[3:] ** 2).sum()))

    best = minimize(loss, np.r_[np.ones(3), np.zeros(3)], method="BFGS", options={"gtol": 1e-6})
    scale, bias = fit_vector(logits, labels, penalty=penalty)
    assert np.allclose(np.r_[scale, bias], best.x, atol=1e-3)
    assert loss(np.r_[scale, bias]) <= best.fun + 1e-9
    if penalty > 1e4:
        assert np.allclose(scale, 1 / temperature, rtol=0.01)


def test_fit_vector_stays_finite_where_answers_are_always_right_or_always_wrong() -> None:
    sure = 50 * np.eye(3, dtype=np.float32)[np.arange(30) % 3]
    for labels in (np.arange(30) % 3, np.arange(1, 31) % 3):
        assert np.isfinite(np.r_[fit_vector(sure, labels)]).all()


def test_fit_vector_without_scipy_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    with pytest.raises(MissingExtra, match=r"mien\[eval\]"):
        fit_vector(np.eye(2, dtype=np.float32), np.arange(2))
