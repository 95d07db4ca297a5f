"""Lists of paths on stdin, as find, editors and spreadsheets write them."""

import os
import re
import sys
from collections.abc import Collection
from pathlib import Path

from mien.core.console import quantity
from mien.core.csv_files import MARKS
from mien.core.errors import InputError
from mien.core.streams import say


def read_stdin() -> list[Path]:
    """Return the paths on stdin, one a line, or with NUL after each (find -print0).

    A byte-order mark, UTF-16 and UTF-32 are understood; quotes and spaces around a path, and lines that begin with #,
    are left out unless a file has that name.

    Raises:
        InputError: stdin is closed or has no path.
    """
    if sys.stdin is None:
        raise InputError("stdin: closed; - reads a list of paths from it")
    try:
        content: bytes | str = getattr(sys.stdin, "buffer", sys.stdin).read()
    except OSError as error:
        raise InputError(f"stdin: {error.strerror or error}; - reads a list of paths from it") from None
    text = content if isinstance(content, str) else _decoded(content)
    separated = "\0" in text
    lines = text.split("\0") if separated else re.split(r"\r\n|\r|\n", text)
    paths = [Path(line if separated else _bare(line)) for line in lines if line.strip()]
    comments = [path for path in paths if not separated and str(path).startswith("#") and not _exists(str(path))]
    if comments:
        say(f"stdin: {quantity(len(comments), 'line')} after # passed over: {comments[0]}")
    paths = [path for path in paths if path not in comments]
    if not paths:
        raise InputError("stdin: an empty list; expected paths, one a line")
    if re.search(r"[\x01-\x08\x0e-\x1a]", text) and not any(_exists(str(path)) for path in paths):
        raise InputError("stdin: no text; expected paths, one a line (a photo or video is given by its name)")
    return paths


def is_list(path: Path, suffixes: Collection[str]) -> bool:
    """Return whether a file is a list of photos or videos rather than one of them: text whose first line is a path, of
    a file or with one of the suffixes. A file that has one of them itself is none, and is not opened."""
    if path.suffix.lower() in suffixes or not os.path.isfile(path):  # noqa: PTH113 - a named pipe, say; and as _exists
        return False
    try:
        with path.open("rb") as file:
            start = _decoded(file.read(8192))
    except (OSError, ValueError):
        return False
    first = next((_bare(line) for line in re.split(r"[\r\n\0]", start) if line.strip()), "")
    return first.isprintable() and first != str(path) and (_exists(first) or Path(first).suffix.lower() in suffixes)


def _decoded(content: bytes) -> str:
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding, "surrogateescape" if encoding == "utf-8-sig" else "replace")
    for encoding, zeros in (("utf-16-le", content[1::2]), ("utf-16-be", content[::2])):
        if len(content) % 2 == 0 and 2 * zeros.count(0) > len(zeros):  # find -print0 has one after each path only
            return content.decode(encoding, "replace")
    return os.fsdecode(content)


def _bare(line: str) -> str:
    """Return a line without spaces and quotes around it, unless they belong to the name of a file."""
    spellings = [line, line.strip(), _unquoted(line.strip())]
    return next((spelling for spelling in spellings if _exists(spelling)), spellings[-1])


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text


def _exists(name: str) -> bool:
    return os.path.exists(name)  # noqa: PTH110 - False, where pathlib raises, for names that are too long
