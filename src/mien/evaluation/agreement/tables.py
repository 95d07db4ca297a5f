"""Reader of the tables of coders, human or machine: rows of labels as people and `mien predict` write them."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mien.core import csv_files, records
from mien.core.errors import InputError, needs_extra
from mien.core.labels import FERPLUS, canonical

# Names of each column, in lower case: by hand, by mien, and in ELAN's tab-delimited text.
NAMES = {
    "label": ("label", "expression", "annotation"),
    "file": ("file",),
    "face": ("face",),
    "person": ("person",),
    "track": ("track",),
    "time": ("time",),
    "start": ("start", "onset", "begin time"),
    "end": ("end", "offset", "end time"),
}
EXPECTED = (
    "file,label or time,label or start,end,label (a header line; also mien's own tables, and ELAN's with headers)"
)
SECOND = 1_000_000  # times are whole microseconds, so that equal is equal
MISSING = -1  # the code of no label


class Annotation(NamedTuple):
    """One label of one coder."""

    line: int
    """Line of the file; the header is line 1."""
    file: str
    part: str
    """The face, person or track."""
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
    columns: frozenset[str]
    """Those of `NAMES` that it has; face, person and track are all "part"."""
    rows: list[Annotation]

    @property
    def timed(self) -> bool:
        return bool({"time", "start"} & self.columns)


def read(path: Path, *, missing: Sequence[str] = ()) -> AnnotationTable:
    """Read the table of one coder: .csv, .tsv or .txt (comma, semicolon or tab), .jsonl or .parquet.

    Args:
        path: the file.
        missing: labels that mean no label, such as "unclear".

    Raises:
        InputError: no such file, no known columns, no rows, an unknown label, or a time that cannot be read.
        MissingExtra: Parquet without pyarrow.
    """
    lines = _lines(path)
    head = next(lines, (0, []))[1]
    if not head:
        raise InputError(f"{path}: empty; expected {EXPECTED}")
    names = [name.strip().lower() for name in head]
    indices = _columns(path, names)
    no_label = {name.strip().lower() for name in missing} | {""}
    rows = []
    for line, cells in lines:
        found = {column: cells[index].strip() if index < len(cells) else "" for column, index in indices.items()}
        where = f"{path}, row {line}"
        if found.get("file") == "":
            raise InputError(f"{where}: no file named")
        file = found.get("file", "").replace("\\", "/")
        part = re.sub(
            r"[.,]0$", "", found.get("face") or found.get("person") or found.get("track") or ""
        )  # as spreadsheets and pandas write 1
        start, end = _times(found, {column: names[index] for column, index in indices.items()}, where)
        rows.append(Annotation(line, file, part, start, end, _code(found["label"], no_label, where)))
    if not rows:
        raise InputError(f"{path}: no rows under its header")
    columns = {"part" if column in ("face", "person", "track") else column for column in indices}
    return AnnotationTable(path, path.stem, frozenset(columns), rows)


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield line numbers and cells, the header first, without blank lines and ELAN's `#` lines."""
    if path.suffix.lower() == ".parquet":
        with needs_extra("table", "a Parquet table"):
            import pyarrow
            import pyarrow.parquet
        try:
            yield from _cells(enumerate(pyarrow.parquet.read_table(path).to_pylist(), start=2))
        except (OSError, pyarrow.ArrowException) as error:
            raise InputError(f"{path}: cannot be read ({str(error).splitlines()[0]})") from None
        return
    if path.suffix.lower() == ".jsonl":
        try:
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
        except UnicodeDecodeError:
            raise InputError(f"{path}: not text in UTF-8") from None
        yield from _cells(
            (line, records.loads(one, dict[str, Any], where=f"{path}, row {line}"))
            for line, one in enumerate(text.splitlines(), start=1)
            if one.strip()
        )
        return
    file = csv_files.sniff(path, comments=True)
    yield file.line, list(file.head)
    for line, cells in file.rows(ragged=True, utf8=True):
        yield line, list(map(csv_files.from_cell, cells))


def _cells(rows: Iterable[tuple[int, Mapping[str, Any]]]) -> Iterator[tuple[int, list[str]]]:
    head: list[str] = []
    for line, row in rows:
        if not head:
            head = list(row)
            yield 0, head
        yield line, ["" if row.get(name) is None else str(row[name]) for name in head]


def _columns(path: Path, names: list[str]) -> dict[str, int]:
    """Return the index of each known column."""
    indices: dict[str, int] = {}
    for column, known in NAMES.items():
        for index, name in enumerate(names):
            if name in known or name.split(" - ")[0] in known:
                indices.setdefault(column, index)
    if {"start", "end"} <= indices.keys():
        indices.pop("time", None)
    if "label" not in indices or not ({"file", "time"} & indices.keys() or {"start", "end"} <= indices.keys()):
        raise InputError(f"{path}: columns {', '.join(names)[:80]!r}; expected {EXPECTED}")
    for lone, other in (("start", "end"), ("end", "start")):
        if lone in indices and other not in indices:
            raise InputError(f"{path}: a column {names[indices[lone]]!r} without its {other}")
    return indices


def _code(text: str, no_label: set[str], where: str) -> int:
    bare = re.sub(r"\s+[01]\.\d+$", "", text)  # mien's own text for ELAN says "happy 0.83"
    if {text.lower(), bare.strip().lower()} & no_label:
        return MISSING
    try:
        return FERPLUS.index(canonical(bare))
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
    found = csv_files.seconds(text)
    if found is None:
        raise InputError(f"{where}: {column} {text!r}; expected seconds from 0, or hh:mm:ss.mmm")
    return round(found * SECOND / (1000 if column.endswith("- msec") else 1))
