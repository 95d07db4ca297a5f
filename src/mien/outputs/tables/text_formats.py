"""CSV and JSON lines."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mien.outputs.tables.format import Row, cell_type, expect_columns


class _Csv:
    """A header, then a line per row."""

    name = "csv"

    def head(self, columns: Sequence[str]) -> str:
        return csv_text([columns])

    def encode(self, rows: Sequence[Row], columns: Sequence[str]) -> str:
        return csv_text([row.get(name) for name in columns] for row in rows)

    def decode(self, lines: Iterator[str], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        try:
            rows = csv.reader(lines)
            expect_columns(next(rows, columns), columns)
            for row in rows:
                yield {name: _value(name, cell) for name, cell in zip(columns, row, strict=True)}
        except csv.Error as error:
            raise ValueError(str(error)) from None


def csv_text(rows: Iterable[Sequence[Any]]) -> str:
    """Return rows of cells as CSV; None is an empty cell."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _value(column: str, cell: str) -> Any:
    kind = cell_type(column)
    return None if not cell else cell == "True" if kind is bool else kind(cell)


class JsonLines:
    """An object per row. Binary formats wait as JSON lines and inherit from it."""

    name = "jsonl"

    def head(self, columns: Sequence[str]) -> str:
        return ""

    def encode(self, rows: Sequence[Row], columns: Sequence[str]) -> str:
        cells = ({name: row.get(name) for name in columns} for row in rows)
        return "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in cells)

    def decode(self, lines: Iterator[str], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        for line in lines:
            try:
                row = json.loads(line)
            except RecursionError:
                raise ValueError("nested too deeply") from None
            expect_columns(row if isinstance(row, dict) else (), columns)
            yield row


CSV, JSONL = _Csv(), JsonLines()
