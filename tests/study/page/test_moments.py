"""The clips of episodes: which are chosen, and what is in them."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image, ImageSequence

from mien.study.page import moments
from mien.study.page.moments import MomentClip, cut, strongest
from tests.drawn_video import FACE, scene, write
from tests.study.numbers.made import made_curve, pulses


def test_participants_take_turns_and_neutral_is_left_out() -> None:
    lively = made_curve(pulses((5, 8, 0.7), (20, 23, 0.9), (40, 42, 0.8)))
    calm = made_curve(pulses((30, 33, 0.6)), participant="P2")
    found = strongest([lively, calm], 3)
    assert [(one.curve.participant, one.expression, round(one.peak, 1), round(one.onset)) for one in found] == [
        *(("P1", "happy", 0.9, 20), ("P2", "happy", 0.6, 30), ("P1", "happy", 0.8, 40))
    ]
    assert len(strongest([lively, calm], 99)) == 4
    assert strongest([lively], 0) == []


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """The frames of P1 in a.mp4: a face that walks to the right for 60 s."""
    times = (np.arange(600) / 10).tolist()
    rows: dict[str, Any] = {name: [text] * 600 for name, text in KEY.items()}
    left = [10 + int(time) % 20 for time in times]
    rows |= {"time": times, "x": left, "y": [20] * 600, "w": [FACE] * 600, "h": [FACE] * 600}
    (tmp_path / "frames").mkdir()
    pyarrow.parquet.write_table(pyarrow.table(rows), tmp_path / "frames" / "a.parquet")
    return tmp_path / "frames"


KEY = {"participant": "P1", "session": "", "condition": "a", "video": "a.mp4", "person": "1"}
CLIP = tuple(KEY.values())[:-1]
SMILE = pulses((30, 33, 0.8))


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """60 s at 10 a second, with a key frame every 0.5 s; the face brightens for 10 s, again and again."""
    return write(tmp_path / "a.mp4", [scene(40 + n % 100 * 2, left=10 + n // 10 % 20) for n in range(600)], rate=10)


def still(clip: MomentClip) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(clip.still))) as image:
        return np.asarray(image.convert("RGB"))


def test_a_clip_shows_the_face_at_its_moment(video: Path, frames: Path) -> None:
    (clip,) = cut(strongest([made_curve(SMILE)], 5), {CLIP: video}, [], frames)
    middle = still(clip)[60:84, 60:84].mean(axis=(0, 1))
    assert middle == pytest.approx([40] * 3, abs=14)  # its apex is its first frame, at 30 s
    with Image.open(io.BytesIO(base64.b64decode(clip.moving))) as image:
        assert image.size == (moments.SIDE, moments.SIDE)
        levels, times = [], []
        for frame in ImageSequence.Iterator(image):  # the format joins frames that are alike
            levels.append(np.asarray(frame.convert("RGB"))[60:84, 60:84].mean())
            times.append(frame.info["duration"])
    assert sum(times) == pytest.approx(1500, abs=250)  # from 0.3 s before to 1.2 s after
    assert [levels[0], levels[-1]] == pytest.approx([234, 62], abs=20)


def test_a_large_clip_loses_quality_and_all_have_a_limit(
    video: Path, frames: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = strongest([made_curve(SMILE)], 5)
    (whole,) = cut(found, {CLIP: video}, [], frames)
    monkeypatch.setattr(moments, "BYTES", 100)
    (small,) = cut(found, {CLIP: video}, [], frames)
    assert len(small.moving) < len(whole.moving)
    monkeypatch.setattr(moments, "ALL_BYTES", len(small.still))
    assert cut(found, {CLIP: video}, [], frames) == []


def test_videos_that_cannot_be_read_are_said(
    video: Path, frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = strongest([made_curve(SMILE)], 5)
    assert cut(found, {CLIP: tmp_path / "gone.mp4"}, [], frames) == []
    assert cut(found, {CLIP: video}, ["a.mp4"], frames) == []
    assert cut(found, {}, [], frames) == []
    said = capsys.readouterr().err
    assert "no clips of a.mp4" in said
    assert "gone.mp4: no such file" in said
    assert "its times jump" in said
