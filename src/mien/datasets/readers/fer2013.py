"""fer2013.csv: one face per row, its pixels written out as 2,304 numbers (Goodfellow et al. 2013, arXiv:1307.0414).

The csv module and `int` take half a minute for the 270 MB. Rows of digits and spaces go through `np.fromstring`: 2.5 s.
Decoding a whole block of bytes at once in numpy took 1.3 s, and twice the code.
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
BLOCK, USUAL = 16, 8400  # lines read between two steps of the progress bar, and bytes in a usual line
LONGEST = 1 << 20  # bytes in a line
CODES = {str(code): code for code in range(len(FER2013))}


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


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines after the first."""
    with path.open("rb") as file:
        file.readline(LONGEST)
        blocks = iter(lambda: [line for _ in range(BLOCK) if (line := file.readline(LONGEST + 1))], [])
        for block in track(blocks, f"reading {path.name}", -(-path.stat().st_size // (BLOCK * USUAL))):
            for line in block:
                if len(line) > LONGEST:
                    raise InputError(f"{path}: a line of more than {LONGEST:,} bytes; not a fer2013.csv")
                yield line


def _parse(line: bytes, names: list[str]) -> tuple[Pixels, int, str]:
    """Return pixels [48 * 48], label and split of a row. InputError says what is wrong with it."""
    text = line.decode("utf-8", "replace").rstrip("\r\n")
    fields = next(csv.reader([text], skipinitialspace=True)) if '"' in text else text.split(",")
    if len(fields) != len(names):
        raise InputError(f"{len(fields)} fields, expected {len(names)}")
    row = {name: field.strip() for name, field in zip(names, fields, strict=True)}
    if (label := CODES.get(row["emotion"])) is None:
        raise InputError(f"emotion {row['emotion'][:20]!r}, expected 0..{len(FER2013) - 1}")
    split = split_name(row["usage"]) if "usage" in row else ""
    if split == "all":
        raise InputError("Usage 'all', expected Training, PublicTest or PrivateTest")
    numbers = row["pixels"].encode()
    if numbers and not numbers.translate(None, b"0123456789 "):
        values = np.fromstring(numbers, dtype=np.int64, sep=" ")
        if len(values) == PIXELS and values.max() <= 255:
            return values.astype(np.uint8), label, split
    tokens = row["pixels"].split()
    for position, number in enumerate(tokens, start=1):
        if not (number.isascii() and number.isdigit() and int(number[:20]) <= 255):
            raise InputError(f"pixel {position} is {number[:20]!r}, expected 0..255")
    if len(tokens) != PIXELS:
        raise InputError(f"{len(tokens)} pixels, expected {PIXELS} ({SIDE} x {SIDE})")
    return np.array(tokens, dtype=np.uint8), label, split


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
        names = header(path)
        if repeated := [name for name in ("emotion", "pixels", "usage") if names.count(name) > 1]:
            raise InputError(f"{path}: column {repeated[0]!r} is twice in the first line")
        images = image.empty(1 + path.stat().st_size // (2 * PIXELS))  # a row takes 2 bytes a pixel and more
        labels: list[int] = []
        splits: list[str] = []
        ids: list[str] = []
        row = 0
        for line, content in enumerate(_lines(path), start=2):
            if not content.strip():
                continue
            try:
                pixels, label, split = _parse(content, names)
            except (InputError, csv.Error) as error:
                problems.report(f"{path.name}:{line}", str(error))
            else:
                images[len(ids)] = image.fit(pixels.reshape(SIDE, SIDE))
                labels.append(label)
                splits.append(split)
                ids.append(f"{row:05d}")
            row += 1
        n = len(ids)
        if not n:
            raise InputError(f"{path}: no row that can be read{problems.first}")
        return Dataset(
            images=images[:n],
            labels=np.array(labels, dtype=np.int64),
            ids=np.array(ids),
            splits=np.array(splits, dtype="<U10"),
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
            if not line.strip():  # blank for the reader
                continue
            if row not in without:
                file.write(line)
            row += 1


READER = Fer2013Reader()
