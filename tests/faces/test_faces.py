"""Faces checks itself, is indexed like an array, and becomes plain dictionaries."""

import json
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien import Faces
from mien.core import images
from mien.core.errors import InputError, MissingExtra
from mien.faces.faces import VideoFaces, columns

CLASSES = ("angry", "happy", "neutral")


def faces(n: int = 4) -> Faces:
    """Face i is at x = i and most probable class i % 3, with confidence 0.5 + i / 100."""
    boxes = np.array([[i, 2, 3, 4] for i in range(n)], np.float32).reshape(n, 4)
    scores = np.array([0.5 + i / 100 for i in range(n)], np.float32)
    probabilities = np.repeat((1 - scores)[:, None] / 2, 3, axis=1).astype(np.float32)
    probabilities[np.arange(n), np.arange(n) % 3] = scores
    return Faces(boxes, probabilities, CLASSES, scores)


def test_labels_and_scores_follow_the_probabilities() -> None:
    found = faces()
    assert found.labels == ("angry", "happy", "neutral", "angry")
    assert np.allclose(found.scores, [0.5, 0.51, 0.52, 0.53])
    assert found.scores.dtype == np.float32


def test_faces_may_be_empty() -> None:
    found = faces(0)
    assert (len(found), found.labels, found.scores.shape, found.to_dicts(), list(found)) == (0, (), (0,), [], [])
    assert not found


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("boxes", np.zeros((4, 5), np.float32), r"boxes: expected float32 \[4, 4\], got float32 \[4, 5\]"),
        ("boxes", np.ones((4, 4), np.int64), r"boxes: expected float32 \[4, 4\], got int64 \[4, 4\]"),
        ("boxes", np.ones((3, 4), np.float32), r"probabilities: expected float32 \[3, 3\], got float32 \[4, 3\]"),
        ("boxes", np.zeros((4, 4), np.float32), "widths and heights above 0"),
        ("boxes", np.full((4, 4), np.nan, np.float32), "boxes: expected finite numbers"),
        ("classes", ("happy",), r"probabilities: expected float32 \[4, 1\], got float32 \[4, 3\]"),
        ("probabilities", np.full((4, 3), 0.5, np.float32), "sum to 1"),
        ("probabilities", np.tile(np.array([-0.5, 0.5, 1], np.float32), (4, 1)), "from 0"),
        ("detection_scores", np.zeros(3, np.float32), r"detection_scores: expected float32 \[4\], got float32 \[3\]"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(field: str, value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(faces(), **{field: value})


@pytest.mark.parametrize(
    ("index", "xs"),
    [
        (np.array([True, False, True, False]), [0, 2]),
        ([False, True, False, True], [1, 3]),
        (np.array([3, 1]), [3, 1]),
        ([2], [2]),
        (slice(1, 3), [1, 2]),
        (-1, [3]),
        (np.array([], np.int64), []),
    ],
)
def test_indexing_keeps_the_arrays_parallel(index: Any, xs: list[int]) -> None:
    found = faces()[index]
    whole = faces()
    assert found.boxes[:, 0].tolist() == xs
    assert np.array_equal(found.probabilities, whole.probabilities[xs])
    assert found.detection_scores is not None
    assert np.array_equal(found.detection_scores, np.asarray(whole.detection_scores)[xs])


def test_a_mask_of_the_result_itself() -> None:
    found = faces()
    assert found[found.scores > 0.515].labels == ("neutral", "angry")
    assert replace(found, detection_scores=None)[0].detection_scores is None
    with pytest.raises(IndexError):
        found[4]


def test_iteration_gives_single_faces() -> None:
    assert [(len(face), face.labels[0]) for face in faces()] == [
        (1, "angry"),
        (1, "happy"),
        (1, "neutral"),
        (1, "angry"),
    ]


@given(st.integers(1, 9))
def test_dictionaries_survive_json(n: int) -> None:
    found = faces(n)
    rows = json.loads(json.dumps(found.to_dicts()))
    assert [row["expression"] for row in rows] == list(found.labels)
    for row, box, probabilities in zip(rows, found.boxes, found.probabilities, strict=True):
        assert list(row) == [
            *("box", "detection", "expression", "confidence", "quality", "roll", "yaw", "pitch"),
            *("uncertain", "prediction_set", "probabilities"),
        ]
        assert row["box"] == box.tolist()
        assert all(isinstance(value, int) for value in row["box"])
        assert list(row["probabilities"]) == list(CLASSES)
        assert np.allclose(list(row["probabilities"].values()), probabilities, atol=1e-6)
        assert row["confidence"] == row["probabilities"][row["expression"]]


def seen(n: int = 3) -> Faces:
    """Faces as YuNet gives them; every second one of low quality."""
    return replace(
        faces(n),
        landmarks=np.arange(10 * n, dtype=np.float32).reshape(n, 5, 2),
        quality_reasons=(np.arange(n) % 2 == 1)[:, None] & (np.arange(6) == 1),
        detector="yunet",
    )


def test_optional_arrays_are_checked_and_indexed() -> None:
    chosen = seen()[[2, 1]]
    assert chosen.landmarks is not None
    assert chosen.landmarks[:, 0, 0].tolist() == [20, 10]
    assert (chosen.quality, chosen.detector) == (("ok", "blurred"), "yunet")
    assert faces(2).quality == ("ok", "ok")
    with pytest.raises(InputError, match=r"landmarks: expected float32 \[3, 5, 2\], got float32 \[3, 2, 5\]"):
        replace(seen(), landmarks=np.zeros((3, 2, 5), np.float32))
    with pytest.raises(InputError, match=r"quality_reasons: expected bool \[3, 6\], got float64 \[3\]"):
        replace(seen(), quality_reasons=np.zeros(3))  # type: ignore[arg-type]


def doubted() -> Faces:
    """Three faces: angry (sure), happy (uncertain), neutral (uncertain, and of low quality)."""
    return replace(
        faces(3),
        quality_reasons=np.repeat([[False], [False], [True]], 6, axis=1),
        uncertain=np.array([False, True, True]),
        in_prediction_set=np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1]], bool),
    )


