"""What the ten FER+ annotators say of the scored faces: how a model agrees with them, and they with each other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.labels import FERPLUS
from mien.datasets.dataset import Problems
from mien.datasets.readers import fer2013, ferplus, locate
from mien.datasets.samples import hard
from mien.evaluation.metrics import Annotator, score
from mien.evaluation.predictions import Predictions
from mien.evaluation.statistics import wilson

LEVELS = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # of ten votes, so that each bin but the first is one count


@dataclass(frozen=True)
class AgreementLevel:
    """The faces whose top expression has a share of the votes in (above, up_to]."""

    above: float
    up_to: float
    n: int
    accuracy: float | None
    """Accuracy of the model, 0..1; None where there are no faces."""
    interval: tuple[float, float] | None
    """95 % Wilson score interval of it."""
    annotator: float | None
    """How often one annotator names the label. Where that is the FER+ majority, their own vote is part of it."""


@dataclass(frozen=True)
class VotesResult:
    """How a model agrees with the FER+ votes, by the output that follows votes, single view."""

    output: str
    classes: tuple[str, ...]
    n: int
    metrics: dict[str, float]
    """Against the vote distribution; the truth is the most voted class."""
    annotator: Annotator
    """The same of a single annotator."""
    dropped: dict[str, int]
    """Faces left out because the model lacks their class, by class."""
    levels: tuple[AgreementLevel, ...]
    """The benchmark's own answers by how far the annotators agree."""


def read_counts(root: Path, kind: str, ids: NDArray[np.str_]) -> NDArray[np.int64] | None:
    """Return the votes for rows of fer2013.csv, int64 [n, 10]; None where the dataset has none."""
    path = fer2013.find_votes(locate(root, kind)[1]) if kind == "fer2013" else None
    if path is None:
        return None
    counts, rows = ferplus.votes(path, Problems()).counts, ids.astype(np.int64)
    return counts[rows] if rows.max(initial=-1) < len(counts) else None


def against_votes(
    predictions: Predictions, counts: NDArray[np.int64], classes: Sequence[str], correct: NDArray[np.bool_]
) -> VotesResult:
    """Score the same predictions against the votes.

    Args:
        predictions: of n faces, labelled by the protocol.
        counts: [n, 10], their votes.
        classes: of the protocol.
        correct: [n], whether the scored answer is the protocol's label.
    """
    labels, winner = ferplus.target(counts, "distribution")
    kept = (counts[:, 0] >= 0) & (winner < len(FERPLUS))
    outputs = predictions.info.outputs
    output = next((name for name in ferplus.TARGETS if name in outputs), predictions.info.primary_output)
    scored = replace(predictions, labels=labels, classes=FERPLUS)[kept].scored(output=output)
    scores = score(scored.probabilities, scored.labels, scored.alignment.classes)
    assert scores.annotator
    levels = by_agreement(counts, hard(predictions.labels), classes, correct)
    return VotesResult(
        output, scores.classes, scores.n, scores.metrics, scores.annotator, scored.dropped, levels
    )  # fmt: skip


def by_agreement(
    counts: NDArray[np.int64], truth: NDArray[np.int64], classes: Sequence[str], correct: NDArray[np.bool_]
) -> tuple[AgreementLevel, ...]:
    """Return the accuracy by how far the annotators agree: the share of all votes that the top expression has.

    Args:
        counts: [n, 10] votes, as FER+ has them, unknown and not-a-face last.
        truth: [n], index into `classes`: the label of the protocol.
        classes: what it indexes.
        correct: [n], whether the model's answer is the truth.
    """
    total = counts.sum(axis=1)
    whole = np.maximum(total, 1)
    share = counts[:, : len(FERPLUS)].max(axis=1) / whole
    columns = np.array([FERPLUS.index(name) for name in classes])[truth]
    named = counts[np.arange(len(counts)), columns] / whole
    levels = []
    for above, up_to in pairwise(LEVELS):
        here = (total > 0) & (share > above + 1e-9 if above else share >= 0) & (share <= up_to + 1e-9)
        n, hits = int(here.sum()), int(correct[here].sum())
        scores = (hits / n, wilson(hits, n), float(named[here].mean())) if n else (None, None, None)
        levels.append(AgreementLevel(above, up_to, n, *scores))
    return tuple(levels)
