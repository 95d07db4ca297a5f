"""Readers of events: tables with a header, exports of BORIS and ELAN, .eaf, annotations of Py-feat Live, subtitles.

What a file is, its columns say, not its name; only .eaf, .srt and .vtt are known by their suffix.

    table           start, end (or duration) and label; participant, session, condition, video as far as there are any
    BORIS           aggregated events (Start (s), Stop (s)), or tabular events (Time, with START, STOP and POINT)
    ELAN, tab text  with or without a header, with times in any of its formats, with a column per tier or without
    Py-feat Live    annotations.csv of a session, in frames; those of kind exclude are never usable
    SubRip, WebVTT  a cue is an event, its text the label

Sources of the formats: boris/export_observation.py of olivierfriard/BORIS, pyfeatlive_core/annotations.py of
cosanlab/pyfeat-live, https://www.mpi.nl/tools/elan/EAFv3.0.xsd, ExportTabDelimited.java of ELAN.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlparse

from mien.core.console import quantity
from mien.core.csv_files import from_cell, number, seconds, sniff
from mien.core.errors import InputError
from mien.core.files import os_errors

NAMES = {  # what columns are called, in lower case and without the format that ELAN adds
    "label": ("label", "event", "annotation", "behavior", "behaviour", "expression"),
    "start": ("start", "onset", "begin", "begin time", "start time", "start_time", "start (s)"),
    "end": ("end", "offset", "stop", "end time", "stop time", "end_time", "stop (s)"),
    "duration": ("duration", "duration (s)"),
    "participant": ("participant", "subject"),
    "session": ("session",),
    "condition": ("condition",),
    "video": ("video", "file", "media file name", "media file path", "media file", "media", "filename"),
    "tier": ("tier",),
    # BORIS, tabular events
    "time": ("time",),
    "status": ("behavior type", "status"),
    "observation": ("observation id",),
    "source": ("source",),
    "durations": ("media duration (s)",),
    "shift": ("time offset (s)",),
    # Py-feat Live
    "kind": ("kind",),
    "start_frame": ("start_frame",),
    "end_frame": ("end_frame",),
}
EXPECTED = "expected a header with start, end and label (and participant or video), or an export of BORIS or ELAN"
NOBODY = ("no focal subject", "na", "n/a", "nan", "not found")  # cells that name nothing
LOOK = 100  # rows in which a header is looked for
ELAN = (" - hh:mm:ss.ms", " - ss.msec", " - msec")


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
    tier: str = ""
    file: str = ""
    """Where it was read."""
    frames: bool = False
    exclude: bool = False
    """Its time is not usable, whatever its label."""


@dataclass(frozen=True)
class EventFile:
    """The events of a file."""

    path: Path
    kind: str
    """The form that it has, for people."""
    events: list[Event]
    notes: list[str]
    """What was not read or used, with its count."""


def read_event_file(path: Path) -> EventFile:
    """Return the events in a file.

    Raises:
        InputError: it cannot be read, is in no form that is known, or a row is wrong; names the file and the line.
    """
    readers: dict[str, Callable[[Path], EventFile]] = {".eaf": _eaf, ".srt": _subtitles, ".vtt": _subtitles}
    found = readers.get(path.suffix.lower(), _table)(path)
    return replace(found, events=[replace(event, file=path.name) for event in found.events])


Row = tuple[int, Mapping[str, str]]  # line number, role -> cell


def _table(path: Path) -> EventFile:
    file = sniff(path, comments=True)
    rows = list(file.rows(ragged=True, utf8=True, head=False)) if file.head else []
    for at, (_, cells) in enumerate(rows[:LOOK]):
        columns = _roles(cells)
        if {"start_frame", "end_frame"} <= columns.keys():
            return _pyfeat(path, _named(rows[at + 1 :], columns))
        if {"label", "time", "status"} <= columns.keys():
            return _boris(path, _named(rows[at + 1 :], columns))
        if "start" in columns and {"end", "duration"} & columns.keys():
            header = [cell.strip() for cell in cells]
            if "label" in columns:
                kind = (
                    "ELAN, tab text" if "tier" in columns else "BORIS, aggregated" if "status" in columns else "table"
                )
                return _intervals(path, kind, list(_named(rows[at + 1 :], columns)), header, columns)
            if any(name.lower().endswith(ELAN) for name in header):
                return _tiers(path, rows[at + 1 :], header, columns)
    if rows and (found := _headless(path, rows)):
        return found
    head = ", ".join(rows[0][1])[:80] if rows else "nothing"
    raise InputError(f"{path}: its first line has {head!r}; {EXPECTED}")


def _roles(cells: Sequence[str]) -> dict[str, int]:
    """Return the index of the first column of each role; a time in seconds or a clock goes before milliseconds."""
    found: dict[str, int] = {}
    names = [cell.strip().strip('"').lower() for cell in cells]
    for last in (False, True):
        for index, name in enumerate(names):
            if name.endswith(" - msec") is last:
                bare = name.split(" - ")[0] if name.endswith(ELAN) else name
                for role, known in NAMES.items():
                    if bare in known:
                        found.setdefault(role, index)
    return found


def _named(rows: Sequence[tuple[int, Sequence[str]]], columns: Mapping[str, int]) -> Iterator[Row]:
    for line, cells in rows:
        texts = {role: from_cell(cells[at].strip()) if at < len(cells) else "" for role, at in columns.items()}
        yield line, {role: "" if text.lower() in NOBODY else text for role, text in texts.items()}


def _intervals(
    path: Path, kind: str, rows: Sequence[Row], header: Sequence[str], columns: Mapping[str, int]
) -> EventFile:
    """Return the events of a table with a row per event."""
    events, empty = list[Event](), 0
    scale = {role: 1000 if header[at].lower().endswith(" - msec") else 1 for role, at in columns.items()}
    joined = _Joined()
    for line, row in rows:
        where = f"{path}:{line}"
        if not row["label"]:
            empty += 1
            continue
        start = _seconds(row["start"], header[columns["start"]], where) / scale["start"]
        if text := row.get("end"):
            end = _seconds(text, header[columns["end"]], where) / scale["end"]
        elif text := row.get("duration"):
            end = start + _seconds(text, header[columns["duration"]], where) / scale["duration"]
        else:
            end = start
        if end < start:
            raise InputError(f"{where}: ends at {row['end']}, before its start {row['start']}")
        events += joined(row, Event(row["label"], start, end, tier=row.get("tier", "")))
    return EventFile(path, kind, events, _not_used({"without a label": empty}) + joined.notes)


def _boris(path: Path, rows: Iterator[Row]) -> EventFile:
    """Return the events of BORIS's tabular export: START and STOP of states are paired, as they come."""
    events, open_states = list[Event](), dict[tuple[str, ...], float]()
    lost = {"that begin and do not stop": 0, "that stop and have not begun": 0}
    joined = _Joined()
    for line, row in rows:
        where, status = f"{path}:{line}", row["status"].upper()
        if not row["label"]:
            continue
        time = _seconds(row["time"], "Time", where)
        key = (row.get("observation", ""), row.get("participant", ""), row["label"])
        start: float | None = time
        if status == "START":
            lost["that begin and do not stop"] += key in open_states
            open_states[key] = time
            continue
        if status == "STOP":
            start = open_states.pop(key, None)
            lost["that stop and have not begun"] += start is None
        elif status != "POINT":
            raise InputError(f"{where}: {row['status']!r}: expected START, STOP or POINT")
        if start is not None:
            events += joined(row, Event(row["label"], start, time))
    lost["that begin and do not stop"] += len(open_states)
    return EventFile(path, "BORIS, tabular", events, _not_used(lost) + joined.notes)


