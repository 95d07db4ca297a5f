"""Every bound of the service: who is slow, too large, too many or gone is answered or cut off; others are served."""

import errno
import json
import socket
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import h11
import pytest

from mien import Recognizer
from mien.serving import protocol
from tests.drawn_video import bright, scene, write
from tests.serving.bombs import bomb
from tests.serving.running import (
    BOUNDARY,
    TOKEN,
    Answer,
    GatedDetector,
    RunningService,
    form,
    grey,
    read_all,
    running,
    wait_for,
)

POST = b"POST /v1/faces HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"


def parsed(text: bytes) -> Answer:
    head, _, body = text.partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in rest)
    return Answer(int(first.split()[1]), {name.lower(): value for name, value in headers.items()}, body)


def talk(service: RunningService, *pieces: bytes) -> bytes:
    """Send pieces; return all that comes until the other side closes, which it must do on its own."""
    with service.connect() as connection:
        for piece in pieces:
            connection.sendall(piece)
        return read_all(connection)


def drip(service: RunningService, begin: bytes, drop: bytes) -> bytes:
    """Send a beginning, and then a drop now and then, until the other side cuts the connection; return what came."""
    with service.connect() as connection:
        connection.sendall(begin)
        for _ in range(400):
            time.sleep(0.05)
            try:
                connection.sendall(drop)
            except OSError:
                return read_all(connection)
    raise AssertionError("it was not cut off")


@pytest.mark.parametrize("sent", [b"", POST])
def test_slow_headers_are_cut_off(recognizer: Recognizer, sent: bytes) -> None:
    with running(recognizer, header_seconds=0.3) as service:
        began = time.monotonic()
        found = talk(service, sent)
        assert time.monotonic() - began > 0.2
        if sent:
            answer = parsed(found)
            assert answer.status == 408
            assert answer.json["detail"] == "the header of the request was not there within 0.3 s"
            drip(service, sent, b"x")  # a byte now and then does not help
        else:
            assert found == b""
        assert service.photo().status == 200


