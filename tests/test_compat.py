"""mien.compat against what fer 25.10.3 and deepface 0.0.103 publish: their READMEs, docstrings and tests."""

import base64
import csv
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import cv2
import numpy as np
import pytest

from mien import Faces, Recognizer
from mien.compat import FER, DeepFace, Video, deepface, inputs
from mien.compat.inputs import EXPRESSIONS, seven
from mien.core import images
from mien.core.errors import InputError
from mien.core.labels import FER2013, FERPLUS
from mien.faces.detectors import Detections
from tests.brightness import brightness_model
from tests.drawn_video import bright, scene, write


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The part around the face of the photo that scikit-image ships, 256 x 256."""
    spec = find_spec("skimage")
    assert spec is not None
    assert spec.origin is not None
    photo = cv2.imread(str(Path(spec.origin).parent / "data" / "astronaut.png"))
    assert photo is not None
    path = tmp_path_factory.mktemp("photo") / "face.png"
    cv2.imwrite(str(path), photo[:256, 96:352])
    return path


@pytest.fixture(scope="module")
def bgr(file: Path) -> images.Pixels:
    return np.asarray(cv2.imread(str(file)), np.uint8)


@pytest.fixture(autouse=True)
def _nobody_was_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "_warned", set())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Its answer follows the brightness: angry is black, neutral is white."""
    return brightness_model(tmp_path / "model.onnx")


@pytest.fixture(scope="module")
def blank() -> images.Pixels:
    return np.full((120, 160, 3), 90, np.uint8)


@pytest.fixture(scope="module")
def fer() -> FER:
    return FER()


def test_detect_emotions_as_in_the_readme(fer: FER, bgr: images.Pixels) -> None:
    """[{'box': [277, 90, 48, 63], 'emotions': {'angry': 0.02, 'disgust': 0.0, ..., 'surprise': 0.41}}]"""
    found = fer.detect_emotions(bgr)
    assert len(found) == 1
    assert list(found[0]) == ["box", "emotions"]
    assert [type(value) for value in found[0]["box"]] == [int] * 4
    x, y, width, height = found[0]["box"]
    assert x < 128 < x + width
    assert y < 115 < y + height  # the nose of the astronaut
    assert tuple(found[0]["emotions"]) == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    for value in found[0]["emotions"].values():
        assert isinstance(value, float)
        assert value == round(value, 2)
    assert sum(found[0]["emotions"].values()) == pytest.approx(1, abs=0.04)
    assert fer.find_faces(bgr) == [found[0]["box"]]


def test_top_emotion_as_in_the_readme(fer: FER, bgr: images.Pixels) -> None:
    """emotion, score = detector.top_emotion(img) # 'happy', 0.99"""
    emotion, score = fer.top_emotion(bgr)
    assert emotion is not None
    assert score == max(fer.detect_emotions(bgr)[0]["emotions"].values())
    assert fer.detect_emotions(bgr)[0]["emotions"][emotion] == score


def test_fer_without_a_face_returns_nothing(fer: FER, blank: images.Pixels) -> None:
    assert fer.detect_emotions(blank) == []
    assert fer.top_emotion(blank) == (None, None)
    assert fer.batch_detect_emotions([blank, blank]) == [[], []]


