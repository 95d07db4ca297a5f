"""Image files and PIL images to upright uint8 pixels, in bounded memory and time."""

import contextlib
import io
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    ExifTags,
    IcoImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
)

from mien.core import deep, formats
from mien.core.console import notice
from mien.core.errors import InputError
from mien.core.limits import MAX_PIXELS, MAX_SCANS, Truncated

Pixels = NDArray[np.uint8]

BAND = 2_000_000  # pixels that are converted at a time
PNG = b"\x89PNG\r\n\x1a\n"
_TURNS: dict[int, Any] = {  # EXIF orientation -> how the stored pixels become upright
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}


@dataclass(frozen=True)
class LoadedImage:
    """An image as `load` returns it, and what there is to say about it."""

    pixels: Pixels
    """uint8 [h, w] or [h, w, 3] RGB, upright."""
    size: tuple[int, int]
    """Width and height of the original, upright: more than those of `pixels` where it was decoded at a reduced size."""
    notes: tuple[str, ...] = ()
    """What was not read, or not as it is in the file: a line each."""

    @property
    def scale(self) -> tuple[float, float]:
        """How many pixels of the original one of `pixels` is wide and high."""
        return self.size[0] / self.pixels.shape[1], self.size[1] / self.pixels.shape[0]


class Budget:
    """How many pixels may be decoded at the same time, by all threads together; one image is always let through."""

    def __init__(self, pixels: int) -> None:
        self.pixels = pixels
        self._taken = 0
        self._change = threading.Condition()
        self._thread = threading.local()

    @contextlib.contextmanager
    def taking(self, pixels: int) -> Iterator[None]:
        """Wait until there is room for an image of that size, and hold it. A thread that holds some never waits."""
        if getattr(self._thread, "holds", False):
            yield
            return
        with self._change:
            self._change.wait_for(lambda: not self._taken or self._taken + pixels <= self.pixels)
            self._taken += pixels
        self._thread.holds = True
        try:
            yield
        finally:
            self._thread.holds = False
            with self._change:
                self._taken -= pixels
                self._change.notify_all()


BUDGET = Budget(MAX_PIXELS)


def check_size(image: Image.Image, most: int) -> None:
    if not 0 < image.width * image.height <= most:
        raise InputError(
            f"too large; at most {most:,} pixels are read, it has {image.width} x {image.height}",
            remedy=" (mien predict --max-pixels, or max_pixels, sets the limit)",
        )


def from_file(
    file: IO[bytes], accept: Truncated, max_pixels: int, stack: contextlib.ExitStack, *, whole: bool = False
) -> LoadedImage:
    """Decode a file that is at its start; `stack` holds the budget. `whole`: it is known not to be cut off."""
    if held := _held(file):
        check_size(held, max_pixels)
        stack.enter_context(BUDGET.taking(held.width * held.height))
    image = stack.enter_context(formats.open_image(file))
    size, kind = image.size, str(image.format)
    if kind in ("JPEG", "MPO"):
        _check_scans(file, size[0] * size[1])
    reduced = size[0] * size[1] > max_pixels
    _reduce(image, max_pixels)
    stack.enter_context(BUDGET.taking(image.width * image.height))
    try:
        loaded = from_pil(image, file=file, max_pixels=max_pixels)
        cut = kind in ("JPEG", "MPO") and not whole and _lacks_rows(file, loaded.pixels)
    except (OSError, SyntaxError):
        if whole:
            raise
        cut = True
    if cut:
        from mien.core import truncated as truncation

        file.seek(0)
        rest = truncation.recover(file.read(), kind, partial(_reduce, most=max_pixels))
        if not rest.complete and (accept == "refuse" or not rest.data):
            remedy = "; --truncated accept reads it" if rest.data else ""
            raise InputError(f"damaged image ({rest.reason})", remedy=remedy)
        loaded = from_file(io.BytesIO(rest.data), accept, max_pixels, stack, whole=True)
        return loaded if rest.complete else replace(loaded, notes=(rest.reason, *loaded.notes))
    notes = loaded.notes
    if (size[0] > size[1]) != (loaded.size[0] > loaded.size[1]):
        size = size[::-1]  # turned upright
    if reduced:
        notes = (*notes, f"{size[0]} x {size[1]} pixels, read at a reduced size: {loaded.size[0]} x {loaded.size[1]}")
    return LoadedImage(loaded.pixels, size, notes)


