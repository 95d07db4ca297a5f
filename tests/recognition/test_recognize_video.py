"""A video's faces as rows: each picture has its own, and an interrupted job goes on as if it had not been."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from mien import InputError, Recognizer
from mien.faces.faces import FRAME, VideoFaces, columns
from mien.models.calibration import Abstention, Calibration, Conformal
from mien.models.metadata import ModelInfo
from mien.outputs.table import LATER, TableWriter
from mien.recognition.recognize_video import from_rows, recognize_video, to_rows
from mien.recognition.video import Video
from tests.brightness import FER
from tests.drawn_video import bright, scene, write

NAMES = columns(FER, FRAME)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """3 s at 25 a second: a face that walks and brightens, away for 0.2 s and for 1.2 s."""
    away = {*range(10, 15), *range(35, 65)}
    pictures = [scene(None if n in away else 20 + 3 * n, left=n // 2) for n in range(75)]
    return write(tmp_path_factory.mktemp("clip") / "clip.mp4", pictures)


@pytest.fixture
def recognizer(model: Path) -> Recognizer:
    return Recognizer(model, bright, threads=1)


@pytest.fixture
def found(clip: Path, recognizer: Recognizer) -> list[VideoFaces]:
    return list(recognizer.video(clip))


def test_every_picture_comes_with_its_faces(found: list[VideoFaces]) -> None:
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


def test_rows_and_back(found: list[VideoFaces]) -> None:
    rows = [row for one in found for row in to_rows(one)]
    assert len(rows) == 75
    assert set(rows[12]) == {"frame", "time"}
    assert set(rows[0]) <= set(NAMES)
    whole = [{name: row.get(name) for name in NAMES} for row in rows]
    for one, again in zip(found, from_rows(whole, FER), strict=True):
        assert to_rows(again) == to_rows(one)
        assert np.array_equal(one.boxes, again.boxes)
        assert np.array_equal(one.probabilities, again.probabilities)


def test_uncertain_and_prediction_sets_come_back(clip: Path, make_model: Callable[..., Path]) -> None:
    made = Calibration(
        "temperature", 9, 9, False, "", "", "", "",
        abstain=Abstention(0.9, 0.8, 1, 1), conformal=Conformal(0.9, 0.6, 1, 1),
    )  # fmt: skip
    info = ModelInfo(FER, 48, (0.0,), (1.0,), temperature=2.0, calibration=made)
    found = list(Recognizer(make_model(info=info.to_json()), bright, threads=1).video(clip))
    flags = [bool(one.uncertain[0]) for one in found if one.uncertain is not None and len(one)]
    assert {True, False} == set(flags)
    rows = [{name: row.get(name) for name in NAMES} for one in found for row in to_rows(one)]
    for one, again in zip(found, from_rows(rows, FER), strict=True):
        assert to_rows(again) == to_rows(one)
        if len(one):
            assert again.prediction_sets == one.prediction_sets
    older = [{name: value for name, value in row.items() if name not in LATER} for row in rows]
    assert all(one.uncertain is None and one.in_prediction_set is None for one in from_rows(older, FER))


def table(path: Path, clip: Path, recognizer: Recognizer, *, stop: int = 1000) -> None:
    """Write the rows of at most `stop` more pictures, as a job that is interrupted then."""
    with TableWriter(path, NAMES, resume=True) as rows, Video(clip) as video:
        for one in islice(recognize_video(recognizer, video, earlier=from_rows(rows.rows(), FER)), stop):
            rows.write(to_rows(one))


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_an_interrupted_table_becomes_the_same(tmp_path: Path, clip: Path, recognizer: Recognizer, form: str) -> None:
    table(tmp_path / f"whole.{form}", clip, recognizer)
    for stop in (0, 7, 13, 25, 20, 1000, 1000):
        table(tmp_path / f"parts.{form}", clip, recognizer, stop=stop)
    assert (tmp_path / f"parts.{form}").read_bytes() == (tmp_path / f"whole.{form}").read_bytes()


def test_damage_is_told_after_what_could_be_read(tmp_path: Path, recognizer: Recognizer) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (75, 64, 96, 3), dtype=np.uint8)
    write(tmp_path / "a.mkv", list(noise))
    data = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    pictures: Iterator[VideoFaces] = recognizer.video(tmp_path / "cut.mkv")
    assert [one.frame for one in islice(pictures, 30)] == list(range(30))
    with pytest.raises(InputError, match=r"cut off or damaged"):
        list(pictures)


def test_a_result_checks_itself(found: list[VideoFaces]) -> None:
    with pytest.raises(InputError, match=r"tracks: expected \[1\], got \[2\]"):
        VideoFaces(**{**vars(found[0]), "tracks": np.array([1, 2])})
    with pytest.raises(InputError, match="smoothed: expected"):
        VideoFaces(**{**vars(found[0]), "smoothed": np.zeros((1, 2), np.float32)})
