"""Multinomial logistic regression on features, by scikit-learn: a linear layer, and how well it does on others.

Features are standardised first; the layer that comes out takes them as they are. Mirror images as further training
samples gained nothing on FER2013 (20 faces a class, 15 draws of three pairs: 0.811, 0.693, 0.915 with, 0.811, 0.690,
0.913 without), and a temperature below 1 did harm, so neither is used.
"""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.core.console import track
from mien.core.errors import needs_extra
from mien.evaluation.calibrate.scaling import fit_temperature
from mien.evaluation.folds import assign_folds
from mien.models.session import softmax

STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # the values of C to choose from
USUAL = 1e-2  # C where there is too little to choose by: the best of them on the mean of those draws

MANY = 1000  # faces from which on the choice of C flatters nobody: it is made once, not in each fold again

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]


class Head(NamedTuple):
    """A linear layer: logits = features @ weight + bias."""

    weight: Floats
    """[d, k]"""
    bias: Floats
    """[k]"""


class LabelledFeatures(NamedTuple):
    """What is learned from, n faces."""

    features: Floats
    """[n, d]"""
    labels: Integers
    """[n], 0..k-1."""
    groups: Integers
    """[n], equal where two faces must be in the same fold."""

    def part(self, rows: NDArray[np.bool_]) -> "LabelledFeatures":
        return LabelledFeatures(self.features[rows], self.labels[rows], self.groups[rows])

    @property
    def smallest(self) -> int:
        """In how many groups the class is that is in the fewest."""
        return min(len(np.unique(self.groups[self.labels == label])) for label in np.unique(self.labels))


def fit(samples: LabelledFeatures, k: int, c: float) -> Head:
    """Return the layer of k classes that scikit-learn finds with this C; a class without samples is never answered.

    Raises:
        MissingExtra: scikit-learn is not installed.
    """
    with needs_extra("eval", "a classifier of your own"):
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
    x = samples.features.astype(np.float64)
    mean, std = x.mean(axis=0), x.std(axis=0)
    std[std < 1e-6] = 1.0  # a feature that is the same for all
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = LogisticRegression(C=c, max_iter=1000).fit((x - mean) / std, samples.labels)
    slopes, offsets = found.coef_, found.intercept_
    if len(slopes) == 1:  # of two classes it gives the difference
        slopes, offsets = (np.concatenate([-value / 2, value / 2]) for value in (slopes, offsets))
    weight, bias = np.zeros((x.shape[1], k)), np.full(k, offsets.min() - 30.0)
    weight[:, found.classes_] = slopes.T / std[:, None]
    bias[found.classes_] = offsets - mean @ (slopes.T / std[:, None])
    return Head(weight.astype(np.float32), bias.astype(np.float32))


def choose(samples: LabelledFeatures, k: int, *, folds: int, seed: int) -> float:
    """Return the C of `STRENGTHS` with the least log loss in cross-validation."""
    folds = min(folds, samples.smallest)
    if folds < 2:
        return USUAL
    losses = {}
    for c in track(STRENGTHS, "choosing C", len(STRENGTHS)) if len(samples.labels) > MANY else STRENGTHS:
        chosen = softmax(cross_validate(samples, k, folds=folds, seed=seed, c=c))
        losses[c] = -np.log(np.maximum(chosen[np.arange(len(chosen)), samples.labels], 1e-9)).mean()
    return min(losses, key=lambda c: losses[c])


def cross_validate(samples: LabelledFeatures, k: int, *, folds: int, seed: int, c: float | None = None) -> Floats:
    """Return logits [n, k] of each face by a layer that saw neither it nor its group.

    Without `c` it is chosen for each layer, without the faces of its fold.
    """
    fold = assign_folds(samples.labels, samples.groups, folds, seed)
    logits = np.zeros((len(samples.labels), k), np.float32)
    for number in range(folds):
        held = fold == number
        rest = samples.part(~held)
        head = fit(rest, k, choose(rest, k, folds=folds, seed=seed) if c is None else c)
        logits[held] = samples.features[held] @ head.weight + head.bias
    return logits


def temperature(logits: Floats, labels: Integers) -> float:
    """Return the temperature of cross-validated logits, at least 1: a few right answers are no reason to be surer."""
    return max(1.0, fit_temperature(logits, labels))
