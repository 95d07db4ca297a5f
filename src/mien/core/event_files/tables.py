"""Tables of events: with a header, of BORIS, as tab text of ELAN, of Py-feat Live."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mien.core.csv_files import from_cell, sniff
from mien.core.csv_files import number as number_of
from mien.core.errors import InputError
from mien.core.event_files.event import Event, EventFile, bare_name, not_used, seconds
from mien.core.paths import printable

NAMES = {  # what columns are called, in lower case and without the unit of their times; the first that is there counts
    "label": ("label", "expression", "emotion", "annotation", "behavior", "behaviour", "event", "code", "trial_type"),
    "start": ("start", "onset", "begin", "begin time", "start time", "start_time", "begin_time"),
    "end": ("end", "offset", "stop", "end time", "stop time", "end_time", "stop_time"),
    "duration": ("duration",),
    "participant": ("participant", "subject"),
    "session": ("session",),
    "condition": ("condition",),
    "video": (
        "video",
        "file",
        "media file name",
        "media file path",
        "media file",
        "media",
        "filename",
        "file name",
        "file path",
    ),
    "tier": ("tier",),
    "person": ("person",),
    "track": ("track",),
    "face": ("face",),  # of a photo
    # BORIS, tabular events
    "time": ("time", "timestamp"),
    "status": ("behavior type", "status"),
    "modifier": ("modifier #1", "modifiers", "modifier"),
    "observation": ("observation id",),
    "source": ("source",),
    "durations": ("media duration",),
    "shift": ("time offset",),
    # Py-feat Live
    "kind": ("kind",),
    "start_frame": ("start_frame",),
    "end_frame": ("end_frame",),
}
TIMES = ("start", "end", "duration")
EXPECTED = "a header with start, end and label (and participant or video), or an export of BORIS or ELAN"
NOBODY = ("no focal subject", "na", "n/a", "nan", "not found")  # cells that name nothing
LOOK = 100  # rows in which a header is looked for
UNITS = r"hh:mm:ss\.ms|ss\.msec|msec|ms|milliseconds|s|secs?|seconds"
UNIT = re.compile(rf"(.+?)(?:\s*-\s+|[ _]?[(\[]|_| )({UNITS})[)\]]?")
ELAN = re.compile(r".+ - (?:hh:mm:ss\.ms|ss\.msec|msec)")
FRAMES = (" - pal", " - ntsc", " - pal-50fps", " - hh:mm:ss:ff")  # formats of ELAN that need a frame rate
ESCAPED = re.compile("[\udc80-\udcff]")  # bytes that are not UTF-8
CLOCK = r"\d+:\d\d:\d\d[.,]\d{1,3}"

Row = tuple[int, Mapping[str, str]]  # line number, role -> cell


def read_table(path: Path) -> EventFile:
    """Return the events of a file with rows.

    Raises:
        InputError: it cannot be read, is in no form that is known, or a row is wrong.
    """
    file = sniff(path, comments=True)
    return events_of_rows(path, file.rows(ragged=True, header=False) if file.header else ())


def events_of_rows(path: Path, lines: Iterable[tuple[int, Sequence[str]]], *, expected: str = EXPECTED) -> EventFile:
    """Return the events of rows of cells, each with its line. Errors as `read_table`; a form that is not known is
    refused with what was `expected`."""
    rows = list(lines)
    for at, (_, cells) in enumerate(rows[:LOOK]):
        columns = roles(cells)
        if {"start_frame", "end_frame"} <= columns.keys():
            return _pyfeat(path, _named(path, rows[at + 1 :], columns, len(cells)))
        if {"label", "time", "status"} <= columns.keys():
            return pair_events(path, "BORIS, tabular", _named(path, rows[at + 1 :], columns, len(cells)))
        if "start" in columns and {"end", "duration"} & columns.keys():
            header = [cell.strip() for cell in cells]
            if _elan_time(header[0]) and "annotation" not in (name.lower() for name in header):
                return _tiers(path, rows[at + 1 :], header, columns)
            if "label" in columns:
                kind = (
                    "ELAN, tab text" if "tier" in columns else "BORIS, aggregated" if "status" in columns else "table"
                )
                return _intervals(path, kind, list(_named(path, rows[at + 1 :], columns, len(cells))), header, columns)
        if at == 0 and {"start", "label"} <= columns.keys():
            names = ", ".join(cell.strip() for cell in cells)[:80]
            why = "a column end or duration is missing; its cells may be empty, for moments"
            raise InputError(f"{path}: its first line has {names!r}; {why}")
    if found := _headless(path, rows):
        return found
    first = ", ".join(rows[0][1])[:80] if rows else "nothing"
    if ESCAPED.search(first):
        raise InputError(f"{path}: its first line is not UTF-8 text; save it as a CSV file in UTF-8")
    if rows and any(name.lower().endswith(FRAMES) for name in rows[0][1]):
        raise InputError(f"{path}: times in frames only; export them as hh:mm:ss.ms, ss.msec or msec too")
    raise InputError(f"{path}: its first line has {first!r}; expected {expected}")


def roles(cells: Sequence[str]) -> dict[str, int]:
    """Return the index of the column of each role; a time in seconds or a clock goes before milliseconds.

    Example:
        >>> roles(["Begin Time - msec", "Begin Time - ss.msec", "End Time - ss.msec", "Annotation"])
        {'start': 1, 'end': 2, 'label': 3}
    """
    found: dict[str, int] = {}
    named = [column_of(cell) for cell in cells]
    for role, known in NAMES.items():
        columns = [(scale, known.index(name), at) for at, (name, scale) in enumerate(named) if name in known]
        if columns:
            found[role] = min(columns)[-1]
    timed = [at for at, cell in enumerate(cells) if _elan_time(cell)]
    formats = list(dict.fromkeys(named[at][0] for at in timed))
    if "start" not in found and len(formats) in (2, 3):  # ELAN in another language than English
        for role, name in zip(TIMES, formats, strict=False):
            found[role] = min((at for at in timed if named[at][0] == name), key=lambda at: named[at][1])
        if timed[0] > 0 and timed[-1] + 1 < len(cells):
            found = {"participant": 1, **found} if timed[0] > 1 else found
            found = {"tier": 0, "label": timed[-1] + 1, **found}
    if "start" not in found and {"time", "duration"} <= found.keys() and "status" not in found:
        found["start"] = found.pop("time")
    return dict(sorted(found.items(), key=lambda item: item[1]))


def column_of(cell: str) -> tuple[str, int]:
    """Return the name of a column in lower case, without the unit of its times, and how many of these are a second.

    Example:
        >>> column_of("Start (s)"), column_of("onset_ms"), column_of("Tier")
        (('start', 1), ('onset', 1000), ('tier', 1))
    """
    name = cell.strip().strip('"').strip().lower()
    if name.endswith(FRAMES):
        return name, 1
    if match := UNIT.fullmatch(name):
        return match[1].strip(), 1000 if match[2] in ("ms", "msec", "milliseconds") else 1
    return name, 1


def _elan_time(cell: str) -> bool:
    return ELAN.fullmatch(cell.strip().strip('"').lower()) is not None


def _named(
    path: Path, rows: Sequence[tuple[int, Sequence[str]]], columns: Mapping[str, int], width: int
) -> Iterator[Row]:
    """Yield the cells of rows by role. InputError where a row has more cells than the header: a decimal comma between
    commas would move all that follows."""
    for line, cells in rows:
        if any(cell.strip() for cell in cells[width:]):
            why = "put texts and numbers in quotes that have the separator in them"
            raise InputError(f"{path}:{line}: {len(cells)} cells, expected {width}; {why}")
        texts = used_cells(path, line, cells, columns)
        yield line, {role: "" if text.lower() in NOBODY else text for role, text in texts.items()}


def used_cells(path: Path, line: int, cells: Sequence[str], columns: Mapping[str, int]) -> dict[str, str]:
    """Return the cells of a row by role. InputError where one of them is not UTF-8: other columns do not matter."""
    texts = {role: from_cell(cells[at].strip()) if at < len(cells) else "" for role, at in columns.items()}
    if escaped := [text for text in texts.values() if ESCAPED.search(text)]:
        raise InputError(f"{path}:{line}: {printable(escaped[0][:40])}: not UTF-8 text; save it as a CSV file in UTF-8")
    return texts


def _event(row: Mapping[str, str], line: int, start: float, end: float) -> Event:
    """Return the event of a row."""
    tier, modifier, person, track = (row.get(name, "") for name in ("tier", "modifier", "person", "track"))
    return Event(row["label"], start, end, tier=tier, modifier=modifier, person=person, track=track, line=line)


def _intervals(
    path: Path, kind: str, rows: Sequence[Row], header: Sequence[str], columns: Mapping[str, int]
) -> EventFile:
    """Return the events of a table with a row per event."""
    events, unlabelled = list[Event](), list[Event]()
    scale = {role: column_of(header[at])[1] for role, at in columns.items()}
    joined = _Joined()
    for line, row in rows:
        where = f"{path}:{line}"
        if not row["label"] and not row.get("tier"):
            unlabelled.append(Event("", 0.0, 0.0, line=line))
            continue
        start = seconds(row["start"], header[columns["start"]], where) / scale["start"]
        if text := row.get("end"):
            end = seconds(text, header[columns["end"]], where) / scale["end"]
        elif text := row.get("duration"):
            end = start + seconds(text, header[columns["duration"]], where) / scale["duration"]
        else:
            end = start
        found = joined(row, _event(row, line, start, end))
        (events if row["label"] else unlabelled).extend(found)
    return EventFile(path, kind, events, joined.notes, unlabelled)


def pair_events(path: Path, kind: str, rows: Iterable[Row]) -> EventFile:
    """Return the events of rows of BORIS: START and STOP of states are paired, as they come."""
    events, open_states = list[Event](), dict[tuple[str, ...], float]()
    lost = {"that begin and do not stop": 0, "that stop and have not begun": 0}
    joined = _Joined()
    for line, row in rows:
        where, status = f"{path}:{line}", row["status"].upper()
        if not row["label"]:
            continue
        time = seconds(row["time"], "Time", where)
        key = (row.get("observation", ""), row.get("participant", ""), row["label"], row.get("modifier", ""))
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
            events += joined(row, _event(row, line, start, time))
    lost["that begin and do not stop"] += len(open_states)
    return EventFile(path, kind, events, not_used(lost) + joined.notes)


class _Joined:
    """BORIS counts one time over the files of a player that are shown one after the other: gives each file its own."""

    def __init__(self) -> None:
        self.lost: dict[str, int] = {}
        self._first: dict[str, str] = {}
        self._shifts: set[str] = set()

    @property
    def notes(self) -> list[str]:
        shifted = [f"a time offset of {shift} s in BORIS; times are used as they are" for shift in sorted(self._shifts)]
        return not_used(self.lost) + shifted

    def __call__(self, row: Mapping[str, str], event: Event) -> list[Event]:
        """Return the event with whom and what it is about; nothing where its time in its file is not known."""
        observation, media = row.get("observation", ""), bare_name(row.get("video", ""))
        before = 0.0
        if number_of(row.get("shift", "")):
            self._shifts.add(row["shift"])
        if "observation" in row and media:
            first = self._first.setdefault(observation, media)
            player = re.sub(r"^player #1:", "", row.get("source", "")).split("|")[0]
            names = [bare_name(name) for name in player.split(";")]
            lengths = [number_of(text) for text in row.get("durations", "").split("|")[0].split(";")]
            if media in names and len(names) == len(lengths) and None not in lengths:
                before = sum(length or 0.0 for length in lengths[: names.index(media)])
            elif media != first:
                why = "in the second of several media files, whose length the table does not have"
                self.lost[why] = self.lost.get(why, 0) + 1
                return []
        moved = event
        if before:
            moved = replace(event, start=max(0.0, event.start - before), end=max(0.0, event.end - before))
        who, session, condition = (row.get(role, "") for role in ("participant", "session", "condition"))
        named = replace(moved, participant=who, session=session, condition=condition)
        return [replace(named, video=media or observation, media=row.get("video", ""))]


def _tiers(
    path: Path, rows: Sequence[tuple[int, Sequence[str]]], header: Sequence[str], columns: Mapping[str, int]
) -> EventFile:
    """Return the events of ELAN's tab text with a column for each tier."""
    times = {column_of(header[at])[0] for at in (columns.get(role) for role in TIMES) if at is not None}
    used = {at for role, at in columns.items() if role != "label"}
    tiers = [
        at
        for at, name in enumerate(header)
        if name and at not in used and column_of(name)[0] not in times and not name.lower().endswith(FRAMES)
    ]
    tall: list[Row] = []
    for line, cells in rows:
        shared = next(_named(path, [(line, cells)], columns, len(header)))[1]
        found = [at for at in tiers if at < len(cells) and cells[at].strip()]
        tall += [(line, {**shared, "label": from_cell(cells[at].strip()), "tier": header[at]}) for at in found]
    return _intervals(path, "ELAN, tab text", tall, header, columns)


