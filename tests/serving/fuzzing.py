"""Requests that no sensible client sends, the same ones for the same seed, and what every answer to one must be."""

import base64
import io
import json
import random
import re
import socket
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from tests.drawn_video import scene, write
from tests.serving.running import BOUNDARY, form

METHODS = ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "post", "P OST", "X" * 300, "")
PATHS = (
    *("/v1/faces", "/v1/video", "/analyze", "/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs", "/"),
    *(
        "/v1/faces/",
        "//v1/faces",
        "/v1/../v1/faces",
        "/%76%31/faces",
        "/v1/faces%00",
        "/%ff%fe",
        "/..%2f..%2fetc/hosts",
    ),
    *("/serve.css", "*", "http://evil.example/v1/faces", "/" + "a" * 5000, "/?a=b&&==;#", "", "/%u0041", "\\"),
    *(f"/v1/video?every={every}" for every in ("0.2s", "nan", "1e999s", "%00", "-1s")),
)
FORM = f"multipart/form-data; boundary={BOUNDARY}"
KINDS = (
    *("image/png", "image/jpeg", "application/octet-stream", "video/mp4", "application/json", "text/plain", "", "/"),
    *(
        FORM,
        FORM.title(),
        f"{FORM}; charset=utf-7",
        f'multipart/form-data;boundary="{BOUNDARY}"',
        "multipart/form-data",
    ),
    *("multipart/form-data; boundary=", 'multipart/form-data; boundary="a\\', "image/png;" * 500),
    "application/json; charset=utf-16",
)
HEADERS: dict[str, tuple[str, ...]] = {
    "Host": ("localhost", "evil.example", "", "[::1", "127.0.0.1:99999999", "localhost:x", "a@localhost", "\u00fc"),
    "Origin": ("http://localhost", "null", "http://[", "http://\u2100.example", "https://evil.example", "\x00"),
    "Authorization": ("Bearer", "Bearer x", "Basic eDp5", "bearer \u00ff", "Bearer " + "x" * 5000),
    "Expect": ("100-continue", "200-ok"),
    "Connection": ("close", "keep-alive", "upgrade", "\u00e9"),
    "Upgrade": ("websocket", "h2c"),
    "Content-Encoding": ("gzip", "br", "x"),
    "Accept-Encoding": ("gzip", "*;q=0"),
    "Range": ("bytes=0-0", "bytes=-1"),
    "X-Forwarded-For": ("127.0.0.1", "' OR 1=1"),
    "Cookie": ("a=b", "\x7f"),
    "Access-Control-Request-Method": ("POST",),
    "Content-Length": ("-1", "1e3", "99999999999999999999", "0x10", " 5", "0", "5, 5"),
    "Transfer-Encoding": ("chunked", "gzip, chunked", "identity", "CHUNKED"),
    "X\u00e9": ("y",),
    "X-Long": ("x" * 17_000,),
}
# what no answer may show: traces, addresses, and the folders that programs and users have on any machine
LEAKS = re.compile(rb'Traceback|File "|site-packages|/mien/|/tmp/|/usr/|/home/|/root/|\.py\b|0x[0-9a-f]{8}')
STATUSES = {100, 200, 204, 400, 401, 403, 404, 405, 408, 413, 415, 422, 429, 503}


