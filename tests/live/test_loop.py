"""`mien live` as a user meets it: lines, page, and how it ends."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest

from mien import Recognizer
from mien.cli import main
from mien.core.labels import FER2013
from mien.live.camera import CameraFrame
from mien.live.frame import live_frames
from tests.brightness import grey_video
from tests.live.running import live

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
    assert 0 < lines[0]["latency"] < 60


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
            yield CameraFrame(np.zeros((40, 40, 3), np.uint8), number, time.monotonic() - 500)

    last = list(live_frames(frames(), Recognizer(model, "none", threads=1)))[-1]
    assert 500 < last.latency < 530
    assert 0.1 < last.rate < 20


def test_probabilities_are_smoothed_by_the_frames_before(model: Path) -> None:
    shades = [0, 0, 0, 255, 255]
    frames = [CameraFrame(np.full((40, 40, 3), shade, np.uint8), n, n / 10) for n, shade in enumerate(shades)]
    recognizer = Recognizer(model, "none", threads=1)
    seen = list(live_frames(frames, recognizer))
    found = [one.faces for one in seen]
    raw = np.concatenate([faces.probabilities for faces in found])
    assert np.allclose(found[2].smoothed, raw[0], atol=1e-5)
    past = np.exp(-((0.3 - np.arange(4) / 10) ** 2) / (2 * 0.25**2))
    assert np.allclose(found[3].smoothed[0], past @ raw[:4] / past.sum(), atol=1e-5)
    (shown,) = json.loads(seen[3].event.removeprefix(b"data: "))["faces"]  # the page shows these
    assert list(shown["probabilities"].values()) == pytest.approx(found[3].smoothed[0].tolist(), abs=1e-3)
    assert shown["expression"] == "angry" != seen[3].to_dict()["faces"][0]["expression"]
    assert all(
        np.allclose(one.faces.smoothed, one.faces.probabilities, atol=1e-6)
        for one in live_frames(frames, recognizer, smoothing=0)
    )


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_the_page_of_a_running_camera_and_ctrl_c(tmp_path: Path, model: Path) -> None:
    source = grey_video(tmp_path / "a.avi", [200] * 1500)
    with live("--source", source, "--model", model, "--detector", "none", "--port", "0") as address:
        with urlopen(address, timeout=10) as page:
            assert b"<title>mien" in page.read()
        with urlopen(address + "events", timeout=10) as events:
            facts = json.loads(events.readline().removeprefix(b"data: "))
    assert facts["faces"][0]["expression"] == FER2013[round(200 / 255 * 6)]
    assert facts["rate"] > 0
