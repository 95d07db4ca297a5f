"""What the interfaces of fer and deepface share: the images that they accept, seven expressions, warnings."""

import base64
import binascii
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.core.console import first_few
from mien.core.errors import InputError
from mien.faces.detectors import detector_name
from mien.faces.faces import Faces
from mien.recognition.recognizer import Recognizer

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")  # in the spelling and order of both
_warned = set[str]()


def known_expressions(classes: Sequence[str]) -> list[str]:
    """Return those of `EXPRESSIONS` that a model has. InputError where it has none."""
    known = [name for name in EXPRESSIONS if name in classes]
    if not known:
        raise InputError(f"the model has {first_few(classes)}; expected some of {', '.join(EXPRESSIONS)}")
    return known


def seven(faces: Faces) -> NDArray[np.float64]:
    """Return float64 [n, 7], the probabilities over `EXPRESSIONS`, each row summing to 1.

    Raises:
        InputError: the model has none of the seven.
    """
    known = known_expressions(faces.classes)
    rows = np.zeros((len(faces), len(EXPRESSIONS)))
    rows[:, list(map(EXPRESSIONS.index, known))] = faces.probabilities[:, list(map(faces.classes.index, known))]
    rows += np.finfo(np.float64).tiny  # a face that is certainly contempt is equally each of the seven
    return np.asarray(rows / rows.sum(axis=1, keepdims=True), dtype=np.float64)


def warn_of_detector(asked: str, recognizer: Recognizer) -> None:
    """Warn once that mien does not have a detector, and name the one that it uses."""
    used = detector_name(recognizer.detector)
    warn_once(f"mien.compat: mien has no detector {asked!r}; {used} finds the faces", above=4)


def warn_once(message: str, *, above: int = 3) -> None:
    """Warn, `above` calls higher."""
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message, stacklevel=above)


def load(source: Any, *, bgr: bool = True) -> images.Pixels:
    """Return an image that fer or deepface accept, as `mien.core.images.load` does."""
    if isinstance(source, str) and source.startswith(("http://", "https://")):
        raise InputError(f"{source}: mien downloads nothing; save the image first")
    if isinstance(source, str) and source.startswith("data:image/"):
        try:
            source = base64.b64decode(source.partition(",")[2], validate=True)
        except binascii.Error as error:
            raise InputError(f"{source[:30]}...: no base64 after the comma ({error})") from None
    return images.load(source, bgr=bgr)
