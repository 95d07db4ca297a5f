import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics

from mien.core.errors import InputError
from mien.evaluation.metrics import BINS, annotator, end_to_end, score

Predictions = tuple[NDArray[np.float32], NDArray[np.int64]]


@st.composite
def predictions(draw: st.DrawFn) -> Predictions:
    """Probabilities [n, k] and labels [n], often with classes that have no sample or are never answered."""
    k, n, spread = draw(st.integers(2, 8)), draw(st.integers(1, 40)), draw(st.sampled_from([0.1, 1, 8]))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    powers = np.exp(spread * generator.normal(size=(n, k)))
    labels = generator.integers(0, draw(st.integers(1, k)), size=n)
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32), labels


def names(k: int) -> list[str]:
    return [f"class {index}" for index in range(k)]


@given(predictions())
def test_scores_are_scikit_learns(drawn: Predictions) -> None:
    probabilities, labels = drawn
    n, k = probabilities.shape
    answers = probabilities.argmax(axis=1)
    scores = score(probabilities, labels, names(k))
    assert scores.n == n
    assert scores.accuracy == pytest.approx(metrics.accuracy_score(labels, answers))
    assert scores.metrics["macro_f1"] == pytest.approx(
        metrics.f1_score(labels, answers, average="macro", zero_division=0)
    )
    assert (scores.confusion == metrics.confusion_matrix(labels, answers, labels=range(k))).all()
    assert scores.metrics["log_loss"] == pytest.approx(
        metrics.log_loss(labels, probabilities, labels=range(k)), rel=1e-4, abs=1e-6
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of answers that name a class without samples
        assert scores.metrics["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(labels, answers))


@given(predictions())
def test_per_class_scores_are_scikit_learns_where_they_are_defined(drawn: Predictions) -> None:
    probabilities, labels = drawn
    k = probabilities.shape[1]
    answers = probabilities.argmax(axis=1)
    expected = metrics.precision_recall_fscore_support(labels, answers, labels=range(k), zero_division=np.nan)
    for index, found in enumerate(score(probabilities, labels, names(k)).per_class.values()):
        ours = (found.precision, found.recall, found.f1)
        for mine, theirs in zip(ours, (column[index] for column in expected[:3]), strict=True):
            assert np.isnan(theirs) if mine is None else mine == pytest.approx(theirs)
        assert found.support == expected[3][index]
        assert found.predicted == (answers == index).sum()


@given(predictions())
def test_ece_is_the_weighted_gap_of_the_bins(drawn: Predictions) -> None:
    """Guo et al. 2017, equation 3, written as a loop over (lower, upper]."""
    probabilities, labels = drawn
    confidence, right = probabilities.max(axis=1).astype(float), probabilities.argmax(axis=1) == labels
    scores = score(probabilities, labels, names(probabilities.shape[1]))
    ece = 0.0
    for index, found in enumerate(scores.bins):
        inside = (confidence * BINS > index) & (confidence * BINS <= index + 1)
        assert found.count == inside.sum()
        if inside.any():
            ece += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert scores.metrics["ece"] == pytest.approx(ece, abs=1e-9)
    assert sum(found.count for found in scores.bins) == scores.n


def test_a_confidence_on_the_edge_of_two_bins_counts_in_the_lower() -> None:
    """The bins are (lower, upper]."""
    edges = np.arange(8, BINS) / BINS
    assert (edges * BINS == np.arange(8, BINS)).all()  # nothing is rounded
    scores = score(np.stack([edges, 1 - edges], axis=1), np.zeros(len(edges), np.int64), names(2))
    assert [found.count for found in scores.bins] == [0] * 7 + [1] * 7 + [0]
    assert [found.confidence for found in scores.bins if found.count] == edges.tolist()


def test_golden() -> None:
    """Six samples of three classes, worked by hand."""
    probabilities = np.array(
        [[0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]],
        dtype=np.float32,
    )
    scores = score(probabilities, np.array([0, 0, 1, 1, 1, 2]), ("angry", "happy", "sad"))
    assert scores.confusion.tolist() == [[2, 0, 0], [1, 2, 0], [0, 0, 1]]
    assert scores.rates.tolist() == [[1, 0, 0], [1 / 3, 2 / 3, 0], [0, 0, 1]]
    assert scores.accuracy == 5 / 6
    assert scores.metrics["balanced_accuracy"] == pytest.approx((1 + 2 / 3 + 1) / 3)
    assert scores.metrics["macro_f1"] == pytest.approx((0.8 + 0.8 + 1) / 3)
    assert scores.metrics["log_loss"] == pytest.approx(-(3 * np.log(0.8) + np.log(0.25) + 2 * np.log(0.5)) / 6)
    # three at confidence 0.8, all right; three at 0.5, two right
    assert scores.metrics["ece"] == pytest.approx(0.5 * abs(1 - 0.8) + 0.5 * abs(2 / 3 - 0.5))
    filled = {round(found.lower, 4): (found.count, found.accuracy) for found in scores.bins if found.count}
    assert filled == {round(7 / 15, 4): (3, pytest.approx(2 / 3)), round(12 / 15, 4): (3, 1.0)}
    assert "kl" not in scores.metrics


def test_a_class_without_samples_or_answers_is_undefined_and_left_out_of_the_means() -> None:
    probabilities = np.eye(4, dtype=np.float32)[[0, 0, 2]]
    scores = score(probabilities, np.array([0, 1, 0]), names(4))
    never_answered, never_there, neither = (scores.per_class[f"class {index}"] for index in (1, 2, 3))
    assert (never_answered.precision, never_answered.recall, never_answered.f1) == (None, 0, 0)
    assert (never_there.precision, never_there.recall, never_there.f1) == (0, None, 0)
    assert (neither.precision, neither.recall, neither.f1) == (None, None, None)
    assert scores.metrics["balanced_accuracy"] == pytest.approx((0.5 + 0) / 2)
    assert scores.metrics["macro_f1"] == pytest.approx((0.5 + 0 + 0) / 3)
    assert scores.rates[:2].tolist() == [[0.5, 0, 0.5, 0], [1, 0, 0, 0]]
    assert np.isnan(scores.rates[2:]).all()


def test_votes_are_scored_by_the_most_voted_class_and_by_divergence() -> None:
    votes = np.array([[0.6, 0.4, 0], [0.5, 0.5, 0], [0, 0, 1]], dtype=np.float32)
    probabilities = np.array([[0.6, 0.4, 0], [0.25, 0.5, 0.25], [0, 0.25, 0.75]], dtype=np.float32)
    scores = score(probabilities, votes, names(3))
    assert scores.accuracy == pytest.approx(2 / 3)  # the tie's first is the truth
    assert scores.metrics["kl"] == pytest.approx((0 + 0.5 * np.log(2) + np.log(4 / 3)) / 3, abs=1e-6)


def test_a_certain_wrong_answer_costs_a_finite_loss() -> None:
    scores = score(np.eye(2, dtype=np.float32)[[0]], np.array([1]), names(2))
    assert scores.metrics["log_loss"] == pytest.approx(-np.log(np.finfo(np.float32).eps))
    assert scores.metrics["ece"] == 1


EVEN = np.full((2, 2), 0.5, dtype=np.float32)


@pytest.mark.parametrize(
    ("probabilities", "labels", "message"),
    [
        (EVEN[:0], np.zeros(0, int), "nothing to score"),
        (EVEN, np.zeros(3, int), r"labels: expected \[2\] or \[2, 2\], got \[3\]"),
        (np.full((2, 3), 1 / 3, np.float32), np.zeros(2, int), r"probabilities: expected \[n, 2\], got \[2, 3\]"),
        (EVEN, np.array([0, 2]), "expected integers 0..1"),
        (EVEN, np.array([0, -1]), "expected integers 0..1"),
        (EVEN, np.array([0.0, 1.0]), "expected integers 0..1"),
        (EVEN * 2, np.zeros(2, int), "probabilities: expected rows"),
        (EVEN * np.nan, np.zeros(2, int), "probabilities: expected rows"),
        (np.array([[2, -1], [0.5, 0.5]], np.float32), np.zeros(2, int), "probabilities: expected rows"),
        (EVEN, EVEN * 2, "labels: expected rows"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    probabilities: NDArray[np.float32], labels: NDArray[np.int64], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        score(probabilities, labels, names(2))


@st.composite
def ballots(draw: st.DrawFn) -> NDArray[np.float64]:
    """Votes [n, k] of ten people as shares, with zeros, unanimous rows and ties."""
    k, n = draw(st.integers(2, 8)), draw(st.integers(1, 12))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    leaning = generator.dirichlet(np.full(k, draw(st.sampled_from([0.1, 1, 10]))), size=n)
    return np.array([generator.multinomial(10, row) for row in leaning]) / 10


@given(ballots())
def test_a_single_annotator_by_a_slow_loop(votes: NDArray[np.float64]) -> None:
    n, k = votes.shape
    divergence = named = 0.0
    for face in range(n):
        for word in range(k):  # what one annotator of this face says, as often as people said it
            if votes[face, word] == 0:
                continue
            weights = [votes[other, word] for other in range(n)]
            reading = sum(weight * votes[other] for other, weight in enumerate(weights)) / sum(weights)
            kl = sum(votes[face, c] * np.log(votes[face, c] / reading[c]) for c in range(k) if votes[face, c] > 0)
            divergence += votes[face, word] * kl / n
        named += max(votes[face]) / n
    found = annotator(votes)
    assert (found.kl, found.accuracy) == pytest.approx((divergence, named), abs=1e-6)
    scores = score(np.full((n, k), 1 / k, np.float32), votes.astype(np.float32), names(k))
    assert scores.annotator is not None
    assert (scores.annotator.kl, scores.annotator.accuracy) == pytest.approx((divergence, named), abs=1e-5)


def test_one_annotator_is_perfect_where_all_agree_and_unknown_for_hard_labels() -> None:
    for votes, accuracy in ((np.eye(3), 1), (np.full((2, 2), 0.5), 0.5)):
        found = annotator(votes)
        assert (found.kl, found.accuracy) == pytest.approx((0, accuracy))
    hard = score(EVEN, np.array([0, 1]), names(2))
    assert hard.annotator is None


@given(predictions(), st.integers(0, 2**32 - 1))
def test_end_to_end_is_the_score_with_wrong_answers_for_what_was_missed(drawn: Predictions, seed: int) -> None:
    probabilities, labels = drawn
    k = probabilities.shape[1]
    missed = np.random.default_rng(seed).integers(0, k, size=seed % 20)  # their truths
    support = np.bincount(np.concatenate([labels, missed]), minlength=k)
    found = end_to_end(score(probabilities, labels, names(k)), support.tolist(), "haar")
    # a class more, that nobody is of, is what a face that was missed is answered with
    answers = np.eye(k + 1, dtype=np.float32)[[*probabilities.argmax(axis=1), *([k] * len(missed))]]
    whole = score(answers, np.concatenate([labels, missed]), names(k + 1))
    assert found.detector == "haar"
    assert found.n == whole.n == len(labels) + len(missed)
    assert found.coverage == pytest.approx(len(labels) / whole.n)
    assert found.metrics["accuracy"] == pytest.approx(whole.metrics["accuracy"])
    assert found.interval == pytest.approx(whole.interval)
    assert found.metrics["balanced_accuracy"] == pytest.approx(whole.metrics["balanced_accuracy"])
