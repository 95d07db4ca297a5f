"""A video's faces as rows: each frame has its own, and an interrupted job continues as if it had not been."""

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from mien import Recognizer
from mien.core import images
from mien.core.labels import FER2013
from mien.faces.detectors import Detections
from mien.faces.faces import FRAME, columns
from mien.models.calibration import Abstention, Calibration, Conformal
from mien.models.metadata import ModelInfo
from mien.outputs.tables import TableWriter
from mien.outputs.video_rows import from_rows, to_rows
from mien.recognition.video import Video
from tests.drawn_video import bright, walking

NAMES = columns(FER2013, FRAME)


def between_pixels(image: images.Pixels, /) -> Detections:
    found = bright(image)
    return found._replace(boxes=found.boxes + np.float32(0.3))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return walking(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture
def recognizer(model: Path) -> Recognizer:
    return Recognizer(model, between_pixels, threads=1)


def test_rows_and_back(clip: Path, recognizer: Recognizer) -> None:
    found = list(recognizer.video(clip))
    rows = [row for one in found for row in to_rows(one)]
    assert len(rows) == 75
    assert set(rows[12]) == {"frame", "time"}
    assert set(rows[0]) <= set(NAMES)
    whole = [{name: row.get(name) for name in NAMES} for row in rows]  # as tables give them, with empty cells
    for given in (rows, whole):
        for one, again in zip(found, from_rows(given, FER2013), strict=True):
            assert to_rows(again) == to_rows(one)
            assert np.array_equal(one.boxes.round(), again.boxes)
            assert np.allclose(one.probabilities, again.probabilities, rtol=0, atol=1e-6)


def test_uncertain_and_prediction_sets_come_back(clip: Path, make_brightness_model: Callable[..., Path]) -> None:
    made = Calibration(
        "temperature", 9, 9, False, "", "", "", "",
        abstain=Abstention(0.9, 0.8, 1, 1), conformal=Conformal(0.9, 0.6, 1, 1),
    )  # fmt: skip
    info = ModelInfo(FER2013, 48, (0.0,), (1.0,), temperature=2.0, calibration=made)
    found = list(Recognizer(make_brightness_model(info=info.to_json()), bright, threads=1).video(clip))
    flags = [bool(one.uncertain[0]) for one in found if one.uncertain is not None and len(one)]
    assert {True, False} == set(flags)
    rows = [{name: row.get(name) for name in NAMES} for one in found for row in to_rows(one)]
    for one, again in zip(found, from_rows(rows, FER2013), strict=True):
        assert to_rows(again) == to_rows(one)
        if len(one):
            assert again.prediction_sets == one.prediction_sets


def table(path: Path, clip: Path, recognizer: Recognizer, *, stop: int = 1000) -> None:
    """Write the rows of at most `stop` more frames, as a job that is interrupted then."""
    with TableWriter(path, NAMES, resume=True) as rows, Video(clip) as video:
        for one in islice(recognizer.follow(video, earlier=from_rows(rows.rows(), FER2013)), stop):
            rows.write(to_rows(one))


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_an_interrupted_table_becomes_the_same(tmp_path: Path, clip: Path, recognizer: Recognizer, form: str) -> None:
    table(tmp_path / f"whole.{form}", clip, recognizer)
    for stop in (0, 7, 13, 25, 20, 1000, 1000):
        table(tmp_path / f"parts.{form}", clip, recognizer, stop=stop)
    assert (tmp_path / f"parts.{form}").read_bytes() == (tmp_path / f"whole.{form}").read_bytes()
