"""Tables on disk with one row per face, that Ctrl-C and kill -9 leave fit to go on with.

Rows are appended as text, all those of a photo or frame at once; how far the file is whole stands in a small file
beside it while the job runs. So a resumed job neither repeats nor loses a row. Parquet has its index at the end and is
nothing without it: there the rows wait as JSON lines beside, and become the table when the job ends.
"""

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from mien.core.errors import InputError, MissingExtra
from mien.core.files import replacing

FORMATS = (".csv", ".jsonl", ".parquet")

LATER = ("uncertain", "prediction_set")
"""Columns that tables of earlier versions lack; those go on without."""

_TEXT = {"file", "expression", "quality", "prediction_set", "detector", "error"}
_WHOLE = {"face", "frame", "track"}

Row = Mapping[str, Any]


class TableWriter:
    """A table that grows: .csv, .jsonl or .parquet by the suffix of `path`. Use it in a `with` statement.

    Args:
        columns: the names of the columns; the first is what `done` tells of.
        resume: go on with a table that is there. Without it, a table that is there is left alone and is an error.

    Attributes:
        done: the values of the first column, as text, that the table already had.

    Raises:
        InputError: another suffix, a table is there already, one with other columns is, or it cannot be written.
        MissingExtra: Parquet without pyarrow.
    """

    def __init__(self, path: Path, columns: Sequence[str], *, resume: bool = False) -> None:
        self.path, self.columns, self.done = path, list(columns), set[str]()
        check(path, resume=resume)
        self.form, self._text = path.suffix.lower(), _text(path)
        self._mark = path.with_name(f".{path.name}.written")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and not self._text.exists():
                _unfold(path, self._text, self._mark, self.columns)
            self._written = self._whole() if self._text.exists() else 0
            self._read()  # before anything is changed: it may be somebody else's file
            self._file = self._text.open("ab")
            self._file.truncate(self._written)
            self._marker = self._mark.open("wb", buffering=0)
            self._note()
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
        if self.form == ".csv" and not self._written:
            self._append(_csv([self.columns]))

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows, all of them or none; a column that a row lacks, or None, is an empty cell.

        Give the rows of one photo or frame together.

        Raises:
            InputError: there is no room, or the place has gone.
        """
        if self.form == ".csv":
            self._append(_csv([[row.get(name) for name in self.columns] for row in rows]))
        else:
            self._append("".join(_line({name: row.get(name) for name in self.columns}) for row in rows))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows that the table has so far, in order; empty cells are None."""
        if self.form == ".csv":
            for row in csv.DictReader(self._lines()):
                yield {name: _value(name, cell) for name, cell in row.items()}
        else:
            yield from map(json.loads, self._lines())

    def close(self) -> None:
        """End the table; what was written so far is whole, also after an error."""
        if self._file.closed:
            return
        with contextlib.suppress(OSError):  # no room for the rows of the last call, which are cut off next
            self._file.close()
        os.truncate(self._text, self._written)
        if self.form == ".parquet":
            _fold(self._text, self.path, self.columns)
            self._text.unlink()
        self._marker.close()
        self._mark.unlink()

    def _append(self, text: str) -> None:
        data = text.encode()
        try:
            self._file.write(data)
            self._file.flush()
            self._written += len(data)
            self._note()
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({error.strerror or error})") from None

    def _note(self) -> None:
        """Say beside the table how many bytes of it are whole; so few that they are written at once or not."""
        self._marker.seek(0)
        self._marker.write(b"%20d" % self._written)

    def _whole(self) -> int:
        """Return how many bytes of the text are whole: as noted, or else up to the last line's end."""
        size = self._text.stat().st_size
        if self._mark.is_file():
            noted = self._mark.read_bytes().strip()
            if noted.isdigit() and int(noted) <= size:
                return int(noted)
        with self._text.open("rb") as file:
            end = size
            while end:  # backwards, block by block
                start = max(0, end - 65536)
                file.seek(start)
                if (found := file.read(end - start).rfind(b"\n")) >= 0:
                    return start + found + 1
                end = start
        if size:
            raise InputError(f"{self.path}: no table of mien; choose another file")
        return 0

    def _lines(self) -> Iterator[str]:
        """Yield the whole lines."""
        if left := self._written:
            with self._text.open("rb") as file:
                for line in file:
                    if (left := left - len(line)) < 0:
                        return
                    yield line.decode()

    def _read(self) -> None:
        """Fill `done`; InputError where the table is not one of ours."""
        try:
            if self.form == ".csv":
                rows = csv.reader(self._lines())
                self._go_on(next(rows, self.columns))
                self.done.update(row[0] for row in rows)
            else:
                for line in self._lines():
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise _unlike(self.path)
                    self._go_on(list(row))
                    self.done.add(str(row[self.columns[0]]))
        except InputError:
            raise
        except (ValueError, IndexError, csv.Error) as error:
            raise InputError(f"{self.path}: damaged ({error}); choose another file") from None

    def _go_on(self, names: list[str]) -> None:
        """Take the columns that the table has. InputError where they are neither ours nor those of earlier versions."""
        if names == _older(self.columns):
            self.columns = names
        if names != self.columns:
            raise _unlike(self.path)


