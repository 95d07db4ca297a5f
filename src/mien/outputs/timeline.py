"""A video's expressions over time as PNG and SVG: stacked probabilities per person, the episodes below them.

Own lines and no library: matplotlib alone is larger than all of mien.
"""

import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from html import escape
from itertools import pairwise
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mien.core.files import replacing, write_text, writing
from mien.core.fonts import drawable, load_font
from mien.core.streams import visible
from mien.faces.annotate import Colour, palette
from mien.faces.faces import VideoFaces
from mien.recognition.episodes import Episode, VideoSummary

BINS = 600  # over the whole video: what a screen shows
MOST = 8  # classes are shown, of more the most probable
PERSONS = 12  # the longest are shown
LETTERS = 60  # of the title
WIDTH, LEFT, RIGHT, TOP = 1200, 110, 24, 78  # pixels
BAND, LANE, SPACE = 84, 18, 22  # heights: of the probabilities, of a row of episodes, between persons
INK, FAINT, GROUND, REST = (34, 38, 46), (222, 226, 232), (255, 255, 255), (196, 200, 208)
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)  # seconds between ticks


class Timeline(AbstractContextManager["Timeline"]):
    """Collects the smoothed probabilities of a video, frame by frame, and draws them at the end.

    Only the end tells how long the video is and which persons are the longest: until then the probabilities wait in a
    file without a name in `folder`, so that memory does not grow.
    """

    def __init__(self, classes: Sequence[str], folder: Path) -> None:
        self.classes, self._folder = tuple(classes), folder
        with writing(folder):
            self._waiting = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - it lives as long as this
        self._kind = np.dtype(
            [("person", np.int64), ("time", float), ("until", float), ("smoothed", np.float32, len(self.classes))]
        )
        self._last: VideoFaces | None = None

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # on a full disk what is buffered; it would hide the error that ends the job
            self._waiting.close()

    def write(self, faces: VideoFaces) -> None:
        """Add the next frame."""
        self._add_last(faces.time)
        self._last = faces

    def save(self, summary: VideoSummary, title: str, stem: Path) -> None:
        """Write STEM.timeline.png and STEM.timeline.svg. InputError where one cannot be written."""
        drawing = draw_timeline(self.means(summary), summary, self.classes, title)
        with replacing(stem.with_name(f"{stem.name}.timeline.png")) as part:
            drawing.image.save(part, "PNG", optimize=True)
        write_text(stem.with_name(f"{stem.name}.timeline.svg"), drawing.to_svg())

    def means(self, summary: VideoSummary) -> dict[int, NDArray[np.float64]]:
        """Return person -> probabilities [BINS, k] averaged over equal stretches of the video, NaN where not seen.

        Each frame lasts until the next one. Call it once, after the last frame.
        """
        self._add_last(summary.end)
        lengths = summary.frames_of_person
        longest = sorted(lengths, key=lambda person: (-lengths[person], person))[:PERSONS]
        sums = {person: np.zeros((BINS, len(self.classes))) for person in sorted(longest)}
        counts = {person: np.zeros((BINS, 1)) for person in sums}
        scale = BINS / summary.end if summary.end else 0.0
        with writing(self._folder):
            self._waiting.seek(0)
        while len(rows := np.fromfile(self._waiting, self._kind, 4096)):
            for person, time, until, smoothed in rows:
                if person in sums:
                    first = min(int(time * scale), BINS - 1)
                    after = min(max(int(np.ceil(until * scale)), first + 1), BINS)
                    sums[person][first:after] += smoothed
                    counts[person][first:after] += 1
        with np.errstate(invalid="ignore"):
            return {person: sums[person] / counts[person] for person in sums}

    def _add_last(self, until: float) -> None:
        if self._last is not None:
            rows = np.empty(len(self._last), self._kind)
            rows["person"], rows["smoothed"] = self._last.persons, self._last.smoothed
            rows["time"], rows["until"] = self._last.time, until
            with writing(self._folder):
                self._waiting.write(rows.tobytes())


