"""OpenCV's Haar cascade, which needs no download; it finds upright, frontal faces."""

import threading
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.faces.detectors.detector import Detections, clip_boxes, rescale, shared_areas


class Haar:
    """OpenCV's frontal-face cascade, larger faces first.

    Large images are searched at a smaller size and the boxes mapped back. Where nothing is found, closer searches are
    for one face that fills the image: the cascade wants surroundings, so the image's edge is repeated around it. They
    look for a frontal face, then for one in profile, then for one that is tilted.
    """

    name = "haar"
    FRONTAL, PROFILE = "haarcascade_frontalface_alt2.xml", "haarcascade_profileface.xml"
    LONGEST = 1000  # pixels of the longer side while searching
    NEIGHBOURS = 3  # how many windows must agree
    SMALLEST = 20  # the cascade's own window, in pixels
    STEP, MIN_FACE = 1.1, 0.03  # growth of the window; share of the shorter side
    CLOSE_STEP, CLOSE_FACE, SURROUNDINGS = 1.05, 0.63, 0.4  # the closer searches; the last two of the shorter side
    TILT = 20  # degrees

    def __init__(self) -> None:
        self._threads = threading.local()  # a CascadeClassifier keeps the image it searches: one for each thread

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return type(self), ()  # what threads hold is not pickled

    def __call__(self, image: images.Pixels, /) -> Detections:
        shrink = min(1.0, self.LONGEST / max(image.shape[:2]))
        grey = rescale(images.to_channels(image, 1), shrink)
        boxes = self.search(self.FRONTAL, grey, self.STEP, self.MIN_FACE * min(grey.shape))
        if not len(boxes):
            edge = round(self.SURROUNDINGS * min(grey.shape))
            wider = np.asarray(cv2.copyMakeBorder(grey, edge, edge, edge, edge, cv2.BORDER_REPLICATE), dtype=np.uint8)
            for search in (self.search_frontal, self.search_profile, self.search_tilted):
                boxes = search(wider, self.CLOSE_FACE * min(grey.shape))
                if len(boxes):
                    break
            boxes[:, :2] -= edge
        return Detections(merge(clip_boxes(boxes / np.float32(shrink), image.shape[1], image.shape[0])))

    def search_frontal(self, grey: images.Pixels, smallest: float) -> NDArray[np.float32]:
        return self.search(self.FRONTAL, grey, self.CLOSE_STEP, smallest)

    def search_profile(self, grey: images.Pixels, smallest: float) -> NDArray[np.float32]:
        mirrored = np.ascontiguousarray(grey[:, ::-1])  # the cascade knows faces that look to one side only
        one, other = (self.search(self.PROFILE, view, self.CLOSE_STEP, smallest) for view in (grey, mirrored))
        other[:, 0] = grey.shape[1] - other[:, 0] - other[:, 2]
        return np.concatenate([one, other])

    def search_tilted(self, grey: images.Pixels, smallest: float) -> NDArray[np.float32]:
        """Turn the image and keep each box's centre and size."""
        height, width = grey.shape
        found = []
        for angle in (self.TILT, -self.TILT):
            turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
            turned = np.asarray(cv2.warpAffine(grey, turn, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)
            boxes = self.search_frontal(turned, smallest)
            back = cv2.invertAffineTransform(turn)
            boxes[:, :2] = (boxes[:, :2] + boxes[:, 2:] / 2) @ back[:, :2].T + back[:, 2] - boxes[:, 2:] / 2
            found.append(boxes)
        return np.concatenate(found)

    def search(self, cascade: str, grey: images.Pixels, step: float, smallest: float) -> NDArray[np.float32]:
        """Return the boxes float32 [n, 4] of faces with at least `smallest` pixels; the window grows by `step`."""
        known = vars(self._threads)
        if cascade not in known:
            known[cascade] = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / cascade))
        side = max(self.SMALLEST, round(smallest))
        found = known[cascade].detectMultiScale(
            grey, scaleFactor=step, minNeighbors=self.NEIGHBOURS, minSize=(side, side)
        )
        return np.asarray(found, dtype=np.float32).reshape(-1, 4)


def merge(boxes: NDArray[np.float32], *, overlap: float = 0.5) -> NDArray[np.float32]:
    """Return the boxes [n, 4], larger ones first, without those of which a larger one covers more than `overlap`."""
    boxes = boxes[np.argsort(-boxes[:, 2] * boxes[:, 3], kind="stable")]
    covered = shared_areas(boxes, boxes) > overlap * boxes[:, 2:].prod(axis=1, keepdims=True)  # the row by the column
    kept: list[int] = []
    for index in range(len(boxes)):
        if not covered[index, kept].any():
            kept.append(index)
    return boxes[kept]
