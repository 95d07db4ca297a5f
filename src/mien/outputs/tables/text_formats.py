"""CSV and JSON lines."""

import csv
import json
from collections.abc import Iterator, Sequence
from typing import Any

from mien.core.csv_files import csv_text, from_cell
from mien.outputs.tables.format import Row, cell_type, expect_columns


class _Csv:
    """A header, then a line per row; texts as `mien.core.csv_files.as_cell` writes them."""

    name = "csv"

    def head(self, columns: Sequence[str]) -> str:
        return csv_text([columns])

    def encode(self, rows: Sequence[Row], columns: Sequence[str]) -> str:
        return csv_text([row.get(name) for name in columns] for row in rows)

    def decode(self, lines: Iterator[str], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        try:
            rows = csv.reader(lines)
            expect_columns(map(from_cell, next(rows, columns)), columns)
            for row in rows:
                yield {name: _value(name, cell) for name, cell in zip(columns, row, strict=True)}
        except csv.Error as error:
            raise ValueError(str(error)) from None


def _value(column: str, cell: str) -> Any:
    kind = cell_type(column)
    return None if not cell else cell == "True" if kind is bool else from_cell(cell) if kind is str else kind(cell)


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
