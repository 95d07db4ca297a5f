"""LatestValue and Camera: old frames are dropped, a lost camera comes back, a bad source is one line."""

import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mien.core.errors import InputError
from mien.live import camera
from mien.live.camera import Camera, LatestValue
from tests.brightness import grey_video


def silent(line: str) -> None:
    raise AssertionError(line)


def test_latest_value_yields_only_the_newest() -> None:
    values: LatestValue[int] = LatestValue()
    for value in range(3):
        values.put(value)
    stream = iter(values)
    assert next(stream) == 2
    threading.Timer(0.05, values.put, [7]).start()
    assert next(stream) == 7
    values.put(8)
    values.close()
    assert list(stream) == [8]
    assert list(values) == [8]  # each reader for itself


def test_latest_value_ends_a_waiting_reader_on_close() -> None:
    values: LatestValue[int] = LatestValue()
    threading.Timer(0.05, values.close).start()
    assert list(values) == []


def test_a_file_is_played_at_its_own_speed(tmp_path: Path) -> None:
    began = time.monotonic()
    with Camera(str(grey_video(tmp_path / "a.avi", [0, 60, 120, 180, 240, 120], rate=20)), notice=silent) as frames:
        seen = list(frames)
    assert time.monotonic() - began >= 0.2
    assert seen[-1].number == 5
    numbers = [frame.number for frame in seen]
    assert numbers == sorted(set(numbers))
    assert seen[0].pixels.shape == (48, 64, 3)
    assert seen[-1].pixels.mean() == pytest.approx(120, abs=4)


def test_a_playlist_is_not_played(tmp_path: Path) -> None:
    grey_video(tmp_path / "private.mp4", [100] * 3)
    (tmp_path / "list.mp4").write_text("ffconcat version 1.0\nfile private.mp4\n")
    with pytest.raises(InputError, match=r"list\.mp4: not a video that can be read \(it is text"):
        Camera(str(tmp_path / "list.mp4"), notice=silent)


def test_a_slow_reader_gets_the_newest_frame(tmp_path: Path) -> None:
    seen = []
    with Camera(str(grey_video(tmp_path / "a.avi", range(0, 200, 5), rate=100)), notice=silent) as frames:
        for frame in frames:
            seen.append(frame)
            while frames._thread.is_alive() and frames._frames._count < frame.number + 10:
                time.sleep(0.01)
    assert len(seen) < 10  # of 40
    assert seen[-1].number == 39
    assert seen[-1].pixels.mean() == pytest.approx(195, abs=4)


class Flaky:
    """Stands for cv2.VideoCapture: gives three frames per opening; openings two and three fail."""

    openings = 0

    def __init__(self, source: int) -> None:
        assert source == 7
        Flaky.openings += 1
        self.left = 0 if Flaky.openings in (2, 3) else 3

    def read(self) -> tuple[bool, Any]:
        time.sleep(0.01)
        self.left -= 1
        return (True, np.zeros((4, 4, 3), np.uint8)) if self.left >= 0 else (False, None)

    def release(self) -> None: ...


def test_a_lost_camera_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", Flaky)
    monkeypatch.setattr(camera, "FIRST_PAUSE", 0.01)
    notices: list[str] = []
    with Camera("7", notice=notices.append) as frames:
        for frame in frames:
            if frame.number >= 4:
                break
    assert notices[:2] == ["camera 7: lost; trying again", "camera 7: back"]
    assert Flaky.openings >= 4


def test_a_lost_camera_can_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead(Flaky):
        def __init__(self, source: int) -> None:
            self.left = 1 if Dead.openings == 0 else 0
            Dead.openings = 1

    Dead.openings = 0
    monkeypatch.setattr(cv2, "VideoCapture", Dead)
    for pause in ("FIRST_PAUSE", "LONGEST_PAUSE"):
        monkeypatch.setattr(camera, pause, 60.0)
    lost = threading.Event()
    began = time.monotonic()
    with Camera("7", notice=lambda line: lost.set()) as frames:
        assert next(iter(frames)).number == 0
        assert lost.wait(30)
    assert list(frames)[1:] == []
    assert time.monotonic() - began < 50


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("97", "camera 97: cannot be opened"),
        ("none.mp4", "none.mp4: no such file"),
        (__file__, "test_camera.py: not a video that can be read"),
        ("rtsp://me:secret@127.0.0.1:9/door", r"rtsp://...@127.0.0.1:9/door: no image comes from there"),
    ],
)
def test_a_bad_source_is_one_line(source: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as raised:
        Camera(source, notice=silent)
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)
