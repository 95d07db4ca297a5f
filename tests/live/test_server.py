"""The page of `mien live`: whom it answers, what it shows, and that it asks nothing from elsewhere."""

import base64
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien import Recognizer
from mien.core.errors import InputError
from mien.live import server as module
from mien.live.camera import CameraFrame
from mien.live.frame import live_frames
from mien.live.server import MOST, LiveServer


@pytest.fixture
def page(model: Path) -> Iterator[LiveServer]:
    recognizer = Recognizer(model, "none", threads=1)
    served = LiveServer(recognizer)
    pixels = np.full((480, 640, 3), 255, np.uint8)
    (frame,) = live_frames([CameraFrame(pixels, 3, time.monotonic())], recognizer)
    served.frames.put(replace(frame, latency=0.02, rate=12.34))
    yield served
    served.close()


def get(page: LiveServer, path: str, **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", page.server_port, timeout=10)
    connection.request("GET", path, headers=headers)
    return connection.getresponse()


@pytest.mark.parametrize("name", ["", "index.html", "page.json", "app.js", "card.html"])
def test_the_files_of_the_page_with_the_security_headers(page: LiveServer, name: str) -> None:
    answer = get(page, page.root + name)
    content = page.files[name or "index.html"]
    assert answer.status == 200
    assert answer.read() == (content if isinstance(content, bytes) else content.read_bytes())
    assert answer.headers["Content-Type"].startswith(
        {"js": "text/javascript", "json": "application/json"}.get(name.rpartition(".")[2], "text/html")
    )
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "'unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_page_knows_that_it_shows_a_camera(page: LiveServer) -> None:
    facts = json.loads(get(page, page.root + "page.json").read())
    assert [facts[name] for name in ("server", "browser", "live", "token_needed")] == [False, False, True, False]
    assert facts["model"]["detector"] == "none"


def test_an_event_is_a_frame_with_its_own_faces(page: LiveServer) -> None:
    events = get(page, page.root + "events")
    assert events.headers["Content-Type"] == "text/event-stream"
    facts = json.loads(events.readline().removeprefix(b"data: "))
    assert events.readline() == b"\n"
    assert facts["frame"] == 3
    assert facts["rate"] == 12.3
    assert facts["faces"][0]["expression"] == "neutral"
    image = cv2.imdecode(np.frombuffer(base64.b64decode(facts["image"]), np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (480, 640, 3)  # boxes are in its pixels
    assert image.min() > 250  # nothing is drawn into it


def test_a_large_frame_is_shown_smaller(model: Path) -> None:
    pixels = np.full((1200, 3200, 3), 255, np.uint8)
    (frame,) = live_frames([CameraFrame(pixels, 0, time.monotonic())], Recognizer(model, "none", threads=1))
    facts = json.loads(frame.event.removeprefix(b"data: "))
    image = cv2.imdecode(np.frombuffer(base64.b64decode(facts["image"]), np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (600, 1600, 3)
    assert [facts["width"], facts["height"]] == facts["faces"][0]["box"][2:] == [3200, 1200]


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "[", ""])
def test_other_hosts_are_refused(page: LiveServer, host: str) -> None:
    answer = get(page, page.root, Host=host.format(port=page.server_port))
    assert answer.status == 403
    assert "Content-Security-Policy" in answer.headers


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "127.0.0.1:9000"])  # the last through ssh -L
def test_requests_by_the_names_of_this_machine_are_served(page: LiveServer, host: str) -> None:
    host = host.format(port=page.server_port)
    assert get(page, page.root, Host=host).status == 200
    assert get(page, page.root, Host=host, Origin=f"http://{host}").status == 200
    for origin in ("https://evil.example", "null", "http://["):
        assert get(page, page.root, Host=host, Origin=origin).status == 403


@pytest.mark.parametrize(
    "path", ["/", "/app.js", "/events", "/guess-guess-/events", "{root}../server.py", "{root}image", "{root}ort/"]
)
def test_paths_without_the_random_word_are_not_found(page: LiveServer, path: str) -> None:
    assert get(page, path.format(root=page.root)).status == 404


def test_server_listens_on_loopback_with_a_new_random_word(page: LiveServer, model: Path) -> None:
    with pytest.raises(OSError, match=r"."):  # another address of this machine
        socket.create_connection(("127.0.0.2", page.server_port), timeout=2)
    other = LiveServer(Recognizer(model, "none"))
    other.close()
    assert other.root != page.root
    assert len(page.root) >= 12


def test_unusable_port_is_refused(page: LiveServer, model: Path) -> None:
    recognizer = Recognizer(model, "none")
    with pytest.raises(InputError, match=f"port {page.server_port} of 127.0.0.1: .*in use; choose another --port"):
        LiveServer(recognizer, page.server_port)
    with pytest.raises(InputError, match="port 70000"):
        LiveServer(recognizer, 70000)


def test_closing_ends_the_threads_of_clients_that_neither_send_nor_read(page: LiveServer) -> None:
    before = threading.active_count()
    with socket.create_connection(("127.0.0.1", page.server_port)), get(page, page.root + "events") as stream:
        assert stream.status == 200
        assert threading.active_count() == before + 2
        page.close()
        assert threading.active_count() == before - 1  # that of the server has ended too


def waits(page: LiveServer, most: int) -> bool:
    for _ in range(200):
        if len(page.connections) <= most:
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "])
def test_idle_clients_are_few_and_shut_nobody_out(page: LiveServer, sent: bytes) -> None:
    before, clients = threading.active_count(), []
    for _ in range(3 * MOST):
        clients.append(socket.create_connection(("127.0.0.1", page.server_port)))
        clients[-1].sendall(sent)
    assert get(page, page.root).status == 200
    assert waits(page, MOST)
    assert threading.active_count() <= before + 2 * MOST
    for client in clients:
        client.close()


def test_clients_that_send_nothing_are_cut_off(
    page: LiveServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    with (
        socket.create_connection(("127.0.0.1", page.server_port), timeout=10) as idle,
        get(page, page.root + "events") as stream,
    ):
        idle.sendall(b"GET / HTT")
        assert idle.recv(1) == b""
        assert waits(page, 1)
        assert stream.readline().startswith(b"data: ")
    page.close()
    assert capfd.readouterr().err == ""


def test_more_streams_than_are_served_are_told_so(page: LiveServer) -> None:
    streams = [get(page, page.root + "events") for _ in range(MOST)]
    assert {stream.status for stream in streams} == {200}
    assert get(page, page.root).status == 503
    for stream in streams:
        stream.close()
