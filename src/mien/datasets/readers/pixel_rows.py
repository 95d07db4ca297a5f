"""Rows of emotion, pixels and maybe Usage in every form that people have: what one means, cell by cell.

fer2013.py decodes plain rows at once; all others come here. What holds for a file (where its columns are, the size of
its images, the range of their values) is decided by its first rows, so that a row that differs is a broken row.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.core.csv_files import CsvFile, integer
from mien.core.errors import InputError
from mien.core.images import Pixels
from mien.core.labels import find_class
from mien.datasets.pixel_values import BYTES, ValueRange, by_channel, shape_of, value_range
from mien.datasets.splits import find_split

NAMES = {
    "emotion": ("emotion", "emotions", "label", "labels", "expression", "class"),
    "pixels": ("pixels", "pixel"),
    "usage": ("usage", "split"),
}
FIRST = 5  # rows that decide what holds for the file
PIXEL_COLUMN = re.compile(r"(p|px|pix|pixel)?[ _.-]*[0-9]+([x_][0-9]+)?")


class Columns(NamedTuple):
    """Where the cells are. `emotion` is -1 where there is no first line to say it and the cells do not."""

    emotion: int
    pixels: tuple[int, ...]
    """One column, or one for each pixel."""
    usage: int | None
    header: bool
    """Whether the first row names the columns."""


@dataclass(frozen=True)
class PixelFormat:
    """What holds for all images of a file.

    Args:
        shape: (side, side) or (side, side, 3).
        range: of the values.
        whole: whether the values are whole numbers.
        by_channel: whether colour comes channel after channel.
        usage: whether the column Usage says anything.
    """

    shape: tuple[int, ...] = (48, 48)
    range: ValueRange = BYTES
    whole: bool = True
    by_channel: bool = False
    usage: bool = True

    @cached_property
    def n(self) -> int:
        """Values in an image."""
        return int(np.prod(self.shape))

    def arranged(self, pixels: Pixels) -> Pixels:
        """Return the pixels of one image, uint8 [n], as [h, w] or [h, w, 3]."""
        return np.moveaxis(pixels.reshape(3, *self.shape[:2]), 0, -1) if self.by_channel else pixels.reshape(self.shape)


def columns(file: CsvFile) -> Columns | None:
    """Return where emotion, pixels and Usage are, or None where a CSV file has no such columns."""
    found = {
        column: next((file.names.index(name) for name in names if name in file.names), None)
        for column, names in NAMES.items()
    }
    usage = found["usage"]
    if found["emotion"] is not None:
        if found["pixels"] is not None:
            return Columns(found["emotion"], (found["pixels"],), usage, True)
        wide = tuple(index for index, name in enumerate(file.names) if PIXEL_COLUMN.fullmatch(name))
        return Columns(found["emotion"], wide, usage, True) if shape_of(len(wide)) else None
    images = [index for index, cell in enumerate(file.header) if len(cell) > 100 and shape_of(len(tokens(cell)))]
    if len(images) != 1:
        return None
    splits = [index for index, cell in enumerate(file.header) if find_split(cell) and index not in images]
    labels = [index for index, cell in enumerate(file.header) if find_class(cell) or integer(cell) is not None]
    emotion = labels[0] if len(labels) == 1 else -1
    return Columns(emotion, (images[0],), splits[0] if len(splits) == 1 else None, False)


def pixel_format(file: CsvFile, where: Columns, n: int) -> PixelFormat:
    """Return what holds for the file, by its first rows.

    Args:
        file: the file.
        where: its columns.
        n: the number of values in an image where the first rows do not agree on one.

    Raises:
        InputError: the order of three channels is unclear.
    """
    rows = [
        row for _, _, row, _ in islice(file.records(header=where.header), FIRST) if len(row) > max(where.pixels)
    ]  # fmt: skip
    usage = where.usage is not None and any(row[where.usage].strip() for row in rows if len(row) > where.usage)
    parsed = []
    for row in rows:
        try:
            parsed.append(_values(_texts(row, where)))
        except InputError:
            continue
    sizes = Counter(len(values) for values, _ in parsed if len(values) == n or shape_of(len(values)))
    if not sizes:
        return PixelFormat(_shape(n), usage=usage)
    size = max(sizes, key=lambda size: (sizes[size], size == n))
    images = [(values, fractions) for values, fractions in parsed if len(values) == size]
    values = np.stack([values for values, _ in images])
    exact = not any(fractions * 2 > size or (fractions and values.max() <= 1) for _, fractions in images)
    found = PixelFormat(_shape(size), value_range(values.min(), values.max(), whole=exact), exact, usage=usage)
    if len(found.shape) == 3:
        order = by_channel(values, found.shape[0])
        if order is None:
            one = found.shape[0]
            raise InputError(
                f"{file.path}: {size:,} values are {one} x {one} in three channels, but not whether pixel by pixel or "
                "channel by channel; save it in grey, or as image files"
            )
        found = replace(found, by_channel=order)
    return found


def image(row: Sequence[str], where: Columns, layout: PixelFormat) -> Pixels:
    """Return the image in a row. InputError says what is wrong with it."""
    values, _ = _values(_texts(row, where))
    if layout.whole and (bad := np.flatnonzero((values != np.floor(values)) | (values < 0) | (values > 255))).size:
        raise InputError(f"pixel {bad[0] + 1} is {_texts(row, where)[bad[0]][:20]!r}, expected {layout.range}")
    if len(values) != layout.n:
        size = " x ".join(map(str, layout.shape))
        raise InputError(f"{len(values)} pixels, expected {layout.n} ({size})")
    if not (layout.range.low <= values.min() and values.max() <= layout.range.high):
        raise InputError(f"values {values.min():g}..{values.max():g}, expected {layout.range}")
    return layout.arranged(layout.range.pixels(values))


def tokens(text: str) -> list[str]:
    """Return the numbers of a cell as texts: `70 80`, `70,80`, `[70, 80]`, `0,5 0,25`."""
    bare = re.sub(r"[\[\](){}]", " ", text)
    if re.search(r"\d,\d", bare) and re.search(r"\d\s+\d", bare):  # commas are decimal
        return bare.replace(",", ".").split()
    return re.split(r"[\s,;]+", bare.strip(" \t\n,;")) if bare.strip(" \t\n,;") else []


def _shape(n: int) -> tuple[int, ...]:
    return shape_of(n) or (round(n**0.5),) * 2


def _texts(row: Sequence[str], where: Columns) -> list[str]:
    if len(where.pixels) == 1:
        return tokens(row[where.pixels[0]])
    return [row[index].strip().replace(",", ".") for index in where.pixels]


def _values(texts: list[str]) -> tuple[NDArray[np.float64], int]:
    """Return the numbers, and how many are written with a fraction."""
    text = "".join(texts)
    try:
        if not set(text) <= set("0123456789.+-eE"):
            raise ValueError
        return np.array(texts, dtype=np.float64), text.count(".")
    except ValueError:
        for position, one in enumerate(texts, start=1):
            if one.strip(".") == "" and one:
                raise InputError(
                    f"pixel {position} is {one[:20]!r}: the row was cut short when it was printed"
                ) from None
            if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", one):
                raise InputError(f"pixel {position} is {one[:20]!r}, expected 0..255") from None
        raise InputError("pixels that are no numbers") from None
