"""Finds the image files that a list names, wherever below a folder they lie."""

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from mien.core.errors import InputError
from mien.core.walk import Report, ignore, walk
from mien.datasets.readers.listed import is_image
from mien.datasets.splits import find_split


def split_of(parts: Sequence[str]) -> str:
    """Return the split that a path's folders name, "" where none does."""
    found = (find_split(part) for part in parts)
    return next((split for split in found if split not in (None, "all")), "") or ""


class ImageIndex:
    """The images below `base`, for lists in `base` or below it.

    A list may give a path from its own folder or from `base`, an absolute path, one of another machine
    or the end of one (`a.jpg` for images/a.jpg, with or without its suffix). A path of another machine is that of an
    image whose path from `base` is its end. Nothing else is matched.
    """

    def __init__(self, base: Path, report: Report = ignore) -> None:
        self.base = base
        self.images = list(filter(is_image, walk(base, report)))
        self.parts = {path: path.relative_to(base).parts for path in self.images}
        self._named: dict[str, list[Path]] = defaultdict(list)
        for path in self.images:
            for name in {path.name, path.stem, path.name.lower()}:
                self._named[name].append(path)

    def find(self, name: str, folder: Path, split: str = "") -> Path | None:
        """Return the image called `name` in a list in `folder`, None where there is none.

        Of several with that end, the one in a folder of the list's split is meant.

        Raises:
            InputError: several files may be meant.
        """
        text = name.strip().replace("\\", "/")
        for start in (folder, self.base):
            path = Path(os.path.normpath(start / text))
            if path in self.parts or _is_there(path):
                return path
        words = [part for part in PurePosixPath(text).parts if part not in (".", "..", "/")]
        if not words:
            return None
        named = self._named.get(words[-1]) or self._named.get(words[-1].lower(), [])
        ends = [path for path in named if _is_end(self.parts[path], words)]
        if len(ends) > 1 and split:
            ends = [path for path in ends if split_of(self.parts[path][:-1]) == split] or ends
        if len(ends) > 1:
            both = " and ".join("/".join(self.parts[path]) for path in ends[:2])
            raise InputError(f"{name}: {both} may be meant; write the path in the list")
        return ends[0] if ends else None


def _is_there(path: Path) -> bool:
    try:
        return is_image(path) and path.is_file()
    except (OSError, ValueError):  # a name that is too long, or holds a NUL
        return False


def _is_end(parts: Sequence[str], words: Sequence[str]) -> bool:
    """Return whether one of two paths is the end of the other; their last parts agree."""
    n = min(len(parts), len(words)) - 1
    return list(parts[len(parts) - 1 - n : -1]) == list(words[len(words) - 1 - n : -1])
