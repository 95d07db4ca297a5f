"""numpy arrays as leaderboards hand them out: x_train.npy, y_train.npy, x_test.npy, or the same names in one .npz.

Images are [n, side * side], [n, h, w], [n, h, w, 1] or [n, h, w, 3], whole numbers in 0..255 or floats in 0..1 or
0..255; labels are integers [n] or one-hot [n, k]. What the integers mean is in no such file: three classes are the
leaderboard's angry, happy and neutral, any other number has to be named by the caller.
"""

import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.console import track
from mien.core.errors import InputError
from mien.core.images import Pixels
from mien.core.labels import DROP, TAXONOMIES, THREE
from mien.datasets.dataset import Dataset, ImageSpec, Problems
from mien.datasets.readers.reader import DatasetReader
from mien.datasets.splits import find_split

IMAGES = frozenset({"x", "images", "pixels", "faces", "data"})
LABELS = frozenset({"y", "labels", "label", "targets"})
BLOCK = 1024  # images converted at a time


@dataclass(frozen=True)
class _Array:
    """One array on disk: a .npy file, or the member `key` of an .npz."""

    path: Path
    key: str = ""

    @property
    def name(self) -> str:
        return self.key or self.path.stem

    def load(self) -> NDArray[Any]:
        try:
            if self.key:
                with self.path.open("rb") as file, np.load(file, allow_pickle=False) as bundle:
                    array = np.asarray(bundle[self.key])
            else:
                array = np.load(self.path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, MemoryError) as error:
            why = (str(error) or type(error).__name__).splitlines()[0]
            if "pickle" in why:
                why = "damaged, or it holds Python objects; save it as numbers"
            raise InputError(f"{self}: no array that can be read ({why})") from None
        if array.dtype.kind not in "buif":
            raise InputError(f"{self}: dtype {array.dtype}, expected numbers")
        return array

    def __str__(self) -> str:
        return f"{self.path}:{self.key}" if self.key else str(self.path)


def _role(name: str) -> tuple[str, str] | None:
    """Return (split, "x" or "y") of a name like x_train, y-test or X; the split is "" where it names none."""
    words = [word for word in re.split(r"[^a-z]+", name.lower()) if word]
    kinds = [("x" if word in IMAGES else "y") for word in words if word in IMAGES | LABELS]
    others = [word for word in words if word not in IMAGES | LABELS]
    split = find_split(others[0]) if others else ""
    return None if len(kinds) != 1 or len(others) > 1 or split in (None, "all") else (split, kinds[0])


def find(root: Path) -> dict[tuple[str, str], _Array]:
    """Return (split, x or y) -> array for what lies at `root`: a folder, an .npz file, or one .npy file of images."""
    if root.is_file() and root.suffix.lower() == ".npy":
        role = _role(root.stem)
        return {(role[0] if role and role[0] else "test", "x"): _Array(root)} if role is None or role[1] == "x" else {}
    arrays: list[_Array] = []
    for path in sorted(root.iterdir()) if root.is_dir() else [root]:
        if path.suffix.lower() == ".npy":
            arrays.append(_Array(path))
        elif path.suffix.lower() == ".npz":
            try:
                with zipfile.ZipFile(path) as archive:
                    arrays += [_Array(path, name.removesuffix(".npy")) for name in archive.namelist()]
            except (OSError, zipfile.BadZipFile):
                continue
    found = {role: array for array in reversed(arrays) if (role := _role(array.name))}
    return found if any(role == "x" for _, role in found) else {}


def _shaped(array: NDArray[Any], source: _Array) -> NDArray[Any]:
    """Return images as [n, h, w] or [n, h, w, 3]."""
    if array.ndim == 2:
        side = round(array.shape[1] ** 0.5)
        if side * side == array.shape[1] and side > 1:
            return array.reshape(-1, side, side)
    if array.ndim == 4 and array.shape[3] == 1:
        return array[..., 0]
    if (array.ndim == 3 or (array.ndim == 4 and array.shape[3] == 3)) and 0 not in array.shape[1:]:
        return array
    raise InputError(
        f"{source}: shape {list(array.shape)}; expected [n, side * side], [n, h, w], [n, h, w, 1] or [n, h, w, 3]"
    )


def _pixels(
    array: NDArray[Any], source: _Array, image_spec: ImageSpec, problems: Problems
) -> tuple[Pixels, NDArray[np.bool_]]:
    """Return the images whose values are in range, as wanted, and a mask [n] of which they are."""
    n, around = len(array), tuple(range(1, array.ndim))
    lowest, highest = array.min(axis=around), array.max(axis=around)
    floats = array.dtype.kind == "f"
    unit = floats and n > 0 and float(np.nanmedian(highest)) <= 1  # the median: one row of 999 does not decide
    top = 1 if unit else 255
    good = (lowest >= 0) & (highest <= top)  # NaN is not
    for row in np.flatnonzero(~good).tolist():
        problems.report(f"{source.name}:{row:05d}", f"values {lowest[row]:g}..{highest[row]:g}, expected 0..{top}")
    rows = np.flatnonzero(good)
    pixels = image_spec.empty(len(rows))
    starts = range(0, len(rows), BLOCK)
    for start in track(starts, f"reading {source.name}", len(starts)):
        block = array[rows[start : start + BLOCK]]
        if floats:
            block = np.rint(block * np.float32(255 if unit else 1))
        block = block.astype(np.uint8)
        for row, one in enumerate(block, start=start):
            pixels[row] = image_spec.fit(one)
    return pixels, good


