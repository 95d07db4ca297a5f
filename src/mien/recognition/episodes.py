"""When an expression begins, is strongest and ends: episodes along the tracks of a video.

The rule, on the smoothed probability s of one expression of one track: a double threshold, as Canny's edge detector
has it (IEEE PAMI 8(6), 1986). An episode is a stretch with s >= LOW throughout that reaches HIGH somewhere; its onset
is its first picture, its apex the picture with the highest s, its offset the first picture after it. A face that is
away for no longer than the tracker allows does not end it. Below SHORTEST it is dropped: what lasts less than 1/5 s is
a micro-expression (Yan et al., J. Nonverbal Behavior 37, 2013, and those they cite), and no matter for a network that
looks at single pictures. Every class of the model is treated alike, neutral too.
"""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mien.core.files import replacing
from mien.faces.faces import VideoFaces
from mien.recognition.tracking import GAP

HIGH, LOW = 0.5, 0.3  # probabilities: likelier than all the rest together; and still something of it
SHORTEST = 0.2  # seconds


@dataclass(frozen=True)
class Episode:
    """One expression of one face, from beginning to end; times in seconds."""

    track: int
    expression: str
    onset: float
    apex: float
    offset: float
    peak: float
    """The smoothed probability at the apex."""
    mean: float
    """Of the expression's raw probability over the pictures from onset to offset."""

    @property
    def duration(self) -> float:
        return round(self.offset - self.onset, 6)


@dataclass
class Found:
    """What a whole video holds, gathered in one pass over its pictures."""

    episodes: list[Episode] = field(default_factory=list)
    """In order of onset."""
    pictures: int = 0
    seen: dict[int, int] = field(default_factory=dict)
    """track -> in how many pictures."""
    end: float = 0.0
    """Seconds: when the last picture ends, which lasts as long as the one before, or to the file's end."""


@dataclass
class _Run:
    onset: float
    last: float
    apex: float = 0.0
    peak: float = 0.0
    total: float = 0.0
    count: int = 0
    until: float | None = None  # the first picture after `last`


def find_episodes(video: Iterable[VideoFaces], duration: float | None = None) -> Found:
    """Return the episodes of the pictures of a video, in one pass, and how much there was.

    Args:
        duration: seconds of the whole file, where it says; nothing lasts longer.
    """
    found, runs, before = Found(), dict[tuple[int, str], _Run](), 0.0

    def close(key: tuple[int, str], offset: float) -> None:
        run = runs.pop(key)
        if run.peak >= HIGH and offset - run.onset >= SHORTEST - 1e-6:
            mean = round(run.total / run.count, 6)
            found.episodes.append(Episode(*key, run.onset, run.apex, offset, round(run.peak, 6), mean))

    for picture in video:
        time = picture.time
        found.pictures += 1
        before, found.end = found.end, time
        for run in runs.values():
            run.until = time if run.until is None else run.until
        for track, raw, smoothed in zip(
            picture.tracks.tolist(), picture.probabilities.tolist(), picture.smoothed.tolist(), strict=True
        ):
            found.seen[track] = found.seen.get(track, 0) + 1
            for name, p, s in zip(picture.classes, raw, smoothed, strict=True):
                if s < LOW:
                    if (track, name) in runs:
                        close((track, name), runs[track, name].until or time)
                    continue
                run = runs.setdefault((track, name), _Run(time, time))
                run.last, run.until = time, None
                run.total, run.count = run.total + p, run.count + 1
                if s > run.peak:
                    run.peak, run.apex = s, time
        for key in [key for key, run in runs.items() if run.until is not None and time - run.last > GAP]:
            close(key, runs[key].until or time)
    end = found.end + (found.end - before if found.pictures > 1 else 0.0)
    found.end = round(end if duration is None else max(found.end, min(end, duration)), 6)
    for key in list(runs):
        close(key, runs[key].until or found.end)
    found.episodes.sort(key=lambda episode: (episode.onset, episode.track, episode.expression))
    return found


def write_csv(episodes: Sequence[Episode], path: Path) -> None:
    """Write one row per episode, times in seconds."""
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["track", "expression", "onset", "apex", "offset", "duration", "peak", "mean"])
        for e in episodes:
            rows.writerow([e.track, e.expression, e.onset, e.apex, e.offset, e.duration, e.peak, e.mean])


def write_elan(episodes: Sequence[Episode], path: Path) -> None:
    """Write tab-delimited text for ELAN (File, Import, CSV / Tab-delimited Text): a tier per face and expression.

    Annotations of one tier must not overlap in ELAN; an expression that fades and the next one may.
    """
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        file.write("Tier\tBegin Time\tEnd Time\tDuration\tAnnotation\n")
        for e in episodes:
            times = "\t".join(_clock(seconds) for seconds in (e.onset, e.offset, e.duration))
            file.write(f"face {e.track} {e.expression}\t{times}\t{e.expression} {e.mean:.2f}\n")


def write_vtt(episodes: Sequence[Episode], path: Path) -> None:
    """Write WebVTT subtitles, a cue per episode, spoken by its face."""
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        file.write(
            f"WEBVTT\n\nNOTE mien: expressions, smoothed probability {HIGH:g} reached and {LOW:g} kept, "
            f"at least {SHORTEST:g} s\n"
        )
        for e in episodes:
            file.write(
                f"\n{_clock(e.onset)} --> {_clock(e.offset)}\n<v Face {e.track}>Face {e.track}: {e.expression} "
                f"{e.mean:.0%}</v>\n"
            )


def _clock(seconds: float) -> str:
    """Return hh:mm:ss.mmm."""
    milliseconds = round(seconds * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest // 1000:02d}.{rest % 1000:03d}"


WRITERS: dict[str, Callable[[Sequence[Episode], Path], None]] = {
    ".episodes.csv": write_csv,
    ".episodes.txt": write_elan,
    ".episodes.vtt": write_vtt,
}
