"""A picture of a video's expressions over time: stacked probabilities per track, the episodes below them.

Drawn with Pillow and as SVG text, so that the base install can: matplotlib alone is larger than all of it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mien.core.files import replacing
from mien.faces.annotate import COLOURS, OTHER, Colour
from mien.faces.faces import VideoFaces
from mien.recognition.episodes import Episode, Found

BINS = 600  # over the whole video: what a screen shows, and what memory and SVG must hold
TRACKS = 12  # the longest are shown
WIDTH, LEFT, RIGHT, TOP = 1200, 110, 24, 78  # pixels
BAND, LANE, SPACE = 84, 18, 22  # heights: of the probabilities, of a row of episodes, between tracks
INK, FAINT, GROUND = (34, 38, 46), (222, 226, 232), (255, 255, 255)
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)  # seconds between ticks

Point = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Bands:
    """The smoothed probabilities of some tracks, averaged over equal stretches of the video."""

    end: float
    """Seconds from the first stretch's beginning (0) to the last one's end."""
    means: dict[int, NDArray[np.float64]]
    """track -> [BINS, k]; NaN where it was not seen."""


def collect(video: Iterable[VideoFaces], found: Found, classes: Sequence[str]) -> Bands:
    """Average the pictures of a video in one pass; each holds until the next one."""
    longest = sorted(found.seen, key=lambda track: (-found.seen[track], track))[:TRACKS]
    sums = {track: np.zeros((BINS, len(classes))) for track in sorted(longest)}
    counts = {track: np.zeros((BINS, 1)) for track in sums}
    scale = BINS / found.end if found.end else 0.0

    def add(picture: VideoFaces, until: float) -> None:
        first = min(int(picture.time * scale), BINS - 1)
        after = min(max(int(np.ceil(until * scale)), first + 1), BINS)
        for track, row in zip(picture.tracks.tolist(), picture.smoothed, strict=True):
            if track in sums:
                sums[track][first:after] += row
                counts[track][first:after] += 1

    before = None
    for picture in video:
        if before is not None:
            add(before, picture.time)
        before = picture
    if before is not None:
        add(before, found.end)
    with np.errstate(invalid="ignore"):
        return Bands(found.end, {track: sums[track] / counts[track] for track in sums})


class Canvas(Protocol):
    """What the picture is drawn on: coordinates in pixels from the upper left."""

    def polygon(self, points: Sequence[Point], colour: Colour) -> None: ...
    def text(self, at: Point, text: str, *, size: int = 13, anchor: str = "start", bold: bool = False) -> None: ...


class _Png:
    SCALE = 2  # drawn larger and shrunk: Pillow's polygons have hard edges

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width * self.SCALE, height * self.SCALE), GROUND)
        self.pen = ImageDraw.Draw(self.image)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        # Pillow's right and lower ends lie within the polygon
        self.pen.polygon([(x * self.SCALE, y * self.SCALE) for x, y in points], fill=tuple(colour))

    def text(self, at: Point, text: str, *, size: int = 13, anchor: str = "start", bold: bool = False) -> None:
        place = {"start": "ls", "middle": "ms", "end": "rs"}[anchor]
        self.pen.text(
            (at[0] * self.SCALE, at[1] * self.SCALE),
            text,
            INK,
            ImageFont.load_default(size * self.SCALE),
            anchor=place,
            stroke_width=self.SCALE / 4 if bold else 0,
        )

    def save(self, path: Path) -> None:
        self.image.save(path, "PNG", optimize=True)


class _Svg:
    def __init__(self, width: int, height: int) -> None:
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'font-family="system-ui, sans-serif" fill="rgb{INK}" role="img">',
            f'<rect width="{width}" height="{height}" fill="rgb{GROUND}"/>',
        ]

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        place = " ".join(f"{x:.1f},{y:.1f}".replace(".0", "") for x, y in points)
        self.parts.append(f'<polygon points="{place}" fill="#{bytes(colour[:3]).hex()}"/>')

    def text(self, at: Point, text: str, *, size: int = 13, anchor: str = "start", bold: bool = False) -> None:
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(
            f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" font-size="{size}" text-anchor="{anchor}"{weight}>'
            f"{escape(text)}</text>"
        )

    def save(self, path: Path) -> None:
        path.write_text("\n".join([*self.parts, "</svg>\n"]), encoding="utf-8")


def write(bands: Bands, found: Found, classes: Sequence[str], title: str, paths: Sequence[Path]) -> None:
    """Write the picture to paths that end with .png or .svg: each whole or not at all.

    Raises:
        InputError: one cannot be written.
    """
    rows = {track: _lanes([e for e in found.episodes if e.track == track]) for track in bands.means}
    height = TOP + sum(BAND + 6 + LANE * max(1, len(lanes)) + SPACE for lanes in rows.values()) + 34
    for path in paths:
        canvas = (_Png if path.suffix == ".png" else _Svg)(WIDTH, height)
        _draw(canvas, bands, found, classes, title, rows, height)
        with replacing(path) as part:
            canvas.save(part)


def _lanes(episodes: Sequence[Episode]) -> list[list[Episode]]:
    """Spread episodes over as few rows as they need so as not to overlap."""
    lanes: list[list[Episode]] = []
    for episode in episodes:
        free = next((lane for lane in lanes if lane[-1].offset <= episode.onset), None)
        if free is None:
            lanes.append([episode])
        else:
            free.append(episode)
    return lanes


def _draw(
    canvas: Canvas,
    bands: Bands,
    found: Found,
    classes: Sequence[str],
    title: str,
    rows: dict[int, list[list[Episode]]],
    height: int,
) -> None:
    scale = (WIDTH - LEFT - RIGHT) / bands.end if bands.end else 0.0
    left_out = len(found.seen) - len(rows)
    shown = f", the {len(rows)} longest of {len(found.seen)} faces" if left_out else ""
    canvas.text((LEFT, 30), f"{title}: probabilities of expressions, smoothed{shown}", size=16, bold=True)
    _legend(canvas, classes)
    step = next((step for step in STEPS if bands.end / step <= 12), STEPS[-1])
    ticks = [step * count for count in range(int(bands.end / step + 1e-6) + 1)]
    for tick in ticks:
        x = LEFT + tick * scale
        _rectangle(canvas, x - 0.5, TOP - 6, x + 0.5, height - 28, FAINT)
        canvas.text((x, height - 12), _label(tick, step), size=12, anchor="middle")
    if not rows:
        canvas.text((LEFT, height - 40), "no face was found")
    top = float(TOP)
    for track, lanes in rows.items():
        seconds = bands.end * float(np.isfinite(bands.means[track][:, 0]).mean())
        canvas.text((LEFT - 12, top + BAND / 2), f"face {track}", anchor="end", bold=True)
        canvas.text((LEFT - 12, top + BAND / 2 + 17), f"{seconds:.1f} s", size=12, anchor="end")
        _rectangle(canvas, LEFT, top + BAND, WIDTH - RIGHT, top + BAND + 1, FAINT)
        for first, after in _seen(bands.means[track]):
            _stack(canvas, bands.means[track][first:after], first, top, classes)
        top += BAND + 6
        for lane in lanes:
            for episode in lane:
                _episode(canvas, episode, top, scale)
            top += LANE
        top += SPACE + (0 if lanes else LANE)


def _legend(canvas: Canvas, classes: Sequence[str]) -> None:
    wide = (WIDTH - LEFT - RIGHT) / len(classes)
    for place, name in enumerate(classes):
        x = LEFT + place * wide
        _rectangle(canvas, x, 46, x + 13, 59, COLOURS.get(name, OTHER))
        canvas.text((x + 19, 58), name)


def _seen(means: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the stretches [first, after) of bins in which there are numbers."""
    edges = np.diff(np.isfinite(means[:, 0]).astype(np.int8), prepend=0, append=0)
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