def test_paths_data_urls_and_arrays_are_the_same(
    fer: FER,
    bgr: images.Pixels,
    file: Path,
) -> None:
    url = "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()
    first = fer.detect_emotions(bgr)
    assert fer.batch_detect_emotions([str(file), url, cv2.imread(str(file))]) == [first] * 3


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Four frames without a face, six with one."""
    return write(tmp_path / "clip.mp4", [scene(None)] * 4 + [scene(200)] * 6)


def test_video_analyze_as_in_the_readme(clip: Path, model: Path, tmp_path: Path) -> None:
    """raw_data = video.analyze(detector, display=False); df = video.to_pandas(raw_data); df = video.get_first_face(df);
    df = video.get_emotions(df)"""
    video = Video(str(clip), outdir=str(tmp_path / "output"))
    data = video.analyze(FER(model=model, detector=bright, min_face_size=10), display=False)
    assert len(data) == 6
    assert list(data[0]) == ["box0", *(f"{name}0" for name in EXPRESSIONS)]
    assert data[0]["box0"] == [30, 20, 24, 24]
    frame = video.to_pandas(data)
    assert list(frame.columns) == ["box", *EXPRESSIONS]
    assert video.get_first_face(frame) is frame
    assert list(video.get_emotions(frame).columns) == list(EXPRESSIONS)
    assert sorted(path.name for path in (tmp_path / "output").iterdir()) == [
        "clip_output.mp4",
        "data.csv",
        "images.zip",
    ]
    with ZipFile(tmp_path / "output" / "images.zip") as archive:
        assert archive.namelist() == [f"clip{number}.jpg" for number in range(10)]
    with (tmp_path / "output" / "data.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(data[0])
    assert rows[0]["box0"] == "[30, 20, 24, 24]"


def test_video_options(clip: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def two(image: images.Pixels) -> Detections:
        found = bright(image).boxes
        return Detections(np.concatenate([found, found]))

    detector = FER(model=model, detector=two, min_face_size=10)
    nothing: dict[str, Any] = {"save_frames": False, "save_video": False}
    video = Video(clip, first_face_only=False)
    frame = video.analyze(detector, output="pandas", frequency=2, **nothing)
    assert list(frame.columns) == [f"{name}{face}" for face in (0, 1) for name in ("box", *EXPRESSIONS)]
    assert len(frame) == 3
    assert len(video.analyze(detector, output="pandas", max_results=3, **nothing)) == 2
    assert len(video.analyze(detector, output="pandas", save_fps=5, **nothing)) == 1
    part = {"x_min": 20, "x_max": 80, "y_min": 10, "y_max": 60}
    assert video.analyze(detector, output="pandas", detection_box=part, **nothing)["box0"][0] == [30, 20, 24, 24]
    assert not (tmp_path / "output").exists()
    video.analyze(detector, output="pandas", frequency=9, video_id="v", zip_images=False, save_video=False)
    assert sorted(path.name for path in (tmp_path / "output").iterdir()) == ["v0.jpg", "v9.jpg"]
    with pytest.warns(UserWarning, match="display has no effect"):
        video.analyze(detector, display=True, output="pandas", **nothing)


def test_a_video_without_faces_has_no_rows(model: Path, tmp_path: Path) -> None:
    video = Video(write(tmp_path / "dark.mp4", [scene(None)] * 3), tmp_path)
    detector = FER(model=model, detector=bright)
    assert video.analyze(detector, save_frames=False, save_video=False) == []
    assert len(video.to_pandas([])) == 0
    assert Video.get_max_faces([[], [{}, {}]]) == 2


def test_bad_videos_and_options_are_one_line(clip: Path, model: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        Video(tmp_path / "gone.mp4")
    options: list[tuple[dict[str, Any], str]] = [
        ({"output": "json"}, "csv or pandas"),
        ({"frequency": 0}, "at least 1"),
    ]
    for option, message in options:
        with pytest.raises(InputError, match=message):
            Video(clip).analyze(FER(model=model), **option)


def test_given_rectangles_are_scored_in_their_order(model: Path) -> None:
    image = np.zeros((60, 120, 3), np.uint8)
    image[:, 60:] = 255
    found = FER(model=model).detect_emotions(image, [[80, 20, 20, 20], [20, 20, 20, 20]])
    assert [face["box"] for face in found] == [[80, 20, 20, 20], [20, 20, 20, 20]]
    assert [max(face["emotions"], key=face["emotions"].__getitem__) for face in found] == ["neutral", "angry"]
    assert FER().detect_emotions(image, []) == []


def test_channels_are_blue_green_red(model: Path) -> None:
    """Pure blue is dark (luma 29 of 255), pure red less so (76)."""
    boxes = [[0, 0, 40, 40]]
    of_grey = FER(model=model)
    blue, red = np.zeros((40, 40, 3), np.uint8), np.zeros((40, 40, 3), np.uint8)
    blue[..., 0] = red[..., 2] = 255
    found = [of_grey.detect_emotions(image, boxes)[0]["emotions"] for image in (blue, red)]
    assert [max(emotions, key=emotions.__getitem__) for emotions in found] == [
        FER2013[round(29 / 255 * 6)],
        FER2013[round(76 / 255 * 6)],
    ]


def test_fer_leaves_out_small_faces_unless_mtcnn(bgr: images.Pixels) -> None:
    assert FER(min_face_size=200).detect_emotions(bgr) == []
    with pytest.warns(UserWarning, match="no detector 'mtcnn'; yunet finds the faces"):
        assert len(FER(mtcnn=True, min_face_size=200).detect_emotions(bgr)) == 1
    with pytest.raises(InputError, match="at least 1"):
        FER(min_face_size=0)


def test_settings_without_effect_are_named(model: Path) -> None:
    with pytest.warns(UserWarning, match="only mtcnn and min_face_size"):
        FER(scale_factor=1.3, model=model)
    FER(None, False, False, True, 1.1, 50, 5, [10, 10], model=model)


def test_analyze_as_deepface_says(bgr: images.Pixels) -> None:
    found = DeepFace.analyze(bgr, actions=["emotion"])
    assert isinstance(found, list)
    assert len(found) == 1
    face = found[0]
    assert list(face) == ["emotion", "dominant_emotion", "region", "face_confidence"]
    assert tuple(face["emotion"]) == EXPRESSIONS
    assert all(type(value) is float for value in face["emotion"].values())
    assert sum(face["emotion"].values()) == pytest.approx(100)
    assert face["dominant_emotion"] == max(face["emotion"], key=face["emotion"].__getitem__)
    assert list(face["region"]) == ["x", "y", "w", "h", "left_eye", "right_eye"]
    assert [type(face["region"][key]) for key in "xywh"] == [int] * 4
    assert 0 < face["face_confidence"] <= 1
    assert DeepFace.analyze(bgr, actions=("emotion",), silent=True) == DeepFace.analyze(bgr, "emotion") == found


def test_batches_are_lists_of_lists(bgr: images.Pixels, file: Path) -> None:
    one = DeepFace.analyze(bgr)
    assert DeepFace.analyze([str(file), bgr]) == [one, one]
    assert DeepFace.analyze(np.stack([bgr, bgr])) == [one, one]
    with file.open("rb") as opened:
        assert DeepFace.analyze(opened) == one


def test_deepface_without_a_face_raises_or_uses_the_full_image(blank: images.Pixels) -> None:
    with pytest.raises(ValueError, match="Face could not be detected"):
        DeepFace.analyze(blank)
    found = DeepFace.analyze(blank, enforce_detection=False)
    assert len(found) == 1
    assert found[0]["region"] == {"x": 0, "y": 0, "w": 159, "h": 119, "left_eye": None, "right_eye": None}
    assert found[0]["face_confidence"] == 0
    assert DeepFace.analyze(blank, detector_backend="skip") == found


def test_eyes_are_the_persons_own(model: Path, blank: images.Pixels, monkeypatch: pytest.MonkeyPatch) -> None:
    """As deepface has them: the right eye is the one at the image's left. A point outside the image is none."""
    points = np.array(
        [[[30, 20], [50, 21], [40, 30], [32, 40], [48, 40]], [[-3, 50], [9, 50]] + [[5, 60]] * 3], np.float32
    )
    boxes = np.array([[20, 10, 40, 40], [-5, 40, 20, 30]], np.float32)
    found = Detections(boxes, np.array([0.934, 0.8], np.float32), points)
    monkeypatch.setattr(deepface, "_recognizer", lambda detector: Recognizer(model, lambda image: found))
    one, other = DeepFace.analyze(blank)
    assert one["region"] == {"x": 20, "y": 10, "w": 40, "h": 40, "left_eye": (50, 21), "right_eye": (30, 20)}
    assert one["face_confidence"] == 0.93
    assert (other["region"]["left_eye"], other["region"]["right_eye"]) == ((9, 50), None)


