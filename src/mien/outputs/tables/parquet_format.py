"""Parquet: its index is at the end, so that rows wait as JSON lines until the job ends."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mien.core.errors import needs_extra
from mien.core.files import replacing
from mien.outputs.tables.format import cell_type, expect_columns
from mien.outputs.tables.text_formats import JsonLines


class _Parquet(JsonLines):
    name = "parquet"

    def check(self) -> None:
        _pyarrow()

    def finish(self, lines: Path, table: Path, columns: Sequence[str]) -> None:
        arrow = _pyarrow()
        types = {str: arrow.string(), int: arrow.int64(), bool: arrow.bool_(), float: arrow.float64()}
        schema = arrow.schema([(name, types[cell_type(name)]) for name in columns])
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


def _pyarrow() -> Any:
    with needs_extra("table", "a Parquet table"):
        import pyarrow.json
        import pyarrow.parquet
    return pyarrow


PARQUET = _Parquet()
