"""Where the faces are: a detector takes an upright picture and returns boxes.

`haar` ships inside OpenCV, so that recognition works offline from the first minute. It finds upright, frontal faces;
the figures that its settings were chosen by are in LOG.md.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
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
    """Anything that finds faces in an upright uint8 picture, [h, w] or [h, w, 3] RGB; safe to share between threads."""

    def __call__(self, image: images.Pixels, /) -> Detections: ...


class Haar:
    """OpenCV's frontal-face cascade, larger faces first.

    Large pictures are searched at a smaller size and the boxes mapped back. Where nothing is found, closer looks are
    for one face that fills the picture: the cascade wants surroundings, so the picture's edge is repeated around it;
    frontal first, then from either side, then tilted to either side.
    """

    FRONTAL, PROFILE = "haarcascade_frontalface_alt2.xml", "haarcascade_profileface.xml"
    LONGEST = 1000  # pixels of the longer side while searching
    NEIGHBOURS = 3  # how many windows must agree
    SMALLEST = 20  # the cascade's own window, in pixels
    STEP, MIN_FACE = 1.1, 0.03  # of the window's growth; of the shorter side
    CLOSE_STEP, CLOSE_FACE, SURROUNDINGS = 1.05, 0.63, 0.4  # the closer looks; the last two of the shorter side
    TILT = 20  # degrees

    def __init__(self) -> None:
        self._threads = threading.local()  # a CascadeClassifier keeps the picture it searches: its own in each thread

    def __call__(self, image: images.Pixels, /) -> Detections:
        grey = images.to_channels(image, 1)
        shrink = min(1.0, self.LONGEST / max(grey.shape))
        if shrink < 1:
            size = (max(1, round(grey.shape[1] * shrink)), max(1, round(grey.shape[0] * shrink)))
            grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        boxes = self._search(self.FRONTAL, grey, self.STEP, self.MIN_FACE * min(grey.shape))
        if not len(boxes):
            edge = round(self.SURROUNDINGS * min(grey.shape))
            wider = np.asarray(cv2.copyMakeBorder(grey, edge, edge, edge, edge, cv2.BORDER_REPLICATE), dtype=np.uint8)
            looks = (
                look(wider, self.CLOSE_FACE * min(grey.shape)) for look in (self._straight, self._aside, self._tilted)
            )
            boxes = next((found for found in looks if len(found)), boxes)
            boxes[:, :2] -= edge
        return Detections(merge(_within(boxes / np.float32(shrink), image.shape[1], image.shape[0])))

    def _straight(self, grey: images.Pixels, smallest: float) -> NDArray[np.float32]:
        return self._search(self.FRONTAL, grey, self.CLOSE_STEP, smallest)

    def _aside(self, grey: images.Pixels, smallest: float) -> NDArray[np.float32]:
        mirrored = np.ascontiguousarray(grey[:, ::-1])  # the cascade knows faces that look to one side only
        one, other = (self._search(self.PROFILE, view, self.CLOSE_STEP, smallest) for view in (grey, mirrored))
        other[:, 0] = grey.shape[1] - other[:, 0] - other[:, 2]
        return np.concatenate([one, other])

    def _tilted(self, grey: images.Pixels, smallest: float) -> NDArray[np.float32]:
        """Turn the picture and keep each box's centre and size."""
        height, width = grey.shape
        found = []
        for angle in (self.TILT, -self.TILT):
            turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
            turned = np.asarray(cv2.warpAffine(grey, turn, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)
            boxes = self._straight(turned, smallest)
            back = cv2.invertAffineTransform(turn)
            boxes[:, :2] = (boxes[:, :2] + boxes[:, 2:] / 2) @ back[:, :2].T + back[:, 2] - boxes[:, 2:] / 2
            found.append(boxes)
        return np.concatenate(found)

    def _search(self, cascade: str, grey: images.Pixels, step: float, smallest: float) -> NDArray[np.float32]:
        side = max(self.SMALLEST, round(smallest))
        found = self._cascade(cascade).detectMultiScale(
            grey, scaleFactor=step, minNeighbors=self.NEIGHBOURS, minSize=(side, side)
        )
        return np.asarray(found, dtype=np.float32).reshape(-1, 4)

    def _cascade(self, name: str) -> Any:
        known = vars(self._threads)
        if name not in known:
            known[name] = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / name))
        return known[name]


def _within(boxes: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Return the boxes [n, 4] cut off at the edges of the picture."""
    ends = np.minimum(boxes[:, :2] + boxes[:, 2:], np.array([width, height], np.float32))
    starts = np.maximum(boxes[:, :2], 0)
    return np.concatenate([starts, ends - starts], axis=1)


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


@dataclass(frozen=True)
class LargestFace:
    """Cuts the largest face out of a photo as `Recognizer` does: a `mien.datasets.table.Finder`.

    Args:
        detector: a name of `DETECTORS`.
        margin: how much of the box's longer side is added on every side.
    """

    detector: str
    margin: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "_detect", find(self.detector))

    def __call__(self, image: images.Pixels, /) -> images.Pixels | None:
        """Return the crop, square and of any size; None where no face is found."""
        boxes = self._detect(image).boxes  # type: ignore[attr-defined]
        if not len(boxes):
            return None
        return images.crop(image, boxes[(boxes[:, 2] * boxes[:, 3]).argmax()].tolist(), margin=self.margin)