def check(path: Path, *, resume: bool) -> None:
    """Raise what `Writer` raises where it would not begin: another suffix, no pyarrow, a table that is there."""
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: a table ends with {', '.join(FORMATS)}")
    if path.suffix.lower() == ".parquet":
        _pyarrow()
    there = next((place for place in (_text(path), path) if place.exists()), None)
    if there and not resume:
        raise InputError(f"{there}: there already; go on with --resume, or choose another file")


def _text(path: Path) -> Path:
    """Return where the rows of a table stand as text while it grows."""
    return path.with_name(f".{path.name}.part.jsonl") if path.suffix.lower() == ".parquet" else path


def _older(columns: Sequence[str]) -> list[str]:
    return [name for name in columns if name not in LATER]


def _unlike(path: Path) -> InputError:
    return InputError(f"{path}: has other columns than this job; choose another file")


def _value(name: str, cell: str) -> Any:
    if not cell:
        return None
    if name == "uncertain":
        return cell == "True"
    return cell if _is_text(name) else int(cell) if name in _WHOLE else float(cell)


def _is_text(name: str) -> bool:
    return name in _TEXT  # a class may have such a name, but not without its p_ or s_


def _csv(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _line(row: Row) -> str:
    return json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"


def _pyarrow() -> Any:
    try:
        import pyarrow.json
        import pyarrow.parquet
    except ImportError:
        raise MissingExtra("table", "a Parquet table") from None
    return pyarrow


def _schema(columns: Sequence[str]) -> Any:
    arrow = _pyarrow()

    def kind(name: str) -> Any:
        if name in _WHOLE:
            return arrow.int64()
        if name == "uncertain":
            return arrow.bool_()
        return arrow.string() if _is_text(name) else arrow.float64()

    return arrow.schema([(name, kind(name)) for name in columns])


def _fold(lines: Path, table: Path, columns: Sequence[str]) -> None:
    """Turn JSON lines into a Parquet file, a block at a time."""
    arrow, schema = _pyarrow(), _schema(columns)
    with replacing(table) as part, arrow.parquet.ParquetWriter(part, schema) as writer:
        if lines.stat().st_size:
            options = arrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
            blocks = arrow.json.ReadOptions(block_size=1 << 24)
            with arrow.json.open_json(lines, blocks, options) as batches:
                for batch in batches:
                    writer.write_batch(batch)


def _unfold(table: Path, lines: Path, mark: Path, columns: Sequence[str]) -> None:
    """Turn a finished Parquet file back into JSON lines, to go on with it."""
    arrow = _pyarrow()
    try:
        with (
            arrow.parquet.ParquetFile(table) as source,
            replacing(lines) as part,
            part.open("w", encoding="utf-8") as file,
        ):
            if source.schema_arrow.names not in (list(columns), _older(columns)):
                raise _unlike(table)
            for batch in source.iter_batches():
                file.writelines(map(_line, batch.to_pylist()))
    except arrow.ArrowException as error:
        raise InputError(f"{table}: damaged ({str(error).splitlines()[0]}); choose another file") from None
    mark.unlink(missing_ok=True)
