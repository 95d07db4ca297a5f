"""Indices derived from the probabilities of expressions: sums and differences of them, and nothing more.

    valence         s_happy - max(s_angry, s_disgust, s_fear, s_sad)         -1 to 1
    expressiveness  1 - s_neutral                                              0 to 1
    positive        s_happy                                                    0 to 1
    negative        s_angry + s_disgust + s_fear + s_sad                       0 to 1

`valence` has the formula of Noldus' FaceReader: the intensity of happy minus that of the strongest negative expression
(angry, sad, scared, disgusted); FaceReader's intensities are not these probabilities, so that values differ. Surprise
and contempt are neither positive nor negative, as there. `positive` and `negative` are shares of the probability, and
`expressiveness` is what is left of it by neutral.

None of them measures arousal, action units or what a person feels: all say how annotators would label the face.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien.core.labels import find_class

NEGATIVE = ("angry", "disgust", "fear", "sad")
FORMULAS = {
    "valence": "s_happy - max(s_angry, s_disgust, s_fear, s_sad)",
    "expressiveness": "1 - s_neutral",
    "positive": "s_happy",
    "negative": "s_angry + s_disgust + s_fear + s_sad",
}


def indices(smoothed: NDArray[np.float64], classes: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Return each index [n] of probabilities [n, k] over `classes`, if the model has its expressions.

    Of negative expressions, those that the model has are taken.

    Example:
        >>> found = indices(np.array([[0.8, 0.1, 0.1]]), ("happy", "sad", "neutral"))
        >>> {name: float(values[0].round(6)) for name, values in found.items()}
        {'valence': 0.7, 'expressiveness': 0.9, 'positive': 0.8, 'negative': 0.1}
    """
    columns = {find_class(name): smoothed[:, index] for index, name in enumerate(classes)}
    negative = [columns[name] for name in NEGATIVE if name in columns]
    found: dict[str, NDArray[np.float64]] = {}
    if "happy" in columns and negative:
        found["valence"] = columns["happy"] - np.max(negative, axis=0)
    if "neutral" in columns:
        found["expressiveness"] = 1 - columns["neutral"]
    if "happy" in columns:
        found["positive"] = columns["happy"]
    if negative:
        found["negative"] = np.sum(negative, axis=0)
    return found
