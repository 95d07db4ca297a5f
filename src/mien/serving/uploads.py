"""What a request brings: photos as multipart files, a raw body, or base64 in JSON, which stay in memory; or a video as
a file of a form, which is handed on while it arrives.
"""

import asyncio
import base64
import binascii
import codecs
import io
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from mien.serving.problems import HttpProblem

FIELD_SIZE = 64_000  # bytes of a field of a form that is no file
FIELDS = 16
UNNAMED = "image"
_EXTENDED = re.compile(rb";\s*filename\*\s*=\s*[\w-]+'[^']*'([^\s;]*)", re.IGNORECASE)
FORM = "multipart/form-data"
FIELDS_ONLY = "application/x-www-form-urlencoded"
BYTES = "application/octet-stream"
YES, NO = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off", ""})


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

    def on_headers_finished(self) -> None:
        part = self._current_part
        part.content_disposition = with_filename(part.content_disposition or b"")
        super().on_headers_finished()

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

    img: str | list[str] = ""
    actions: str | list[str] = "emotion"
    detector_backend: str = "opencv"
    enforce_detection: bool | int | str = True
    anti_spoofing: bool | int | str = False


def media_type(request: Request) -> str:
    """Return the type of a request's body, in lower case and without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_photos(request: Request, *, most: int) -> list[UploadedPhoto]:
    """Return the photos of a request to /v1/faces: at least one, at most `most`.

    Raises:
        HttpProblem: 400 none or not as described, 413 too many, 415 another type of body.
    """
    kind = media_type(request)
    if kind == FORM:
        form = await read_form(request, most=most)
        found = [value for name, value in form if name == "file" and isinstance(value, UploadedPhoto)]
        if not found and any(name == "file" for name, _ in form):
            raise HttpProblem(400, "the field file of the form is text, not a file; with curl: -F file=@photo.jpg")
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
    charset = parse_options_header(request.headers["content-type"])[1].get(b"charset", b"utf-8")
    if charset.lower() not in (b"utf-8", b"utf8"):  # Python's codecs also take seconds, or make text that is none
        raise _unreadable("its charset is not UTF-8; leave it out")
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
        raise _unreadable(error.message.rstrip("."), 413 if much else 400) from None
    finally:
        parser.close()


class FormVideo:
    """A form that holds one file, in the field `file`, taken apart while it arrives.

    Args:
        content_type: of the request, with the boundary.
        write: is given the bytes of the file.

    Raises:
        HttpProblem: 400, it has no boundary. `append` and `finish` raise it too, where it is another form.
    """

    def __init__(self, content_type: str, write: Callable[[bytes], None]) -> None:
        self._write, self._begun, self._ended = write, False, False
        self._name = self._value = b""  # of the header of a part that is read
        self._disposition = b""
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise _unreadable("it has no boundary")
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_header_field": self._add_name,
                    "on_header_value": self._add_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._start_file,
                    "on_part_data": lambda data, start, end: self._write(data[start:end]),
                    "on_end": self._end,
                },
            )
        except FormParserError:
            raise _unreadable("its boundary is too long") from None

    def append(self, data: bytes) -> None:
        """Take the next bytes of the form."""
        try:
            self._parser.write(data)
        except FormParserError:
            raise _unreadable("it is damaged") from None

    def finish(self) -> None:
        """Check that all of the form has come."""
        if not self._ended:
            raise _unreadable("it is cut off")
        if not self._begun:
            raise HttpProblem(400, "there is no video in the form; its field is file")

    def _add_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name = self._value = b""

    def _start_file(self) -> None:
        options = parse_options_header(with_filename(self._disposition))[1]
        if options.get(b"name") != b"file" or b"filename" not in options:
            raise HttpProblem(400, "the form may hold the video alone, as a file in the field file")
        if self._begun:
            raise HttpProblem(400, "there are several files in the form; send one video in a request")
        self._begun, self._disposition = True, b""

    def _end(self) -> None:
        self._ended = True


def with_filename(disposition: bytes) -> bytes:
    """Return a Content-Disposition with `filename` where it has `filename*` alone, as some libraries name files.

    Example:
        >>> with_filename(b"form-data; name=a; filename*=UTF-8''%C3%BC.jpg").decode()
        'form-data; name=a; filename="ü.jpg"'
    """
    extended = _EXTENDED.search(disposition)
    if not extended or b"filename" in parse_options_header(disposition)[1]:
        return disposition
    name = unquote_to_bytes(extended[1]).replace(b'"', b"_").replace(b"\\", b"_")
    return disposition[: extended.start()] + b'; filename="' + name + b'"' + disposition[extended.end() :]


def _unreadable(why: str, status: int = 400) -> HttpProblem:
    return HttpProblem(status, f"the form cannot be read: {why}")


async def _value(value: UploadFile | str) -> UploadedPhoto | str:
    if isinstance(value, str):
        return value
    return UploadedPhoto(base_name(value.filename or ""), await value.read())


def _from_json(body: bytes, most: int) -> list[UploadedPhoto]:
    photos = decode_json(body, JsonPhotos).images
    if len(photos) > most:
        raise too_many(len(photos), most)
    named = [JsonPhoto(photo) if isinstance(photo, str) else photo for photo in photos]
    return [UploadedPhoto(base_name(photo.file), decode_base64(photo.data)) for photo in named]


def too_many(number: int, most: int) -> HttpProblem:
    return HttpProblem(413, f"{number} photos in one request; at most {most} are read")


def decode_fields(body: bytes) -> list[tuple[str, str]]:
    """Return the fields of a form without files, as `FIELDS_ONLY`. HttpProblem (400) where it is none."""
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS)
    except ValueError as error:
        raise _unreadable("it is no UTF-8" if isinstance(error, UnicodeDecodeError) else "too many fields") from None


def decode_json(body: bytes, kind: Any) -> Any:
    """Return a JSON body as `kind`. HttpProblem (400) where it is none."""
    try:
        return msgspec.json.decode(body.removeprefix(codecs.BOM_UTF8), type=kind)
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


def flag(name: str, value: bool | int | str) -> bool:
    """Return a yes or no of a form or of JSON, as clients in many languages write it. HttpProblem (400) if neither."""
    text = str(value).strip().lower()
    if text not in YES | NO:
        raise HttpProblem(400, f"{name} {str(value)[:40]!r}: expected true or false")
    return text in YES
