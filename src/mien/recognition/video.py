"""The frames of a video as upright images with the time at which a player shows them.

PyAV and not OpenCV: cv2.VideoCapture has wrong timestamps where the frame rate varies, hides damage, and has no sound.
One image is held at a time, besides the frames that the decoder's own threads work on.
"""

from codecs import BOM_UTF8
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from math import floor, inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from mien.core import images
from mien.core.console import quantity
from mien.core.errors import InputError
from mien.core.files import os_errors
from mien.core.paths import local_path
from mien.core.time_rules import check_every
from mien.recognition.clock import FILE_GAP, SLACK, STREAM_GAP, Clock
from mien.recognition.cut_off import cut_off

if TYPE_CHECKING:
    import av
    from av.container import InputContainer
    from av.video.stream import VideoStream

SUFFIXES = frozenset(
    {".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".wmv", ".flv", ".mpg", ".mpeg", ".3gp", ".ts", ".mts", ".m2ts"}
    | {".ogv", ".vob"}
)
# FFmpeg's names of what we open. Not playlists, which make it read (and show) other files: concat, hls, dash, sdp,
# image patterns; nor still pictures, subtitles, text (which it plays as ASCII art) and devices.
FORMATS = (
    "mov,matroska,avi,asf,asf_o,flv,live_flv,mpegts,mpeg,mpegvideo,ogg,mxf,gxf,nut,ivf,mjpeg,dv,rm,nsv,wtv,pva,dhav,cine,"
    "yuv4mpegpipe,m4v,h261,h263,h264,hevc,vvc,av1,obu,vc1,cavsvideo,avs2,avs3,dirac"
)
EARLY = 2.0  # seconds: formats without an index, such as MPEG-TS, find a place that is a little late
SQUEEZE = 8.0  # widths of a pixel by its height beyond this, or below its inverse, are mistakes
LONGEST = 1e7  # seconds: four months; a header that says more is a mistake
RESTARTS = 0x200  # AVFMT_TS_DISCONT: a format whose clock may be set anew


def open_container(source: Path | BinaryIO, *, max_pixels: int = images.MAX_PIXELS) -> "InputContainer":
    """Open a video file with FFmpeg. FFmpegError where it is none of `FORMATS`, or damaged.

    Of a file that is open already, no index at its end is looked for: it may still be arriving.
    """
    import av

    options = {
        "protocol_whitelist": "file",  # nothing in it makes us fetch what it names
        "format_whitelist": FORMATS,
        "max_pixels": str(max_pixels),  # while FFmpeg looks at the first frames
    }
    if not isinstance(source, Path):
        return av.open(source, "r", metadata_errors="replace", options={**options, "fflags": "ignidx"})
    return av.open(f"file:{source}", metadata_errors="replace", options=options)  # a name may look like an address


def _is_text(source: Path | BinaryIO) -> bool:
    if isinstance(source, Path):
        with os_errors(source), source.open("rb") as file:
            head = file.read(256)
    else:
        source.seek(0)
        head = source.read(256)
    head = head.removeprefix(BOM_UTF8)  # the first letters of a playlist are ASCII, its names may not be
    return head[:8].isascii() and min(head, default=0) >= 9  # below are no letters, nor ends of lines


@dataclass(frozen=True)
class VideoFrame:
    """A frame of a video; its pixels are only made when `image` is read."""

    number: int
    """Counts the frames of the video from 0, those that are not yielded too."""
    time: float
    """Seconds after the start of the file at which a player shows it, to the microsecond. Never falls."""
    raw: "av.VideoFrame"
    matrix: tuple[int, int, int, int] = (1, 0, 0, 1)
    """a, b, c, d: a point (x, y) is shown at (a x + c y, b x + d y), as in libavutil/display.h; quarter turns."""
    pixel: float = 1.0
    """Width of a pixel by its height."""

    @property
    def turned(self) -> bool:
        """Whether its sides change places."""
        a, b, c, d = self.matrix
        return abs(b) + abs(c) > abs(a) + abs(d)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of `image`; those of one video may differ."""
        size = max(1, round(self.raw.width * self.pixel)), self.raw.height
        return size[::-1] if self.turned else size

    @property
    def image(self) -> images.Pixels:
        """The frame as players show it: uint8 [h, w, 3] RGB, upright, with square pixels."""
        width = max(1, round(self.raw.width * self.pixel))
        pixels = np.asarray(self.raw.to_ndarray(format="rgb24", width=width), np.uint8)
        a, b, c, d = self.matrix
        if self.turned:
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
        source: a path, or an open binary file that can seek. Reading from that may block, where it is still arriving.
            Its `name`, if it is text, begins the messages.
        every: seconds from one frame to the next; the first frame at or after each multiple is yielded. 0 yields all.
        threads: how many cores the decoder may use; None leaves it to FFmpeg (all of them).
        max_pixels: of a frame; the decoder holds several. A video of larger ones is refused.
        begin: seconds; frames before are not yielded.
        until: seconds; frames from then on are not yielded, and not decoded either.

    Attributes:
        duration: seconds, as the file says; None where it does not.
        damage: one line on what could not be decoded; empty so far as all could.
        notes: after the last frame, a line for each thing that is not damage but not as one expects: jumps in time that
            were closed, sizes that change, streams that were not read.
        last: when the last frame was shown, yielded or not, in seconds.
        end: after the last frame, when it ends.

    Raises:
        InputError: no file, no video that can be read, or no decoder for it.
    """

    def __init__(
        self,
        source: str | Path | BinaryIO,
        *,
        every: float = 0.0,
        threads: int | None = None,
        max_pixels: int = images.MAX_PIXELS,
        begin: float = 0.0,
        until: float = inf,
    ) -> None:
        import av

        check_every(every)
        self.every, self.damage, self.max_pixels = every, "", max_pixels
        self.begin, self.until = begin, until
        self._source: Path | BinaryIO
        if isinstance(source, str | Path):
            path, self.path = source, local_path(source)
            self._source = self.path
            with os_errors(self.path):  # a name that is too long, say
                if not self.path.is_file():
                    raise InputError(f"{path}: {'not a file' if self.path.exists() else 'no such file or folder'}")
                if not self.path.stat().st_size:
                    raise InputError(f"{path}: empty")
        else:
            name = getattr(source, "name", None)
            self._source, path = source, name if isinstance(name, str) else "the open file"
            self.path = Path(path)
        try:
            self.container = open_container(self._source, max_pixels=max_pixels)
        except (av.FFmpegError, ValueError) as error:
            reason = f"{getattr(error, 'strerror', None) or error}); is it damaged or cut off?"
            if isinstance(error, av.ArgumentError):
                reason = "a format that mien does not open); convert it to MP4"
            if _is_text(self._source):
                reason = "it is text; of a playlist, give the videos that it names)"
            raise InputError(f"{path}: not a video that can be read ({reason}") from None
        self.notes: list[str] = []
        self.stream = self._stream()
        self.stream.thread_count = threads or 0
        self.stream.thread_type = "AUTO"  # several frames at a time, not slices only
        self.start = (self.container.start_time or 0) / av.time_base
        length = (self.container.duration or 0) / av.time_base
        self._absolute = self.container.format.name.startswith(
            ("matroska", "asf")
        )  # lengths count from 0, not the start
        if self._absolute and length > self.start > 0:
            length -= self.start
        self.duration = length if 0 < length < LONGEST else None
        self.clock = Clock(self.start, STREAM_GAP if self.container.format.flags & RESTARTS else FILE_GAP)
        self.last = self.end = 0.0
        self._stated = False  # whether the last frame says how long it lasts

    def _stream(self) -> "VideoStream":
        """Return the first video stream; the cover of an album is none."""
        streams = [s for s in self.container.streams.video if "attached_pic" not in (s.disposition.name or "")]
        if not streams:
            reason = cut_off(self._source, self.container.format.name, -1)
            problem = f"no video in it; {reason}" if reason else "no video in it"
        else:
            context = streams[0].codec_context
            if context is None:
                problem = "no decoder for its video; convert it to H.264, say, and try again"
            elif context.width * context.height > self.max_pixels:
                size = f"{context.width:,} x {context.height:,} pixels"
                problem = f"{size}; at most {self.max_pixels:,} are read; make it smaller"
            else:
                if len(streams) > 1:
                    self.notes.append(f"{self.path}: {len(streams)} videos in it; the first is read")
                context.options = {"max_pixels": str(self.max_pixels)}  # a frame on the way may be larger
                return streams[0]
        self.container.close()
        raise InputError(f"{self.path}: {problem}")

    def skip(self, seconds: float) -> None:
        """Go to a key frame some seconds before a time, so that little is decoded for the frames from there on.

        To be called before the first frame. Numbers of frames count from that key frame; jumps in time before it are
        not known, so that times of such a file (`notes`) are wrong. A file that cannot be searched is read from its
        beginning.
        """
        import av

        with suppress(av.FFmpegError):
            base = float(self.stream.time_base or 1 / av.time_base)
            early = max(0.0, seconds - EARLY) + self.start
            self.container.seek(int(early / base), stream=self.stream)
        self.clock = Clock(self.start, inf)

    def __exit__(self, *_: object) -> None:
        self.container.close()  # what is not closed is not freed either (PyAV-Org/PyAV#1117)

    def __iter__(self) -> Iterator[VideoFrame]:
        """Yield the frames that `every` takes. Damaged frames are skipped and reported in `damage`; raises nothing."""
        number, slot, rotation, shape, sizes = -1, -1, None, None, list[tuple[tuple[int, int], float]]()
        for number, (raw, time) in enumerate(self._timed()):
            if raw.rotation != rotation:  # PyAV's side data and its frame hold each other: read for all, memory grows
                rotation, matrix = raw.rotation, _matrix(raw)
            if (now := (raw.width, raw.height, self.stream.codec_context.sample_aspect_ratio)) != shape:
                pixel, shape = self._pixel(raw, first=shape is None), now
            if time >= self.until:
                self.end = self.until
                self._note_sizes(sizes)
                return
            self.last = round(time, 6)
            frame = VideoFrame(number, self.last, raw, matrix, pixel)
            if not sizes or sizes[-1][0] != frame.size:
                sizes.append((frame.size, time))
            due = floor(time / self.every + 1e-6) if self.every > 1e-6 else number
            if due > slot:
                slot = due
                if time >= self.begin:
                    yield frame
        if number < 0:
            self.damage = self.damage or f"{self.path}: no frame in it that can be decoded"
        self._finish(sizes)

    def _pixel(self, raw: "av.VideoFrame", *, first: bool) -> float:
        """Return the width of a frame's pixels by their height; where it changes midway, the decoder knows it."""
        inside = None if first else self.stream.codec_context.sample_aspect_ratio
        pixel = float(inside or self.stream.sample_aspect_ratio or 1)
        if 1 / SQUEEZE <= pixel <= SQUEEZE and raw.width * pixel * raw.height <= self.max_pixels:
            return pixel
        self.notes.append(f"{self.path}: pixels {pixel:.4g} times as wide as high cannot be; read as square ones")
        return 1.0

    def _timed(self) -> Iterator[tuple["av.VideoFrame", float]]:
        """Yield every frame that can be decoded with its time."""
        step = 1 / float(self.stream.average_rate or self.stream.guessed_rate or 25)
        step = step if step <= FILE_GAP else 1 / 25
        for raw, stamp in self._decoded():
            before, stated = self.clock.time, float(raw.duration * (raw.time_base or 0))
            self._stated = 0 < stated <= FILE_GAP
            time = self.clock(stamp, stated if self._stated else step)
            step = time - before or step
            yield raw, time

    def _decoded(self) -> Iterator[tuple["av.VideoFrame", float | None]]:
        """Yield every frame that can be decoded, also with visible damage, with its timestamp."""
        import av

        # AVI has no timestamps: FFmpeg numbers the packets, which may be in another order than the frames
        avi = self.container.format.name == "avi"
        order, broken, first, torn = deque[float](), 0, "", False
        try:
            packets: Iterator[Any] = self.container.demux(self.stream, *self.container.streams.audio)
            for packet in packets:
                torn = packet.is_corrupt if packet.size else torn  # before, it may be where two recordings are joined
                if packet.stream is not self.stream:
                    continue
                if avi and packet.size and packet.dts is not None:
                    order.append(float(packet.dts * packet.time_base))
                try:
                    decoded, flawed = packet.decode(), False
                except av.FFmpegError:
                    decoded, flawed = [], True
                    if order:  # the number of a frame that never comes
                        order.popleft()
                for raw in decoded:
                    flawed = flawed or raw.is_corrupt
                    yield raw, order.popleft() if order else raw.time
                if flawed:
                    broken, first = broken + 1, first or f"{self.clock.time:.2f} s"
                    self.damage = f"{self.path}: damaged in {quantity(broken, 'place')}, the first near {first}"
        except IndexError:  # PyAV, once all is decoded: a stream has begun midway that its list lacks
            self.notes.append(f"{self.path}: a stream that begins midway is not read")
        except av.FFmpegError as error:
            self.damage = f"{self.path}: cannot be read beyond {self.clock.time:.2f} s ({error.strerror})"
        if torn and not self.damage:
            self.damage = (
                f"{self.path}: ends at {self.clock.time:.2f} s; it is cut off or damaged (its last packet is not whole)"
            )

    def _finish(self, sizes: Sequence[tuple[tuple[int, int], float]]) -> None:
        """Say what was not as it should be, and when the video ends."""
        jumps, path = self.clock.jumps, self.path
        if jumps:
            which = f"from {jumps[0].before:.2f} s to {jumps[0].after:.2f} s"
            times = (
                f"its times jump {which}" if len(jumps) == 1 else f"its times jump {len(jumps):,} times, first {which}"
            )
            self.notes.append(f"{path}: {times}; closed: at {jumps[0].time:.2f} s they go on as if nothing had been")
        self._note_sizes(sizes)
        promised = [] if jumps else self._promised()
        reason = cut_off(self._source, self.container.format.name, self.stream.id)
        if reason and self.clock.begun:
            length = max(promised, default=0.0)
            missing = f", but should at {length:.2f} s" if length > self.clock.due + SLACK else ""
            self.damage = f"{path}: ends at {self.last:.2f} s{missing}; {reason}"
        end = self.clock.due
        if not self.damage:
            end = max([end, *(one for one in promised if one <= self.last + FILE_GAP)])
            if not self._stated and not jumps and self.duration:  # as long as the frame before, but not beyond the file
                end = min(end, max(self.duration, self.last))
        self.end = round(end, 6)

    def _note_sizes(self, sizes: Sequence[tuple[tuple[int, int], float]]) -> None:
        if len(sizes) > 1:
            (one, _), (other, time) = sizes[:2]
            change = "changes from {} x {} to {} x {}".format(*one, *other)
            more = f"; {len(sizes) - 1:,} changes in all" if len(sizes) > 2 else ""
            path = self.path
            self.notes.append(f"{path}: its picture {change} at {time:.2f} s{more}; boxes are in pixels of each frame")

    def _promised(self) -> list[float]:
        """Return when the picture ends, as far as the file says it."""
        found, stream = [], self.stream
        if stream.duration and stream.time_base:
            begin = float((stream.start_time or 0) * stream.time_base)
            found.append(float(stream.duration * stream.time_base) + (0.0 if self._absolute else begin) - self.start)
        if len(self.container.streams) == 1 and self.duration:
            found.append(self.duration)
        return found
