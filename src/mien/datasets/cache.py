"""A dataset kept on disk as it was read, its images as one memory-mapped array.

An entry is a folder named after what was read (path and image size) and the state of its sources (names, sizes, times).
It is written under another name and renamed, so that nobody reads half an entry and concurrent writers do no harm. The
cache only ever saves time: an entry that cannot be read is made anew, one that cannot be written is left out. No
library serves: a table of images would be copied into memory, or need a format of its own.
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from mien.core import records
from mien.core.console import notice
from mien.core.errors import InputError
from mien.core.files import replacing_folder
from mien.core.paths import user_folder
from mien.datasets.dataset import COLUMNS, Dataset, ImageSpec
from mien.datasets.samples import Problem

VERSION = 9  # raise it whenever a reader gives other arrays for the same files
STALE = 24 * 3600  # seconds after which a half-written entry is the remains of a crash


@dataclass(frozen=True)
class CacheEntry:
    """facts.json of an entry: what of a `Dataset` is no array."""

    classes: tuple[str, ...]
    sizes: dict[str, int]
    dropped: dict[str, int]
    problems: tuple[Problem, ...]
    examples: dict[str, str]
    notes: tuple[str, ...]
    renamed: dict[str, str]


FACTS = tuple(field.name for field in fields(CacheEntry))


def folder() -> Path:
    """Return the folder of the entries: MIEN_CACHE, else XDG_CACHE_HOME/mien, else ~/.cache/mien.

    Without a home folder it is one in which nothing can be kept.
    """
    if chosen := user_folder("MIEN_CACHE", "XDG_CACHE_HOME", ".cache"):
        return chosen
    notice("there is no home folder: what was read is not kept for the next time; MIEN_CACHE names a folder for it")
    return Path(os.devnull, "mien")


def entry(kind: str, root: Path, sources: Iterable[Path], image_spec: ImageSpec) -> Path:
    """Return the folder for this source in its present state."""
    root = root.resolve()
    states = _hash([VERSION, np.dtype(int).byteorder, *map(_state, sources)])
    return folder() / f"{kind}-{_hash([str(root), image_spec])}-{states}"


def _state(path: Path) -> tuple[str, int, int, int]:
    """Return name, size, time and rights of a file; zeros where it has gone since the folder was listed."""
    try:
        status = path.stat()
    except OSError:
        return str(path), 0, 0, 0
    return str(path), status.st_size, status.st_mtime_ns, status.st_mode


def _hash(parts: Iterable[object]) -> str:
    return hashlib.sha256("\n".join(map(repr, parts)).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def cached(path: Path, read: Callable[[], Dataset]) -> Dataset:
    """Return the dataset stored at `path`, or read it and store it there."""
    if (table := load(path)) is not None:
        return table
    table = read()
    store(path, table)
    return load(path) or table  # memory-mapped, so that the copy in memory can go


def load(path: Path) -> Dataset | None:
    """Return the stored dataset, or None where there is none or it is damaged."""
    try:
        facts = records.read(path / "facts.json", CacheEntry, what="an entry of the cache")
        images = np.load(path / "images.npy", mmap_mode="r", allow_pickle=False)
        with (path / "columns.npz").open("rb") as file, np.load(file, allow_pickle=False) as columns:
            arrays = {name: columns[name] for name in COLUMNS}
    except Exception:  # numpy, tokenize and zipfile raise a dozen kinds on damaged files
        return None
    if images.dtype != np.uint8 or any(len(array) != len(images) for array in arrays.values()):
        return None
    return Dataset(images=images, **arrays, **vars(facts))


def store(path: Path, table: Dataset) -> None:
    """Write the dataset to `path`, over what may be there damaged, and remove older states of its source."""
    try:
        with replacing_folder(path) as half:
            np.save(half / "images.npy", table.images, allow_pickle=False)
            np.savez(half / "columns.npz", allow_pickle=False, **{name: getattr(table, name) for name in COLUMNS})
            records.write(half / "facts.json", CacheEntry(**{name: getattr(table, name) for name in FACTS}))
            if path.exists() and load(path) is None:
                shutil.rmtree(path, ignore_errors=True)
        prune(path)
    except (OSError, InputError) as error:
        if path.parents[1] != Path(os.devnull) and not os.path.exists(path):  # noqa: PTH110 - another process was first
            reason = getattr(error, "strerror", None) or error
            notice(f"{path.parent}: not kept for the next time ({reason}); MIEN_CACHE names another folder")


def prune(path: Path) -> None:
    """Remove other states of the source of `path`, and what crashed writers left."""
    source = path.name.rsplit("-", 1)[0]
    for other in path.parent.glob(f"{source}-*"):
        with contextlib.suppress(OSError):
            if other != path and (".half-" not in other.name or time.time() - other.stat().st_mtime > STALE):
                shutil.rmtree(other, ignore_errors=True)