_ANIMATED = "an animation; its first frame is read"
_PAGES = {**dict.fromkeys(("GIF", "PNG", "WEBP", "AVIF"), _ANIMATED), "TIFF": "several pages; the first is read"}


def _held(file: IO[bytes]) -> Image.Image | None:
    """Return the image that an icon holds, not decoded: Pillow decodes it at once, and it may be larger than the icon
    says. None where the file is no icon."""
    icon = file.read(4) == b"\0\0\1\0"
    file.seek(0)
    if not icon:
        return None
    try:
        entries = IcoImagePlugin.IcoFile(file)
        file.seek(entries.entry[entries.getentryindex(entries.entry[0].dim)].offset)
        start = file.read(8)
        file.seek(-len(start), io.SEEK_CUR)
        return (PngImagePlugin.PngImageFile if start == PNG else BmpImagePlugin.DibImageFile)(file)
    except (OSError, SyntaxError, ValueError, IndexError, struct.error):
        return None  # which is said when it is opened
    finally:
        file.seek(0)


def _check_scans(file: IO[bytes], pixels: int) -> None:
    """Refuse a JPEG that goes over its image again and again: each scan takes the time that its pixels take."""
    file.seek(0)
    scans = sum(block.count(b"\xff\xda") for block in iter(lambda: file.read(1 << 20), b""))
    most = max(MAX_SCANS // 5, min(MAX_SCANS, 1_000_000_000 // pixels))
    if scans > most:
        raise InputError(f"{scans:,} scans; at most {most} are read")


def _lacks_rows(file: IO[bytes], pixels: Pixels) -> bool:
    """Return whether a JPEG that decoded may lack rows all the same: filled up with zeros, or given an end.

    The decoder fills in a grey where blocks are missing.
    """
    file.seek(-min(64, file.seek(0, io.SEEK_END)), io.SEEK_END)
    corners = (pixels[:8, :8], pixels[:8, -8:], pixels[-8:, :8], pixels[-8:, -8:])  # it may have been turned
    return not file.read().strip(b"\0") or any((corner == 128).all() for corner in corners)


def _reduce(image: ImageFile.ImageFile, most: int) -> None:
    """Have an image that is too large decoded at a half, a quarter or an eighth of its size, where its format can."""
    width, height = image.size
    if width * height <= most:
        return
    power = next((power for power in (1, 2, 3) if (-(-width >> power)) * (-(-height >> power)) <= most), 0)
    if power and isinstance(image, JpegImagePlugin.JpegImageFile) and not image.info.get("progressive"):
        image.draft(image.mode, (width >> power, height >> power))
    elif power and isinstance(image, Jpeg2KImagePlugin.Jpeg2KImageFile):
        image.reduce = power  # its size changes as it is decoded
        return
    check_size(image, most)


def from_pil(image: Image.Image, *, file: IO[bytes] | None = None, max_pixels: int = MAX_PIXELS) -> LoadedImage:
    """Decode an image; `file` is where it comes from."""
    stored = str(getattr(image, "tile", [])[:1])
    tags = getattr(image, "tag_v2", {})
    image.load()
    check_size(image, max_pixels)  # an icon may hold more than it says
    notes, orientation = list[str](), 1
    if file and getattr(image, "is_animated", False) and image.format in _PAGES:
        notes.append(_PAGES[image.format])
    with contextlib.suppress(Exception):  # a damaged EXIF block says nothing about the image
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        if image.format is None and orientation in _TURNS and not _as_stored(image):
            notice(f"{_METHOD}: EXIF orientation {orientation} is not applied; ImageOps.exif_transpose applies it")
            orientation = 1
    deep_samples = image.mode.startswith("I") or image.mode == "F"
    samples: NDArray[Any] = np.asarray(image) if deep_samples else flatten(image)
    if file:
        Image.Image.close(image)  # frees its memory, and leaves the file open
    if deep_samples:
        samples, note = _from_deep(samples, tags)
        notes.append(note)
    elif file and "'RGB;16" in stored and samples.max() < 64:  # Pillow keeps the upper 8 of 16 bits
        file.seek(0)
        samples, note = deep.low_bits(file.read()) or (samples, "")
        notes.append(note)
    if orientation in _TURNS:
        samples = np.ascontiguousarray(_TURNS[orientation](samples))
    return LoadedImage(samples, (samples.shape[1], samples.shape[0]), tuple(filter(None, notes)))


_METHOD = "a PIL image that a method returned, and that may have been turned"


def _as_stored(image: Image.Image) -> bool:
    """Return whether an image that a method of Pillow returned still lies as in its file.

    Every method keeps the EXIF block, rotate and transpose too. What they change is the ratio of the sides: after a
    quarter turn it is no longer the one that the block names.
    """
    exif = image.getexif()
    sides = exif.get_ifd(ExifTags.IFD.Exif)
    width, height = (sides.get(side, 0) for side in (ExifTags.Base.ExifImageWidth, ExifTags.Base.ExifImageHeight))
    quarter = exif.get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
    clear = min(width, height) > 0 and max(width, height) > 1.05 * min(width, height)
    return quarter and clear and abs(image.width * height / (image.height * width) - 1) < 0.02


def _from_deep(samples: NDArray[Any], tags: Mapping[int, Any]) -> tuple[Pixels, str]:
    """Return 8 bits of 16, 32 or of floats, and a note; `tags` are those of a TIFF file."""
    kind, bits = (tags.get(tag, (1,))[0] for tag in (TiffImagePlugin.SAMPLEFORMAT, TiffImagePlugin.BITSPERSAMPLE))
    if samples.dtype == np.int32 and tags and kind == 1:
        samples = samples.view(np.uint32) if samples.min() < 0 else samples
    largest = tags.get(281, 0)  # MaxSampleValue
    declared = largest[0] if isinstance(largest, tuple) else largest
    if kind == 2 and samples.max() >> (bits - 2):  # signed, and all its bits are in use
        declared = 2 ** (bits - 1) - 1
    elif not 255 < declared < 65535:
        declared = 2**bits - 1 if 8 < bits < 16 else None
    span, note = deep.span_of_file(samples, declared=declared)
    pixels = deep.to_uint8(samples, span)
    return (255 - pixels if tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0 else pixels), note


def flatten(image: Image.Image) -> Pixels:
    """Return 8 bits of an image, grey or RGB, on white; in bands, since each step needs as much memory again."""
    clear = "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info
    if image.mode in ("L", "RGB") and not clear:
        return np.asarray(image)
    rows = max(1, BAND // image.width)
    tops = range(0, image.height, rows)
    bands = (image.crop((0, top, image.width, min(top + rows, image.height))) for top in tops)
    parts = [np.asarray(_flat(band, clear)) for band in (bands if len(tops) > 1 else [image])]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _flat(image: Image.Image, clear: bool) -> Image.Image:
    if clear:
        white = Image.new("RGBA", image.size, "white")
        white.alpha_composite(image.convert("RGBA"))
        image = white
    if image.mode == "LAB":
        from PIL import ImageCms

        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        return ImageCms.applyTransform(image, ImageCms.buildTransform(lab, srgb, "LAB", "RGB")) or image
    return image.convert("L" if image.mode in ("L", "1") else "RGB")
