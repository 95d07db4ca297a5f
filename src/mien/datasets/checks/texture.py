"""The grey levels of each image, by which blank images, drawings, text and placeholders are found."""

from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.images import Pixels, to_channels

BLANK = 6.0  # grey levels of deviation: below it an image is nearly of one grey level
BITS = 4.5  # of entropy of the grey levels: below it is a drawing, text or a placeholder, as a rule


def small_grey(images: Iterable[Pixels], side: int) -> Pixels:
    """Return images as grey ones of `side` x `side`: uint8 [n, side, side]."""
    grey = [to_channels(image, 1) for image in images]
    return np.stack([cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) for image in grey])


class Texture(NamedTuple):
    """Facts of each image."""

    deviation: NDArray[np.float32]
    """[n], standard deviation of its grey levels, 0..127.5."""
    bits: NDArray[np.float32]
    """[n], entropy of its grey levels, 0..8."""


def measure(images: Pixels) -> Texture:
    """Measure uint8 [n, h, w] or [n, h, w, 3]."""
    deviation, bits = np.zeros(len(images), np.float32), np.zeros(len(images), np.float32)
    for row in range(len(images)):
        grey = to_channels(images[row], 1)
        deviation[row] = grey.std()
        counts = np.bincount(grey.reshape(-1), minlength=256)
        shares = counts[counts > 0] / grey.size
        bits[row] = -(shares * np.log2(shares)).sum()
    return Texture(deviation, bits)
