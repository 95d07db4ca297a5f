"""The page of `mien live`: frames, faces and figures in a browser on this machine, by the standard library alone.

A camera is private. The server listens on 127.0.0.1 alone. Its address holds a random word, so that other users of the
machine do not find it. Requests under another host's name are refused, as pages of other sites would send them (DNS
rebinding). The Content-Security-Policy forbids the page to load anything from other sites. Clients are `MOST` at a
time, and those that do not send a request in `PATIENCE` seconds are cut off, the oldest first where others wait.
"""

import base64
import json
import secrets
import socket
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mien.core.errors import InputError
from mien.live.camera import LatestValue
from mien.live.frame import AnnotatedFrame

HOST = "127.0.0.1"
MOST = 16  # clients at a time; each is a thread and holds a frame
PATIENCE = 10.0  # seconds for a whole request
BUSY = b"HTTP/1.0 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
FILES = {
    "": ("live.html", "text/html; charset=utf-8"),
    "live.css": ("live.css", "text/css; charset=utf-8"),
    "live.js": ("live.js", "text/javascript; charset=utf-8"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class LiveServer(ThreadingHTTPServer):
    """Serves the newest annotated frame to `MOST` browsers; a slow one misses frames and delays nobody.

    Port 0 is any free one. Raises InputError where the port is in use or not permitted.
    """

    daemon_threads = False  # one that is inside OpenCV when Python ends would abort the process

    def __init__(self, port: int = 0) -> None:
        self.frames: LatestValue[AnnotatedFrame] = LatestValue()
        self.connections: dict[Any, float | None] = {}
        """When each client came, in seconds of `time.monotonic`; None once its request is here."""
        self.root = f"/{secrets.token_urlsafe(9)}/"
        try:
            super().__init__((HOST, port), RequestHandler)
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or error
            raise InputError(f"port {port} of {HOST}: {why}; choose another --port, or none for a free one") from None
        self.address = f"http://{HOST}:{self.server_port}{self.root}"
        threading.Thread(target=self.serve_forever, args=[0.1], name="live server", daemon=True).start()

    def show(self, frame: AnnotatedFrame) -> bool:
        self.frames.put(frame)
        return True

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


class RequestHandler(BaseHTTPRequestHandler):
    """Answers one request, in a thread of its own."""

    server: LiveServer
    timeout = 30  # seconds, for a client that sends or reads nothing
    server_version, sys_version = "mien", ""

    def do_GET(self) -> None:
        if self.connection in self.server.connections:
            self.server.connections[self.connection] = None
        host = self.headers.get("Host", "").lower().removesuffix(f":{self.server.server_port}")
        name = self.path.partition("?")[0].removeprefix(self.server.root)
        streams = {"stream": self.stream, "image": self.image, "events": self.events}
        try:
            if host not in (HOST, "localhost"):
                self.send_error(HTTPStatus.FORBIDDEN, "This page is for this machine alone")
            elif not self.path.startswith(self.server.root) or name not in FILES.keys() | streams.keys():
                self.send_error(HTTPStatus.NOT_FOUND)
            elif name in FILES:
                file, kind = FILES[name]
                self.start(kind)
                self.wfile.write(Path(__file__).with_name(file).read_bytes())
            else:
                streams[name]()
        except OSError:  # the browser has disconnected
            self.close_connection = True

    def start(self, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.end_headers()

    def end_headers(self) -> None:
        for name, value in HEADERS.items():  # also of refusals
            self.send_header(name, value)
        super().end_headers()

    def stream(self) -> None:
        """Send the annotated frames as motion JPEG, for browsers without scripts."""
        self.start("multipart/x-mixed-replace; boundary=frame")
        self.wfile.write(b"--frame\r\n")
        for frame in self.server.frames:
            # the boundary follows at once: browsers show a part only when they see its end
            self.wfile.write(b"Content-Type: image/jpeg\r\n\r\n" + frame.jpeg + b"\r\n--frame\r\n")

    def image(self) -> None:
        """Send the newest annotated frame alone."""
        self.start("image/jpeg")
        for frame in self.server.frames:
            self.wfile.write(frame.jpeg)
            return

    def events(self) -> None:
        """Send what each line of --headless says, the rate and the annotated frame, as server-sent events."""
        self.start("text/event-stream")
        for frame in self.server.frames:
            more = {"rate": round(frame.rate, 1), "image": base64.b64encode(frame.jpeg).decode()}
            self.wfile.write(f"data: {json.dumps(frame.to_dict() | more)}\n\n".encode())

    def log_message(self, *_: object) -> None:
        """Keep stderr for what the user should read."""
