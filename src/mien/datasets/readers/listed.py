"""What the readers of labelled image files share: they list the files with their labels; the rest is done here."""

import os
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from mien.core.images import SUFFIXES
from mien.core.walk import ignore, walk
from mien.datasets.classes import ClassMap
from mien.datasets.dataset import Dataset, ImageFile, ImageSpec, Problems, copy_files, read_files
from mien.datasets.readers.reader import DatasetReader

LISTS = frozenset({".csv", ".tsv", ".txt", ".lst", ".npy"})


class Listing(NamedTuple):
    """The labelled image files of a dataset, in its order, their ids unique; and its classes, or what the labels mean.

    A class without a file is none of the dataset.
    """

    files: list[ImageFile]
    classes: Iterable[str] | ClassMap


def is_image(path: Path) -> bool:
    """Return whether a file has an image's name."""
    return path.suffix.lower() in SUFFIXES


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted; none where it cannot be read."""
    return _inside(folder, os.DirEntry.is_dir, lambda name: not name.startswith("__"))


def files_in(folder: Path, named: Callable[[str], object] = bool) -> list[Path]:
    """Return the files in a folder of such names, sorted; none where it cannot be read."""
    return _inside(folder, os.DirEntry.is_file, named)


def _inside(
    folder: Path, kind: Callable[[os.DirEntry[str]], bool], named: Callable[[str], object]
) -> list[Path]:  # a Path for each of 100,000 images would take seconds
    found = []
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # a link in a circle
                if not entry.name.startswith(".") and named(entry.name) and kind(entry):
                    found.append(Path(entry))
    return sorted(found)


def folders_within(root: Path, depth: int = 2) -> Iterator[Path]:
    """Yield `root` and the folders in it, down to a depth, upper ones first."""
    level = [root]
    for _ in range(depth + 1):
        yield from level
        level = [sub for folder in level for sub in subfolders(folder)]


def copy_lines(path: Path, out: Path, keep: Callable[[str], bool]) -> None:
    """Copy the lines of a text file that `keep` wants."""
    with path.open("rb") as lines, out.open("wb") as file:
        file.writelines(line for line in lines if keep(line.decode("utf-8-sig", "replace")))


class ListedReader(DatasetReader):
    """A format whose samples are image files, with labels from lists, from files or from names."""

    photos = True

    @abstractmethod
    def listing(self, root: Path, image: ImageSpec, problems: Problems) -> Listing:
        """Return what there is at `root`, without opening an image."""

    def base(self, root: Path) -> Path:
        """Return the folder that holds everything."""
        return root if root.is_dir() else root.parent

    def sources(self, root: Path) -> list[Path]:
        """Return every image and every list below the folder."""
        return [path for path in walk(self.base(root), ignore) if is_image(path) or path.suffix.lower() in LISTS]

    def load(self, root: Path, image: ImageSpec, problems: Problems) -> Dataset:
        found = self.listing(root, image, problems)
        classes = found.classes
        if not isinstance(classes, ClassMap):
            labels = {file.label for file in found.files}
            classes = tuple(name for name in classes if name in labels)
        return read_files(self.base(root), found.files, classes, image, problems, {})

    def files(self, root: Path) -> list[ImageFile]:
        return self.listing(root, ImageSpec(), Problems()).files

    def copy(self, root: Path, out: Path, without: Collection[str]) -> None:
        """Copy every image and list, less the files that only samples of `without` need."""
        gone, base = self.left_out(root, without), self.base(root)
        copy_files({out / path.relative_to(base): path for path in self.sources(root) if path not in gone})

    def left_out(self, root: Path, without: Collection[str]) -> set[Path]:
        """Return the files that go with the samples of some ids."""
        files = self.files(root)
        return {file.path for file in files if file.id in without} - {
            file.path for file in files if file.id not in without
        }
