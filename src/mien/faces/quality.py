"""Which faces are too small, too blurred or too dim to be relied on. They are flagged, never dropped."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core import images

# Where the bundled model lost about 7 points of its accuracy on portraits that were shrunk, blurred, darkened (LOG.md).
SMALLEST = 24  # pixels of the box's longer side
BLURRED = 0.05  # of `sharpness`; 19 of 20 sharp portraits have more than 0.16
DIM = 8.0  # standard deviation of the brightness, of 255; portraits have about 50
SIDE = 48  # pixels of a crop where sharpness is measured, so that it means the same for every network


def sharpness(crops: images.Pixels) -> NDArray[np.float32]:
    """Return float32 [n] for crops [n, h, w] or [n, h, w, 3]: the Laplacian's variance over the brightness's.

    Measured at 48 x 48 pixels. The quotient does not change with brightness and contrast; a crop of one colour has 0.
    """
    found = np.zeros(len(crops), np.float32)
    for index, crop in enumerate(crops):
        grey = images.resize(images.to_channels(crop, 1), SIDE)
        spread = float(grey.var())
        found[index] = cv2.Laplacian(grey, cv2.CV_32F).var() / spread if spread else 0.0
    return found


def rms_contrast(crops: images.Pixels) -> NDArray[np.float32]:
    """Return float32 [n] for crops [n, h, w] or [n, h, w, 3]: the standard deviation of the brightness, in 0..255."""
    return np.array([images.to_channels(crop, 1).std() for crop in crops], np.float32)


def low_quality(boxes: NDArray[np.float32], crops: images.Pixels) -> NDArray[np.bool_]:
    """Return bool [n]: whether the box [n, 4] is too small, or the crop that the network reads too blurred or dim."""
    small = boxes[:, 2:].max(axis=1, initial=0) < SMALLEST
    return np.asarray(small | (sharpness(crops) < BLURRED) | (rms_contrast(crops) < DIM))
