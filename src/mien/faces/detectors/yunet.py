"""YuNet, the better detector: `mien models download yunet`."""

import threading
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.core.errors import InputError
from mien.faces.detectors.detector import Detections, clip_boxes, rescale
from mien.faces.download import downloaded


class YuNet:
    """YuNet (Wu, Peng, Yu 2023, doi:10.1007/s11633-023-1423-y) as OpenCV runs it, larger faces first.

    It knows faces of about 10 to 300 pixels. Large images are searched at a smaller size and the boxes mapped back.
    Where nothing is found, a second search is at half that size, for a face that fills the image; a small image is
    searched at twice its size instead.

    Args:
        path: face_detection_yunet_*.onnx of the OpenCV Zoo; None: the one that was downloaded.

    Raises:
        InputError: there is no such file, or it is not a YuNet.
    """

    name = "yunet"
    LONGEST = 640  # pixels of the longer side while searching
    SCORE = 0.7  # from 0 to 1; below it false boxes begin
    OVERLAP = 0.3  # of two boxes that share more of their union, the one with the higher score stays
    MOST = 5000  # boxes before that choice
    SMALLEST = 8  # pixels of the shorter side while searching; below, OpenCV now and then returns boxes of nothing

    def __init__(self, path: Path | None = None) -> None:
        found = path or downloaded("yunet")
        if found is None:
            raise InputError("the detector yunet is not downloaded yet; get it with: mien models download yunet")
        if not found.is_file():
            raise InputError(f"{found}: no such detector file")
        self.path = found
        self._threads = threading.local()  # a FaceDetectorYN keeps the size it searches: one for each thread
        level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # one line is ours
        try:
            self._search(np.zeros((64, 64, 3), np.uint8), 1.0)
        except cv2.error:
            raise InputError(f"{self.path}: not a YuNet that OpenCV {cv2.__version__} can open") from None
        finally:
            cv2.utils.logging.setLogLevel(level)

    def __reduce__(self) -> tuple[type, tuple[Path]]:
        return type(self), (self.path.resolve(),)  # what threads hold is not pickled

    def __call__(self, image: images.Pixels, /) -> Detections:
        height, width = image.shape[:2]
        shrink = min(1.0, self.LONGEST / max(height, width))
        found = self._search(image, shrink)
        if not len(found):
            small = max(height, width) <= self.LONGEST / 2
            found = self._search(image, shrink * 2 if small else shrink / 2)
        boxes = clip_boxes(found[:, :4], width, height)
        order = np.argsort(-boxes[:, 2] * boxes[:, 3], kind="stable")
        order = order[(boxes[order, 2:] > 0).all(axis=1)]
        return Detections(boxes[order], found[order, 14], found[order, 4:14].reshape(-1, 5, 2))

    def _search(self, image: images.Pixels, factor: float) -> NDArray[np.float32]:
        """Return float32 [n, 15], box, landmarks, score, in pixels of the image, whose sides are multiplied first."""
        searched = rescale(image, factor)
        height, width = searched.shape[:2]
        if min(height, width) < self.SMALLEST:
            return np.zeros((0, 15), np.float32)
        size, known = (width, height), vars(self._threads)
        if "net" not in known:
            known["net"] = cv2.FaceDetectorYN.create(str(self.path), "", size, self.SCORE, self.OVERLAP, self.MOST)
        known["net"].setInputSize(size)
        code = cv2.COLOR_GRAY2BGR if image.ndim == 2 else cv2.COLOR_RGB2BGR
        found = known["net"].detect(cv2.cvtColor(searched, code))[1]
        if found is None:
            return np.zeros((0, 15), np.float32)
        found = found[(np.abs(found) < 10 * max(size)).all(axis=1)]  # in tiny images OpenCV returns boxes of any size
        scale = [image.shape[1] / width, image.shape[0] / height] * 7
        return np.asarray(found * [*scale, 1], dtype=np.float32)
