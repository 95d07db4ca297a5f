"""Image files that were cut off: which part of the image is there, and a file with that part which decodes.

Pillow's own switch for this (ImageFile.LOAD_TRUNCATED_IMAGES) is one for all threads, and does not say what is missing.
"""

import io
import re
import struct
import zlib
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL.ImageFile import ImageFile

from mien.core.formats import open_image

END = b"\xff\xd9"
LARGEST = 20_000_000  # pixels that are filled in: a few bytes may claim any size
_NOISE = bytes(range(1, 251)) * 8  # continues no image as it would have gone on; no marker of JPEG in it


class Rest(NamedTuple):
    """What is left of an image file."""

    data: bytes
    """A file that decodes, grey or black where the image is missing; empty where none can be made."""
    share: float
    """Of the image's rows, from 0 to 1; without `data`, of the file."""
    coarse: bool = False
    """The rows are there, but of a progressive JPEG the later scans are missing."""

    @property
    def complete(self) -> bool:
        return self.share == 1 and not self.coarse and bool(self.data)

    @property
    def reason(self) -> str:
        if self.coarse:
            return "cut off: all rows are there, but not all their detail"
        if not self.data:
            return "cut off or broken" + f": {int(100 * self.share)} % of the file are there" * (self.share < 1)
        return f"cut off: {int(100 * self.share)} % of the rows are there"


def recover(data: bytes, kind: str, prepare: Callable[[ImageFile], None]) -> Rest:
    """Return what is left of a file of Pillow's format `kind`; `prepare` is called before an image is decoded."""
    if kind in ("JPEG", "MPO"):
        return _recover_jpeg(data, prepare)
    found = _recover_png(data) if kind == "PNG" else _recover_raw(data) if kind in _RAW else None
    size = 8 + int.from_bytes(data[4:8], "little") if kind == "WEBP" else 0
    return found or Rest(b"", min(1.0, len(data) / size) if size else 1.0)


_RAW = ("BMP", "DIB", "PPM", "TGA", "SUN", "SGI", "TIFF")


def _decode(data: bytes, prepare: Callable[[ImageFile], None]) -> NDArray[np.uint8]:
    with open_image(io.BytesIO(data)) as image:
        prepare(image)
        image.load()
        return np.asarray(image)


def _same_rows(one: bytes, other: bytes, prepare: Callable[[ImageFile], None]) -> NDArray[np.bool_]:
    """Return bool [h], the rows that two files have in common: those that do not depend on what follows a cut."""
    first, second = _decode(one, prepare), _decode(other, prepare)
    return np.asarray((first == second).reshape(len(first), -1).all(axis=1))


def _recover_jpeg(data: bytes, prepare: Callable[[ImageFile], None]) -> Rest:
    body = data.rstrip(b"\0")
    body = (body.removesuffix(END) if len(body) > len(data) - 64 else body).rstrip(b"\xff")
    same = _same_rows(body + END, body + _NOISE + END, prepare)
    share = 1.0 if same.all() else float(same.argmin() / len(same))  # beyond the noise both are grey
    scans = _scans(body)
    return Rest(body + END, share, coarse=len(scans) > 1 and (share < 1 or not _complete(scans)))


class _Scan(NamedTuple):
    component: int
    first: int
    last: int
    low_bit: int


def _scans(data: bytes) -> list[list[_Scan]]:
    """Return the components and coefficients that each scan of a JPEG holds."""
    found, at = [], 2
    while (mark := re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]").search(data, at)) and mark.end() + 2 <= len(data):
        (length,) = struct.unpack_from(">H", data, mark.end())
        segment = data[mark.end() + 2 : mark.end() + length]
        at = mark.end() + length
        if mark[0] == b"\xff\xda" and segment and len(segment) >= 4 + 2 * segment[0]:
            first, last, bits = segment[1 + 2 * segment[0] : 4 + 2 * segment[0]]
            names = segment[1 : 1 + 2 * segment[0] : 2]
            found.append([_Scan(name, first, last, bits & 15) for name in names])
    return found


def _complete(scans: list[list[_Scan]]) -> bool:
    """Return whether the scans hold every coefficient of every component in full."""
    parts = [part for scan in scans for part in scan if part.low_bit == 0]
    done = {(part.component, index) for part in parts for index in range(part.first, part.last + 1)}
    names = {part.component for scan in scans for part in scan}
    return all((name, index) in done for name in names for index in range(64))


def _recover_png(data: bytes) -> Rest | None:
    chunks, at = [data[:8]], 8
    unpack, rows = zlib.decompressobj(), bytearray()
    with open_image(io.BytesIO(data)) as image:
        width, height = image.size
    header = data[16:29]
    stride = (width * header[8] * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[header[9]] + 7) // 8 + 1
    if header[12]:  # interlaced: its rows are spread over seven passes
        return None
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        if kind == b"IDAT":
            try:
                rows += unpack.decompress(body, max(0, stride * height - len(rows)) or 1)
            except zlib.error:
                return None  # damaged, not cut off
        elif len(body) == length and not rows and kind != b"IEND":
            chunks.append(data[at : at + 12 + length])
        at += 12 + length
    there = min(len(rows) // stride, height)
    if width * height > LARGEST and there < height:
        return Rest(b"", there / height)
    filled = bytes(rows[: there * stride]).ljust(stride * height, b"\0")
    packed = zlib.compress(filled, 1)
    for kind, body in ((b"IDAT", packed), (b"IEND", b"")):
        chunks.append(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))
    return Rest(b"".join(chunks), there / height)


def _recover_raw(data: bytes) -> Rest | None:
    with open_image(io.BytesIO(data)) as image:
        if image.width * image.height > LARGEST:
            return None
        missing = 8 * image.width * image.height + 4096
    black, white = data + bytes(missing), data + b"\xff" * missing
    try:
        return Rest(black, float(_same_rows(black, white, lambda _: None).mean()))
    except Exception:  # compressed: no bytes complete it
        return None
