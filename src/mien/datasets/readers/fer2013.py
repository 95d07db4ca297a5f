"""fer2013.csv: one face per row, its pixels written out as 2,304 numbers (Goodfellow et al. 2013, arXiv:1307.0414).

The csv module and `int` take half a minute for the 270 MB; `np.fromstring` row by row twice the time of this (LOG.md).
Here all numbers of a chunk are decoded at once from their bytes: the value of a number is its last digit, ten times the
one before and a hundred times the one before that. Rows that are not plain go through the csv module, which finds out
what is wrong.
"""

import csv
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.console import track
from mien.core.errors import InputError
from mien.core.images import Pixels
from mien.core.labels import FER2013
from mien.datasets.dataset import Dataset, ImageSpec, Problems
from mien.datasets.readers import ferplus
from mien.datasets.readers.reader import DatasetReader, header
from mien.datasets.splits import split_name

SIDE = 48
PIXELS = SIDE * SIDE
CHUNK = 1 << 17  # bytes; its arrays stay in the processor's cache and below the size that malloc maps anew each time
LONGEST = 1 << 20  # bytes in a line; a plain row has under 10,000
MARK = b"\xef\xbb\xbf"
COLUMNS = ("emotion", "pixels", "usage")


def find(root: Path) -> Path | None:
    """Return the CSV file with emotion and pixels that `root` is or holds: fer2013.csv, else the first with Usage."""
    files = [root] if root.is_file() else sorted(root.iterdir())
    names = {path: set(header(path)) for path in files if path.suffix.lower() == ".csv" and path.is_file()}
    fits = [path for path in names if {"emotion", "pixels"} <= names[path]]
    return min(fits, key=lambda path: (path.name.lower() != "fer2013.csv", "usage" not in names[path]), default=None)


def source(root: Path) -> Path:
    """Return the file that `find` finds. InputError where there is none."""
    path = find(root)
    if path is None:
        raise InputError(f"{root}: no CSV file with the columns emotion and pixels")
    return path


def find_votes(root: Path) -> Path | None:
    """Return the CSV file with the FER+ votes next to the one with the pixels."""
    pixels = find(root)
    return ferplus.find(pixels.parent) if pixels else None


def _chunks(path: Path) -> Iterator[bytes]:
    """Yield the file in pieces of whole lines, each ending in a newline, the byte-order mark left out."""
    with path.open("rb") as file:
        rest = file.read(len(MARK)).removeprefix(MARK)
        while block := file.read(CHUNK):
            block = rest + block
            end = block.rfind(b"\n") + 1
            if len(block) - end > LONGEST:
                raise InputError(f"{path}: a line of more than {LONGEST:,} bytes; not a fer2013.csv")
            rest = block[end:]
            yield block[:end]
        if rest:
            yield rest + b"\n"


def _numbers(text: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.bool_]]:
    """Decode all numbers in `text`, [n] bytes.

    Returns:
        values, ends, odd, each [n]: where `ends`, `values` is the number of one to three digits that ends there; where
        `odd` is something that is neither a space nor part of a number in 0..255.
    """
    digits = text - np.uint8(ord("0"))  # wraps round: what is no digit is 10 or more
    isdigit = digits < 10
    digits *= isdigit
    before = np.zeros_like(digits)  # the digit before, if it belongs to the same number
    before[1:] = digits[:-1] * isdigit[1:]
    hundreds = np.zeros_like(digits)
    hundreds[1:] = before[:-1] * isdigit[1:]
    thousands = np.zeros_like(isdigit)
    thousands[3:] = isdigit[3:] & isdigit[2:-1] & isdigit[1:-2] & isdigit[:-3]
    tens = digits + before * np.uint8(10)
    odd = (hundreds > 2) | ((hundreds == 2) & (tens > 55)) | thousands | ~(isdigit | (text == ord(" ")))
    ends = isdigit.copy()
    ends[:-1] &= ~isdigit[1:]
    return (tens + hundreds * np.uint8(100)).astype(np.uint8, copy=False), ends, odd


