"""An annotated copy of a video: boxes, numbers and smoothed expressions of its faces, the sound as it was.

Made from the finished table, so that an interrupted job has nothing half-drawn to go on with.
Not `mien.faces.annotate`:
there every picture is laid out for itself, and panels would jump from frame to frame.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mien.core import images
from mien.core.errors import InputError
from mien.core.files import replacing
from mien.faces.annotate import BARS, COLOURS, INK, OTHER, TRACK, WHITE, Colour, Rect
from mien.faces.faces import VideoFaces
from mien.recognition.video import Video, VideoFrame

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

SHORTEST = 480  # pixels of the shorter side; smaller videos are enlarged, for the text needs pixels
COPIED = frozenset({"aac", "mp3", "mp3float", "ac3", "eac3", "opus", "libopus"})  # what players know inside an MP4
QUALITY = {"preset": "veryfast", "crf": "20"}  # x264: about what a phone's picture is worth


def write(video: Video, found: Iterable[VideoFaces], path: Path, *, threads: int | None = None) -> Iterator[float]:
    """Write the annotated copy of `video` as MP4 (H.264, the source's times), whole or not at all.

    Sound that players know inside an MP4 is copied packet by packet, other sound becomes AAC.

    Args:
        video: opened with every frame; it is read to its end.
        found: what was found in it, in order; a frame between two of them shows the faces of the one before.

    Yields:
        The time of each frame when it is written, in seconds.

    Raises:
        InputError: it cannot be written.
    """
    import av

    shown = _Following(found)
    with replacing(path) as part, av.open(str(video.path), metadata_errors="replace") as source:
        frames = iter(video)
        first = next(frames, None)
        if first is None:
            raise InputError(video.damage or f"{video.path}: no frame in it")
        height, width = first.image.shape[:2]
        growth = max(1.0, SHORTEST / min(height, width))
        size = (round(width * growth / 2) * 2, round(height * growth / 2) * 2)  # H.264 wants even sides
        base = video.stream.time_base or Fraction(1, 90_000)
        try:
            with av.open(str(part), "w", format="mp4", options={"movflags": "faststart"}) as target:
                picture = target.add_stream("libx264", rate=video.stream.average_rate or 25, options=QUALITY)
                picture.width, picture.height, picture.pix_fmt = *size, "yuv420p"
                picture.codec_context.time_base = base
                picture.thread_count = threads or 0
                sound = _Sound(source, target, video.start)
                last = -1
                for frame in _chain(first, frames):
                    last = max(round(frame.time / base), last + 1)
                    image = cv2.resize(frame.image, size, interpolation=cv2.INTER_CUBIC)
                    drawn = overlay(np.asarray(image, np.uint8), shown.at(frame.number), size[0] / width)
                    raw = av.VideoFrame.from_ndarray(drawn, format="rgb24")
                    raw.pts, raw.time_base = last, base
                    target.mux(picture.encode(raw))
                    sound.up_to(frame.time)
                    yield frame.time
                target.mux(picture.encode(None))
                sound.up_to(float("inf"))
        except av.FFmpegError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from None


def _chain(first: VideoFrame, rest: Iterator[VideoFrame]) -> Iterator[VideoFrame]:
    yield first
    yield from rest


class _Following:
    """Walks along what was found as the frames come."""

    def __init__(self, found: Iterable[VideoFaces]) -> None:
        self._rest = iter(found)
        self._now: VideoFaces | None = None
        self._next = next(self._rest, None)

    def at(self, number: int) -> VideoFaces | None:
        while self._next is not None and self._next.frame <= number:
            self._now, self._next = self._next, next(self._rest, None)
        return self._now


class _Sound:
    """The first sound of a file on its way into another."""

    def __init__(self, source: "InputContainer", target: "OutputContainer", start: float) -> None:
        self._target, self._start = target, start
        self._packets: Iterator[Any] = iter(())
        self._held: Any = None
        self._encoder: Any = None
        if not source.streams.audio or source.streams.audio[0].codec_context is None:
            return
        stream = source.streams.audio[0]
        if stream.codec_context.name in COPIED:
            self._stream: Any = target.add_stream_from_template(stream)
        else:
            self._stream = self._encoder = target.add_stream("aac", rate=48_000)
            self._encoder.layout = "mono" if stream.channels == 1 else "stereo"
        self._packets = source.demux(stream)

    def up_to(self, time: float) -> None:
        """Pass on what sounds up to then, in seconds."""
        import av

        while True:
            try:
                packet = self._held or next(self._packets)
            except (StopIteration, av.FFmpegError):  # sound that is cut off ends where it does
                if time == float("inf") and self._encoder is not None:
                    self._target.mux(self._encoder.encode(None))
                    self._encoder = None
                return
            self._held = None
            if packet.pts is None:
                continue
            if float(packet.pts * packet.time_base) - self._start > time:
                self._held = packet
                return
            self._pass(packet)

    def _pass(self, packet: Any) -> None:
        import av

        shift = round(self._start / packet.time_base)
        if self._encoder is None:
            packet.pts -= shift
            packet.dts = packet.pts if packet.dts is None else packet.dts - shift
            packet.stream = self._stream
            self._target.mux(packet)
            return
        try:
            frames = packet.decode()
        except av.FFmpegError:  # a damaged packet is silence
            return
        for frame in frames:
            frame.pts = None if frame.pts is None else frame.pts - shift
            self._target.mux(self._encoder.encode(frame))


def overlay(image: images.Pixels, faces: VideoFaces | None, growth: float) -> images.Pixels:
    """Return the picture, uint8 [h, w, 3], with its faces drawn on; boxes are multiplied by `growth` first."""
    if not faces:
        return image
    height, width = image.shape[:2]
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    line = max(2, round(min(height, width) / 240))
    corners = np.concatenate([faces.boxes[:, :2], faces.boxes[:, :2] + faces.boxes[:, 2:]], axis=1) * growth
    boxes = [Rect(*box) for box in corners.round().tolist()]
    taken, plates = list(boxes), list[Rect]()

    def free(place: Rect, own: Rect) -> bool:
        return all(place.shared(other) < 1 for other in taken if other is not own)

    for track, box, row, quality in zip(faces.tracks.tolist(), boxes, faces.smoothed, faces.quality, strict=True):
        colour, size = _colour(faces, int(row.argmax())), _size(box, height)
        pen.rectangle((box.left - 1, box.top - 1, box.right + 1, box.bottom + 1), outline=INK, width=line + 2)
        pen.rectangle(box, outline=colour, width=line)
        name, mark = f"{faces.classes[int(row.argmax())]} {row.max():.0%}", " (low quality)" * (quality == "low")
        for text in (f"{track}  {name}{mark}", f"{track}{mark}", str(track)):  # in a crowd the number alone
            place = _plate(box, text, size, width)
            if free(place, box):
                break
        taken.append(place)
        plates.append(place)
        pen.rectangle(place, fill=colour)
        pen.text((place.left + 0.5 * size, place.top + 0.75 * size), text, INK, _font(size), anchor="lm")
    for box, plate, row in zip(boxes, plates, faces.smoothed, strict=True):
        font = _font(max(round(0.85 * _size(box, height)), 12))
        place = _panel(box, plate, max(font.getlength(name) for name in faces.classes), font.size, (width, height))
        if free(place, box):  # in a crowd none rather than one that jumps about or hides a face
            taken.append(place)
            _bars(pen, faces, row, font, place)
    return np.asarray(picture)


def _colour(faces: VideoFaces, index: int) -> Colour:
    return COLOURS.get(faces.classes[index], OTHER)


def _size(box: Rect, height: int) -> int:
    """Height of the text at a face, in pixels."""
    return round(min(max(0.16 * box.width, 14), height / 22))


def _plate(box: Rect, text: str, size: int, whole: int) -> Rect:
    """Return where the name of a face goes: above its box, or at its upper end."""
    wide, high = _font(size).getlength(text) + size, 1.5 * size
    left = min(max(box.left, 0), max(whole - wide, 0))
    top = box.top - high if box.top >= high else max(box.top, 0)
    return Rect(left, top, left + wide, top + high)


def _panel(box: Rect, plate: Rect, names: float, size: float, whole: tuple[int, int]) -> Rect:
    """Return where the bars of a face go: below its box, or where they do not fit beside it."""
    wide, high = max(names + 5.5 * size, box.width), (1.35 * BARS + 0.5) * size
    left, top = min(max(box.left, 0), whole[0] - wide), box.bottom + 4
    if top + high > whole[1]:
        left = box.right + 4 if box.right + 4 + wide <= whole[0] else box.left - 4 - wide
        top = min(max(box.top, plate.bottom), whole[1] - high)
    return Rect(left, top, left + wide, top + high)


def _bars(pen: ImageDraw.ImageDraw, faces: VideoFaces, row: Any, font: ImageFont.FreeTypeFont, place: Rect) -> None:
    """Draw the likeliest expressions on a panel."""
    size, names = font.size, max(font.getlength(name) for name in faces.classes)
    pen.rectangle(place, fill=INK)
    start, end = place.left + names + 1.1 * size, place.right - 0.5 * size
    for line, index in enumerate(np.argsort(row)[::-1][:BARS].tolist()):
        middle = place.top + (0.25 + 1.35 * (line + 0.5)) * size
        pen.text((place.left + 0.5 * size, middle), faces.classes[index], WHITE, font, anchor="lm")
        pen.rectangle((start, middle - 0.25 * size, end, middle + 0.25 * size), fill=TRACK)
        if (length := (end - start) * float(row[index])) >= 1:
            pen.rectangle(
                (start, middle - 0.25 * size, start + length, middle + 0.25 * size), fill=_colour(faces, index)
            )


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font that Pillow ships, `size` pixels high."""
    return cast(ImageFont.FreeTypeFont, ImageFont.load_default(size))
