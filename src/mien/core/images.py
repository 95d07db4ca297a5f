"""From a file, bytes or an array to an upright uint8 image, and on to what a network reads.

The only preprocessing there is: the readers of training data and the recognition of photos both call it, so that a
network reads the same pixels in both. Images are uint8 arrays, [h, w] grey or [h, w, 3] RGB; boxes are (x, y, width,
height) in pixels of the upright image.
"""

import contextlib
import io
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import IO, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mien.core import arrays, deep, formats
from mien.core.decoding import BUDGET, check_size, flatten, from_file, from_pil
from mien.core.decoding import LoadedImage as LoadedImage
from mien.core.decoding import Pixels as Pixels
from mien.core.errors import InputError
from mien.core.limits import MAX_PIXELS as MAX_PIXELS
from mien.core.limits import Truncated as Truncated
from mien.core.paths import local_path

SUFFIXES = formats.SUFFIXES


def load(source: Any, *, bgr: bool = False, truncated: Truncated = "refuse", max_pixels: int = MAX_PIXELS) -> Pixels:
    """Return `source` as an upright uint8 image, [h, w] grey or [h, w, 3] RGB.

    What is transparent becomes white. Of an animation it is the first frame, of several pages the first. 16 bits, 32
    bits and floats are scaled by the bits in use. Colour profiles are not applied: RGB is read as sRGB.

    Args:
        source: a path, the bytes of an image file, an open binary file, a PIL image, or an array: NumPy, torch,
            any with `__array__`, or a list of rows; [h, w], [h, w, channels] or [channels, h, w] with 1, 3 or 4;
            numbers in 0..255, floats in 0..1, 0..255 or -1..1, or uint16. A file is read from where it is, and left
            there. EXIF orientation is applied to files and to a PIL image as it was opened (its `format` is not None).
            One that a method of Pillow returned may have been turned, and keeps the tag all the same: it is applied
            where the sides are still those that EXIF names (after `convert`, say); else not, which stderr says.
        bgr: the array's channels are in OpenCV's order, blue, green, red. Anything else is RGB.
        truncated: "accept" reads a file that was cut off as far as it goes; the rest is grey or black. One that lacks
            nothing but its end marker is always read.
        max_pixels: a larger JPEG (not progressive) or JPEG 2000 is decoded at a half, a quarter or an eighth of its
            size; others are refused.

    Raises:
        InputError: not an image, damaged, cut off, empty, or too large.

    Example:
        >>> load(np.zeros((2, 3, 4), np.uint8)).tolist()[0]
        [[255, 255, 255], [255, 255, 255], [255, 255, 255]]
    """
    with reading(source, bgr=bgr, truncated=truncated, max_pixels=max_pixels) as image:
        return image.pixels


@contextlib.contextmanager
def reading(
    source: Any, *, bgr: bool = False, truncated: Truncated = "refuse", max_pixels: int = MAX_PIXELS
) -> Iterator[LoadedImage]:
    """Yield what `load` would return, with its notes.

    Large images take turns: until the `with` block ends, other threads wait to decode theirs where all of them together
    would need too much memory.
    """
    array = None if isinstance(source, Image.Image) else arrays.as_array(source)
    if array is not None:
        pixels = _from_array(array, bgr=bgr)
        yield LoadedImage(pixels, (pixels.shape[1], pixels.shape[0]))
        return
    with contextlib.ExitStack() as stack:
        if isinstance(source, Image.Image):
            with _naming("the PIL image"):
                check_size(source, max_pixels)
                stack.enter_context(BUDGET.taking(source.width * source.height))
                image = from_pil(source, max_pixels=max_pixels)
        else:
            file, name = _open(source)
            with _naming(name), file:
                image = from_file(file, truncated, max_pixels, stack)
        yield image


