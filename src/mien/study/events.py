"""Which events of a study belong to which of its videos, and at which of their seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from itertools import takewhile
from pathlib import Path, PurePath, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from mien.core.console import first_few, quantity
from mien.core.errors import InputError
from mien.core.event_files import Event, read_event_file
from mien.core.event_files.event import check_begin, counted
from mien.core.files import os_errors
from mien.faces.faces import SEPARATOR
from mien.study.clips import Clip
from mien.study.project import Study


@dataclass(frozen=True)
class ClipEvent:
    """An event within a clip."""

    label: str
    start: float
    end: float
    """Seconds of the video. Equal: a point in time."""
    excluded: bool
    """Whether frames within it are not usable."""
    file: str
    """Where it was read."""
    number: int = field(default=0, compare=False)
    """Of the event in `StudyEvents.all`."""


@dataclass(frozen=True)
class StudyEvents:
    """The events of a study: in the order of its clips, and what is to be said about them."""

    of_clip: Mapping[Clip, list[tuple[int, Event]]]
    """Those of each clip, in seconds of its video, or in frames; with their numbers in `all`."""
    notes: list[str]
    """Lines: files with counts, what was not used, what is used several times."""
    forms: Mapping[str, str] = field(default_factory=dict)
    """The name of each file -> its form."""
    all: Sequence[tuple[Path, Event]] = ()
    """The events as they were read, with their files."""

    def of(self, clip: Clip, frames: NDArray[np.int64], times: NDArray[np.float64]) -> list[ClipEvent]:
        """Return the events within a clip, by start; `frames` and `times` of its video turn frames into seconds.

        A point in time belongs to the clip as a frame would: at its start, not at its end. What begins after the last
        frame is not in it.
        """
        found, until = [], clip.end
        seconds = np.unique(times)
        if len(seconds) > 1:
            until = min(until, seconds[-1] + float(np.median(np.diff(seconds))))
        if len(frames) and frames[-1] > frames[0]:  # the last frame lasts as long as others
            rate = (times[-1] - times[0]) / (frames[-1] - frames[0])
            frames, times = np.r_[frames, frames[-1] + 1], np.r_[times, times[-1] + rate]
        for number, event in self.of_clip[clip]:
            start, end = event.start, event.end
            if event.frames:
                if not len(frames) or start >= frames[-1] + (len(frames) == 1):
                    continue
                start, end = (float(np.interp(at, frames, times)) for at in (start, end + 1))
            point = start == end and clip.start <= start < clip.end
            start, end = max(start, clip.start), min(end, clip.end)
            if (start < end or point) and start < until:
                found.append(ClipEvent(event.label, start, end, event.exclude, event.file, number))
        return sorted(found, key=lambda event: (event.start, event.end, event.label))

    def outside(self, found: Mapping[Clip, Sequence[ClipEvent]]) -> list[str]:
        """Return a line for each file with events at times that none of their videos has, all of which were read.

        Args:
            found: what `of` returned for each clip that was read.
        """
        shown = {event.number for several in found.values() for event in several}
        shown |= {number for clip, several in self.of_clip.items() if clip not in found for number, _ in several}
        lost: dict[Path, list[Event]] = {}
        for number in sorted({number for several in self.of_clip.values() for number, _ in several} - shown):
            path, event = self.all[number]
            lost.setdefault(path, []).append(event)
        lines = []
        for path, events in lost.items():
            unit = "frame " if events[0].frames else ""
            first = f"{unit}{events[0].start:g} to {events[0].end:g}{'' if unit else ' s'}"
            lines.append(f"{path}: {counted(events)} not used, at times that its videos do not have ({first})")
        return lines


def read_events(study: Study, clips: Sequence[Clip]) -> StudyEvents:
    """Return the events of a study's files, each with the clips that it belongs to.

    An event belongs to the clips of its video, participant, session and condition, as far as it names them. One that
    names neither video nor participant belongs to the clips of the video, participant or folder that its file is named
    after, or else to all clips. Times are those of the video where an event names one, or its file is named after
    one; else those of the study: the clip's offset is taken away.

    Raises:
        InputError: a file that cannot be used, or a label or tier in study.toml that no event has.
    """
    found: dict[Clip, list[tuple[int, Event]]] = {clip: [] for clip in clips}
    every = list[tuple[Path, Event]]()
    notes, labels, tiers, forms = list[str](), set[str](), set[str](), dict[str, str]()
    people = {clip.participant.casefold() for clip in clips}
    for excluding, names in ((False, study.study.events), (True, study.rules.exclude)):
        for path in event_files(study, names):
            file = read_event_file(path)
            forms[path.name] = file.kind
            labels |= {event.label for event in file.events}
            tiers |= {event.tier for event in file.events}
            chosen = [event for event in file.events if not study.study.tiers or event.tier in ("", *study.study.tiers)]
            named = [clip for clip in clips if _named_after(path, clip)]
            used, several, lost, seen = 0, 0, dict[str, list[Event]](), set[Event]()
            for event in chosen:
                alike = replace(event, line=0)
                if alike in seen:
                    lost.setdefault("the same as an earlier one", []).append(event)
                    continue
                seen.add(alike)
                bare, clock, theirs = event, "study", list(clips)
                if event.participant.casefold() not in people and (event.video or named):
                    bare = replace(event, participant="")  # a speaker or a role
                if event.video:
                    theirs = _nearest(event.media, [clip for clip in clips if _same(event.video, clip)])
                    theirs = theirs or [clip for clip in clips if clip.participant.casefold() == event.video.casefold()]
                    theirs = theirs or named  # whatever its video was called then
                    clock = "video"
                elif not event.participant and named:
                    clock, theirs = "video" if _by_video(path, named) else "study", named
                if clock == "video":
                    check_begin(path, event)
                theirs = [clip for clip in theirs if _fits(bare, clip)]
                if not theirs:
                    lost.setdefault(_missing(event, clips), []).append(event)
                    continue
                used += 1
                several += len({clip.path for clip in theirs}) > 1
                exclude = excluding or event.exclude or event.label in study.rules.events
                for clip in theirs:
                    shift = clip.offset if clock == "study" and not event.frames else 0.0
                    moved = replace(event, start=event.start - shift, end=event.end - shift, exclude=exclude)
                    found[clip].append((len(every), moved))
                every.append((path, event))
            line = f"{path}: {file.kind}, {quantity(used, 'event')}"
            if several:
                line += f", {several:,} of which are used in several videos, as nothing says in which"
            notes += [line, *(f"{path}: {note}" for note in file.notes)]
            if skipped := len(file.events) - len(chosen):
                notes.append(
                    f"{path}: {quantity(skipped, 'event')} not used, of tiers that [study] tiers does not name"
                )
            notes += [f"{path}: {counted(events)} not used, {why}" for why, events in lost.items()]
    for key, names, known in (
        ("[rules], events", study.rules.events, labels),
        ("[study], tiers", study.study.tiers, tiers),
    ):
        for name in names:
            if name not in known:
                raise InputError(f"{study.file}, {key}: no event has {name!r}; there are {first_few(sorted(known), 8)}")
    return StudyEvents(found, notes, forms, every)


def event_files(study: Study, names: Sequence[str]) -> list[Path]:
    """Return the files that study.toml names; patterns are allowed."""
    files = []
    for name in names:
        path = study.path(name)
        if path.is_file():
            files.append(path)
            continue
        with os_errors(path):
            matches = sorted(one for one in study.folder.glob(name) if one.is_file()) if "*" in name else []
        if not matches:
            raise InputError(f"{path}: no such file; it is named in {study.file}")
        files += matches
    return files


def _same(video: str, clip: Clip) -> bool:
    """Return whether media of this name are the clip's video; another suffix is a converted copy."""
    return video.casefold() in (clip.path.name.casefold(), clip.path.stem.casefold()) or (
        Path(video).stem.casefold() == clip.path.stem.casefold()
    )


