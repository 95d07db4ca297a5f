"""Tables on disk with a row per face: CSV, JSON lines, Parquet, and the formats that other packages add."""

from mien.outputs.tables.format import table_formats
from mien.outputs.tables.writer import TableWriter, check_table

__all__ = ["TableWriter", "check_table", "table_formats"]
