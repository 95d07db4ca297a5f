"""How many frames show a usable face, and why others are not used: of each clip, minute by minute."""

from collections import Counter
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from mien.core.tables import Table
from mien.faces.faces import SEPARATOR
from mien.outputs.panels import clock
from mien.study.frames import NO_FACE, OF_CLIP, pieces

MINUTE = 60.0
MOST = 60  # stretches of a clip that are shown; of a longer one each is several minutes
COLUMNS = (*OF_CLIP, "frame", "time", "usable", "reason")


@dataclass
class Stretch:
    """Frames of a clip between two times."""

    frames: int = 0
    usable: int = 0
    """Frames with a usable face."""
    no_face: int = 0
    """Frames in which nobody is found."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Why frames are not used -> how many; a frame may have several reasons."""

    @property
    def shares(self) -> tuple[float, float, float]:
        """Usable, a face that is not used, no face; of all frames."""
        whole = self.frames or 1
        return self.usable / whole, (self.frames - self.usable - self.no_face) / whole, self.no_face / whole

    @property
    def ranked(self) -> list[tuple[str, int]]:
        """The reasons, the most frequent first."""
        return sorted(self.reasons.items(), key=lambda one: (-one[1], one[0]))

    def __iadd__(self, other: "Stretch") -> "Stretch":
        self.frames, self.usable = self.frames + other.frames, self.usable + other.usable
        self.no_face += other.no_face
        self.reasons.update(other.reasons)
        return self


@dataclass
class ClipQuality:
    """The log of a clip."""

    key: tuple[str, ...]
    """Participant, session, condition, video."""
    minutes: dict[int, Stretch] = field(default_factory=dict)
    """Minute of the video -> its frames."""

    @property
    def name(self) -> str:
        """The clip in words."""
        participant, session, condition, video = self.key
        return ", ".join(filter(None, (participant, session and f"session {session}", condition))) or video

    @property
    def total(self) -> Stretch:
        """All frames of the clip."""
        total = Stretch()
        for stretch in self.minutes.values():
            total += stretch
        return total

    def stretches(self) -> list[tuple[str, Stretch]]:
        """Return at most `MOST` stretches of equal length, each with the time of the video at which it begins."""
        first, last = min(self.minutes), max(self.minutes)
        several = ceil((last - first + 1) / MOST)
        found: dict[int, Stretch] = {at: Stretch() for at in range(first, last + 1, several)}
        for minute, stretch in self.minutes.items():
            found[first + (minute - first) // several * several] += stretch
        return [(clock(at * MINUTE, 1), stretch) for at, stretch in found.items()]

    def table(self) -> Table:
        """Return the stretches as a table, with a column for each reason that occurs."""
        reasons = [name for name, _ in self.total.ranked]
        head = ["from", "frames", "usable", *reasons]
        return head, [
            [
                start,
                f"{one.frames:,}",
                _percent(one.usable, one),
                *(_percent(one.reasons[name], one) for name in reasons),
            ]
            for start, one in self.stretches()
        ]


def _percent(part: int, stretch: Stretch) -> str:
    return f"{100 * part / stretch.frames:.0f} %" if stretch.frames and part else "-"


def read_quality(frames: Path) -> list[ClipQuality]:
    """Return the log of each clip, in order of their keys.

    A frame is usable where one face in it is; else it counts for each reason of its faces.

    Args:
        frames: the folder out/frames of a study.
    """
    found: dict[tuple[str, ...], ClipQuality] = {}
    latest: dict[tuple[str, ...], tuple[int, bool, set[str], int]] = {}
    for table in pieces(frames, COLUMNS):
        columns = [table[name].to_pylist() for name in COLUMNS]
        for *key, frame, time, usable, reason in zip(*columns, strict=True):
            clip = tuple(key)
            held = latest.get(clip)
            if held and held[0] == frame:
                held = (frame, held[1] or usable, held[2] | set(reason.split(SEPARATOR)), held[3])
            else:
                if held:
                    _add(found, clip, held)
                held = (frame, usable, set(reason.split(SEPARATOR)), int(time // MINUTE))
            latest[clip] = held
    for clip, held in latest.items():
        _add(found, clip, held)
    return [found[key] for key in sorted(found)]


def _add(
    found: dict[tuple[str, ...], ClipQuality], clip: tuple[str, ...], frame: tuple[int, bool, set[str], int]
) -> None:
    _, usable, reasons, minute = frame
    stretch = found.setdefault(clip, ClipQuality(clip)).minutes.setdefault(minute, Stretch())
    stretch.frames += 1
    stretch.usable += usable
    if not usable:
        stretch.no_face += NO_FACE in reasons
        stretch.reasons.update(reasons - {""})
