"""A leaderboard's file: one row per test image with the index of its class."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.files import replacing
from mien.datasets import DataSpec, ImageSpec, read
from mien.models.session import Session, Tta

COLUMNS = ("Id", "Category")


def read_sample(path: Path) -> tuple[tuple[str, str], list[str]]:
    """Return the two column names and the ids of a leaderboard's sample submission.

    Raises:
        InputError: it cannot be read, or is no CSV of an id and a category.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: cannot be read as CSV ({getattr(error, 'strerror', None) or error})") from None
    wrong = next((number for number, row in enumerate(rows, 1) if len(row) != 2), None)
    if not rows or wrong:
        got = f"{len(rows[wrong - 1])} columns in row {wrong}" if wrong else "nothing"
        raise InputError(f"{path}: expected two columns, an id and a category, got {got}")
    return (rows[0][0], rows[0][1]), [row[0] for row in rows[1:]]


def write_categories(path: Path, categories: NDArray[np.int64], sample: Path | None = None) -> None:
    """Write `categories` [n], class indices, as CSV: whole or not at all.

    Columns and ids are those of the sample submission, row for row; without one they are `Id`, from 0, and `Category`.

    Raises:
        InputError: the sample has another number of rows, or the file cannot be written.
    """
    columns, ids = read_sample(sample) if sample else (COLUMNS, list(map(str, range(len(categories)))))
    if len(ids) != len(categories):
        raise InputError(f"{sample}: {len(ids):,} ids for {len(categories):,} test images; expected as many")
    with replacing(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(columns)
        rows.writerows(zip(ids, categories.tolist(), strict=True))


def write_submission(
    model: str | Path,
    data: Path,
    out: Path,
    *,
    sample: Path | None = None,
    threads: int | None = None,
    tta: Tta = "none",
) -> Counter[str]:
    """Score the test images of `data` and write the leaderboard's CSV to `out`.

    Categories are indices into the model's labels. Returns how many images each label got.

    Raises:
        InputError: the model or the data cannot be used, an image is broken (every row counts), or as
            `write_categories`.
    """
    session = Session(model, threads=threads)
    split = "all" if data.suffix.lower() == ".npy" else "test"
    image = ImageSpec(session.info.size, len(session.info.mean))
    samples = read(DataSpec(data, split, "arrays"), image, strict=True)
    categories = session.probabilities(samples.images, tta=tta).argmax(axis=1)
    write_categories(out, categories, sample)
    return Counter(session.info.labels[category] for category in categories.tolist())
