"""An annotated copy of a video: boxes, person numbers and smoothed expressions of its faces, the sound as it was; the
faces themselves covered where that is asked for.

Not `mien.faces.annotate`: it lays out each image by itself, so that panels would jump from frame to frame.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mien.core import images
from mien.core.errors import InputError
from mien.core.files import replacing
from mien.core.fonts import drawable, load_font
from mien.faces.annotate import BARS, INK, TRACK, WHITE, Colour, Rect, palette
from mien.faces.faces import VideoFaces
from mien.outputs.blur import BRIDGE, FaceCover
from mien.recognition.clock import Clock
from mien.recognition.video import Video, VideoFrame, open_container

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer

SHORTEST = 480  # pixels of the shorter side; smaller videos are enlarged, for the text needs pixels
LONGEST = 4096  # pixels of the longer side beyond which nothing is enlarged
NARROWEST = 120  # pixels of a side; smaller ones get edges, for the text
FINEST, COARSEST = Fraction(1, 90_000), Fraction(1, 500)  # seconds; other time bases become the finest
DRIFT = 1.0  # seconds by which the jumps of sound and picture may differ and be one
COPIED = frozenset({"aac", "mp3", "mp3float", "ac3", "eac3", "opus", "libopus"})  # what players know inside an MP4
SLOWEST = 16_000  # samples a second of MP3 in an MP4
# x264: about the quality of a phone's video; with B-frames, an MP4 whose last frames last long says it is shorter
QUALITY = {"preset": "veryfast", "crf": "20", "bf": "0"}


@contextmanager
def annotate_video(
    source: Path, path: Path, *, threads: int | None = None, cover: FaceCover | None = None, draw: bool = True
) -> Iterator["AnnotatedVideo"]:
    """Open an annotated copy of a video as MP4 (H.264, the source's times): whole or not at all.

    Every frame is drawn. Sound that players know inside an MP4 is copied packet by packet, other sound becomes AAC.
    The encoder uses `threads` cores; None leaves it to x264 (all of them). A `cover` covers the faces that it is given;
    without `draw` nothing is drawn.
    Nothing but the first picture and sound is copied: no thumbnail, no subtitles, no metadata.

    Raises:
        InputError: the video has no frame, or the copy cannot be written.
    """
    import av

    try:
        with (
            Video(source, threads=threads) as video,
            replacing(path) as part,
            open_container(source) as container,
            av.open(f"file:{part}", "w", format="mp4", options={"movflags": "faststart"}) as target,
        ):
            copy = AnnotatedVideo(video, container, target, threads or 0, cover, draw)
            yield copy
            copy.finish()
    except av.FFmpegError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None


class AnnotatedVideo:
    """The copy that `annotate_video` opens.

    It decodes the video itself, as far as the faces have come: smoothing looks ahead and crops are scored in batches,
    so that keeping the frames until then would take gigabytes. A resumed job draws what the table has first.
    """

    def __init__(
        self,
        video: Video,
        source: "InputContainer",
        target: "OutputContainer",
        threads: int,
        cover: FaceCover | None = None,
        draw: bool = True,
    ) -> None:
        self._video, self._frames = video, iter(video)
        self._next = next(self._frames, None)
        if self._next is None:
            raise InputError(video.damage or f"{video.path}: no frame in it")
        width, height = self._next.size
        growth = max(1.0, min(SHORTEST / min(height, width), LONGEST / max(height, width))) if draw else 1.0
        wide, high = (
            max(NARROWEST if draw else 16, round(side * growth / 2) * 2) for side in (width, height)
        )  # H.264 wants even sides
        self._size = wide, high
        base = video.stream.time_base
        self._base = base if base and FINEST <= base < COARSEST else FINEST
        self._target = target
        self._stream = target.add_stream("libx264", rate=25, options=QUALITY)  # a hint: times are ours
        self._stream.width, self._stream.height, self._stream.pix_fmt = wide, high, "yuv420p"
        self._stream.codec_context.time_base = self._base
        self._stream.thread_count = threads
        self._sound = _sound(source, target, video)
        self._packets = next(self._sound, None)
        self._time = -1  # of the last frame, in `_base`
        self._faces: VideoFaces | None = None
        self._cover, self._drawing = cover, draw
        self._waiting = deque[VideoFaces]()  # a cover has to know where a face is seen next
        self._fit = self._fitted(self._next)  # of the frame in which the faces were found

    def write(self, faces: VideoFaces) -> None:
        """Draw the frames before these faces, with a cover before earlier ones; each shows the last faces found up to
        it."""
        if self._cover:
            self._cover.add(faces)
        self._waiting.append(faces)
        self._show(faces.time - (BRIDGE if self._cover else 0.0))

    def finish(self) -> None:
        """Draw the frames that are left."""
        self._show(float("inf"))
        self._draw(float("inf"))
        for packet in self._stream.encode(None):
            if packet.pts == self._time:  # the last frame lasts as long as in the source
                packet.duration = max(round(self._video.end / self._base) - self._time, 1)
            self._target.mux(packet)
        self._write_sound(float("inf"))

    def _show(self, until: float) -> None:
        """Draw the frames before the faces up to that time."""
        while self._waiting and self._waiting[0].time <= until:
            faces = self._waiting.popleft()
            self._draw(faces.frame)
            self._faces = faces
            if self._next is not None:
                self._fit = self._fitted(self._next)

    def _fitted(self, frame: VideoFrame) -> tuple[float, tuple[int, int]]:
        """Return how a frame lies in the copy: how much it grows, and its corner. All show as much as they can."""
        (width, height), (wide, high) = frame.size, self._size
        growth = min(wide / width, high / height)
        return growth, (round((wide - width * growth) / 2), round((high - height * growth) / 2))

    def _draw(self, end: float) -> None:
        """Draw the frames with a number below `end`."""
        import av

        while self._next is not None and self._next.number < end:
            frame, self._next = self._next, next(self._frames, None)
            image = self._drawn(frame)
            if self._drawing:
                image = overlay(image, self._faces, *self._fit)
            raw = av.VideoFrame.from_ndarray(image, format="rgb24")
            self._time = max(round(frame.time / self._base), self._time + 1)
            raw.pts, raw.time_base = self._time, self._base
            self._target.mux(self._stream.encode(raw))
            self._write_sound(frame.time)

    def _drawn(self, frame: VideoFrame) -> images.Pixels:
        """Return a frame in the size of the copy."""
        (wide, high), (growth, (left, top)) = self._size, self._fitted(frame)
        width, height = (
            max(1, min(round(side * growth), most)) for side, most in zip(frame.size, self._size, strict=True)
        )
        if (wide - width) <= 2 and (high - height) <= 2:  # even sides
            width, height = wide, high
        pixels = self._cover.cover(frame.image, frame.time) if self._cover else frame.image
        image = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
        if (width, height) == self._size:
            return image
        canvas = np.zeros((high, wide, 3), np.uint8)
        canvas[top : top + height, left : left + width] = image[: high - top, : wide - left]
        return canvas

    def _write_sound(self, end: float) -> None:
        """Write the packets up to that time, in seconds."""
        while self._packets and self._packets[0] <= end:
            self._target.mux(self._packets[1])
            self._packets = next(self._sound, None)


def _sound(source: "InputContainer", target: "OutputContainer", video: Video) -> Iterator[tuple[float, Any]]:
    """Add the first sound of a file to another; yield the packets to write, each with a time in seconds."""
    if not source.streams.audio or source.streams.audio[0].codec_context is None:
        return
    stream: Any = source.streams.audio[0]
    name, head, hertz = stream.codec_context.name, stream.codec_context.extradata, stream.codec_context.sample_rate
    # an MP4 with Opus repeats its head; the rate of a sound that begins midway is not known yet
    if name in COPIED and (head or not name.endswith("opus")) and hertz >= (SLOWEST if name.startswith("mp3") else 1):
        copied = target.add_stream_from_template(stream)
        for time, packet in _shifted(source, stream, video, decode=False):
            packet.stream = copied
            yield time, packet
    else:
        encoder: Any = target.add_stream("aac", rate=48_000)
        encoder.layout = "mono" if stream.channels == 1 else "stereo"
        for time, frame in _shifted(source, stream, video, decode=True):
            yield time, encoder.encode(frame)
        yield float("inf"), encoder.encode(None)


def _shifted(source: "InputContainer", stream: Any, video: Video, *, decode: bool) -> Iterator[tuple[float, Any]]:
    """Yield the packets or frames of a sound, at the times of the copy, with the time of the packet in seconds.

    Where it jumps, it follows the picture, which is read a frame ahead; a jump that the picture has not is closed too.
    """
    import av

    clock, latest = Clock(video.clock.start, video.clock.gap, earliest=-video.clock.gap), -float("inf")
    try:
        for packet in source.demux(stream):
            if packet.pts is None or packet.time_base is None:
                continue
            jumps, base = len(clock.jumps), packet.time_base
            time = clock(float(packet.pts * base), float((packet.duration or 0) * base))
            if len(clock.jumps) > jumps < len(video.clock.jumps):
                picture = video.clock.jumps[jumps].shift
                if abs(picture - clock.shift) < DRIFT:
                    time = clock.follow(picture)
            if time <= latest:  # two sounds at a time, where the first of two recordings is longer than its picture
                continue
            latest, shift = time, round((clock.shift - clock.start) / base)
            if not decode:
                packet.pts += shift
                packet.dts = packet.pts if packet.dts is None else packet.dts + shift
                yield time, packet
                continue
            try:
                frames = packet.decode()
            except av.FFmpegError:  # a damaged packet is silence
                continue
            for frame in frames:
                frame.pts = None if frame.pts is None else frame.pts + shift
                yield time, frame
    except (av.FFmpegError, IndexError):  # sound that is cut off ends where it does; IndexError as in Video
        return


def overlay(
    image: images.Pixels, faces: VideoFaces | None, growth: float, corner: tuple[int, int] = (0, 0)
) -> images.Pixels:
    """Return the image, uint8 [h, w, 3], with its faces drawn on.

    Boxes are multiplied by `growth`, then moved by `corner`, the pixels from the left and from the top.
    """
    if not faces:
        return image
    height, width = image.shape[:2]
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    line = max(2, round(min(height, width) / 240))
    corners = np.concatenate([faces.boxes[:, :2], faces.boxes[:, :2] + faces.boxes[:, 2:]], axis=1) * growth
    corners += np.array([*corner, *corner], np.float32)
    boxes = [Rect(*box) for box in corners.round().tolist()]
    occupied, plates = list(boxes), list[Rect]()
    classes = drawable(faces.classes)
    colours = palette(classes)

    def free(rect: Rect, own: Rect) -> bool:
        return all(rect.shared(other) < 1 for other in occupied if other is not own)

    for person, box, row, quality in zip(faces.persons.tolist(), boxes, faces.smoothed, faces.quality, strict=True):
        name, size = classes[int(row.argmax())], _text_size(box, height)
        colour = colours[name]
        pen.rectangle((box.left - 1, box.top - 1, box.right + 1, box.bottom + 1), outline=INK, width=line + 2)
        pen.rectangle(box, outline=colour, width=line)
        mark = " (low quality)" * (quality != "ok")
        for text in (
            f"{person}  {name} {row.max():.0%}{mark}",
            f"{person}{mark}",
            str(person),
        ):  # in a crowd the number
            rect = _plate(box, text, size, width)
            if free(rect, box):
                break
        occupied.append(rect)
        plates.append(rect)
        pen.rectangle(rect, fill=colour)
        pen.text((rect.left + 0.5 * size, rect.top + 0.75 * size), text, INK, load_font(size), anchor="lm")
    for box, plate, row in zip(boxes, plates, faces.smoothed, strict=True):
        font = load_font(max(round(0.85 * _text_size(box, height)), 12))
        names = max(font.getlength(name) for name in classes)
        rect = _panel(box, plate, names, font.size, (width, height))
        if free(rect, box):  # in a crowd none rather than one that jumps about or hides a face
            occupied.append(rect)
            _draw_bars(pen, rect, row, colours, font, names)
    return np.asarray(canvas)


def _text_size(box: Rect, height: int) -> int:
    """Height of the text at a face, in pixels."""
    return round(min(max(0.16 * box.width, 14), height / 22))


def _plate(box: Rect, text: str, size: int, whole: int) -> Rect:
    """Return where the name of a face goes: above its box, or at its upper end."""
    wide, high = load_font(size).getlength(text) + size, 1.5 * size
    left = min(max(box.left, 0), max(whole - wide, 0))
    top = box.top - high if box.top >= high else max(box.top, 0)
    return Rect(left, top, left + wide, top + high)


def _panel(box: Rect, plate: Rect, names: float, size: float, whole: tuple[int, int]) -> Rect:
    """Return where the bars of a face go: below its box, or where they do not fit, next to it."""
    wide, high = max(names + 5.5 * size, box.width), (1.35 * BARS + 0.5) * size
    left, top = min(max(box.left, 0), whole[0] - wide), box.bottom + 4
    if top + high > whole[1]:
        left = box.right + 4 if box.right + 4 + wide <= whole[0] else box.left - 4 - wide
        top = min(max(box.top, plate.bottom), whole[1] - high)
    return Rect(left, top, left + wide, top + high)


def _draw_bars(
    pen: ImageDraw.ImageDraw,
    rect: Rect,
    row: Any,
    colours: dict[str, Colour],
    font: ImageFont.FreeTypeFont,
    names: float,
) -> None:
    """Draw the most probable of the classes that `colours` has; `names` is the width of the longest name."""
    size, classes = font.size, list(colours)
    pen.rectangle(rect, fill=INK)
    start, end = rect.left + names + 1.1 * size, rect.right - 0.5 * size
    for line, index in enumerate(np.argsort(row)[::-1][:BARS].tolist()):
        middle = rect.top + (0.25 + 1.35 * (line + 0.5)) * size
        top, bottom, length = middle - 0.25 * size, middle + 0.25 * size, (end - start) * float(row[index])
        pen.text((rect.left + 0.5 * size, middle), classes[index], WHITE, font, anchor="lm")
        pen.rectangle((start, top, end, bottom), fill=TRACK)
        if length >= 1:
            pen.rectangle((start, top, start + length, bottom), fill=colours[classes[index]])
