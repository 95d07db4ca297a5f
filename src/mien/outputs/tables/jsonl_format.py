"""JSON lines: an object per row."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from mien.outputs.tables.format import Row, expect_columns


class JsonLines:
    """Also what binary formats wait as; they inherit from it."""

    name = "jsonl"

    def head(self, columns: Sequence[str]) -> str:
        return ""

    def encode(self, rows: Sequence[Row], columns: Sequence[str]) -> str:
        cells = ({name: row.get(name) for name in columns} for row in rows)
        return "".join(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n" for row in cells)

    def decode(self, lines: Iterator[str], columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        for line in lines:
            row = json.loads(line)
            expect_columns(row if isinstance(row, dict) else (), columns)
            yield row


JSONL = JsonLines()
