"""What a detector is and what it returns."""

from typing import NamedTuple, Protocol

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


def clip_boxes(boxes: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Return the boxes [n, 4] cut off at the edges of the image."""
    ends = np.minimum(boxes[:, :2] + boxes[:, 2:], np.array([width, height], np.float32))
    starts = np.maximum(boxes[:, :2], 0)
    return np.concatenate([starts, ends - starts], axis=1)
