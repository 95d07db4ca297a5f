"""CSV files as spreadsheets and old tools write them: their separators, encodings, line ends and compression.

`sniff` looks at the beginning of a file, `CsvFile.rows` reads it. Nothing is guessed that could change a value: bytes
that are not UTF-8 stay visible as lone surrogates, for a reader to match with a file name or to refuse.
"""

import codecs
import csv
import gzip
import io
import re
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TextIO, cast

from mien.core.console import quantity
from mien.core.errors import InputError
from mien.core.paths import printable

LONGEST = 1 << 20  # characters in a line, and in a row of several lines
SAMPLE = 1 << 16  # bytes that `sniff` looks at
SUFFIXES = (".csv", ".tsv", ".csv.gz", ".csv.zip")
DELIMITERS = "\t;,|"  # the first that the first line holds: names of columns hold commas, but hardly tabs
MARKS = {  # the longer ones first
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
UNCLOSED = "unexpected end of data: a quote is opened and not closed"

Report = Callable[[int, str], None]  # takes a line number and what is wrong there


@dataclass(frozen=True)
class CsvFile:
    """A file as `sniff` found it.

    Args:
        path: the file.
        encoding: a codec's name.
        delimiter: between cells.
        line: the number of the line with `header`, from 1.
        header: the cells of the first row, stripped, without empty ones at its end.
        raw: whether the bytes can be cut into lines at each newline.
        flat: whether each line is a row, as far as `sniff` has looked.
        wrapped: whether each row is one quoted cell.
        padded: whether Excel has added semicolons to rows with another separator.
        comments: whether lines that begin with # are left out.
    """

    path: Path
    encoding: str
    delimiter: str
    line: int
    header: tuple[str, ...]
    raw: bool
    flat: bool
    wrapped: bool
    padded: bool
    comments: bool

    @property
    def names(self) -> list[str]:
        """`header` in lower case."""
        return [name.lower() for name in self.header]

    def cells(self, row: str) -> list[str]:
        """Return the cells of a row, at least as many as it has before the empty ones at its end."""
        if self.padded or (self.delimiter != ";" and row.endswith(";;")):
            row = row.rstrip(";")
        found = _split(row, self.delimiter)
        if self.wrapped and found:
            found = _split(found[0], self.delimiter)
        while len(found) > len(self.header) and not found[-1].strip():
            found.pop()
        return found

    def repeats_header(self, cells: list[str]) -> bool:
        """Return whether a row is the first one again, as in files that were joined."""
        return [cell.strip() for cell in cells] == list(self.header)

    @contextmanager
    def text(self) -> Iterator[TextIO]:
        """Open the file as text with \\n at the ends of lines. InputError where it is cut or damaged."""
        errors = "surrogateescape" if self.encoding.startswith("utf-8") else "replace"
        with _binary(self.path) as file, io.TextIOWrapper(file, self.encoding, errors, newline=None) as text:
            yield text

    def rows(
        self, report: Report | None = None, *, header: bool = True, ragged: bool = False, utf8: bool = False
    ) -> Iterator[tuple[int, list[str]]]:
        """Yield (line number, cells) of each row that is not blank.

        Args:
            report: what to do with a row that cannot be read; None raises InputError.
            header: leave out the first row, and where it comes again.
            ragged: yield rows with fewer or more cells than the first row too.
            utf8: a row with bytes that are not UTF-8 cannot be read either.

        Raises:
            InputError: the file is cut or damaged, or no text.
        """
        report = report or self._refuse
        for line, _, cells, closed in self.records(header=header):
            if not closed:
                report(line, UNCLOSED)
            elif len(cells) != len(self.header) and not ragged:
                report(line, f"{quantity(len(cells), 'field')}, expected {len(self.header)}")
            elif utf8 and (escaped := [cell for cell in cells if re.search("[\udc80-\udcff]", cell)]):
                report(line, f"{printable(escaped[0][:40])}: not UTF-8 text; save it as a CSV file in UTF-8")
            else:
                yield line, cells

    def records(self, *, header: bool = True) -> Iterator[tuple[int, str, list[str], bool]]:
        """Yield (line number, text, cells, whether its quotes are closed) of each row that is not blank.

        Arguments and errors are those of `rows`.
        """
        with self.text() as text:
            for line, record, closed in _records(_lines(self.path, text), self.delimiter, self.comments):
                if line < self.line:
                    continue
                cells = self.cells(record)
                if any(map(str.strip, cells)) and not (header and self.repeats_header(cells)):
                    yield line, record, cells, closed

    def _refuse(self, line: int, what: str) -> None:
        raise InputError(f"{self.path}:{line}: {what}")


_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")


def as_cell(text: str) -> str:
    """Return a text as a spreadsheet shows it: one that it would run as a formula begins with ' (OWASP).

    `from_cell` takes that away again, and leaves every other text.

    Example:
        >>> as_cell("=1+1.jpg"), from_cell("'=1+1.jpg"), as_cell("a.jpg")
        ("'=1+1.jpg", '=1+1.jpg', 'a.jpg')
    """
    return f"'{text}" if _FORMULA.match(text) else text


def from_cell(text: str) -> str:
    """Return the text that `as_cell` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def csv_text(rows: Iterable[Iterable[object]], *, formulas: bool = False) -> str:
    """Return rows as CSV with \\n at the ends of lines; None is an empty cell. Texts are written by `as_cell`, unless
    `formulas` may be in them."""
    lines: list[str] = []

    class Lines:
        def write(self, line: str) -> None:
            lines.append(line.removesuffix("\r\n") + "\n")

    writer = csv.writer(Lines(), lineterminator="\r\n")  # so that cells with \r are quoted
    for row in rows:
        writer.writerow(as_cell(cell) if isinstance(cell, str) and not formulas else cell for cell in row)
    return "".join(lines)


def read_text(path: Path) -> str:
    """Return the whole text of a small file, in UTF-8, UTF-16 or UTF-32, with \\n at the ends of lines.

    Bytes that are not in its encoding become U+FFFD.

    Raises:
        InputError: it cannot be read, is cut or damaged, or no text.
    """
    with _binary(path) as file:
        data = file.read()
    text = data.decode(_encoding(path, data), "replace").removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def is_csv(path: Path) -> bool:
    """Return whether a file has a CSV file's name."""
    return path.name.lower().endswith(SUFFIXES)


def sniff(path: Path, *, comments: bool = False) -> CsvFile:
    """Return what a CSV file looks like; its `header` is empty where it has no text.

    Args:
        path: the file; gzip, and a zip archive with one CSV file in it, are read in place.
        comments: whether lines that begin with # are left out.

    Raises:
        InputError: no such file, or a workbook, a web page or something else that is no text.
    """
    csv.field_size_limit(LONGEST)
    with _binary(path) as file:
        sample = file.read(SAMPLE)
        if len(sample) == SAMPLE and not re.search(rb"[\r\n]", sample):
            sample += file.read(LONGEST - SAMPLE)
        whole = not file.read(1)
    with path.open("rb") as file:
        packed = file.read(4) != sample[:4]
    encoding = _encoding(path, sample)
    text = sample.decode(encoding, "surrogateescape" if encoding.startswith("utf-8") else "replace")
    text = text.removeprefix("\ufeff")
    if text.lstrip()[:15].lower().startswith(("<!doctype", "<html")):
        raise InputError(f"{path}: a web page in place of a CSV file; download it again, signed in")
    lines = re.split(r"\r\n|\r|\n", text)
    if not whole and len(lines) > 1:
        lines.pop()  # cut off by the sample
    delimiter, first = "", 0
    if named := re.fullmatch(r'"?sep=(.)"?[;,\t]*', lines[0].strip(" "), re.IGNORECASE):
        delimiter, first = named[1], 1
    while first < len(lines) and (not lines[first].strip(" ;,\t\0") or (comments and _comment(lines[first]))):
        first += 1
    line = lines[first] if first < len(lines) else ""
    delimiter, wrapped = (delimiter, False) if delimiter else _delimiter(line)
    record = next((record for _, record, closed in _records(lines[first:], delimiter, comments) if closed), "")
    padded = delimiter != ";" and record.endswith(";")
    raw = encoding.startswith("utf-8") and not packed and not re.search(r"\r(?!\n)", text.removesuffix("\r"))
    joined = any("\n" in record for _, record, _ in _records(lines[first:], delimiter, comments))
    flat = not (joined or wrapped or padded or comments)
    shape = CsvFile(path, encoding, delimiter, first + 1, (), raw, flat, wrapped, padded, comments)
    return replace(shape, header=tuple(cell.strip() for cell in shape.cells(record)))


def number(text: str) -> float | None:
    """Return a number as spreadsheets write it: `3`, ` 3.0`, `3,0`; None for anything else, NaN and infinity too."""
    bare = text.strip().replace(",", ".")
    return float(bare) if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,2})?", bare) else None


