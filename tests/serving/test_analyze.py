"""DeepFace's request and answer: what `mien.compat.DeepFace.analyze` returns, over HTTP."""

import base64
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from mien import Recognizer
from mien.compat import DeepFace
from tests.brightness import brightness_model
from tests.serving.running import RunningService, grey, running


@pytest.fixture
def data_url(astronaut_file: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(astronaut_file.read_bytes()).decode()}"


def same(found: Any, expected: Any) -> None:
    assert [set(face) for face in found] == [set(face) for face in expected]
    for face, other in zip(found, expected, strict=True):
        assert face["emotion"] == pytest.approx(other["emotion"])
        assert face["dominant_emotion"] == other["dominant_emotion"]
        assert face["face_confidence"] == other["face_confidence"]
        assert {name: list(one) if isinstance(one, list | tuple) else one for name, one in face["region"].items()} == {
            name: list(one) if isinstance(one, list | tuple) else one for name, one in other["region"].items()
        }


@pytest.mark.parametrize("options", [{}, {"detector_backend": "skip"}, {"detector_backend": "opencv"}])
def test_answers_as_compat_does(
    default_service: RunningService, astronaut_file: Path, data_url: str, options: dict[str, str]
) -> None:
    expected = DeepFace.analyze(str(astronaut_file), **options)  # type: ignore[arg-type]
    answer = default_service.send_json("/analyze", {"img": data_url, "actions": ["emotion"], **options})
    assert answer.status == 200
    assert set(answer.json) == {"results"}
    same(answer.json["results"], expected)
    fields = [(name, None, value.encode()) for name, value in options.items()]
    form = default_service.form("/analyze", ("img", "a.png", astronaut_file.read_bytes()), *fields)
    same(form.json["results"], expected)
    form = default_service.form("/analyze", ("img", None, data_url.encode()), ("actions", None, b"['emotion']"))
    assert form.status == 200


def test_without_a_face(default_service: RunningService) -> None:
    answer = default_service.form("/analyze", ("img", "a.png", grey(90)))
    assert answer.status == 400
    assert answer.detail.startswith("Face could not be detected in a.png; enforce_detection=False")
    for value in (b"false", b"False"):
        form = default_service.form("/analyze", ("img", "a.png", grey(90)), ("enforce_detection", None, value))
        assert form.json["results"][0]["face_confidence"] == 0
    url = f"data:image/png;base64,{base64.b64encode(grey(90)).decode()}"
    answer = default_service.send_json("/analyze", {"img": url, "enforce_detection": False})
    assert answer.json["results"][0]["region"] == {
        **{"x": 0, "y": 0, "w": 47, "h": 47},
        **{"left_eye": None, "right_eye": None},
    }


@pytest.mark.parametrize("image", ["/etc/hostname", "photo.jpg", "http://127.0.0.1/photo.jpg", "file:///etc/hostname"])
def test_paths_and_addresses_are_refused(service: RunningService, image: str) -> None:
    for answer in (
        service.send_json("/analyze", {"img": image}),
        service.form("/analyze", ("img", None, image.encode())),
    ):
        assert answer.status == 400
        assert answer.detail == "img is no data URL (data:image/jpeg;base64,...); no file or address is read here"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"actions": ["age", "emotion"]}, "mien supports only actions"),
        ({"actions": 3}, "Expected `str | array`, got `int` - at `$.actions`"),
        ({"anti_spoofing": True}, "anti_spoofing: mien cannot distinguish"),
        ({"detector_backend": "haar"}, "no detector 'haar'"),
        ({"img": ""}, "there is no image in the request"),
        ({"img": 7}, "Expected `str | array`, got `int` - at `$.img`"),
        ({"img": []}, "there is no image in the request"),
        ({"img": ["data:image/png;base64,eA==", "photo.jpg"]}, "img is no data URL"),
        ({"enforce_detection": "maybe"}, "enforce_detection 'maybe': expected true or false"),
        ({"img": "data:image/png;base64,&"}, "not base64"),
        ({"img": "data:image/png;base64,bm8gcGhvdG8gYXQgYWxs"}, "image: not an image that Pillow can read"),
    ],
)
def test_what_cannot_be_done_is_refused(
    service: RunningService, data_url: str, more: dict[str, Any], words: str
) -> None:
    answer = service.send_json("/analyze", {"img": data_url, **more})
    assert answer.status == 400
    assert words in answer.detail
    assert answer.json["error"] == answer.detail  # as DeepFace names it


def test_several_images_and_fields_without_a_file(
    service: RunningService, default_service: RunningService, data_url: str
) -> None:
    one = default_service.send_json("/analyze", {"img": data_url}).json["results"]
    several = default_service.send_json("/analyze", {"img": [data_url, data_url]}).json["results"]
    assert [len(faces) for faces in several] == [1, 1]
    same(several[1], one)
    fields = urlencode({"img": data_url, "actions": "['emotion']", "enforce_detection": "False"})
    answer = default_service.request("POST", "/analyze", fields, kind="application/x-www-form-urlencoded")
    same(answer.json["results"], one)
    for body in (b"&".join([b"a=b"] * 99), b"img=\xff"):
        answer = service.request("POST", "/analyze", body, kind="application/x-www-form-urlencoded")
        assert (answer.status, answer.detail[:27]) == (
            400,
            "the form cannot be read: it" if b"img" in body else "the form cannot be read: to",
        )
    answer = service.send_json("/analyze", {"img": [data_url] * 17})
    assert (answer.status, answer.detail) == (413, "17 photos in one request; at most 16 are read")


@pytest.mark.parametrize(("given", "enforced"), [(0, False), ("no", False), (1, True), ("1", True), ("on", True)])
def test_yes_and_no_as_many_languages_write_them(default_service: RunningService, given: Any, enforced: bool) -> None:
    wall = f"data:image/png;base64,{base64.b64encode(grey(90)).decode()}"
    answer = default_service.send_json("/analyze", {"img": wall, "enforce_detection": given})
    assert answer.status == (400 if enforced else 200)


def test_a_model_of_other_classes_is_refused(tmp_path: Path, data_url: str) -> None:
    model = brightness_model(tmp_path / "two.onnx", ("bored", "awake"))
    with running(Recognizer(model, "none", threads=1)) as service:
        answer = service.send_json("/analyze", {"img": data_url})
    assert answer.status == 400
    assert answer.detail.startswith("the model has bored, awake; expected some of angry, disgust")


def test_other_bodies(service: RunningService) -> None:
    assert service.request("POST", "/analyze", b"x", kind="image/png").status == 415
    assert service.send_json("/analyze", [1]).status == 400
    two = service.form("/analyze", ("img", "a.png", b"x"), ("img", "b.png", b"x"))
    assert two.status == 413
