"""Reader of the tables of coders, human or machine: rows of labels as people, their programs and `mien predict` write
them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from mien.core import csv_files, records
from mien.core.console import first_few, quantity
from mien.core.errors import InputError, needs_extra
from mien.core.event_files import READERS, Event, EventFile
from mien.core.event_files.event import check_begin, not_used
from mien.core.event_files.tables import LOOK, column_of, events_of_rows, roles, used_cells
from mien.core.labels import FERPLUS, canonical, find_class

EXPECTED = "file,label or time,label or start,end,label (a header line), or an export of ELAN, BORIS or Praat"
SECOND = 1_000_000  # times are whole microseconds, so that equal is equal
MISSING = -1  # the code of no label
ABSENT = ("0", "no", "n", "off", "none", "absent", "false", "-")  # values in a tier that is named after an expression
AROUND = " \t[](){}\"'.,;-–—*"  # what may be around a label
PERSON = re.compile(r"(?:(?:face|person|track)\s*#?)?(\d+)(?:[.,]0)?", re.IGNORECASE)


class Annotation(NamedTuple):
    """One label of one coder."""

    position: str
    """Where it is in the file, as a message continues its name: ":12"."""
    file: str
    face: str
    """The number of the face in a photo."""
    person: str
    track: str
    tier: str
    start: int
    end: int
    """Microseconds; equal for a point in time, 0 for a photo."""
    code: int
    """Index into `FERPLUS`, or `MISSING`."""


@dataclass(frozen=True)
class AnnotationTable:
    """The rows of one coder."""

    path: Path
    name: str
    timed: bool
    """Whether it codes moments, not whole files."""
    rows: list[Annotation]
    notes: tuple[str, ...] = ()
    """What was not used, a sentence each."""

    def names(self, column: str) -> bool:
        """Return whether every row with a label says its file, face, person or track."""
        return all(getattr(row, column) for row in self.rows if row.code != MISSING)


def read(path: Path, *, missing: Sequence[str] = ()) -> AnnotationTable:
    """Read the table of one coder: a file of events (`mien.core.event_files`), or a table with file,label or
    time,label: .csv, .tsv or .txt (comma, semicolon or tab), .jsonl or .parquet.

    Args:
        path: the file, or a folder with a file for each video, named after it where nothing in it names it.
        missing: labels that mean no label, such as "unclear".

    Raises:
        InputError: no such file, no known columns, no rows, an unknown label, or a time that cannot be read.
        MissingExtra: Parquet without pyarrow.
    """
    if path.is_dir():
        return _of_folder(path, missing)
    no_label = {name.strip().lower() for name in missing} | {""}
    if reader := READERS.get(path.suffix.lower()):
        return _of_events(reader(path), no_label)
    lines = _lines(path)
    first = list(islice(lines, LOOK))
    if not first:
        raise InputError(f"{path}: empty; expected {EXPECTED}")
    header = first[0][1]
    columns = roles(header)
    if "label" in columns and not {"start", "end", "status"} & columns.keys() and {"video", "time"} & columns.keys():
        return _of_rows(path, header, columns, chain(first[1:], lines), no_label)
    for lone, other in (("start", "end"), ("end", "start")):
        if "label" in columns and lone in columns and not {other, "duration"} & columns.keys():
            raise InputError(f"{path}: a column {header[columns[lone]].strip()!r} without its {other}")
    return _of_events(events_of_rows(path, chain(first, lines), expected=EXPECTED), no_label)


def _of_folder(folder: Path, missing: Sequence[str]) -> AnnotationTable:
    """Return the tables of a folder as one."""
    suffixes = (*READERS, ".csv", ".tsv", ".txt", ".jsonl", ".parquet")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in suffixes and path.name[0] != ".")
    if not paths:
        raise InputError(f"{folder}: no table in it; expected files {', '.join(suffixes)}")
    tables = [read(path, missing=missing) for path in paths]
    for table in tables:
        if table.timed is not tables[0].timed:
            raise InputError(f"{tables[0].path} and {table.path}: one codes moments, the other whole files")
    rows = [
        row._replace(position=f"/{table.path.name}{row.position}", file=row.file or video_of(table.path))
        for table in tables
        for row in table.rows
    ]
    notes = tuple(note for table in tables for note in table.notes)
    return AnnotationTable(folder, folder.resolve().name, tables[0].timed, rows, notes)


def video_of(path: Path) -> str:
    """Return the name of the video that a file of events is named after: a of a.TextGrid and a.episodes.vtt."""
    return path.stem.removesuffix(".episodes")


def _lines(path: Path) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield line numbers and cells, the header first, without blank lines and ELAN's `#` lines."""
    if path.suffix.lower() == ".parquet":
        with needs_extra("table", "a Parquet table"):
            import pyarrow
            import pyarrow.parquet
        try:
            names = pyarrow.parquet.read_schema(path).names
            used = [names[at] for at in roles(names).values()] or names
            yield from _cells(enumerate(pyarrow.parquet.read_table(path, columns=used).to_pylist(), start=2))
        except (OSError, pyarrow.ArrowException) as error:
            raise InputError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from None
    elif path.suffix.lower() == ".jsonl":
        yield from _cells(
            (line, records.loads(one, dict[str, Any], where=f"{path}:{line}"))
            for line, one in enumerate(csv_files.read_text(path).split("\n"), start=1)
            if one.strip()
        )
    else:
        file = csv_files.sniff(path, comments=True)
        yield from file.rows(ragged=True, header=False) if file.header else ()


