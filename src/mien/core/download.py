"""One downloader, for datasets and weights: it resumes, checks what came, and keeps a file whole or not at all.

It speaks https alone, goes only to hosts that are listed here, and trusts no header: not the length, not the range.
"""

import contextlib
import hashlib
import http.client
import shutil
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from mien.core.console import track
from mien.core.errors import InputError
from mien.core.files import open_known
from mien.core.paths import printable

HOSTS = ("github.com", "githubusercontent.com", "huggingface.co", "hf.co")  # they redirect to hosts below these
TIMEOUT = 30  # seconds without a byte
WINDOW, SLOWEST = 60.0, 1000  # seconds, and the bytes a second that must come in so long
TRIES = 4
PAUSE = 1.0  # seconds before the second try; doubled for each further one
PIECE = 1 << 18
MOST = 4 << 30  # bytes; no dataset here unpacks to more


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(urls: Sequence[str], path: Path, *, sha256: str | None = None) -> Path:
    """Download a file, unless it is there already, and return its path.

    NAME.part next to it holds what has arrived. It is continued at once where a connection breaks, or by the next
    call.

    Args:
        urls: where the file is, all https; tried in this order.
        path: what it becomes.
        sha256: of its content, where that is pinned: anything else is thrown away.

    Raises:
        InputError: nowhere reachable, other content than expected, or no room; says so of each address.
        OSError: it cannot be written.
    """
    if path.is_file() and sha256 in (None, file_sha256(path)):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    failures = []
    for url in urls:
        try:
            _transfer(url, part)
        except InputError as error:
            failures.append(str(error))
            continue
        if sha256 is None or (found := file_sha256(part)) == sha256:
            return part.replace(path)
        part.unlink()
        failures.append(f"{url}: SHA-256 {found}, expected {sha256}; thrown away")
    raise InputError("; ".join(failures))


def _transfer(url: str, part: Path) -> None:
    """Write what `url` has to `part`, after what is there already; give up after `TRIES` tries that bring little."""
    failures = 0
    while failures < TRIES:
        before = _size(part)
        try:
            return _append(url, part, before)
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"the server answered {error.code}"
            if error.code == 416:  # there is nothing after what we have: it is whole, or of another file
                if error.headers.get("Content-Range") == f"bytes */{before}":
                    return None
                part.unlink(missing_ok=True)
            elif error.code < 500 and error.code != 429:
                raise InputError(f"{url}: {reason} {_line(error.reason)}") from None
        except InputError:
            raise
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ValueError) as error:
            reason = _line(getattr(error, "reason", "") or error) or type(error).__name__
        failures = 0 if _size(part) >= before + PIECE else failures + 1
        if failures < TRIES:
            time.sleep(PAUSE * 2 ** max(0, failures - 1))
    advice = "call again to go on where it stopped" if _size(part) else "check the network, and call again"
    raise InputError(f"{url}: not reachable ({reason}); {advice}")


