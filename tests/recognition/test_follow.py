"""The faces of a video, frame by frame, with tracks and smoothed probabilities."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from mien import InputError, Recognizer
from mien.core import images
from mien.faces.detectors import Detections
from mien.faces.faces import VideoFaces
from tests.drawn_video import bright, scene, walking, write


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return walking(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture
def recognizer(model: Path) -> Recognizer:
    return Recognizer(model, bright, threads=1)


@pytest.fixture
def found(clip: Path, recognizer: Recognizer) -> list[VideoFaces]:
    return list(recognizer.video(clip))


def test_every_frame_comes_with_its_faces(found: list[VideoFaces]) -> None:
    assert [one.frame for one in found] == list(range(75))
    assert [one.time for one in found] == pytest.approx([n / 25 for n in range(75)])
    ids = [one.tracks.tolist() for one in found]
    assert ids == [[1]] * 10 + [[]] * 5 + [[1]] * 20 + [[]] * 30 + [[2]] * 10
    assert [float(one.boxes[0, 0]) for one in found[:10]] == [n // 2 for n in range(10)]
    assert found[0].labels == ("angry",)
    assert found[74].labels == ("sad",)
    assert found[0][0].tracks.tolist() == [1]
    assert found[0][[]].smoothed.shape == (0, 7)
    assert found[30].to_dicts()[0]["track"] == 1


def test_samples(clip: Path, recognizer: Recognizer) -> None:
    assert [one.frame for one in recognizer.video(clip, every=0.2)] == list(range(0, 75, 5))


def test_boxes_are_not_rounded(clip: Path, model: Path) -> None:
    def between_pixels(image: images.Pixels, /) -> Detections:
        found = bright(image)
        return found._replace(boxes=found.boxes + np.float32(0.25))

    recognizer = Recognizer(model, between_pixels, threads=1)
    assert next(recognizer.video(clip)).boxes.tolist() == [[0.25, 20.25, 24.25, 24.25]]


def test_damage_is_reported_after_what_could_be_read(tmp_path: Path, recognizer: Recognizer) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (75, 64, 96, 3), dtype=np.uint8)
    write(tmp_path / "a.mkv", list(noise))
    data = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    frames: Iterator[VideoFaces] = recognizer.video(tmp_path / "cut.mkv")
    assert [one.frame for one in islice(frames, 30)] == list(range(30))
    with pytest.raises(InputError, match=r"cut off or damaged"):
        list(frames)


def test_jumps_in_time_are_warned_of_at_the_end(tmp_path: Path, recognizer: Recognizer) -> None:
    source = write(tmp_path / "a.ts", [scene(90)] * 10, codec="libx264")
    source.write_bytes(2 * source.read_bytes())
    with pytest.warns(UserWarning, match=r"a\.ts: its times jump from 0\.4"):
        assert len(list(recognizer.video(source))) == 20


def test_a_result_checks_itself(found: list[VideoFaces]) -> None:
    with pytest.raises(InputError, match=r"tracks: expected int64 \[1\], got int64 \[2\]"):
        VideoFaces(**{**vars(found[0]), "tracks": np.array([1, 2])})
    with pytest.raises(InputError, match="smoothed: expected"):
        VideoFaces(**{**vars(found[0]), "smoothed": np.zeros((1, 2), np.float32)})