def _cells(rows: Iterable[tuple[int, Mapping[str, Any]]]) -> Iterator[tuple[int, list[str]]]:
    header: list[str] = []
    for line, row in rows:
        if not header:
            header = list(row)
            yield 0, header
        yield line, ["" if row.get(name) is None else str(row[name]) for name in header]


def _of_rows(
    path: Path,
    header: Sequence[str],
    columns: Mapping[str, int],
    lines: Iterable[tuple[int, Sequence[str]]],
    no_label: set[str],
) -> AnnotationTable:
    """Return the table of photos or of points in time."""
    rows, unknown = list[Annotation](), _Unknown(path)
    scale = SECOND / column_of(header[columns["time"]])[1] if "time" in columns else 0
    repeated = [cell.strip() for cell in header]
    for line, cells in lines:
        if [cell.strip() for cell in cells] == repeated:
            continue
        found = used_cells(path, line, cells, columns)
        where = f"{path}:{line}"
        if found.get("video") == "":
            raise InputError(f"{where}: no file named")
        at = 0
        if "time" in columns:
            if (time := csv_files.seconds(found["time"])) is None:
                raise InputError(f"{where}: time {found['time']!r}: expected seconds from 0, or hh:mm:ss.mmm")
            at = round(time * scale)
        face, person, track = (person_name(found.get(role, "")) for role in ("face", "person", "track"))
        code = _code(found["label"], no_label)
        if code is None:
            unknown.add(f":{line}", found["label"])
            continue
        file = found.get("video", "").replace("\\", "/")
        rows.append(Annotation(f":{line}", file, face, person, track, "", at, at, code))
    unknown.check()
    if not rows:
        raise InputError(f"{path}: no rows under its header")
    return AnnotationTable(path, path.stem, "time" in columns, rows)


def _of_events(file: EventFile, no_label: set[str]) -> AnnotationTable:
    """Return the table of stretches and points in time."""
    if next((event for event in file.events if event.frames), None):
        raise InputError(f"{file.path}: events in frames; expected times")
    marks = [event for event in file.unlabelled if _expression_of_tier(event.tier)]
    events, empty = [*file.events, *marks], len(file.unlabelled) - len(marks)
    known = {event.tier for event in events if _code_of(event, no_label) is not None}
    others = Counter(event.tier for event in events if event.tier not in known)
    notes = [f"{file.path.stem}: {note}" for note in [*file.lost, *not_used({"without a label": empty})]]
    rows, unknown, by_tier = list[Annotation](), _Unknown(file.path), 0
    for event in events:
        check_begin(file.path, event)
        if known and event.tier not in known:
            continue
        if (code := _code_of(event, no_label)) is None:
            unknown.add(event.position, event.label)
            continue
        by_tier += event.label == "" or _code(event.label, no_label) is None
        person = person_name(event.person or event.participant or _speaker(event.label) or _person_of_tier(event.tier))
        start, end = (round(time * SECOND) for time in (event.start, event.end))
        track = person_name(event.track)
        rows.append(Annotation(event.position, event.video, "", person, track, event.tier, start, end, code))
    unknown.check()
    rows = _apart(rows)
    if not rows:
        raise InputError(f"{file.path}: no event in it; {first_few(file.notes) or 'expected labels with their times'}")
    if known and others:
        count = quantity(sum(others.values()), "annotation")
        notes.append(f"{file.path.stem}: {count} in tiers without an expression not used ({first_few(list(others))})")
    if by_tier:
        notes.append(f"{file.path.stem}: {by_tier:,} labels are the names of their tiers or modifiers")
    return AnnotationTable(file.path, file.path.stem, True, rows, tuple(notes))


