"""Samples of more than 8 bits and floats: which numbers mean black and white, and the uint8 of it."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError

Span = tuple[float, float]
"""The numbers that become 0 and 255."""

SLACK = 0.05  # resampling overshoots: this share of the span outside it is clipped
BAND = 4_000_000  # samples that are converted at a time: they need 8 bytes each


def to_uint8(samples: NDArray[Any], span: Span) -> NDArray[np.uint8]:
    """Return the samples scaled from `span` to 0..255, rounded and clipped."""
    low, high = span
    found = np.empty(samples.shape, np.uint8)
    rows = max(1, BAND // max(1, samples[0].size))
    for start in range(0, len(samples), rows):
        band = samples[start : start + rows].astype(np.float64)
        band = np.rint((band - low) * (255.0 / (high - low)))
        found[start : start + rows] = np.clip(band, 0, 255)
    return found


def span_of_file(samples: NDArray[Any], *, declared: int | None = None) -> tuple[Span, str]:
    """Return the span of the samples of a file, and what to say where it does not follow from the format.

    Args:
        samples: uint16, int32 or float32.
        declared: the largest number that the file itself names.

    Raises:
        InputError: samples that are not numbers.
    """
    low, high = samples.min().item(), samples.max().item()
    if samples.dtype.kind == "f":
        if not np.isfinite([low, high]).all():
            raise InputError("pixels that are not numbers")
        return _float_span(low, high)
    if declared and low >= 0 and high <= declared:
        return (0, declared), ""
    if low < 0:
        return (low, high), f"values {low:,} to {high:,} scaled to 0..255"
    return integer_span(low, high, bits=8 * samples.dtype.itemsize if samples.dtype.kind == "u" else None)


def integer_span(low: int, high: int, *, bits: int | None) -> tuple[Span, str]:
    """Return the span of integers from 0: the bits that are in use, an even number; `bits` are those of a sample.

    An image of one colour tells nothing about it; it has the full range.
    """
    if low == high:
        return (0, 2 ** (bits or (16 if 255 < high < 65536 else max(8, high.bit_length()))) - 1), ""
    used = max(8, high.bit_length() + high.bit_length() % 2)
    expected = bits or (8 if used == 8 else 16)
    return (0, 2**used - 1), "" if used == expected else f"{used} of {bits or 32} bits are in use; scaled by them"


def _float_span(low: float, high: float) -> tuple[Span, str]:
    if low >= -SLACK and high <= 1 + SLACK:
        return (0, 1), ""
    if low >= -1 - SLACK and high <= 1 + SLACK:
        return (-1, 1), "values in -1..1 scaled to 0..255"
    for top in (255, 1023, 4095, 16383, 65535):
        if low >= -SLACK * top and high <= (1 + SLACK) * top and (high > top / 8 or low == high):
            return (0, top), "" if top in (255, 65535) else f"values in 0..{top} scaled to 0..255"
    return (min(low, 0), high if high > low else low + 1), f"values {low:g} to {high:g} scaled to 0..255"


def array_span(array: NDArray[Any]) -> Span:
    """Return the span of an array's numbers.

    Raises:
        InputError: it is ambiguous.
    """
    expected = "expected numbers in 0..255, or floats in 0..1 or -1..1"
    if array.dtype.kind not in "buif":
        raise InputError(f"{expected}, got {array.dtype}")
    low, high = array.min().item(), array.max().item()
    if array.dtype.kind == "b":
        return 0, 1
    if array.dtype.kind in "ui" and low >= 0 and high <= 65535:
        return (0, 255) if high <= 255 and array.dtype != np.uint16 else integer_span(low, high, bits=16)[0]
    if array.dtype.kind == "f":
        if low >= 0 and high <= 1 + 1e-3:
            return 0, 1
        if -1 - 1e-3 <= low <= -0.5 and high <= 1 + 1e-3:
            return -1, 1
        whole = low >= 0 and high <= 255 and bool((array == np.rint(array)).all())
        if whole or (low >= -SLACK * 255 and 32 <= high <= (1 + SLACK) * 255):
            return 0, 255
    raise InputError(f"{expected}, got {array.dtype} in {low}..{high}")


def low_bits(data: bytes) -> tuple[NDArray[np.uint8], str] | None:
    """Return an RGB image of 16 bits of which only the lower are in use; None where OpenCV cannot read the file."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if found is None or found.dtype != np.uint16 or found.shape[2:] != (3,):
        return None
    span, note = integer_span(found.min().item(), found.max().item(), bits=16)
    return to_uint8(found[:, :, ::-1], span), note
