"""The page of `mien live`: the picture, its faces and figures in a browser on this machine, from the standard library.

A camera is nobody else's business. The server listens on 127.0.0.1 alone; its address holds a random word, so that
other users of the machine do not find it; requests under another host's name, which is how a page from elsewhere would
read it (DNS rebinding), are refused; and its Content-Security-Policy lets it ask nothing from elsewhere.
"""

import base64
import json
import secrets
import threading
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.core.errors import InputError
from mien.live.camera import LatestValue

if TYPE_CHECKING:
    from mien.live.loop import AnnotatedFrame

HOST = "127.0.0.1"
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


class LiveServer:
    """Serves the newest shot, to any number of browsers; a slow one misses frames and holds nobody up.

    Args:
        port: where to listen; 0 is any free port.

    Raises:
        InputError: the port is taken, or not ours to take.
    """

    def __init__(self, port: int = 0) -> None:
        self.shots: LatestValue[AnnotatedFrame] = LatestValue()
        self.root = f"/{secrets.token_urlsafe(9)}/"
        try:
            self._server = ThreadingHTTPServer((HOST, port), partial(_Handler, self))
        except (OSError, OverflowError) as error:
            why = getattr(error, "strerror", None) or error
            raise InputError(f"port {port} of {HOST}: {why}; choose another --port, or none for a free one") from None
        self.port = self._server.server_address[1]
        self.address = f"http://{HOST}:{self.port}{self.root}"
        threading.Thread(target=self._server.serve_forever, args=[0.1], name="page", daemon=True).start()

    def show(self, shot: "AnnotatedFrame") -> bool:
        self.shots.put(shot)
        return True

    def close(self) -> None:
        self.shots.close()
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers one request, in a thread of its own."""

    timeout = 30  # seconds, for a client that sends or takes nothing
    server_version, sys_version = "mien", ""

    def __init__(self, page: LiveServer, *rest: Any) -> None:
        self.page = page
        super().__init__(*rest)

    def do_GET(self) -> None:
        host = self.headers.get("Host", "").lower().removesuffix(f":{self.page.port}")
        name = self.path.partition("?")[0].removeprefix(self.page.root)
        answers = {"stream": self.stream, "picture": self.picture, "events": self.events}
        try:
            if host not in (HOST, "localhost"):
                self.send_error(HTTPStatus.FORBIDDEN, "This page is for this machine alone")
            elif not self.path.startswith(self.page.root) or name not in FILES.keys() | answers.keys():
                self.send_error(HTTPStatus.NOT_FOUND)
            elif name in FILES:
                file, kind = FILES[name]
                self.start(kind)
                self.wfile.write(Path(__file__).with_name(file).read_bytes())
            else:
                answers[name]()
        except OSError:  # the browser has gone
            self.close_connection = True

    def start(self, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.end_headers()

    def end_headers(self) -> None:
        for name, value in HEADERS.items():  # of refusals too
            self.send_header(name, value)
        super().end_headers()

    def stream(self) -> None:
        """Send the annotated frames as motion JPEG, for browsers without scripts."""
        self.start("multipart/x-mixed-replace; boundary=frame")
        self.wfile.write(b"--frame\r\n")
        for shot in self.page.shots:
            # the boundary follows at once: browsers show a part only when they see its end
            self.wfile.write(b"Content-Type: image/jpeg\r\n\r\n" + shot.jpeg + b"\r\n--frame\r\n")

    def picture(self) -> None:
        """Send the newest annotated frame alone."""
        self.start("image/jpeg")
        for shot in self.page.shots:
            self.wfile.write(shot.jpeg)
            return

    def events(self) -> None:
        """Send what each line of --headless says, the rate and the annotated frame, as server-sent events."""
        self.start("text/event-stream")
        for shot in self.page.shots:
            more = {"rate": round(shot.rate, 1), "picture": base64.b64encode(shot.jpeg).decode()}
            self.wfile.write(f"data: {json.dumps(shot.to_dict() | more)}\n\n".encode())

    def log_message(self, *_: object) -> None:
        """Keep stderr for what the user should read."""
