"""The photos of a request: multipart files, a raw body, or base64 in JSON. All of them stay in memory."""

import asyncio
import base64
import binascii
import io
import re
from typing import Any, NamedTuple

import msgspec
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from mien.serving.problems import HttpProblem

FIELD_SIZE = 64_000  # bytes of a field of a form that is no file
FIELDS = 16
UNNAMED = "image"
BYTES = "application/octet-stream"


class UploadedPhoto(NamedTuple):
    """A photo as it came."""

    name: str
    """What the client calls it, without folders."""
    data: bytes

    def open(self) -> io.BytesIO:
        """Return it as a file that has a name, which error messages begin with."""
        return _NamedBytes(self.data, self.name)


class _NamedBytes(io.BytesIO):
    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self.name = name


class _MemoryParser(MultiPartParser):
    spool_max_size = 0  # never to a file
    ended = False

    def on_end(self) -> None:
        self.ended = True

    def close(self) -> None:
        """Close the files, also one without an end, which a form that is cut off does not give back."""
        for file in self._files_to_close_on_error:
            file.close()


class JsonPhoto(msgspec.Struct, forbid_unknown_fields=True):
    """A photo in a JSON request."""

    data: str
    file: str = UNNAMED


class JsonPhotos(msgspec.Struct, forbid_unknown_fields=True):
    """The JSON request of /v1/faces."""

    images: list[str | JsonPhoto]


class AnalyzeRequest(msgspec.Struct):
    """The request of /analyze, of which the fields of DeepFace that have no effect here are not read."""

    img: str = ""
    actions: str | list[str] = "emotion"
    detector_backend: str = "opencv"
    enforce_detection: bool | str = True
    anti_spoofing: bool | str = False


def media_type(request: Request) -> str:
    """Return the type of a request's body, in lower case and without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_photos(request: Request, *, most: int) -> list[UploadedPhoto]:
    """Return the photos of a request to /v1/faces: at least one, at most `most`.

    Raises:
        HttpProblem: 400 none or not as described, 413 too many, 415 another type of body.
    """
    kind = media_type(request)
    if kind == "multipart/form-data":
        form = await read_form(request, most=most)
        found = [value for name, value in form if name == "file" and isinstance(value, UploadedPhoto)]
    elif kind == "application/json":
        body = await request.body()
        found = await asyncio.to_thread(_from_json, body, most)
    elif kind.startswith("image/") or kind == BYTES:
        body = await request.body()
        found = [UploadedPhoto(UNNAMED, body)] if body else []
    else:
        raise HttpProblem(
            415,
            f"Content-Type is {kind or 'missing'!r}; send multipart/form-data with files in the field file, "
            "application/json with base64 in images, or the photo itself as image/jpeg, image/png ...",
        )
    if not found:
        raise HttpProblem(400, "there is no photo in the request; its field is file in a form and images in JSON")
    return found


async def read_form(
    request: Request, *, most: int, field_size: int = FIELD_SIZE
) -> list[tuple[str, UploadedPhoto | str]]:
    """Return the fields and files of a form. HttpProblem (400, 413) where it is damaged or holds too much."""
    parser = _MemoryParser(
        request.headers, request.stream(), max_files=most, max_fields=FIELDS, max_part_size=field_size
    )
    try:
        form = await parser.parse()
        if not parser.ended:
            raise MultiPartException("it is cut off")
        return [(name, await _value(value)) for name, value in form.multi_items()]
    except MultiPartException as error:
        much = error.message.startswith(("Too many", "Part exceeded"))
        raise HttpProblem(413 if much else 400, f"the form cannot be read: {error.message.rstrip('.')}") from None
    except UnicodeError:
        raise HttpProblem(400, "the form cannot be read: its charset is none of texts; leave it out") from None
    finally:
        parser.close()


async def _value(value: UploadFile | str) -> UploadedPhoto | str:
    if isinstance(value, str):
        return value
    return UploadedPhoto(base_name(value.filename or ""), await value.read())


def _from_json(body: bytes, most: int) -> list[UploadedPhoto]:
    photos = decode_json(body, JsonPhotos).images
    if len(photos) > most:
        raise HttpProblem(413, f"{len(photos)} photos in one request; at most {most} are read")
    named = [JsonPhoto(photo) if isinstance(photo, str) else photo for photo in photos]
    return [UploadedPhoto(base_name(photo.file), decode_base64(photo.data)) for photo in named]


def decode_json(body: bytes, kind: Any) -> Any:
    """Return a JSON body as `kind`. HttpProblem (400) where it is none."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise HttpProblem(400, f"the JSON cannot be read: {reason}") from None


def decode_base64(text: str) -> bytes:
    """Return what base64 text, or a data URL of it, holds. HttpProblem (400) where it is none."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        reason = str(error) if isinstance(error, binascii.Error) else "other characters"
        raise HttpProblem(400, f"an image of the JSON is not base64 ({reason})") from None


def base_name(name: str) -> str:
    """Return the last part of a file's name, as a client of any system may write it, in one line."""
    return re.sub(r"[\x00-\x1f\x7f]", " ", re.split(r"[\\/]", name)[-1])[:255] or UNNAMED


def flag(value: bool | str) -> bool:
    """Return a yes or no of a form or of JSON, as DeepFace reads it: any text but true is no."""
    return value if isinstance(value, bool) else value.lower() == "true"
