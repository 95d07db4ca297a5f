"""Frames as players show them: times, turns, samples, and what is said of damage."""

import os
import struct
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from mien.core.errors import InputError
from mien.recognition.video import Video
from tests.drawn_video import bright, scene, write

PICTURES = [scene(level) for level in range(0, 250, 25)]


def test_frames_in_order_and_to_the_pixel(tmp_path: Path) -> None:
    with Video(write(tmp_path / "a.mp4", PICTURES)) as video:
        frames = [(frame.number, frame.time, frame.image) for frame in video]
    assert [number for number, _, _ in frames] == list(range(10))
    assert [time for _, time, _ in frames] == pytest.approx([place / 25 for place in range(10)])
    assert all(np.array_equal(image, picture) for (_, _, image), picture in zip(frames, PICTURES, strict=True))
    assert (video.damage, video.duration) == ("", 0.4)


def test_times_are_those_of_a_varying_rate(tmp_path: Path) -> None:
    times = [0, 0.04, 0.05, 0.3, 0.31, 1.2, 1.3, 1.35, 1.4, 2.0]
    with Video(write(tmp_path / "a.mkv", PICTURES, times=times)) as video:
        assert [frame.time for frame in video] == pytest.approx(times)


def test_times_begin_where_the_file_does(tmp_path: Path) -> None:
    with Video(write(tmp_path / "a.mkv", PICTURES, times=[5 + place / 10 for place in range(10)])) as video:
        assert [frame.time for frame in video] == pytest.approx([place / 10 for place in range(10)])


@pytest.mark.parametrize(
    ("rotate", "mirror", "box"),
    [
        (0, False, [30, 20, 24, 24]),
        (90, False, [20, 42, 24, 24]),
        (180, False, [42, 20, 24, 24]),
        (270, False, [20, 30, 24, 24]),
        (0, True, [42, 20, 24, 24]),
    ],
)
def test_frames_are_upright(tmp_path: Path, rotate: int, mirror: bool, box: list[float]) -> None:
    """The face lies at (30, 20) of 96 x 64; `rotate` is counter-clockwise."""
    with Video(write(tmp_path / "a.mp4", [scene(200)], rotate=rotate, mirror=mirror)) as video:
        image = next(iter(video)).image
    assert image.shape[:2] == ((96, 64) if rotate in (90, 270) else (64, 96))
    assert bright(image).boxes.tolist() == [box]


def test_pixels_are_square(tmp_path: Path) -> None:
    with Video(write(tmp_path / "wide.mp4", PICTURES, pixel=2)) as video:
        assert next(iter(video)).image.shape == (64, 192, 3)


@pytest.mark.parametrize(("every", "numbers"), [(0.1, [0, 3, 5, 8]), (0.04, list(range(10))), (9, [0])])
def test_sampling_takes_the_first_frame_from_each_multiple(tmp_path: Path, every: float, numbers: list[int]) -> None:
    with Video(write(tmp_path / "a.mp4", PICTURES), every=every) as video:
        assert [frame.number for frame in video] == numbers


NOISE = [np.random.default_rng(place).integers(0, 256, (64, 96, 3), dtype=np.uint8) for place in range(75)]


@pytest.mark.parametrize(
    ("begin", "until", "numbers"), [(0.1, 0.3, [3, 5]), (0.05, 9.0, [3, 5, 8]), (0.0, 0.2, [0, 3])]
)
def test_a_part_has_the_frames_that_the_whole_has_there(
    tmp_path: Path, begin: float, until: float, numbers: list[int]
) -> None:
    path = write(tmp_path / "a.mp4", PICTURES)
    with Video(path, every=0.1, begin=begin, until=until) as video:
        assert [frame.number for frame in video] == numbers
    assert (video.end, video.damage, video.notes) == (min(until, 0.4), "", [])


