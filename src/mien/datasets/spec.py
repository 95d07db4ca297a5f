"""Which labelled faces: the one description that every verb and function takes."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Self

from mien.core.errors import InputError
from mien.core.labels import MERGES, Targets, names

Merge = Literal["drop", "contempt-as-disgust", "contempt-as-neutral"]


@dataclass(frozen=True)
class DataSpec:
    """A split of a dataset, and how it is read.

    Raises:
        InputError: an unknown split or merge, or shares out of range.

    Example:
        >>> DataSpec(Path("fer2013"), targets="majority").split
        'validation'
    """

    path: Path
    """The dataset's folder or file."""
    split: str = "validation"
    """Which part of it: train, validation (PublicTest), test (PrivateTest) or all."""
    kind: str | None = None
    """The format, where it is not to be recognised: fer2013, facial_expressions, folder, arrays, or a plug-in's."""
    targets: Targets = "label"
    """Which labels, where the dataset has FER+ votes."""
    classes: str | None = None
    """What the integers of arrays mean; elsewhere, the classes to keep: fer2013, alphabetical, ferplus,
    facial_expressions, three-class, or names with commas between them."""
    merge: Merge = "drop"
    """What contempt counts as, where one side lacks it; drop leaves it out."""
    holdout: float | None = None
    """The validation share where the dataset has no such split; that of the model's run by default."""
    exclude: Path | None = None
    """A CSV file whose column id lists what of the data is left out."""
    output: Targets | None = None
    """Which output of the model, where it has several; the one that follows the targets by default."""
    detector: str | None = None
    """The data are photos: find the face in each first, as predict does. A photo without a face counts as wrong."""

    def __post_init__(self) -> None:
        from mien.datasets.splits import split_name

        split_name(self.split)
        self.class_names  # noqa: B018 - raises
        if self.merge not in MERGES:
            raise InputError(f"unknown merge {self.merge!r}; known: {', '.join(MERGES)}")
        if self.holdout is not None and not 0 <= self.holdout < 1:
            raise InputError(f"holdout {self.holdout:g}: expected a share of at least 0 and below 1")

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The classes that `classes` names."""
        return None if self.classes is None else names(self.classes)

    def of(self, split: str) -> Self:
        """Return the same for another split."""
        return replace(self, split=split)
