"""Parquet: its index is at the end, so that rows wait as JSON lines until the job ends."""

from collections.abc import Sequence
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
        with replacing(table) as part, arrow.parquet.ParquetWriter(part, schema) as writer:
            if lines.stat().st_size:
                options = arrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
                blocks = arrow.json.ReadOptions(block_size=1 << 24)
                with arrow.json.open_json(lines, blocks, options) as batches:
                    for batch in batches:
                        writer.write_batch(batch)

    def reopen(self, table: Path, lines: Path, columns: Sequence[str]) -> None:
        arrow = _pyarrow()
        try:
            with (
                arrow.parquet.ParquetFile(table) as source,
                replacing(lines) as part,
                part.open("w", encoding="utf-8") as file,
            ):
                expect_columns(source.schema_arrow.names, columns)
                for batch in source.iter_batches():
                    file.write(self.encode(batch.to_pylist(), columns))
        except arrow.ArrowException as error:
            raise ValueError(str(error).splitlines()[0]) from None


def arrow_schema(columns: Sequence[str]) -> "pyarrow.Schema":
    """Return the columns of a table of faces with their Arrow types. MissingExtra where pyarrow is not installed."""
    arrow = _pyarrow()
    types = {str: arrow.string(), int: arrow.int64(), bool: arrow.bool_(), float: arrow.float64()}
    return arrow.schema([(name, types[cell_type(name)]) for name in columns])


def _pyarrow() -> Any:
    with needs_extra("table", "an Arrow or Parquet table"):
        import pyarrow.json
        import pyarrow.parquet
    return pyarrow


PARQUET = _Parquet()
