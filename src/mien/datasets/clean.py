"""What the doctor would leave out, as a list for --exclude or as a clean copy of the dataset.

The source is never changed, nor are validation and test: a face that stands there and in training goes from training.
"""

import csv
import io
import json
import os
import platform
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np

from mien.core.errors import InputError
from mien.core.files import check_folder, replacing
from mien.datasets.checks.issues import IssueReport, hard
from mien.datasets.readers import locate
from mien.datasets.samples import fingerprint

Unfit = Literal["blank", "graphic", "cropped", "faceless"]


class Removed(NamedTuple):
    """A row that is not to be trained on."""

    id: str
    split: str
    reason: str
    of: str
    """The id of the picture that it copies or contradicts; "" where there is none."""


def left_out(found: IssueReport, also: Collection[Unfit] = ()) -> list[Removed]:
    """Return the training rows to leave out, in the dataset's order.

    Of copies within training the first stays. Copies of a validation or test picture go, and so do all copies that
    have different labels, as none of them can be told to be right.

    Args:
        also: what else goes from training: blank, graphic, cropped or faceless pictures.
    """
    table, codes = found.table, hard(found.table)
    reasons: dict[int, tuple[str, int | None]] = {}
    held = found.duplicates.copied_from(np.flatnonzero(table.splits != "train"))
    for row in np.flatnonzero((table.splits == "train") & (held >= 0)).tolist():
        reasons[row] = (f"copy in {table.splits[held[row]]}", int(held[row]))
    for group in found.groups:
        rows = [row for row in group.rows.tolist() if table.splits[row] == "train" and row not in reasons]
        if len({codes[row] for row in rows} - {-1}) > 1:
            for row in rows:
                reasons[row] = ("conflicting labels", next(other for other in rows if codes[other] != codes[row]))
        else:
            reasons |= dict.fromkeys(rows[1:], ("copy in train", rows[0])) if rows else {}
    for name in also:
        for row in getattr(found, name).tolist():
            if table.splits[row] == "train":
                reasons.setdefault(row, (name, None))
    ids, splits = table.ids, table.splits
    return [
        Removed(str(ids[row]), str(splits[row]), reason, "" if of is None else str(ids[of]))
        for row, (reason, of) in sorted(reasons.items())
    ]


def ready(out: Path, source: Path) -> None:
    """Raises InputError where nothing may or can be written: `out` exists (an empty folder may), or is in `source`."""
    place = out.resolve()
    if source.is_dir() and place.is_relative_to(source.resolve()):
        raise InputError(f"{out}: inside {source}, which is never changed; choose a place beside it")
    if out.exists() and (out.suffix.lower() == ".csv" or not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists already; choose another name, or remove it")
    check_folder(out.parent)


def fix(found: IssueReport, out: Path, *, also: Sequence[Unfit] = ()) -> list[Removed]:
    """Write what remains, and return what was left out.

    Args:
        out: a name in .csv gets the list of what to leave out, with the columns id, split, reason, of, and beside it
            NAME.manifest.json; any other is a folder: a copy in the dataset's own format, with manifest.json.
        also: as for `left_out`.

    Raises:
        InputError: `out` exists or lies in the source, or cannot be written; nothing half-written is left.
    """
    ready(out, Path(found.path))
    rows = left_out(found, also)
    manifest = json.dumps(_manifest(found, rows, also), indent=1)
    if out.suffix.lower() == ".csv":
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([Removed._fields, *rows])
        for path, content in ((out, text.getvalue()), (out.with_suffix(".manifest.json"), manifest)):
            with replacing(path) as part:
                part.write_bytes(content.encode("utf-8", "surrogateescape"))
        return rows
    reader, root = locate(Path(found.path), found.kind, str(found.options["targets"]))
    try:
        with _whole(out) as part:
            reader.copy(root, part, {row.id for row in rows})
            (part / "manifest.json").write_bytes(manifest.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise InputError(f"{error.filename or out}: {error.strerror or error}") from None
    return rows


def _manifest(found: IssueReport, rows: Sequence[Removed], also: Sequence[Unfit]) -> dict[str, Any]:
    table = found.table
    return {
        "source": {
            "path": str(Path(found.path).resolve()),
            "kind": found.kind,
            "samples": len(table.ids),
            "fingerprint": fingerprint(table.images, table.labels, table.classes),
        },
        "options": found.options | {"also": list(also)},
        "versions": {
            "mien": version("mien"),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
        "kept": len(table.ids) - len(rows),
        "left_out": dict(Counter(row.reason for row in rows)),
        "rows": [row._asdict() for row in rows],
    }


@contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """Give a folder beside `out` to write to, and move it there at the end; it goes where that end is not reached."""
    part = out.with_name(f".{out.name}.part-{os.getpid()}")
    try:
        part.mkdir(parents=True)
        yield part
        if out.is_dir():
            out.rmdir()  # it is empty
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
