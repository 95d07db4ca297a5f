"""Files that are complete or absent: written under a temporary name, then renamed.

Temporary names are random and made anew, so that a link which somebody else has put into the folder is not followed.
"""

import functools
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from mien.core.errors import InputError
from mien.core.paths import check_local

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

TEMPORARY = re.compile(r"\..*\.[0-9a-f]{12}\.part")
STALE = 60.0  # seconds; an unfinished file that is older and that no process holds is the remains of a kill
LONGEST = 255  # bytes of a file's name
NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise an OSError of the block as an InputError that names the file."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary path, and rename it to `path` at the end: readers see the old file or the new one.

    With `durable` that holds after a power cut too: the content is on the disk before the file is renamed.

    Raises:
        InputError: the file cannot be written.
    """
    if not path.name:  # . and /
        raise InputError(f"{path}: a folder; expected the name of a file")
    check_local(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale(path.parent.resolve())
        part = path.with_name(_temporary(path.name))
        with os.fdopen(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | NO_FOLLOW, 0o666), "rb+") as held:
            try:
                lock(held)
                yield part
                if durable:
                    with part.open("rb") as file:
                        os.fsync(file.fileno())
                held.close()  # Windows renames no open file
                part.replace(path)
            finally:
                held.close()
                part.unlink(missing_ok=True)


def _temporary(name: str, ending: str = "part") -> str:
    """Return a hidden name that nobody can foresee, not longer than a name may be."""
    mark = f".{os.urandom(6).hex()}.{ending}"
    return "." + os.fsdecode(os.fsencode(name)[: LONGEST - 1 - len(mark)]) + mark


@functools.cache
def _remove_stale(folder: Path) -> None:
    """Remove the unfinished files that killed processes have left in a folder; once for each process."""
    with suppress(OSError):
        for path in folder.iterdir():
            if TEMPORARY.fullmatch(path.name) and time.time() - path.lstat().st_mtime > STALE:
                with suppress(OSError), open_known(path) as file:
                    if fcntl and lock(file):
                        path.unlink()


def lock(file: BinaryIO | int) -> bool:
    """Hold an open file until it is closed, and return whether it can be held: False where another process has it.

    Where the system cannot say (Windows, some network folders) the file counts as held.
    """
    with suppress(OSError):
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold a folder for the `with` block. InputError where another process holds it."""
    if not fcntl:
        yield
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        if not lock(held):
            raise InputError(f"{folder}: another mien is working in it; wait for its end")
        yield
    finally:
        os.close(held)


def open_known(path: Path) -> BinaryIO:
    """Open a file of our own whose name others can foresee, to read and to write; made where it is missing.

    Raises:
        OSError: it is a link, no file, has a second name (a hard link), or is of a user who owns neither this process
            nor the folder.
    """
    if path.is_symlink():  # O_NOFOLLOW says "Too many levels of symbolic links"
        raise OSError(f"{path.name} is a link; remove it")
    opened = os.open(path, os.O_RDWR | os.O_CREAT | NO_FOLLOW, 0o666)
    found = os.fstat(opened)
    trusted = not hasattr(os, "geteuid") or found.st_uid in (os.geteuid(), path.parent.stat().st_uid)
    if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1 and trusted:
        return os.fdopen(opened, "rb+")
    os.close(opened)
    raise OSError(f"{path.name} is no file, a hard link, or another user's; remove it")


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8, whole or not at all. Bytes of file names that are not UTF-8 are spelt as \\udce9."""
    with replacing(path) as part:
        part.write_bytes(text.encode("utf-8", "backslashreplace"))


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder next to `path`, and rename it to `path` at the end; an error removes it.

    Raises:
        OSError: it cannot be written, or `path` exists and is no empty folder.
    """
    part = path.with_name(_temporary(path.name, "half"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.mkdir()
        yield part
        if path.is_dir():
            path.rmdir()
        part.rename(path)
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def os_errors(path: Path) -> Iterator[None]:
    """Raise an OSError of the `with` block as InputError: the file, or else `path`, and the reason."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{error.filename or path}: {error.strerror or error}") from None


def check_folder(folder: Path) -> None:
    """Raise InputError where no file can be written into a folder, existing or not. For use before long work."""
    check_local(folder)
    with writing(folder):
        existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        reason = ": no permission" if existing.is_dir() else " is a file"
        raise InputError(f"{folder}: cannot be written ({existing}{reason})")
