"""The page of `mien live`: whom it answers, what it shows, and that it asks nothing from elsewhere."""

import base64
import http.client
import json
import re
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
from mien.live.frame import annotated_frames
from mien.live.server import FILES, MOST, LiveServer


@pytest.fixture
def page(model: Path) -> Iterator[LiveServer]:
    served = LiveServer()
    pixels = np.full((480, 640, 3), 255, np.uint8)
    (frame,) = annotated_frames([CameraFrame(pixels, 3, time.monotonic())], Recognizer(model, "none"))
    served.show(replace(frame, latency=0.02, rate=12.34))
    yield served
    served.close()


def get(page: LiveServer, path: str, host: str | None = None) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", page.server_port, timeout=10)
    connection.request("GET", path, headers={"Host": host} if host else {})
    return connection.getresponse()


@pytest.mark.parametrize("name", FILES)
def test_every_file_has_the_security_headers(page: LiveServer, name: str) -> None:
    answer = get(page, page.root + name)
    body = answer.read().decode()
    assert answer.status == 200
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"https?:|url\(|@import|[\"']//", body)
    assert not re.search(r"\son\w+=|style=", body)  # what the policy would refuse


def test_image_events_and_stream(page: LiveServer) -> None:
    jpeg = get(page, page.root + "image?7").read()
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (640, 853, 3)  # as draw enlarges it
    facts = json.loads(get(page, page.root + "events").readline().removeprefix(b"data: "))
    assert facts["frame"] == 3
    assert facts["rate"] == 12.3
    assert facts["faces"][0]["expression"] == "neutral"
    assert base64.b64decode(facts["image"]) == jpeg  # picture and figures in one message are of one frame
    stream = get(page, page.root + "stream")
    assert stream.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
    part = b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg + b"\r\n--frame\r\n"
    assert stream.read(len(part)) == part


def test_the_page_asks_for_nothing_but_events() -> None:
    script = Path(module.__file__).with_name("live.js").read_text()
    assert script.count("new EventSource(") == 1
    assert re.findall(r"src = (.*);", script) == ["`data:image/jpeg;base64,${frame.image}`"]
    assert "img-src 'self' data:;" in module.HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1:1", "127.0.0.1.evil.example:{port}"]
)
def test_other_hosts_are_refused(page: LiveServer, host: str) -> None:
    answer = get(page, page.root, host.format(port=page.server_port))
    assert answer.status == 403
    assert "Content-Security-Policy" in answer.headers


def test_requests_by_the_names_of_this_machine_are_served(page: LiveServer) -> None:
    for host in (f"localhost:{page.server_port}", f"127.0.0.1:{page.server_port}"):
        assert get(page, page.root, host).status == 200


@pytest.mark.parametrize("path", ["/", "/live.css", "/image", "/guess/image", "{root}../page.py", "{root}page.py"])
def test_paths_without_the_random_word_are_not_found(page: LiveServer, path: str) -> None:
    assert get(page, path.format(root=page.root)).status == 404


def test_server_listens_on_loopback_with_a_new_random_word(page: LiveServer) -> None:
    with pytest.raises(OSError, match=r"."):  # another address of this machine
        socket.create_connection(("127.0.0.2", page.server_port), timeout=2)
    other = LiveServer()
    other.close()
    assert other.root != page.root
    assert len(page.root) >= 12


def test_unusable_port_is_refused(page: LiveServer) -> None:
    with pytest.raises(InputError, match=f"port {page.server_port} of 127.0.0.1: .*in use; choose another --port"):
        LiveServer(page.server_port)
    with pytest.raises(InputError, match="port 70000"):
        LiveServer(70000)


def test_closing_ends_the_threads_of_clients_that_neither_send_nor_read(page: LiveServer) -> None:
    before = threading.active_count()
    with socket.create_connection(("127.0.0.1", page.server_port)), get(page, page.root + "stream") as stream:
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


def test_clients_that_send_nothing_are_cut_off(page: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.2)
    with (
        socket.create_connection(("127.0.0.1", page.server_port), timeout=10) as idle,
        get(page, page.root + "stream") as stream,
    ):
        idle.sendall(b"GET / HTT")
        assert idle.recv(1) == b""
        assert waits(page, 1)
        assert stream.readline() == b"--frame\r\n"


def test_more_streams_than_are_served_are_told_so(page: LiveServer) -> None:
    streams = [get(page, page.root + "stream") for _ in range(MOST)]
    assert {stream.status for stream in streams} == {200}
    assert get(page, page.root).status == 503
    for stream in streams:
        stream.close()


def test_text_contrast(page: LiveServer) -> None:
    """Contrast of every pair of text and ground of the page by WCAG 2.2: at least 7 (AAA); the bars 3 (1.4.11)."""
    css = Path(module.__file__).with_name("live.css").read_text()
    colours = {name: bytes.fromhex(value) for name, value in re.findall(r"--(\w+): #(\w{6})", css)}

    def light(name: str) -> float:
        parts = [value / 255 for value in colours[name]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def contrast(one: str, other: str) -> float:
        low, high = sorted([light(one), light(other)])
        return (high + 0.05) / (low + 0.05)

    for ground in ("ground", "plate"):
        assert min(contrast(text, ground) for text in ("text", "quiet")) >= 7
    assert contrast("bar", "track") >= 3
    assert "transition" not in css
    assert "animation" not in css
