"""What every reader makes of a path: all its samples with the facts about them, before a split is chosen."""

import os
import shutil
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.core.console import first_few, quantity, track
from mien.core.errors import InputError
from mien.core.paths import printable
from mien.core.walk import Report
from mien.datasets.classes import ClassMap
from mien.datasets.samples import Problem, fingerprint, hard
from mien.datasets.splits import SPLITS

BLOCK = 64  # image files that one thread decodes at a time
COLUMNS = ("labels", "ids", "splits", "groups", "sides")  # of a `Dataset`, each with one entry per sample


class FaceCropper(Protocol):
    """Cuts the face out of an image; its repr says how, for the cache."""

    def __call__(self, image: images.Pixels, /) -> images.Pixels | None:
        """Return the crop, square and of any size; None where no face is found."""


@dataclass(frozen=True)
class ImageSpec:
    """The images wanted: `size` x `size` pixels of uint8 in 1 (grey) or 3 (RGB) channels.

    `face` cuts the face out first; an image without one stays whole and is marked.
    """

    size: int = 48
    channels: int = 1
    face: FaceCropper | None = None

    def __post_init__(self) -> None:
        if self.size < 1 or self.channels not in (1, 3):
            got = f"size {self.size}, channels {self.channels}"
            raise InputError(f"{got}: expected a size of at least 1 and 1 or 3 channels")

    def empty(self, n: int) -> images.Pixels:
        """Return an uninitialised array for `n` images, uint8 [n, size, size] or [n, size, size, 3]."""
        return np.empty((n, self.size, self.size, 3)[: 3 + (self.channels == 3)], dtype=np.uint8)

    def fit(self, image: images.Pixels) -> images.Pixels:
        """Return an image of any size as wanted; one that is not square is squeezed, as published solutions do."""
        return images.to_channels(images.resize(image, self.size), self.channels)

    def find(self, image: images.Pixels) -> images.Pixels | None:
        """Return the image, or its face where faces are wanted; None where it has none."""
        return self.face(image) if self.face else image


@dataclass
class Problems:
    """Gathers what is wrong in a source; with `strict` the first one stops the reading."""

    strict: bool = False
    found: list[Problem] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    """How many files or rows a rule leaves out, by reason, for `Dataset.dropped`."""
    notes: list[str] = field(default_factory=list)
    """Sentences about how the source was read, for `Dataset.notes`."""
    examples: dict[str, str] = field(default_factory=dict)
    """The first few names of what a rule leaves out, by the reason that `Dataset.dropped` counts: "a, b and 2 more"."""

    def report(self, where: str | Path, what: str) -> None:
        """Raises InputError when strict."""
        problem = Problem(printable(where), printable(what))
        if self.strict:
            raise InputError(str(problem))
        self.found.append(problem)

    def reporter(self, root: Path) -> Report:
        """Return what reports a file or folder of `mien.core.walk` that cannot be read, by its path from `root`."""

        return lambda path, why: self.report(path.relative_to(root), why)

    def leave_out(self, reason: str, count: int, names: str = "") -> None:
        """Count what a rule leaves out, for `Dataset.dropped`, with the first few names (see `first_few`)."""
        if count or names:
            self.dropped[reason] = self.dropped.get(reason, 0) + count
            self.examples[reason] = names

    @property
    def first(self) -> str:
        """The first problem as the end of a sentence; "" where there is none."""
        return f"; the first: {self.found[0]}" if self.found else ""