class _Joined:
    """BORIS counts one time over the files of a player that are shown one after the other: gives each file its own."""

    def __init__(self) -> None:
        self.lost: dict[str, int] = {}
        self._first: dict[str, str] = {}
        self._shifts: set[str] = set()

    @property
    def notes(self) -> list[str]:
        shifted = [f"a time offset of {shift} s in BORIS; times are used as they are" for shift in sorted(self._shifts)]
        return _not_used(self.lost) + shifted

    def __call__(self, row: Mapping[str, str], event: Event) -> list[Event]:
        """Return the event with whom and what it is about; nothing where its time in its file is not known."""
        observation, media = row.get("observation", ""), _base(row.get("video", ""))
        before = 0.0
        if number(row.get("shift", "")):
            self._shifts.add(row["shift"])
        if "observation" in row and media:
            first = self._first.setdefault(observation, media)
            player = re.sub(r"^player #1:", "", row.get("source", "")).split("|")[0]
            names = [_base(name) for name in player.split(";")]
            lengths = [number(text) for text in row.get("durations", "").split("|")[0].split(";")]
            if media in names and len(names) == len(lengths) and None not in lengths:
                before = sum(length or 0.0 for length in lengths[: names.index(media)])
            elif media != first:
                why = "in the second of several media files, whose length the table does not have"
                self.lost[why] = self.lost.get(why, 0) + 1
                return []
        moved = replace(event, start=max(0.0, event.start - before), end=max(0.0, event.end - before))
        who, session, condition = (row.get(role, "") for role in ("participant", "session", "condition"))
        return [replace(moved, video=media or observation, participant=who, session=session, condition=condition)]