def _open(source: Any) -> tuple[IO[bytes], str]:
    """Return a file at its start, and what it is called."""
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(source), "the bytes given"
    if hasattr(source, "read"):
        return _open_stream(source)
    if not isinstance(source, str | PathLike):
        raise InputError(f"expected a path, bytes, an open file, a PIL image or an array, got {type(source).__name__}")
    path = local_path(source)
    try:
        special = path.exists() and not path.is_file()  # opening a named pipe would wait for ever
        if not special:
            return path.open("rb"), str(path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:
        raise InputError(f"{str(path)!r}: not a path ({error})") from None
    raise InputError(f"{path}: {'a folder' if path.is_dir() else 'no regular file'}, not an image")


def _open_stream(source: Any) -> tuple[IO[bytes], str]:
    name = getattr(source, "name", None)
    name = name if isinstance(name, str) else "the open file"
    try:
        start = source.tell() if source.seekable() else None
        data = source.read()
        if not data and start:  # just written: what is meant is what was written
            source.seek(0)
            data = source.read()
        if start is not None:
            source.seek(start)
    except (AttributeError, OSError, ValueError) as error:  # closed, or open for writing only
        raise InputError(f"{name}: cannot be read ({error})") from None
    if not isinstance(data, bytes | bytearray):
        raise InputError(f"{name}: expected a file that is open in binary mode (open(path, 'rb'))")
    return io.BytesIO(data), name


@contextlib.contextmanager
def _naming(name: str) -> Iterator[None]:
    """Turn what Pillow raises into an InputError that names the image: its decoders raise errors of any type."""
    try:
        yield
    except UnidentifiedImageError:
        raise InputError(f"{name}: not an image that Pillow can read") from None
    except InputError as error:
        raise InputError(f"{name}: {error.problem}", remedy=error.remedy) from None
    except MemoryError:
        raise InputError(f"{name}: not enough memory to decode it") from None
    except Exception as error:
        of_python = isinstance(error, struct.error | IndexError | KeyError)  # says nothing of the image
        reason = "" if of_python else next(iter(str(error).splitlines()), "")
        raise InputError(f"{name}: damaged image ({reason or 'cut off or broken'})") from None


def _from_array(array: NDArray[Any], *, bgr: bool) -> Pixels:
    if array.dtype != np.uint8:
        array = deep.to_uint8(array, deep.array_span(array))
    if array.shape[2:] == (4,):
        return flatten(Image.fromarray(array[:, :, [2, 1, 0, 3]] if bgr else array))
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
        return self.cut_turned(image, box, float(np.degrees(np.arctan2(down, right))))

    def cut_turned(self, image: Pixels, box: Sequence[float], slope: float) -> Pixels:
        """Return the square around a box, turned by a slope in degrees.

        The box counts to a quarter of a pixel and the slope to a tenth of a degree. Detectors differ in the last bits
        from processor to processor, and in a browser: of numbers as they are some pixels would differ too, and a
        probability by up to 0.03.
        """
        x, y, width, height = (np.round(4 * np.array(box, float)) / 4).tolist()
        rounded = (x, y, max(width, 0.25), max(height, 0.25))
        return crop_box(image, rounded, margin=self.margin, slope=round(10 * slope) / 10)


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
    if side * side > _LARGEST:
        image, (x, y, width, height) = _shrink(image, (x, y, width, height), side)
        side = max(1, round(max(width, height) * (1 + 2 * margin)))
    if slope:
        if max(image.shape[:2]) >= 32767:  # OpenCV turns no larger ones
            image, left, top = _part(image, (x, y, width, height), side)
            x, y = x - left, y - top
        middle = (x + width / 2 - 0.5, y + height / 2 - 0.5)  # OpenCV counts from the middle of the first pixel
        turn = cv2.getRotationMatrix2D(middle, slope, 1.0)
        turn[:, 2] += np.array([side / 2 - 0.5 - middle[0], side / 2 - 0.5 - middle[1]])
        turned = cv2.warpAffine(image, turn, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(turned, dtype=np.uint8)
    left, top = round(x + width / 2 - side / 2), round(y + height / 2 - side / 2)
    rows = np.clip(np.arange(top, top + side), 0, image.shape[0] - 1)
    columns = np.clip(np.arange(left, left + side), 0, image.shape[1] - 1)
    return image[rows[:, None], columns[None, :]]


def _part(image: Pixels, box: Sequence[float], side: int) -> tuple[Pixels, int, int]:
    """Return the part of an image that a turned square around a box can hold, and its left and upper end."""
    middle = np.array([box[0] + box[2] / 2, box[1] + box[3] / 2])
    ends = np.clip(np.stack([middle - 0.75 * side - 2, middle + 0.75 * side + 2]), 0, [image.shape[1], image.shape[0]])
    (left, top), (right, bottom) = ends.astype(int).tolist()
    left, top = min(left, image.shape[1] - 1), min(top, image.shape[0] - 1)
    return image[top : max(bottom, top + 1), left : max(right, left + 1)], left, top


def _shrink(image: Pixels, box: tuple[float, ...], side: int) -> tuple[Pixels, list[float]]:
    """Return the part of an image around a box, and the box in it, both smaller where the square would be too large.

    The square of a long strip is nearly all repeated edge: it may have twice the pixels that are there.
    """
    part, left, top = _part(image, box, side)
    factor = (min(MAX_PIXELS, max(_LARGEST, 2 * part.shape[0] * part.shape[1])) / side**2) ** 0.5
    if factor >= 1:
        return image, list(box)
    size = tuple(max(1, round(length * factor)) for length in (part.shape[1], part.shape[0]))
    across, down = size[0] / part.shape[1], size[1] / part.shape[0]
    smaller = np.asarray(cv2.resize(part, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return smaller, [(box[0] - left) * across, (box[1] - top) * down, box[2] * across, box[3] * down]


_LARGEST = 4_000_000  # pixels of a square that any image may give


def scale(images: Pixels, mean: Sequence[float], std: Sequence[float]) -> NDArray[np.float32]:
    """Return uint8 [n, h, w] or [n, h, w, 3] as networks read it: float32 [n, channels, h, w], (x / 255 - mean) / std.

    Grey images are repeated where `mean` has three channels; colour images become grey where it has one.
    """
    if images.ndim == 4 and len(mean) == 1:
        images = np.stack([to_channels(image, 1) for image in images]) if len(images) else images[..., 0]
    planes = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    centre, spread = (np.asarray(numbers, np.float32).reshape(1, -1, 1, 1) for numbers in (mean, std))
    return np.ascontiguousarray((planes.astype(np.float32) / np.float32(255) - centre) / spread)
