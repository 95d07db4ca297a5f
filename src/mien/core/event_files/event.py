"""What a reader of events returns, and what the readers share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mien.core import csv_files
from mien.core.console import first_few, quantity
from mien.core.errors import InputError


@dataclass(frozen=True)
class Event:
    """What happened from `start` to `end`; texts are "" where the file does not say."""

    label: str
    start: float
    end: float
    """Seconds, or with `frames` numbers of frames, the last one included. Equal: a point in time."""
    participant: str = ""
    session: str = ""
    condition: str = ""
    video: str = ""
    """The name of the media, without folders."""
    media: str = ""
    """The same as the file has it, with folders as far as it names them."""
    tier: str = ""
    modifier: str = ""
    """What BORIS adds to a behaviour."""
    person: str = ""
    """Who in the video: its column `person`, or the voice of WebVTT; `track` likewise."""
    track: str = ""
    file: str = ""
    """Where it was read."""
    line: int = 0
    """The line there; 0 where that says nothing."""
    frames: bool = False
    exclude: bool = False
    """Its time is not usable, whatever its label."""

    @property
    def position(self) -> str:
        """What follows the file's name in a message."""
        tier = f", tier {self.tier}" if self.tier else ""
        return f":{self.line}" if self.line else f"{tier}, {self.start:g} s"


@dataclass(frozen=True)
class EventFile:
    """The events of a file."""

    path: Path
    kind: str
    """The form that it has, for people."""
    events: list[Event]
    lost: list[str]
    """What else was not read or used, with its count."""
    unlabelled: list[Event] = field(default_factory=list)
    """Those without a label."""

    def __post_init__(self) -> None:
        for event in self.events:
            if event.end < event.start:
                where = f"{self.path}{event.position}"
                raise InputError(f"{where}: ends at {event.end:g}, before its start {event.start:g}")

    @property
    def notes(self) -> list[str]:
        """What was not read or used, with its count."""
        empty = [f"{counted(self.unlabelled)} not used, without a label"] if self.unlabelled else []
        return [*self.lost, *empty]


def counted(events: Sequence[Event]) -> str:
    """Return the number of events, and the first of their lines.

    Example:
        >>> counted([Event("a", 1, 2, line=3), Event("b", 1, 2, line=7)])
        '2 events (lines 3, 7)'
    """
    lines = [str(event.line) for event in events if event.line]
    where = f" (line{'s' * (len(lines) > 1)} {first_few(lines)})" if lines else ""
    return f"{quantity(len(events), 'event')}{where}"


def text_of(path: Path) -> str:
    """Return the text of a small file. InputError where it is not in the encoding that it seems to be in."""
    text = csv_files.read_text(path)
    if "\ufffd" in text:
        line = text[: text.index("\ufffd")].count("\n") + 1
        raise InputError(f"{path}:{line}: characters that are not UTF-8; save it as text in UTF-8")
    return text


def seconds(text: str, column: str, where: str) -> float:
    """Return a time in seconds. InputError where it is none.

    It may be below 0, on the clock of a study that began after its video.
    """
    found = csv_files.seconds(text.strip().removeprefix("-"))
    if found is None:
        raise InputError(f"{where}: {column} {text!r}: expected seconds, or hh:mm:ss.mmm")
    return -found if text.strip().startswith("-") else found


def check_begin(path: Path, event: Event) -> None:
    """Raise InputError where an event begins before its video."""
    if event.start < 0:
        raise InputError(f"{path}{event.position}: start {event.start:g}: expected seconds from 0, those of a video")


def bare_name(path: str) -> str:
    """Return the name of a file without its folders, of any system."""
    return PurePosixPath(path.replace("\\", "/")).name


def not_used(counts: Mapping[str, int]) -> list[str]:
    """Return a line for each reason with a count above 0."""
    return [f"{quantity(count, 'event')} not used, {why}" for why, count in counts.items() if count]