def _labels(
    target: _Array, n: int, source: _Array, problems: Problems
) -> tuple[NDArray[np.int64], NDArray[np.bool_], int]:
    """Return labels int64 [n], a mask of the good ones, and the number of classes."""
    array = target.load()
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if len(array) != n or array.ndim not in (1, 2):
        raise InputError(f"{target}: labels of shape {list(array.shape)} for {n} images in {source.path.name}")
    values = np.asarray(array, dtype=np.float64)
    if values.ndim == 2:
        good = np.isin(values, (0, 1)).all(axis=1) & (values.sum(axis=1) == 1)
        labels, classes = values.argmax(axis=1), values.shape[1]
        expected = "one 1 and else 0"
    else:
        good = (values >= 0) & (values < 1000) & (values == np.floor(values))
        labels = np.where(good, values, DROP).astype(np.int64)
        classes = int(labels.max(initial=-1)) + 1
        expected = "a whole number from 0"
    for row in np.flatnonzero(~good).tolist():
        label = np.array2string(values[row], threshold=8)
        problems.report(f"{target.name}:{row:05d}", f"label {label}, expected {expected}")
    return labels.astype(np.int64), good, classes


class ArraysReader(DatasetReader):
    """Arrays; ids are `x_train:00017`. `DataSpec.classes` says what the integers mean; three are the leaderboard's."""

    name = "arrays"
    expects = "numpy arrays x_train.npy, y_train.npy, x_test.npy, or an .npz with them"
    holdout = (0.1, 0.0)
    names_classes = True

    def recognises(self, root: Path) -> bool:
        return bool(find(root))

    def sources(self, root: Path) -> list[Path]:
        return sorted({array.path for array in find(root).values()})

    def load(self, root: Path, image: ImageSpec, problems: Problems) -> Dataset:
        """Read everything; the classes are the integers as text ("0", "1", ...) until `label` names them.

        Raises:
            InputError: an array is not of a shape named above, or images and labels differ in number.
        """
        found = find(root)
        images: list[Pixels] = []
        labels: list[int] = []
        ids: list[str] = []
        splits: list[str] = []
        sizes, width = Counter[str](), 0
        for split in ("train", "validation", "test", ""):
            if (source := found.get((split, "x"))) is None:
                continue
            shaped = _shaped(source.load(), source)
            codes, good = np.full(len(shaped), DROP, dtype=np.int64), np.ones(len(shaped), dtype=bool)
            if target := found.get((split, "y")):
                codes, good, known = _labels(target, len(shaped), source, problems)
                width = max(width, known)
            pixels, fine = _pixels(shaped, source, image, problems)
            rows = np.flatnonzero(good & fine)
            images.append(pixels[good[fine]])
            labels += codes[rows].tolist()
            ids += [f"{source.name}:{row:05d}" for row in rows.tolist()]
            splits += [split] * len(rows)
            sizes[f"{shaped.shape[2]} x {shaped.shape[1]}"] += len(rows)
        if not ids:
            raise InputError(f"{root}: no image that can be read{problems.first}")
        return Dataset(
            images=np.concatenate(images),
            labels=np.array(labels, dtype=np.int64),
            ids=np.array(ids),
            splits=np.array(splits, dtype="<U10"),
            groups=np.full(len(ids), "", dtype="<U1"),
            classes=tuple(map(str, range(width))),
            sizes=dict(sizes),
            sides=np.full(len(ids), -1),
            problems=tuple(problems.found),
        )

    def label(
        self, table: Dataset, root: Path, targets: str, classes: Sequence[str] | None, problems: Problems
    ) -> tuple[Dataset, NDArray[Any]]:
        """Name the classes; a few labels beyond them are reported.

        Raises:
            InputError: `classes` are of another number, or are needed and not given.
        """
        k = len(table.classes)
        keep = np.ones(len(table.labels), dtype=bool)
        if classes is None:
            if k in (0, len(THREE)):
                return replace(table, classes=THREE[:k]), keep
            known = " or ".join(f"--classes {name}" for name, names in TAXONOMIES.items() if len(names) == k)
            hint = f"say which order they are in: {known}" if known else "name them in their order as classes"
            raise InputError(f"{root}: labels 0..{k - 1} without names; {hint}")
        if k > len(classes):
            keep = table.labels < len(classes)
        wrong = table.ids[~keep].tolist()
        if k not in (0, len(classes)) and not 0 < len(wrong) <= max(1, len(keep) // 100):
            raise InputError(f"{root}: labels 0..{k - 1}, but {len(classes)} classes are named ({', '.join(classes)})")
        for where, label in zip(wrong, table.labels[~keep].tolist(), strict=True):
            problems.report(where, f"label {label}, expected 0..{len(classes) - 1}")
        found = (*table.problems, *problems.found)
        return replace(table, classes=tuple(classes), labels=np.where(keep, table.labels, DROP), problems=found), keep

    def copy(self, root: Path, out: Path, without: Collection[str]) -> None:
        """Write the arrays as .npy files of the same names, in the types and shapes they had."""
        found = find(root)
        for (split, _), source in found.items():
            if (split, "x") in found:
                name = found[split, "x"].name
                array = source.load()
                keep = np.array([f"{name}:{row:05d}" not in without for row in range(len(array))], dtype=bool)
                np.save(out / f"{source.name}.npy", array[keep], allow_pickle=False)


READER = ArraysReader()
