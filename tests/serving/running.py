"""A server on loopback in a thread, small photos, and requests as clients of all kinds send them."""

import http.client
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from mien import Recognizer
from mien.core import images
from mien.faces.detectors import Detections
from mien.faces.detectors.full_image import FullImage
from mien.serving.app import Service
from mien.serving.server import Server, listen
from mien.serving.settings import ServeSettings

TOKEN = "a-token-of-the-tests"
BOUNDARY = "of-the-tests"


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def detail(self) -> str:
        """The sentence of a problem, of which all else is checked."""
        assert self.headers["content-type"] == "application/problem+json"
        facts = self.json
        assert facts.pop("error", facts["detail"]) == facts["detail"]  # of /analyze
        assert set(facts) == {"type", "title", "status", "detail"}
        assert facts["status"] == self.status
        assert "\n" not in facts["detail"]
        assert "Traceback" not in facts["detail"]
        assert "/tmp" not in facts["detail"]
        assert str(self.headers).count("nosniff") == 1
        return str(facts["detail"])


class RunningService:
    """A service that listens."""

    def __init__(self, service: Service, server: Server, port: int) -> None:
        self.service, self.server, self.port = service, server, port
        self.address = f"http://127.0.0.1:{port}"

    def connect(self, timeout: float = 20) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = {}, kind: str = ""
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {**headers, **({"Content-Type": kind} if kind else {})})
            answer = connection.getresponse()
            return Answer(answer.status, {n.lower(): value for n, value in answer.headers.items()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, headers=headers)

    def photo(self, data: bytes | None = None, /, **headers: str) -> Answer:
        return self.request("POST", "/v1/faces", grey(90) if data is None else data, headers, "image/png")

    def form(self, path: str, *parts: tuple[str, str | None, bytes]) -> Answer:
        return self.request("POST", path, form(*parts), kind=f"multipart/form-data; boundary={BOUNDARY}")

    def send_json(self, path: str, value: Any) -> Answer:
        return self.request("POST", path, json.dumps(value), kind="application/json")

    def metric(self, line: str) -> float:
        """Return the number of a line of /metrics."""
        found = [row for row in self.get("/metrics").body.decode().splitlines() if row.rpartition(" ")[0] == line]
        return float(found[0].rpartition(" ")[2]) if found else 0.0


@contextmanager
def running(recognizer: Recognizer, *, send_buffer: int = 0, **options: Any) -> Iterator[RunningService]:
    """Serve on a free port, with two threads, until the `with` block ends; `send_buffer` is the kernel's, in bytes."""
    settings = ServeSettings(**{"port": 0, "threads": 2, **options})
    listener = listen(settings.host, settings.port)
    if send_buffer:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    service = Service(settings, recognizer)
    server = Server(service)
    thread = threading.Thread(target=server.run, args=[[listener]])
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield RunningService(service, server, listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(30)
        service.close()
        listener.close()
    assert not thread.is_alive()


@contextmanager
def started(
    *arguments: object, limits: str = "true", **environment: str
) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run `mien serve` on a free port, after a command of the shell; yield the process and the port that it prints."""
    command = [sys.executable, "-m", "mien", "serve", "--port", "0", "--threads", "1", *map(str, arguments)]
    command = ["sh", "-c", f'{limits}; exec "$@"', "sh", *command] if os.name == "posix" else command
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment}) as running:
        assert running.stderr is not None
        try:
            line = running.stderr.readline()
            assert "documentation: /docs" in line, line
            yield running, int(line.partition("/ ")[0].rpartition(":")[2])
        finally:
            running.kill()


def served(port: int) -> RunningService:
    return RunningService(None, None, port)  # type: ignore[arg-type]


def wait_for(condition: Any, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.01)


def grey(level: int, size: int = 48) -> bytes:
    return png(np.full((size, size), level, np.uint8))


def png(pixels: images.Pixels) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def head(path: str, kind: str, body: bytes) -> bytes:
    """Return the header of a request with that body."""
    lines = f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Type: {kind}", f"Content-Length: {len(body)}"
    return "\r\n".join([*lines, "", ""]).encode()


def form(*parts: tuple[str, str | None, bytes]) -> bytes:
    """Return a form of fields (name, None, text) and files (name, file name, bytes)."""
    body = bytearray()
    for name, file, data in parts:
        more = f'; filename="{file}"' if file is not None else ""
        body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + data + b"\r\n"
    return bytes(body + f"--{BOUNDARY}--\r\n".encode())


class GatedDetector:
    """Uses the full image, once its gate is open."""

    name = "none"

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.inside = 0

    def __call__(self, image: images.Pixels, /) -> Detections:
        self.inside += 1
        assert self.gate.wait(30)
        return FullImage()(image)


def read_all(connection: socket.socket) -> bytes:
    """Return all that comes until the other side closes."""
    found = b""
    try:
        while data := connection.recv(65536):
            found += data
    except ConnectionResetError:
        pass
    return found
