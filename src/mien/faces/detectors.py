"""Where the faces are: a detector takes an upright picture and returns boxes.

`yunet` is the better one, and five times faster: `mien models download yunet` fetches it. `haar` ships inside OpenCV,
so that recognition works offline from the first minute; it finds upright, frontal faces. The figures that the settings
were chosen by are in LOG.md.
"""

import contextlib
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.core.errors import InputError
from mien.faces.download import downloaded, weights_folder


class Detections(NamedTuple):
    """The faces of one picture as a detector sees them."""

    boxes: NDArray[np.float32]
    """[n, 4]: x, y, width, height in pixels of the picture."""
    scores: NDArray[np.float32] | None = None
    """[n]: how sure the detector is, 0 to 1; None where it does not say."""
    landmarks: NDArray[np.float32] | None = None
    """[n, 5, 2]: x, y of the right eye, left eye, nose tip, right and left corner of the mouth, the person's right and
    left; None where the detector does not say."""

    @property
    def largest(self) -> int:
        """The place of the face with the largest box."""
        return int((self.boxes[:, 2] * self.boxes[:, 3]).argmax())


class Detector(Protocol):
    """Anything that finds faces in an upright uint8 picture, [h, w] or [h, w, 3] RGB; safe to share between threads."""

    def __call__(self, image: images.Pixels, /) -> Detections: ...


class YuNet:
    """YuNet (Wu, Peng, Yu 2023, doi:10.1007/s11633-023-1423-y) as OpenCV runs it, larger faces first.

    Large pictures are searched at a smaller size and the boxes mapped back. It knows faces of about 10 to 300 pixels:
    where nothing is found, a second look is at half the size, for one that fills the picture, or at small pictures
    twice as large.

    Args:
        path: face_detection_yunet_*.onnx of the OpenCV Zoo.

    Raises:
        InputError: there is no such file, or it is not a YuNet.
    """

    name = "yunet"
    LONGEST = 640  # pixels of the longer side while searching
    SCORE = 0.7  # from 0 to 1; below it false boxes begin
    OVERLAP = 0.3  # of two boxes that share more of their union, the surer one stays
    MOST = 5000  # boxes before that choice

    def __init__(self, path: Path) -> None:
        self.path = path
        self._threads = threading.local()  # a FaceDetectorYN keeps the size it searches: one for each thread
        if not path.is_file():
            raise InputError(f"{path}: no such detector file")
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # one line is ours
        try:
            self._search(np.zeros((64, 64, 3), np.uint8), 1.0)
        except cv2.error:
            raise InputError(f"{path}: not a YuNet that OpenCV {cv2.__version__} can open") from None
        finally:
            cv2.utils.logging.setLogLevel(level)

    def __call__(self, image: images.Pixels, /) -> Detections:
        height, width = image.shape[:2]
        shrink = min(1.0, self.LONGEST / max(height, width))
        found = self._search(image, shrink)
        if not len(found):
            small = max(height, width) <= self.LONGEST / 2
            found = self._search(image, shrink * 2 if small else shrink / 2)
        boxes = _within(found[:, :4], width, height)
        seen = np.asarray((boxes[:, 2:] > 0).all(axis=1))
        order = np.argsort(-boxes[:, 2] * boxes[:, 3], kind="stable")
        order = order[seen[order]]
        return Detections(boxes[order], found[order, 14], found[order, 4:14].reshape(-1, 5, 2))

    def _search(self, image: images.Pixels, shrink: float) -> NDArray[np.float32]:
        """Return float32 [n, 15], box, landmarks, score, in pixels of the picture, which is shrunk for the search."""
        height, width = image.shape[:2]
        size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
        smaller = image if shrink == 1 else np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        code = cv2.COLOR_GRAY2BGR if image.ndim == 2 else cv2.COLOR_RGB2BGR
        if not hasattr(self._threads, "net"):
            self._threads.net = cv2.FaceDetectorYN.create(str(self.path), "", size, self.SCORE, self.OVERLAP, self.MOST)
        self._threads.net.setInputSize(size)
        found = self._threads.net.detect(cv2.cvtColor(smaller, code))[1]
        if found is None:
            return np.zeros((0, 15), np.float32)
        found = found[(np.abs(found) < 10 * max(size)).all(axis=1)]  # a picture of a few pixels gives boxes without end
        return np.asarray(found * [*(width / size[0], height / size[1]) * 7, 1], dtype=np.float32)


class Haar:
    """OpenCV's frontal-face cascade, larger faces first.

    Large pictures are searched at a smaller size and the boxes mapped back. Where nothing is found, closer looks are
    for one face that fills the picture: the cascade wants surroundings, so the picture's edge is repeated around it;
    frontal first, then from either side, then tilted to either side.
    """

    name = "haar"
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


class FullImage:
    """Takes the whole picture as one face crop."""

    name = "none"

    def __call__(self, image: images.Pixels, /) -> Detections:
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


def _yunet() -> YuNet:
    path = downloaded("yunet")
    if path is None:
        raise InputError("the detector yunet is not here yet; get it with: mien models download yunet")
    return YuNet(path)


def _auto() -> Detector:
    if downloaded("yunet"):
        return _yunet()
    _hint()
    return Haar()


def _hint() -> None:
    """Say once per machine on stderr that there is a better detector."""
    told = weights_folder() / ".told-of-yunet"
    if told.exists():
        return
    print(
        "mien: faces are found by haar; yunet finds far more and is faster: mien models download yunet", file=sys.stderr
    )
    with contextlib.suppress(OSError):  # nowhere to remember it
        told.parent.mkdir(parents=True, exist_ok=True)
        told.touch()


DETECTORS: dict[str, Callable[[], Detector]] = {"auto": _auto, "yunet": _yunet, "haar": Haar, "none": FullImage}


def find(detector: str | Path | Detector) -> Detector:
    """Return the detector of that name, the YuNet of that .onnx file, or the one given.

    `auto` is yunet where it has been downloaded, else haar; then stderr says so, once per machine.

    Raises:
        InputError: no detector has that name, or its file cannot be used.
    """
    if not isinstance(detector, str | Path):
        return detector
    if Path(detector).suffix.lower() == ".onnx":
        return YuNet(Path(detector))
    if detector not in DETECTORS:
        raise InputError(f"no detector {str(detector)!r}; known: {', '.join(DETECTORS)}, or the .onnx file of a YuNet")
    return DETECTORS[str(detector)]()


def name(detector: Detector) -> str:
    """Return what a detector is called in tables and a model's facts: its `name`, or that of the function or class."""
    return str(getattr(detector, "name", "") or getattr(detector, "__name__", type(detector).__name__))


@dataclass(frozen=True)
class LargestFace:
    """Cuts the largest face out of a photo as `Recognizer` does: a `mien.datasets.dataset.FaceCropper`.

    Args:
        detector: what `find` takes, other than `auto`: its repr is the key of what is cached.
        crop: how it is cut.
    """

    detector: str
    crop: images.CropSpec

    def __post_init__(self) -> None:
        object.__setattr__(self, "_detect", find(self.detector))

    def __call__(self, image: images.Pixels, /) -> images.Pixels | None:
        """Return the crop, square and of any size; None where no face is found."""
        found: Detections = self._detect(image)  # type: ignore[attr-defined]
        if not len(found.boxes):
            return None
        points = None if found.landmarks is None else found.landmarks[found.largest]
        return self.crop.cut(image, found.boxes[found.largest].tolist(), points)
