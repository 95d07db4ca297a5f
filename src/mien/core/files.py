"""Files that are whole or not there: written beside their place, then moved to it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mien.core.errors import InputError


@contextmanager
def replacing(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Give a path beside `path` to write to, and move it there at the end: there is the old file, or the new one.

    With `durable` that holds after a power cut too: the content is on the disk before the file is moved.

    Raises:
        InputError: it cannot be written there.
    """
    if not path.name:  # . and /
        raise InputError(f"{path}: a folder; expected the name of a file")
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            if durable:
                with part.open("rb") as file:
                    os.fsync(file.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None


def check_folder(folder: Path) -> None:
    """Raise InputError where no file could be written into a folder, one still to be made too. Ask before long work."""
    try:
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror})") from None
    if not there.is_dir():
        raise InputError(f"{folder}: cannot be written ({there} is a file)")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: cannot be written ({there}: no permission)")
