"""The threshold reaches its target on other faces, the sets hold the true label as often as asked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom

from mien.core.errors import InputError
from mien.evaluation.calibrate.thresholds import quantile, threshold
from mien.models.calibration import Conformal


def lower(hits: int, n: int) -> float:
    """Return the one-sided 95 % bound of Clopper and Pearson."""
    return float(beta.ppf(0.05, hits, n - hits + 1)) if hits else 0.0


@given(
    st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=80), st.sampled_from([0.5, 0.8, 0.93])
)
@settings(max_examples=80, deadline=None)
def test_threshold_is_the_lowest_confidence_whose_bound_reaches_the_target(
    faces: list[tuple[int, bool]], target: float
) -> None:
    sure, right = np.array([level / 12 for level, _ in faces]), np.array([true for _, true in faces])
    reach = [
        level
        for level in np.unique(sure)
        if lower(int(right[sure >= level].sum()), int((sure >= level).sum())) >= target
    ]
    if not reach:
        with pytest.raises(InputError, match="no threshold on the confidence"):
            threshold(sure, right, target)
        return
    assert threshold(sure, right, target) == (0 if min(reach) == sure.min() else min(reach))


def test_threshold_needs_enough_faces_even_where_all_are_right() -> None:
    sure = np.linspace(0.3, 0.9, 29)
    assert threshold(sure, np.ones(29, bool), 0.9) == 0  # 0.9 ** 29 < 0.05
    with pytest.raises(
        InputError, match=r"accuracy of 0\.9 that 28 faces can show: of the 20 most confident answers 100\.0%"
    ):
        threshold(sure[:28], np.ones(28, bool), 0.9)


def test_no_threshold_where_all_are_wrong_or_there_are_no_faces() -> None:
    for n in (0, 1, 500):
        with pytest.raises(InputError, match=f"that {n} faces can show"):
            threshold(np.full(n, 0.9), np.zeros(n, bool), 0.5)


def test_threshold_keeps_equal_confidences_together() -> None:
    sure = np.repeat([0.9, 0.5], 100)
    right = np.r_[np.ones(100), np.ones(50), np.zeros(50)].astype(bool)
    assert threshold(sure, right, 0.9) == 0.9
    shuffled = np.random.default_rng(0).permutation(200)
    assert threshold(sure[shuffled], right[shuffled], 0.9) == 0.9
    with pytest.raises(InputError):
        threshold(np.full(200, 0.7), right, 0.9)


def test_threshold_holds_its_target_on_other_faces() -> None:
    """Confidence c, right with a chance of c: the true accuracy above a threshold t is (1 + t) / 2."""
    held = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        sure = rng.random(1000)
        held.append((1 + threshold(sure, rng.random(1000) < sure, 0.8)) / 2 >= 0.8)
    assert np.mean(held) > 0.9


def test_threshold_of_many_faces() -> None:
    rng = np.random.default_rng(0)
    sure = rng.random(200_000)
    assert threshold(sure, rng.random(200_000) < sure, 0.9) == pytest.approx(0.8, abs=0.01)


@given(st.integers(1, 60), st.sampled_from([0.5, 0.8, 0.9]))
def test_the_quantile_has_the_correction_for_one_more(n: int, coverage: float) -> None:
    truth = (np.arange(1, n + 1) / (n + 1)).astype(np.float32)
    rows = np.stack([truth, 1 - truth], axis=1)
    rank = int(np.ceil(round((n + 1) * coverage, 9)))
    if rank > n:
        with pytest.raises(InputError, match=f"{n} faces are too few for prediction sets of coverage {coverage:g}"):
            quantile(rows, np.zeros(n, np.int64), coverage)
    else:
        found = quantile(rows, np.zeros(n, np.int64), coverage)
        assert found == pytest.approx(np.sort(1 - truth)[rank - 1])


def test_nine_faces_are_enough_for_nine_in_ten() -> None:
    rows, labels = np.full((9, 2), 0.5, np.float32), np.zeros(9, np.int64)
    assert quantile(rows, labels, 0.9) == 0.5
    with pytest.raises(InputError, match=r"8 faces are too few for prediction sets of coverage 0\.9, which need 9"):
        quantile(rows[:8], labels[:8], 0.9)


@pytest.mark.parametrize("coverage", [0.7, 0.9])
def test_sets_hold_the_truth_of_exchangeable_faces_as_often_as_asked(coverage: float) -> None:
    """One new face for each of many draws: the count of sets that hold the truth is binomial."""
    n, repeats, held = 60, 2000, 0
    rng = np.random.default_rng(3)
    for _ in range(repeats):
        rows = rng.dirichlet(np.full(5, 0.4), n + 1).astype(np.float32)
        labels = (rows.cumsum(axis=1) < rng.random((n + 1, 1))).sum(axis=1).clip(max=4)
        score = 1 - rows[-1, labels[-1]].astype(np.float64)
        held += bool(score <= quantile(rows[:-1], labels[:-1], coverage))
    low, high = binom.interval(0.999, repeats, coverage)
    assert low <= held <= high + repeats / (n + 1)  # at least as often, and at most 1 / (n + 1) more often


def test_no_prediction_set_is_empty() -> None:
    rows = np.array([[0.4, 0.35, 0.25], [0.9, 0.06, 0.04]], np.float32)
    assert Conformal(0.5, 0.2, 0.5, 1.0).in_prediction_set(rows).tolist() == [
        [True, False, False],
        [True, False, False],
    ]
    assert Conformal(0.9, 0.66, 0.9, 1.5).in_prediction_set(rows).tolist() == [
        [True, True, False],
        [True, False, False],
    ]