def _headless(path: Path, rows: Sequence[tuple[int, Sequence[str]]]) -> EventFile | None:
    """Return the events of ELAN's tab text without a header, or with one in another language: tier, participant, times,
    annotation. None: it is none."""
    events, unlabelled = list[Event](), list[Event]()
    unit = _unit(rows)
    for number, (line, cells) in enumerate(rows):
        clocks = [at for at, cell in enumerate(cells) if re.fullmatch(CLOCK, cell.strip())]
        if unit and (found := _span(cells)):
            clocks = [found, found + 1, found + 2]
        if len(clocks) < 2:
            if number == 0:
                continue  # names of columns
            if number == 1:
                return None
            raise InputError(f"{path}:{line}: no begin and end such as 00:00:01.500; expected {EXPECTED}")
        start, end = (seconds(cells[at], "time", f"{path}:{line}") / (unit or 1) for at in clocks[:2])
        after = dict(enumerate(cells[clocks[-1] + 1 :], start=clocks[-1] + 1))
        while len(after) > 1 and (
            number_of(cells[at := min(after)]) is not None or re.fullmatch(r"[\d:;]+", cells[at])
        ):
            del after[at]  # the same time in another format
        columns = {role: at for at, role in enumerate(("tier", "participant")[: clocks[0]])}
        texts = used_cells(path, line, cells, {**columns, "label": min(after, default=len(cells))})
        event = replace(_event(texts, line, start, end), participant=texts.get("participant", ""))
        (events if event.label else unlabelled).append(event)
    said = ["no unit of times is named, and they have no fractions: read as milliseconds"] if unit == 1000 else []
    return EventFile(path, "ELAN, tab text", events, said, unlabelled) if events or unlabelled else None


