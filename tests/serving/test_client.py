"""`mien.serving.Client`, and the examples of docs/serving.md: Python, curl, JavaScript."""

import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mien import InputError, Recognizer
from mien.core.labels import FER2013
from mien.serving import Client, ServiceError
from tests.drawn_video import bright, walking
from tests.serving.running import TOKEN, GatedDetector, RunningService, grey, read_all, running, wait_for

PAGE = Path(__file__).parents[2] / "docs" / "serving.md"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the examples name; the current one."""
    (tmp_path / "photo.jpg").write_bytes(grey(255))
    (tmp_path / "other.jpg").write_bytes(grey(0))
    walking(tmp_path / "clip.mp4")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def service(model: Path) -> Iterator[RunningService]:
    with running(Recognizer(model, "none", threads=1)) as one:
        yield one


def example(service: RunningService, language: str) -> str:
    """Return the one block of the page in that language, with the address of the service."""
    (code,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert "http://127.0.0.1:8000" in code
    return str(code).replace("http://127.0.0.1:8000", service.address)


def test_python(service: RunningService, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(example(service, "python"), "docs/serving.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "photo.jpg [0, 0, 48, 48] neutral 0.996149"
    assert lines[1] == "other.jpg [0, 0, 48, 48] angry 0.996149"
    assert len(lines) == 2 + 15 + 1
    assert lines[-1] == "422 image: not an image that Pillow can read"


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl")
def test_curl(service: RunningService, folder: Path) -> None:
    commands = example(service, "sh").splitlines()
    assert len(commands) == 5
    for command, words in zip(
        commands,
        ('"file":"other.jpg"', '"file":"image"', '"frames": 15', '"frames": 15', '{"results":[{"emotion":{"angry":'),
        strict=True,
    ):
        done = subprocess.run(
            ["sh", "-c", command.replace("curl", "curl -sS --fail-with-body", 1)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert words in done.stdout


@pytest.mark.skipif(not shutil.which("node"), reason="needs node")
def test_javascript(service: RunningService, folder: Path) -> None:
    (folder / "example.mjs").write_text(example(service, "js"))
    done = subprocess.run(["node", "example.mjs"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "photo.jpg neutral 0.996149\n"


def test_names_of_any_kind(service: RunningService, folder: Path) -> None:
    for name in ('a"b.png', "Ünï.png", "a b.png"):
        shutil.copy("photo.jpg", name)
    found = Client(service.address).faces('a"b.png', Path("Ünï.png"), "a b.png", grey(0))
    assert [image["file"] for image in found] == ["a_b.png", "Ünï.png", "a b.png", "image"]
    assert found[3]["faces"][0]["expression"] == FER2013[0]


def test_it_waits_where_there_is_no_room(model: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gated, waits = GatedDetector(), list[float]()
    with running(Recognizer(model, gated, threads=1), threads=1, queue=1, max_files=1, seconds=30) as service:
        others = [threading.Thread(target=service.photo) for _ in range(2)]
        others[0].start()
        wait_for(lambda: gated.inside == 1)
        others[1].start()
        wait_for(lambda: service.metric("mien_queue_images") == 1)
        with pytest.raises(ServiceError, match="503: 1 photos wait") as raised:
            Client(service.address, retries=0).faces(grey(0))
        assert raised.value.retry_after == 1

        def wait(seconds: float) -> None:
            waits.append(seconds)
            gated.gate.set()
            for thread in others:
                thread.join()

        monkeypatch.setattr("mien.serving.client.time.sleep", wait)
        assert Client(service.address).faces(grey(0))[0]["faces"]
        assert waits == [1]
        monkeypatch.setattr(service.service, "_videos", 2)
        monkeypatch.setattr("mien.serving.client.time.sleep", lambda _: setattr(service.service, "_videos", 0))
        assert list(Client(service.address).video(folder / "clip.mp4"))


def test_errors(service: RunningService, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(service.address)
    with pytest.raises(ServiceError, match="422: image: not an image") as raised:
        client.faces(b"no photo")
    assert (raised.value.status, raised.value.retry_after) == (422, None)
    with pytest.raises(ServiceError, match="422: the video: not a video"):
        list(client.video("photo.jpg"))
    with pytest.raises(ServiceError, match="400: every often"):
        list(client.video("clip.mp4", every="often"))
    with pytest.raises(FileNotFoundError):
        client.faces("gone.jpg")
    with pytest.raises(OSError, match="refused"):
        Client("http://127.0.0.1:9").faces(grey(0))
    for token in ("two\nlines", "t\u00f6ken"):
        with pytest.raises(InputError, match="token: expected one line of ASCII characters"):
            Client(token=token)
    for address in ("127.0.0.1:8000", "ftp://127.0.0.1", "http://", "http://127.0.0.1:port"):
        with pytest.raises(InputError, match="expected an address such as http://127"):
            Client(address)


def test_tokens(recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_TOKEN", TOKEN)
    with running(recognizer) as service:
        with pytest.raises(ServiceError, match="401: a valid token is needed"):
            Client(service.address).faces(grey(0))
        assert Client(service.address + "/", token=f"{TOKEN}\n").faces(grey(0))[0]["faces"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"\x15\x03\x03\0\2\2P", "none of mien's"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "none of mien's"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "none of mien's"),
        (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"ima', "the connection ended"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 8\r\n\r\n<h1>\nno\n", "502: <h1> no"),
        (b"HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n", "503: Busy"),
    ],
)
def test_other_servers(folder: Path, answer: bytes, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                with connection, suppress(OSError):
                    connection.sendall(answer)
                    connection.shutdown(socket.SHUT_WR)
                    read_all(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        client = Client(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60)
        with pytest.raises(ServiceError, match=words):
            client.faces(grey(0))
        with pytest.raises(ServiceError, match=words):
            list(client.video("clip.mp4"))
        thread.join(10)


def test_a_video_whose_rows_end_early_is_an_error(model: Path, folder: Path) -> None:
    def failing(image: Any, /) -> Any:
        if image[0, 0, 2] != 90 or image[:, :, 0].max() > 200:
            raise ZeroDivisionError("inside")
        return bright(image)

    failing.name = "none"  # type: ignore[attr-defined]
    with running(Recognizer(model, failing, threads=1)) as service:
        rows = Client(service.address).video("clip.mp4")
        assert next(rows)["frame"] == 0
        with pytest.raises(ServiceError, match="the connection ended before the answer did"):
            list(rows)