def seeds() -> list[bytes]:
    """Return bodies that are as they should be."""
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)
    photos = []
    for kind in ("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "ICO", "JPEG2000", "PPM", "TGA"):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind)
        photos.append(file.getvalue())
    with TemporaryDirectory() as folder:
        videos = [write(Path(folder) / name, [scene(150)] * 3).read_bytes() for name in ("a.mp4", "a.mkv")]
    text = base64.b64encode(photos[0]).decode()
    url = f"data:image/png;base64,{text}"
    return [
        *photos,
        *videos,
        *(form(("file", "a.png", photo)) for photo in photos[:2]),
        form(("file", "a.mp4", videos[0])),
        form(("img", "a.png", photos[0]), ("actions", None, b'["emotion"]'), ("enforce_detection", None, b"False")),
        form(("img", None, url.encode()), ("detector_backend", None, b"skip")),
        json.dumps({"images": [text, {"file": "a.png", "data": text}]}).encode(),
        json.dumps({"img": url, "actions": ["emotion"], "detector_backend": "skip"}).encode(),
        b"",
    ]


class Fuzzer:
    """Makes requests; those of two with the same seed are the same."""

    def __init__(self, seed: int, bodies: list[bytes]) -> None:
        self.random, self.bodies = random.Random(seed), bodies

    def request(self) -> bytes:
        """Return the bytes of a request: mostly one that HTTP allows, with a body that goes with its type or not."""
        chance, body = self.random.random, self.body()
        method = "POST" if chance() < 0.75 else self.random.choice(METHODS)
        path = self._path(body) if chance() < 0.7 else self.random.choice(PATHS)
        lines = [
            f"{method} {path} HTTP/1.1" if chance() < 0.97 else f"{method} {path} {self.random.choice(['HTTP/9', 'x'])}"
        ]
        kind = self._kind(body) if chance() < 0.7 else self.random.choice(KINDS)
        fields = [("Host", "localhost"), ("Content-Type", kind)] if chance() < 0.95 else []
        chunked = chance() < 0.15
        fields.append(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", str(len(body))))
        while chance() < 0.3:
            name = self.random.choice(list(HEADERS))
            kept = [pair for pair in fields if pair[0] != name] if chance() < 0.7 else fields
            fields = [*kept, (name, self.random.choice(HEADERS[name]))]
        lines += [f"{name}: {value}" for name, value in fields]
        head = "\r\n".join(lines).encode("utf-8" if chance() < 0.5 else "latin-1", "replace") + b"\r\n\r\n"
        data = head + (self._chunks(body) if chunked else body)
        return self.mutated(data) if chance() < 0.1 else data

    def body(self) -> bytes:
        body = self.random.choice(self.bodies)
        return self.mutated(body) if self.random.random() < 0.6 else body

    def _kind(self, body: bytes) -> str:
        if body[:2] == b"--":
            return FORM
        return "application/json" if body[:1] == b"{" else "video/mp4" if _is_video(body) else "image/png"

    def _path(self, body: bytes) -> str:
        if _is_video(body) or b'"a.mp4"' in body[:200]:
            return "/v1/video"
        return "/analyze" if b'"img"' in body[:200] else "/v1/faces"

    def _chunks(self, body: bytes) -> bytes:
        size = self.random.choice([1, 7, 1000, 100_000])
        pieces = [body[at : at + size] for at in range(0, len(body), size)]
        return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"

    def mutated(self, data: bytes) -> bytes:
        """Return bytes with some changed, cut out, repeated, or put in."""
        pick: Callable[[int], int] = lambda most: self.random.randrange(most) if most > 0 else 0  # noqa: E731
        for _ in range(self.random.choice([1, 1, 2, 5, 20])):
            at = pick(len(data))
            match pick(6):
                case 0:
                    data = data[:at] + bytes([pick(256)]) + data[at + 1 :]
                case 1:
                    data = data[:at] + data[at + pick(1 + len(data) // 4) :]
                case 2:
                    data = data[:at]
                case 3:
                    data = data[:at] + data[at : at + 200] * pick(50) + data[at:]
                case 4:
                    data = (
                        data[:at]
                        + self.random.choice([b"\0", b"\xff" * 4, b"\r\n", b"\r\n\r\n", b"--", b'"', b"["]) * pick(99)
                        + data[at:]
                    )
                case 5:
                    other = self.random.choice(self.bodies)
                    data = data[:at] + other[pick(len(other)) :]
        return data[:400_000]


def _is_video(body: bytes) -> bool:
    return body[4:8] == b"ftyp" or body[:4] == b"\x1a\x45\xdf\xa3"


def exchange(port: int, request: bytes, *, timeout: float = 30) -> bytes:
    """Send a request on a connection of its own, end it there, and return all that comes back.

    Raises:
        TimeoutError: the service neither answers nor closes.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        found = b""
        try:
            connection.sendall(request)
            if not _whole(request):
                connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(65536):
                found += data
                if _answered(found) or (request.startswith(b"HEAD ") and b"\r\n\r\n" in found):
                    break
        except (ConnectionResetError, BrokenPipeError):
            pass
        return found


def _whole(request: bytes) -> bool:
    """Return whether the service can see where a request ends; else it must see that no more comes."""
    head, gap, body = request.partition(b"\r\n\r\n")
    length = re.findall(rb"(?im)^content-length: (\d{1,9})\r?$", head)
    return bool(gap) and b"chunked" not in head.lower() and len(length) == 1 and len(body) >= int(length[0])


def _answered(found: bytes) -> bool:
    head, gap, body = found.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n").partition(b"\r\n\r\n")
    length = re.findall(rb"(?im)^content-length: (\d+)\r?$", head)
    return body.endswith(b"0\r\n\r\n") if gap and not length else bool(gap) and len(body) >= int(length[0])


def problem_of(answers: bytes) -> str:
    """Return what is wrong with what came back; empty where nothing is, as where the connection was closed."""
    if found := LEAKS.search(answers):
        return f"gives {found[0]!r} away"
    for answer in re.split(rb"(?=HTTP/1\.1 \d{3} )", answers):
        head, _, body = answer.partition(b"\r\n\r\n")
        match = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
        if not match:
            if answer:
                return f"no answer of HTTP/1.1: {answer[:40]!r}"
        elif (status := int(match[1])) not in STATUSES:
            return f"status {status}"
        elif status >= 400 and (b"problem+json" not in head or (body and "detail" not in json.loads(body))):
            return f"status {status} without a sentence"
    return ""
