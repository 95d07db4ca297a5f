"""The tables of coders, human or machine: who called what which expression, as people and `mien predict` write them."""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mien.core.errors import InputError, MissingExtra
from mien.core.labels import canonical

# What a column is called, lower case: by hand, by mien, and in ELAN's tab-delimited text.
NAMES = {
    "label": ("label", "expression", "annotation"),
    "file": ("file",),
    "face": ("face",),
    "track": ("track",),
    "time": ("time",),
    "start": ("start", "onset", "begin time"),
    "end": ("end", "offset", "end time"),
}
EXPECTED = (
    "file,label or time,label or start,end,label (a header line; also mien's own tables, and ELAN's with headers)"
)
SECOND = 1_000_000  # times are whole microseconds, so that equal is equal


class Annotation(NamedTuple):
    """One label of one coder; empty cells are None or ""."""

    line: int
    """Of the file, the header being line 1."""
    file: str
    part: str
    """The face or track."""
    start: int
    end: int
    """Microseconds; a point in time has both alike, a photo 0."""
    label: str | None


@dataclass(frozen=True)
class AnnotationTable:
    """The rows of one coder."""

    path: Path
    name: str
    columns: frozenset[str]
    """Which of `NAMES` it has; face and track both count as "part"."""
    rows: list[Annotation]

    @property
    def timed(self) -> bool:
        return bool({"time", "start"} & self.columns)

    def where(self, row: Annotation) -> str:
        return f"{self.path}, row {row.line}"


def read(path: Path, *, missing: Sequence[str] = ()) -> AnnotationTable:
    """Read the table of one coder: .csv, .tsv or .txt (comma, semicolon or tab), .jsonl or .parquet.

    Args:
        path: the file.
        missing: labels that stand for no label, such as "unclear".

    Raises:
        InputError: no such file, no columns that are understood, no rows, an unknown label, or a time that is none.
        MissingExtra: Parquet without pyarrow.
    """
    lines = _lines(path)
    try:
        _, head = next(lines)
    except StopIteration:
        raise InputError(f"{path}: empty; expected {EXPECTED}") from None
    names = [str(name).strip().lower() for name in head]
    places = _places(path, names)
    none = {name.strip().lower() for name in missing} | {""}
    known: dict[str, str | None] = dict.fromkeys(none)
    rows = []
    for line, cells in lines:
        found = {column: cells[place].strip() if place < len(cells) else "" for column, place in places.items()}
        where = f"{path}, row {line}"
        text = found["label"].lower()
        if text not in known:
            known[text] = _label(found["label"], none, where)
        start, end = _times(found, {column: names[place] for column, place in places.items()}, where)
        if "file" in places and not found["file"]:
            raise InputError(f"{where}: no file named")
        part = _number(found.get("face") or found.get("track") or "")
        rows.append(Annotation(line, found.get("file", "").replace("\\", "/"), part, start, end, known[text]))
    if not rows:
        raise InputError(f"{path}: no rows under its header")
    columns = {"part" if column in ("face", "track") else column for column in places}
    return AnnotationTable(path, path.stem, frozenset(columns), rows)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield line numbers and cells, the header first; blank lines and ELAN's `#` lines are passed over."""
    if path.suffix.lower() == ".parquet":
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise MissingExtra("table", "a Parquet table") from None
        try:
            yield from _records(enumerate(pyarrow.parquet.read_table(path).to_pylist(), start=2))
        except (OSError, pyarrow.ArrowException) as error:
            raise InputError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from None
        return
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text; save it as CSV UTF-8") from None
    if path.suffix.lower() == ".jsonl":
        yield from _records(_parsed(path, text))
        return
    lines = ["" if line.startswith(("#", '"#')) else line for line in text.splitlines()]
    first = next((line for line in lines if line.strip()), "")
    rows = csv.reader(lines, delimiter=max(",;\t", key=first.count))
    try:
        for cells in rows:
            if any(cells):
                yield rows.line_num, cells
    except csv.Error as error:
        raise InputError(f"{path}, row {rows.line_num}: {error}") from None


def _parsed(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, one in enumerate(text.splitlines(), start=1):
        if not one.strip():
            continue
        try:
            found = json.loads(one)
        except ValueError as error:
            raise InputError(f"{path}, row {line}: not JSON ({error})") from None
        if not isinstance(found, dict):
            raise InputError(f"{path}, row {line}: expected a JSON object")
        yield line, found


def _records(rows: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[tuple[int, list[str]]]:
    head: list[str] | None = None
    for line, row in rows:
        if head is None:
            head = list(row)
            yield 0, head
        yield line, ["" if row.get(name) is None else str(row[name]) for name in head]


def _places(path: Path, names: list[str]) -> dict[str, int]:
    """Return where each column that is understood stands."""
    places = {}
    for column, known in NAMES.items():
        fits = [place for place, name in enumerate(names) if name in known or name.split(" - ")[0] in known]
        if fits:
            places[column] = fits[0]
    if {"start", "end"} <= places.keys():
        places.pop("time", None)
    if "label" not in places or not ({"file", "time"} & places.keys() or {"start", "end"} <= places.keys()):
        raise InputError(f"{path}: columns {', '.join(names)[:80]!r}; expected {EXPECTED}")
    if ("start" in places) != ("end" in places):
        lone = "start" if "start" in places else "end"
        raise InputError(
            f"{path}: a column {names[places[lone]]!r} without its {'end' if lone == 'start' else 'start'}"
        )
    return places


def _label(text: str, none: set[str], where: str) -> str | None:
    bare = re.sub(r"\s+[01]\.\d+$", "", text)  # mien's own text for ELAN says "happy 0.83"
    if bare.strip().lower() in none:
        return None
    try:
        return canonical(bare)
    except InputError as error:
        raise InputError(f"{where}: {error}; or --missing {text!r} where it means no label") from None


def _times(found: dict[str, str], names: dict[str, str], where: str) -> tuple[int, int]:
    if "start" in found:
        start, end = (_time(found[column], names[column], where) for column in ("start", "end"))
        if end <= start:
            raise InputError(f"{where}: ends at {found['end']}, not after its start {found['start']}")
        return start, end
    at = _time(found["time"], names["time"], where) if "time" in found else 0
    return at, at


def _time(text: str, column: str, where: str) -> int:
    """Return microseconds of seconds, milliseconds (a column `... - msec`) or hh:mm:ss.mmm."""
    *clock, last = text.replace(",", ".").split(":")
    try:
        seconds = float(last)
        for power, part in enumerate(reversed(clock), start=1):
            seconds += int(part) * 60**power
        if not (0 <= seconds < 1e9) or len(clock) > 2:
            raise ValueError
    except ValueError:
        raise InputError(f"{where}: {column} {text!r}; expected seconds from 0, or hh:mm:ss.mmm") from None
    return round(seconds * SECOND / (1000 if column.endswith("- msec") else 1))


def _number(text: str) -> str:
    """Return a face's number as spreadsheets and pandas write it too: 1.0 is 1."""
    return text.removesuffix(".0")
