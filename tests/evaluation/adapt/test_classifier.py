"""The layer is scikit-learn's, its accuracy is of faces that it did not see, and groups stay together."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from mien.evaluation.adapt import classifier
from mien.evaluation.adapt.classifier import LabelledFeatures, choose, cross_validate, fit, temperature
from mien.models.session import softmax


def samples(n: int = 60, k: int = 2, *, seed: int = 0, gap: float = 1.5, each: int = 1) -> LabelledFeatures:
    """Return n samples in turn of k classes whose features differ by `gap`, in groups of `each`."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % k
    features = rng.normal(3.0, 2.0, (n, 8)).astype(np.float32)
    features[np.arange(n), labels] += gap * 2
    features[:, 7] = 5.0  # the same for all
    return LabelledFeatures(features, labels, np.arange(n) // each)


@pytest.mark.parametrize("k", [2, 3])
def test_the_layer_is_scikit_learns_on_standardised_features(k: int) -> None:
    given = samples(k=k)
    head = fit(given, k, 0.1)
    scaler = StandardScaler().fit(given.features)
    theirs = LogisticRegression(C=0.1, max_iter=1000).fit(scaler.transform(given.features), given.labels)
    expected = theirs.predict_proba(scaler.transform(given.features))
    assert (head.weight.shape, head.bias.shape, str(head.weight.dtype)) == ((8, k), (k,), "float32")
    assert np.allclose(softmax(given.features @ head.weight + head.bias), expected, atol=1e-4)


def test_a_class_without_samples_is_never_answered() -> None:
    given = samples(k=3)
    head = fit(given.part(given.labels != 1), 3, 1.0)
    assert set((given.features @ head.weight + head.bias).argmax(axis=1).tolist()) == {0, 2}


def test_noise_is_cross_validated_as_noise_and_a_clear_difference_as_one() -> None:
    """Labels by chance fit well in training; only those who did not see them say so."""

    def accuracy(given: LabelledFeatures) -> float:
        logits = cross_validate(given, 2, folds=5, seed=0)
        return float((logits.argmax(axis=1) == given.labels).mean())

    assert accuracy(samples(gap=0.0, n=40)) < 0.7
    assert accuracy(samples(gap=3.0, n=40)) > 0.9


def test_groups_are_never_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    given, parts = samples(each=6), list[set[int]]()
    original = classifier.fit

    def watched(part: LabelledFeatures, k: int, c: float) -> classifier.Head:
        parts.append(set(part.groups.tolist()))
        assert len(part.labels) == 6 * len(parts[-1])
        return original(part, k, c)

    monkeypatch.setattr(classifier, "fit", watched)
    cross_validate(given, 2, folds=5, seed=0)
    assert {len(part) for part in parts} >= {8}


def test_c_is_small_for_noise_and_seeded() -> None:
    assert choose(samples(gap=0.0), 2, folds=5, seed=0) < choose(samples(gap=2.0, n=400), 2, folds=5, seed=0)
    assert choose(samples(), 2, folds=5, seed=0) == choose(samples(), 2, folds=5, seed=0)
    assert choose(samples(n=2), 2, folds=5, seed=0) == classifier.USUAL


def test_a_few_right_answers_make_nothing_surer() -> None:
    labels = np.array([0, 1, 0, 1])
    right: NDArray[np.float32] = np.eye(2, dtype=np.float32)[labels]
    assert temperature(right, labels) == 1.0
    assert temperature(5 * right[::-1].copy(), labels) > 1.0
