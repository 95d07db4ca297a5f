"""The tables of a study as files: Parquet, CSV in the form that study.toml asks for, SPSS."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mien.core.csv_files import as_cell
from mien.core.errors import needs_extra
from mien.core.files import replacing
from mien.study.project import StudyOutput

if TYPE_CHECKING:
    import pyarrow

LABEL = 120  # bytes of an SPSS variable's label that every version shows
NAME = 64  # bytes of an SPSS variable's name


def write_csv(path: Path, pieces: Iterable["pyarrow.Table"], form: StudyOutput) -> int:
    """Write a table that comes in pieces as CSV, whole or not at all; return the number of rows.

    Texts that a spreadsheet would run begin with ' (`mien.core.csv_files.as_cell`), switches are True and False, empty
    cells are missing values.
    """
    import pyarrow
    import pyarrow.csv

    rows, writer = 0, None
    options = pyarrow.csv.WriteOptions(delimiter=form.separator)
    with replacing(path) as part, pyarrow.OSFile(str(part), "wb") as file:
        try:
            for piece in pieces:
                table = _texts(piece, form.decimal)
                writer = writer or pyarrow.csv.CSVWriter(file, table.schema, write_options=options)
                writer.write_table(table)
                rows += len(piece)
        finally:
            if writer:
                writer.close()
    return rows


def _texts(table: "pyarrow.Table", decimal: str) -> "pyarrow.Table":
    """Return a table as CSV shows it."""
    import pyarrow
    import pyarrow.compute as pc

    cells = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if pyarrow.types.is_boolean(column.type):
            column = pc.if_else(column, "True", "False")
        elif pyarrow.types.is_floating(column.type) and decimal != ".":
            column = pc.replace_substring(column.cast(pyarrow.string()), ".", decimal)
        elif pyarrow.types.is_string(column.type):
            unlike = {text: as_cell(text) for text in pc.unique(column).to_pylist() if text is not None}
            if changed := {text: cell for text, cell in unlike.items() if text != cell}:
                column = pyarrow.array([changed.get(text, text) for text in column.to_pylist()], pyarrow.string())
        cells[name] = column
    return pyarrow.table(cells)


def write_sav(path: Path, table: "pyarrow.Table", *, title: str) -> None:
    """Write a table as an SPSS file, whole or not at all.

    Names of variables are made of the columns' (`spss_names`); their labels are the columns' own. Switches are 0 and 1.

    Raises:
        MissingExtra: pyreadstat is not installed.
    """
    with needs_extra("study", "an SPSS file"):
        import pandas
        import pyreadstat
    frame = table.to_pandas(ignore_metadata=True)  # SPSS has floats only
    for name in table.column_names:
        if str(table.schema.field(name).type) == "bool":
            frame[name] = frame[name].astype("float64")
        elif str(table.schema.field(name).type) == "string":
            frame[name] = frame[name].astype(object).where(frame[name].notna(), "")
    labels = [name[:LABEL] for name in table.column_names]
    frame = pandas.DataFrame(frame).set_axis(spss_names(table.column_names), axis=1)
    with replacing(path) as part:
        pyreadstat.write_sav(frame, str(part), file_label=title[:60], column_labels=labels)


RESERVED = {"all", "and", "by", "eq", "ge", "gt", "le", "lt", "ne", "not", "or", "to", "with"}


def spss_names(names: Sequence[str]) -> list[str]:
    """Return the names of SPSS variables for columns: a letter first, then letters, digits, _ and ., no two alike.

    Example:
        >>> spss_names(["p_happy", "p happy!", "1st", "with"])
        ['p_happy', 'p_happy_2', 'v_1st', 'with_']
    """
    found: list[str] = []
    for name in names:
        bare = re.sub(r"[^\w.]+", "_", name).strip("_.") or "v"
        bare = bare if bare[0].isalpha() else f"v_{bare}"
        bare = bare.encode()[: NAME - 4].decode(errors="ignore")
        bare = f"{bare}_" if bare.lower() in RESERVED else bare
        number, unique = 1, bare
        while unique.lower() in map(str.lower, found):
            number += 1
            unique = f"{bare}_{number}"
        found.append(unique)
    return found


def write_table(out: Path, name: str, table: "pyarrow.Table", form: StudyOutput) -> None:
    """Write a table of a study into its folder out/: NAME.csv, and NAME.sav where study.toml asks for it."""
    write_csv(out / f"{name}.csv", [table], form)
    if form.sav:
        write_sav(out / f"{name}.sav", table, title=f"mien: {name}")
    else:
        (out / f"{name}.sav").unlink(missing_ok=True)
