"""Which faces cannot be relied on, and why. They are flagged, never dropped."""

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.faces.detectors.detector import Detections

REASONS = ("small", "blurred", "dark", "profile", "cut off", "hidden")

# Where the bundled model lost about 7 points of its accuracy on portraits that were shrunk, blurred, darkened (LOG.md).
SMALLEST = 24  # pixels of the box's longer side
BLURRED = 0.05  # of `sharpness`; 19 of 20 sharp portraits have more than 0.16
DIM = 8.0  # standard deviation of the brightness, of 255; portraits have about 50
SIDE = 48  # pixels of a crop where sharpness is measured, so that it means the same for every network
# Where its accuracy on portraits as they are was below 0.5 (LOG.md).
PROFILE = 0.3  # of `nose_offset`; 19 of 20 portraits have less than 0.35
CUT_OFF = 0.05  # of `edge_distance`; 19 of 20 portraits have more than 0.07
HIDDEN = 0.82  # of the detector's score; below 0.86 are 16 % of the faces that are rotated by 15 degrees too
PLAIN = 0.15  # of `plain_share`; 598 portraits had less, nine of ten with one colour over eyes or mouth more


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


def plain_share(crops: images.Pixels) -> NDArray[np.float32]:
    """Return float32 [n] for crops [n, h, w] or [n, h, w, 3]: the share of the face's middle that has one brightness.

    At 48 x 48 pixels, of the middle 32 x 32: where the standard deviation in 5 x 5 pixels is below a twentieth of the
    crop's. White does not count: it may be too much light.
    """
    found = np.zeros(len(crops), np.float32)
    for index, crop in enumerate(crops):
        grey = images.resize(images.to_channels(crop, 1), SIDE).astype(np.float32)
        mean = cv2.blur(grey, (5, 5))
        plain = (cv2.blur(grey * grey, (5, 5)) - mean**2 < (grey.std() / 20) ** 2) & (mean < 250)
        found[index] = plain[8:40, 8:40].mean()
    return found


def nose_offset(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return float32 [n] for landmarks [n, 5, 2]: how far the nose is from the middle of eyes and mouth.

    Measured along the line of the eyes, in distances of the eyes: 0 from the front, above 0 where the nose points to
    the image's right.
    """
    eyes = landmarks[:, 1] - landmarks[:, 0]
    away = landmarks[:, 2] - landmarks[:, [0, 1, 3, 4]].mean(axis=1)
    return np.asarray((away * eyes).sum(axis=1) / np.maximum((eyes**2).sum(axis=1), 1e-6), np.float32)


def edge_distance(
    boxes: NDArray[np.float32], landmarks: NDArray[np.float32], width: int, height: int
) -> NDArray[np.float32]:
    """Return float32 [n]: the least distance of a landmark from the edge of the image, in longer sides of its box.

    Below 0 where a landmark is outside.
    """
    inside = np.minimum(landmarks, np.array([width, height], np.float32) - landmarks).min(axis=(1, 2))
    return np.asarray(inside / boxes[:, 2:].max(axis=1, initial=0), np.float32)


def reasons(found: Detections, crops: images.Pixels, width: int, height: int) -> NDArray[np.bool_]:
    """Return bool [n, 6]: which of `REASONS` hold for each face.

    `profile` and `cut off` need a detector with landmarks. Hidden is a face of which a part has one brightness, or of a
    low score that its size does not explain, as scores fall with it; and that has no other reason.

    Args:
        found: the faces of an image of that width and height.
        crops: uint8 [n, h, w] or [n, h, w, 3], as the network reads them.
    """
    n = len(found.boxes)
    sides = found.boxes[:, 2:].max(axis=1, initial=0)
    small = sides < SMALLEST
    blurred, dark = sharpness(crops) < BLURRED, rms_contrast(crops) < DIM
    profile = cut_off = np.zeros(n, bool)
    hidden = plain_share(crops) > PLAIN
    if found.landmarks is not None:
        profile = np.abs(nose_offset(found.landmarks)) > PROFILE
        cut_off = edge_distance(found.boxes, found.landmarks, width, height) < CUT_OFF
    if found.scores is not None:
        hidden |= (found.scores < HIDDEN) & (sides >= 2 * SMALLEST)
    hidden &= ~(small | blurred | dark | profile | cut_off)
    return np.stack([small, blurred, dark, profile, cut_off, hidden], axis=1)
