"""Files on other machines, by addresses that fsspec knows: s3://, gs://, https:// and more."""

import glob
import tempfile
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path, PurePosixPath
from typing import Any

from mien.core.console import first_few, notice
from mien.core.errors import InputError
from mien.core.paths import address, from_printable
from mien.outputs.inputs import OTHER, SUFFIXES

WAITS = (0.5, 2.0)  # seconds before a file is tried again
AHEAD = 16  # files that are copied while others are recognised


def list_address(url: str) -> dict[str, tuple[Path, int]]:
    """Return every photo and video at an address: a file, a folder or a pattern. Each with its path below the folder,
    and its bytes, 0 where they are not known. What is passed over is counted on stderr.

    Raises:
        InputError: fsspec or its part for this kind of address is not installed, nothing can be read there, or no photo
            or video is there.
    """
    with _errors(url):
        system, root = _file_system(url)
        if PurePosixPath(root).suffix.lower() in SUFFIXES and not glob.has_magic(root):
            return {url: (Path(PurePosixPath(root).name), system.info(root).get("size") or 0)}
        found: dict[str, Any] = (
            system.glob(root, detail=True) if glob.has_magic(root) else system.find(root, detail=True)
        )
        if not (found or glob.has_magic(root)):
            system.info(root)  # which says why nothing is found
    folder = PurePosixPath(root[: root.index("*")]).parent if "*" in root else PurePosixPath(root)
    files, others = dict[str, tuple[Path, int]](), list[str]()
    for name, facts in sorted(found.items()):
        path = PurePosixPath(name)
        if facts["type"] != "file" or path.name.startswith("."):
            continue
        if path.suffix.lower() in SUFFIXES:
            below = path.relative_to(folder) if path.is_relative_to(folder) else path.name
            files[system.unstrip_protocol(name)] = Path(below), facts.get("size") or 0
        else:
            others.append(name)
    if others:
        notice(f"passed over: {len(others):,}, {OTHER} ({first_few(others)})")
    if not files:
        raise InputError(f"{url}: no photo or video there; looked for {' '.join(sorted(SUFFIXES))}")
    return files


@dataclass(frozen=True)
class Copy:
    """A file on this machine: itself, or a copy of what is at an address."""

    name: str
    """Its path as `printable` spells it, or its address."""
    path: Path
    error: str = ""
    """Why there is no copy."""

    def spelt(self, text: str) -> str:
        """Return a message about the file with its own name."""
        if str(self.path) == self.name:
            return text
        return self.error or text.replace(str(self.path), self.name)

    def remove(self) -> None:
        """Remove the file if it is a copy."""
        if address(self.name):
            self.path.unlink(missing_ok=True)


class Copies:
    """Makes copies of what is at addresses, a few ahead; those that are left are removed at the end of `with`."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="mien-", ignore_cleanup_errors=True)
        self._pool = ThreadPoolExecutor(AHEAD)
        self._numbers = count()

    def __enter__(self) -> "Copies":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._folder.cleanup()

    def __call__(self, names: Iterable[str]) -> Iterator[Copy]:
        """Yield each file, in order; those of this machine as they are."""
        waiting: deque[Copy | Future[Copy]] = deque()
        ahead = iter(names)
        while True:
            for name in islice(ahead, AHEAD - len(waiting)):
                waiting.append(
                    self._pool.submit(self._copy, name) if address(name) else Copy(name, from_printable(name))
                )
            if not waiting:
                return
            first = waiting.popleft()
            yield first.result() if isinstance(first, Future) else first

    def _copy(self, url: str) -> Copy:
        path = Path(self._folder.name) / str(next(self._numbers)) / PurePosixPath(url).name
        path.parent.mkdir()
        for wait in (*WAITS, None):
            try:
                with _errors(url):
                    system, root = _file_system(url)
                    system.get_file(root, str(path))
                break
            except InputError as error:
                if wait is None:
                    return Copy(url, path, str(error))
                time.sleep(wait)
        return Copy(url, path)


def _file_system(url: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise InputError(f"{url}: to read addresses install fsspec, and for s3:// s3fs, for gs:// gcsfs") from None
    system, root = url_to_fs(url)
    return system, root


@contextmanager
def _errors(url: str) -> Iterator[None]:
    """Raise what file systems raise, each something of its own, as InputError."""
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError as error:  # its text is the address
        raise InputError(f"{url}: cannot be read ({_first_line(error.__cause__ or 'nothing is there')})") from None
    except Exception as error:
        raise InputError(f"{url}: cannot be read ({_first_line(error)})") from None


def _first_line(error: object) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
