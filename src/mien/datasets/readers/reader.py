"""What a reader of a dataset format is, and the first line of a CSV file, by which readers recognise one."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core import csv_files
from mien.core.errors import InputError
from mien.datasets.classes import is_number, name_numbers
from mien.datasets.dataset import Dataset, ImageFile, ImageSpec, Problems


def header(path: Path) -> list[str]:
    """Return the column names in a CSV file's first line, lower case; [] where it is no CSV file."""
    try:
        return csv_files.sniff(path).names
    except InputError:
        return []


class DatasetReader(ABC):
    """One dataset format. A new one is one new file with a subclass, and an entry point in the group `mien.readers`."""

    name: str
    """What `DataSpec.kind` and --kind call it."""
    expects: str
    """What lies at the path, for an error message."""
    holdout: tuple[float, float] = (0.1, 0.1)
    """The validation and test shares where the dataset has no such splits."""
    targets: tuple[str, ...] = ("label",)
    """The labellings it can give."""
    photos: bool = False
    """Whether it reads files of whole photos, in which faces can be found."""
    names_classes: bool = False
    """Whether `DataSpec.classes` says what its integers mean, not which classes to keep."""

    @abstractmethod
    def recognises(self, root: Path) -> bool:
        """Return whether `root` holds this format; looks at names and first lines only."""

    def fits(self, root: Path) -> bool:
        """Return whether `root` can be read as this format where the user names it; by default as `recognises`."""
        return self.recognises(root)

    @abstractmethod
    def sources(self, root: Path) -> list[Path]:
        """Return the files whose size and time decide whether a cached copy is still good."""

    def unread(self, root: Path) -> list[Path]:
        """Return files and folders that are named as not read; they decide about a cached copy as sources do."""
        return []

    @abstractmethod
    def load(self, root: Path, image: ImageSpec, problems: Problems) -> Dataset:
        """Read everything, with the dataset's own labels.

        Raises:
            InputError: nothing in it can be read.
        """

    def files(self, root: Path) -> list[ImageFile]:
        """Return the image files whose ids are those of the samples; [] where samples are no files of their own."""
        return []

    @abstractmethod
    def copy(self, root: Path, out: Path, without: Collection[str]) -> None:
        """Write the dataset to the folder `out` in its own format, without the samples of some ids."""

    def lacks(self, root: Path, targets: str) -> str:
        """Return what the dataset at `root`, which is of this format, lacks for a labelling; "" where nothing."""
        return ""

    def label(
        self, table: Dataset, root: Path, targets: str, classes: Sequence[str] | None, problems: Problems
    ) -> tuple[Dataset, NDArray[Any]]:
        """Return the table with the labels asked for, and a mask, bool [n], of the samples that the labelling keeps.

        Raises:
            InputError: the classes are numbers, and `classes` does not say what they mean.
        """
        if table.classes and all(map(is_number, table.classes)):
            names = name_numbers(table.classes, classes, root)
            table = replace(table, classes=names, renamed=dict(zip(table.classes, names, strict=True)))
        return table, np.ones(len(table.labels), dtype=bool)
