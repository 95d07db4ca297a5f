"""A read dataset kept on disk, its pictures as one memory-mapped array.

An entry is a folder named after what was read (path and form) and the state of its sources (names, sizes, times). It is
written beside its place and renamed into it, so that no one meets half an entry and concurrent writers do no harm. The
cache only ever
saves time: an entry that cannot be read is made anew, one that cannot be written is left out.
"""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from mien.datasets.dataset import COLUMNS, Dataset, ImageSpec
from mien.datasets.samples import Problem

VERSION = 3  # raise it whenever a reader gives other arrays for the same files
STALE = 24 * 3600  # seconds after which a half-written entry is the remains of a crash


def folder() -> Path:
    """Return where entries lie: MIEN_CACHE, else XDG_CACHE_HOME/mien, else ~/.cache/mien."""
    if chosen := os.environ.get("MIEN_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "mien"


def _hash(parts: Iterable[object]) -> str:
    return hashlib.sha256("\n".join(map(repr, parts)).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def entry(kind: str, root: Path, sources: Iterable[Path], form: ImageSpec) -> Path:
    """Return the folder for this source in its present state."""
    root = root.resolve()
    states = ((str(path), status.st_size, status.st_mtime_ns) for path in sources if (status := path.stat()))
    return folder() / f"{kind}-{_hash([str(root), form])}-{_hash([VERSION, np.dtype(int).byteorder, *states])}"


def cached(place: Path, read: Callable[[], Dataset]) -> Dataset:
    """Return the table stored at `place`, or read it and store it there."""
    if (table := load(place)) is not None:
        return table
    table = read()
    store(place, table)
    return load(place) or table  # memory-mapped, so that the copy in memory can go


def load(place: Path) -> Dataset | None:
    """Return the stored table, or None where there is none or it is damaged."""
    try:
        facts = json.loads((place / "facts.json").read_text("utf-8"))
        images = np.load(place / "images.npy", mmap_mode="r", allow_pickle=False)
        with (place / "columns.npz").open("rb") as file, np.load(file, allow_pickle=False) as columns:
            arrays = {name: columns[name] for name in COLUMNS}
        if images.dtype != np.uint8 or any(len(array) != len(images) for array in arrays.values()):
            return None
        return Dataset(
            images=images,
            **arrays,
            classes=tuple(facts["classes"]),
            sizes=facts["sizes"],
            dropped=facts["dropped"],
            problems=tuple(Problem(**problem) for problem in facts["problems"]),
        )
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def store(place: Path, table: Dataset) -> None:
    """Write the table to `place`, instead of what may lie there damaged, and remove older states of its source."""
    half: Path | None = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=f"{place.name}.half-", dir=place.parent))
        np.save(half / "images.npy", table.images, allow_pickle=False)
        np.savez(half / "columns.npz", allow_pickle=False, **{name: getattr(table, name) for name in COLUMNS})
        facts = {name: getattr(table, name) for name in ("classes", "sizes", "dropped")}
        facts["problems"] = [asdict(problem) for problem in table.problems]
        (half / "facts.json").write_text(json.dumps(facts), "utf-8")
        if place.exists() and load(place) is None:
            shutil.rmtree(place, ignore_errors=True)
        half.rename(place)
        _prune(place)
    except OSError:  # a full or read-only disk, or another process was first
        if half is not None:
            shutil.rmtree(half, ignore_errors=True)


def _prune(place: Path) -> None:
    """Remove other states of the source of `place`, and what crashed writers left."""
    source = place.name.rsplit("-", 1)[0]
    for other in place.parent.glob(f"{source}-*"):
        with contextlib.suppress(OSError):
            if other != place and (".half-" not in other.name or time.time() - other.stat().st_mtime > STALE):
                shutil.rmtree(other, ignore_errors=True)
