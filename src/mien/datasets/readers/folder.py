"""Class folders: <root>/[images/][train|validation|test/]<expression>/*.jpg, of any image format and size."""

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from mien.core.errors import InputError
from mien.core.images import SUFFIXES
from mien.core.labels import canonical, find_class
from mien.datasets.dataset import Dataset, ImageFile, ImageSpec, Problems, copy_files, read_files
from mien.datasets.readers.reader import DatasetReader
from mien.datasets.splits import find_split


def _folders(root: Path) -> list[Path]:
    try:
        with os.scandir(root) as entries:
            return sorted(Path(entry) for entry in entries if entry.is_dir() and not entry.name.startswith((".", "__")))
    except OSError as error:
        raise InputError(f"{root}: {error.strerror}") from None


def _split(folder: Path) -> str | None:
    split = find_split(folder.name)
    return None if split == "all" else split


def _classes(folders: Iterable[Path]) -> int:
    return sum(find_class(folder.name) is not None for folder in folders)


def base(root: Path) -> Path | None:
    """Return the folder that holds the split or class folders: `root`, or an `images` in it."""
    if not root.is_dir():
        return None
    for path in [root, *(folder for folder in _folders(root) if folder.name.lower() == "images")]:
        inside = _folders(path)
        if (
            _classes(inside) >= 2
            or _classes(sub for folder in inside if _split(folder) for sub in _folders(folder)) >= 2
        ):
            return path
    return None


def _parts(root: Path) -> list[tuple[str, Path]]:
    """Return (split, folder of class folders); the split is "" where there are no split folders."""
    top = base(root) or root
    return [(split, folder) for folder in _folders(top) if (split := _split(folder))] or [("", top)]


def _files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the files below a class folder, sorted by name; what is hidden is left out."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                yield from _files(Path(entry))
            else:
                yield entry


class FolderReader(DatasetReader):
    """Class folders, with or without split folders above them; files without an image's suffix are left out.

    Classes are the canonical names found, sorted; ids are paths from the root. A folder whose name is no expression is
    reported, one called 0 to 6 as well: FER2013's codes and the alphabetical order differ, so nothing is guessed.
    """

    name = "folder"
    expects = "folders of images named after expressions (angry, happy, ...), below train/validation/test or not"
    photos = True

    def recognises(self, root: Path) -> bool:
        return base(root) is not None

    def sources(self, root: Path) -> list[Path]:
        """Return every file below the class folders, known or not."""
        return [Path(entry) for _, part in _parts(root) for folder in _folders(part) for entry in _files(folder)]

    def load(self, root: Path, image: ImageSpec, problems: Problems) -> Dataset:
        files: list[ImageFile] = []
        others = 0
        for split, part in _parts(root):
            for folder in _folders(part):
                try:
                    label = canonical(folder.name)
                except InputError as error:
                    digit = folder.name.isdigit()
                    hint = "; a number does not say which expression it is: rename the folder" if digit else ""
                    problems.report(folder.relative_to(root), str(error) + hint)
                    continue
                for entry in _files(folder):
                    path = Path(entry)
                    if path.suffix.lower() in SUFFIXES:
                        files.append(ImageFile(path, path.relative_to(root).as_posix(), label, split))
                    else:
                        others += 1
        classes = tuple(sorted({file.label for file in files}))
        return read_files(root, files, classes, image, problems, {"not an image by its name": others})

    def copy(self, root: Path, out: Path, without: Collection[str]) -> None:
        files = {path.relative_to(root).as_posix(): path for path in self.sources(root)}
        copy_files({out / name: path for name, path in files.items() if name not in without})


READER = FolderReader()
