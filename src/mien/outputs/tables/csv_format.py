"""CSV: a header, then a line per row."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mien.outputs.tables.format import Row, cell_type, expect_columns


class _Csv:
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


CSV = _Csv()
