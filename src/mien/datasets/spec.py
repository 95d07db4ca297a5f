"""Which labelled faces: the one description that every verb and function takes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mien.core.errors import InputError
from mien.core.labels import Targets, merge_rules, parse_classes
from mien.core.paths import local_path

Merge = Literal["drop", "contempt-as-disgust", "contempt-as-neutral"]


@dataclass(frozen=True)
class DataSpec:
    """A split of a dataset, and how it is read.

    Raises:
        InputError: an unknown split or merge, shares out of range, or the address of another machine as the path.

    Example:
        >>> DataSpec(Path("fer2013"), targets="majority").split
        'validation'
    """

    path: Path
    """The dataset's folder or file."""
    split: str = "validation"
    """Which split: train, validation (PublicTest), test (PrivateTest) or all."""
    kind: str | None = None
    """The format, such as fer2013, folder, csv or rafdb (inspect shows it), or a plug-in's; recognised by default."""
    targets: Targets = "label"
    """Which labels, where the dataset has FER+ votes."""
    classes: str | None = None
    """What numbers as labels mean; elsewhere, the classes to keep: fer2013, ferplus or three-class, or names: a,b,c."""
    merge: Merge = "drop"
    """How contempt is mapped where the model or the data lack it; drop leaves it out."""
    holdout: float | None = None
    """The validation share; refused where the dataset has such a split. By default that of the model's run."""
    exclude: Path | None = None
    """A CSV file whose column id lists the samples to leave out."""
    output: Targets | None = None
    """Which output of the model, where it has several; by default the one that follows the targets."""
    detector: str | None = None
    """For photos: find the face in each first (auto, yunet or a file). A photo without one counts as wrong."""

    def __post_init__(self) -> None:
        from mien.datasets.splits import split_name

        object.__setattr__(self, "path", local_path(self.path))
        split_name(self.split)
        self.class_names  # noqa: B018 - raises
        merge_rules(self.merge)
        if self.holdout is not None and not 0 <= self.holdout < 1:
            raise InputError(f"holdout {self.holdout:g}: expected a share of at least 0 and below 1")

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The classes that `classes` names."""
        return None if self.classes is None else parse_classes(self.classes)
