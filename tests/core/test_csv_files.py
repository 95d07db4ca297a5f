"""One table, written in the forms of spreadsheets and old tools, is one table."""

import csv
import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mien.core import csv_files
from mien.core.errors import InputError

HEAD = ["id", "note"]
ROWS = [["1", "a, b"], ["2", "Zoë"], ["3", ""]]
TEXT = 'id,note\n1,"a, b"\n2,Zoë\n3,\n'
SEMICOLONS = "id;note\n1;a, b\n2;Zoë\n3;\n"


def zipped(text: str, *names: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for name in names or ("table.csv",):
                archive.writestr(name, text)

    return write


FORMS: dict[str, bytes] = {
    "plain": TEXT.encode(),
    "UTF-8 mark": TEXT.encode("utf-8-sig"),
    "UTF-16 with a mark": TEXT.encode("utf-16"),
    "UTF-16 LE": TEXT.encode("utf-16-le"),
    "UTF-16 BE": TEXT.encode("utf-16-be"),
    "UTF-16 BE with a mark": ("\ufeff" + TEXT).encode("utf-16-be"),
    "UTF-32": TEXT.encode("utf-32"),
    "CR": TEXT.replace("\n", "\r").encode(),
    "CRLF": TEXT.replace("\n", "\r\n").encode(),
    "semicolons": SEMICOLONS.encode(),
    "tabs": SEMICOLONS.replace(";", "\t").encode(),
    "bars": SEMICOLONS.replace(";", "|").encode(),
    "tabs in UTF-16, as Excel's Unicode text": SEMICOLONS.replace(";", "\t").replace("\n", "\r\n").encode("utf-16"),
    "sep=": ("sep=;\n" + SEMICOLONS).encode(),
    "quoted sep= after a mark": ('"sep=;"\r\n' + SEMICOLONS).encode("utf-8-sig"),
    "empty columns at the end": SEMICOLONS.replace("\n", ";" * 3000 + "\n").encode(),
    "Excel's semicolons after commas": TEXT.replace("\n", ";;;\n").encode(),
    "each row one cell": b'"id,note"\n"1,""a, b"""\n"2,Zo\xc3\xab"\n"3,"\n',
    "each row one cell, and semicolons": b'"id,note";;;\n"1,""a, b""";;;\n"2,Zo\xc3\xab";;;\n"3,";;;\n',
    "blank lines": TEXT.replace("\n", "\n\n  \n").encode() + b"\n,\n\n",
    "the first row again": (TEXT + TEXT[:8]).encode(),
    "the first row again after a mark": (TEXT + "\ufeff" + TEXT[:8]).encode(),
    "all quoted, spaces after commas": b'"id", "note"\n"1", "a, b"\n"2", "Zo\xc3\xab"\n"3", ""\n',
    "gzip": gzip.compress(TEXT.encode()),
    "gzip of UTF-16": gzip.compress(TEXT.encode("utf-16")),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms(tmp_path: Path, form: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(FORMS[form])
    file = csv_files.sniff(path)
    assert file.names == HEAD
    assert [[cell.strip() for cell in cells] for _, cells in file.rows()] == ROWS


@pytest.mark.parametrize("head", ["id", "id,note\n"])
def test_a_file_with_nothing_but_its_first_row(tmp_path: Path, head: str) -> None:
    (tmp_path / "table.csv").write_text(head)
    file = csv_files.sniff(tmp_path / "table.csv")
    assert file.names == head.strip().split(",")
    assert not list(file.rows())
    assert [cells for _, cells in file.rows(header=False)] == [file.names]


def test_only_bytes_that_can_be_cut_at_newlines_are_plain(tmp_path: Path) -> None:
    plain = {"plain", "UTF-8 mark", "CRLF", "semicolons", "tabs", "bars", "empty columns at the end"}
    plain |= {"the first row again", "the first row again after a mark", "all quoted, spaces after commas"}
    plain |= {"blank lines", "sep=", "quoted sep= after a mark"}
    for form, content in FORMS.items():
        (tmp_path / "table.csv").write_bytes(content)
        file = csv_files.sniff(tmp_path / "table.csv")
        assert (file.raw and file.flat) == (form in plain), form


def test_a_cell_may_hold_newlines(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text('id,note\n1,"a\nb,\n""c"""\n2,d\n')
    file = csv_files.sniff(tmp_path / "table.csv")
    assert list(file.rows()) == [(2, ["1", 'a\nb,\n"c"']), (5, ["2", "d"])]
    assert file.raw
    assert not file.flat


@pytest.mark.parametrize("stray", ['3,"open', '3,"open\n4,"again'])
def test_a_stray_quote_costs_its_own_line_only(tmp_path: Path, stray: str) -> None:
    (tmp_path / "table.csv").write_text(f"id,note\n1,a\n{stray}\n5,b\n6,c\n")
    faults: list[int] = []
    rows = [cells for _, cells in csv_files.sniff(tmp_path / "table.csv").rows(lambda line, _: faults.append(line))]
    assert rows == [["1", "a"], ["5", "b"], ["6", "c"]]
    assert faults == [3, 4][: stray.count("\n") + 1]


def test_a_row_of_another_length_or_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_bytes(b"id,note\n1\n2,Zo\xeb\n3,a,b\n4,c\n")
    file, faults = csv_files.sniff(tmp_path / "table.csv"), []
    rows = list(file.rows(lambda line, what: faults.append((line, what)), utf8=True))
    assert rows == [(5, ["4", "c"])]
    assert faults == [
        (2, "1 field, expected 2"),
        (3, r"Zo\udceb: not UTF-8 text; save it as a CSV file in UTF-8"),
        (4, "3 fields, expected 2"),
    ]
    with pytest.raises(InputError, match=r"table\.csv:2: 1 field, expected 2"):
        list(file.rows())


REFUSED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a workbook": (zipped("", "[Content_Types].xml", "xl/workbook.xml"), "a workbook; save it as CSV"),
    "an old workbook": (lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" * 99), "an Excel workbook"),
    "a web page": (lambda path: path.write_text("\n<!DOCTYPE html><html>"), "a web page"),
    "numbers": (lambda path: path.write_bytes(bytes(range(256)) * 9), "not text"),
    "two files in a zip": (zipped(TEXT, "a.csv", "b.csv"), "2 CSV files, expected one"),
    "a zip cut in half": (lambda path: path.write_bytes(b"PK\3\4" + b"x" * 99), "cut or damaged"),
    "a gzip cut in half": (lambda path: path.write_bytes(gzip.compress(TEXT.encode())[:20]), "cut or damaged"),
    "an endless line": (lambda path: path.write_bytes(b"id,note\n" + b"x" * 3_000_000), "a line of more than"),
    "a folder": (lambda path: path.mkdir(), "cannot be read"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_csv_file_is_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "table.csv"
    write, message = REFUSED[kind]
    write(path)
    with pytest.raises(InputError, match=message) as caught:
        list(csv_files.sniff(path).rows())
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_zip_with_one_file_is_read(tmp_path: Path) -> None:
    zipped(TEXT)(path := tmp_path / "table.csv.zip")
    assert [cells for _, cells in csv_files.sniff(path).rows()] == ROWS
    assert csv_files.is_csv(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [("3", 3), (" 3 ", 3), ("3.0", 3), ("3,0", 3), ("+3", 3), ("-2", -2), ("3e0", 3), ("1_0", None), ("", None)]
    + [(text, None) for text in ("nan", "inf", "0x3", "٣", "3.5", "1e99", "9" * 400, "3 4")],
)
def test_whole_numbers(text: str, value: int | None) -> None:
    assert csv_files.integer(text) == value


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "=cmd|' /C calc'!A0", "＝1", "'=1", "''-1", "@eaDir"]


@pytest.mark.parametrize("text", [*FORMULAS, "", "a", "'", "'a", "a=1", "1-2", " =1", 'a"b', "a,b", "a\rb", "a\r\nb"])
def test_texts_that_spreadsheets_run_are_written_as_text_and_come_back(tmp_path: Path, text: str) -> None:
    cell = csv_files.as_cell(text)
    assert cell == (f"'{text}" if text in FORMULAS else text)
    assert csv_files.from_cell(cell) == text
    written = csv_files.csv_text([["id", "n"], [text, -1.5], [None, True]])
    (tmp_path / "a.csv").write_bytes(written.encode())
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["id", "n"], [cell, "-1.5"], ["", "True"]]


def test_a_table_for_others_has_its_texts_as_they_are() -> None:
    assert csv_files.csv_text([["=id"], ["-1"]], formulas=True) == "=id\n-1\n"