def test_uncertain_faces_and_prediction_sets_are_checked_and_indexed() -> None:
    found = doubted()
    assert found.labels == ("angry", "happy", "neutral")
    assert found.prediction_sets == (("angry",), ("happy", "angry"), ("neutral", "angry", "happy"))
    assert found.flags == ("", "uncertain", "low quality, uncertain")
    for index in ([2, 1], np.array([False, True, True]), slice(1, 3), 1, []):
        chosen = found[index]
        places = np.atleast_1d(np.arange(3)[index])
        assert chosen.uncertain is not None
        assert chosen.uncertain.tolist() == [bool(place) for place in places]
        assert chosen.prediction_sets == tuple(found.prediction_sets[place] for place in places)
    assert [len(face.prediction_sets[0]) for face in found if face.prediction_sets] == [1, 2, 3]
    assert len(found[~found.uncertain]) == 1  # type: ignore[operator]
    assert (faces(2).uncertain, faces(2).prediction_sets, faces(2).flags) == (None, None, ("", ""))
    with pytest.raises(InputError, match=r"uncertain: expected bool \[3\], got bool \[2\]"):
        replace(found, uncertain=np.zeros(2, bool))
    with pytest.raises(InputError, match=r"in_prediction_set: expected bool \[3, 3\], got float64 \[3, 3\]"):
        replace(found, in_prediction_set=np.zeros((3, 3)))  # type: ignore[arg-type]


def test_uncertain_faces_and_prediction_sets_in_rows_and_dictionaries() -> None:
    rows = doubted().to_rows()
    assert [row["uncertain"] for row in rows] == [False, True, True]
    assert [row["prediction_set"] for row in rows] == ["angry", "happy|angry", "neutral|angry|happy"]
    assert list(rows[0]) == columns(CLASSES, ())
    found = json.loads(json.dumps(doubted().to_dicts()))
    assert [face["uncertain"] for face in found] == [False, True, True]
    assert [face["prediction_set"] for face in found] == [["angry"], ["happy", "angry"], ["neutral", "angry", "happy"]]


def test_rows_have_the_columns_of_tables() -> None:
    rows = seen().to_rows()
    assert list(rows[0]) == columns(CLASSES, ())
    assert rows[1] == {
        **{"x": 1, "y": 2, "w": 3, "h": 4, "detection": 0.51, "expression": "happy", "confidence": 0.51},
        **{"quality": "blurred", "roll": None, "yaw": None, "pitch": None, "uncertain": None, "prediction_set": None},
        **{"p_angry": 0.245, "p_happy": 0.51, "p_neutral": 0.245, "detector": "yunet"},
    }
    assert replace(seen(), detection_scores=None).to_rows()[0]["detection"] is None


def test_to_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    pandas = pytest.importorskip("pandas")
    posed = replace(seen(), head_pose=np.ones((len(seen()), 3), np.float32))
    assert posed.to_frame().to_dict("records") == posed.to_rows()
    assert seen().to_frame()["roll"].isna().all()
    assert list(faces(0).to_frame().columns) == columns(CLASSES, ())
    monkeypatch.setitem(sys.modules, pandas.__name__, None)
    with pytest.raises(MissingExtra, match=r"pip install 'mien\[table\]'"):
        seen().to_frame()


def video_faces(found: Faces) -> VideoFaces:
    tracks = np.arange(len(found), dtype=np.int64)
    return VideoFaces(**vars(found), frame=3, time=0.5, tracks=tracks, smoothed=found.probabilities)


@pytest.mark.parametrize("make", [lambda found: found, video_faces])
@pytest.mark.parametrize("scores", [True, False])
@pytest.mark.parametrize("flags", [True, False])
def test_frames_without_faces_keep_the_types_of_their_columns(make: Any, scores: bool, flags: bool) -> None:
    pandas = pytest.importorskip("pandas")

    def frame(n: int) -> Any:
        found = faces(n)
        found = found if scores else replace(found, detection_scores=None)
        if flags:
            found = replace(found, uncertain=np.zeros(n, bool), in_prediction_set=np.ones((n, 3), bool))
        return make(found).to_frame()

    full, empty = frame(2), frame(0)
    assert len(empty) == 0
    assert empty.dtypes.to_dict() == full.dtypes.to_dict()
    for parts in ([empty, full], [full, empty], [empty, empty]):
        assert pandas.concat(parts).dtypes.to_dict() == full.dtypes.to_dict()
    assert full["x"].dtype == np.int64
    assert full["detection"].dtype == full["p_happy"].dtype == np.float64
    assert not flags or full["uncertain"].dtype == bool


def test_an_image_at_a_reduced_size_is_drawn_in_its_own_pixels() -> None:
    small = images.LoadedImage(np.zeros((640, 640, 3), np.uint8), (2560, 2560))
    box = np.array([[1200, 1200, 800, 800]], np.float32)
    found = Faces(box, np.array([[1, 0, 0]], np.float32), CLASSES)
    assert np.array_equal(found.draw(small), replace(found, boxes=(box / 4).astype(np.float32)).draw(small.pixels))


def test_draw_accepts_what_recognition_accepts() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (700, 800, 3), dtype=np.uint8)
    found = replace(faces(1), boxes=np.array([[300, 200, 200, 200]], np.float32))
    assert np.array_equal(found.draw(picture), found.draw(picture[:, :, ::-1], bgr=True))
    assert (found.draw(picture) != picture).any()
