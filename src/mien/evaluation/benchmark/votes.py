"""What the ten FER+ annotators say of the faces that a benchmark scores: how a model stands to them, and they to each
other.
"""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.labels import FERPLUS
from mien.datasets import Samples
from mien.datasets.dataset import Problems
from mien.datasets.readers import fer2013, ferplus, locate
from mien.evaluation.evaluation import DataFacts, measure
from mien.evaluation.statistics import wilson
from mien.models.session import Session

LEVELS = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # of ten votes, so that each bin but the first is one count


def counts(root: Path, kind: str, ids: NDArray[np.str_]) -> NDArray[np.int64] | None:
    """Return the votes for rows of fer2013.csv, int64 [n, 10]; None where no file with votes lies beside it."""
    if kind != "fer2013":
        return None
    path = fer2013.find_votes(locate(root, kind)[1])
    if path is None:
        return None
    table = ferplus.votes(path, Problems()).counts
    rows = ids.astype(np.int64)
    return table[rows] if rows.max(initial=-1) < len(table) else None


def by_agreement(
    votes: NDArray[np.int64], truth: NDArray[np.int64], classes: tuple[str, ...], correct: NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """Return accuracy by how far the annotators agree: the share of all votes that the top expression has.

    Args:
        votes: [n, 10], as FER+ has them, unknown and not-a-face last.
        truth: [n], index into `classes`: what the protocol takes for right.
        correct: [n], whether the model is.

    Returns:
        For each bin (above, up to]: n, accuracy with its Wilson interval, and `annotator`, how often one annotator
        names what is taken for right. Where that is the FER+ majority, their own vote is part of it.
    """
    total = votes.sum(axis=1)
    whole = np.maximum(total, 1)
    share = votes[:, : len(FERPLUS)].max(axis=1) / whole
    columns = np.array([FERPLUS.index(name) for name in classes])[truth]
    named = votes[np.arange(len(votes)), columns] / whole
    found = []
    for above, upto in pairwise(LEVELS):
        here = (total > 0) & (share > above + 1e-9 if above else share >= 0) & (share <= upto + 1e-9)
        n, hits = int(here.sum()), int(correct[here].sum())
        found.append(
            {
                "above": above,
                "up_to": upto,
                "n": n,
                "accuracy": hits / n if n else None,
                "interval": list(wilson(hits, n)) if n else None,
                "annotator": float(named[here].mean()) if n else None,
            }
        )
    return found


def against_votes(session: Session, faces: Samples, data: DataFacts) -> dict[str, Any]:
    """Return how an open model, by its output nearest to votes, stands to the vote distribution of `faces`.

    `annotator_kl` and `annotator_accuracy` are the same of a single annotator (see `scores.annotator`).
    """
    found = measure(session, faces, data)
    scores = found.scores
    return {
        "head": session.info.primary_output,
        "classes": list(scores.classes),
        "n": scores.n,
        "kl": scores.kl,
        "annotator_kl": scores.annotator_kl,
        "accuracy": scores.accuracy,
        "annotator_accuracy": scores.annotator_accuracy,
        "dropped": found.dropped,
    }
