"""From a file, bytes or an array to an upright uint8 image, and on to what a network reads.

The only preprocessing there is: the readers of training data and the recognition of photos both call it, so that a
network reads the same pixels in both. Images are uint8 arrays, [h, w] grey or [h, w, 3] RGB; boxes are (x, y, width,
height) in pixels of the upright image.
"""

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from mien.core.errors import InputError
from mien.core.paths import local_path

Pixels = NDArray[np.uint8]

MAX_PIXELS = 89_000_000  # Pillow's limit; a header that says more is a mistake or an attack, and would need gigabytes
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".pgm", ".ppm"})


def load(source: Any, *, bgr: bool = False) -> Pixels:
    """Return `source` as an upright uint8 image, [h, w] grey or [h, w, 3] RGB.

    Args:
        source: a path, the bytes of an image file, a PIL image, or an array: [h, w], [h, w, 1], [h, w, 3] or [h, w, 4],
            uint8 or floats in 0..1. What is transparent becomes white.
        bgr: the array's channels are in OpenCV's order, blue, green, red. Anything else is RGB.

    Raises:
        InputError: not an image, damaged, empty, or larger than `MAX_PIXELS`.

    Example:
        >>> load(np.zeros((2, 3, 4), np.uint8)).tolist()[0]
        [[255, 255, 255], [255, 255, 255], [255, 255, 255]]
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, bgr=bgr)
    if isinstance(source, Image.Image):
        with _naming("the PIL image"):
            return _from_pil(source)
    if isinstance(source, bytes | bytearray | memoryview):
        source, name = io.BytesIO(source), "the bytes given"
    elif isinstance(source, str | PathLike):
        source, name = _open(local_path(source)), str(local_path(source))
    else:
        raise InputError(f"expected a path, bytes, a PIL image or an array, got {type(source).__name__}")
    with source as file, _naming(name):
        if not file.read(1):
            raise InputError("empty")
        with Image.open(file) as image:
            return _from_pil(image)


def _open(path: Path) -> BinaryIO:
    try:
        special = path.exists() and not path.is_file()  # opening a named pipe would wait for ever
        if not special:
            return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise InputError(f"{str(path)!r}: not a path ({error})") from None
    raise InputError(f"{path}: {'a folder' if path.is_dir() else 'no regular file'}, not an image")


@contextlib.contextmanager
def _naming(name: str) -> Iterator[None]:
    """Turn what Pillow raises into an InputError that names the image: its decoders raise errors of any type."""
    try:
        yield
    except UnidentifiedImageError:
        raise InputError(f"{name}: not an image that Pillow can read") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(f"{name}: too large; at most {MAX_PIXELS:,} pixels are read") from None
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        raise InputError(f"{name}: damaged image ({reason})") from None


def _from_pil(image: Image.Image) -> Pixels:
    if not 0 < image.width * image.height <= MAX_PIXELS:
        raise InputError(f"{image.width} x {image.height} pixels; from 1 to {MAX_PIXELS:,} are read")
    image.load()  # the first frame of an animation
    with contextlib.suppress(Exception):  # a damaged EXIF block says nothing about the image
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":  # 16 bit and more: scale to the full range of 8
        deep = np.asarray(image, dtype=np.float64)
        if not np.isfinite(deep).all():
            raise InputError("pixels that are not numbers")
        brightest = deep.max()
        if image.mode.startswith("I;16") or brightest > 255:
            top = 65535.0
        else:
            top = 1.0 if image.mode == "F" and brightest <= 1 else 255.0
        return np.clip(np.rint(deep * (255.0 / top)), 0, 255).astype(np.uint8)
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        image = white
    return np.asarray(image.convert("L" if image.mode in ("L", "1") else "RGB"))


def _from_array(array: NDArray[Any], *, bgr: bool) -> Pixels:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or array.size == 0:
        raise InputError(f"expected an array [h, w], [h, w, 1], [h, w, 3] or [h, w, 4], got shape {list(array.shape)}")
    if array.dtype != np.uint8:
        if array.dtype.kind != "f" or not (array.min() >= 0 and array.max() <= 1):  # NaN is neither
            span = f" in {array.min()}..{array.max()}" if array.dtype.kind in "iuf" else ""
            raise InputError(f"expected uint8 in 0..255 or floats in 0..1, got {array.dtype}{span}")
        array = np.rint(array * 255).astype(np.uint8)
    if array.shape[2:] == (4,):
        return _from_pil(Image.fromarray(array[:, :, [2, 1, 0, 3]] if bgr else array))
    return np.ascontiguousarray(array[:, :, ::-1]) if bgr and array.ndim == 3 else array


def to_channels(image: Pixels, channels: int) -> Pixels:
    """Return the image with 1 channel ([h, w], ITU-R 601 luma) or 3 ([h, w, 3])."""
    if channels == 1 and image.ndim == 3:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    if channels == 3 and image.ndim == 2:
        return np.repeat(image[:, :, None], 3, axis=2)
    return image


def resize(image: Pixels, size: int) -> Pixels:
    """Return the image as `size` x `size`: area averages when it shrinks, bilinear when it grows."""
    if image.shape[:2] == (size, size):
        return image
    shrinks = image.shape[0] * image.shape[1] > size * size
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size, size), interpolation=method), dtype=np.uint8)


@dataclass(frozen=True)
class CropSpec:
    """How faces are cropped around a detector's boxes."""

    margin: float
    """Share of the box's longer side that is added on every side."""
    level: bool = False
    """Rotate the face until its eyes are level, where the detector gives landmarks."""

    def __post_init__(self) -> None:
        if not -0.5 < self.margin < 10:
            raise InputError(f"margin {self.margin}: expected more than -0.5, as a share of the box's side")

    def cut(self, image: Pixels, box: Sequence[float], points: NDArray[np.float32] | None = None) -> Pixels:
        """Return the square around a box of the image, of any size.

        Args:
            points: float32 [5, 2], x and y of the eye at the image's left first, then of the one at its right.

        Raises:
            InputError: the box is not finite, or has no area.
        """
        if not self.level or points is None:
            return crop_box(image, box, margin=self.margin)
        right, down = (points[1] - points[0]).tolist()
        return crop_box(image, box, margin=self.margin, slope=float(np.degrees(np.arctan2(down, right))))


