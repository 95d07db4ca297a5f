"""When an expression begins, is strongest and ends: episodes along the persons of a video.

The rule is a `mien.core.time_rules.EpisodeRule`. An episode's onset is its first frame, its apex the frame with the
highest s, its offset the first frame after it. A gap that the rule bridges does not end it. Neutral is treated like the
other classes.

`EpisodeFinder` goes through a video frame by frame; `find_episodes` takes a whole curve, and finds the same.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mien.core.time_rules import EPISODES, EpisodeRule
from mien.faces.faces import VideoFaces


@dataclass(frozen=True)
class Episode:
    """One expression of one face, from onset to offset; times in seconds."""

    person: int
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
    frames_of_person: Counter[int] = field(default_factory=Counter)
    """person -> number of frames that show it."""
    end: float = 0.0
    """Seconds: when the last frame ends."""


@dataclass
class _Run:
    """A stretch with s >= leave that is not finished."""

    onset: float
    last: float
    until: float | None = None  # the first frame after `last`
    apex: float = 0.0
    peak: float = 0.0
    total: float = 0.0
    count: int = 0


class EpisodeFinder:
    """Finds the episodes of a video in one pass: `write` each frame, then `finish`."""

    def __init__(self, rule: EpisodeRule = EPISODES) -> None:
        self.rule, self._summary = rule, VideoSummary()
        self._runs: dict[tuple[int, str], _Run] = {}
        self._before = 0.0  # when the frame before the last one was shown

    def write(self, faces: VideoFaces) -> None:
        """Add the next frame."""
        summary, runs, time = self._summary, self._runs, faces.time
        summary.frames += 1
        self._before, summary.end = summary.end, time
        for run in runs.values():
            run.until = run.until or time
        rows = faces.persons.tolist(), faces.probabilities.tolist(), faces.smoothed.tolist()
        for person, raw, smoothed in zip(*rows, strict=True):
            summary.frames_of_person[person] += 1
            for name, p, s in zip(faces.classes, raw, smoothed, strict=True):
                key = person, name
                if s >= self.rule.leave:
                    run = runs.setdefault(key, _Run(time, time))
                    run.last, run.until = time, None
                    run.total, run.count = run.total + p, run.count + 1
                    if s > run.peak:
                        run.peak, run.apex = s, time
                elif key in runs:
                    self._close(key, time)
        for key in [key for key, run in runs.items() if time - run.last > self.rule.gap]:
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
        summary.episodes.sort(key=lambda episode: (episode.onset, episode.person, episode.expression))
        return summary

    def _close(self, key: tuple[int, str], time: float) -> None:
        run = self._runs.pop(key)
        offset = run.until or time
        if self.rule.keeps(run.peak, offset - run.onset, run.count):
            mean = round(run.total / run.count, 6)
            self._summary.episodes.append(Episode(*key, run.onset, run.apex, offset, round(run.peak, 6), mean))


@dataclass(frozen=True)
class CurveEpisodes:
    """The episodes of one curve as parallel arrays, in order; numbers of its frames."""

    first: NDArray[np.int64]
    apex: NDArray[np.int64]
    last: NDArray[np.int64]
    offset: NDArray[np.float64]
    """Seconds: when each ends."""


def find_episodes(
    times: NDArray[np.float64], smoothed: NDArray[np.float64], rule: EpisodeRule = EPISODES, *, end: float
) -> CurveEpisodes:
    """Return the episodes of one expression of one face, as `EpisodeFinder` finds them.

    Args:
        times: of all frames of the video that were looked at, with the face or without it: seconds [n], never falling.
        smoothed: [n], the smoothed probability, NaN where the face is missing or cannot be used.
        rule: what counts as an episode.
        end: when the last frame ends, in seconds.

    Example:
        >>> curve = np.array([0.1, 0.4, 0.8, 0.9, np.nan, 0.4, 0.2])
        >>> found = find_episodes(np.arange(7) / 4, curve, end=1.75)
        >>> found.first, found.apex, found.last, found.offset
        (array([1]), array([3]), array([5]), array([1.5]))
    """
    above = np.flatnonzero(smoothed >= rule.leave)  # NaN is not
    if not len(above):
        none = np.zeros(0, np.int64)
        return CurveEpisodes(none, none, none, np.zeros(0))
    one, other = above[:-1], above[1:]
    seen = np.cumsum(~np.isnan(smoothed))
    parted = (seen[other] - seen[one] > 1) | ((other - one > 1) & (times[other - 1] - times[one] > rule.gap))
    begins, ends = np.flatnonzero(np.r_[True, parted]), np.flatnonzero(np.r_[parted, True])
    first, last = above[begins], above[ends]
    offset = np.r_[times, end][last + 1]
    peaks = np.maximum.reduceat(smoothed[above], begins)
    counts = ends - begins + 1
    kept = [
        index
        for index in np.flatnonzero(peaks >= rule.enter).tolist()
        if rule.keeps(peaks[index], offset[index] - times[first[index]], counts[index])
    ]
    apex = [above[begins[i] + int(smoothed[above[begins[i] : ends[i] + 1]].argmax())] for i in kept]
    return CurveEpisodes(first[kept], np.array(apex, np.int64), last[kept], offset[kept])
