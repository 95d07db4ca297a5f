"""Files that are complete or absent: written under a temporary name, then renamed."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from mien.core.errors import InputError


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
    part = path.with_name(f".{path.name}.part")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            if durable:
                with part.open("rb") as file:
                    os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


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
    part = path.with_name(f"{path.name}.half-{uuid4().hex}")
    try:
        part.mkdir(parents=True)
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
    with writing(folder):
        existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        reason = ": no permission" if existing.is_dir() else " is a file"
        raise InputError(f"{folder}: cannot be written ({existing}{reason})")
