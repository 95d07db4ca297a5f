"""When an expression begins, is strongest and ends: episodes along the tracks of a video.

The rule, on the smoothed probability s of one expression of one track: a double threshold, as in Canny's edge detector
(IEEE PAMI 8(6), 1986). An episode is a stretch with s >= LOW throughout that reaches HIGH somewhere. Its onset is its
first frame, its apex the frame with the highest s, its offset the first frame after it. A gap that the tracker bridges
does not end it. Episodes below SHORTEST are dropped: what lasts less than 1/5 s is a micro-expression (Yan et al.,
J. Nonverbal Behavior 37, 2013), which a network that sees single frames cannot recognise. Neutral is treated like the
other classes.
"""

from collections import Counter
from dataclasses import dataclass, field

from mien.faces.faces import VideoFaces
from mien.recognition.tracking import GAP

HIGH, LOW = 0.5, 0.3  # probabilities: likelier than all other classes together; still clearly present
SHORTEST = 0.2  # seconds


@dataclass(frozen=True)
class Episode:
    """One expression of one face, from onset to offset; times in seconds."""

    track: int
    expression: str
    onset: float
    apex: float
    offset: float
    peak: float
    """The smoothed probability at the apex."""
    mean: float
    """The mean raw probability from onset to offset."""

    @property
    def duration(self) -> float:
        return round(self.offset - self.onset, 6)


@dataclass
class VideoSummary:
    """What a whole video contains."""

    episodes: list[Episode] = field(default_factory=list)
    """In order of onset."""
    frames: int = 0
    frames_of_track: Counter[int] = field(default_factory=Counter)
    """track -> number of frames that show it."""
    end: float = 0.0
    """Seconds: when the last frame ends."""


@dataclass
class _Run:
    """A stretch with s >= LOW that is not finished."""

    onset: float
    last: float
    until: float | None = None  # the first frame after `last`
    apex: float = 0.0
    peak: float = 0.0
    total: float = 0.0
    count: int = 0


class EpisodeFinder:
    """Finds the episodes of a video in one pass: `write` each frame, then `finish`."""

    def __init__(self) -> None:
        self._summary = VideoSummary()
        self._runs: dict[tuple[int, str], _Run] = {}
        self._before = 0.0  # when the frame before the last one was shown

    def write(self, faces: VideoFaces) -> None:
        """Add the next frame."""
        summary, runs, time = self._summary, self._runs, faces.time
        summary.frames += 1
        self._before, summary.end = summary.end, time
        for run in runs.values():
            run.until = run.until or time
        rows = faces.tracks.tolist(), faces.probabilities.tolist(), faces.smoothed.tolist()
        for track, raw, smoothed in zip(*rows, strict=True):
            summary.frames_of_track[track] += 1
            for name, p, s in zip(faces.classes, raw, smoothed, strict=True):
                key = track, name
                if s >= LOW:
                    run = runs.setdefault(key, _Run(time, time))
                    run.last, run.until = time, None
                    run.total, run.count = run.total + p, run.count + 1
                    if s > run.peak:
                        run.peak, run.apex = s, time
                elif key in runs:
                    self._close(key, time)
        for key in [key for key, run in runs.items() if time - run.last > GAP]:
            self._close(key, time)

    def finish(self, duration: float | None = None, *, last: float | None = None) -> VideoSummary:
        """Return the summary: no frame follows.

        Args:
            duration: when the video ends, in seconds; nothing lasts longer.
            last: when its last frame is shown. Where that was written here, it lasts until `duration`; else, as where
                this is None, as long as the frame before.
        """
        summary = self._summary
        end = summary.end + (summary.end - self._before if summary.frames > 1 else 0.0)
        if duration is not None:
            end = max(summary.end, duration if last is not None and summary.end >= last else min(end, duration))
        summary.end = round(end, 6)
        for key in list(self._runs):
            self._close(key, summary.end)
        summary.episodes.sort(key=lambda episode: (episode.onset, episode.track, episode.expression))
        return summary

    def _close(self, key: tuple[int, str], time: float) -> None:
        run = self._runs.pop(key)
        offset = run.until or time
        if run.peak >= HIGH and offset - run.onset >= SHORTEST - 1e-6:
            mean = round(run.total / run.count, 6)
            self._summary.episodes.append(Episode(*key, run.onset, run.apex, offset, round(run.peak, 6), mean))
