"""What the readers of labelled image files share: they list the files with their labels; the rest is done here."""

import os
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mien.core.images import SUFFIXES
from mien.datasets.dataset import Dataset, ImageFile, ImageSpec, Problems, copy_files, read_files
from mien.datasets.readers.reader import DatasetReader

LISTS = frozenset({".csv", ".tsv", ".txt", ".lst", ".npy"})


@dataclass(frozen=True)
class Listing:
    """The labelled image files of a dataset.

    Args:
        files: in the dataset's order, their ids unique.
        order: the classes in the dataset's own order; those without a file are left out.
        dropped: reason -> what a rule leaves out.
    """

    files: list[ImageFile]
    order: Iterable[str]
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        found = {file.label for file in self.files}
        return tuple(name for name in self.order if name in found)


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, sorted; what is hidden is left out, and what macOS adds to archives."""
    for here, folders, names in os.walk(folder, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")))
        yield from (Path(here, name) for name in sorted(names) if not name.startswith("."))


def pictures_below(folder: Path) -> list[Path]:
    """Return the image files below a folder, by their names."""
    return [path for path in files_below(folder) if path.suffix.lower() in SUFFIXES]


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in a folder, sorted; none where it is none."""
    found = folder.iterdir() if folder.is_dir() else []
    return sorted(path for path in found if not path.name.startswith((".", "__")) and path.is_dir())


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
        return [path for path in files_below(self.base(root)) if path.suffix.lower() in SUFFIXES | LISTS]

    def load(self, root: Path, image: ImageSpec, problems: Problems) -> Dataset:
        found = self.listing(root, image, problems)
        return read_files(self.base(root), found.files, found.classes, image, problems, found.dropped)

    def copy(self, root: Path, out: Path, without: Collection[str]) -> None:
        """Copy every image and list, less the files that only samples of `without` need."""
        gone, base = self.left_out(root, without), self.base(root)
        copy_files({out / path.relative_to(base): path for path in self.sources(root) if path not in gone})

    def left_out(self, root: Path, without: Collection[str]) -> set[Path]:
        """Return the files that go with the samples of some ids."""
        files = self.listing(root, ImageSpec(), Problems()).files
        return {file.path for file in files if file.id in without} - {
            file.path for file in files if file.id not in without
        }
