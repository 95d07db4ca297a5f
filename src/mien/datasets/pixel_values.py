"""Images as numbers: which range their values have, and in which order those of three channels come.

Both are decided for a whole file, never for one image: a dark image of 0..255 looks like one of 0..1.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.core.images import Pixels

SMALLEST = 8  # the shortest side that a number of values is read as
CLEAR = 0.8  # how much smoother one order of the channels must be than the other


class ValueRange(NamedTuple):
    """The values that images may take; `pixels` maps them to 0..255."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:g}..{self.high:g}"

    def pixels(self, values: NDArray[Any]) -> Pixels:
        """Return values in the range as uint8 of the same shape."""
        if (self.low, self.high) == (0, 255) and values.dtype.kind != "f":
            return np.asarray(values, dtype=np.uint8)
        exact = values if values.dtype.itemsize >= 4 else values.astype(np.float32)
        return np.asarray(np.rint((exact - self.low) * (255 / (self.high - self.low))), dtype=np.uint8)


BYTES, UNIT, SIGNED = ValueRange(0, 255), ValueRange(0, 1), ValueRange(-1, 1)


def value_range(low: float, high: float, *, whole: bool) -> ValueRange:
    """Return the range of values that typically lie in low..high; `whole` numbers are 0..255."""
    if whole or not high <= 1:
        return BYTES
    return UNIT if low >= 0 else SIGNED if low >= -1 else BYTES


def shape_of(n: int) -> tuple[int, ...] | None:
    """Return the shape of a square image of `n` values: (side, side), (side, side, 3), or None.

    Example:
        >>> shape_of(2304), shape_of(6912), shape_of(2305)
        ((48, 48), (48, 48, 3), None)
    """
    for channels in (1, 3):
        side = round((n / channels) ** 0.5)
        if side >= SMALLEST and side * side * channels == n:
            return (side, side, 3)[: 3 if channels == 3 else 2]
    return None


def by_channel(values: NDArray[Any], side: int) -> bool | None:
    """Return whether flat colour images come channel after channel, not pixel after pixel; None where it is unclear.

    Neighbours in a column are `side` values apart in the one order and three times that in the other; faces are smooth.

    Args:
        values: [n, 3 * side * side].
        side: of the images.
    """
    values = values.astype(np.float32)
    near, far = (float(np.abs(values[:, lag:] - values[:, :-lag]).mean()) for lag in (side, 3 * side))
    return True if near < CLEAR * far else False if far < CLEAR * near else None
