"""fer2013.csv: one face per row, its pixels written out as 2,304 numbers (Goodfellow et al. 2013, arXiv:1307.0414).

Plain rows are decoded many at once from their bytes (`digits`), which is fast. Others go through the csv module, which
finds out what is wrong.
"""

import csv
from collections import Counter
from collections.abc import Collection, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.console import first_few, quantity, track
from mien.core.csv_files import integer, is_csv, number, sniff
from mien.core.errors import InputError
from mien.core.images import Pixels
from mien.core.labels import FER2013, find_class
from mien.core.paths import printable
from mien.datasets.classes import ClassMap, class_map, slips
from mien.datasets.dataset import Dataset, ImageSpec, Problems
from mien.datasets.readers import ferplus
from mien.datasets.readers.digits import CHUNK, chunks, decode_numbers
from mien.datasets.readers.pixel_rows import Columns, columns, image, pixel_format
from mien.datasets.readers.reader import DatasetReader
from mien.datasets.readers.split_files import SplitFiles, choose, join, rows_of
from mien.datasets.splits import split_name

SIDE = 48
PIXELS = SIDE * SIDE
WORKBOOKS = (".xlsx", ".xls", ".ods")
NAMED = 100  # the code of the first name
FEW = 0.02  # the share of rows with other codes from which on they are another numbering


def _candidates(root: Path) -> dict[Path, Columns | None]:
    """Return the CSV files with pixels that `root` is or holds, and their columns; None where they have no emotion.

    Raises:
        InputError: `root`, or a fer2013.csv in it, is no CSV file: a workbook, a web page, cut off.
    """
    files = [root] if root.is_file() else sorted(root.iterdir())
    found: dict[Path, Columns | None] = {}
    for path in files:
        if (is_csv(path) or (path == root and path.suffix.lower() in WORKBOOKS)) and path.is_file():
            meant = path == root or path.name.lower() == "fer2013.csv"
            with nullcontext() if meant else suppress(InputError):
                file = sniff(path)
                if (where := columns(file)) or "pixels" in file.names:
                    found[path] = where
    return found


def find(root: Path) -> SplitFiles:
    """Return the CSV files with emotion and pixels that `root` is or holds: fer2013.csv, or a file for each split.

    Raises:
        InputError: there is none, or nothing says which of several.
    """
    found = _candidates(root)
    labelled = {path: where.usage is not None for path, where in found.items() if where}
    if not labelled:
        raise InputError(f"{root}: no CSV file with the columns emotion and pixels")
    chosen = choose(labelled, "fer2013.csv")
    return replace(chosen, others=tuple(path for path in found if path not in chosen.splits))


def find_votes(root: Path) -> Path | None:
    """Return the CSV file with the FER+ votes next to the one with the pixels."""
    files = find(root).splits
    return ferplus.find(next(iter(files)).parent) if len(files) == 1 else None


class _JoinedError(Exception):
    """A row of several lines, where each line was expected to be a row."""


