"""The description of the service by OpenAPI 3.1, written by hand: few routes, and examples that a test compares."""

from collections.abc import Sequence
from typing import Any

from mien import __version__
from mien.serving.problems import MEDIA_TYPE
from mien.serving.settings import ServeSettings

REASONS = {
    400: "the request is not as described",
    401: "a token is needed",
    403: "another Host or Origin than those that are served",
    408: "the body did not come in time",
    413: "the body, a photo or the number of photos is too large",
    415: "another type of body, or a compressed one",
    422: "nothing of what was sent can be read",
    429: "too many requests of this token; Retry-After says when to come again",
    503: "no room, or the service is ending; Retry-After says when to come again",
}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="


def description(settings: ServeSettings, labels: Sequence[str]) -> dict[str, Any]:
    """Return the description of a service with these bounds, whose model has these labels."""
    shares = [round(1 / len(labels), 6)] * len(labels)
    shares[0] = round(1 - sum(shares[1:]), 6)
    probabilities = dict(zip(labels, shares, strict=True))
    face = {
        "box": [120, 64, 88, 110],
        "detection": 0.9312,
        "expression": labels[0],
        "confidence": shares[0],
        "quality": "ok",
        "roll": None,
        "yaw": None,
        "pitch": None,
        "uncertain": True,
        "prediction_set": list(labels),
        "probabilities": probabilities,
    }
    response = {
        "model": {"name": settings.model, "sha256": "0" * 64, "prior": probabilities},
        "version": __version__,
        "seconds": {"upload": 0.0021, "recognition": 0.0304},
        "images": [
            {"file": "photo.jpg", "detector": "yunet", "faces": [face]},
            {"file": "notes.txt", "faces": [], "error": "notes.txt: not an image that Pillow can read"},
        ],
    }
    row = {
        **{"frame": 0, "time": 0.0, "track": 1, "person": 1, "x": 120, "y": 64, "w": 88, "h": 110, "detection": 0.9312},
        **{"expression": labels[0], "confidence": shares[0], "quality": "ok", "roll": None, "yaw": None},
        **{"pitch": None, "uncertain": True, "prediction_set": "|".join(labels)},
        **{f"{kind}_{label}": share for kind in "ps" for label, share in probabilities.items()},
        "detector": "yunet",
    }
    analysis = {
        "emotion": {
            **{"angry": 1.2, "disgust": 0.1, "fear": 0.4, "happy": 95.1, "sad": 0.6, "surprise": 0.5, "neutral": 2.1}
        },
        "dominant_emotion": "happy",
        "region": {"x": 120, "y": 64, "w": 88, "h": 110, "left_eye": [182, 108], "right_eye": [146, 109]},
        "face_confidence": 0.93,
    }
    faces = {
        "summary": "Recognise the expressions of faces in photos",
        "description": "One object for each photo, in order, as mien predict --json prints them: box is x, y, width, "
        "height in pixels of the upright photo. notes says what was not read as it is in the file. A photo that cannot "
        "be read has error; where none can, the answer is 422. model.prior has the shares of the classes that the "
        "answers assume (mien serve --prior). "
        f"At most {settings.max_files} photos and {settings.max_body} MB.",
        "requestBody": _body(
            {
                "multipart/form-data": (
                    {
                        "type": "object",
                        "required": ["file"],
                        "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                    },
                    None,
                ),
                "image/*": ({"type": "string", "format": "binary"}, None),
                "application/json": (
                    {
                        "type": "object",
                        "required": ["images"],
                        "properties": {"images": {"type": "array", "items": {"oneOf": [_TEXT, _NAMED]}}},
                    },
                    {"images": [PIXEL, {"file": "photo.png", "data": PIXEL}]},
                ),
            }
        ),
        "responses": _responses(("application/json", response), 400, 401, 403, 408, 413, 415, 422, 429, 503),
    }
    video = {
        "summary": "Recognise the expressions of faces in a video, while it is uploaded",
        "description": "The body is the video itself, or a form with it as its only file. A line of JSON for each face "
        "of each frame, with the columns of mien predict --format jsonl; a frame without a face has a line whose track "
        "is null. The last line has end (seconds), frames, damage, notes and model, or error: without it the answer is "
        "not whole. A video that has its index at its end is read once all of it is here. "
        f"At most {settings.max_video} MB.",
        "parameters": [
            {
                "name": "every",
                "in": "query",
                "description": "take a frame every so often: 0.2s, 200ms; all by default",
                "schema": {"type": "string"},
                "example": "0.2s",
            }
        ],
        "requestBody": _body(
            {
                "video/*": ({"type": "string", "format": "binary"}, None),
                "multipart/form-data": (
                    {
                        "type": "object",
                        "required": ["file"],
                        "properties": {"file": {"type": "string", "format": "binary"}},
                    },
                    None,
                ),
            }
        ),
        "responses": _responses(("application/x-ndjson", row), 400, 401, 403, 408, 413, 415, 422, 429, 503),
    }
    analyze = {
        "summary": "The request and answer of DeepFace's own API, with the action emotion",
        "description": "img is a file of a form, a data URL of base64, or a list of such URLs, whose results are a "
        "list for each. A path or an address in it is refused. An error has its sentence as detail and as error. "
        "detector_backend skip uses all of the image as one face; enforce_detection false does so where none is found.",
        "requestBody": _body(
            {
                "application/json": (
                    {
                        "type": "object",
                        "required": ["img"],
                        "properties": {"img": {"oneOf": [_TEXT, {"type": "array", "items": _TEXT}]}, **_DEEPFACE},
                    },
                    {"img": f"data:image/png;base64,{PIXEL}", "actions": ["emotion"], "enforce_detection": False},
                ),
                "multipart/form-data": (
                    {
                        "type": "object",
                        "required": ["img"],
                        "properties": {"img": {"type": "string", "format": "binary"}, **_DEEPFACE},
                    },
                    None,
                ),
            }
        ),
        "responses": _responses(("application/json", {"results": [analysis]}), 400, 401, 403, 408, 413, 415, 429, 503),
    }
    ready = {"status": "ready", "model": response["model"], "version": __version__}
    paths = {
        "/v1/faces": {"post": faces},
        "/v1/video": {"post": video},
        "/analyze": {"post": analyze},
        "/health/live": {"get": _get("Whether the process runs", {"status": "live"})},
        "/health/ready": {"get": _get("Whether requests are taken; 503 once the service is ending", ready, 503)},
        "/metrics": {
            "get": {
                "summary": "Requests, faces, the queue and latencies, in the text format of Prometheus",
                "responses": _responses(("text/plain", "mien_faces_total 17.0\n"), 401, 403),
            }
        },
        "/openapi.json": {"get": _get("This description", {"openapi": "3.1.0"})},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mien",
            "version": __version__,
            "description": "Facial expression recognition. Expressions are what annotators of images see in a face; "
            "they do not say what a person feels.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Problem": {
                    "type": "object",
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string", "description": "one sentence"},
                    },
                }
            },
        },
        "security": [{"token": []}, {}],
    }


