"""A client of `mien serve`, by the standard library alone."""

import http.client
import json
import mimetypes
import secrets
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from os import PathLike, fspath
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from mien.core.errors import InputError

Sendable = str | PathLike[str] | bytes
CUT_OFF = "the connection ended before the answer did"
FOREIGN = "an answer that is none of mien's; is it the address of mien serve?"


class ServiceError(RuntimeError):
    """The service has refused a request, or its response is not whole. The message is the service's sentence.

    Args:
        status: of HTTP; 0 where there was no whole response.
        detail: why.
        retry_after: seconds after which the same request may succeed; None where it will not.
    """

    def __init__(self, status: int, detail: str, retry_after: int | None = None) -> None:
        super().__init__(f"{status}: {detail}" if status else detail)
        self.status, self.detail, self.retry_after = status, detail, retry_after


class Client:
    """Sends photos and videos to a running `mien serve`.

    Args:
        address: where it listens.
        token: one of its tokens, where it has any.
        timeout: seconds that it may be silent.
        retries: how often a request is sent again where the service has no room, after the time that it names, if that
            is not above `timeout`.

    Raises:
        InputError: not an http:// or https:// address, or a token that no header can hold.

    Example:
        >>> client = Client("http://127.0.0.1:8000")
        >>> client.faces("photo.jpg")[0]["faces"][0]["expression"]  # doctest: +SKIP
        'happy'
        >>> for row in client.video("clip.mp4", every="0.2s"):  # doctest: +SKIP
        ...     print(row["time"], row["person"], row["expression"])
    """

    def __init__(
        self,
        address: str = "http://127.0.0.1:8000",
        *,
        token: str | None = None,
        timeout: float = 60.0,
        retries: int = 3,
    ) -> None:
        parts = urlsplit(address)
        try:
            host, self._port = parts.hostname, parts.port
        except ValueError:
            host = None
        if parts.scheme not in ("http", "https") or not host:
            raise InputError(f"{address}: expected an address such as http://127.0.0.1:8000")
        self._secure, self._host, self._root = parts.scheme == "https", host, parts.path.rstrip("/")
        token = (token or "").strip()  # as read from a file
        if not (token.isascii() and token.isprintable()):
            raise InputError("token: expected one line of ASCII characters")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.timeout, self.retries = timeout, retries

    def faces(self, *photos: Sendable) -> list[dict[str, Any]]:
        """Return an object for each photo, as `mien predict --json` prints them: file, detector, faces; or error.

        Args:
            photos: paths, or the bytes of image files.

        Raises:
            ServiceError: the service refuses them, or none can be read.
            OSError: a photo or the service cannot be reached.
        """
        boundary, body = _form(photos)
        with self._send("/v1/faces", body, f"multipart/form-data; boundary={boundary}") as response:
            answer = _object(response.read())
        if not isinstance(images := answer.get("images"), list):
            raise ServiceError(0, FOREIGN)
        return images

    def video(self, video: str | PathLike[str], *, every: str | None = None) -> Iterator[dict[str, Any]]:
        """Yield the rows of a video, one for each face: the columns of `mien predict --format jsonl`.

        They come once all of it is sent. `every` is the time from one frame to the next, 0.2s or 200ms; None takes all.

        Raises:
            ServiceError: the service refuses it, cannot read it, or its response is not whole.
            OSError: the video or the service cannot be reached.
        """
        query = f"?{urlencode({'every': every})}" if every else ""
        with (
            Path(video).open("rb") as file,
            self._send(f"/v1/video{query}", file, "application/octet-stream") as response,
        ):
            row: dict[str, Any] = {}
            for line in response:
                row = _object(line)
                if "frame" in row:
                    yield row
        if "end" not in row:
            raise ServiceError(0, row.get("error") or CUT_OFF)

    @contextmanager
    def _send(self, path: str, body: Any, kind: str) -> Iterator[http.client.HTTPResponse]:
        """Yield the response to a request, which is sent again where the service asks for it."""
        connector = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        for left in range(max(0, self.retries), -1, -1):
            with closing(connector(self._host, self._port, timeout=self.timeout)) as connection:
                try:
                    with self._post(connection, path, body, kind) as response:
                        yield response
                        return
                except http.client.IncompleteRead:
                    raise ServiceError(0, CUT_OFF) from None
                except ServiceError as error:
                    if error.retry_after is None or error.retry_after > self.timeout or not left:
                        raise
                    wait = error.retry_after
                except http.client.HTTPException as error:
                    if isinstance(error, OSError):  # the connection was closed
                        raise
                    raise ServiceError(0, FOREIGN) from None
            time.sleep(wait)
            if hasattr(body, "seek"):
                body.seek(0)

    def _post(
        self, connection: http.client.HTTPConnection, path: str, body: Any, kind: str
    ) -> http.client.HTTPResponse:
        """Return a response whose status is 200."""
        headers = {**self._headers, "Content-Type": kind, "Connection": "close"}
        with suppress(BrokenPipeError, ConnectionResetError):  # it has answered before all was sent
            connection.request("POST", self._root + path, body, headers)
        response = connection.getresponse()
        if response.status == 200:
            return response
        with response:
            text = response.read().decode("utf-8", "replace")
        try:
            detail = str(json.loads(text)["detail"])
        except (ValueError, TypeError, KeyError):
            detail = " ".join(text[:200].split()) or response.reason
        wait = response.headers.get("Retry-After", "")
        raise ServiceError(response.status, detail, int(wait) if wait.isdecimal() else None)


def _object(text: bytes) -> dict[str, Any]:
    """Return the JSON object of an answer."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ServiceError(0, FOREIGN)
    return found


def _form(photos: tuple[Sendable, ...]) -> tuple[str, bytes]:
    """Return a boundary and the body of a form with files in the field `file`."""
    boundary, body = secrets.token_hex(16), bytearray()
    for photo in photos:
        data, name = (
            (photo, "image") if isinstance(photo, bytes) else (Path(photo).read_bytes(), Path(fspath(photo)).name)
        )
        name = name.encode("utf-8", "replace").decode().replace("\\", "_").replace('"', "_")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        field = f'Content-Disposition: form-data; name="file"; filename="{name}"'
        body += f"--{boundary}\r\n{field}\r\nContent-Type: {kind}\r\n\r\n".encode() + data + b"\r\n"
    return boundary, bytes(body + f"--{boundary}--\r\n".encode())
