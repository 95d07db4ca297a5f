"""The most confident wrong predictions of an evaluation, and on which parts of the face each depends."""

from time import monotonic
from typing import NamedTuple

import numpy as np

from mien.core.images import Pixels
from mien.evaluation.evaluation import Evaluation
from mien.evaluation.explain import drawing
from mien.evaluation.explain.occlusion import Occlusion
from mien.evaluation.predictions import Predictions
from mien.models.session import Session

SECONDS = 15.0  # that the maps of a report may take; those of `default` take two
SIDE = 96  # pixels of a map


class Mistake(NamedTuple):
    """One wrong prediction."""

    image: Pixels
    truth: str
    predicted: str
    confidence: float
    id: str
    column: int
    """Of the prediction, among the labels of the model's output; of several that were merged, the most probable."""


def surest_mistakes(
    evaluation: Evaluation, predictions: Predictions, images: Pixels, most: int
) -> tuple[list[Mistake], int]:
    """Return the most confident wrong predicted, the surest first, and how many there are in all."""
    scored = predictions.scored(output=evaluation.asked_output, tta=evaluation.tta, merge=evaluation.merge)
    predicted, confidence = scored.probabilities.argmax(axis=1), scored.probabilities.max(axis=1)
    truth, classes = scored.truth, scored.alignment.classes
    outputs = np.array([scored.alignment.outputs[label] for label in scored.info.labels], dtype=object)
    found = [
        Mistake(
            image=images[scored.rows[row]],
            truth=classes[truth[row]],
            predicted=classes[predicted[row]],
            confidence=float(confidence[row]),
            id=str(scored.ids[row]),
            column=int(np.where(outputs == classes[predicted[row]], scored.label_probabilities[row], -1).argmax()),
        )
        for row in scored.surest_mistakes(most)
    ]
    return found, int((~scored.correct).sum())


def mistake_maps(mistakes: list[Mistake], session: Session, output: str) -> list[Pixels]:
    """Return the occlusion map of each mistake's prediction as uint8 [96, 96, 3]; fewer where the model is slow.

    Args:
        mistakes: of that model.
        session: the model.
        output: the one that was scored.
    """
    occlusion, end, found = Occlusion(session, output), monotonic() + SECONDS, list[Pixels]()
    for one in mistakes:
        heat = next(occlusion(one.image[None], np.array([one.column])))
        full = drawing.full_colour(heat.values, occlusion.name)
        found.append(drawing.overlay(one.image, heat.values, full, SIDE))
        if monotonic() > end:
            break
    return found