class _Decoder:
    """Gathers the rows of a file; `row` counts the data rows, broken ones too.

    Labels are codes of FER2013 while rows are read; names in their place are codes from `NAMED` on.
    """

    def __init__(self, path: Path, image_spec: ImageSpec, problems: Problems) -> None:
        self.file = file = sniff(path)
        where = columns(file)
        if where is None:
            raise InputError(f"{path}: no columns emotion and pixels")
        if where.emotion < 0:
            raise InputError(f"{path}: no first line that says which column is emotion; add emotion,pixels,Usage")
        if repeated := [name for name in ("emotion", "pixels", "usage") if file.names.count(name) > 1]:
            raise InputError(f"{path}: column {repeated[0]!r} is twice in the first line")
        self.where, self.format = where, pixel_format(file, where, PIXELS)
        self.width, self.first = len(file.header), file.line + where.header  # the line of the first data row
        self.delimiter = ord(file.delimiter)
        self.image_spec, self.problems, self.known = image_spec, problems, len(problems.found)
        self.reset()

    def reset(self) -> None:
        """Set everything back to the first row."""
        self.line = self.row = 0
        self.images = self.image_spec.empty(1 + self.file.path.stat().st_size // (2 * self.format.n))  # 2 bytes a pixel
        self.labels: list[int] = []
        self.splits: list[str] = []
        self.rows: list[int] = []
        self.lines: list[int] = []
        self.codes = {str(code).encode(): code for code in range(len(FER2013))}
        self.names: list[str] = []
        self.others = Counter[int]()  # codes beyond FER2013's
        self.usages: dict[bytes, str] = {} if self.format.usage else {b"": ""}
        del self.problems.found[self.known :]

    def read(self) -> None:
        """Read the file: plain rows many at once, and all rows one by one where they are not plain."""
        size, what = self.file.path.stat().st_size, f"reading {self.file.path.name}"
        if self.file.flat and self.format.whole and len(self.where.pixels) == 1:
            try:
                for chunk in track(chunks(self.file), what, -(-size // CHUNK)):
                    self.feed(chunk)
                return
            except _JoinedError:
                self.reset()
        rows, joined = self.file.records(header=self.where.header), False
        for first, text, cells, _ in track(rows, what, -(-size // (4 * self.format.n))):
            lines = [text]
            if "\n" in text:  # one row of several lines, or several rows between two stray quotes
                try:
                    self._parse(cells)
                    joined = True
                except InputError:
                    lines = lines if joined else text.split("\n")
            for self.line, line in enumerate(lines, first):
                self._row(line)

    def feed(self, chunk: bytes) -> None:
        """Decode whole lines; `chunk` ends in a newline."""
        text = np.frombuffer(chunk, dtype=np.uint8)
        values, number_ends, odd = decode_numbers(text)
        separators = np.flatnonzero(text == self.delimiter)
        line_ends = np.flatnonzero(text == ord("\n"))
        firsts = np.searchsorted(separators, line_ends).tolist()
        cuts, stops = separators.tolist(), line_ends.tolist()
        start = first = 0
        for stop, after in zip(stops, firsts, strict=True):
            self.line += 1
            end = stop - 1 if stop > start and chunk[stop - 1] == ord("\r") else stop
            if self.line >= self.first:
                bounds = [start - 1, *cuts[first:after], end]
                found = self._plain(chunk, bounds, values, number_ends, odd)
                if found is not None:
                    self._add(found)
                else:
                    line = chunk[start:end].decode("utf-8", "surrogateescape").removeprefix("\ufeff")
                    if line.count('"') % 2:
                        raise _JoinedError
                    self._row(line)
            start, first = stop + 1, after

    def _plain(
        self, chunk: bytes, bounds: list[int], values: Pixels, ends: NDArray[np.bool_], odd: NDArray[np.bool_]
    ) -> tuple[Pixels, int, str] | None:
        """Return the row between `bounds`, the positions of its start, separators and end; None if it is not plain."""
        if len(bounds) != self.width + 1:
            return None

        def field(column: int) -> slice:
            begin, end = bounds[column] + 1, bounds[column + 1]
            quoted = end - begin >= 2 and chunk[begin] == chunk[end - 1] == ord('"')
            return slice(begin + 1, end - 1) if quoted else slice(begin, end)

        label = self.codes.get(chunk[field(self.where.emotion)])
        split = "" if self.where.usage is None else self.usages.get(chunk[field(self.where.usage)])
        text = field(self.where.pixels[0])
        if label is None or split is None or odd[text].any():
            return None
        pixels = values[text].compress(ends[text])
        return (self.format.arranged(pixels), label, split) if len(pixels) == self.format.n else None

    def _row(self, text: str) -> None:
        """Take any row that can be read at all, or report what is wrong with it."""
        cells = self.file.cells(text)
        if not any(map(str.strip, cells)) or (self.where.header and self.file.repeats_header(cells)):
            return
        try:
            self._add(self._parse(cells))
        except InputError as error:
            self.problems.report(f"{self.file.path.name}:{self.line}", printable(error))
            self.row += 1

    def _parse(self, cells: list[str]) -> tuple[Pixels, int, str]:
        if len(cells) != self.width:
            raise InputError(f"{quantity(len(cells), 'field')}, expected {self.width}")
        label, split = self._label(cells[self.where.emotion]), self._split(cells)
        return image(cells, self.where, self.format), label, split

    def _label(self, cell: str) -> int:
        text = cell.strip()
        code = integer(text)
        if code is None or code not in range(len(FER2013)):
            if code is not None:
                self.others[code] += 1
            if text != printable(text):
                raise InputError(f"{printable(text[:20])}: not UTF-8 text; save it as a CSV file in UTF-8")
            if number(text) is not None or not text:
                raise InputError(f"emotion {text[:20]!r}, expected 0..{len(FER2013) - 1}")
            if text not in self.names:
                self.names.append(text)
            code = NAMED + self.names.index(text)
        self.codes[cell.encode()] = code
        return code

    def _split(self, cells: list[str]) -> str:
        if self.where.usage is None:
            return ""
        cell = cells[self.where.usage]
        split = split_name(cell) if self.format.usage or cell.strip() else ""
        if split == "all":
            raise InputError("Usage 'all', expected Training, PublicTest or PrivateTest")
        if split and not self.format.usage:
            raise InputError(f"Usage {cell!r}, but the first rows have none")
        self.usages[cell.encode("utf-8", "surrogateescape")] = split
        return split

    def _add(self, found: tuple[Pixels, int, str]) -> None:
        pixels, label, split = found
        if len(self.rows) == len(self.images):  # a compressed file
            self.images = np.concatenate([self.images, self.image_spec.empty(len(self.images))])
        self.images[len(self.rows)] = self.image_spec.fit(pixels)
        self.labels.append(label)
        self.splits.append(split)
        self.rows.append(self.row)
        self.lines.append(self.line)
        self.row += 1

    def table(self) -> Dataset:
        """Return what was read. InputError where that is nothing, or the codes are not FER2013's."""
        path, labels = self.file.path, np.array(self.labels, dtype=np.int64)
        self._check_codes(labels)
        found, labels = self._classes(labels)
        rows = np.flatnonzero(labels >= 0)
        if not len(rows):
            raise InputError(f"{path}: no row that can be read{self.problems.first}")
        images = self.images[: len(labels)]
        return Dataset(
            images=images if len(rows) == len(images) else images[rows],
            labels=labels[rows],
            ids=np.array([f"{row:05d}" for row in self.rows])[rows],
            splits=np.array(self.splits, dtype="<U10")[rows],
            groups=np.full(len(rows), "", dtype="<U1"),
            classes=found.classes,
            renamed=found.renamed if found.classes[: len(FER2013)] != FER2013 else {},
            sizes={f"{self.format.shape[1]} x {self.format.shape[0]}": len(rows)},
            sides=np.full(len(rows), -1),
            problems=tuple(self.problems.found),
        )

    def _check_codes(self, labels: NDArray[np.int64]) -> None:
        """Refuse another numbering than FER2013's: a good part of the rows has other codes, or 1..7 are the seven."""
        others = sum(self.others.values())
        if not others:
            return
        used = set(labels.tolist())
        from_one = set(self.others) == {7} and 0 not in used and len(used) >= 5 and others > 1
        if from_one or (others >= 10 and others > FEW * (len(labels) + others)):
            raise InputError(
                f"{self.file.path}: emotion is {min({*used, *self.others})}..{max(self.others)} in it, expected 0..6 "
                "for angry, disgust, fear, happy, sad, surprise, neutral; write the names in place of other numbers"
            )

    def _classes(self, labels: NDArray[np.int64]) -> tuple[ClassMap, NDArray[np.int64]]:
        """Return the classes, and the labels as indices into them: -1 for a name that is none of them."""
        named = labels >= NAMED
        texts = [self.names[code - NAMED] for code in labels[named].tolist()]
        wrong = slips(texts)
        own = named.all() and any(find_class(text) is None for text in texts if text not in wrong)
        found = class_map(text for text in texts if text not in wrong)
        if not own or len(found.classes) < 2:
            known = {text: name for text in texts if (name := find_class(text))}
            found = ClassMap((*FER2013, *sorted({*known.values()} - {*FER2013})), known)
        for row in np.flatnonzero(named).tolist():
            text = self.names[labels[row] - NAMED]
            if text not in found.of:
                expected = wrong.get(text, f"emotion {text[:20]!r}, expected 0..{len(FER2013) - 1}")
                self.problems.report(f"{self.file.path.name}:{self.lines[row]}", expected)
        codes = [found.classes.index(found.of[name]) if name in found.of else -1 for name in self.names]
        result = labels.copy()
        result[named] = np.array(codes, dtype=np.int64)[labels[named] - NAMED]
        return found, result


def _read(path: Path, image: ImageSpec, problems: Problems) -> Dataset:
    """Return the rows of a file, with the splits that they name. InputError where none can be read."""
    decoder = _Decoder(path, image, problems)
    decoder.read()
    return decoder.table()


class Fer2013Reader(DatasetReader):
    """fer2013.csv: the columns emotion, pixels and maybe Usage in any order, quoted or not.

    Ids are the numbers of the data rows, from 00000 (a broken row counts), as the FER+ votes are joined by row; the
    name of their file is before them where there is one for each split.
    """

    name = "fer2013"
    expects = "a CSV file with the columns emotion, pixels and maybe Usage (fer2013.csv)"
    holdout = (0.1, 0.0)
    targets = ("label", *ferplus.TARGETS)

    def recognises(self, root: Path) -> bool:
        return any(_candidates(root).values())

    def lacks(self, root: Path, targets: str) -> str:
        if targets == "label" or find_votes(root):
            return ""
        if len(find(root).splits) > 1:
            return "a whole fer2013.csv, row for row with the FER+ votes; there is a file for each split"
        return "the FER+ votes fer2013new.csv next to fer2013.csv (mien data download ferplus)"

    def sources(self, root: Path) -> list[Path]:
        return list(find(root).splits)

    def unread(self, root: Path) -> list[Path]:
        return list(find(root).others)

    def load(self, root: Path, image: ImageSpec, problems: Problems) -> Dataset:
        files = find(root)
        others = [printable(path.name) for path in files.others]
        problems.leave_out("of further files with pixels", len(others), first_few(others))
        problems.notes += files.joined
        return join(files, [_read(path, image, problems) for path in files.splits])

    def label(
        self, table: Dataset, root: Path, targets: str, classes: Sequence[str] | None, problems: Problems
    ) -> tuple[Dataset, NDArray[Any]]:
        votes = find_votes(root)
        if targets == "label" or votes is None:
            return super().label(table, root, targets, classes, problems)
        return ferplus.join(table, votes, targets, problems)

    def copy(self, root: Path, out: Path, without: Collection[str]) -> None:
        rows = rows_of(find(root), without)
        for path, gone in rows.items():
            _copy_rows(path, out / path.name, gone)
        if votes := find_votes(root):
            _copy_rows(votes, out / votes.name, *rows.values())


def _copy_rows(path: Path, out: Path, without: Collection[int]) -> None:
    """Copy the rows, numbered from 0 as the reader does, that stay, broken ones too."""
    file = sniff(path)
    where = columns(file)
    header = where is None or where.header  # None: the votes
    rows = enumerate(file.records(header=header))
    with out.open("w", newline="", encoding="utf-8", errors="surrogateescape") as target:
        if header:
            csv.writer(target, delimiter=file.delimiter, lineterminator="\n").writerow(file.header)
        target.writelines(f"{text}\n" for row, (_, text, _, _) in rows if row not in without)


READER = Fer2013Reader()