def integer(text: str) -> int | None:
    """Return as `number`, or None where it is no whole number."""
    found = number(text)
    return int(found) if found is not None and found.is_integer() and abs(found) < 1 << 53 else None


def seconds(text: str) -> float | None:
    """Return a time in seconds, `12.5`, `12,5`, `1:02.5` or `00:01:02,500`; None for anything else, and below 0.

    Example:
        >>> seconds("1:02,5"), seconds("later")
        (62.5, None)
    """
    *clock, last = text.strip().split(":")
    parts = [integer(part) for part in clock]
    found = number(last)
    if found is None or None in parts or len(clock) > 2 or "-" in text:
        return None
    total = found + sum(part * 60.0**power for power, part in enumerate(reversed(parts), start=1) if part)
    return total if total < 1e9 else None


@contextmanager
def _binary(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, unpacked where it is compressed. InputError where it is cut, damaged or cannot be read."""
    try:
        with path.open("rb") as file:
            magic = file.read(8)
            file.seek(0)
            if magic.startswith(b"\x1f\x8b"):
                with gzip.open(file) as unpacked:
                    yield cast(IO[bytes], unpacked)
            elif magic.startswith(b"PK\3\4"):
                with zipfile.ZipFile(file) as archive, archive.open(_member(path, archive)) as member:
                    yield member
            elif magic.startswith(b"\xd0\xcf\x11\xe0"):
                raise InputError(f"{path}: an Excel workbook; save it as CSV (UTF-8)")
            else:
                yield file
    except (EOFError, zlib.error, zipfile.BadZipFile, RuntimeError, gzip.BadGzipFile) as error:
        raise InputError(f"{path}: cut or damaged ({str(error) or type(error).__name__})") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None


def _member(path: Path, archive: zipfile.ZipFile) -> str:
    names = archive.namelist()
    if {"[Content_Types].xml", "mimetype"} & set(names):
        raise InputError(f"{path}: a workbook; save it as CSV (UTF-8)")
    found = [name for name in names if name.lower().endswith((".csv", ".tsv")) and not name.startswith("__MACOSX")]
    if len(found) != 1:
        raise InputError(f"{path}: a zip archive with {len(found)} CSV files, expected one; unpack it")
    return found[0]


def _encoding(path: Path, sample: bytes) -> str:
    for mark, encoding in MARKS.items():
        if sample.startswith(mark):
            return encoding
    even, odd = sample[0:200:2], sample[1:200:2]
    for zeros, others, encoding in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if len(zeros) > 1 and zeros.count(0) > len(zeros) * 0.8 and others.count(0) < len(others) * 0.2:
            return encoding
    if b"\0" in re.split(rb"[\r\n]", sample, maxsplit=1)[0]:
        raise InputError(f"{path}: not text")
    return "utf-8"


def _delimiter(line: str) -> tuple[str, bool]:
    """Return what separates the cells of a first line, and whether the whole row is in one quoted cell."""
    bare = re.sub(r'"(?:[^"]|"")*(?:"|$)', "", line)
    for text in (bare.rstrip(DELIMITERS + " "), bare):
        for delimiter in DELIMITERS:
            if delimiter in text:
                if text is bare and (inner := _wrapped(line)):
                    return inner, True
                return delimiter, False
    return (inner, True) if (inner := _wrapped(line)) else (",", False)


def _wrapped(line: str) -> str:
    """Return the separator within a line that is one quoted cell, maybe with empty ones after it; or ""."""
    inner = re.fullmatch(r'\s*"((?:[^"]|"")*)"[;,\t ]*', line)
    return next((delimiter for delimiter in DELIMITERS if inner and delimiter in inner[1]), "")


def _split(row: str, delimiter: str) -> list[str]:
    spaced = re.search(rf'{re.escape(delimiter)} +"', row) is not None
    try:
        return next(csv.reader([row], delimiter=delimiter, skipinitialspace=spaced), [])
    except csv.Error:  # a newline in a cell without quotes
        return row.split(delimiter)


def _comment(line: str) -> bool:
    return line.startswith(("#", '"#'))


def _lines(path: Path, text: TextIO) -> Iterator[str]:
    while line := text.readline(LONGEST):
        if len(line) == LONGEST and line[-1] != "\n":
            raise InputError(f"{path}: a line of more than {LONGEST:,} characters; not a CSV file")
        yield line.removesuffix("\n").removeprefix("\ufeff")


def _records(lines: Iterable[str], delimiter: str, comments: bool) -> Iterator[tuple[int, str, bool]]:
    """Yield (line number, row, whether its quotes are closed): lines are joined while a quoted cell is open.

    Where it is never closed, its line is a row of its own, so that a stray quote does not swallow the rest of the file.
    """
    source, ahead, number = iter(lines), deque[str](), 0
    open_cell = re.compile(rf'(?:^|{re.escape(delimiter)})\s*"(?:[^"]|"")*$')

    def take() -> str | None:
        return ahead.popleft() if ahead else next(source, None)

    while (line := take()) is not None:
        number += 1
        if comments and _comment(line):
            continue
        if line.count('"') % 2 == 0 or not open_cell.search(line):
            yield number, line, True
            continue
        parts, length, quotes = [line], len(line), line.count('"')
        while quotes % 2 and length < LONGEST and (part := take()) is not None:
            parts.append(part)
            quotes, length = quotes + part.count('"'), length + len(part)
        row = "\n".join(parts)
        if quotes % 2 or not _closed(row, delimiter):
            ahead.extendleft(reversed(parts[1:]))
            yield number, line, False
            continue
        yield number, row, True
        number += len(parts) - 1


def _closed(row: str, delimiter: str) -> bool:
    try:
        return bool(next(csv.reader([row], delimiter=delimiter, skipinitialspace=True, strict=True), []))
    except csv.Error:
        return False
