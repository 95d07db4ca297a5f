"""The first line of a CSV file, by which readers recognise it."""

import csv
from pathlib import Path

MARK = b"\xef\xbb\xbf"


def header(path: Path) -> list[str]:
    """Return the column names in a CSV file's first line, lower case; [] where it has no text."""
    with path.open("rb") as file:
        line = file.readline(4096).removeprefix(MARK).decode("utf-8", "replace")
    return [name.strip().lower() for name in next(csv.reader([line.strip()]), [])] if "\0" not in line else []
