"""Photos over HTTP: the answers are those of `mien predict --json`, whatever way they come and whoever else asks."""

import base64
import gzip
import io
import json
import random
import re
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from mien import Recognizer, __version__
from mien.cli import main
from mien.core.download import file_sha256
from mien.core.labels import FER2013
from mien.models.bundled import bundled
from tests.serving.bombs import bomb
from tests.serving.running import BOUNDARY, GatedDetector, RunningService, form, grey, running, wait_for

PART = form(("file", "a.png", grey(90)))


def predicted(capsys: pytest.CaptureFixture[str], *arguments: object) -> Any:
    with pytest.raises(SystemExit):
        main(["predict", *map(str, arguments), "--json", "--threads", "1"])
    return json.loads(capsys.readouterr().out)


def sent(service: RunningService, files: list[Path]) -> Any:
    answer = service.form("/v1/faces", *(("file", file.name, file.read_bytes()) for file in files))
    assert answer.status == 200, answer.body
    return answer.json


def test_a_form_is_answered_as_predict_prints(
    default_service: RunningService,
    astronaut_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "astronaut.png").write_bytes(astronaut_file.read_bytes())
    (tmp_path / "empty.png").write_bytes(grey(90))
    (tmp_path / "text.jpg").write_text("no photo")
    monkeypatch.chdir(tmp_path)
    files = [Path(name) for name in ("astronaut.png", "empty.png", "text.jpg")]
    answer = sent(default_service, files)
    assert answer["images"] == predicted(capsys, *files)
    assert [len(image["faces"]) for image in answer["images"]] == [1, 0, 0]
    assert answer["images"][2]["error"] == "text.jpg: not an image that Pillow can read"
    assert (answer["model"]["name"], answer["model"]["sha256"]) == ("default", file_sha256(bundled()["default"]))
    assert [answer["model"]["prior"][label] for label in ("sad", "contempt")] == [0.133333, 0.066667]
    assert answer["version"] == __version__
    assert set(answer["seconds"]) == {"upload", "recognition"}
    assert all(value >= 0 for value in answer["seconds"].values())


