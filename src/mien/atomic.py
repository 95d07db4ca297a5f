"""Files that are whole or not there: written beside their place, then moved to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mien.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to, and move it there at the end: the old file stands, or the new one.

    Raises:
        InputError: it cannot be written there.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error})") from None
