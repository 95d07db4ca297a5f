"""Short clips of the strongest episodes: a still picture of each, and an animated WebP that plays when it is asked for.

Each participant's strongest come in turn, of each expression first, so that one lively face does not fill the page.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.core import images
from mien.core.console import track
from mien.core.errors import InputError
from mien.core.labels import find_class
from mien.core.streams import say
from mien.recognition.video import Video
from mien.study.numbers.curves import CLIP, TimeSeries

SIDE = 144  # pixels
RATE = 8  # frames a second
BEFORE, AFTER = 1.2, 1.2  # seconds around the apex
MARGIN = 0.35  # of the box, on each side
BYTES = 60_000  # of a clip; one that is larger loses quality, then frames
ALL_BYTES = 4_000_000  # of all clips together
TRIES = ((50, 1), (30, 1), (30, 2), (20, 3))  # quality, and which frames are kept: every one, every second ...


@dataclass(frozen=True)
class Moment:
    """An episode that is shown."""

    curve: TimeSeries
    expression: str
    onset: float
    apex: float
    offset: float
    """Seconds of the video."""
    peak: float


@dataclass(frozen=True)
class MomentClip:
    """The pictures of a moment, as base64 of WebP."""

    moment: Moment
    still: str
    moving: str


def strongest(curves: Sequence[TimeSeries], most: int) -> list[Moment]:
    """Return the moments that are shown: by turns a participant's next strongest episode, at most `most`.

    A participant's come in the order of their peaks, but the first of each expression before the second of any. Neutral
    is left out.
    """
    queues: dict[str, list[tuple[int, Moment]]] = {}
    for name in curves[0].classes if curves else ():
        if find_class(name) == "neutral":
            continue
        found: dict[str, list[Moment]] = {}
        for curve in curves:
            episodes = curve.episodes(name)
            for first, apex, offset in zip(episodes.first, episodes.apex, episodes.offset, strict=True):
                times = float(curve.times[first]), float(curve.times[apex]), float(offset)
                peak = float(curve.smoothed[name][apex])
                found.setdefault(curve.participant, []).append(Moment(curve, name, *times, peak))
        for participant, moments in found.items():
            ranked = sorted(moments, key=lambda one: (-one.peak, one.onset - one.offset))
            queues.setdefault(participant, []).extend(enumerate(ranked))
    order = [
        (turn, participant, moment)
        for participant, queue in queues.items()
        for turn, (_, moment) in enumerate(sorted(queue, key=lambda one: (one[0], -one[1].peak)))
    ]
    return [moment for _, _, moment in sorted(order, key=lambda one: one[:2])[:most]]


def cut(
    moments: Sequence[Moment], paths: Mapping[tuple[str, ...], Path], jumps: Sequence[str], frames: Path
) -> list[MomentClip]:
    """Return the clips of moments, in their order; one whose video cannot be read is left out, and said.

    Args:
        moments: what to show.
        paths: the file of each clip of the study, by participant, session, condition and video.
        jumps: the videos whose times jump: they cannot be searched.
        frames: the folder out/frames of the study.
    """
    clips, lost, total = list[MomentClip](), dict[str, str](), 0
    for moment in track(moments, "cutting clips", len(moments)):
        curve = moment.curve
        path = paths.get(curve.key[:-1])
        if path is None or curve.video in jumps:
            lost[curve.video] = "its times jump" if path else "no row of videos.csv has it"
            continue
        try:
            clip = _cut(moment, path, _boxes(frames, moment))
        except InputError as error:
            lost[curve.video] = str(error)
            continue
        if clip and total + len(clip.still) + len(clip.moving) <= ALL_BYTES:
            clips.append(clip)
            total += len(clip.still) + len(clip.moving)
    for video, reason in lost.items():
        say(f"no clips of {video}: {reason}")
    return clips


def _span(moment: Moment) -> tuple[float, float]:
    return max(moment.onset - 0.3, moment.apex - BEFORE, 0.0), min(moment.offset + 0.3, moment.apex + AFTER)


def _boxes(frames: Path, moment: Moment) -> NDArray[np.float64]:
    """Return the boxes [n, 4] of the face while it is shown."""
    import pyarrow.dataset as arrow

    start, end = _span(moment)
    where = (arrow.field("time") >= start) & (arrow.field("time") <= end)
    for name in (*CLIP, "person"):
        where &= arrow.field(name) == getattr(moment.curve, name)
    table = arrow.dataset(frames).to_table(columns=list("xywh"), filter=where).drop_null()
    return np.stack([table[name].to_numpy().astype(np.float64) for name in "xywh"], axis=1)


def _cut(moment: Moment, path: Path, boxes: NDArray[np.float64]) -> MomentClip | None:
    """Return the clip of a moment; None where the video has no frame there."""
    if not len(boxes):
        return None
    start, end = _span(moment)
    pictures, times = list[Image.Image](), list[float]()
    with Video(path, every=1 / RATE, begin=start, until=end + 1e-3) as video:
        video.skip(start)
        for frame in video:
            pictures.append(Image.fromarray(images.resize(_part(frame.image, boxes), SIDE)))
            times.append(frame.time)
    if not pictures:
        return None
    best = int(np.argmin(np.abs(np.array(times) - moment.apex)))
    return MomentClip(moment, _base64(_webp([pictures[best]], 60)), _base64(_moving(pictures)))


def _part(image: images.Pixels, boxes: NDArray[np.float64]) -> images.Pixels:
    """Return the square around all boxes of a clip, so that its picture does not shake, within the image."""
    ends = np.stack([boxes[:, :2].min(axis=0), (boxes[:, :2] + boxes[:, 2:]).max(axis=0)])
    size = np.array(image.shape[1::-1])
    side = max(1, min(round(float(np.diff(ends, axis=0).max()) * (1 + 2 * MARGIN)), *size.tolist()))
    left, top = np.clip(ends.mean(axis=0) - side / 2, 0, size - side).astype(int).tolist()
    return image[top : top + side, left : left + side]


def _moving(pictures: Sequence[Image.Image]) -> bytes:
    """Return an animation: the first try that is no larger than `BYTES`, or else one picture."""
    for quality, each in TRIES:
        if len(made := _webp(pictures[::each], quality, each)) <= BYTES:
            return made
    return _webp(pictures[:1], TRIES[-1][0])


def _webp(pictures: Sequence[Image.Image], quality: int, each: int = 1) -> bytes:
    file = io.BytesIO()
    more = {"save_all": True, "append_images": pictures[1:], "duration": round(1000 * each / RATE), "loop": 0}
    pictures[0].save(file, "WEBP", quality=quality, method=4, **(more if len(pictures) > 1 else {}))
    return file.getvalue()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
