"""What a table format is, and which there are.

Another package adds one with `[project.entry-points."mien.tables"]` and `NAME = "its.module:OBJECT"`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from mien.core import plugins
from mien.core.errors import InputError

Row = Mapping[str, Any]
"""Column -> value; a missing column or None is an empty cell."""

_BUILTIN = tuple(
    f"mien.outputs.tables.{at}" for at in ("text_formats:CSV", "text_formats:JSONL", "parquet_format:PARQUET")
)
_TYPES: dict[str, type] = {
    **dict.fromkeys(("file", "expression", "quality", "prediction_set", "detector", "error"), str),
    **dict.fromkeys(("face", "frame", "track", "person", "x", "y", "w", "h"), int),
    "uncertain": bool,
}


@runtime_checkable
class TableFormat(Protocol):
    """Rows as lines of text. `TableWriter` appends them to the file and keeps it whole."""

    @property
    def name(self) -> str:
        """The suffix of its files, without the dot."""

    def head(self, columns: Sequence[str]) -> str:
        """Return what a file begins with, before the first row."""

    def encode(self, rows: Sequence[Row], columns: Sequence[str]) -> str:
        """Return rows as whole lines."""

    def decode(self, lines: Iterator[str], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Yield the rows of a file, head included; every column is a key, an empty cell is None.

        Raises ValueError where the lines are damaged, InputError where the file has other columns.
        """


@runtime_checkable
class BinaryFormat(TableFormat, Protocol):
    """A file that cannot grow: its rows wait as lines in a hidden file and become the table when the job ends."""

    def check(self) -> None:
        """Raise MissingExtra where a package that it needs is not installed."""

    def finish(self, lines: Path, table: Path, columns: Sequence[str]) -> None:
        """Turn the lines into the table."""

    def reopen(self, table: Path, lines: Path, columns: Sequence[str]) -> None:
        """Turn a finished table back into lines; errors as `decode`."""


def table_formats() -> dict[str, TableFormat]:
    """Return name -> format: ours, then those of other packages."""
    return plugins.load("mien.tables", _BUILTIN, TableFormat)


def cell_type(column: str) -> type:
    """Return what the cells of a column hold: str, int, bool or float."""
    return _TYPES.get(column, float)  # a class may have such a name, but not without its p_ or s_


def expect_columns(found: Iterable[str], columns: Sequence[str]) -> None:
    """Raise InputError where a file has other columns."""
    if list(found) != list(columns):
        raise InputError("has other columns than this job")
