"""Tables that can be continued after Ctrl-C and kill -9.

Rows are appended as text, all those of a photo or frame at once. While the job runs, a small hidden file notes how
many bytes are whole, so that a resumed job neither repeats nor loses a row.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, BinaryIO

from mien.core.errors import InputError
from mien.core.files import lock, open_known, writing
from mien.outputs.tables.format import BinaryFormat, Row, TableFormat, table_formats
from mien.outputs.tables.settings import Settings, check_settings, note_settings


class TableWriter(AbstractContextManager["TableWriter"]):
    """A table that grows. Use it in a `with` statement; after an error, too, it leaves a table with all whole rows.

    The suffix of `path` names the format (`table_formats`). With `resume` a table that exists is continued; without it,
    an existing table is an error and stays as it is. `settings` are noted with the table; one that is continued must
    have the same.

    Raises:
        InputError: an unknown suffix, a table exists, its columns or settings are others, or it cannot be written.
        MissingExtra: the format needs a package that is not installed.
    """

    def __init__(
        self, path: Path, columns: Sequence[str], *, resume: bool = False, settings: Settings | None = None
    ) -> None:
        self.path, self.columns = path, list(columns)
        self._format = check_table(path, resume=resume, settings=settings)
        self._text = _growing(path, self._format)
        self._mark = path.with_name(f".{path.name}.written")
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._marker = open_known(self._mark)
            if not lock(self._marker) or not self._mark.exists():  # or it has ended in this moment
                self._marker.close()
                raise InputError(f"{path}: another mien writes it; wait for its end, or choose another file")
            noted = self._marker.read()
            try:
                self._file = self._open(noted)
            except BaseException:
                if not noted:
                    self._mark.unlink()
                self._marker.close()
                raise
        if settings is not None:
            note_settings(path, settings, rows=next(self.rows(), None) is not None)
        self._append("" if self._whole else self._format.head(self.columns))

    def _open(self, noted: bytes) -> BinaryIO:
        """Return the text, open after its last whole row; `noted` is what the mark says."""
        waits = isinstance(self._format, BinaryFormat)
        if isinstance(self._format, BinaryFormat) and self.path.exists() and not self._text.exists():
            with self._damage():
                self._format.reopen(self.path, self._text, self.columns)
            noted = b""
        file: BinaryIO = open_known(self._text) if waits else self._text.open("r+b" if self._text.exists() else "xb")
        try:
            self._whole = self._count_whole(noted)
            next(self.rows(), None)  # before anything is changed: the file may be someone else's
            file.truncate(self._whole)
            file.seek(self._whole)
        except BaseException:
            file.close()
            raise
        return file

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, rows: Sequence[Row]) -> None:
        """Append the rows of one photo or frame, all of them or none. InputError where the disk is full."""
        self._append(self._format.encode(rows, self.columns))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield the rows that the table has so far; every column is a key, empty cells are None.

        Raises InputError where the table is damaged or has other columns.
        """
        with self._damage():
            yield from self._format.decode(self._lines(), self.columns)

    def close(self) -> None:
        """End the table."""
        if self._file.closed:
            return
        with contextlib.suppress(OSError):  # no room for the rows of the last call, which are cut off next
            self._file.close()
        os.truncate(self._text, self._whole)
        if isinstance(self._format, BinaryFormat):
            self._format.finish(self._text, self.path, self.columns)
            self._text.unlink()
        self._mark.unlink()
        self._marker.close()

    def _append(self, text: str) -> None:
        """Append text, and note how many bytes are whole: so few bytes that they are written at once or not at all."""
        data = text.encode()
        with writing(self.path):
            self._file.write(data)
            self._file.flush()
            self._whole += len(data)
            self._marker.seek(0)
            self._marker.write(b"%20d" % self._whole)
            self._marker.flush()

    def _count_whole(self, noted: bytes) -> int:
        """Return how many bytes of the text are whole: as noted in digits, or else up to the last line end."""
        size, noted = self._text.stat().st_size, noted.strip()
        if noted.isdigit() and int(noted) <= size:
            return int(noted)
        with self._text.open("rb") as file:
            whole = sum(len(line) for line in file if line.endswith(b"\n"))
        if size and not whole:
            raise InputError(f"{self.path}: no table of mien; choose another file")
        return whole

    def _lines(self) -> Iterator[str]:
        """Yield the whole lines."""
        if left := self._whole:
            with self._text.open("rb") as file:
                for line in file:
                    if (left := left - len(line)) < 0:
                        return
                    yield line.decode()

    @contextlib.contextmanager
    def _damage(self) -> Iterator[None]:
        """Turn the errors of a format into one line."""
        try:
            yield
        except InputError as error:
            raise InputError(f"{self.path}: {error}; choose another file") from None
        except ValueError as error:
            raise InputError(f"{self.path}: damaged ({error}); choose another file") from None


def check_table(path: Path, *, resume: bool, settings: Settings | None = None) -> TableFormat:
    """Return the format of a table, and raise what `TableWriter` would raise before it writes."""
    formats = table_formats()
    if (chosen := formats.get(path.suffix.lower().removeprefix("."))) is None:
        raise InputError(f"{path}: a table ends with {', '.join(f'.{name}' for name in formats)}")
    if isinstance(chosen, BinaryFormat):
        chosen.check()
    existing = next((file for file in (_growing(path, chosen), path) if os.path.lexists(file)), None)
    if existing and not resume:
        raise InputError(f"{existing}: exists already; continue it with --resume, or choose another file")
    if existing and settings is not None and _has_rows(existing, chosen):
        check_settings(path, settings)
    return chosen


def _has_rows(path: Path, chosen: TableFormat) -> bool:
    """Return whether a table holds more than its head."""
    with writing(path), path.open("rb") as file:
        return bool(file.readline() and (not chosen.head(["file"]) or file.readline()))


def _growing(path: Path, chosen: TableFormat) -> Path:
    """Return the file to which rows are appended as text."""
    return path.with_name(f".{path.name}.part.jsonl") if isinstance(chosen, BinaryFormat) else path