def fast(path: Path) -> bytes:
    """Return an MP4 of 3 s whose index stands first, so that its end can be missing."""
    write(path, NOISE)
    front = path.with_suffix(".front.mp4")
    with av.open(str(path)) as source, av.open(str(front), "w", options={"movflags": "faststart"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return front.read_bytes()


def test_a_video_that_is_cut_off_gives_what_is_there(tmp_path: Path) -> None:
    data = fast(tmp_path / "whole.mp4")
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) // 2])
    with Video(tmp_path / "cut.mp4") as video:
        count = sum(1 for _ in video)
    assert 30 <= count <= 40
    assert video.damage.startswith(f"{tmp_path / 'cut.mp4'}: ends at 1.")
    assert "should at 3.00 s" in video.damage


def test_damage_in_the_middle_is_passed_over(tmp_path: Path) -> None:
    data = bytearray(fast(tmp_path / "whole.mp4"))
    middle = len(data) // 2
    data[middle : middle + 60_000] = np.random.default_rng(0).integers(0, 256, 60_000, dtype=np.uint8).tobytes()
    (tmp_path / "a.mp4").write_bytes(data)
    with Video(tmp_path / "a.mp4") as video:
        numbers = [frame.number for frame in video]
    assert 60 <= len(numbers) < 75
    assert ": damaged in " in video.damage
    assert "the first near 1." in video.damage


def test_a_file_of_nothing_but_its_head(tmp_path: Path) -> None:
    data = fast(tmp_path / "whole.mp4")
    (tmp_path / "head.mp4").write_bytes(data[: data.index(b"mdat") + 4])
    with Video(tmp_path / "head.mp4") as video:
        assert list(video) == []
    assert "no frame" in video.damage


def test_what_cannot_be_opened_is_one_line(tmp_path: Path) -> None:
    write(tmp_path / "a.mp4", PICTURES, sound="aac")
    data = (tmp_path / "a.mp4").read_bytes()
    with av.open(str(tmp_path / "a.mp4")) as source, av.open(str(tmp_path / "sound.mp4"), "w") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("not a video\n" * 100)
    (tmp_path / "half.mp4").write_bytes(data[: len(data) // 2])
    (tmp_path / "unknown.mp4").write_bytes(data.replace(b"avc1", b"xyz9"))
    for name, message in {
        "empty.mp4": "empty",
        "text.mp4": "not a video that can be read",
        "half.mp4": "is it damaged or cut off",
        "sound.mp4": "no video in it",
        "unknown.mp4": "no decoder for its video",
        "gone.mp4": "no such file",
        ".": "not a file",
    }.items():
        with pytest.raises(InputError, match=message) as found:
            Video(tmp_path / name)
        assert str(found.value).startswith(str(tmp_path / name))
        assert len(str(found.value).splitlines()) == 1
    with pytest.raises(InputError, match="expected seconds"):
        Video(tmp_path / "a.mp4", every=-1)


def test_the_last_frame_lasts_as_long_as_the_file_says(tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mkv", "a.mov"):
        for times, last, end in (([0, 2], 6, 8), ([0], 30, 30)):
            write(tmp_path / name, PICTURES[: len(times)], times=times, last=last, codec="libx264")
            with Video(tmp_path / name) as video:
                assert [frame.time for frame in video] == times
            assert (video.damage, video.last) == ("", times[-1])
            assert video.end == pytest.approx(end, abs=0.05)


def test_times_rise_in_an_avi_whose_packets_are_in_another_order(tmp_path: Path) -> None:
    pictures = [np.full((64, 96, 3), 2 * n, np.uint8) for n in range(100)]
    with Video(write(tmp_path / "a.avi", pictures, codec="libx264"), every=0.2) as video:  # x264 makes B-frames
        frames = [(frame.number, frame.time) for frame in video]
    assert [number for number, _ in frames] == list(range(0, 100, 5))
    assert [time for _, time in frames] == pytest.approx([n / 5 for n in range(20)])
    assert (video.damage, video.notes) == ("", [])


@pytest.mark.parametrize("name", ["a.ts", "a.mpg", "a.webm"])
@pytest.mark.parametrize("sound", ["", "yes"])
def test_recordings_joined_end_to_end_go_on(tmp_path: Path, name: str, sound: str) -> None:
    codec, voice = {"a.mpg": ("mpeg2video", "mp2"), "a.webm": ("libvpx", "libopus")}.get(name, ("libx264", "aac"))
    live = {"live": "1"} if name == "a.webm" else {}
    data = write(tmp_path / name, PICTURES * 5, codec=codec, sound=sound and voice, options=live).read_bytes()
    (tmp_path / name).write_bytes(3 * data)
    with Video(tmp_path / name, every=0.2) as video:
        times = [frame.time for frame in video]
    assert times == pytest.approx([n / 5 for n in range(30)], abs=0.1)
    assert video.end == pytest.approx(6, abs=0.1)
    assert video.damage == ""
    assert len(video.clock.jumps) == 2
    assert len(video.notes) == 1
    assert "its times jump 2 times, first from 2.0" in video.notes[0]


@pytest.mark.parametrize("name", ["a.ts", "a.mkv", "a.mp4"])
def test_a_leap_of_ten_hours_is_closed(tmp_path: Path, name: str) -> None:
    times = [n / 10 + 36_000 * (n > 4) for n in range(10)]
    with Video(write(tmp_path / name, PICTURES, times=times, codec="libx264")) as video:
        assert [frame.time for frame in video] == pytest.approx([n / 10 for n in range(10)], abs=0.11)
    assert video.end < 2
    assert "to 36000" in video.notes[0]


def test_a_picture_that_changes_its_size_is_named(tmp_path: Path) -> None:
    small = [picture[:32, :48] for picture in PICTURES]
    parts = [write(tmp_path / name, frames, codec="libx264") for name, frames in (("a.ts", PICTURES), ("b.ts", small))]
    (tmp_path / "c.ts").write_bytes(b"".join(part.read_bytes() for part in parts))
    with Video(tmp_path / "c.ts") as video:
        frames = [(frame.size, frame.image.shape) for frame in video]
    assert frames == [((96, 64), (64, 96, 3))] * 10 + [((48, 32), (32, 48, 3))] * 10
    assert "its picture changes from 96 x 64 to 48 x 32 at 0.4" in video.notes[1]
    assert video.damage == ""


def test_pixels_that_cannot_be_so_wide_are_square(tmp_path: Path) -> None:
    data = write(tmp_path / "a.mp4", PICTURES, pixel=2).read_bytes()
    place = data.index(b"pasp") + 4
    for pixel in ((21895, 42), (1, 60_000)):
        (tmp_path / "b.mp4").write_bytes(data[:place] + struct.pack(">II", *pixel) + data[place + 8 :])
        with Video(tmp_path / "b.mp4") as video:
            assert {frame.image.shape for frame in video} == {(64, 96, 3)}
        assert len(video.notes) == 1
        assert "read as square ones" in video.notes[0]


def test_a_picture_that_is_far_too_large_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.mkv", PICTURES)
    with pytest.raises(InputError, match="96 x 64 pixels; at most 6,000 are read"):
        Video(tmp_path / "a.mkv", max_pixels=6_000)


@pytest.mark.parametrize("length", [1e18, float("inf"), float("nan"), -1.0])
def test_an_impossible_length_is_not_believed(tmp_path: Path, length: float) -> None:
    data = write(tmp_path / "a.mkv", PICTURES).read_bytes()
    place = data.index(bytes.fromhex("448988")) + 3
    (tmp_path / "a.mkv").write_bytes(data[:place] + struct.pack(">d", length) + data[place + 8 :])
    with Video(tmp_path / "a.mkv") as video:
        assert sum(1 for _ in video) == 10
    assert video.duration is None or video.duration < 1
    assert video.damage == ""
    assert video.end == pytest.approx(0.4, abs=0.05)


PLAYLISTS = {
    "a.mp4": "ffconcat version 1.0\nfile 'secret.mp4'\n",
    "b.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nsecret.mp4\n#EXT-X-ENDLIST\n",
    "c.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nsecret.mp4\n#EXT-X-ENDLIST\n",
    "d.mkv": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "e.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"></MPD>',
    "f.mp4": "[Script Info]\n; a subtitle\n",
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_a_playlist_opens_no_other_file(tmp_path: Path, name: str) -> None:
    write(tmp_path / "secret.mp4", PICTURES)
    (tmp_path / name).write_text(PLAYLISTS[name])
    with pytest.raises(InputError, match="it is text; of a playlist, give the videos that it names"):
        Video(tmp_path / name)


@pytest.mark.parametrize(
    "name", ["pipe:0", "http:a.mp4", "concat:a|b.ts", "%d.mp4", "-x.mp4", "a\nb.mp4", os.fsdecode(b"\xff.mp4")]
)
def test_a_name_is_only_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    write(tmp_path / "a.mp4", PICTURES).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    with Video(name) as video:
        assert sum(1 for _ in video) == 10


def test_a_rate_of_one_frame_in_years_is_not_believed(tmp_path: Path) -> None:
    data = bytearray(write(tmp_path / "a.avi", PICTURES, codec="mpeg4").read_bytes())
    place = data.index(b"vids") + 20  # dwScale, dwRate: seconds a frame
    data[place : place + 8] = struct.pack("<II", 1_000_000_000, 1)
    (tmp_path / "a.avi").write_bytes(data)
    with Video(tmp_path / "a.avi") as video:
        assert sum(1 for _ in video) == 10
    assert video.end < 40_000


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "a.avi", "a.flv", "a.ts", "a.mpg", "a.wmv"])
def test_times_of_spoilt_files_never_fall(tmp_path: Path, name: str) -> None:
    codec = {".avi": "mpeg4", ".flv": "flv1", ".mpg": "mpeg2video", ".wmv": "wmv2", ".webm": "libvpx"}
    whole = write(tmp_path / name, PICTURES * 2, codec=codec.get(Path(name).suffix, "libx264")).read_bytes()
    rng = np.random.default_rng(0)
    for number in range(40):
        data = bytearray(whole)
        for place in rng.integers(0, len(data) if number % 2 else min(len(data), 600), 12).tolist():
            data[place : place + 4] = rng.bytes(4) if number % 3 else b"\xff\xff\xff\xff"
        (tmp_path / name).write_bytes(data[: rng.integers(1, len(data))] if number % 5 == 0 else data)
        try:
            with Video(tmp_path / name, threads=1) as video:
                times = [frame.time for frame in video]
        except InputError:
            continue
        assert times == sorted(times)
        assert "\n" not in video.damage
        assert video.end >= video.last


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.mp4", {"rate": 10}),
        ("b.mp4", {"rate": 10, "start": 7.0}),
        ("c.mkv", {"rate": 10, "codec": "libx264", "start": 3.0}),
        ("d.avi", {"rate": 10, "codec": "mpeg4"}),
        ("e.ts", {"rate": 10, "codec": "libx264"}),
        ("f.mov", {"rate": 10, "sound": "aac"}),
        ("g.mpg", {"rate": 25, "codec": "mpeg2video"}),
    ],
)
def test_a_skip_leads_to_the_same_frames(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    path = write(tmp_path / name, [scene(40 + n % 100 * 2, left=n // 10 % 20) for n in range(300)], **options)
    begin = 250 / options["rate"]
    found = []
    for skips in (False, True):
        with Video(path, begin=begin, until=begin + 1) as video:
            if skips:
                video.skip(begin)
            frames = [(frame.time, float(frame.image.mean()), frame.number) for frame in video]
            found.append(frames)
    wanted, after = found
    assert [time for time, *_ in after] == pytest.approx([time for time, *_ in wanted], abs=0.002)
    assert [mean for _, mean, _ in after] == pytest.approx([mean for _, mean, _ in wanted], abs=0.3)
    assert after[0][2] < wanted[0][2]  # counted from where it went