def _stack(canvas: Canvas, means: NDArray[np.float64], first: int, top: float, classes: Sequence[str]) -> None:
    """Draw stacked areas, the first class at the bottom; from one bin's middle to the next."""
    wide = (WIDTH - LEFT - RIGHT) / BINS
    middles = [LEFT + (first + place + 0.5) * wide for place in range(len(means))]
    xs = [LEFT + first * wide, *middles, LEFT + (first + len(means)) * wide]
    heights = np.cumsum(means, axis=1)
    heights = np.concatenate([np.zeros((len(means), 1)), heights / heights[:, -1:]], axis=1)
    ys = top + BAND * (1 - heights[[0, *range(len(means)), -1]])
    for place, (lower, upper) in enumerate(pairwise(ys.T.tolist())):
        line = list(zip(xs, upper, strict=True)) + list(zip(xs, lower, strict=True))[::-1]
        canvas.polygon(line, COLOURS.get(classes[place], OTHER))


def _episode(canvas: Canvas, episode: Episode, top: float, scale: float) -> None:
    """Draw a bar from onset to offset, a mark at the apex, and the name where there is room."""
    start, end = LEFT + episode.onset * scale, max(LEFT + episode.offset * scale, LEFT + episode.onset * scale + 1.5)
    apex = LEFT + episode.apex * scale
    _rectangle(canvas, start, top, end, top + LANE - 3, COLOURS.get(episode.expression, OTHER))
    canvas.polygon([(apex - 4, top), (apex + 4, top), (apex, top + 6)], INK)
    if max(apex - start, end - apex) > 7.5 * len(episode.expression) + 10:  # the name keeps away from the mark
        early = apex - start > end - apex
        at = (start + 6 if early else end - 6, top + LANE - 7)
        canvas.text(at, episode.expression, size=12, anchor="start" if early else "end")


def _rectangle(canvas: Canvas, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
    canvas.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)


def _label(seconds: float, step: float) -> str:
    """Return the time on an axis whose ticks are `step` seconds apart."""
    if step < 1:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
