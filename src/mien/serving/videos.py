"""A video that is recognised while it is uploaded: its rows leave as NDJSON, a line for each face.

The upload never waits for the rows to be read, since many clients read only once they have sent all; it is bounded by
its size. The rows wait for the client: the next frame is decoded when the line before is on its way.
"""

import asyncio
import gc
import json
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from io import SEEK_CUR, SEEK_END, SEEK_SET, RawIOBase
from typing import Any, BinaryIO, cast

from starlette.types import Message, Receive, Scope, Send

from mien import __version__
from mien.core.errors import InputError
from mien.faces.faces import FRAME, columns
from mien.outputs.tables.text_formats import JSONL
from mien.outputs.video_rows import to_rows
from mien.recognition.recognizer import Recognizer
from mien.recognition.video import Video
from mien.serving.guard import ResponseAborted
from mien.serving.metrics import Metrics
from mien.serving.problems import HttpProblem
from mien.serving.uploads import FormVideo

NDJSON = "application/x-ndjson"


class ArrivingFile(RawIOBase):
    """A file that is read while it is still arriving: reading blocks until the bytes are there, or all are.

    It is a temporary file without a name, which is gone with the process. One thread reads, another one writes.
    """

    name = "the video"

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - `close` closes it
        self._change = threading.Condition()
        self._size = self._position = 0
        self._whole = False
        self.failure: Exception | None = None
        """Why not all of it came."""

    def append(self, data: bytes) -> None:
        with self._change:
            self._file.seek(self._size)
            self._file.write(data)
            self._size += len(data)
            self._change.notify_all()

    def finish(self, failure: Exception | None = None) -> None:
        """End the file: all of it is there, or, with a `failure`, no more will come."""
        with self._change:
            self._whole, self.failure = True, self.failure or failure
            self._change.notify_all()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return True

    @property
    def size(self) -> int:
        """Bytes that have come."""
        return self._size

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = SEEK_SET, /) -> int:
        if (offset, whence) == (-1, SEEK_END):  # so FFmpeg asks for the size: it is not known, however fast it comes
            return -1
        with self._change:
            if whence == SEEK_END:
                self._change.wait_for(lambda: self._whole)
            position = offset + {SEEK_SET: 0, SEEK_CUR: self._position, SEEK_END: self._size}[whence]
            if position < 0:  # a damaged file says so
                return -1
            self._position = position
            return position

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes: at least one, but at the end.

        A failure ends the file, and is no more: an exception would come out of FFmpeg anywhere.
        """
        with self._change:
            self._change.wait_for(lambda: self._whole or (size >= 0 and self._position < self._size))
            self._file.seek(min(self._position, self._size))
            data = self._file.read(size)
            self._position += len(data)
            return data

    def close(self) -> None:
        super().close()
        self._file.close()


class VideoResponse:
    """The response to a video: rows while its upload is read, then a line that says that they are all.

    Args:
        recognizer: finds and scores the faces.
        every: seconds from one frame to the next; 0 takes all.
        form: the Content-Type of a form that holds the video; None where the body is the video.
        threads: cores that the decoder may use.
        model: what the last line says of the model.
        metrics: what is counted.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        *,
        every: float,
        form: str | None,
        threads: int,
        model: dict[str, Any],
        metrics: Metrics,
    ) -> None:
        self.recognizer, self.every, self.form, self.threads = recognizer, every, form, threads
        self.model, self.metrics = model, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop = asyncio.get_running_loop()
        upload = ArrivingFile()
        lines = self._lines(upload)
        reader = asyncio.create_task(_read(receive, upload, self.form))
        thread = ThreadPoolExecutor(1, "video")
        try:
            line = await loop.run_in_executor(thread, next, lines, None)
            head: Message = {"type": "http.response.start", "status": 200}
            await send({**head, "headers": [(b"content-type", NDJSON.encode())]})
            while line is not None:
                await send({"type": "http.response.body", "body": line, "more_body": True})
                line = await loop.run_in_executor(thread, next, lines, None)
            await send({"type": "http.response.body", "body": b""})
        finally:
            upload.finish(ResponseAborted())  # a thread that waits for more ends
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            thread.submit(_close, lines, upload)
            thread.shutdown(wait=False)

    def _lines(self, upload: ArrivingFile) -> Iterator[bytes]:
        """Yield the lines of a video. HttpProblem where nothing of it could be read, before the first line."""
        labels, frames = self.recognizer.session.info.labels, 0
        try:
            with Video(
                cast(BinaryIO, upload),
                every=self.every,
                threads=self.threads,
                max_pixels=self.recognizer.max_pixels,
            ) as video:
                for faces in self.recognizer.follow(video):
                    if upload.failure:
                        break
                    self.metrics.images.inc()
                    self.metrics.faces.inc(len(faces))
                    yield JSONL.encode(to_rows(faces), columns(labels, FRAME)).encode()
                    frames += 1
        except InputError as error:
            if not upload.failure:
                raise HttpProblem(422, error.problem if upload.size else f"{upload.name}: empty") from None
        if isinstance(upload.failure, HttpProblem) and frames:
            yield _json({"error": upload.failure.detail})
            return
        if upload.failure:
            raise upload.failure
        if not frames:
            raise HttpProblem(422, video.damage)
        end = {"end": video.end, "frames": frames, "damage": video.damage or None, "notes": video.notes}
        yield _json({**end, "model": self.model, "version": __version__})


def _json(facts: dict[str, object]) -> bytes:
    return (json.dumps(facts, ensure_ascii=False) + "\n").encode("utf-8", "replace")


async def _read(receive: Receive, upload: ArrivingFile, content_type: str | None) -> None:
    """Hand the body, or the file of the form that it is, over as it comes; then wait until the client has gone."""
    try:
        form = FormVideo(content_type, upload.append) if content_type else None
        append = form.append if form else upload.append
        while (message := await receive())["type"] == "http.request":
            if message.get("body"):
                await asyncio.to_thread(append, message["body"])
            if not message.get("more_body"):
                if form:
                    form.finish()
                upload.finish()
        upload.finish(ResponseAborted())
    except HttpProblem as problem:
        upload.finish(problem)


def _close(lines: Iterator[bytes], upload: ArrivingFile) -> None:
    with closing(upload):
        lines.close()  # type: ignore[attr-defined]
    gc.collect()  # PyAV's container and its streams hold each other: the threads of its decoder would stay for long