def crop_box(image: Pixels, box: Sequence[float], *, margin: float = 0.0, slope: float = 0.0) -> Pixels:
    """Return the square around `box` (x, y, width, height), widened by `margin` of its longer side on every side.

    Outside the image its edge is repeated, so that a face at the border keeps its proportions.
    With a `slope`, in degrees clockwise, the square is rotated about the box's middle by it, then turned upright.

    Raises:
        InputError: the box is not finite, or has no area.
    """
    x, y, width, height = (float(value) for value in box)
    if not (np.isfinite([x, y, width, height]).all() and width > 0 and height > 0):
        raise InputError(f"expected a box (x, y, width, height) with an area, got {(x, y, width, height)}")
    side = max(1, round(max(width, height) * (1 + 2 * margin)))
    if slope:
        middle = (x + width / 2 - 0.5, y + height / 2 - 0.5)  # OpenCV counts from the middle of the first pixel
        turn = cv2.getRotationMatrix2D(middle, slope, 1.0)
        turn[:, 2] += np.array([side / 2 - 0.5 - middle[0], side / 2 - 0.5 - middle[1]])
        turned = cv2.warpAffine(image, turn, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(turned, dtype=np.uint8)
    left, top = round(x + width / 2 - side / 2), round(y + height / 2 - side / 2)
    rows = np.clip(np.arange(top, top + side), 0, image.shape[0] - 1)
    columns = np.clip(np.arange(left, left + side), 0, image.shape[1] - 1)
    return image[rows[:, None], columns[None, :]]


def scale(images: Pixels, mean: Sequence[float], std: Sequence[float]) -> NDArray[np.float32]:
    """Return uint8 [n, h, w] or [n, h, w, 3] as networks read it: float32 [n, channels, h, w], (x / 255 - mean) / std.

    Grey images are repeated where `mean` has three channels; colour images become grey where it has one.
    """
    if images.ndim == 4 and len(mean) == 1:
        images = np.stack([to_channels(image, 1) for image in images]) if len(images) else images[..., 0]
    planes = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    centre, spread = (np.asarray(numbers, np.float32).reshape(1, -1, 1, 1) for numbers in (mean, std))
    return np.ascontiguousarray((planes.astype(np.float32) / np.float32(255) - centre) / spread)