def _apart(rows: list[Annotation]) -> list[Annotation]:
    """Return rows with their tiers as persons where these label the same time: of two persons, or by two coders."""

    def nobody(row: Annotation) -> bool:
        return not (row.person or row.track or _expression_of_tier(row.tier))

    ends: dict[str, dict[str, int]] = {}  # file -> tier -> when its labels end
    for row in sorted(filter(nobody, rows), key=lambda row: row.start):
        tiers = ends.setdefault(row.file, {})
        if any(tier != row.tier and end > row.start for tier, end in tiers.items()):
            return [row._replace(person=row.tier) if nobody(row) else row for row in rows]
        tiers[row.tier] = max(row.end, tiers.get(row.tier, 0))
    return rows


class _Unknown:
    """Labels that are no expression."""

    def __init__(self, path: Path) -> None:
        self._path, self._first, self._labels = path, "", dict[str, None]()

    def add(self, position: str, label: str) -> None:
        self._first = self._first or position
        self._labels[label] = None

    def check(self) -> None:
        """Raise InputError where there is one."""
        if not self._labels:
            return
        labels = list(self._labels)
        try:
            canonical(labels[0])
        except InputError as error:
            option = " ".join(map(repr, labels[:8])) + (f" and {len(labels) - 8} more" if len(labels) > 8 else "")
            raise InputError(
                f"{self._path}{self._first}: {error}; or --missing {option} where it means no label"
            ) from None


def _code(text: str, no_label: set[str]) -> int | None:
    """Return the code of a label as people and programs write it: "happy", "happy 0.83", "Face 1: happy 83%"."""
    bare = re.sub(r"[\s:]+(?:[01][.,]\d+|\d{1,3}\s?%)$", "", text.strip(AROUND)).strip(AROUND)
    forms = [text.strip(), bare, bare.rpartition(":")[2].strip()]
    if no_label.intersection(form.lower() for form in forms):
        return MISSING
    return next((FERPLUS.index(found) for form in forms if (found := find_class(form))), None)


def _code_of(event: Event, no_label: set[str]) -> int | None:
    """Return the code of an event; where its label is no expression, of its modifier or its tier."""
    code = _code(event.label, no_label) if event.label else None
    if code is None and event.modifier:
        code = _code(event.modifier, no_label)
    if code is None and (named := _expression_of_tier(event.tier)):
        code = MISSING if event.label.strip().lower() in ABSENT else FERPLUS.index(named)
    return code


def _expression_of_tier(tier: str) -> str | None:
    """Return the expression that a tier is named after: "happy", "face 1 happy"."""
    return find_class(re.split(r"[\s_:/-]+", tier.strip())[-1])


def _person_of_tier(tier: str) -> str:
    """Return the person that a tier is named after: 1 in "face 1 happy" and "face 1", Anna in "Anna happy"."""
    words = re.split(r"([\s_:/-]+)", tier.strip())
    if find_class(words[-1]):
        return "".join(words[:-2])
    return tier.strip() if PERSON.fullmatch(tier.strip()) else ""


def _speaker(label: str) -> str:
    """Return who a label is about: "Face 1: happy"."""
    before, colon, _ = label.rpartition(":")
    return before.strip() if colon else ""


def person_name(name: str) -> str:
    """Return a person's name in one spelling: 1 for "1.0" of a spreadsheet, and for "Face 1"."""
    found = PERSON.fullmatch(name.strip())
    return found[1] if found else name.strip()