def _line(reason: object) -> str:
    """Return what a server or the system says, as one printable line of at most 200 characters."""
    return printable(" ".join(str(reason).split()))[:200]


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _append(url: str, part: Path, have: int) -> None:
    """Append what is missing of `part`, which has `have` bytes, in one request."""
    with _open(url, have) as (response, watch):
        resumed = response.status == 206
        begins = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        if resumed and not (have and begins):
            part.unlink(missing_ok=True)
            raise http.client.HTTPException("the server sent another range than the one asked for")
        expected = _length(url, response)
        check_room(part.parent, expected or 0)
        with open_known(part) as file:
            start = file.seek(have if resumed else 0)
            file.truncate()
            pieces = iter(lambda: response.read1(PIECE), b"")
            name = part.name.removesuffix(".part")
            for piece in track(watch.count(pieces), f"downloading {name}", max(1, -(-(expected or 0) // PIECE))):
                file.write(piece)
                if file.tell() > MOST:
                    raise InputError(f"{url}: more than {MOST >> 30} GB; this is not the dataset")
            watch.check()
            if expected is not None and (missing := start + expected - file.tell()) > 0:
                raise http.client.IncompleteRead(b"", missing)


def _length(url: str, response: Any) -> int | None:
    """Return how many bytes an response says it has, None where it does not say. InputError where it is no file."""
    headers = response.headers
    if (coding := headers.get("Content-Encoding", "identity").lower()) != "identity":
        raise InputError(f"{url}: the server packs its response ({coding!r}), which was not asked for")
    if headers.get_content_type() == "text/html":
        raise InputError(f"{url}: the server sent a web page instead of the file; is a sign-in or a proxy in between?")
    given = set(headers.get_all("Content-Length", ()))
    if response.chunked or not given:  # the pieces say their own lengths
        return None
    text = given.pop()
    if given or not (text.isascii() and text.isdigit()):
        raise InputError(f"{url}: the server sent the length {text[:40]!r}; expected a number of bytes")
    if len(text) > len(str(MOST)) or int(text) > MOST:
        raise InputError(f"{url}: {text[:40]} bytes are more than {MOST >> 30} GB; this is not the dataset")
    return int(text)


class _Watch:
    """Ends a connection that brings less than `SLOWEST` bytes a second over a `WINDOW`, headers included."""

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []
        self.bytes = 0
        self.slow = False
        self._over = threading.Event()

    def __enter__(self) -> "_Watch":
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _watch(self) -> None:
        before = 0
        while not self._over.wait(WINDOW):
            if self.bytes - before < SLOWEST * WINDOW:
                self.slow = True
                for one in self.sockets:
                    with contextlib.suppress(OSError):
                        socket.socket.shutdown(one, socket.SHUT_RDWR)  # a read that waits in the other thread ends
                return
            before = self.bytes

    def count(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the pieces and count their bytes."""
        for piece in pieces:
            self.bytes += len(piece)
            yield piece

    def check(self) -> None:
        """Raise TimeoutError where the connection was ended."""
        if self.slow:
            raise TimeoutError(f"less than {SLOWEST:,} bytes a second")


@contextlib.contextmanager
def _open(url: str, have: int) -> Iterator[tuple[Any, _Watch]]:
    """Ask for a file from byte `have` on, and yield the response and the watch over it."""
    headers = {"User-Agent": "mien"} | ({"Range": f"bytes={have}-"} if have else {})

    def request(address: str) -> urllib.request.Request:
        parts = urlsplit(address)
        host, allowed = parts.hostname or "", (urlsplit(url).hostname, *HOSTS)
        if parts.scheme != "https" or "@" in parts.netloc:
            raise InputError(f"{url}: leads to {_line(address)}; only https addresses are followed")
        if not any(host == known or host.endswith(f".{known}") for known in allowed):
            raise InputError(
                f"{url}: leads to {_line(host)}, which is not among the hosts of this file: {', '.join(HOSTS)}"
            )
        return urllib.request.Request(address, headers=headers)  # none of the earlier request's own headers

    class Redirects(urllib.request.HTTPRedirectHandler):
        def redirect_request(
            self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
        ) -> urllib.request.Request:
            return request(newurl)

    with _Watch() as watch:

        class Connection(http.client.HTTPSConnection):
            def connect(self) -> None:
                super().connect()
                watch.sockets.append(self.sock)

        class Https(urllib.request.HTTPSHandler):
            def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
                return self.do_open(Connection, req)

        opener = urllib.request.OpenerDirector()
        handlers = (
            urllib.request.ProxyHandler,
            urllib.request.HTTPDefaultErrorHandler,
            urllib.request.HTTPErrorProcessor,
            Redirects,
            Https,
        )
        for handler in handlers:
            opener.add_handler(handler())
        try:
            with opener.open(request(url), timeout=TIMEOUT) as response:
                yield response, watch
        except (OSError, http.client.HTTPException, ValueError):
            watch.check()  # it is the watch that ended the connection
            raise


def check_room(folder: Path, needed: int) -> None:
    """Raise InputError where fewer than `needed` bytes are free."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(f"{folder}: {needed / 1e6:,.1f} MB are needed, {free / 1e6:,.1f} MB are free")
