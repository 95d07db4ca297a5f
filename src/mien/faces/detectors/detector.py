"""What a detector is and what it returns."""

from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.core.errors import InputError


class Detections(NamedTuple):
    """The faces that a detector finds in one image."""

    boxes: NDArray[np.float32]
    """[n, 4]: x, y, width, height in pixels of the image."""
    scores: NDArray[np.float32] | None = None
    """[n], 0 to 1: the detector's confidence; None where it has none."""
    landmarks: NDArray[np.float32] | None = None
    """[n, 5, 2]: x, y of the right eye, left eye, nose tip, right and left corner of the mouth, the person's right and
    left; None where the detector has none."""

    pose: NDArray[np.float32] | None = None
    """[n, 3]: roll, yaw, pitch of the head in degrees, NaN where unknown; `mien.faces.head_pose` adds it."""

    @property
    def largest(self) -> int:
        """The index of the largest box."""
        return int((self.boxes[:, 2] * self.boxes[:, 3]).argmax())

    def crop(self, image: images.Pixels, index: int, spec: images.CropSpec) -> images.Pixels:
        """Return the crop of the face at `index`, square and of any size; level where its pose is known."""
        box = self.boxes[index].tolist()
        if self.pose is not None:
            return spec.cut_turned(image, box, float(np.nan_to_num(self.pose[index, 0])))
        return spec.cut(image, box, None if self.landmarks is None else self.landmarks[index])


class Detector(Protocol):
    """Anything that finds faces in an upright uint8 image, [h, w] or [h, w, 3] RGB. Safe to share between threads.

    A function will do, and `detect` accepts boxes alone, lists, and numbers of other types. A class that `--detector`
    shall know by name has an attribute `name`, is created without arguments, and is registered as an entry point of the
    group `mien.detectors`.

    Example:
        >>> class CentreFace:
        ...     name = "centre"
        ...
        ...     def __call__(self, image, /):
        ...         height, width = image.shape[:2]
        ...         return Detections(np.array([[width / 4, height / 4, width / 2, height / 2]], np.float32))
    """

    def __call__(self, image: images.Pixels, /) -> Detections: ...


def detect(detector: Detector, image: images.Pixels) -> Detections:
    """Return the faces that a detector finds, as float32 arrays.

    It may return Detections, a tuple of boxes, scores and landmarks, or boxes alone; arrays of any numbers (NumPy's, or
    of what converts to them), lists or tuples; None or nothing where there is no face.

    Raises:
        InputError: something else, a number that is not finite, a box without an area or outside the image, or a score
            outside 0..1; the message names the detector.

    Example:
        >>> detect(lambda image: [(10, 10, 50, 50)], np.zeros((100, 100), np.uint8)).boxes
        array([[10., 10., 50., 50.]], dtype=float32)
    """
    found: Any = detector(image)
    name, parts = f"detector {detector_name(detector)}", [found, None, None]
    if isinstance(found, Detections) or (isinstance(found, tuple) and len(found) in (2, 3) and not _is_boxes(found)):
        parts = [*found, None, None][:3]
    boxes = _floats(parts[0], f"{name}: boxes", -1, 4)
    n, (height, width) = len(boxes), image.shape[:2]
    scores = None if parts[1] is None else _floats(parts[1], f"{name}: scores", n)
    landmarks = None if parts[2] is None else _floats(parts[2], f"{name}: landmarks", n, 5, 2)
    seen = (boxes[:, 2:] > 0).all(axis=1) & (boxes[:, :2] + boxes[:, 2:] > 0).all(axis=1)
    seen &= (boxes[:, :2] < [width, height]).all(axis=1)
    if not seen.all():
        got = boxes[~seen][0].tolist()
        raise InputError(f"{name}: expected a box (x, y, width, height) in {width} x {height} pixels, got {got}")
    if scores is not None and n and not (scores.min() > -1e-3 and scores.max() < 1 + 1e-3):
        raise InputError(f"{name}: scores from {scores.min():g} to {scores.max():g}; expected 0..1")
    return Detections(boxes, scores if scores is None else scores.clip(0, 1), landmarks)


def _is_boxes(found: tuple[Any, ...]) -> bool:
    """Return whether a tuple holds boxes, rather than an array of them and one of scores."""
    try:
        return np.shape(found) == (len(found), 4)
    except ValueError:  # ragged
        return False


def _floats(values: Any, name: str, *shape: int) -> NDArray[np.float32]:
    """Return finite float32 numbers of a shape, in which -1 is any size; an array without a number is of any shape."""
    expected = f"{name}: expected finite numbers {['n' if size < 0 else size for size in shape]}"
    try:
        with np.errstate(over="ignore"):
            array = np.asarray([] if values is None else values, np.float32)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged, text, or a tensor that is on a GPU
        raise InputError(f"{expected}, got {type(values).__name__} ({str(error).splitlines()[0]})") from None
    if not array.size and shape[0] < 1:
        return np.zeros([max(size, 0) for size in shape], np.float32)
    if array.shape == shape[1:]:  # one face, without the list around it
        array = array[None]
    if array.ndim != len(shape) or any(want not in (-1, got) for want, got in zip(shape, array.shape, strict=True)):
        raise InputError(f"{expected}, got {list(array.shape)}")
    if not np.isfinite(array).all():
        raise InputError(f"{expected}, got {array[~np.isfinite(array)][0]}")
    return array


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


def suppress(boxes: NDArray[np.float32], overlap: float) -> list[int]:
    """Return which of the boxes [n, 4], best first, stay where of two that share more of their union the better does.

    Example:
        >>> suppress(np.array([[0, 0, 10, 10], [1, 0, 10, 10], [20, 0, 10, 10]], np.float32), 0.3)
        [0, 2]
    """
    areas, starts, ends = boxes[:, 2:].prod(axis=1), boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    kept, left = list[int](), np.arange(len(boxes))
    while len(left):
        best, left = left[0], left[1:]
        kept.append(int(best))
        sides = np.minimum(ends[best], ends[left]) - np.maximum(starts[best], starts[left])
        shared = sides.clip(0).prod(axis=1)
        left = left[shared <= overlap * (areas[best] + areas[left] - shared)]
    return kept


def clip_boxes(boxes: NDArray[np.float32], width: int, height: int) -> NDArray[np.float32]:
    """Return the boxes [n, 4] cut off at the edges of the image."""
    ends = np.minimum(boxes[:, :2] + boxes[:, 2:], np.array([width, height], np.float32))
    starts = np.maximum(boxes[:, :2], 0)
    return np.concatenate([starts, ends - starts], axis=1)
