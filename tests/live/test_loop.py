"""`mien live` as a user meets it: lines, window, page, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import cv2
import numpy as np
import pytest

from mien import Recognizer
from mien.cli import main
from mien.core.labels import FER2013
from mien.live import loop
from mien.live.camera import CameraFrame
from mien.live.frame import AnnotatedFrame, annotated_frames
from mien.live.loop import Window
from tests.brightness import grey_video

Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["live", *map(str, arguments)])
    found = capsys.readouterr()
    return int(ended.value.code or 0), found.out, found.err


def test_headless_is_a_line_of_json_per_frame(capsys: Capture, tmp_path: Path, model: Path) -> None:
    source = grey_video(tmp_path / "a.avi", [0] * 5 + [255] * 5)
    began = time.time()
    code, out, err = run(capsys, "--source", source, "--headless", "--model", model, "--detector", "none")
    lines = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert list(lines[0]) == ["time", "frame", "latency", "detector", "faces"]
    assert lines[-1]["frame"] == 9
    assert [line["faces"][0]["expression"] for line in (lines[0], lines[-1])] == ["angry", "neutral"]
    assert tuple(lines[0]["faces"][0]["probabilities"]) == tuple(lines[0]["faces"][0]["smoothed"]) == FER2013
    assert lines[0]["faces"][0]["track"] == 1
    assert began - 1 < lines[0]["time"] <= lines[-1]["time"] < time.time() + 1
    assert 0 < lines[0]["latency"] < 5


@pytest.mark.parametrize("arguments", [["--source", "none.mp4"], ["--detector", "none", "--model", "none.onnx"]])
def test_unusable_source_or_model_is_one_line(capsys: Capture, arguments: list[str]) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("mien: none.")
    assert len(err.splitlines()) == 1


def test_latency_and_rate(model: Path) -> None:
    def frames() -> Iterator[CameraFrame]:
        for number in range(4):
            time.sleep(0.05)
            yield CameraFrame(np.zeros((40, 40, 3), np.uint8), number, time.monotonic() - 0.5)

    last = list(annotated_frames(frames(), Recognizer(model, "none", threads=1)))[-1]
    assert 0.5 < last.latency < 1.5
    assert 1 < last.rate < 20


def test_probabilities_are_smoothed_by_the_frames_before(model: Path) -> None:
    shades = [0, 0, 0, 255, 255]
    frames = [CameraFrame(np.full((40, 40, 3), shade, np.uint8), n, n / 10) for n, shade in enumerate(shades)]
    recognizer = Recognizer(model, "none", threads=1)
    found = [one.faces for one in annotated_frames(frames, recognizer)]
    raw = np.concatenate([faces.probabilities for faces in found])
    assert np.allclose(found[2].smoothed, raw[0], atol=1e-5)
    past = np.exp(-((0.3 - np.arange(4) / 10) ** 2) / (2 * 0.25**2))
    assert np.allclose(found[3].smoothed[0], past @ raw[:4] / past.sum(), atol=1e-5)
    assert all(
        np.allclose(one.faces.smoothed, one.faces.probabilities, atol=1e-6)
        for one in annotated_frames(frames, recognizer, smoothing=0)
    )


@pytest.fixture
def frame(model: Path) -> AnnotatedFrame:
    pixels = np.full((120, 160, 3), 200, np.uint8)
    (made,) = annotated_frames([CameraFrame(pixels, 0, time.monotonic())], Recognizer(model, "none"))
    return replace(made, latency=0.031, rate=24.8)


@pytest.mark.parametrize(
    ("key", "visible", "goes_on"), [(-1, 1, True), (ord("q"), 1, False), (27, 1, False), (-1, 0, False)]
)
def test_window(monkeypatch: pytest.MonkeyPatch, frame: AnnotatedFrame, key: int, visible: int, goes_on: bool) -> None:
    """The OpenCV of the tests has no windows: what is called is looked at."""
    said: list[str] = []
    shown: list[tuple[int, ...]] = []
    monkeypatch.setattr(cv2, "namedWindow", lambda name, flags: None)
    monkeypatch.setattr(cv2, "imshow", lambda name, picture: shown.append(picture.shape))
    monkeypatch.setattr(cv2, "setWindowTitle", lambda name, title: said.append(title))
    monkeypatch.setattr(cv2, "waitKey", lambda pause: key)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda name, what: visible)
    assert Window().show(frame) is goes_on
    assert said == ["mien: 24.8 frames/s, 31 ms"]
    assert shown == [frame.image.shape]


def test_a_window_needs_opencv_and_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "")
    assert "headless" in loop.no_window_reason()
    monkeypatch.setattr(cv2, "currentUIFramework", lambda: "GTK3")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    assert "no display" in loop.no_window_reason()
    monkeypatch.setenv("DISPLAY", ":0")
    assert loop.no_window_reason() == ""


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_the_page_of_a_running_camera_and_ctrl_c(tmp_path: Path, model: Path) -> None:
    source = grey_video(tmp_path / "a.avi", [200] * 1500)
    command = [sys.executable, "-m", "mien", "live", "--source", str(source), "--model", str(model)]
    with subprocess.Popen(
        [*command, "--detector", "none", "--port", "0"], stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        try:
            line = running.stderr.readline()
            assert line.startswith("mien: watch http://127.0.0.1:")
            address = line.split()[2]
            with urlopen(address, timeout=10) as page:
                assert b"<title>mien live</title>" in page.read()
            with urlopen(address + "image", timeout=10) as file:
                picture = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR)
            assert picture is not None
            with urlopen(address + "events", timeout=10) as events:
                facts = json.loads(events.readline().removeprefix(b"data: "))
            assert facts["faces"][0]["expression"] == FER2013[round(200 / 255 * 6)]
            assert facts["rate"] > 0
        finally:
            running.send_signal(signal.SIGINT)
        assert running.wait(10) == 130
        assert running.stderr.read() == "mien: interrupted\n"
