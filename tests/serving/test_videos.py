"""Videos over HTTP: the rows of `mien predict`, while the upload is read; a client that reads late or goes away."""

import json
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien import Recognizer
from mien.core.images import Pixels
from mien.faces.detectors import Detections
from mien.outputs.video_rows import to_rows
from mien.recognition.video import Video
from mien.serving.problems import HttpProblem
from mien.serving.uploads import FormVideo
from mien.serving.videos import ArrivingFile
from tests.drawn_video import bright, scene, walking, write
from tests.serving.running import BOUNDARY, RunningService, form, grey, read_all, running, wait_for

FORM = f"multipart/form-data; boundary={BOUNDARY}"


def square(image: Pixels, /) -> Detections:
    """As `bright`, under the name `none`: crops without a margin."""
    return bright(image)


square.name = "none"  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def service(model: Path) -> Iterator[RunningService]:
    with running(Recognizer(model, square, threads=1), video_seconds=60) as one:
        yield one


def lines(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in body.splitlines()]


def post(service: RunningService, data: bytes, query: str = "", kind: str = "video/mp4") -> list[dict[str, Any]]:
    answer = service.request("POST", f"/v1/video{query}", data, kind=kind)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/x-ndjson"
    return lines(answer.body)


def expected(service: RunningService, path: Path, every: float = 0) -> list[dict[str, Any]]:
    """Return the rows that the table of `mien predict --format jsonl` has."""
    recognizer = service.service.recognizer
    with Video(path, every=every) as video:
        return [json.loads(json.dumps(row)) for faces in recognizer.follow(video) for row in to_rows(faces)]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "webm", "avi", "mov"])
