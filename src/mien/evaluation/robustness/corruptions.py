"""Corruptions of face crops in five strengths: pure functions of a batch, a strength and a random generator.

After Hendrycks and Dietterich 2019, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations",
and what happens to faces: they are small, tilted, covered. The contrasts and, but for the first, the deviations
of the noise are theirs; their other parameters are meant for images of 224 pixels that show more than a face. Every
parameter is relative to the image's side, or to a face of 48 pixels, so that networks of different input sizes meet
the same corruption; libraries such as imagecorruptions have parameters in pixels. The images are crops as FER2013 cuts
them: the heights of eyes and mouth were read from the mean of its validation faces.
"""

import io
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.core import images
from mien.core.errors import InputError
from mien.core.images import Pixels

STRENGTHS = (1, 2, 3, 4, 5)
SMALL = 48  # pixels of the face whose noise and compression are applied, whatever the crop's size

Apply = Callable[[Pixels, float, np.random.Generator], Pixels]


@dataclass(frozen=True)
class Corruption:
    """One way in which images get worse."""

    name: str
    summary: str
    """What is done, in words."""
    parameters: tuple[float, float, float, float, float]
    """The physical parameter at strength 1 to 5."""
    unit: str
    """How a parameter is written, as `{} pixels`."""
    apply: Apply
    """From uint8 [n, s, s] or [n, s, s, 3], a parameter and a generator to the same shape; leaves its input alone."""

    def describe(self, strength: int) -> str:
        """Return the parameter at a strength in words."""
        return self.unit.format(f"{self.parameters[strength - 1]:g}")


def corrupt(crops: Pixels, name: str, strength: int, rng: np.random.Generator) -> Pixels:
    """Return the crops corrupted: uint8 [n, s, s] or [n, s, s, 3], as given.

    Raises:
        InputError: no such corruption or strength, or the crops are not square uint8.
    """
    (chosen,) = choose([name])
    if strength not in STRENGTHS:
        raise InputError(f"strength {strength}: expected 1 to 5")
    if crops.dtype != np.uint8 or crops.ndim not in (3, 4) or crops.shape[1] != crops.shape[2]:
        raise InputError(f"expected uint8 [n, s, s] or [n, s, s, 3], got {crops.dtype} {list(crops.shape)}")
    return chosen.apply(crops, chosen.parameters[strength - 1], rng)


def choose(names: Sequence[str]) -> list[Corruption]:
    """Return the corruptions of these names, in the order of `CORRUPTIONS`. Raises InputError for an unknown one."""
    for name in names:
        if name not in CORRUPTIONS:
            raise InputError(f"unknown corruption {name!r}; known: {', '.join(CORRUPTIONS)}")
    return [found for name, found in CORRUPTIONS.items() if name in names]


