"""What a detector is and what it returns."""

from typing import NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core import images


class Detections(NamedTuple):
    """The faces that a detector finds in one image."""

    boxes: NDArray[np.float32]
    """[n, 4]: x, y, width, height in pixels of the image."""
    scores: NDArray[np.float32] | None = None
    """[n], 0 to 1: the detector's confidence; None where it has none."""
    landmarks: NDArray[np.float32] | None = None
    """[n, 5, 2]: x, y of the right eye, left eye, nose tip, right and left corner of the mouth, the person's right and
    left; None where the detector has none."""

    @property
    def largest(self) -> int:
        """The index of the largest box."""
        return int((self.boxes[:, 2] * self.boxes[:, 3]).argmax())

    def crop(self, image: images.Pixels, index: int, spec: images.CropSpec) -> images.Pixels:
        """Return the crop of the face at `index`, square and of any size."""
        points = None if self.landmarks is None else self.landmarks[index]
        return spec.cut(image, self.boxes[index].tolist(), points)


class Detector(Protocol):
    """Anything that finds faces in an upright uint8 image, [h, w] or [h, w, 3] RGB. Safe to share between threads.

    A function will do. A class that `--detector` shall know by name has an attribute `name`, is created without
    arguments, and is registered as an entry point of the group `mien.detectors`.

    Example:
        >>> class CentreFace:
        ...     name = "centre"
        ...
        ...     def __call__(self, image, /):
        ...         height, width = image.shape[:2]
        ...         return Detections(np.array([[width / 4, height / 4, width / 2, height / 2]], np.float32))
    """

    def __call__(self, image: images.Pixels, /) -> Detections: ...


def detector_name(detector: Detector) -> str:
    """Return what a detector is called in tables and model files: its `name`, or that of the function or class."""
    return str(getattr(detector, "name", "") or getattr(detector, "__name__", type(detector).__name__))


def rescale(image: images.Pixels, factor: float) -> images.Pixels:
    """Return the image with its sides multiplied by `factor`, by area averages, at least 1 pixel wide and high."""
    if factor == 1:
        return image
    size = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def shared_areas(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the areas [n, m] in square pixels that boxes [n, 4] and [m, 4] have in common."""
    ends = np.minimum((one[:, :2] + one[:, 2:])[:, None], other[:, :2] + other[:, 2:])
    return np.asarray(np.maximum(ends - np.maximum(one[:, None, :2], other[:, :2]), 0).prod(axis=2))


def clip_boxes(boxes: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Return the boxes [n, 4] cut off at the edges of the image."""
    ends = np.minimum(boxes[:, :2] + boxes[:, 2:], np.array([width, height], np.float32))
    starts = np.maximum(boxes[:, :2], 0)
    return np.concatenate([starts, ends - starts], axis=1)
