"""What --fix leaves out of train: as a list for --exclude, or as a clean copy of the dataset.

The source is never changed. Validation and test lose nothing: of a face that is there and in train, train loses it.
"""

import platform
from collections import Counter
from collections.abc import Collection
from dataclasses import astuple, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mien.core import records
from mien.core.csv_files import csv_text
from mien.core.errors import InputError
from mien.core.files import check_folder, os_errors, replacing, replacing_folder
from mien.datasets.checks import checks
from mien.datasets.checks.check import Check, Removal
from mien.datasets.checks.issues import IssueReport
from mien.datasets.readers import locate


@dataclass(frozen=True)
class Removed:
    """A row that is not to be trained on: a line of the list."""

    id: str
    split: str
    reason: str
    other_id: str
    """The image that it copies or contradicts; "" where there is none."""


@dataclass(frozen=True)
class Source:
    """What was checked."""

    path: str
    kind: str
    samples: int
    fingerprint: str


@dataclass(frozen=True)
class CleanManifest:
    """What is written next to the list, or into the copy: where it comes from and what it lacks."""

    source: Source
    options: dict[str, Any]
    versions: dict[str, str]
    kept: int
    left_out: dict[str, int]
    rows: list[Removed]


def left_out(report: IssueReport, also: Collection[str] = ()) -> list[Removed]:
    """Return the training rows to leave out, in the dataset's order.

    Of copies within train the first stays. Copies of a validation or test image go, and so do all copies that have
    different labels, as nothing says which of them is right.

    Args:
        report: what was found.
        also: names of further checks whose training rows go, those that fix "on request".

    Raises:
        InputError: an unknown check, or one that had nothing to look at.
    """
    for name in also:
        if name not in report.issues:
            raise InputError(f"--also {name}: {_removable(name).title} were not looked for")
    ids, splits = report.table.ids, report.table.splits
    removed: dict[int, Removed] = {}
    for name, one in checks().items():
        if name in report.issues and (one.fix == "always" or name in also):
            issues = report.issues[name]
            every = (Removal(row, name) for issue in issues for row in issue.rows)
            for row, reason, other in list(one.removals(report.data, issues, removed) if one.removals else every):
                if splits[row] == "train" and row not in removed:
                    other_id = "" if other is None else str(ids[other])
                    removed[row] = Removed(str(ids[row]), str(splits[row]), reason, other_id)
    return [removed[row] for row in sorted(removed)]


def check_fix(out: Path, source: Path, also: Collection[str] = ()) -> None:
    """Raise InputError where `out` exists (an empty folder may) or is in `source`, or `also` names no such check."""
    for name in also:
        _removable(name)
    check_new(out, source, folder=out.suffix.lower() != ".csv")


def check_new(out: Path, source: Path, *, folder: bool = True) -> None:
    """Raise InputError where `out` exists (an empty folder may, for a `folder`) or is in `source`."""
    if source.is_dir() and out.resolve().is_relative_to(source.resolve()):
        raise InputError(f"{out}: inside {source}, which is never changed; choose a path outside of it")
    if out.exists() and (not folder or not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists already; choose another name, or remove it")
    check_folder(out.parent)


def fix(report: IssueReport, out: Path, *, also: Collection[str] = ()) -> list[Removed]:
    """Write what remains, and return what was left out.

    Args:
        report: what was found.
        out: a name in .csv gets the list of what to leave out, with the columns id, split, reason, other_id, and
            NAME.manifest.json next to it; any other is a folder: a copy in the dataset's format, with manifest.json.
        also: as for `left_out`.

    Raises:
        InputError: `out` exists or is inside the source, or cannot be written; nothing half-written is left.
    """
    check_fix(out, Path(report.path), also)
    rows = left_out(report, also)
    table = report.table
    manifest = CleanManifest(
        source=Source(str(Path(report.path).resolve()), report.kind, len(table.ids), table.fingerprint),
        options=report.options | {"also": list(also)},
        versions={
            "mien": version("mien"),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
        kept=len(table.ids) - len(rows),
        left_out=dict(Counter(row.reason for row in rows)),
        rows=rows,
    )
    if out.suffix.lower() == ".csv":
        with replacing(out) as part:
            text = csv_text([[field.name for field in fields(Removed)], *map(astuple, rows)])
            part.write_bytes(text.encode("utf-8", "surrogateescape"))
        records.write(out.with_suffix(".manifest.json"), manifest)
        return rows
    reader, root = locate(Path(report.path), report.kind)
    with os_errors(out), replacing_folder(out) as part:
        reader.copy(root, part, {row.id for row in rows})
        records.write(part / "manifest.json", manifest)
    return rows


def _removable(name: str) -> Check:
    known = {one.name: one for one in checks().values() if one.fix == "on request"}
    if name not in known:
        raise InputError(f"--also {name}: expected some of {', '.join(known)}")
    return known[name]
