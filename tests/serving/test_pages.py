"""What the service says of itself: pages, OpenAPI with examples that are true, metrics, health."""

import gzip
import json
import re
from typing import Any

import pytest

from mien import Recognizer, __version__
from mien.page.files import in_browser
from tests.drawn_video import scene, write
from tests.serving.running import RunningService, grey, png

WORK = ("/v1/faces", "/v1/video", "/analyze")


def keys(value: Any) -> Any:
    """Return the shape of a JSON value: keys and types, lists by their first element."""
    if isinstance(value, dict):
        return {name: keys(one) for name, one in value.items()}
    if isinstance(value, list):
        return [keys(value[0])] if value else []
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def test_the_examples_have_the_shape_of_the_answers(
    default_service: RunningService, astronaut_file: Any, tmp_path: Any
) -> None:
    api = default_service.get("/openapi.json").json
    assert api["openapi"] == "3.1.0"
    assert api["info"]["version"] == __version__

    def example(path: str) -> Any:
        (content,) = api["paths"][path]["post"]["responses"]["200"]["content"].values()
        return content["example"]

    data = astronaut_file.read_bytes()
    answer = default_service.form("/v1/faces", ("file", "photo.jpg", data), ("file", "notes.txt", b"no photo")).json
    assert keys(example("/v1/faces")) == keys(answer)
    assert keys(example("/v1/faces")["images"][1]) == keys(answer["images"][1])
    assert keys(example("/analyze")) == keys(default_service.form("/analyze", ("img", "a.jpg", data)).json)
    video = write(tmp_path / "a.mp4", [scene(None)] * 3).read_bytes()
    row = default_service.request("POST", "/v1/video", video, kind="video/mp4").body.splitlines()[0]
    assert set(example("/v1/video")) == set(json.loads(row))
    assert keys(api["paths"]["/health/ready"]["get"]["responses"]["200"]["content"]["application/json"]["example"]) == (
        keys(default_service.get("/health/ready").json)
    )


def test_the_request_examples_are_accepted(service: RunningService) -> None:
    api = service.get("/openapi.json").json
    for path in ("/v1/faces", "/analyze"):
        example = api["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
        assert service.send_json(path, example).status == 200


def test_every_route_is_described(service: RunningService) -> None:
    paths = service.get("/openapi.json").json["paths"]
    served = {route.path: route.methods for route in service.service.guard.app.routes}  # type: ignore[attr-defined]
    assert set(paths) == set(served) - {"/", "/docs", "/serve.css"} - service.service.guard.pages
    for path, methods in paths.items():
        assert {method.upper() for method in methods} <= served[path]
    for path in WORK:
        assert {"401", "408", "413", "429", "503"} <= set(paths[path]["post"]["responses"])


def test_pages_load_nothing_from_elsewhere(service: RunningService) -> None:
    for path in ("/", "/docs", "/card.html"):
        page = service.get(path)
        text = page.body.decode()
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        for link in re.findall(r'(?:src|href)="([^"#]+)"', text):
            assert not link.startswith("/")  # a proxy may serve it below a path
            assert service.get(f"/{link.removeprefix('./')}").status == 200
        assert text.count("<main") == 1
        assert all('src="' in script for script in re.findall("<script[^>]*>", text))
        assert "style=" not in text
    assert service.get("/serve.css").headers["content-type"].startswith("text/css")
    docs = service.get("/docs").body.decode()
    assert all(f"<code>POST {path}</code>" in docs for path in WORK)


def test_metrics_count(service: RunningService) -> None:
    assert service.photo(grey(90)).status == 200
    assert service.photo(b"no photo").status == 422
    assert service.get("/secret/name").status == 404
    text = service.get("/metrics").body.decode()
    for line in (
        'mien_requests_total{route="/v1/faces",status="200"} 1.0',
        'mien_requests_total{route="/v1/faces",status="422"} 1.0',
        'mien_requests_total{route="other",status="404"} 1.0',
        "mien_images_total 1.0",
        "mien_faces_total 1.0",
        "mien_queue_images 0.0",
        "mien_requests_running 1.0",
        'mien_request_seconds_count{route="/v1/faces"} 2.0',
        "mien_batch_faces_count 1.0",
    ):
        assert line in text.splitlines()
    assert "secret" not in text


def test_colour_photos_too(service: RunningService, recognizer: Recognizer) -> None:
    pixels = scene(200)
    assert service.photo(png(pixels)).json["images"][0]["faces"] == recognizer(pixels).to_dicts()


@pytest.mark.skipif(not in_browser(), reason="needs onnxruntime-web in the package, which its build fetches with npm")
def test_the_runtime_is_sent_zipped_to_who_takes_it(service: RunningService) -> None:
    name = "ort/ort-wasm-simd-threaded.wasm"
    plain = service.get(f"/{name}")
    zipped = service.get(f"/{name}", **{"Accept-Encoding": "br, gzip"})
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert zipped.headers["content-type"] == plain.headers["content-type"] == "application/wasm"
    assert gzip.decompress(zipped.body) == plain.body
    assert len(zipped.body) < len(plain.body) / 3
    assert service.get(f"/{name}", **{"If-None-Match": zipped.headers["etag"]}).status == 304
