"""What a check of a dataset is: what it looks at, and the issues that it finds."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.datasets.checks import duplicates, texture
from mien.datasets.dataset import Dataset

Fact = float | str | None | tuple[float, ...]


@dataclass(frozen=True)
class Issue:
    """One thing that a check has found.

    Args:
        rows: the samples that it concerns, as rows of the table, ascending; two and more are shown side by side.
        where: the file, class or person that it concerns, where it is no sample.
        text: what is wrong, where the title of the check does not say it all.
        captions: what the page says below the image of each row; the text by default.
        count: for how many it counts.
        rank: where the page shows it: the lowest first.
        facts: further keys and values of the JSON.
    """

    rows: tuple[int, ...] = ()
    where: str = ""
    text: str = ""
    captions: tuple[str, ...] = ()
    count: int = 1
    rank: float = 0.0
    facts: dict[str, Fact] = field(default_factory=dict)


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
        faces: whether faces were looked for: `table.sides` is 0 where there is none.
    """

    table: Dataset
    near: bool = True
    faces: bool = False

    @cached_property
    def duplicates(self) -> duplicates.Duplicates:
        """Which images are copies, and how they are alike."""
        return duplicates.find(self.table.images, near=self.near)

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


Removals = Callable[[CheckedData, Sequence[Issue], Collection[int]], Iterator[Removal]]


@dataclass(frozen=True)
class Check:
    """One kind of issue. A new one is one new file, and an entry point in the group `mien.checks`.

    Example:
        >>> def find(data):
        ...     means = data.table.images.reshape(len(data.table.images), -1).mean(axis=1)
        ...     return [Issue((row,)) for row in np.flatnonzero(means < 20).tolist()]
        >>> CHECK = Check("dark", "dark images", "Their mean grey level is below 20.", find, fix="on request")
    """

    name: str
    """The key in the JSON, and what --also calls it."""
    title: str
    """What its issues are, in the plural."""
    about: str
    """A sentence for the page."""
    find: Callable[[CheckedData], Sequence[Issue] | None]
    """Returns the issues, or None where the data or the options give nothing to look at."""
    severity: Literal["fault", "note"] = "note"
    """A fault makes figures wrong; with one, `mien data check` ends with exit code 1."""
    fix: Literal["always", "on request", "never"] = "never"
    """Whether --fix leaves out the training rows concerned; on request: with --also."""
    removals: Removals | None = None
    """Yields what --fix leaves out, given the data, the issues and the rows that earlier checks leave out; the rows of
    the issues by default. Rows of validation and test are kept all the same."""
