"""Hostile clients: whatever they send, the service answers in a sentence, logs nothing, and serves the next one."""

import gc
import io
import logging
import os
import random
import signal
import socket
import struct
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mien import Recognizer
from tests.drawn_video import bright, scene, write
from tests.serving.fuzzing import FORM, Fuzzer, exchange, problem_of, seeds
from tests.serving.running import (
    GatedDetector,
    RunningService,
    form,
    grey,
    head,
    read_all,
    running,
    served,
    started,
    wait_for,
)

CHUNKED = b"POST /v1/faces HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
pytestmark = [pytest.mark.usefixtures("quiet"), pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def quiet(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fails where anything was logged but where the service listens, and how it ends."""
    capfd.readouterr()
    yield
    gc.collect()  # asyncio logs what nobody awaited when it is thrown away
    found = capfd.readouterr()
    lines = [line for line in found.err.splitlines() if "documentation: /docs" not in line and ": ending" not in line]
    assert (found.out, lines) == ("", [])
    assert [one.getMessage() for one in caplog.get_records("call") if one.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("path", [b"/health/live", b"/model.json", b"/nowhere"])
def test_a_body_that_is_no_http_while_the_answer_is_made(recognizer: Recognizer, path: bytes) -> None:
    with running(recognizer) as service, service.connect() as connection:
        chunked = b" HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(b"GET " + path + chunked + b"no number\r\n")
        assert read_all(connection)[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 200", b"HTTP/1.1 404")
        wait_for(lambda: service.service.guard.running == 0)
        assert service.get("/health/live").status == 200


def test_files_of_the_page_come_whole(recognizer: Recognizer) -> None:
    with running(recognizer) as service:
        whole = service.get("/app.js")
        for asked in ("bytes=0-0", "bytes=5-2", "bytes=0-1,3-4", "odd"):
            answer = service.get("/app.js", Range=asked)
            assert (answer.status, answer.body) == (200, whole.body)


@pytest.mark.parametrize("sent", [b"5\r\nhello\r\nno number\r\n", b"1\r\nx\r\n" * 3000])
def test_chunks_that_are_none_or_too_small_end_the_request(recognizer: Recognizer, sent: bytes) -> None:
    """The client keeps the connection open; the request that waits for its body ends all the same."""
    with running(recognizer, body_seconds=0.5, header_seconds=0.5) as service, service.connect() as connection:
        connection.sendall(CHUNKED + sent)
        found = read_all(connection)
        assert found.startswith(b"HTTP/1.1 400 ")
        assert found.count(b"HTTP/1.1 400") == 1
        wait_for(lambda: service.service.guard.running == 0)
        wait_for(lambda: not service.server.server_state.connections)
        assert service.photo(grey(90)).status == 200


def test_fuzzed_requests(recognizer: Recognizer) -> None:
    """Thousands more: benchmarks/abuse.py."""
    with running(recognizer, body_seconds=2, header_seconds=2) as service:
        fuzzer = Fuzzer(0, seeds())
        for number in range(400):
            request = fuzzer.request()
            assert not problem_of(exchange(service.port, request)), (number, request[:2000])
        assert service.photo(grey(90)).status == 200
        wait_for(lambda: service.service.guard.running == 0)


def test_head_with_a_broken_body_is_answered(service: RunningService) -> None:
    with service.connect() as connection:
        connection.sendall(CHUNKED.replace(b"POST", b"HEAD") + b"a picture\r\n")
        assert read_all(connection).startswith(b"HTTP/1.1 40")
    assert service.photo().status == 200


def test_text_of_another_charset_is_refused(service: RunningService) -> None:
    """Some of Python's codecs need seconds, others make text that UTF-8 cannot hold."""
    for path in ("/v1/faces", "/analyze"):
        for charset in ("punycode", "utf-7", "utf-16", "x"):
            body = form(("img", "+2AA-", grey(90)), ("actions", None, b"x" * 60_000))
            answer = service.request("POST", path, body, kind=f"{FORM}; charset={charset}")
            assert (answer.status, answer.detail) == (
                400,
                "the form cannot be read: its charset is not UTF-8; leave it out",
            )
    assert (
        service.request("POST", "/analyze", form(("img", "a", grey(90))), kind=f"{FORM}; charset=UTF-8").status == 200
    )


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("photo.jpg", data)
    return file.getvalue()


def test_bombs_are_refused_at_once(service: RunningService) -> None:
    parts = [("file", None, b"")] * 50_000
    for path, body, kind, status in (
        ("/v1/faces", form(("file", "a.jpg", zipped(bytes(30_000_000)))), FORM, 422),
        ("/v1/faces", form(*parts), FORM, 413),
        ("/v1/faces", form(*[("file", "a", b"")] * 50_000), FORM, 413),
        ("/v1/video", form(*parts), FORM, 400),
        ("/v1/faces", b"\r\n" * 4_000_000, FORM, 400),
        ("/v1/faces", form(("file", "a" * 30_000, b"")), FORM, 400),
        ("/v1/faces", b"[" * 10_000_000, "application/json", 400),
        ("/v1/faces", b'{"images":' + b"[" * 10_000_000, "application/json", 400),
        ("/v1/faces", b'{"images": ["' + b" " * 10_000_000 + b'"]}', "application/json", 422),
        ("/v1/faces", b'{"images": [' + b'"",' * 3_000_000 + b'""]}', "application/json", 413),
        ("/analyze", b'{"img": ' + b"9" * 10_000_000 + b"}", "application/json", 400),
        ("/v1/video", zipped(bytes(30_000_000)), "video/mp4", 422),
    ):
        answer = service.request("POST", path, body, kind=kind)
        assert answer.status == status, (path, body[:60], answer.body)
        assert answer.detail
    assert service.photo().status == 200


def test_a_silent_video_is_cut_off(model: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "a.mkv", [scene(150, left=n // 2) for n in range(75)]).read_bytes()
    with running(Recognizer(model, bright, threads=1), body_seconds=0.5) as service:
        for share, words in ((0.01, b"408"), (0.9, b'{"error": "the body of the request did not come in time"}')):
            with service.connect() as connection:
                connection.sendall(head("/v1/video", "video/mp4", data) + data[: round(share * len(data))])
                found = b""
                while words not in found and (more := connection.recv(65536)):
                    found += more
                assert words in found
        wait_for(lambda: service.service.guard.running == 0)


def test_who_leaves_midway_leaves_nothing(model: Path, tmp_path: Path) -> None:
    """Photos, forms and videos, cut off anywhere, by an end or a reset: no thread, no open file, no line in the log."""
    bodies = [
        ("/v1/faces", "image/png", grey(90)),
        ("/v1/faces", FORM, form(("file", "a.png", grey(90)))),
        ("/v1/video", "video/mp4", write(tmp_path / "a.mkv", [scene(150)] * 5).read_bytes()),
        ("/v1/video", FORM, form(("file", "a", (tmp_path / "a.mkv").read_bytes()))),
    ]
    pick = random.Random(0)
    with running(Recognizer(model, bright, threads=1), videos=4) as service:

        def leave(number: int) -> None:
            path, kind, body = bodies[number % len(bodies)]
            request = head(path, kind, body) + body
            with service.connect() as connection:
                connection.sendall(request[: pick.randrange(len(request)) if pick.random() < 0.7 else len(request)])
                time.sleep(pick.choice([0, 0, 0.01]))
                if pick.random() < 0.5:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        def rest() -> tuple[int, int]:
            wait_for(lambda: service.service.guard.running == 0 and not service.server.server_state.connections)
            wait_for(lambda: not [one for one in threading.enumerate() if one.name.startswith("video")])
            threads = [one for one in threading.enumerate() if not one.name.startswith("asyncio")]  # a pool of six
            files = Path("/proc/self/fd")
            return len(threads), len(list(files.iterdir())) if files.exists() else 0

        for number in range(8):
            leave(number)
        before = rest()
        for number in range(80):
            leave(number)
        assert rest() <= before
        assert service.photo().status == 200


def test_a_client_that_goes_while_its_photo_is_searched_is_not_logged(model: Path) -> None:
    gated = GatedDetector()
    with running(Recognizer(model, gated, threads=1)) as service:
        data = grey(90)
        with service.connect() as connection:
            connection.sendall(head("/v1/faces", "image/png", data) + data)
            wait_for(lambda: gated.inside == 1)
        wait_for(lambda: service.service.guard.running == 0)
        gated.gate.set()
        assert service.photo().status == 200


class Load:
    """Clients that send photos, one after the other, until they get no answer any more."""

    def __init__(self, port: int, number: int) -> None:
        self.statuses: list[int] = []
        self.broken = 0
        self.threads = [threading.Thread(target=self._send, args=[served(port)]) for _ in range(number)]
        for thread in self.threads:
            thread.start()

    def _send(self, service: RunningService) -> None:
        while True:
            try:
                self.statuses.append(service.photo().status)
            except ConnectionRefusedError:
                return
            except OSError:
                self.broken += 1
                return

    def join(self) -> None:
        for thread in self.threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in self.threads)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_a_signal_under_load_loses_no_request(model: Path) -> None:
    with started("--model", model, "--detector", "none") as (process, port):
        load = Load(port, 8)
        wait_for(lambda: len(load.statuses) > 50)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        load.join()
        assert process.stderr is not None
        assert set(process.stderr.read().splitlines()) <= {
            f"mien: ending once {number} request{'s' * (number > 1)} is answered, at most 10 s"
            for number in range(1, 9)
        }
    assert set(load.statuses) <= {200, 503}


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_a_killed_service_leaves_nothing_and_starts_again(model: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    video = write(tmp_path / "a.mkv", [scene(150)] * 50).read_bytes()
    with started("--model", model, "--detector", "none", TMPDIR=str(temporary)) as (process, port):
        load = Load(port, 8)
        with served(port).connect() as connection:
            connection.sendall(head("/v1/video", "video/mp4", video) + video[:-10])
            wait_for(lambda: len(load.statuses) > 50)
            process.kill()
            process.wait(60)
            load.join()
    assert not list(temporary.iterdir())
    assert set(load.statuses) == {200}
    with started("--model", model, "--detector", "none", "--port", port) as (process, again):
        assert again == port
        assert served(port).photo().status == 200
