"""Whole files are whole, whatever lasts longer in them; cut ones are said to be cut: every container, with and without
sound, and at many places."""

from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import InputError
from mien.recognition.video import Video
from tests.drawn_video import write

CONTAINERS: dict[str, tuple[str, str, dict[str, str]]] = {
    "mp4": ("libx264", "aac", {}),
    "front.mp4": ("libx264", "aac", {"movflags": "faststart"}),
    "parts.mp4": ("libx264", "aac", {"movflags": "frag_keyframe+empty_moov"}),
    "mov": ("libx264", "aac", {}),
    "3gp": ("libx264", "aac", {}),
    "mkv": ("libx264", "aac", {}),
    "live.mkv": ("libx264", "aac", {"live": "1"}),
    "webm": ("libvpx", "libopus", {}),
    "live.webm": ("libvpx", "libopus", {"live": "1"}),
    "avi": ("mpeg4", "mp3", {}),
    "flv": ("flv1", "mp3", {}),
    "ts": ("libx264", "aac", {}),
    "m2ts": ("libx264", "ac3", {"mpegts_m2ts_mode": "1"}),
    "mpg": ("mpeg2video", "mp2", {}),
    "vob": ("mpeg2video", "ac3", {}),
    "wmv": ("wmv2", "", {}),
}
FRAMES = [
    np.random.default_rng(n).integers(0, 256, (12, 16, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1) for n in range(50)
]
RESULTS = dict[tuple[str, bool], bytes]()


def whole(folder: Path, name: str, *, sound: bool) -> bytes:
    codec, voice, options = CONTAINERS[name]
    path = folder / f"whole.{name}"
    if (name, sound) not in RESULTS:
        write(path, FRAMES, codec=codec, sound=voice if sound else "", options=options)
        RESULTS[name, sound] = path.read_bytes()
    return RESULTS[name, sound]


def damage(path: Path) -> str:
    """Return what is said of a file, when it is opened or at its end."""
    try:
        with Video(path, threads=1) as video:
            assert sum(1 for _ in video) > 0
    except InputError as error:
        return str(error)
    return video.damage


@pytest.mark.parametrize("sound", [False, True])
@pytest.mark.parametrize("name", CONTAINERS)
def test_whole(tmp_path: Path, name: str, sound: bool) -> None:
    (tmp_path / f"a.{name}").write_bytes(whole(tmp_path, name, sound=sound))
    assert damage(tmp_path / f"a.{name}") == ""


@pytest.mark.parametrize("cut", [0.3, 0.5, 0.9, -1000])
@pytest.mark.parametrize("sound", [False, True])
@pytest.mark.parametrize("name", [name for name in CONTAINERS if name not in ("m2ts", "mpg", "vob")])
def test_cut(tmp_path: Path, name: str, sound: bool, cut: float) -> None:
    data = whole(tmp_path, name, sound=sound)
    left = len(data) + int(cut) if cut < 0 else int(len(data) * cut)
    left -= name == "ts" and left % 188 == 0  # at the end of a packet it may be that a picture ends, too
    (tmp_path / f"a.{name}").write_bytes(data[:left])
    assert "cut off" in damage(tmp_path / f"a.{name}")


@pytest.mark.parametrize("name", ["m2ts", "mpg", "vob"])
def test_cut_in_the_midst_of_a_packet(tmp_path: Path, name: str) -> None:
    data = whole(tmp_path, name, sound=True)
    (tmp_path / f"a.{name}").write_bytes(data[: len(data) // 2 // 2048 * 2048 + 1000])
    assert "cut off" in damage(tmp_path / f"a.{name}")


@pytest.mark.parametrize("name", [name for name in CONTAINERS if name != "wmv"])
def test_sound_that_is_longer_or_shorter_than_the_picture(tmp_path: Path, name: str) -> None:
    codec, voice, options = CONTAINERS[name]
    for seconds in (0.5, 6.0):
        write(tmp_path / f"a.{name}", FRAMES, codec=codec, sound=voice, options=options, seconds=seconds)
        assert damage(tmp_path / f"a.{name}") == ""


@pytest.mark.parametrize("name", ["mp4", "mkv", "webm", "flv", "ts", "mpg", "wmv"])
def test_a_first_timestamp_of_an_hour(tmp_path: Path, name: str) -> None:
    codec, voice, options = CONTAINERS[name]
    write(tmp_path / f"a.{name}", FRAMES, codec=codec, sound=voice, options=options, start=3600)
    with Video(tmp_path / f"a.{name}") as video:
        times = [frame.time for frame in video]
    assert video.damage == ""
    assert times[0] == pytest.approx(0, abs=0.05)
    assert video.end == pytest.approx(2, abs=0.05)


@pytest.mark.parametrize(("name", "times"), [("mp4", 2), ("flv", 2), ("wmv", 2), ("mkv", 3), ("webm", 4)])
def test_another_video_that_is_not_read_is_named(tmp_path: Path, name: str, times: int) -> None:
    (tmp_path / f"a.{name}").write_bytes(times * whole(tmp_path, name, sound=False))
    assert "another video follows at byte" in damage(tmp_path / f"a.{name}")


def test_what_a_camera_appends_to_an_mp4_is_no_damage(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(whole(tmp_path, "mp4", sound=True) + b"\0\0\1\0SEFT" + bytes(40))
    assert damage(tmp_path / "a.mp4") == ""


@pytest.mark.parametrize("sound", [False, True])
@pytest.mark.parametrize("name", ["mkv", "webm", "live.mkv", "live.webm"])
def test_zeros_in_the_midst_of_a_matroska(tmp_path: Path, name: str, sound: bool) -> None:
    data = bytearray(whole(tmp_path, name, sound=sound))  # as a download leaves that lacks a part
    data[len(data) // 2 : len(data) // 2 + 4 * len(data) // 50] = bytes(4 * len(data) // 50)
    (tmp_path / f"a.{name}").write_bytes(data)
    assert "damaged at byte" in damage(tmp_path / f"a.{name}")


@pytest.mark.parametrize("sound", [False, True])
def test_zeros_in_the_midst_of_an_avi(tmp_path: Path, sound: bool) -> None:
    data = bytearray(write(tmp_path / "a.avi", FRAMES, codec="mpeg4", sound="mp3" if sound else "").read_bytes())
    data[len(data) // 2 : len(data) // 2 + len(data) // 6] = bytes(len(data) // 6)
    (tmp_path / "a.avi").write_bytes(data)
    assert "times after it are too early" in damage(tmp_path / "a.avi")
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)  # a file of a size that was set before it was written
    (tmp_path / "a.avi").write_bytes(data)
    assert "times after" not in damage(tmp_path / "a.avi")