@dataclass(frozen=True)
class Dataset:
    """All samples of a dataset as parallel arrays.

    Args:
        images: uint8 [n, h, w] or [n, h, w, 3], possibly memory-mapped.
        labels: int64 [n], -1 where there is none, or float32 [n, k].
        ids: str [n], unique.
        splits: str [n]: train, validation, test, or "" where the dataset does not say.
        groups: str [n]: the person in the image; samples of one group stay in one split. Empty strings where unknown.
        classes: the labels' names.
        sides: int64 [n]: the side of the face crop in pixels of the photo; 0 where no face was found, -1 where nobody
            looked for one.
        sizes: how many images had which size before they were resized, `48 x 48` (width x height).
        dropped: reason -> samples left out by a rule of the dataset, not for being broken.
        problems: what could not be read.
        examples: reason -> the first few names of what `dropped` counts, where they are known.
        notes: what the user should know of how the dataset was read, in sentences.
        renamed: name in the source -> class, of the classes that are called otherwise there (`classes.ClassMap`).
    """

    images: images.Pixels
    labels: NDArray[Any]
    ids: NDArray[np.str_]
    splits: NDArray[np.str_]
    groups: NDArray[np.str_]
    classes: tuple[str, ...]
    sizes: dict[str, int]
    sides: NDArray[np.int64]
    dropped: dict[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    examples: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    renamed: dict[str, str] = field(default_factory=dict)

    @property
    def hard(self) -> NDArray[np.int64]:
        """int64 [n]: the label, or the most voted class; -1 where there is none."""
        return hard(self.labels)

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Split -> class -> labelled samples, for the splits that have samples."""
        codes, found = self.hard, {}
        for split in SPLITS:
            if (rows := self.splits == split).any():
                counts = np.bincount(codes[rows & (codes >= 0)], minlength=len(self.classes))
                found[split] = dict(zip(self.classes, counts.tolist(), strict=True))
        return found

    @property
    def fingerprint(self) -> str:
        """As `Samples.fingerprint`."""
        return fingerprint(self.images, self.labels, self.classes)

    def used(self) -> Self:
        """Return the dataset without what a rule leaves out."""
        rows = np.flatnonzero(self.splits != "")
        if len(rows) == len(self.splits):
            return self  # memory-mapped still
        return replace(self, images=self.images[rows], **{name: getattr(self, name)[rows] for name in COLUMNS})


class ImageFile(NamedTuple):
    """An image file of a dataset, and what is known of it."""

    path: Path
    id: str
    label: str
    split: str = ""
    group: str = ""
    box: tuple[float, float, float, float] | None = None
    """The face (x, y, width, height) in pixels, where the dataset says it; only that is read."""


def cut_out(image: images.LoadedImage, box: Sequence[float]) -> images.Pixels:
    """Return the square around a dataset's own box. InputError where it lies outside of the image."""
    x, y, width, height = (side / scale for side, scale in zip(box, image.scale * 2, strict=True))
    down, across = image.pixels.shape[:2]
    inside = x < across and y < down and x + width > 0 and y + height > 0
    if not inside or max(width, height) > 2 * max(down, across):  # NaN is not inside
        raise InputError(f"face box {tuple(box)} outside of its {across} x {down} pixels")
    return images.crop_box(image.pixels, (x, y, width, height))


def read_files(
    root: Path,
    files: Sequence[ImageFile],
    classes: tuple[str, ...] | ClassMap,
    image_spec: ImageSpec,
    problems: Problems,
    dropped: dict[str, int],
) -> Dataset:
    """Read image files on all cores; those that cannot be read are reported.

    Args:
        root: where reported paths begin.
        files: what to read.
        classes: the labels' names; or what the labels mean: a class without an image that can be read is reported then,
            and is none.
        image_spec: what the images become.
        problems: where they are reported.
        dropped: what a rule has left out already, by reason.

    Raises:
        InputError: no image can be read.
    """
    n = len(files)
    pixels, good, sides = image_spec.empty(n), np.zeros(n, dtype=bool), np.full(n, -1)
    remarks: list[tuple[int, str]] = []  # what of an image is not read as it is in its file

    def read(start: int) -> list[tuple[int, str]]:
        outcome = []
        for index, file in enumerate(files[start : start + BLOCK], start):
            try:
                with images.reading(file.path) as loaded:
                    image = loaded.pixels
                    remarks.extend((index, note) for note in loaded.notes)
                face = cut_out(loaded, file.box) if file.box else image_spec.find(image)
                if image_spec.face or file.box:
                    sides[index] = 0 if face is None else len(face)
                pixels[index] = image_spec.fit(image if face is None else face)
                good[index] = True
                outcome.append((index, f"{image.shape[1]} x {image.shape[0]}"))
            except InputError as error:
                outcome.append((index, str(error).removeprefix(f"{file.path}: ")))
        return outcome

    starts, sizes = range(0, n, BLOCK), Counter[str]()
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        try:
            for outcome in track(pool.map(read, starts), f"reading {root.name}", len(starts)):
                for index, text in outcome:
                    if good[index]:
                        sizes[text] += 1
                    else:
                        path = files[index].path
                        problems.report(path.relative_to(root) if path.is_relative_to(root) else path, text)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if not good.any():
        raise InputError(f"{root}: no image in it can be read{problems.first}")
    for note in dict.fromkeys(note for _, note in sorted(remarks)):
        names = [files[index].id for index, other in sorted(remarks) if other == note]
        problems.notes.append(f"{quantity(len(names), 'image')}: {note} ({first_few(names)})")
    ids, labels, splits, groups = (np.array([file[column] for file in files]) for column in range(1, 5))
    renamed = {}
    if isinstance(classes, ClassMap):
        labels, of = np.array([classes.of[file.label] for file in files]), classes
        held = {*labels[good].tolist()}
        classes = tuple(name for name in of.classes if name in held)
        renamed = {name: new for name, new in of.renamed.items() if new in held}
    codes = {name: code for code, name in enumerate(classes)}
    if image_spec.face and (boxed := sum(file.box is not None for file in files)):
        problems.notes.append(f"{quantity(boxed, 'face')} cut out by the dataset's own boxes, not by the detector")
    for name, count in Counter(labels[~np.isin(labels, labels[good])].tolist()).items():
        problems.notes.append(f"class {name}: NONE of its {quantity(count, 'image')} can be read")
    return Dataset(
        images=pixels if good.all() else pixels[good],
        labels=np.array([codes[label] for label in labels[good].tolist()], dtype=np.int64),
        ids=ids[good],
        splits=splits.astype("<U10")[good],
        groups=groups[good],
        classes=classes,
        sizes=dict(sizes.most_common()),
        sides=sides[good],
        dropped=problems.dropped | {reason: count for reason, count in dropped.items() if count},
        problems=tuple(problems.found),
        renamed=renamed,
    )


def copy_files(files: dict[Path, Path]) -> None:
    """Copy files; new path -> old path."""
    for target, path in track(files.items(), "copying", len(files)):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