def _tiers(
    path: Path, rows: Sequence[tuple[int, Sequence[str]]], header: Sequence[str], columns: Mapping[str, int]
) -> EventFile:
    """Return the events of ELAN's tab text with a column for each tier."""
    timed = re.compile("(begin time|end time|duration) - ", re.IGNORECASE)
    tiers = [at for at, name in enumerate(header) if name and not timed.match(name) and at not in columns.values()]
    tall: list[Row] = []
    for line, cells in rows:
        shared = next(iter(_named([(line, cells)], columns)))[1]
        found = [at for at in tiers if at < len(cells) and cells[at].strip()]
        tall += [(line, {**shared, "label": from_cell(cells[at].strip()), "tier": header[at]}) for at in found]
    return _intervals(path, "ELAN, tab text", tall, header, columns)


def _headless(path: Path, rows: Sequence[tuple[int, Sequence[str]]]) -> EventFile | None:
    """Return the events of ELAN's tab text without a header: tier, participant, times, annotation; None: it is none."""
    clock = re.compile(r"\d+:\d\d:\d\d\.\d{3}")
    events = list[Event]()
    for line, cells in rows:
        times = [at for at, cell in enumerate(cells) if clock.fullmatch(cell.strip())]
        if len(times) < 2 or times[0] == 0:
            if not events:
                return None
            raise InputError(f"{path}:{line}: no begin and end such as 00:00:01.500; {EXPECTED}")
        start, end = (_seconds(cells[at], "time", f"{path}:{line}") for at in times[:2])
        participant = cells[1].strip() if times[0] > 1 else ""
        if label := cells[-1].strip() if times[-1] < len(cells) - 1 else "":
            events.append(Event(from_cell(label), start, end, participant=participant, tier=cells[0].strip()))
    return EventFile(path, "ELAN, tab text", events, _not_used({"without a label": len(rows) - len(events)}))


def _pyfeat(path: Path, rows: Iterator[Row]) -> EventFile:
    events = []
    for line, row in rows:
        first, last = number(row["start_frame"]), number(row["end_frame"])
        if first is None or last is None or not 0 <= first <= last:
            raise InputError(f"{path}:{line}: frames {row['start_frame']!r} to {row['end_frame']!r}; expected numbers")
        kind = row.get("kind", "")
        exclude = kind == "exclude"
        events.append(Event(row.get("label") or kind or "event", first, last, frames=True, exclude=exclude))
    return EventFile(path, "Py-feat Live", events, [])


