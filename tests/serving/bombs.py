"""Small files that mean much work, and files that are not what they say."""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from PIL import Image

from tests.serving.fuzzing import FORM
from tests.serving.running import BOUNDARY, form


def png(width: int, height: int, rows: bytes) -> bytes:
    """Return a PNG file that says that it is so large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    size = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def bomb(width: int, height: int) -> bytes:
    """Return a PNG file of a few hundred bytes that says that it is so large."""
    return png(width, height, zlib.compress(bytes(100_000), 9))


def bombs() -> Iterator[tuple[str, str, bytes]]:
    """Yield type, path and body of what is small and means much work, or is no photo at all."""

    def photo(kind: str, width: int, height: int, mode: str = "RGB", **options: Any) -> bytes:
        file = io.BytesIO()
        Image.new(mode, (width, height)).save(file, kind, **options)
        return file.getvalue()

    black = photo("PNG", 5000, 5000)
    photos = [
        bomb(60_000, 60_000),
        png(5000, 5000, zlib.compress(bytes(1_000_000_000), 9)),
        black,
        photo("PNG", 25_000_000, 1, "L"),
        photo("PNG", 1, 25_000_000, "L"),
        photo("WEBP", 5000, 5000, lossless=True),
        photo("GIF", 5000, 5000, "P"),
        photo("TIFF", 5000, 5000, compression="tiff_adobe_deflate"),
        photo("JPEG2000", 5000, 5000, "L"),
        photo("JPEG", 5000, 5000, progressive=True),
        photo("JPEG", 30_000, 30_000, "L"),
        struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(black), 22) + black,
        b"PK\x03\x04" + bytes(1000),
        b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) run\n",
    ]
    progressive = photo("JPEG", 5000, 5000, progressive=True)
    scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    photos.append(progressive[:-2] + scan * 100_000 + progressive[-2:])
    for data in photos:
        yield "image/png", "/v1/faces", data
        yield FORM, "/v1/faces", form(*[("file", "photo.jpg", data)] * (16 if len(data) < 100_000 else 1))
        yield "video/mp4", "/v1/video", data
    for parts in ([("x", None, b"")] * 100_000, [("file", "a", b"")] * 100_000):
        for path in ("/v1/faces", "/v1/video", "/analyze"):
            yield FORM, path, form(*parts)
    for data in (b"\r\n" * 15_000_000, f"\r\n--{BOUNDARY[:-1]}".encode() * 2_000_000, b"\r" * 30_000_000):
        yield FORM, "/v1/faces", form(("file", "a", data))
    for text in (b"[" * 30_000_000, b'{"images":' + b"[" * 30_000_000, b'{"images": [' + b'"",' * 9_000_000 + b'""]}'):
        yield "application/json", "/v1/faces", text
        yield "application/json", "/analyze", text
    yield "application/json", "/v1/faces", b'{"images": ["' + b" " * 31_000_000 + b'"]}'
    yield FORM, "/v1/video", form(("file", "list.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n"))
