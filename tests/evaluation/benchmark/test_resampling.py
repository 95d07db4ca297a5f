"""Bootstrap intervals of scores, and the difference between two models."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.evaluation.benchmark.resampling import intervals, mean_interval, pack, paired_test, unpack
from mien.evaluation.metrics import COUNT_METRICS, score


def test_intervals_are_those_of_a_plain_bootstrap() -> None:
    """Against the plain bootstrap: draw rows, score them, take percentiles."""
    rng = np.random.default_rng(1)
    truth = rng.choice(3, 120, p=[0.6, 0.3, 0.1])
    answer = np.where(rng.random(120) < 0.7, truth, rng.integers(0, 3, 120))
    confusion = np.zeros((3, 3), dtype=np.int64)
    np.add.at(confusion, (truth, answer), 1)
    drawn = []
    for _ in range(1500):
        rows = rng.integers(0, 120, 120)
        found = score(np.eye(3, dtype=np.float32)[answer[rows]], truth[rows], ("a", "b", "c"))
        drawn.append([found.metrics[metric.name] for metric in COUNT_METRICS])
    expected = np.quantile(drawn, [0.025, 0.975], axis=0).T
    got = intervals(confusion)
    assert list(got) == ["accuracy", "macro_f1", "balanced_accuracy"]
    assert np.array(list(got.values())) == pytest.approx(expected, abs=0.02)


def test_the_interval_of_an_accuracy_is_the_binomials() -> None:
    low, high = intervals(np.array([[700, 300], [0, 0]]))["accuracy"]
    spread = 1.96 * math.sqrt(0.7 * 0.3 / 1000)
    assert (low, high) == pytest.approx((0.7 - spread, 0.7 + spread), abs=2e-3)
    assert mean_interval(np.repeat([1.0, 0.0], [700, 300])) == pytest.approx((low, high), abs=2e-3)


def test_intervals_are_seeded() -> None:
    confusion = np.array([[57, 26], [13, 93]])
    assert intervals(confusion) == intervals(confusion)
    assert intervals(confusion, seed=1) != intervals(confusion)


def test_a_class_without_samples_stays_out_of_the_means() -> None:
    found = intervals(np.array([[4, 0, 0], [0, 4, 0], [0, 0, 0]]))
    assert found["balanced_accuracy"] == found["macro_f1"] == (1, 1)


def rows(*texts: str) -> NDArray[np.bool_]:
    return np.array([[mark == "x" for mark in text] for text in texts])


def test_paired_test_compares_two_models_face_for_face() -> None:
    found = paired_test(rows("xxxxx...xx"), rows("x.....x.xx"))
    assert (found.n, found.only_first, found.only_second) == (10, 4, 1)
    assert found.difference == pytest.approx(0.3)
    assert found.p == pytest.approx(2 * (1 + 5) / 2**5)
    assert found.interval[0] < 0.3 < found.interval[1]
    back = paired_test(rows("x.....x.xx"), rows("xxxxx...xx"))
    assert back.difference == pytest.approx(-0.3)
    assert back.p == found.p


def test_the_paired_interval_is_narrower_than_two_apart() -> None:
    first = np.random.default_rng(0).random(2000) < 0.7
    second = first.copy()
    second[:100] = ~second[:100]
    low, high = paired_test(first[None], second[None]).interval
    apart = mean_interval(first.astype(float))
    assert high - low < apart[1] - apart[0]


def test_several_seeds_are_averaged_and_the_largest_p_is_kept() -> None:
    found = paired_test(rows("xxxxxxxx..", "xxxx......"), rows("xxxx......"))
    assert found.difference == pytest.approx(0.2)
    assert found.p == 1
    assert (found.only_first, found.only_second) == (0, 0)


def test_other_numbers_of_faces_are_refused() -> None:
    with pytest.raises(InputError, match="on 3 and 2 faces"):
        paired_test(rows("xxx"), rows("xx"))


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_unpack_returns_what_was_packed(values: list[bool]) -> None:
    text = pack(np.array(values))
    assert unpack(text, len(values)).tolist() == values
    with pytest.raises(ValueError, match="bits for"):
        unpack(text, len(values) + 8)
