"""What a server may do to a download: nothing but bring the file, or one line that says why it does not."""

import gzip
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mien.core import download as transfer
from mien.core.download import download
from mien.core.errors import InputError
from tests.https_server import serving

BODY = bytes(range(256)) * 40
DIGEST = hashlib.sha256(BODY).hexdigest()

Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    """Answers as the test wants it."""

    server: "Server"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        self.server.answer(self)

    def send(self, *headers: tuple[str, str], status: int = 200, body: bytes = BODY) -> None:
        self.send_response(status)
        for header in headers:
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class Server(ThreadingHTTPServer):
    """Has the answer, its address, and what it was asked."""

    answer: Answer
    address: str

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as server, serving(server, monkeypatch) as server.address:
        server.answer = lambda to: to.send(("Content-Length", str(len(BODY))))
        yield server


def fails(server: Server, folder: Path, match: str, *, sha256: str | None = DIGEST) -> None:
    """Download, and expect one line and no file."""
    with pytest.raises(InputError, match=match) as caught:
        download([f"{server.address}/file"], folder / "file", sha256=sha256)
    assert "\n" not in str(caught.value)
    assert not (folder / "file").exists()


@pytest.mark.parametrize("address", ["http://github.com/f", "ftp://github.com/f", "file:///etc/passwd", "github.com/f"])
def test_only_https_is_asked(tmp_path: Path, address: str) -> None:
    with pytest.raises(InputError, match="only https addresses are followed"):
        download([address], tmp_path / "file")
    with pytest.raises(InputError, match="only https"):
        download(["https://me:secret@github.com/f"], tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_a_certificate_that_nobody_vouches_for_is_refused(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    fails(server, tmp_path, "not reachable .*CERTIFICATE_VERIFY_FAILED")
    assert not server.asked


def redirect(server: Server, to: str) -> None:
    server.answer = lambda handler: (
        handler.send(("Location", to), ("Content-Length", "0"), status=302, body=b"")
        if handler.path == "/file"
        else handler.send(("Content-Length", str(len(BODY))))
    )


def test_a_redirect_is_followed_to_the_same_host_and_to_listed_ones(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    redirect(server, "/elsewhere")
    assert download([f"{server.address}/file"], tmp_path / "a", sha256=DIGEST).read_bytes() == BODY
    other = server.address.replace("127.0.0.1", "localhost")
    redirect(server, f"{other}/elsewhere")
    fails(server, tmp_path, "leads to localhost, which is not among the hosts of this file: github.com")
    monkeypatch.setattr(transfer, "HOSTS", ("localhost",))
    assert download([f"{server.address}/file"], tmp_path / "file", sha256=DIGEST).read_bytes() == BODY
    assert {name.lower() for name in server.asked[-1][1]} == {"host", "user-agent", "accept-encoding", "connection"}


@pytest.mark.parametrize(
    "to",
    ["http://127.0.0.1/f", "file:///etc/passwd", "ftp://github.com/f", "https://a:b@github.com/f", "//evil.example/f",
     "https://github.com.evil.example/f", "https://evilgithub.com/f"],
)  # fmt: skip
def test_a_redirect_to_elsewhere_is_not_followed(server: Server, tmp_path: Path, to: str) -> None:
    redirect(server, to)
    fails(server, tmp_path, r"leads to|the server answered 302")
    assert len(server.asked) == 1


def test_a_circle_of_redirects_ends(server: Server, tmp_path: Path) -> None:
    redirect(server, "/file")
    fails(server, tmp_path, "302")
    assert len(server.asked) < 20


@pytest.mark.parametrize("length", ["-5", "abc", "1e3", "9" * 30, "9" * 5000, "5000000000", "", "10, 20", "٣"])
def test_a_length_that_is_none_is_refused(server: Server, tmp_path: Path, length: str) -> None:
    server.answer = lambda to: to.send(("Content-Length", length.encode().decode("latin-1")))
    fails(server, tmp_path, "expected a number of bytes|are more than 4 GB|not reachable")


def test_two_lengths_are_refused(server: Server, tmp_path: Path) -> None:
    server.answer = lambda to: to.send(("Content-Length", "10"), ("Content-Length", str(len(BODY))))
    fails(server, tmp_path, "expected a number of bytes")


def test_fewer_bytes_than_said_are_asked_for_again_and_more_are_not_read(server: Server, tmp_path: Path) -> None:
    server.answer = lambda to: to.send(("Content-Length", str(len(BODY) + 10)))
    fails(server, tmp_path, "not reachable")
    assert len(server.asked) == transfer.TRIES
    server.answer = lambda to: to.send(("Content-Length", "10"))
    fails(server, tmp_path / "more", "SHA-256 .*thrown away")
    assert not list((tmp_path / "more").iterdir())


def test_without_a_length_and_in_chunks(server: Server, tmp_path: Path) -> None:
    server.answer = lambda to: to.send()
    assert download([f"{server.address}/file"], tmp_path / "a", sha256=DIGEST).read_bytes() == BODY

    def chunked(to: Handler) -> None:
        to.protocol_version = "HTTP/1.1"
        pieces = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (BODY[:100], BODY[100:]))
        to.send(("Transfer-Encoding", "chunked"), ("Content-Length", "3"), body=pieces + b"0\r\n\r\n")
        to.close_connection = True

    server.answer = chunked
    assert download([f"{server.address}/file"], tmp_path / "b", sha256=DIGEST).read_bytes() == BODY


def test_a_packed_response_and_a_web_page_are_no_file(server: Server, tmp_path: Path) -> None:
    packed = gzip.compress(BODY)
    server.answer = lambda to: to.send(("Content-Encoding", "gzip"), ("Content-Length", str(len(packed))), body=packed)
    fails(server, tmp_path, "packs its response .'gzip'., which was not asked for")
    server.answer = lambda to: to.send(("Content-Type", "text/html; charset=utf-8"), body=b"<html>sign in</html>")
    fails(server, tmp_path, "sent a web page instead of the file", sha256=None)
    assert not list(tmp_path.iterdir())


def test_more_than_any_file_has_ends(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "MOST", 5000)
    server.answer = lambda to: to.send()
    fails(server, tmp_path, "this is not the dataset")


def test_another_range_than_the_one_asked_for_is_thrown_away(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(BODY[:100])

    def wrong(to: Handler) -> None:
        if "Range" in to.headers:
            to.send(("Content-Range", f"bytes 50-{len(BODY)}/*"), status=206, body=BODY[50:])
        else:
            to.send(("Content-Length", str(len(BODY))))

    server.answer = wrong
    assert download([f"{server.address}/file"], tmp_path / "file", sha256=DIGEST).read_bytes() == BODY
    assert [asked[1].get("Range") for asked in server.asked] == ["bytes=100-", None]


@pytest.mark.parametrize("where", ["headers", "body", "one byte a connection"])
def test_a_server_that_drips_is_left(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(transfer, "WINDOW", 0.3)
    monkeypatch.setattr(transfer, "SLOWEST", 100)

    def drip(to: Handler) -> None:
        if where == "one byte a connection":
            at = int(to.headers.get("Range", "bytes=0-")[6:-1])
            left = ("Content-Length", str(len(BODY) - at))
            span = ("Content-Range", f"bytes {at}-{len(BODY) - 1}/{len(BODY)}")
            to.send(left, span, status=206 if at else 200, body=b"x")
            return
        to.wfile.write(b"HTTP/1.0 200 OK\r\n" + (b"\r\n" if where == "body" else b"X-Drip: "))
        while True:
            time.sleep(0.05)
            to.wfile.write(b"x")
            to.wfile.flush()

    server.answer = drip
    start = time.monotonic()
    fails(
        server, tmp_path, r"not reachable \(.*call again" if where[0] == "o" else "not reachable .less than 100 bytes"
    )
    assert time.monotonic() - start < 15
    assert len(server.asked) <= transfer.TRIES


@pytest.mark.parametrize("plant", [os.symlink, os.link])
def test_a_link_at_the_part_is_not_written_through(
    server: Server, tmp_path: Path, plant: Callable[[Path, Path], None]
) -> None:
    (tmp_path / "precious").write_bytes(b"mine")
    plant(tmp_path / "precious", tmp_path / "file.part")
    with pytest.raises(OSError, match="link"):
        download([f"{server.address}/file"], tmp_path / "file", sha256=DIGEST)
    assert (tmp_path / "precious").read_bytes() == b"mine"