def _eaf(path: Path) -> EventFile:
    """Return the annotations of all tiers; one that refers to another has its time."""
    try:
        with os_errors(path):
            root = ET.fromstring(path.read_bytes())
    except ET.ParseError as error:
        raise InputError(f"{path}: not an .eaf file of ELAN: {error}") from None
    if root.tag != "ANNOTATION_DOCUMENT":
        raise InputError(f"{path}: not an .eaf file of ELAN (it begins with {root.tag})")
    unit = 1000.0
    header = root.find("HEADER")
    if header is not None and header.get("TIME_UNITS", "milliseconds") != "milliseconds":
        raise InputError(f"{path}: times in {header.get('TIME_UNITS')}; expected milliseconds")
    media = sorted(root.iter("MEDIA_DESCRIPTOR"), key=lambda one: not one.get("MIME_TYPE", "").startswith("video"))
    url = media[0].get("MEDIA_URL", "") if media else ""
    shift = float(media[0].get("TIME_ORIGIN") or 0) / unit if media else 0.0  # of the media at 0 of the annotations
    video = _base(unquote(urlparse(url).path) or url)
    slots = {slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
    spans: dict[str | None, tuple[str | None, str | None]] = {}
    parents: dict[str | None, str | None] = {}
    for found in root.iter("ALIGNABLE_ANNOTATION"):
        first, last = (slots.get(found.get(f"TIME_SLOT_REF{side}")) for side in "12")
        spans[found.get("ANNOTATION_ID")] = first, last
    for found in root.iter("REF_ANNOTATION"):
        parents[found.get("ANNOTATION_ID")] = found.get("ANNOTATION_REF")
    events, untimed, empty = list[Event](), 0, 0
    for tier in root.iter("TIER"):
        for found in (*tier.iter("ALIGNABLE_ANNOTATION"), *tier.iter("REF_ANNOTATION")):
            name, seen = found.get("ANNOTATION_ID"), set[str | None]()
            while name in parents and name not in seen:
                seen.add(name)
                name = parents[name]
            first, last = spans.get(name, (None, None))
            label = (found.findtext("ANNOTATION_VALUE") or "").strip()
            if first is None or last is None:
                untimed += 1
            elif not label:
                empty += 1
            else:
                start, end = (max(0.0, float(time) / unit + shift) for time in (first, last))
                who = tier.get("PARTICIPANT", "")
                events.append(Event(label, start, end, participant=who, video=video, tier=tier.get("TIER_ID", "")))
    notes = _not_used({"without a time of its own": untimed, "without a label": empty})
    if len(media) > 1:
        notes.append(f"{len(media)} media files are linked; the events are those of {video}")
    return EventFile(path, "ELAN", events, notes)


CUE = re.compile(r"((?:\d+:)?\d+:\d\d[.,]\d{1,3})\s*-->\s*((?:\d+:)?\d+:\d\d[.,]\d{1,3})")


def _subtitles(path: Path) -> EventFile:
    """Return the cues of SubRip or WebVTT."""
    with os_errors(path):
        text = path.read_bytes().decode("utf-8-sig", "replace")
    events, empty = list[Event](), 0
    for block in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        match = CUE.search(block)
        if not match:
            continue
        _, _, below = block[match.end() :].partition("\n")
        label = " ".join(re.sub(r"<[^>]*>|\{\\[^}]*\}", "", below).split())
        start, end = (_seconds(time, "time", str(path)) for time in match.groups())
        empty += not label
        if label:
            events.append(Event(label, start, max(start, end)))
    if not events:
        raise InputError(f"{path}: no cues such as 00:00:01,000 --> 00:00:02,500")
    return EventFile(path, "subtitles", events, _not_used({"without text": empty}))


def _seconds(text: str, column: str, where: str) -> float:
    found = seconds(text)
    if found is None:
        raise InputError(f"{where}: {column} {text!r}: expected seconds from 0, or hh:mm:ss.mmm")
    return found


def _base(path: str) -> str:
    """Return the name of a file without its folders, of any system."""
    return PurePosixPath(path.replace("\\", "/")).name


def _not_used(counts: Mapping[str, int]) -> list[str]:
    return [f"{quantity(count, 'event')} not used, {why}" for why, count in counts.items() if count]
