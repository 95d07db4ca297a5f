"""A leaderboard's file: one row per test image with the index of its class."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mien.core.csv_files import csv_text, sniff
from mien.core.errors import InputError
from mien.core.files import write_text
from mien.core.labels import join_names
from mien.datasets import DataSpec, ImageSpec, read
from mien.models.session import Session, Tta


def write_submission(
    model: str | Path,
    data: Path,
    out: Path,
    *,
    sample: Path | None = None,
    threads: int | None = None,
    device: str = "cpu",
    tta: Tta = "none",
) -> Counter[str]:
    """Score the test images of `data` and write the leaderboard's CSV to `out`, whole or not at all.

    Categories are indices into the model's labels. Column names and ids are those of the sample submission, row for
    row; without one they are `Id`, from 0, and `Category`. Returns how many images each label got.

    Raises:
        InputError: model, data or sample cannot be used, an image is broken, or the file cannot be written.
    """
    session = Session(model, threads=threads, providers=device)
    split = "all" if data.suffix.lower() == ".npy" else "test"
    image = ImageSpec(session.info.size, len(session.info.mean))
    names = join_names(session.info.labels)  # of training labels among the arrays, which are not used
    samples = read(DataSpec(data, split, "arrays", classes=names), image, strict=True)
    categories = session.probabilities(samples.images, tta=tta).argmax(axis=1).tolist()
    columns, ids = _read_sample(sample) if sample else (["Id", "Category"], range(len(categories)))
    if len(ids) != len(categories):
        raise InputError(f"{sample}: {len(ids):,} ids for {len(categories):,} test images; expected as many")
    rows = zip(ids, categories, strict=True)
    write_text(out, csv_text([columns, *rows], formulas=True))  # the leaderboard looks for its own ids
    return Counter(session.info.labels[category] for category in categories)


def _read_sample(path: Path) -> tuple[Sequence[str], Sequence[object]]:
    """Return the two column names and the ids of a sample submission."""
    file = sniff(path)
    rows = list(file.rows(ragged=True, utf8=True))
    for number, row in [(file.line, file.header), *rows]:
        if len(row) != 2:
            got = f"{len(row)} columns in row {number}" if row else "nothing"
            raise InputError(f"{path}: expected two columns, an id and a category, got {got}")
    return file.header, [row[0] for _, row in rows]
