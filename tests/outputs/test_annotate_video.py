"""The annotated copy: the same times, the same sound, the faces where they are."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import ImageFont

from mien.core.errors import InputError
from mien.faces.annotate import COLOURS
from mien.faces.faces import VideoFaces
from mien.outputs.annotate_video import AnnotatedVideo, annotate_video, overlay
from mien.recognition.video import Video
from tests.drawn_video import scene, write
from tests.recognition.test_smoothing import frame_faces

PICTURES = [scene(120) for _ in range(12)]
FOUND = [frame_faces(n, n / 25, {1: 0.9 if n < 6 else 0.1}) for n in range(0, 12, 3)]  # the face lies at (40, 0)


def annotate(source: Path, target: Path) -> None:
    with annotate_video(source, target, threads=1) as copy:
        for faces in FOUND:
            copy.write(faces)


def interrupt(copy: AnnotatedVideo) -> None:
    copy.write(FOUND[1])
    raise KeyboardInterrupt


def sound(path: Path) -> list[bytes]:
    with av.open(str(path)) as file:
        return [bytes(packet) for packet in file.demux(audio=0) if packet.size]


def test_times_and_faces(tmp_path: Path) -> None:
    times = [0, 0.1, 0.2, 0.25, 0.3, 0.6, 0.61, 0.7, 0.8, 0.9, 1.5, 1.6]
    source = write(tmp_path / "a.mp4", PICTURES, times=times)
    annotate(source, tmp_path / "b.mp4")
    with Video(tmp_path / "b.mp4") as video:
        frames = [(frame.time, frame.image) for frame in video]
    assert [time for time, _ in frames] == pytest.approx(times)
    assert frames[0][1].shape == (480, 720, 3)  # 7.5 times as large
    for number, name in ((0, "happy"), (5, "happy"), (6, "sad"), (11, "sad")):
        plate = frames[number][1][10:30, 302:308].reshape(-1, 3).mean(axis=0)
        assert plate == pytest.approx(COLOURS[name], abs=20)
    assert not list(tmp_path.glob(".*"))


def test_sound_is_copied_packet_by_packet(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4", PICTURES, sound="aac")
    annotate(source, tmp_path / "b.mp4")
    assert sound(tmp_path / "b.mp4") == sound(source)


@pytest.mark.parametrize("hertz", [11_025, 44_100, 192_000])
def test_sound_that_mp4_does_not_hold_becomes_aac(tmp_path: Path, hertz: int) -> None:
    source = write(tmp_path / "a.avi", PICTURES, sound="pcm_s16le", hertz=hertz, codec="mpeg4")
    annotate(source, tmp_path / "b.mp4")
    with av.open(str(tmp_path / "b.mp4")) as file:
        assert file.streams.audio[0].codec_context.name == "aac"
        heard = np.concatenate([frame.to_ndarray()[0] for frame in file.decode(audio=0)])
    assert len(heard) / 48_000 == pytest.approx(12 / 25, abs=0.05)
    tone = np.abs(np.fft.rfft(heard[4096:12288])).argmax() * 48_000 / 8192
    assert tone == pytest.approx(440, abs=6)


@pytest.mark.parametrize("hertz", [8_000, 11_025])
def test_mp3_that_is_too_slow_for_an_mp4_becomes_aac(tmp_path: Path, hertz: int) -> None:
    annotate(write(tmp_path / "a.avi", PICTURES, sound="mp3", hertz=hertz, codec="mpeg4"), tmp_path / "b.mp4")
    assert len(sound(tmp_path / "b.mp4")) > 20


def test_sound_that_begins_midway_is_in_the_copy(tmp_path: Path) -> None:
    mute = write(tmp_path / "a.ts", PICTURES * 20, codec="libx264").read_bytes()
    source = write(tmp_path / "b.ts", PICTURES * 4, codec="libx264", sound="aac")
    source.write_bytes(mute + source.read_bytes())
    with annotate_video(source, tmp_path / "b.mp4", threads=1) as copy:
        copy.write(FOUND[0])
    assert len(sound(tmp_path / "b.mp4")) > 20


def test_a_turned_video_is_drawn_upright_without_rotation_data(tmp_path: Path) -> None:
    annotate(write(tmp_path / "a.mp4", PICTURES, rotate=90), tmp_path / "b.mp4")
    with Video(tmp_path / "b.mp4") as video:
        frame = next(iter(video))
    assert frame.image.shape == (720, 480, 3)
    assert frame.raw.rotation == 0


def test_odd_sides(tmp_path: Path) -> None:
    large = [np.full((481, 643, 3), 90, np.uint8)] * 3
    annotate(write(tmp_path / "a.mkv", large), tmp_path / "b.mp4")
    with Video(tmp_path / "b.mp4") as video:
        assert next(iter(video)).image.shape in {(480, 642, 3), (480, 644, 3), (482, 642, 3)}


def test_where_none_can_be_written_none_is_left(tmp_path: Path) -> None:
    source = write(tmp_path / "a.mp4", PICTURES)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"):
        annotate(source, tmp_path / "file" / "b.mp4")
    with pytest.raises(KeyboardInterrupt), annotate_video(source, tmp_path / "b.mp4") as copy:
        interrupt(copy)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "file"]


def test_low_quality_is_marked_or_else_no_name() -> None:
    ground = np.full((400, 500, 3), 128, np.uint8)

    def plate(found: VideoFaces) -> int:
        """How long the first face's is."""
        row = (overlay(ground, found, 1.0)[101] == COLOURS["happy"]).all(axis=1)
        return int(row[100:].argmin())

    one = replace(frame_faces(0, 0, {1: 0.9}), boxes=np.array([[100, 120, 60, 60]], np.float32))
    low = replace(one, quality_reasons=np.full((1, 6), True))
    assert plate(low) > 1.5 * plate(one)
    rows = np.array([[0.9, 0.1]] * 2, np.float32)
    for left, words in ((260, "1 (low quality)"), (190, "1")):  # where the second face is in the longer plate's way
        boxes = np.array([[100, 120, 60, 60], [left, 60, 60, 60]], np.float32)
        blurred, tracks = np.repeat([[True], [False]], 6, axis=1), np.array([1, 2])
        two = replace(
            one, boxes=boxes, probabilities=rows, quality_reasons=blurred, tracks=tracks, persons=tracks, smoothed=rows
        )
        assert plate(two) == pytest.approx(ImageFont.load_default(14).getlength(words) + 14, abs=2)