@pytest.mark.parametrize("backend", ["retinaface", "mtcnn", "yolov8n"])
def test_deepface_backends_map_to_our_detectors(bgr: images.Pixels, backend: str) -> None:
    with pytest.warns(UserWarning, match=f"no detector '{backend}'; yunet finds the faces"):
        found = DeepFace.analyze(bgr, detector_backend=backend)
    assert found == DeepFace.analyze(bgr, detector_backend=backend) == DeepFace.analyze(bgr)  # warned once


def test_settings_of_deepface_without_effect_are_named_once(bgr: images.Pixels) -> None:
    with pytest.warns(UserWarning, match="align and expand_percentage have no effect"):
        DeepFace.analyze(bgr, expand_percentage=10)
    DeepFace.analyze(bgr, align=False, expand_percentage=10)


def test_unsupported_requests_are_one_line(bgr: images.Pixels, tmp_path: Path) -> None:
    calls: list[tuple[Callable[[], object], str]] = [
        (lambda: DeepFace.analyze(bgr, actions=["age", "emotion"]), "emotion"),
        (lambda: DeepFace.analyze(bgr, actions=[]), "emotion"),
        (lambda: DeepFace.analyze(bgr, anti_spoofing=True), "photo of a face"),
        (lambda: DeepFace.analyze(bgr, detector_backend="magic"), "no detector 'magic'"),
        (lambda: DeepFace.analyze(str(tmp_path / "none.jpg")), "No such file"),
        (lambda: FER().detect_emotions("https://example.org/a.jpg"), "downloads nothing"),
        (lambda: FER().detect_emotions("data:image/png;base64,???"), "no base64"),
        (lambda: FER().detect_emotions(None), "expected a path"),
    ]
    for call, words in calls:
        with pytest.raises(InputError, match=words) as raised:
            call()
        assert "\n" not in str(raised.value)