def generator(seed: int, name: str) -> np.random.Generator:
    """Return the rng of one corruption: the same at every strength, and whichever others are asked for."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def size(crops: Pixels, parameter: float, rng: np.random.Generator) -> Pixels:
    """Shrink to `parameter` pixels across by area averages and enlarge again; what is no larger stays as it is."""
    side = crops.shape[1]
    if side <= parameter:
        return crops.copy()
    return _each(crops, lambda crop: images.resize(images.resize(crop, round(parameter)), side))


def blur(crops: Pixels, parameter: float, rng: np.random.Generator) -> Pixels:
    """Blur by a Gaussian whose standard deviation is `parameter` hundredths of the side."""
    sigma = parameter / 100 * crops.shape[1]
    if sigma <= 0:
        return crops.copy()
    return _each(crops, lambda crop: cv2.GaussianBlur(crop, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))


def motion(crops: Pixels, parameter: float, rng: np.random.Generator) -> Pixels:
    """Blur along a straight line `parameter` hundredths of the side long, each image in a direction of its own."""
    length = parameter / 100 * crops.shape[1]
    kernels = (_line(length, turn) for turn in rng.uniform(0, np.pi, len(crops)).tolist())
    return _each(crops, lambda crop: cv2.filter2D(crop, -1, next(kernels), borderType=cv2.BORDER_REPLICATE))


def _line(length: float, turn: float) -> NDArray[np.float32]:
    """Return the kernel of a line through its middle, `length` pixels long and turned by `turn` radians."""
    half = int(np.ceil(length / 2))
    steps = np.linspace(-0.5, 0.5, max(1, int(8 * length))) * max(0.0, length - 1)
    kernel = np.zeros((2 * half + 1, 2 * half + 1))
    x, y = half + steps * np.cos(turn), half + steps * np.sin(turn)
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    for right in (0, 1):  # each point is shared among the four pixels around it
        for down in (0, 1):
            share = (1 - np.abs(x - left - right)) * (1 - np.abs(y - top - down))
            inside = share > 0
            np.add.at(kernel, (top[inside] + down, left[inside] + right), share[inside])
    return np.asarray(kernel / kernel.sum(), dtype=np.float32)


def jpeg(crops: Pixels, parameter: float, rng: np.random.Generator) -> Pixels:
    """Add what JPEG at quality `parameter` makes wrong in the face at 48 pixels."""

    def compress(crop: Pixels) -> Pixels:
        file = io.BytesIO()
        Image.fromarray(crop).save(file, "JPEG", quality=round(parameter))
        return np.asarray(Image.open(file))

    return _change_at_48(crops, compress)


def noise(crops: Pixels, parameter: float, rng: np.random.Generator) -> Pixels:
    """Add Gaussian noise of `parameter` hundredths of the range to every value of the face at 48 pixels."""
    sigma = 255 * parameter / 100

    def add_noise(crop: Pixels) -> Pixels:
        return _to_uint8(crop + sigma * rng.standard_normal(crop.shape, dtype=np.float32))

    return _change_at_48(crops, add_noise)


def _change_at_48(crops: Pixels, corrupt_small: Callable[[Pixels], Pixels]) -> Pixels:
    """Add what `corrupt_small` changes at 48 pixels: coarser in a large crop, so that it weighs the same."""
    side = crops.shape[1]

    def add(crop: Pixels) -> Pixels:
        small = images.resize(crop, SMALL)
        change = corrupt_small(small).astype(np.float32) - small
        if side != SMALL:
            method = cv2.INTER_AREA if side < SMALL else cv2.INTER_NEAREST  # shrunk again, it is as it was
            change = np.asarray(cv2.resize(change, (side, side), interpolation=method), dtype=np.float32)
        return _to_uint8(crop + change)

    return _each(crops, add)


def light(crops: Pixels, parameter: float, rng: np.random.Generator) -> Pixels:
    """Multiply every value by `parameter`: below 1 under-, above 1 overexposed; beyond white there is nothing."""
    table = _to_uint8(np.arange(256) * parameter)
    return np.asarray(table[crops])


def contrast(crops: Pixels, parameter: float, rng: np.random.Generator) -> Pixels:
    """Move every value towards the mean of its image and channel; `parameter` is the share of the distance kept."""
    mean = crops.mean(axis=(1, 2), keepdims=True, dtype=np.float64)
    return _to_uint8((crops - mean) * parameter + mean)


def rotation(crops: Pixels, parameter: float, rng: np.random.Generator) -> Pixels:
    """Turn by `parameter` degrees about the middle, clockwise or not at random; the edge is repeated outwards."""
    side = crops.shape[1]
    middle = ((side - 1) / 2, (side - 1) / 2)
    signs = iter(np.where(rng.random(len(crops)) < 0.5, -1, 1).tolist())

    def turn(crop: Pixels) -> Pixels:
        matrix = cv2.getRotationMatrix2D(middle, next(signs) * parameter, 1.0)
        turned = cv2.warpAffine(crop, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(turned, dtype=np.uint8)

    return _each(crops, turn)


def bar(crops: Pixels, parameter: float, rng: np.random.Generator, *, middle: float) -> Pixels:
    """Cover a bar across the image, `parameter` hundredths of the side high, in the mean colour."""
    side, covered = crops.shape[1], crops.copy()
    top, bottom = (round(side * (middle + half * parameter / 200)) for half in (-1, 1))
    covered[:, max(0, top) : bottom] = _to_uint8(crops.mean(axis=(1, 2), keepdims=True))
    return covered


EYES, MOUTH = (partial(bar, middle=height) for height in (0.36, 0.79))  # from the top of a crop


def patch(crops: Pixels, parameter: float, rng: np.random.Generator) -> Pixels:
    """Cover a square, `parameter` hundredths of the side wide, somewhere in the image, in the mean colour."""
    side, covered = crops.shape[1], crops.copy()
    width = round(side * parameter / 100)
    corners = np.rint(rng.random((len(crops), 2)) * (side - width)).astype(int)
    colours = _to_uint8(crops.mean(axis=(1, 2)))
    for crop, (top, left), colour in zip(covered, corners.tolist(), colours, strict=True):
        crop[top : top + width, left : left + width] = colour
    return covered


def _each(crops: Pixels, change: Callable[[Pixels], Any]) -> Pixels:
    changed = np.empty_like(crops)
    for row, crop in enumerate(crops):
        changed[row] = change(crop)
    return changed


def _to_uint8(values: NDArray[np.floating]) -> Pixels:
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)


CORRUPTIONS = {
    found.name: found
    for found in (
        Corruption("size", "shrunk and enlarged again; pixels across", (40, 32, 24, 16, 12), "{} pixels", size),
        Corruption("blur", "out of focus: Gaussian, deviation relative to the side", (1, 2, 3, 4, 6), "{} %", blur),
        Corruption("motion", "moved along a line, length relative to the side", (6, 10, 15, 20, 30), "{} %", motion),
        Corruption("jpeg", "compressed as a face of 48 pixels", (70, 50, 30, 15, 8), "quality {}", jpeg),
        Corruption("noise", "Gaussian, deviation relative to the range", (4, 8, 12, 18, 26), "{} %", noise),
        Corruption("dark", "underexposed: every value multiplied", (0.7, 0.5, 0.3, 0.2, 0.1), "x {}", light),
        Corruption("bright", "overexposed: every value multiplied, cut at white", (1.3, 1.6, 2, 2.5, 3), "x {}", light),
        Corruption("contrast", "flat: distance to the mean multiplied", (0.4, 0.3, 0.2, 0.1, 0.05), "x {}", contrast),
        Corruption("rotation", "tilted, either way", (10, 20, 30, 40, 50), "{} degrees", rotation),
        Corruption("eyes", "a bar over the eyes, height relative to the side", (10, 15, 20, 30, 40), "{} %", EYES),
        Corruption("mouth", "a bar over the mouth, height relative to the side", (10, 15, 20, 30, 40), "{} %", MOUTH),
        Corruption("patch", "a square anywhere, width relative to the side", (20, 30, 40, 50, 60), "{} %", patch),
    )
}  # fmt: skip
"""By name, in the order in which they are reported."""