def test_in_a_crowd_no_face_and_no_name_is_covered() -> None:
    boxes = [[float(x), float(y), 60, 60] for y in (60, 150, 240) for x in (40, 110, 300)]
    rows = np.tile(np.eye(3, dtype=np.float32)[:1], (9, 1))
    classes, tracks = ("happy", "angry", "sad"), np.arange(1, 10)
    crowd = VideoFaces(np.array(boxes, np.float32), rows, classes, frame=0, time=0.0, tracks=tracks, smoothed=rows)
    drawn = overlay(np.full((400, 500, 3), 128, np.uint8), crowd, 1.0)
    for x, y, *_ in np.array(boxes, int):
        assert (drawn[y + 5 : y + 55, x + 5 : x + 55] == 128).all()
        plate = drawn[y - 20 : y - 2, x + 2 : x + 18]
        assert (plate == COLOURS["happy"]).all(axis=2).sum() > 100
    alone = overlay(np.full((400, 500, 3), 128, np.uint8), crowd[:1], 1.0)
    assert (alone[130:170, 60:90] < 30).any()  # its bars are there


def test_boxes_lie_on_the_faces_after_the_picture_has_changed_its_size(tmp_path: Path) -> None:
    tall = [np.ascontiguousarray(scene(120).transpose(1, 0, 2)) for _ in range(12)]
    parts = [write(tmp_path / name, frames, codec="libx264") for name, frames in (("a.ts", PICTURES), ("b.ts", tall))]
    source = tmp_path / "c.ts"
    source.write_bytes(b"".join(part.read_bytes() for part in parts))
    box = {0: [30, 20, 24, 24], 1: [20, 30, 24, 24]}
    with annotate_video(source, tmp_path / "d.mp4", threads=1) as copy:
        for n in range(24):
            found = frame_faces(n, n / 25, {1: 0.9})
            copy.write(replace(found, boxes=np.array([box[n // 12]], np.float32)))
    with Video(tmp_path / "d.mp4") as video:
        frames = [frame.image.astype(int) for frame in video]
    assert [len(frames), frames[0].shape] == [24, (480, 720, 3)]
    colour = np.array(COLOURS["happy"])
    for image, (left, top, side) in ((frames[3], (225, 150, 180)), (frames[20], (300, 150, 120))):
        columns = image[top + side // 4 : top + side // 2].mean(axis=0)
        for edge in (left, left + side):
            assert np.abs(columns[edge - 3 : edge + 4] - colour).max(axis=1).min() < 90


def test_the_copy_of_joined_recordings_lasts_as_long_as_both_with_its_sound(tmp_path: Path) -> None:
    source = write(tmp_path / "a.ts", PICTURES * 4, codec="libx264", sound="aac")
    source.write_bytes(2 * source.read_bytes())
    with annotate_video(source, tmp_path / "b.mp4", threads=1) as copy:
        copy.write(FOUND[0])
    with Video(tmp_path / "b.mp4") as video:
        times = [frame.time for frame in video]
    assert times == pytest.approx([n / 25 for n in range(96)], abs=0.06)
    with av.open(str(tmp_path / "b.mp4")) as file:
        heard = [packet.pts / 48_000 for packet in file.demux(audio=0) if packet.pts is not None]
    assert heard == sorted(heard)
    assert heard[-1] == pytest.approx(96 / 25, abs=0.1)


@pytest.mark.parametrize("times", [[0, 2], [0, 0.1, 0.2, 5, 5.1, 25, 25.2]])
def test_the_copy_lasts_as_long_as_the_last_frame(tmp_path: Path, times: list[float]) -> None:
    source = write(tmp_path / "a.mkv", PICTURES[: len(times)], times=times, last=6, codec="libx264")
    with annotate_video(source, tmp_path / "b.mp4", threads=1) as copy:
        copy.write(FOUND[0])
    with Video(source) as before, Video(tmp_path / "b.mp4") as video:
        assert [frame.time for frame in video] == pytest.approx(times)
        assert len(list(before)) == len(times)
    assert video.end == pytest.approx(before.end, abs=0.01)
    assert video.duration == pytest.approx(before.end, abs=0.01)


def test_a_narrow_video_is_not_enlarged_beyond_reason(tmp_path: Path) -> None:
    write(tmp_path / "a.mkv", [np.full((8, 3000, 3), 90, np.uint8)] * 3)
    with annotate_video(tmp_path / "a.mkv", tmp_path / "b.mp4", threads=1) as copy:
        copy.write(FOUND[0])
    with Video(tmp_path / "b.mp4") as video:
        assert next(iter(video)).size == (4096, 120)


def test_a_playlist_is_not_opened_for_its_sound(tmp_path: Path) -> None:
    write(tmp_path / "secret.mp4", PICTURES)
    (tmp_path / "a.mp4").write_text("ffconcat version 1.0\nfile 'secret.mp4'\n")
    with pytest.raises(InputError, match="it is text"):
        annotate(tmp_path / "a.mp4", tmp_path / "b.mp4")
