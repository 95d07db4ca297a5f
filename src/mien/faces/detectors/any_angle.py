"""Faces at any angle: an image is searched upright and rotated."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.faces.detectors.detector import Detections, Detector, detect, detector_name, rescale, suppress

STEP = 45  # degrees; detectors find most faces that are rotated by half of it
LONGEST = 640  # pixels of the longer side of a rotated image
OVERLAP = 0.3  # of two boxes that share more of their union, the one with the higher score stays


class AnyAngle:
    """Finds faces rotated by any angle, upside-down ones too, by a detector of upright faces; larger faces first.

    The image is searched as it is, and seven times rotated, at 640 pixels; of a face that is found at several angles
    the one with the highest score stays. Boxes are upright squares around rotated faces; landmarks are those of the
    face, so that its roll says how it is rotated.
    """

    def __init__(self, detector: Detector) -> None:
        self.detector, self.name = detector, detector_name(detector)

    def __call__(self, image: images.Pixels, /) -> Detections:
        smaller = rescale(image, min(1.0, LONGEST / max(image.shape[:2])))
        rotated = [_search(self.detector, smaller, degrees) for degrees in range(STEP, 360, STEP)]
        scale = np.array(image.shape[1::-1], np.float32) / np.array(smaller.shape[1::-1], np.float32)
        found = [
            detect(self.detector, image),
            *(
                one._replace(
                    boxes=np.asarray(one.boxes * np.tile(scale, 2), np.float32),
                    landmarks=None if one.landmarks is None else np.asarray(one.landmarks * scale, np.float32),
                )
                for one in rotated
            ),
        ]
        boxes = np.concatenate([one.boxes for one in found])
        scores = _join([one.scores for one in found], len(boxes))
        landmarks = _join([one.landmarks for one in found], len(boxes))
        order = np.arange(len(boxes)) if scores is None else np.argsort(-scores, kind="stable")
        order = order[suppress(boxes[order], OVERLAP)]
        order = order[np.argsort(-boxes[order, 2:].prod(axis=1), kind="stable")]
        return Detections(
            boxes[order],
            None if scores is None else scores[order],
            None if landmarks is None else landmarks[order],
        )


def _search(detector: Detector, image: images.Pixels, degrees: int) -> Detections:
    """Return the faces of an image that are upright after it was rotated counter-clockwise, where they are in it."""
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2 - 0.5, height / 2 - 0.5), degrees, 1.0)
    sides = (np.abs(turn[:, :2]) @ np.array([width, height])).round().astype(int)
    turn[:, 2] += (sides - [width, height]) / 2
    view = cv2.warpAffine(image, turn, sides.tolist(), borderValue=(127, 127, 127))
    found = detect(detector, np.asarray(view, np.uint8))
    back = np.asarray(cv2.invertAffineTransform(turn), np.float32)
    middles = (found.boxes[:, :2] + found.boxes[:, 2:] / 2 - 0.5) @ back[:, :2].T + back[:, 2] + 0.5
    lengths = found.boxes[:, 2:][:, :: -1 if degrees % 180 == 90 else 1]
    if degrees % 90:
        lengths = np.repeat(lengths.max(axis=1, keepdims=True), 2, axis=1)
    boxes = np.concatenate([middles - lengths / 2, lengths], axis=1)
    inside = ((middles > 0) & (middles < [width, height])).all(axis=1)
    points = None if found.landmarks is None else found.landmarks @ back[:, :2].T + back[:, 2]
    return Detections(
        boxes[inside],
        None if found.scores is None else found.scores[inside],
        None if points is None else points[inside],
    )


def _join(parts: Sequence[NDArray[np.float32] | None], n: int) -> NDArray[np.float32] | None:
    """Return the numbers of all n faces; None where the detector does not give them."""
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if sum(map(len, known)) == n and known else None