def test_a_slow_header_after_an_answer_is_cut_off(recognizer: Recognizer) -> None:
    with running(recognizer, header_seconds=0.3) as service:
        found = talk(service, b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hea")
        assert found.count(b"HTTP/1.1 200 OK") == 1
        assert found.count(b"HTTP/1.1 408") == 1


def test_slow_bodies_are_answered_by_408(recognizer: Recognizer) -> None:
    with running(recognizer, body_seconds=0.2, header_seconds=0.3) as service:
        head = POST + b"Content-Length: 100000\r\n\r\n"
        answer = parsed(talk(service, head, b"x"))
        assert answer.status == 408
        assert answer.json["detail"] == "the body of the request did not come in time"
        drip(service, head, b"x")
        wait_for(lambda: service.service.guard.running == 0)


@pytest.mark.parametrize("path", ["/v1/faces", "/analyze"])
def test_large_bodies_are_refused_before_they_are_read(recognizer: Recognizer, path: str) -> None:
    with running(recognizer, max_body=1) as service:
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 1000001\r\n"
        with service.connect() as connection:
            connection.sendall(head.encode() + b"Expect: 100-continue\r\n\r\n")
            assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_large_bodies_of_unknown_length_are_refused_as_they_grow(recognizer: Recognizer) -> None:
    with running(recognizer, max_body=1) as service:
        answer = service.request("POST", "/v1/faces", iter([b"x" * 100_000] * 11), kind="image/png")
        assert answer.status == 413
        assert answer.detail == "the body is too large; at most 1 MB are read here"
        wait_for(lambda: service.service.guard._held == 0)


@pytest.mark.parametrize("more", ["", "Connection: close\r\n"])
def test_who_sends_all_before_reading_gets_the_refusal(recognizer: Recognizer, more: str) -> None:
    """Where the connection is to be closed after the answer too: closing at once would reset it."""
    with running(recognizer, max_body=1) as service, service.connect() as connection:
        body = b"x" * 5_000_000
        connection.sendall(POST + f"{more}Content-Length: {len(body)}\r\n\r\n".encode())
        for at in range(0, len(body), 500_000):
            connection.sendall(body[at : at + 500_000])
            time.sleep(0.02)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_refused_body_is_not_read_for_ever(recognizer: Recognizer) -> None:
    with running(recognizer, max_body=1, header_seconds=0.3) as service:
        found = drip(service, POST + b"Content-Length: 900000000\r\n\r\n", b"x" * 1000)
        assert found.startswith(b"HTTP/1.1 413 ") or found == b""  # a reset may lose it


def test_a_bomb_is_refused_by_its_header(service: RunningService) -> None:
    answer = service.photo(bomb(60_000, 60_000))
    assert answer.status == 422
    assert answer.detail.startswith("image: too large; at most 89,000,000 pixels are read, it has 60000 x 60000")
    assert service.metric("mien_images_total") == 0


def test_too_many_files_and_fields(recognizer: Recognizer) -> None:
    with running(recognizer, max_files=2) as service:
        photo = ("file", "a.png", grey(90))
        assert service.form("/v1/faces", photo, photo).status == 200
        answer = service.form("/v1/faces", photo, photo, photo)
        assert answer.status == 413
        assert answer.detail == "the form cannot be read: Too many files. Maximum number of files is 2"
        assert service.form("/v1/faces", *([("x", None, b"")] * 17), photo).status == 413
        assert service.form("/v1/faces", ("x", None, b"x" * 70_000), photo).status == 413
        answer = service.send_json("/v1/faces", {"images": [""] * 3})
        assert answer.status == 413
        assert answer.detail == "3 photos in one request; at most 2 are read"


class Clients:
    """Requests that run in threads, and their answers."""

    def __init__(self, service: RunningService, number: int, **headers: str) -> None:
        self.answers: list[Answer] = []
        self.threads = [
            threading.Thread(target=lambda: self.answers.append(service.photo(**headers))) for _ in range(number)
        ]
        for thread in self.threads:
            thread.start()

    def join(self) -> list[int]:
        for thread in self.threads:
            thread.join(30)
        return [answer.status for answer in self.answers]


def test_a_full_queue_is_answered_by_503(model: Path) -> None:
    gated = GatedDetector()
    with running(Recognizer(model, gated, threads=1), threads=1, queue=2, max_files=2) as service:
        clients = [Clients(service, 1)]
        wait_for(lambda: gated.inside == 1)
        clients.append(Clients(service, 2))
        wait_for(lambda: service.metric("mien_queue_images") == 2)
        answer = service.photo()
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.detail == "2 photos wait, and at most 2 may; try again in a second"
        assert service.get("/health/live").status == 200  # the loop is free
        assert service.metric('mien_requests_total{route="/v1/faces",status="503"}') == 1
        gated.gate.set()
        assert [one.join() for one in clients] == [[200], [200, 200]]
        assert service.photo().status == 200


def test_requests_are_queued_whole_or_not_at_all(model: Path) -> None:
    gated = GatedDetector()
    with running(Recognizer(model, gated, threads=1), threads=1, queue=2, max_files=2) as service:
        clients = [Clients(service, 1)]
        wait_for(lambda: gated.inside == 1)
        clients.append(Clients(service, 1))
        wait_for(lambda: service.metric("mien_queue_images") == 1)
        photo = ("file", "a.png", grey(90))
        assert service.form("/v1/faces", photo, photo).status == 503
        assert service.metric("mien_queue_images") == 1
        gated.gate.set()
        assert [one.join() for one in clients] == [[200], [200]]


def test_photos_of_running_requests_are_bounded_together(model: Path) -> None:
    gated = GatedDetector()
    with running(Recognizer(model, gated, threads=1), max_body=1, max_held=1) as service:
        large = form(("file", "a.png", grey(90) + b"\0" * 600_000))
        kind = f"multipart/form-data; boundary={BOUNDARY}"
        found = list[Answer]()
        thread = threading.Thread(target=lambda: found.append(service.request("POST", "/v1/faces", large, kind=kind)))
        thread.start()
        wait_for(lambda: gated.inside == 1)
        answer = service.request("POST", "/v1/faces", large, kind=kind)
        assert answer.status == 503
        assert answer.detail == "requests that run hold 1 MB of photos; try again in a second"
        gated.gate.set()
        thread.join()
        assert found[0].status == 200
        assert service.request("POST", "/v1/faces", large, kind=kind).status == 200


def test_a_request_that_takes_too_long_ends(model: Path) -> None:
    gated = GatedDetector()
    with running(Recognizer(model, gated, threads=1), seconds=0.2) as service:
        answer = service.photo()
        gated.gate.set()
        assert answer.status == 503
        assert answer.detail == "the request took longer than 0.2 s"
        assert service.photo().status == 200


def test_a_client_that_goes_leaves_the_queue(model: Path) -> None:
    gated = GatedDetector()
    with running(Recognizer(model, gated, threads=1), threads=1) as service:
        clients = Clients(service, 1)
        wait_for(lambda: gated.inside == 1)
        data = grey(90)
        with service.connect() as connection:
            connection.sendall(POST + f"Content-Length: {len(data)}\r\n\r\n".encode() + data)
            wait_for(lambda: service.metric("mien_queue_images") == 1)
        wait_for(lambda: service.service.guard.running == 1)
        gated.gate.set()
        assert clients.join() == [200]
        assert gated.inside == 1  # the other photo was never searched


def test_requests_of_a_token_are_bounded(model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(f"# ours\n{TOKEN}\nanother-token-of-tests\n")
    gated = GatedDetector()
    ours, theirs = {"Authorization": f"Bearer {TOKEN}"}, {"Authorization": "Bearer another-token-of-tests"}
    recognizer = Recognizer(model, gated, threads=1)
    with running(recognizer, threads=4, token_file=tmp_path / "tokens", per_token=2) as service:
        clients = Clients(service, 2, **ours)
        wait_for(lambda: gated.inside == 2)
        answer = service.photo(**ours)
        assert answer.status == 429
        assert answer.headers["retry-after"] == "1"
        assert answer.detail == "2 requests of this token run already, the most that may"
        other = Clients(service, 1, **theirs)
        gated.gate.set()
        assert clients.join() == [200, 200]
        assert other.join() == [200]
        assert service.photo(**ours).status == 200


def test_requests_of_a_token_in_a_minute(recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_TOKEN", TOKEN)
    ours = {"Authorization": f"Bearer {TOKEN}"}
    with running(recognizer, per_minute=2) as service:
        clock = 1_000_000_030.0
        monkeypatch.setattr("mien.serving.guard.time.time", lambda: clock)
        assert [service.photo(**ours).status for _ in range(3)] == [200, 200, 429]
        answer = service.photo(**ours)
        assert answer.detail == "2 requests of this token in this minute, the most"
        assert 0 < int(answer.headers["retry-after"]) <= 60
        assert service.get("/health/ready").status == 200
        clock += 60
        assert service.photo(**ours).status == 200


def test_idle_connections_make_room(recognizer: Recognizer) -> None:
    with running(recognizer, connections=4) as service:
        idle = [service.connect() for _ in range(12)]
        assert service.photo().status == 200
        wait_for(lambda: len(service.server.server_state.connections) <= 4)
        assert idle[0].recv(1) == b""  # the oldest
        for connection in idle:
            connection.close()


def test_refused_connections_that_stay_make_room_too(recognizer: Recognizer) -> None:
    with running(recognizer, connections=4) as service:
        refused = [service.connect() for _ in range(12)]
        for connection in refused:
            connection.sendall(b"no HTTP at all\r\n\r\n")  # answered, and then closed by the client or nobody
        wait_for(lambda: len(service.server.server_state.connections) <= 4)
        assert service.photo().status == 200
        for connection in refused:
            connection.close()


def test_where_all_connections_work_the_next_is_refused(model: Path) -> None:
    gated = GatedDetector()
    with running(Recognizer(model, gated, threads=1), connections=2) as service:
        clients = Clients(service, 2)
        wait_for(lambda: service.service.guard.running == 2)
        with service.connect() as connection:
            assert read_all(connection) == b""
        gated.gate.set()
        assert clients.join() == [200, 200]


@pytest.mark.parametrize(
    "sent",
    [b"no HTTP at all\r\n\r\n", b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 40_000, b"GET / HTTP/1.1\r\n\r\n"],
)
def test_what_is_no_request_is_refused(service: RunningService, sent: bytes) -> None:
    found = talk(service, sent)
    answer = parsed(found)
    assert answer.status == 400
    assert json.loads(answer.body)["detail"].startswith("this is not a request of HTTP/1.1 that can be read")
    assert answer.headers["content-type"] == "application/problem+json"


def test_requests_in_one_piece_are_both_answered(service: RunningService) -> None:
    one = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"
    found = talk(service, one + b"\r\n" + one + b"Connection: close\r\n\r\n")
    assert found.count(b"HTTP/1.1 200 OK") == 2


def test_a_client_that_does_not_read_is_cut_off(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows wait for the client, and so does the decoder; after `STALL` the connection is cut."""
    monkeypatch.setattr(protocol, "STALL", 0.2)
    data = write(tmp_path / "a.mkv", [scene(150, left=n % 30) for n in range(600)]).read_bytes()
    small = running(Recognizer(model, bright, threads=1), send_buffer=8192)
    with small as service, service.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        head = (
            f"POST /v1/video HTTP/1.1\r\nHost: localhost\r\nContent-Type: video/mp4\r\nContent-Length: {len(data)}\r\n"
        )
        connection.sendall(head.encode() + b"\r\n" + data)
        wait_for(lambda: service.service.guard.running == 1)
        wait_for(lambda: service.service.guard.running == 0, 30)
        assert service.metric("mien_images_total") < 600  # the rest was never decoded


def test_unknown_paths_and_methods(service: RunningService) -> None:
    answer = service.request("POST", "/v1/faces/", b"x" * 100_000, kind="image/png")
    assert (answer.status, answer.detail) == (404, "there is nothing at this path; /docs lists what there is")
    answer = service.request("PUT", "/v1/faces", b"x" * 100_000)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    answer = service.request("OPTIONS", "/health/live")
    assert (answer.headers["allow"], answer.detail) == ("GET, HEAD", "this path has other methods: GET, HEAD")
    assert service.request("GET", "/", b"x" * 2000).detail == "the body is too large; at most 1,000 bytes are read here"
    assert service.get("/v1/nothing").status == 404
    assert service.get("/../../etc/passwd").status == 404
    assert service.get("/v1/faces").status == 405
    assert service.request("DELETE", "/").status == 405
    assert service.request("HEAD", "/").status == 200
    assert service.get("/docs/").status == 404
    assert "/docs lists" in service.get("/nothing").detail


def test_a_client_that_is_gone_when_its_answer_ends() -> None:
    """The system says so at the last moment only."""
    aborted = []

    class Gone:
        def write_eof(self) -> None:
            raise OSError(errno.ENOTCONN, "not connected")

        def abort(self) -> None:
            aborted.append(True)

        def can_write_eof(self) -> bool:
            return True

        def is_closing(self) -> bool:
            return False

    flow = SimpleNamespace(resume_reading=lambda: None)
    client = SimpleNamespace(conn=SimpleNamespace(their_state=h11.ERROR), flow=flow)
    protocol.LingeringTransport(Gone(), client).close()  # type: ignore[arg-type]
    assert aborted == [True]