def _unit(rows: Sequence[tuple[int, Sequence[str]]]) -> int:
    """Return how many units a second has where each row has begin, end and duration as numbers; 0: they have not.

    ELAN writes a point in seconds, and none in milliseconds.
    """
    found = [(cells, _span(cells)) for _, cells in rows]
    if not found or not all(at for _, at in found):
        return 0
    return 1000 if all("." not in cell for cells, at in found for cell in cells[at : at + 3]) else 1


def _span(cells: Sequence[str]) -> int:
    """Return the column from which on three cells are begin, end and their difference, after a tier; 0: none are."""
    numbers = [number_of(cell) for cell in cells]
    for at, (begin, end, length) in enumerate(zip(numbers[1:], numbers[2:], numbers[3:], strict=False), start=1):
        if begin is not None and end is not None and length is not None and abs(end - begin - length) < 0.0015 <= end:
            return at
    return 0


def _pyfeat(path: Path, rows: Iterator[Row]) -> EventFile:
    events = []
    for line, row in rows:
        first, last = number_of(row["start_frame"]), number_of(row["end_frame"])
        if first is None or last is None or not 0 <= first <= last:
            raise InputError(f"{path}:{line}: frames {row['start_frame']!r} to {row['end_frame']!r}; expected numbers")
        kind = row.get("kind", "")
        exclude = kind == "exclude"
        label = row.get("label") or kind or "event"
        events.append(Event(label, first, last, frames=True, exclude=exclude, line=line))
    return EventFile(path, "Py-feat Live", events, [])
