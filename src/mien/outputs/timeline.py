"""A video's expressions over time as PNG and SVG (`mien.outputs.panels`)."""

import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.files import replacing, write_text, writing
from mien.faces.annotate import palette
from mien.faces.faces import VideoFaces
from mien.outputs.drawing import Drawing
from mien.outputs.panels import BINS, Bar, TimelinePanel, draw_panels
from mien.recognition.episodes import VideoSummary

PERSONS = 12  # the longest are shown
LETTERS = 60  # of the file's name in the title


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
            drawing.to_image().save(part, "PNG", optimize=True)
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


def draw_timeline(
    means: dict[int, NDArray[np.float64]], summary: VideoSummary, classes: Sequence[str], title: str
) -> Drawing:
    """Return the drawing of `Timeline.means`."""
    total = len(summary.frames_of_person)
    shown = f", the {len(means)} longest of {total} faces" if total > len(means) else ""
    title = title if len(title) <= LETTERS else f"{title[:LETTERS]}..."
    bars: dict[int, list[Bar]] = {person: [] for person in means}
    for one in summary.episodes:
        if one.person in bars:
            bars[one.person].append(Bar(one.expression, one.onset, one.offset, one.apex))
    panels = []
    for person, rows in means.items():
        seconds = summary.end * float(np.isfinite(rows[:, 0]).mean())
        panels.append(TimelinePanel(f"face {person}", f"{seconds:.1f} s", 0.0, summary.end, rows, bars[person]))
    return draw_panels(panels, palette(classes), f"{title}: probabilities of expressions, smoothed{shown}")
