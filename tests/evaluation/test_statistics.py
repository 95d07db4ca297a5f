"""Intervals and tests against published figures, SciPy, statsmodels and slow loops."""

import sys
from collections.abc import Callable
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from mien.core.errors import MissingExtra
from mien.evaluation.statistics import (
    binomial_tail,
    holm,
    mcnemar,
    newcombe,
    percentile_interval,
    permutation_test,
    resample,
    weighted_proportion,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_is_as_published(successes: int, n: int, low: float, high: float) -> None:
    """Newcombe 1998, Statistics in Medicine 17, 857-872, table I, method 3."""
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000), st.data())
def test_wilson_encloses_the_proportion_and_mirrors(n: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, n))
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n <= high <= 1
    assert wilson(n - successes, n) == pytest.approx((1 - high, 1 - low))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [  # the contrasts of Newcombe 1998, table II, by method 10 as statsmodels has it
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((6, 7, 2, 7), (0.0582, 0.8062)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
        ((0, 10, 0, 20), (-0.1611, 0.2775)),
        ((10, 10, 0, 20), (0.6791, 1.0)),
    ],
)
def test_newcombes_examples(cells: tuple[int, int, int, int], expected: tuple[float, float]) -> None:
    hits, n, other_hits, other = cells
    interval = newcombe((hits / n, wilson(hits, n)), (other_hits / other, wilson(other_hits, other)))
    assert interval == pytest.approx(expected, abs=5.1e-5)


@given(st.integers(1, 400), st.integers(0, 400))
def test_wilson_is_statsmodels_interval(n: int, successes: int) -> None:
    successes = min(successes, n)
    assert wilson(successes, n) == pytest.approx(proportion_confint(successes, n, method="wilson"), abs=1e-12)


def test_newcombe_is_statsmodels_interval() -> None:
    rng = np.random.default_rng(0)
    for n, other in rng.integers(1, 400, (30, 2)).tolist():
        hits, other_hits = rng.integers(0, n + 1), rng.integers(0, other + 1)
        expected = confint_proportions_2indep(hits, n, other_hits, other, method="newcomb")
        found = newcombe((hits / n, wilson(hits, n)), (other_hits / other, wilson(other_hits, other)))
        assert found == pytest.approx(expected, abs=1e-9)


counts = st.integers(0, 60)


@given(counts, counts)
def test_mcnemar_is_the_exact_sum_over_fair_coins(b: int, c: int) -> None:
    tail = sum(comb(b + c, heads) for heads in range(min(b, c) + 1))
    assert mcnemar(b, c) == pytest.approx(min(1, 2 * tail / 2 ** (b + c)), rel=1e-9)


def test_mcnemar_by_hand_and_of_many_samples() -> None:
    assert mcnemar(0, 5) == 2 / 2**5
    assert mcnemar(1, 5) == pytest.approx(2 * (1 + 6) / 2**6)
    assert mcnemar(3, 3) == 1
    assert mcnemar(0, 2000) == 0  # below the least float, not an error
    assert 0 < mcnemar(1500, 1300) < 1e-3


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.2, 0.9]) == pytest.approx([0.4, 0.9])
    assert holm([0.7, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=9))
def test_holm_never_lowers_a_p_nor_changes_their_order(values: list[float]) -> None:
    adjusted = holm(values)
    assert all(p <= q <= 1 for p, q in zip(values, adjusted, strict=True))
    order = sorted(range(len(values)), key=values.__getitem__)
    assert [adjusted[place] for place in order] == sorted(adjusted)


@settings(max_examples=15, deadline=None)  # statsmodels takes 40 ms a call
@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_holm_is_statsmodels_adjustment(values: list[float]) -> None:
    assert holm(values) == pytest.approx(multipletests(values, method="holm")[1], abs=1e-12)


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from([0.5, 0.9]))
def test_binomial_tail_is_the_test_of_clopper_and_pearson(n: int, successes: int, probability: float) -> None:
    """The tail is at most 5 % exactly where their one-sided 95 % bound reaches the probability."""
    successes = min(successes, n)
    tail = binomial_tail(np.array([successes]), np.array([n]), probability)[0]
    exact = sum(comb(n, k) * probability**k * (1 - probability) ** (n - k) for k in range(successes, n + 1))
    assert tail == pytest.approx(exact, rel=1e-9)
    assert (tail <= 0.05) == (beta.ppf(0.05, successes, n - successes + 1) >= probability)


def test_a_weighted_proportion_of_one_class_has_wilsons_interval() -> None:
    mean, interval = weighted_proportion(np.array([30, 5]), np.array([40, 9]), np.array([1.0, 0.0]))
    assert mean == 0.75
    assert interval == pytest.approx(wilson(30, 40))


def test_the_interval_of_a_weighted_proportion_by_hand() -> None:
    """The distances to the bounds of each proportion, weighted, are legs of a right triangle."""
    mean, (low, high) = weighted_proportion(np.array([30, 5]), np.array([40, 10]), np.array([0.8, 0.2]))
    assert mean == pytest.approx(0.8 * 0.75 + 0.2 * 0.5)
    legs = np.abs(np.array([wilson(30, 40), wilson(5, 10)]).T - [0.75, 0.5]) * [0.8, 0.2]
    assert (mean - low, high - mean) == pytest.approx(np.hypot(*legs.T))


def test_the_permutation_test_shuffles_within_classes() -> None:
    """Groups that differ in their classes alone differ by nothing; groups that differ within a class differ."""
    classes_alone = np.array([[90, 0], [0, 50]]), np.array([[100, 0], [0, 100]])
    assert permutation_test(*classes_alone, shuffles=99, seed=0) == 1
    within = np.array([[90, 0], [50, 0]]), np.array([[100, 0], [100, 0]])
    assert permutation_test(*within, shuffles=99, seed=0) == 0.01


def test_resamples_hold_as_many_samples_as_the_data_and_vary_like_them() -> None:
    counts = np.array([700, 300, 0])
    drawn = resample(counts, resamples=4000, seed=0)
    assert drawn.shape == (4000, 3)
    assert (drawn.sum(axis=1) == 1000).all()
    assert (drawn[:, 2] == 0).all()
    assert drawn[:, 0].std() == pytest.approx(np.sqrt(1000 * 0.7 * 0.3), rel=0.05)
    assert (drawn == resample(counts, resamples=4000, seed=0)).all()
    assert percentile_interval(np.arange(1001) / 1000) == pytest.approx((0.025, 0.975))


@pytest.mark.parametrize("call", [lambda: mcnemar(1, 2), lambda: binomial_tail(np.array([1]), np.array([2]), 0.5)])
def test_without_scipy_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, call: Callable[[], object]) -> None:
    for module in ("scipy.stats", "scipy.special"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtra, match=r"mien\[eval\]"):
        call()
