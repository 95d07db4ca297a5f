"""The one sample type: what every reader returns and everything else consumes."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core import labels as taxonomy
from mien.core.console import first_few
from mien.core.errors import InputError
from mien.core.images import SUFFIXES


@dataclass(frozen=True)
class Problem:
    """One thing that was wrong in a source, and where: `fer2013.csv:17` or a path."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"

    @property
    def kind(self) -> str:
        """What cannot be used: a row, an image, or else a path (a folder, a link)."""
        if re.search(r":\d+$", self.where):
            return "row"
        return "image" if self.where.lower().endswith(tuple(SUFFIXES)) else "path"


def fingerprint(images: NDArray[np.uint8], labels: NDArray[Any], classes: tuple[str, ...]) -> str:
    """Return what `Samples.fingerprint` says of these arrays."""
    digest = hashlib.sha256(repr((images.shape, labels.shape, classes)).encode())
    for block in range(0, len(images), 4096):
        digest.update(np.ascontiguousarray(images[block : block + 4096]).tobytes())
    digest.update(np.ascontiguousarray(labels.astype(np.float32)).tobytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Samples:
    """Labelled face crops as parallel arrays.

    Args:
        images: uint8 [n, h, w] grey or [n, h, w, 3] RGB, possibly memory-mapped.
        labels: int64 [n], index into `classes`, -1 where there is none; or float32 [n, k], a distribution over
            `classes` per row (FER+ votes).
        ids: str [n], unique: the row or file each sample came from.
        sides: int64 [n], the side of the face crop in pixels of the photo; 0 where no face was found, -1 (or None
            for all) where nobody looked for one.
        classes: the labels' names.
        problems: what could not be read, in the order met.
        dropped: how many samples of the dataset a rule left out, by reason ("not a face"); they were not broken.

    Raises:
        InputError: the arrays do not fit each other; says expected and got.

    Example:
        >>> import mien, numpy as np
        >>> images = np.zeros((3, 48, 48), np.uint8)
        >>> faces = mien.Samples(images, np.array([0, 1, 1]), np.array(["a", "b", "c"]), ("bored", "engaged"))
        >>> faces.counts
        {'bored': 1, 'engaged': 2}
        >>> faces.hard.tolist()
        [0, 1, 1]
    """

    images: NDArray[np.uint8]
    labels: NDArray[Any]
    ids: NDArray[np.str_]
    classes: tuple[str, ...]
    sides: NDArray[np.int64] | None = None
    problems: tuple[Problem, ...] = field(default=(), repr=False)
    dropped: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n, k = len(self.images), len(self.classes)
        if self.images.dtype != np.uint8 or not (
            self.images.ndim == 3 or (self.images.ndim == 4 and self.images.shape[3] == 3)
        ):
            raise InputError(
                f"images: expected uint8 [n, h, w] or [n, h, w, 3], got {self.images.dtype} {list(self.images.shape)}"
            )
        if self.labels.shape not in ((n,), (n, k)):
            raise InputError(f"labels: expected [{n}] or [{n}, {k}], got {list(self.labels.shape)}")
        for name, column in (("ids", self.ids), ("sides", self.sides)):
            if column is not None and column.shape != (n,):
                raise InputError(f"{name}: expected [{n}], got {list(column.shape)}")
        if self.labels.ndim == 1:
            if not np.issubdtype(self.labels.dtype, np.integer):
                raise InputError(f"labels: expected integers, got {self.labels.dtype}")
            if n and (self.labels.min() < -1 or self.labels.max() >= k):
                raise InputError(f"labels: expected -1..{k - 1}, got {self.labels.min()}..{self.labels.max()}")
        elif n and not np.allclose(self.labels.sum(axis=1), 1, atol=1e-3):
            raise InputError("labels: expected rows that sum to 1")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: slice | NDArray[Any]) -> "Samples":
        """Return the samples at a slice, a boolean mask or an index array."""
        sides = None if self.sides is None else self.sides[index]
        return replace(self, images=self.images[index], labels=self.labels[index], ids=self.ids[index], sides=sides)

    def __iter__(self) -> Iterator[Any]:
        raise TypeError("Samples is not iterable; index its arrays")

    @property
    def found(self) -> NDArray[np.bool_]:
        """bool [n], whether a face was found in the photo; all True where nobody looked."""
        return np.ones(len(self), bool) if self.sides is None else np.asarray(self.sides != 0)

    @property
    def hard(self) -> NDArray[np.int64]:
        """int64 [n]: the label, or the most voted class (the first of a tie)."""
        return hard(self.labels)

    @property
    def counts(self) -> dict[str, int]:
        """How many samples each class has, by `hard`."""
        found = np.bincount(self.hard[self.hard >= 0], minlength=len(self.classes))
        return dict(zip(self.classes, found.tolist(), strict=True))

    @property
    def fingerprint(self) -> str:
        """The first 16 hex digits of a SHA-256 over images, labels and classes: equal data, equal fingerprint."""
        return fingerprint(self.images, self.labels, self.classes)

    def relabel(self, classes: tuple[str, ...], *, merge: str = "drop") -> "Samples":
        """Return the samples with labels of the taxonomy `classes`; what maps nowhere is left out.

        Distributions are summed per target class and scaled to 1 again; a row with nothing left is dropped.
        """
        if classes == self.classes or not self.classes:  # nothing is labelled
            return self
        return self._mapped(classes, taxonomy.mapping(self.classes, classes, merge=merge))

    def select(self, classes: tuple[str, ...], becomes: Mapping[str, str | None]) -> "Samples":
        """Return the samples of `classes` (see `mien.datasets.classes.select`); `dropped` counts the others."""
        codes = {name: code for code, name in enumerate(classes)}
        index = np.array([codes[new] if (new := becomes[name]) else taxonomy.DROP for name in self.classes], np.int64)
        kept = self._mapped(classes, index)
        if len(kept) == len(self):
            return kept
        lost = [name for name, n in self.counts.items() if n and becomes[name] is None]
        reason = f"of another class than the {len(classes)} asked for ({first_few(lost, 6)})"
        return replace(kept, dropped={**self.dropped, reason: len(self) - len(kept)})

    def _mapped(self, classes: tuple[str, ...], index: NDArray[np.int64]) -> "Samples":
        """Return the samples with the class `index[label]`; those of `DROP` are left out."""
        labels, keep = reindex(self.labels, index, len(classes))
        kept = self if keep.all() else self[keep]  # images stay memory-mapped where they can
        return replace(kept, labels=labels[keep], classes=classes)


def hard(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return int64 [n]: the labels, or the most voted class of each row [k] (the first of a tie)."""
    return np.asarray(labels if labels.ndim == 1 else labels.argmax(axis=1), dtype=np.int64)


def relabel(
    labels: NDArray[Any], classes: tuple[str, ...], target: tuple[str, ...], *, merge: str = "drop"
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return labels of `classes` as labels of `target`, and bool [n]: which of them have one there.

    A label of -1 stays and counts as kept. Distributions are summed per target class and scaled to 1 again.
    """
    return reindex(labels, taxonomy.mapping(classes, target, merge=merge), len(target))


def reindex(labels: NDArray[Any], index: NDArray[np.int64], k: int) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return labels of `k` classes, `index[label]` each, and bool [n]: which of them are not `DROP`; as `relabel`."""
    if labels.ndim == 1:
        mapped = np.where(labels >= 0, index[labels], labels)
        return mapped, (mapped >= 0) | (labels < 0)
    matrix = np.zeros((len(index), k), dtype=np.float32)
    matrix[np.flatnonzero(index >= 0), index[index >= 0]] = 1
    mapped = labels @ matrix
    total = mapped.sum(axis=1, keepdims=True)
    return mapped / np.where(total > 0, total, 1), total[:, 0] > 0
