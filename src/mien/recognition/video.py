"""The frames of a video as upright images with the time at which a player shows them.

PyAV and not OpenCV: cv2.VideoCapture has wrong timestamps where the frame rate varies, hides damage, and has no sound.
One image is held at a time, besides the frames that the decoder's own threads work on.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mien.core import images
from mien.core.console import quantity
from mien.core.errors import InputError
from mien.core.paths import local_path

if TYPE_CHECKING:
    import av
    from av.video.stream import VideoStream

SUFFIXES = frozenset(
    {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".wmv", ".flv", ".mpg", ".mpeg", ".3gp", ".ts", ".mts", ".m2ts"}
    | {".ogv", ".vob"}
)
SHORT = 1.0  # seconds that may be missing at the end before a file counts as cut off


@dataclass(frozen=True)
class VideoFrame:
    """A frame of a video; its pixels are only made when `image` is read."""

    number: int
    """Counts the frames of the video from 0, those that are not yielded too."""
    time: float
    """Seconds after the start of the file at which a player shows it, to the microsecond."""
    raw: "av.VideoFrame"
    matrix: tuple[int, int, int, int] = (1, 0, 0, 1)
    """a, b, c, d: a point (x, y) is shown at (a x + c y, b x + d y), as in libavutil/display.h; quarter turns."""
    pixel: float = 1.0
    """Width of a pixel by its height."""

    @property
    def image(self) -> images.Pixels:
        """The frame as players show it: uint8 [h, w, 3] RGB, upright, with square pixels."""
        width = max(1, round(self.raw.width * self.pixel))
        pixels = np.asarray(self.raw.to_ndarray(format="rgb24", width=width), np.uint8)
        a, b, c, d = self.matrix
        if abs(b) + abs(c) > abs(a) + abs(d):
            pixels, a, d = pixels.transpose(1, 0, 2), c, b
        return np.ascontiguousarray(pixels[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def _matrix(raw: "av.VideoFrame") -> tuple[int, int, int, int]:
    side_data: Any = raw.side_data
    for data in side_data:
        if data.type.name == "DISPLAYMATRIX":
            a, b, _, c, d = np.frombuffer(memoryview(data), np.int32)[:5].tolist()
            return a, b, c, d
    return 1, 0, 0, 1


class Video(AbstractContextManager["Video"]):
    """An open video file; iterate over it once.

    Args:
        every: seconds from one frame to the next; the first frame at or after each multiple is yielded. 0 yields all.
        threads: how many cores the decoder may use; None leaves it to FFmpeg (all of them).

    Attributes:
        duration: seconds, as the file says; None where it does not.
        damage: one line on what could not be decoded; empty so far as all could.

    Raises:
        InputError: no file, no video that can be read, or no decoder for it.
    """

    def __init__(self, path: str | Path, *, every: float = 0.0, threads: int | None = None) -> None:
        import av

        if not 0 <= every < float("inf"):
            raise InputError(f"every {every:g} s: expected seconds from 0")
        self.path, self.every, self.damage = local_path(path), every, ""
        if not self.path.is_file():
            raise InputError(f"{path}: {'not a file' if self.path.exists() else 'no such file or folder'}")
        if not self.path.stat().st_size:
            raise InputError(f"{path}: empty")
        files_only = {"protocol_whitelist": "file,crypto,data"}  # a playlist must not make us fetch what it names
        try:
            self.container = av.open(str(path), metadata_errors="replace", options=files_only)
        except (av.FFmpegError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"{path}: not a video that can be read ({reason}); is it damaged or cut off?") from None
        self.stream = self._stream()
        self.stream.thread_count = threads or 0
        self.stream.thread_type = "AUTO"  # several frames at a time, not slices only
        self.start = (self.container.start_time or 0) / av.time_base
        self.duration = self.container.duration / av.time_base if self.container.duration else None

    def _stream(self) -> "VideoStream":
        """Return the first video stream; the cover of an album is none."""
        streams = [s for s in self.container.streams.video if "attached_pic" not in (s.disposition.name or "")]
        if streams and streams[0].codec_context is not None:
            return streams[0]
        self.container.close()
        problem = "no decoder for its video; convert it to H.264, say, and try again" if streams else "no video in it"
        raise InputError(f"{self.path}: {problem}")

    def __exit__(self, *_: object) -> None:
        self.container.close()  # what is not closed is not freed either (PyAV-Org/PyAV#1117)

    def __iter__(self) -> Iterator[VideoFrame]:
        """Yield the frames that `every` takes. Damaged frames are skipped and reported in `damage`; raises nothing."""
        rate = float(self.stream.average_rate or self.stream.guessed_rate or 25)
        pixel = float(self.stream.sample_aspect_ratio or 1)
        slot, number, time, rotation = -1, -1, 0.0, None
        for number, raw in enumerate(self._decoded()):
            if raw.rotation != rotation:  # PyAV's side data and its frame hold each other: read for all, memory grows
                rotation, matrix = raw.rotation, _matrix(raw)
            time = round(number / rate if raw.time is None else raw.time - self.start, 6)
            due = floor(time / self.every + 1e-6) if self.every else number
            if due > slot:
                slot = due
                yield VideoFrame(number, time, raw, matrix, pixel)
        if number < 0:
            self.damage = self.damage or f"{self.path}: no frame in it that can be decoded"
        elif (length := self._length(rate)) - time > SHORT + 2 / rate:
            self.damage = f"{self.path}: ends at {time:.2f} s, but should at {length:.2f} s; it is cut off or damaged"

    def _length(self, rate: float) -> float:
        """Return the seconds that the file promises; 0 where it does not."""
        if self.stream.duration and self.stream.time_base:
            return float(self.stream.duration * self.stream.time_base)
        return self.stream.frames / rate or self.duration or 0.0

    def _decoded(self) -> Iterator["av.VideoFrame"]:
        """Yield every frame that can be decoded, also with visible damage."""
        import av

        time, broken, first = 0.0, 0, ""
        try:
            for packet in self.container.demux(self.stream):
                try:
                    decoded, flawed = packet.decode(), False
                except av.FFmpegError:
                    decoded, flawed = [], True
                for raw in decoded:
                    time = time if raw.time is None else raw.time - self.start
                    flawed = flawed or raw.is_corrupt
                    yield raw
                if flawed:
                    broken, first = broken + 1, first or f"{time:.2f} s"
                    self.damage = f"{self.path}: damaged in {quantity(broken, 'place')}, the first near {first}"
        except av.FFmpegError as error:
            self.damage = f"{self.path}: cannot be read beyond {time:.2f} s ({error.strerror})"