@pytest.mark.slow
def test_real_photos_are_answered_as_predict_prints(
    default_service: RunningService,
    real_photos: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(real_photos)
    files = sorted(Path().glob("*.jpg"))
    images = [image for file in files for image in sent(default_service, [file])["images"]]
    printed = predicted(capsys, *files)
    assert sum(len(image["faces"]) for image in images) > 50
    for ours, theirs in zip(images, printed, strict=True):
        for face, other in zip(ours["faces"], theirs["faces"], strict=True):
            # other crops in one call of the network: sums of another order
            assert face.pop("probabilities") == pytest.approx(other.pop("probabilities"), abs=2e-6)
            assert face.pop("confidence") == pytest.approx(other.pop("confidence"), abs=2e-6)
        assert ours == theirs


def test_raw_json_and_form_are_the_same(service: RunningService) -> None:
    data = grey(255)
    text = base64.b64encode(data).decode()
    raw = service.photo(data).json["images"]
    assert raw[0]["file"] == "image"
    assert raw[0]["faces"][0]["expression"] == "neutral"
    octets = service.request("POST", "/v1/faces", data, kind="application/octet-stream").json["images"]
    fields = service.form("/v1/faces", ("file", "", data)).json["images"]
    named: list[Any] = [text, f"data:image/png;base64,{text}", {"data": text, "file": "C:\\photos\\m\ne.png"}]
    answer = service.send_json("/v1/faces", {"images": named}).json["images"]
    assert raw == octets == fields == answer[:1] == answer[1:2]
    assert answer[2] == {**raw[0], "file": "m e.png"}


@pytest.mark.parametrize(
    ("kind", "body", "status", "words"),
    [
        ("application/json", b"{", 400, "the JSON cannot be read: Input data was truncated"),
        ("application/json", b"\xff", 400, "the JSON cannot be read"),
        ("application/json", b"[" * 100_000, 400, "the JSON cannot be read"),
        ("application/json", b'{"images": [1]}', 400, r"Expected `str | object`, got `int`"),
        ("application/json", b'{"images": ["&"]}', 400, "an image of the JSON is not base64"),
        ("application/json", b'{"images": []}', 400, "there is no photo in the request"),
        ("application/json", b'{"urls": ["http://example.org/a.jpg"]}', 400, "unknown field `urls`"),
        (f"multipart/form-data; boundary={BOUNDARY}", b"", 400, "the form cannot be read: it is cut off"),
        (f"multipart/form-data; boundary={BOUNDARY}", PART[:-30], 400, "the form cannot be read: it is cut off"),
        (f"multipart/form-data; boundary={BOUNDARY}", form(), 400, "there is no photo in the request"),
        ("multipart/form-data", b"x", 400, "the form cannot be read: Missing boundary"),
        ("multipart/form-data; boundary=a", b"--b\r\n", 400, "the form cannot be read"),
        (f"multipart/form-data; boundary={BOUNDARY}; charset=undefined", PART, 400, "its charset is not UTF-8"),
        (
            f"multipart/form-data; boundary={BOUNDARY}",
            form(("file", None, b"photo.jpg")),
            400,
            "is text, not a file; with curl: -F file=@photo.jpg",
        ),
        ("image/png", b"", 400, "there is no photo in the request"),
        ("image/png", b"no photo", 422, "image: not an image that Pillow can read"),
        ("application/json", b'\xef\xbb\xbf{"images": []}', 400, "there is no photo in the request"),
        ("text/plain", b"no photo", 415, "Content-Type is 'text/plain'; send multipart/form-data"),
        ("", b"no photo", 415, "Content-Type is 'missing'"),
    ],
)
def test_what_is_no_photo_is_refused_in_a_sentence(
    service: RunningService, capfd: pytest.CaptureFixture[str], kind: str, body: bytes, status: int, words: str
) -> None:
    capfd.readouterr()
    answer = service.request("POST", "/v1/faces", body, kind=kind)
    assert answer.status == status
    assert words in answer.detail
    assert service.photo().status == 200
    assert capfd.readouterr() == ("", "")  # nothing of it is logged


def test_damaged_requests_are_answered(service: RunningService, capfd: pytest.CaptureFixture[str]) -> None:
    """Forms, JSON and photos with random bytes changed, lost and doubled: refused or read, never a 500."""
    capfd.readouterr()
    rng = random.Random(0)
    text = base64.b64encode(grey(90))
    bodies = {
        f"multipart/form-data; boundary={BOUNDARY}": PART,
        "application/json": b'{"images": ["%s", {"data": "%s", "file": "a.png"}]}' % (text, text),
        "image/png": grey(90),
    }
    seen = set[int]()
    for kind, body in bodies.items():
        for number in range(60):
            data = bytearray(body)
            for _ in range(number % 6):
                at, change = rng.randrange(len(data)), rng.randrange(3)
                data[at : at + (0, 1, 9)[change]] = [data[:20], bytes([rng.randrange(256)]), b""][change]
            seen.add(service.request("POST", "/v1/faces", bytes(data), kind=kind).status)
    assert seen == {200, 400, 422}
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("path", ["/v1/faces", "/v1/video", "/analyze"])
def test_a_compressed_body_is_named_as_such(service: RunningService, path: str) -> None:
    answer = service.request("POST", path, gzip.compress(grey(90)), {"Content-Encoding": "gzip"}, "image/png")
    assert (answer.status, answer.headers["accept-encoding"]) == (415, "identity")
    assert answer.detail == "Content-Encoding is 'gzip'; send the body as it is, not compressed"
    assert service.photo(**{"Content-Encoding": "identity"}).status == 200


def test_errors_name_no_options_that_a_client_does_not_have(service: RunningService) -> None:
    half = grey(90, 480)
    half = half[: len(half) // 2]
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(50)
    for data in (half, heic, bomb(60_000, 60_000)):
        answer = service.photo(data)
        assert answer.status == 422
        assert not re.search("--|pip|mien predict", answer.detail), answer.detail


def test_what_was_not_read_is_said(service: RunningService) -> None:
    file = io.BytesIO()
    frames = [Image.new("L", (48, 48), level) for level in (90, 200)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    image = service.photo(file.getvalue()).json["images"][0]
    assert image["notes"] == ["an animation; its first frame is read"]
    assert "notes" not in service.photo().json["images"][0]


def test_a_file_whose_name_is_written_in_another_way(service: RunningService) -> None:
    for written, name in (
        ("filename*=UTF-8''%C3%BC%22.png", "ü_.png"),
        ("filename*=utf-8'en'a.png; x=y", "a.png"),
        ("FileName=a.png; filename*=utf-8''b.png", "a.png"),
    ):
        body = form(("file", "name", grey(90))).replace(b'filename="name"', written.encode())
        answer = service.request("POST", "/v1/faces", body, kind=f"multipart/form-data; boundary={BOUNDARY}")
        assert answer.json["images"][0]["file"] == name
        video = service.request("POST", "/v1/video", body, kind=f"multipart/form-data; boundary={BOUNDARY}")
        assert video.status == 422  # it was taken for a file


def test_several_unreadable_photos(service: RunningService) -> None:
    answer = service.form("/v1/faces", ("file", "a.jpg", b"no photo"), ("file", "../../b.jpg", b"none"))
    assert answer.status == 422
    assert answer.detail == "none can be read; a.jpg: not an image that Pillow can read"


def test_crops_of_several_requests_are_scored_together(model: Path) -> None:
    """Twelve clients at a time, each with another brightness: every one gets its own answer, from shared batches."""
    gated = GatedDetector()
    levels = list(range(0, 252, 21))
    found: dict[int, str] = {}
    with running(Recognizer(model, gated, threads=1), threads=4) as service:

        def ask(level: int) -> None:
            found[level] = service.photo(grey(level)).json["images"][0]["faces"][0]["expression"]

        clients = [threading.Thread(target=ask, args=[level]) for level in levels]
        for client in clients:
            client.start()
        wait_for(lambda: service.service.guard.running == len(levels))
        gated.gate.set()
        for client in clients:
            client.join()
        batches = service.metric("mien_batch_faces_count")
        assert service.metric("mien_faces_total") == len(levels)
        assert service.metric("mien_images_total") == len(levels)
    assert found == {level: FER2013[round(level / 255 * 6)] for level in levels}
    assert batches < len(levels)


def test_a_photo_that_fails_inside_is_a_500_and_said_on_stderr(model: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def broken(image: object, /) -> Any:
        raise ZeroDivisionError("inside")

    broken.name = "none"  # type: ignore[attr-defined]
    with running(Recognizer(model, broken, threads=1)) as service:
        answer = service.photo()
        assert answer.status == 500
        assert answer.detail == "the service has failed at this request; its log says why"
        assert service.get("/health/live").status == 200
    assert "ZeroDivisionError: inside" in capfd.readouterr().err


def test_turned_and_reduced_photos_have_boxes_of_the_original(recognizer: Recognizer, tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    cv2.imwrite(str(path), np.full((400, 800), 90, np.uint8))
    with running(recognizer, max_pixels=100_000) as service:  # without it the decoder would get all of it
        recognizer.max_pixels, before = 100_000, recognizer.max_pixels
        try:
            image = service.form("/v1/faces", ("file", "large.jpg", path.read_bytes())).json["images"][0]
        finally:
            recognizer.max_pixels = before
    assert image["faces"][0]["box"] == [0, 0, 800, 400]
