"""The page of `mien live`: the camera's frames and their faces in a browser on this machine, by the standard library.

A camera is private. The server listens on 127.0.0.1 alone. Its address holds a random word, so that other users of the
machine do not find it. Requests under other names and from pages of other sites are refused, as `mien serve` refuses
them. Clients are `MOST` at a time, and those that do not send a request in `PATIENCE` seconds are cut off, the oldest
first where others wait.
"""

import secrets
import socket
import sys
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mien.core.errors import InputError
from mien.faces.detectors import detector_name
from mien.live.camera import LatestValue
from mien.live.frame import LiveFrame
from mien.page.access import SECURITY, media_type, own_host, own_origin
from mien.page.facts import describe
from mien.page.files import page_files
from mien.recognition.recognizer import Recognizer

HOST = "127.0.0.1"
MOST = 16  # clients at a time; each is a thread and holds a frame
PATIENCE = 10.0  # seconds for a whole request
BUSY = b"HTTP/1.0 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class LiveServer(ThreadingHTTPServer):
    """Serves the page, and the newest of `frames` to `MOST` browsers; a slow one misses frames and delays nobody.

    Port 0 is any free one. Raises InputError where the port is in use or not permitted.
    """

    daemon_threads = False  # one that is inside OpenCV when Python ends would abort the process
    request_queue_size = 128  # of those that come at once; with Python's 5 the others come a second or more later

    def __init__(self, recognizer: Recognizer, port: int = 0) -> None:
        self.frames: LatestValue[LiveFrame] = LatestValue()
        self.connections: dict[Any, float | None] = {}
        """When each client came, in seconds of `time.monotonic`; None once its request is here."""
        session, name = recognizer.session, detector_name(recognizer.detector)
        self.files = {**page_files(session), **describe(session, live=True, detector=name)}
        self.root = f"/{secrets.token_urlsafe(9)}/"
        try:
            super().__init__((HOST, port), RequestHandler)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or error
            raise InputError(f"port {port} of {HOST}: {why}; choose another --port, or none for a free one") from None
        self.address = f"http://{HOST}:{self.server_port}{self.root}"
        threading.Thread(target=self.serve_forever, args=[0.1], name="live server", daemon=True).start()

    def close(self) -> None:
        self.frames.close()
        self.shutdown()
        for connection in tuple(self.connections):
            self._cut(connection)  # or a client that does not read would hold its thread
        self.server_close()  # waits for the threads

    def process_request(self, request: Any, client_address: Any) -> None:
        waiting = [client for client, came in tuple(self.connections.items()) if came is not None]
        if len(self.connections) >= MOST and not waiting:
            with suppress(OSError):
                request.settimeout(1)
                request.sendall(BUSY)
            super().shutdown_request(request)
            return
        if len(self.connections) >= MOST:
            self._cut(waiting[0])
        self.connections[request] = time.monotonic()
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Cut off who has not sent a request in time; the server calls it several times a second."""
        for client, came in tuple(self.connections.items()):
            if came is not None and time.monotonic() > came + PATIENCE:
                self._cut(client)

    def _cut(self, client: Any) -> None:
        """End a connection; its thread notices and ends too."""
        self.connections.pop(client, None)
        with suppress(OSError):  # closed in the meantime
            client.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        self.connections.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that has gone or was cut off."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class RequestHandler(BaseHTTPRequestHandler):
    """Answers one request, in a thread of its own."""

    server: LiveServer
    timeout = 30  # seconds, for a client that sends or reads nothing
    server_version, sys_version = "mien", ""

    def do_GET(self) -> None:
        if self.connection in self.server.connections:
            self.server.connections[self.connection] = None
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        path, root = self.path.partition("?")[0], self.server.root
        name = path[len(root) :] or "index.html"
        if not own_host(host) or (origin and not own_origin(origin, host)):
            self.send_error(HTTPStatus.FORBIDDEN, "This page is for this machine alone")
        elif not secrets.compare_digest(path[: len(root)].encode(), root.encode()):
            self.send_error(HTTPStatus.NOT_FOUND)
        elif name == "events":
            self.start("text/event-stream")
            for frame in self.server.frames:
                self.wfile.write(frame.event)
        elif content := self.server.files.get(name):
            self.start(media_type(name))
            self.wfile.write(content if isinstance(content, bytes) else content.read_bytes())
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def start(self, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.end_headers()

    def end_headers(self) -> None:
        for name, value in SECURITY.items():  # also of refusals
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Keep stderr for what the user should read."""
