"""The figures of agreement: each is an entry of a registry that terminal, page and JSON walk.

scikit-learn and statsmodels compute the kappas of one data set a call: too slow for 2,000 resamples of many pairs. Here
one formula covers the data and all resamples at once, and the tests check it against both libraries. Krippendorff's
alpha is our own because the package of that name is under the GPL.

Every function returns NaN where its figure is undefined: no unit has two labels, or all labels are the same.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AgreementFigure:
    """A figure of agreement and how it is shown."""

    name: str
    """The key in JSON."""
    title: str
    compute: Callable[..., Floats]
    """What it takes depends on the registry."""
    complete: bool = False
    """Whether it needs units that all of the coders labelled; otherwise two labels are enough."""
    format: str = "z.4f"


def same_label(confusions: Floats) -> Floats:
    """Return the share of units with the same label by both coders, 0..1, of counts [..., k, k]."""
    return _ratio(np.trace(confusions, axis1=-2, axis2=-1), confusions.sum(axis=(-2, -1)))


def cohen_kappa(confusions: Floats) -> Floats:
    """Return Cohen's kappa (1960) of two coders, -1..1, of counts [..., k, k].

    Example:
        >>> float(cohen_kappa(np.array([[20.0, 5.0], [10.0, 15.0]])))
        0.4
    """
    n = confusions.sum(axis=(-2, -1))
    expected = (confusions.sum(axis=-1) * confusions.sum(axis=-2)).sum(axis=-1)  # of n * n pairs
    observed = n * np.trace(confusions, axis1=-2, axis2=-1)
    return _ratio(observed - expected, n * n - expected)


def fleiss_kappa(votes: Floats, counts: Floats) -> Floats:
    """Return Fleiss' kappa (1971) of several coders, at most 1.

    Args:
        votes: [patterns, k], how many coders gave each label; all rows have the same sum.
        counts: [..., patterns], how many units have each pattern of votes.
    """
    coders, n = votes.sum(axis=1).max(initial=0), counts.sum(axis=-1)
    total = (n * coders) ** 2  # pairs
    observed = counts @ (votes * (votes - 1)).sum(axis=1) * n * coders / max(coders - 1, 1)
    expected = ((counts @ votes) ** 2).sum(axis=-1)
    return _ratio(observed - expected, total - expected)


def krippendorff_alpha(votes: Floats, counts: Floats) -> Floats:
    """Return Krippendorff's alpha for nominal data, at most 1.

    By the coincidence matrix of Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), part C: labels may
    be missing, and a unit with fewer than two is left out.

    Args:
        votes: [patterns, k], how many coders gave each label.
        counts: [..., patterns], how many units have each pattern of votes.
    """
    coders = votes.sum(axis=1)
    votes = np.where(coders[:, None] > 1, votes, 0)
    matching = (votes * (votes - 1)).sum(axis=1) / np.maximum(coders - 1, 1)  # the diagonal of the matrix
    labels = counts @ votes
    total = labels.sum(axis=-1)
    expected = total * total - (labels * labels).sum(axis=-1)
    return 1 - _ratio((total - 1) * (total - counts @ matching), expected)


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.asarray(np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=whole > 0))


# Of two coders; compute(confusions [..., k, k]).
PAIR_FIGURES = (
    AgreementFigure("agreement", "same label", same_label),
    AgreementFigure("kappa", "Cohen's kappa", cohen_kappa),
)
# Of several coders; compute(votes [patterns, k], counts [..., patterns]).
GROUP_FIGURES = (
    AgreementFigure("alpha", "Krippendorff's alpha", krippendorff_alpha),
    AgreementFigure("fleiss", "Fleiss' kappa", fleiss_kappa, complete=True),
)
# Of a machine and people; compute(mean kappa of machine and person [...], mean kappa of two people [...]).
MACHINE_FIGURES = (
    AgreementFigure("machine", "mean kappa, {machine} and a person", lambda machine, people: machine),
    AgreementFigure("people", "mean kappa, two people", lambda machine, people: people),
    AgreementFigure("difference", "  difference of the two", lambda machine, people: machine - people),
)