def test_seven_leaves_out_contempt() -> None:
    rows = np.array([[0.1, 0.2, 0, 0.1, 0, 0, 0.1, 0.5], [0, 0, 0, 0, 0, 0, 0, 1]], np.float32)
    boxes = np.array([[0, 0, 9, 9]] * 2, np.float32)
    found = seven(Faces(boxes, rows, FERPLUS))
    assert found[0] == pytest.approx([0, 0, 0.2, 0.4, 0.2, 0, 0.2], abs=1e-6)  # in EXPRESSIONS' order, over 0.5
    assert found[1] == pytest.approx([1 / 7] * 7)
    three = seven(Faces(boxes[:1], np.array([[0.7, 0.2, 0.1]], np.float32), ("angry", "happy", "neutral")))
    assert three[0] == pytest.approx([0.7, 0, 0, 0.2, 0, 0, 0.1])
    with pytest.raises(InputError, match="the model has cat, dog"):
        seven(Faces(boxes[:1], np.array([[0.7, 0.3]], np.float32), ("cat", "dog")))


def test_a_model_with_contempt_serves_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = brightness_model(tmp_path / "eight.onnx", FERPLUS)
    white = np.full((60, 60, 3), 255, np.uint8)  # the model says contempt
    found = FER(model=path).detect_emotions(white, [[0, 0, 60, 60]])
    assert sum(found[0]["emotions"].values()) == pytest.approx(1, abs=0.04)
    assert max(found[0]["emotions"], key=found[0]["emotions"].__getitem__) == "fear"  # the next likely
    monkeypatch.setattr(deepface, "_recognizer", lambda detector: Recognizer(path, detector))
    assert DeepFace.analyze(white, detector_backend="skip")[0]["dominant_emotion"] == "fear"