class Drawing:
    """Polygons and texts, drawn as `image` and as SVG; coordinates in pixels from the upper left."""

    SCALE = 2  # of the image: Pillow's polygons have hard edges

    def __init__(self, width: int, height: int) -> None:
        self.image = Image.new("RGB", (width * self.SCALE, height * self.SCALE), GROUND)
        self._pen = ImageDraw.Draw(self.image)
        self._svg = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            f'font-family="system-ui, sans-serif" fill="rgb{INK}" role="img">',
            f'<rect width="{width}" height="{height}" fill="rgb{GROUND}"/>',
        ]

    def polygon(self, points: Sequence[tuple[float, float]], colour: Colour) -> None:
        self._pen.polygon([(x * self.SCALE, y * self.SCALE) for x, y in points], fill=colour)
        corners = " ".join(f"{x:.1f},{y:.1f}".replace(".0", "") for x, y in points)
        self._svg.append(f'<polygon points="{corners}" fill="#{bytes(colour).hex()}"/>')

    def rectangle(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        self.polygon([(left, top), (right, top), (right, bottom), (left, bottom)], colour)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: int = 13,
        anchor: str = "start",
        bold: bool = False,
        svg: str | None = None,
    ) -> None:
        """Draw a text; `svg` in the SVG, whose viewers have more letters than a font here."""
        font = load_font(size * self.SCALE)
        end = {"start": "ls", "middle": "ms", "end": "rs"}[anchor]
        stroke = self.SCALE / 4 if bold else 0
        self._pen.text((x * self.SCALE, y * self.SCALE), text, INK, font, end, stroke_width=stroke)
        weight = ' font-weight="600"' if bold else ""
        style = f'font-size="{size}" text-anchor="{anchor}"{weight}'
        self._svg.append(f'<text x="{x:.1f}" y="{y:.1f}" {style}>{escape(visible(svg or text))}</text>')

    def to_svg(self) -> str:
        return "\n".join([*self._svg, "</svg>\n"])


def draw_timeline(
    means: dict[int, NDArray[np.float64]], summary: VideoSummary, classes: Sequence[str], title: str
) -> Drawing:
    """Return the drawing of `Timeline.means`."""
    persons = {person: _lanes([e for e in summary.episodes if e.person == person]) for person in means}
    height = TOP + sum(BAND + 6 + LANE * max(1, len(lanes)) + SPACE for lanes in persons.values()) + 34
    drawing, end = Drawing(WIDTH, height), summary.end
    scale = (WIDTH - LEFT - RIGHT) / end if end else 0.0
    total = len(summary.frames_of_person)
    shown = f", the {len(persons)} longest of {total} faces" if total > len(persons) else ""
    title = "".join(letter if letter.isprintable() else "?" for letter in title)  # a file's name may hold anything
    title = title if len(title) <= LETTERS else f"{title[:LETTERS]}..."
    drawing.text(LEFT, 30, f"{title}: probabilities of expressions, smoothed{shown}", size=16, bold=True)
    means, colours = _most(means, palette(classes))
    drawn = dict(zip(classes, drawable(classes), strict=True))
    for index, (name, colour) in enumerate(colours.items()):
        wide = (WIDTH - LEFT - RIGHT) / len(colours)
        x, room = LEFT + index * wide, int((wide - 24) / 7.5)
        shown, named = (
            text if len(text) <= room else f"{text[: room - 2]}.." for text in (drawn.get(name, name), name)
        )
        drawing.rectangle(x, 46, x + 13, 59, colour)
        drawing.text(x + 19, 58, shown, svg=named)
    step = next((step for step in STEPS if end / step <= 12), 86_400 * ceil(end / 12 / 86_400))  # then whole days
    for count in range(int(end / step + 1e-6) + 1):
        x = LEFT + step * count * scale
        drawing.rectangle(x - 0.5, TOP - 6, x + 0.5, height - 28, FAINT)
        drawing.text(x, height - 12, _clock(step * count, step), size=12, anchor="middle")
    if not persons:
        drawing.text(LEFT, height - 40, "no face was found")
    top = float(TOP)
    for person, lanes in persons.items():
        seconds = end * float(np.isfinite(means[person][:, 0]).mean())
        drawing.text(LEFT - 12, top + BAND / 2, f"face {person}", anchor="end", bold=True)
        drawing.text(LEFT - 12, top + BAND / 2 + 17, f"{seconds:.1f} s", size=12, anchor="end")
        drawing.rectangle(LEFT, top + BAND, WIDTH - RIGHT, top + BAND + 1, FAINT)
        for first, after in _seen(means[person]):
            _draw_stack(drawing, means[person][first:after], first, top, list(colours.values()))
        top += BAND + 6
        for row, lane in enumerate(lanes):
            for episode in lane:
                colour = colours.get(episode.expression, REST)
                _draw_episode(drawing, episode, drawn[episode.expression], colour, top + row * LANE, scale)
        top += max(1, len(lanes)) * LANE + SPACE
    return drawing


