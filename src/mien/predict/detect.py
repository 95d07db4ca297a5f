"""Where the faces are: a detector takes an upright picture and returns boxes.

`haar` ships inside OpenCV, so that recognition works offline from the first minute. It finds upright, frontal faces; the figures
that its settings were chosen by are in LOG.md.
"""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mien import images
from mien.errors import InputError


class Detections(NamedTuple):
    """The faces of one picture as a detector sees them."""

    boxes: NDArray[np.float32]
    """[n, 4]: x, y, width, height in pixels of the picture."""
    scores: NDArray[np.float32] | None = None
    """[n]: how sure the detector is; None where it does not say."""


class Detector(Protocol):
    """Anything that finds faces in an upright uint8 picture, [h, w] or [h, w, 3] RGB. Must be safe to share between threads."""

    def __call__(self, image: images.Pixels, /) -> Detections: ...


class Haar:
    """OpenCV's frontal-face cascade.

    Large pictures are searched at a smaller size and the boxes mapped back; faces below `MIN_FACE` of the picture's shorter side
    are not looked for.
    """

    CASCADE = "haarcascade_frontalface_default.xml"
    LONGEST = 1000  # pixels of the longer side while searching
    MIN_FACE = 0.03
    SMALLEST = 20  # the cascade's own window
    STEP = 1.1
    NEIGHBOURS = 6

    def __init__(self) -> None:
        self._threads = threading.local()  # a CascadeClassifier keeps the picture it searches, so each thread has its own

    def __call__(self, image: images.Pixels, /) -> Detections:
        grey = images.to_channels(image, 1)
        shrink = min(1.0, self.LONGEST / max(grey.shape))
        if shrink < 1:
            grey = np.asarray(cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        smallest = max(self.SMALLEST, round(self.MIN_FACE * min(grey.shape)))
        found = self._cascade().detectMultiScale(
            grey, scaleFactor=self.STEP, minNeighbors=self.NEIGHBOURS, minSize=(smallest, smallest)
        )
        boxes = np.asarray(found, dtype=np.float32).reshape(-1, 4) / np.float32(shrink)
        return Detections(merge(boxes))

    def _cascade(self) -> Any:
        if not hasattr(self._threads, "cascade"):
            self._threads.cascade = cv2.CascadeClassifier(f"{cv2.data.haarcascades}{self.CASCADE}")
        return self._threads.cascade


def whole(image: images.Pixels, /) -> Detections:
    """Return the whole picture as one face crop."""
    height, width = image.shape[:2]
    return Detections(np.array([[0, 0, width, height]], dtype=np.float32))


def merge(boxes: NDArray[np.float32], *, overlap: float = 0.5) -> NDArray[np.float32]:
    """Return the boxes [n, 4], larger ones first, without those of which a larger one covers more than `overlap`."""
    kept: list[NDArray[np.float32]] = []
    for box in boxes[np.argsort(-boxes[:, 2] * boxes[:, 3], kind="stable")]:
        if all(_shared(box, other) <= overlap * box[2] * box[3] for other in kept):
            kept.append(box)
    return np.array(kept, dtype=np.float32).reshape(-1, 4)


def _shared(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Area in pixels that two boxes have in common."""
    sides = np.minimum(one[:2] + one[2:], other[:2] + other[2:]) - np.maximum(one[:2], other[:2])
    return float(np.prod(np.maximum(sides, 0)))


DETECTORS: dict[str, Callable[[], Detector]] = {"haar": Haar, "none": lambda: whole}


def find(detector: str | Detector) -> Detector:
    """Return the detector of that name, or the one given.

    Raises:
        InputError: no detector has that name.
    """
    if not isinstance(detector, str):
        return detector
    if detector not in DETECTORS:
        raise InputError(f"no detector {detector!r}; known: {', '.join(DETECTORS)}")
    return DETECTORS[detector]()