def _nearest(media: str, clips: Sequence[Clip]) -> list[Clip]:
    """Return the clips whose folders are most like those of media: videos of one name may be in several."""
    folders = PurePosixPath(media.replace("\\", "/")).parent.parts[::-1]

    def alike(clip: Clip) -> int:
        pairs = zip(folders, clip.path.parent.parts[::-1], strict=False)
        return len(list(takewhile(lambda pair: pair[0].casefold() == pair[1].casefold(), pairs)))

    most = max(map(alike, clips), default=0)
    return [clip for clip in clips if alike(clip) == most]


def _named_after(path: Path, clip: Clip) -> bool:
    names = (path.stem.casefold(), path.parent.name.casefold())
    return clip.path.stem.casefold() in names or clip.participant.casefold() in names


def _by_video(path: Path, clips: Sequence[Clip]) -> bool:
    return any(clip.path.stem.casefold() in (path.stem.casefold(), path.parent.name.casefold()) for clip in clips)


def _fits(event: Event, clip: Clip) -> bool:
    return all(
        getattr(event, name).casefold() in ("", getattr(clip, name).casefold())
        for name in ("participant", "session", "condition")
    )


def _missing(event: Event, clips: Sequence[Clip]) -> str:
    """Return why an event belongs to no clip, with a similar name where one of its names is in no clip."""
    keys = ("video", "participant", "session", "condition")
    named = [f"{key} {getattr(event, key)}" for key in keys if getattr(event, key)]
    near = ""
    for key in keys:
        known = {PurePath(getattr(clip, key)).stem.casefold(): getattr(clip, key) for clip in clips}
        name = PurePath(getattr(event, key)).stem.casefold()
        if not near and name and name not in known and (found := get_close_matches(name, known, n=1)):
            near = f"; did you mean {known[found[0]]!r}?"
    return f"no row of videos.csv has {', '.join(named)}{near}"


def at_moments(events: Sequence[ClipEvent], times: NDArray[np.float64], *, excluded: bool = False) -> list[str]:
    """Return for each of the ascending times the labels of the events at it, with | between them.

    An event includes its start and not its end; a point in time is at no moment. With `excluded`: only those events
    that make frames not usable.
    """
    found: list[dict[str, None]] = [{} for _ in times]
    for event in events:
        if event.excluded or not excluded:
            first, after = np.searchsorted(times, (event.start, event.end))
            for labels in found[int(first) : int(after)]:
                labels[event.label] = None
    return [SEPARATOR.join(labels) for labels in found]