def _most(
    means: dict[int, NDArray[np.float64]], colours: dict[str, Colour]
) -> tuple[dict[int, NDArray[np.float64]], dict[str, Colour]]:
    """Return the probabilities and colours of the most probable classes, and of all others as one."""
    if len(colours) <= MOST:
        return means, colours
    total = sum((np.nansum(rows, axis=0) for rows in means.values()), np.zeros(len(colours)))
    chosen = np.sort(np.argsort(-total, kind="stable")[: MOST - 1])
    others = np.setdiff1d(np.arange(len(colours)), chosen)
    folded = {
        person: np.concatenate([rows[:, chosen], rows[:, others].sum(axis=1, keepdims=True)], axis=1)
        for person, rows in means.items()
    }
    names = list(colours)
    return folded, {names[index]: colours[names[index]] for index in chosen.tolist()} | {
        f"{len(others):,} others": REST
    }


def _lanes(episodes: Sequence[Episode]) -> list[list[Episode]]:
    """Spread episodes over as few rows as they need so as not to overlap."""
    lanes: list[list[Episode]] = []
    for episode in episodes:
        lane = next((lane for lane in lanes if lane[-1].offset <= episode.onset), None)
        if lane is None:
            lanes.append(lane := [])
        lane.append(episode)
    return lanes


def _seen(means: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the stretches [first, after) of bins in which there are numbers."""
    edges = np.diff(np.isfinite(means[:, 0]).astype(np.int8), prepend=0, append=0)
    return list(zip(np.flatnonzero(edges == 1).tolist(), np.flatnonzero(edges == -1).tolist(), strict=True))


def _draw_stack(
    drawing: Drawing, means: NDArray[np.float64], first: int, top: float, colours: Sequence[Colour]
) -> None:
    """Draw stacked areas, the first class at the bottom; from one bin's middle to the next."""
    wide = (WIDTH - LEFT - RIGHT) / BINS
    middles = [LEFT + (first + index + 0.5) * wide for index in range(len(means))]
    xs = [LEFT + first * wide, *middles, LEFT + (first + len(means)) * wide]
    heights = np.cumsum(means, axis=1)
    heights = np.concatenate([np.zeros((len(means), 1)), heights / heights[:, -1:]], axis=1)
    ys = top + BAND * (1 - heights[[0, *range(len(means)), -1]])
    for colour, (lower, upper) in zip(colours, pairwise(ys.T.tolist()), strict=True):
        outline = list(zip(xs, upper, strict=True)) + list(zip(xs, lower, strict=True))[::-1]
        drawing.polygon(outline, colour)


def _draw_episode(drawing: Drawing, episode: Episode, name: str, colour: Colour, top: float, scale: float) -> None:
    """Draw a bar from onset to offset, a mark at the apex, and the name where there is room."""
    start, apex = LEFT + episode.onset * scale, LEFT + episode.apex * scale
    end = max(LEFT + episode.offset * scale, start + 1.5)
    drawing.rectangle(start, top, end, top + LANE - 3, colour)
    drawing.polygon([(apex - 4, top), (apex + 4, top), (apex, top + 6)], INK)
    if max(apex - start, end - apex) > 7.5 * len(name) + 10:  # the name keeps away from the mark
        x, anchor = (start + 6, "start") if apex - start > end - apex else (end - 6, "end")
        drawing.text(x, top + LANE - 7, name, size=12, anchor=anchor, svg=episode.expression)


def _clock(seconds: float, step: float) -> str:
    """Return the time on an axis whose ticks are `step` seconds apart."""
    if step < 1:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}" if minutes >= 60 else f"{minutes}:{rest:02d}"
