"""What a check of a dataset is: what it looks at, and the issues that it finds."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.core import console
from mien.datasets.checks import duplicates, texture
from mien.datasets.dataset import Dataset


@dataclass(frozen=True)
class Issue:
    """One thing that a check has found; a check that knows more of it adds fields in a subclass.

    Args:
        rows: the samples that it concerns, as rows of the table, ascending; two and more are shown side by side.
        where: the file, class or person that it concerns, where it is no sample.
        text: what is wrong, where the title of the check does not say it all.
    """

    rows: tuple[int, ...] = ()
    where: str = ""
    text: str = ""

    @property
    def rank(self) -> float:
        """Where the page shows it: the lowest first."""
        return 0.0

    def caption(self, member: int) -> str:
        """Return what the page says below the image of `rows[member]`."""
        return self.text


class Removal(NamedTuple):
    """A training row that --fix leaves out."""

    row: int
    reason: str
    other: int | None = None
    """The row that it copies or contradicts."""


@dataclass(frozen=True)
class CheckedData:
    """What the checks look at; what several of them need is computed once, when it is first asked for.

    Args:
        table: the samples, with the splits that the dataset itself has; the rest counts as train.
        near: whether copies are looked for by their pixels too, not only by equal bytes.
        faces: whether faces were looked for: `table.found` says where there is one.
    """

    table: Dataset
    near: bool = True
    faces: bool = False

    @cached_property
    def duplicates(self) -> duplicates.Duplicates:
        """Which images are copies, and how they are alike."""
        with console.bar() as bar:
            task = bar.add_task("looking for copies", total=1.0)
            return duplicates.find(
                self.table.images, near=self.near, advance=lambda share: bar.update(task, completed=share)
            )

    @cached_property
    def texture(self) -> texture.Texture:
        """The deviation and entropy of each image's grey levels."""
        return texture.measure(self.table.images)

    @cached_property
    def blank(self) -> NDArray[np.bool_]:
        """[n], the images nearly of one grey level."""
        return np.asarray(self.texture.deviation < texture.BLANK)

    @cached_property
    def few_grey_levels(self) -> NDArray[np.bool_]:
        """[n], the other images that have few grey levels."""
        return np.asarray((self.texture.bits < texture.BITS) & ~self.blank)


class Check(ABC):
    """One kind of issue. A new one is one new file with a subclass, and an entry point in the group `mien.checks`.

    Example:
        >>> class Dark(Check):
        ...     name, title, about = "dark", "dark images", "Their mean grey level is below 20."
        ...     def find(self, data):
        ...         means = data.table.images.reshape(len(data.table.images), -1).mean(axis=1)
        ...         return [Issue((row,)) for row in np.flatnonzero(means < 20).tolist()]
    """

    name: str
    """The key in the JSON, and what --also calls it."""
    title: str
    """What its issues are, in the plural: "blank images"."""
    about: str = ""
    """A sentence for the page."""
    severity: Literal["fault", "note"] = "note"
    """A fault makes figures wrong; with one, `mien data check` ends with exit code 1."""
    fix: Literal["always", "on request", "never"] = "never"
    """Whether --fix leaves out the training rows concerned; on request: with --also."""

    @abstractmethod
    def find(self, data: CheckedData) -> Sequence[Issue] | None:
        """Return the issues, or None where the data or the options give nothing to look at."""

    def count(self, issues: Sequence[Issue]) -> int:
        """Return how many there are, as the table of findings has it."""
        return len(issues)

    def describe(self, data: CheckedData, issues: Sequence[Issue]) -> str:
        """Return what the page says before the issues."""
        return self.about

    def headline(self, issues: Sequence[Issue]) -> tuple[str, str] | None:
        """Return a figure and its unit for the top of the page; None leaves it to the next check."""
        return None

    def removals(self, data: CheckedData, issues: Sequence[Issue], gone: Collection[int]) -> Iterator[Removal]:
        """Yield what --fix leaves out; rows of validation and test are kept all the same.

        Args:
            data: what was checked.
            issues: those found.
            gone: rows that earlier checks leave out.
        """
        for issue in issues:
            for row in issue.rows:
                yield Removal(row, self.name)