_TEXT = {"type": "string", "description": "base64, or a data URL of it"}
_NAMED = {"type": "object", "required": ["data"], "properties": {"data": _TEXT, "file": {"type": "string"}}}
_DEEPFACE = {
    "actions": {"type": "array", "items": {"enum": ["emotion"]}},
    "detector_backend": {"type": "string"},
    "enforce_detection": {"type": "boolean"},
}


def _body(kinds: dict[str, tuple[dict[str, Any], Any]]) -> dict[str, Any]:
    content = {
        kind: {"schema": schema, **({} if example is None else {"example": example})}
        for kind, (schema, example) in kinds.items()
    }
    return {"required": True, "content": content}


def _responses(done: tuple[str, Any], *problems: int) -> dict[str, Any]:
    kind, example = done
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        "200": {"description": "done", "content": {kind: {"example": example}}},
        **{str(status): {"description": REASONS[status], "content": problem} for status in problems},
    }


def _get(summary: str, example: Any, *problems: int) -> dict[str, Any]:
    return {"summary": summary, "responses": _responses(("application/json", example), *problems)}


def endpoints(api: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the page of the documentation shows of each route."""
    return [
        {
            "method": method.upper(),
            "path": path,
            **{name: entry.get(name, "") for name in ("summary", "description")},
            "parameters": entry.get("parameters", []),
            "bodies": entry.get("requestBody", {}).get("content", {}),
            "responses": entry["responses"]["200"]["content"],
            "problems": {code: one["description"] for code, one in entry["responses"].items() if code != "200"},
        }
        for path, methods in api["paths"].items()
        for method, entry in methods.items()
    ]
