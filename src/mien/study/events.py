"""Which events of a study belong to which of its videos, and at which of their seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from mien.core.console import first_few, quantity
from mien.core.errors import InputError
from mien.core.event_files import Event, read_event_file
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


@dataclass(frozen=True)
class StudyEvents:
    """The events of a study: in the order of its clips, and what is to be said about them."""

    of_clip: Mapping[Clip, list[Event]]
    """Those of each clip, in seconds of its video, or in frames."""
    notes: list[str]
    """Lines: files with counts, what was not used, what is used several times."""
    forms: Mapping[str, str] = field(default_factory=dict)
    """The name of each file -> its form."""

    def of(self, clip: Clip, frames: NDArray[np.int64], times: NDArray[np.float64]) -> list[ClipEvent]:
        """Return the events within a clip, by start; `frames` and `times` of its video turn frames into seconds.

        A point in time belongs to the clip as a frame would: at its start, not at its end.
        """
        found = []
        if len(frames) and frames[-1] > frames[0]:  # the last frame lasts as long as others
            rate = (times[-1] - times[0]) / (frames[-1] - frames[0])
            frames, times = np.r_[frames, frames[-1] + 1], np.r_[times, times[-1] + rate]
        for event in self.of_clip[clip]:
            start, end = event.start, event.end
            if event.frames:
                start, end = (float(np.interp(at, frames, times)) for at in (start, end + 1))
            point = start == end and clip.start <= start < clip.end
            start, end = max(start, clip.start), min(end, clip.end)
            if start < end or point:
                found.append(ClipEvent(event.label, start, end, event.exclude, event.file))
        return sorted(found, key=lambda event: (event.start, event.end, event.label))


def read_events(study: Study, clips: Sequence[Clip]) -> StudyEvents:
    """Return the events of a study's files, each with the clips that it belongs to.

    An event belongs to the clips of its video, participant, session and condition, as far as it names them. One that
    names neither video nor participant belongs to the clips of the video, participant or folder that its file is named
    after, or else to all clips. Times are those of the video where an event names one, or its file is named after
    one; else those of the study: the clip's offset is taken away.

    Raises:
        InputError: a file that cannot be used, or a label or tier in study.toml that no event has.
    """
    found: dict[Clip, list[Event]] = {clip: [] for clip in clips}
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
            used, several, lost = 0, 0, dict[str, list[Event]]()
            for event in chosen:
                bare, clock, theirs = event, "study", list(clips)
                if event.participant.casefold() not in people and (event.video or named):
                    bare = replace(event, participant="")  # a speaker or a role
                if event.video:
                    theirs = [clip for clip in clips if _same(event.video, clip)]
                    theirs = theirs or [clip for clip in clips if clip.participant.casefold() == event.video.casefold()]
                    theirs = theirs or named  # whatever its video was called then
                    clock = "video"
                elif not event.participant and named:
                    clock, theirs = "video" if _by_video(path, named) else "study", named
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
                    found[clip].append(moved)
            line = f"{path}: {file.kind}, {quantity(used, 'event')}"
            if several:
                line += f", {several:,} of which are used in several videos, as nothing says in which"
            notes += [line, *(f"{path}: {note}" for note in file.notes)]
            if skipped := len(file.events) - len(chosen):
                notes.append(
                    f"{path}: {quantity(skipped, 'event')} not used, of tiers that [study] tiers does not name"
                )
            notes += [f"{path}: {_lines(events)} not used, {why}" for why, events in lost.items()]
    for key, names, known in (
        ("[rules], events", study.rules.events, labels),
        ("[study], tiers", study.study.tiers, tiers),
    ):
        for name in names:
            if name not in known:
                raise InputError(f"{study.file}, {key}: no event has {name!r}; there are {first_few(sorted(known), 8)}")
    return StudyEvents(found, notes, forms)


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


def _lines(events: Sequence[Event]) -> str:
    """Return the number of events, and the first of their lines."""
    lines = [str(event.line) for event in events if event.line]
    where = f" (line{'s' * (len(lines) > 1)} {first_few(lines)})" if lines else ""
    return f"{quantity(len(events), 'event')}{where}"


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
