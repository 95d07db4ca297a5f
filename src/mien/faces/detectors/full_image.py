"""No detector: the image is one face crop."""

import numpy as np

from mien.core import images
from mien.faces.detectors.detector import Detections


class FullImage:
    """Returns the full image as one box."""

    name = "none"

    def __call__(self, image: images.Pixels, /) -> Detections:
        height, width = image.shape[:2]
        return Detections(np.array([[0, 0, width, height]], dtype=np.float32))
