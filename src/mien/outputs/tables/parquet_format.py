"""Parquet: its index is at the end, so that rows wait as JSON lines until the job ends."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.core.errors import needs_extra
from mien.core.files import replacing
from mien.outputs.tables.format import cell_type, expect_columns
from mien.outputs.tables.text_formats import JsonLines

if TYPE_CHECKING:
    import pyarrow


class _Parquet(JsonLines):
    name = "parquet"

    def check(self) -> None:
        _pyarrow()

    def finish(self, lines: Path, table: Path, columns: Sequence[str]) -> None:
        arrow = _pyarrow()
        schema = arrow_schema(columns)
        # 1.0 is a whole number too: some columns of older tables were floats
        numbers = [(one.name, arrow.float64() if one.type == arrow.int64() else one.type) for one in schema]
        with replacing(table) as part, arrow.parquet.ParquetWriter(part, schema) as writer:
            if lines.stat().st_size:
                parsed = arrow.schema(numbers)
                options = arrow.json.ParseOptions(explicit_schema=parsed, unexpected_field_behavior="error")
                blocks = arrow.json.ReadOptions(block_size=1 << 24)
                with arrow.json.open_json(lines, blocks, options) as batches:
                    for batch in batches:
                        writer.write_batch(batch.cast(schema))

    def reopen(self, table: Path, lines: Path, columns: Sequence[str]) -> None:
        arrow = _pyarrow()
        try:
            with (
                arrow.parquet.ParquetFile(table) as source,
                replacing(lines) as part,
                part.open("w", encoding="utf-8") as file,
            ):
                expect_columns(source.schema_arrow.names, columns)
                schema = arrow_schema(columns)
                for batch in source.iter_batches():
                    file.write(self.encode(batch.cast(schema).to_pylist(), columns))
        except arrow.ArrowException as error:
            raise ValueError(str(error).splitlines()[0]) from None


def arrow_schema(columns: Sequence[str], other: Mapping[str, type] = {}) -> "pyarrow.Schema":
    """Return the columns of a table of faces with their Arrow types. MissingExtra where pyarrow is not installed.

    Args:
        columns: their names.
        other: what columns hold that hold something else than `cell_type` says, or are no columns of faces.
    """
    arrow = _pyarrow()
    types = {str: arrow.string(), int: arrow.int64(), bool: arrow.bool_(), float: arrow.float64()}
    cells = {name: other.get(name) or cell_type(name) for name in columns}
    # without it pandas makes floats and objects of columns with empty cells
    nullable = [
        {"name": name, "field_name": name, "pandas_type": dtype, "numpy_type": dtype, "metadata": None}
        for name, cell in cells.items()
        if (dtype := {int: "Int64", bool: "boolean"}.get(cell))
    ]
    facts = {"columns": nullable, "index_columns": [], "column_indexes": []}
    return arrow.schema([(name, types[cell]) for name, cell in cells.items()], {"pandas": json.dumps(facts)})


def _pyarrow() -> Any:
    with needs_extra("table", "an Arrow or Parquet table"):
        import pyarrow.json
        import pyarrow.parquet
    return pyarrow


PARQUET = _Parquet()