def test_rows_are_those_of_predict(service: RunningService, tmp_path: Path, suffix: str) -> None:
    codec = {"webm": "libvpx", "ts": "libx264"}.get(suffix, "libx264rgb")
    path = write(tmp_path / f"a.{suffix}", [scene(20 + 3 * n, left=n // 2) for n in range(60)], codec=codec)
    body = form(("file", path.name, path.read_bytes()))
    for every in ("", "0.2s"):
        *rows, end = post(service, path.read_bytes(), query := f"?every={every}" if every else "")
        assert post(service, body, query, FORM) == [*rows, end]
        found = [{name: value for name, value in row.items() if value is not None} for row in rows]
        theirs = expected(service, path, 0.2 if every else 0)
        assert found == [{name: value for name, value in row.items() if value is not None} for row in theirs]
        assert end["frames"] == (12 if every else 60)
        assert end["end"] == pytest.approx(2.4, abs=0.05)
        assert (end["damage"], end["notes"]) == (None, [])
        assert end["model"] == service.service.model


def test_frames_without_a_face_have_a_row(service: RunningService, tmp_path: Path) -> None:
    *rows, _ = post(service, walking(tmp_path / "a.mp4").read_bytes())
    assert {row["frame"] for row in rows} == set(range(75))
    assert [row["track"] for row in rows if 10 <= row["frame"] < 15] == [None] * 5


class Slow:
    """Sends a video in pieces by hand, and reads what comes."""

    def __init__(self, service: RunningService, data: bytes, *, kind: str = "video/mp4") -> None:
        self.connection, self.data, self.sent = service.connect(), data, 0
        head = f"POST /v1/video HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
        self.connection.sendall(f"{head}Content-Length: {len(data)}\r\nConnection: close\r\n\r\n".encode())

    def send(self, share: float) -> None:
        until = round(share * len(self.data))
        self.connection.sendall(self.data[self.sent : until])
        self.sent = until


@pytest.mark.parametrize("kind", ["video/mp4", FORM])
@pytest.mark.parametrize("layout", ["faststart", "frag_keyframe+empty_moov", "mkv"])
def test_rows_come_while_the_upload_is_read(service: RunningService, tmp_path: Path, layout: str, kind: str) -> None:
    """With two thirds of the bytes the first rows are there; the last ones need the rest."""
    noise = np.random.default_rng(0).integers(1, 80, (120, 64, 96), np.uint8)  # bytes that no codec makes small
    frames = [scene(150, left=n // 4) | (noise[n][:, :, None] * np.array([0, 0, 1], np.uint8)) for n in range(120)]
    path = write(tmp_path / "a.mkv", frames)
    if layout != "mkv":
        path = copied(path, tmp_path / "b.mp4", layout)
    slow = Slow(service, path.read_bytes() if kind != FORM else form(("file", "a", path.read_bytes())), kind=kind)
    with slow.connection:
        slow.send(0.66)
        begun = slow.connection.recv(65536)
        while b"\n{" not in begun:
            begun += slow.connection.recv(65536)
        assert begun.startswith(b"HTTP/1.1 200 OK")
        slow.send(1.0)
        rows = [line for line in (begun + read_all(slow.connection)).splitlines() if line.startswith(b"{")]
    assert json.loads(rows[0])["frame"] == 0
    assert json.loads(rows[-1])["frames"] == 120


def copied(source: Path, target: Path, movflags: str) -> Path:
    with av.open(str(source)) as read, av.open(str(target), "w", options={"movflags": movflags}) as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                written.mux(packet)
    return target


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the video: empty"),
        (b"no video at all", "the video: not a video that can be read (it is text"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "the video: not a video that can be read (it is text"),
        (grey(90), "the video: not a video that can be read"),
    ],
)
def test_what_is_no_video_is_refused(service: RunningService, data: bytes, words: str) -> None:
    answer = service.request("POST", "/v1/video", data, kind="video/mp4")
    assert answer.status == 422
    assert words in answer.detail


def test_other_requests_are_refused(service: RunningService) -> None:
    answer = service.request("POST", "/v1/video", b"x", kind="text/plain")
    assert answer.status == 415
    assert "send the video itself as the body" in answer.detail
    answer = service.request("POST", "/v1/video?every=often", b"x", kind="video/mp4")
    assert answer.status == 400
    assert answer.detail == "every often: expected a time such as 0.2s or 200ms"


def part(name: str, data: bytes = b"x") -> tuple[str, str, bytes]:
    return name, "a.mp4", data


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        (FORM, form(), "there is no video in the form; its field is file"),
        (FORM, form(("every", None, b"0.2s")), "the form may hold the video alone, as a file in the field file"),
        (FORM, form(("file", None, b"a.mp4")), "the form may hold the video alone"),
        (FORM, form(part("video")), "the form may hold the video alone"),
        (FORM, form(part("file"), part("file")), "there are several files in the form; send one video"),
        (FORM, form(part("file"))[:-4], "the form cannot be read: it is cut off"),
        (FORM, b"", "the form cannot be read: it is cut off"),
        (FORM, b"no form at all", "the form cannot be read: it is damaged"),
        (FORM, form(part("file")).replace(b"Content-D", b"\0"), "the form cannot be read: it is damaged"),
        (FORM, form(part("file")).replace(b"Content-D", b"A: b\r\n" * 100), "the form cannot be read: it is damaged"),
        ("multipart/form-data", form(part("file")), "the form cannot be read: it has no boundary"),
        ("multipart/form-data; boundary=", form(part("file")), "the form cannot be read: it has no boundary"),
        (f"{FORM}{'x' * 300}", form(part("file")), "the form cannot be read: its boundary is too long"),
    ],
)
def test_other_forms_are_refused(service: RunningService, kind: str, body: bytes, words: str) -> None:
    step = 1 + len(body) // 200  # fewer chunks than are too many
    for sent in (body, iter([body[at : at + step] for at in range(0, len(body), step)])):
        answer = service.request("POST", "/v1/video", sent, kind=kind)
        assert answer.status == 400
        assert words in answer.detail
    wait_for(lambda: service.service.guard.running == 0)


@pytest.mark.parametrize("after", [b"", form(part("file"))])
def test_a_form_that_goes_wrong_after_the_video_ends_with_an_error(
    service: RunningService, tmp_path: Path, after: bytes
) -> None:
    data = write(tmp_path / "a.mkv", [scene(150, left=n // 2) for n in range(75)]).read_bytes()
    sound = form(part("file", data))
    slow = Slow(service, sound.removesuffix(f"--{BOUNDARY}--\r\n".encode()) + after, kind=FORM)
    with slow.connection:
        slow.send(0.8)
        found = b""
        while b"\n{" not in found:
            found += slow.connection.recv(65536)
        slow.send(1.0)
        rows = [line for line in (found + read_all(slow.connection)).splitlines() if line.startswith(b"{")]
    end = json.loads(rows[-1])
    assert set(end) == {"error"}
    assert end["error"].startswith("there are several files" if after else "the form cannot be read: it is cut off")


@given(st.binary(max_size=200).map(lambda data: data.replace(b"x", f"\r\n--{BOUNDARY[:-1]}".encode())), st.data())
def test_the_file_of_a_form_is_handed_on_as_it_is(data: bytes, draw: st.DataObject) -> None:
    """Wherever the pieces of the form begin and end, and whatever in the file looks like a boundary."""
    body, found = form(part("file", data)), list[bytes]()
    parser = FormVideo(FORM, found.append)
    at = 0
    while at < len(body):
        size = draw.draw(st.integers(1, 80))
        parser.append(body[at : at + size])
        at += size
    parser.finish()
    assert b"".join(found) == data
    with pytest.raises(HttpProblem, match="cut off"):
        FormVideo(FORM, found.append).finish()


def test_a_damaged_video_says_so_at_the_end(service: RunningService, tmp_path: Path) -> None:
    data = write(tmp_path / "a.mkv", [scene(150, left=n // 2) for n in range(75)]).read_bytes()
    *rows, end = post(service, data[: len(data) // 2], kind="application/octet-stream")
    assert rows
    assert end["damage"].startswith("the video: ends at")
    assert "/" not in end["damage"]


def test_a_video_that_grows_too_large_ends_with_an_error(model: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (50, 240, 320, 3), np.uint8)
    data = write(tmp_path / "a.mkv", list(noise)).read_bytes()
    assert len(data) > 2_000_000
    with running(Recognizer(model, square, threads=1), max_video=1) as service:
        answer = service.request("POST", "/v1/video", data, kind="video/mp4")
        assert answer.status == 413
        pieces = iter([data[at : at + 100_000] for at in range(0, len(data), 100_000)])
        answer = service.request("POST", "/v1/video", pieces, kind="video/mp4")  # in chunks, without a length
        found = answer.json if answer.status == 413 else lines(answer.body)[-1]
        assert "too large; at most 1 MB" in (found.get("detail") or found["error"])
        answer = service.request("POST", "/v1/video", iter([form(part("file", data))]), kind=FORM)
        assert "too large; at most 1 MB" in answer.body.decode()


@pytest.mark.parametrize("kind", ["video/mp4", FORM])
def test_a_client_that_goes_frees_its_place(model: Path, tmp_path: Path, kind: str) -> None:
    data = write(tmp_path / "a.mkv", [scene(150)] * 75).read_bytes()
    with running(Recognizer(model, square, threads=1), videos=1) as service:
        slow = Slow(service, data if kind != FORM else form(part("file", data)), kind=kind)
        slow.send(0.5)
        wait_for(lambda: service.service.guard.running == 1)
        answer = service.request("POST", "/v1/video", data, kind="video/mp4")
        assert answer.status == 503
        assert answer.headers["retry-after"] == "1"
        assert answer.detail == "1 videos are read already, the most that may; try again later"
        slow.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        slow.connection.close()
        wait_for(lambda: service.service.guard.running == 0)
        assert post(service, data)[-1]["frames"] == 75
    wait_for(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("video")])


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="lists threads by /proc")
def test_decoders_end_with_their_videos(service: RunningService, tmp_path: Path) -> None:
    def decoders() -> int:
        found = 0
        for task in Path("/proc/self/task").iterdir():
            with suppress(OSError):  # it has ended meanwhile
                found += task.joinpath("comm").read_text().startswith("av:")
        return found

    before = decoders()
    data = write(tmp_path / "a.mp4", [scene(90)] * 9).read_bytes()
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(lambda _: post(service, data), range(6)):
            pass
    wait_for(lambda: decoders() <= before)


def test_an_arriving_file_blocks_until_the_bytes_are_there() -> None:
    file = ArrivingFile()
    file.append(b"abc")
    assert file.read(2) == b"ab"
    threading.Timer(0.05, file.append, [b"de"]).start()
    assert file.seek(4) == 4
    assert file.read(10) == b"e"
    assert file.seek(-1, 2) == -1  # FFmpeg's question for the size
    threading.Timer(0.05, file.finish).start()
    assert file.seek(0, 2) == 5
    assert file.read(10) == b""
    file.seek(1)
    assert file.read() == b"bcde"
    assert file.seek(-9, 1) == file.seek(-9) == -1  # as damaged files ask
    assert file.tell() == 5
    file.seek(2**63 - 1)
    assert file.read(1) == b""
    file.finish(ConnectionError("gone"))
    assert file.read() == b""
    file.seek(4)
    assert file.read(9) == b"e"
    assert str(file.failure) == "gone"
    file.close()