class _Decoder:
    """Gathers the rows of a file fed to it in chunks; `row` counts the data rows, broken ones too."""

    def __init__(self, path: Path, image_spec: ImageSpec, problems: Problems) -> None:
        names = header(path)
        if repeated := [name for name in COLUMNS if names.count(name) > 1]:
            raise InputError(f"{path}: column {repeated[0]!r} is twice in the first line")
        self.image_spec, self.problems, self.name = image_spec, problems, path.name
        self.width = len(names)
        self.columns = {name: names.index(name) for name in COLUMNS if name in names}
        self.line = self.row = 0
        self.images = image_spec.empty(1 + path.stat().st_size // (2 * PIXELS))  # a row takes 2 bytes a pixel and more
        self.labels: list[int] = []
        self.splits: list[str] = []
        self.rows: list[int] = []
        self.codes = {str(code).encode(): code for code in range(len(FER2013))}
        self.usages: dict[bytes, str] = {}

    def feed(self, chunk: bytes) -> None:
        """Decode whole lines; `chunk` ends in a newline."""
        text = np.frombuffer(chunk, dtype=np.uint8)
        values, number_ends, odd = _numbers(text)
        commas = np.flatnonzero(text == ord(","))
        line_ends = np.flatnonzero(text == ord("\n"))
        firsts = np.searchsorted(commas, line_ends).tolist()
        separators, stops = commas.tolist(), line_ends.tolist()
        start = first = 0
        for stop, after in zip(stops, firsts, strict=True):
            self.line += 1
            end = stop - 1 if stop > start and chunk[stop - 1] == ord("\r") else stop
            if self.line > 1 and (end - start > 2 or chunk[start:end].strip()):  # not the header, not a blank line
                bounds = [start - 1, *separators[first:after], end]
                found = self._plain(chunk, bounds, values, number_ends, odd) or self._careful(chunk[start:end])
                if found is not None:
                    pixels, label, split = found
                    self.images[len(self.rows)] = self.image_spec.fit(pixels.reshape(SIDE, SIDE))
                    self.labels.append(label)
                    self.splits.append(split)
                    self.rows.append(self.row)
                self.row += 1
            start, first = stop + 1, after

    def _plain(
        self, chunk: bytes, bounds: list[int], values: Pixels, ends: NDArray[np.bool_], odd: NDArray[np.bool_]
    ) -> tuple[Pixels, int, str] | None:
        """Return the row between `bounds`, the positions of its start, commas and end, or None if it is not plain."""
        if len(bounds) != self.width + 1:
            return None

        def field(name: str) -> slice:
            column = self.columns[name]
            begin, end = bounds[column] + 1, bounds[column + 1]
            quoted = end - begin >= 2 and chunk[begin] == chunk[end - 1] == ord('"')
            return slice(begin + 1, end - 1) if quoted else slice(begin, end)

        label = self.codes.get(chunk[field("emotion")])
        split = self.usages.get(chunk[field("usage")]) if "usage" in self.columns else ""
        text = field("pixels")
        if label is None or split is None or odd[text].any():
            return None
        pixels = values[text].compress(ends[text])
        return (pixels, label, split) if len(pixels) == PIXELS else None

    def _careful(self, line: bytes) -> tuple[Pixels, int, str] | None:
        """Return any row that can be read at all, or report what is wrong with it and return None."""
        try:
            return self._parse(line)
        except (InputError, csv.Error) as error:
            self.problems.report(f"{self.name}:{self.line}", str(error))
            return None

    def _parse(self, line: bytes) -> tuple[Pixels, int, str]:
        fields = next(csv.reader([line.decode("utf-8", "replace")], skipinitialspace=True))
        if len(fields) != self.width:
            raise InputError(f"{len(fields)} fields, expected {self.width}")
        texts = {name: fields[column].strip() for name, column in self.columns.items()}
        label, split = self.codes.get(texts["emotion"].encode()), ""
        if label is None:
            raise InputError(f"emotion {texts['emotion'][:20]!r}, expected 0..{len(FER2013) - 1}")
        if "usage" in texts:
            split = split_name(texts["usage"])
            if split == "all":
                raise InputError("Usage 'all', expected Training, PublicTest or PrivateTest")
            self.usages[fields[self.columns["usage"]].encode()] = split
        numbers = texts["pixels"].split()
        for position, number in enumerate(numbers, start=1):
            if not (number.isascii() and number.isdigit() and int(number[:20]) <= 255):
                raise InputError(f"pixel {position} is {number[:20]!r}, expected 0..255")
        if len(numbers) != PIXELS:
            raise InputError(f"{len(numbers)} pixels, expected {PIXELS} ({SIDE} x {SIDE})")
        return np.array(numbers, dtype=np.uint8), label, split


class Fer2013Reader(DatasetReader):
    """fer2013.csv: the columns emotion, pixels and maybe Usage in any order, quoted or not.

    Ids are the numbers of the data rows, from 00000 (a broken row counts), as the FER+ votes are joined by row.
    """

    name = "fer2013"
    expects = "a CSV file with the columns emotion, pixels and maybe Usage (fer2013.csv)"
    holdout = (0.1, 0.0)
    targets = ("label", *ferplus.TARGETS)

    def recognises(self, root: Path) -> bool:
        return find(root) is not None

    def lacks(self, root: Path, targets: str) -> str:
        if targets == "label" or find_votes(root):
            return ""
        return "the FER+ votes fer2013new.csv next to fer2013.csv (mien data download ferplus)"

    def sources(self, root: Path) -> list[Path]:
        return [source(root)]

    def load(self, root: Path, image: ImageSpec, problems: Problems) -> Dataset:
        path = source(root)
        decoder = _Decoder(path, image, problems)
        for chunk in track(_chunks(path), f"reading {path.name}", -(-path.stat().st_size // CHUNK)):
            decoder.feed(chunk)
        n = len(decoder.rows)
        if not n:
            raise InputError(f"{path}: no row that can be read{problems.first}")
        return Dataset(
            images=decoder.images[:n],
            labels=np.array(decoder.labels, dtype=np.int64),
            ids=np.array([f"{row:05d}" for row in decoder.rows]),
            splits=np.array(decoder.splits, dtype="<U10"),
            groups=np.full(n, "", dtype="<U1"),
            classes=FER2013,
            sizes={f"{SIDE} x {SIDE}": n},
            sides=np.full(n, -1),
            problems=tuple(problems.found),
        )

    def label(
        self, table: Dataset, root: Path, targets: str, classes: Sequence[str] | None, problems: Problems
    ) -> tuple[Dataset, NDArray[Any]]:
        votes = find_votes(root)
        if targets == "label" or votes is None:
            return super().label(table, root, targets, classes, problems)
        return ferplus.join(table, votes, targets, problems)

    def copy(self, root: Path, out: Path, without: Collection[str]) -> None:
        rows = set(map(int, without))
        for path in filter(None, (source(root), find_votes(root))):
            _copy_lines(path, out / path.name, rows)


def _copy_lines(path: Path, out: Path, without: Collection[int]) -> None:
    """Copy the first line, and of the others, numbered from 0 as the reader does, those that stay."""
    row = 0
    with path.open("rb") as lines, out.open("wb") as file:
        file.write(next(lines))
        for line in lines:
            if len(line.rstrip(b"\r\n")) <= 2 and not line.strip():  # blank for the reader
                continue
            if row not in without:
                file.write(line)
            row += 1


READER = Fer2013Reader()
