"""numpy arrays as leaderboards and courses hand them out: x_train.npy, y_train.npy, x_test.npy, or one .npz.

Images are [n, side * side], [n, h, w], [n, h, w, 1 or 3], or with the channels first; whole numbers in 0..255, floats
in 0..1, -1..1 or 0..255, or more bits in uint16. Labels are integers [n], one-hot [n, k], or names. What integers mean
is in no such file: a list of names next to them says it (`classes.read_list`), else three classes are the leaderboard's
angry, happy and neutral, and any other number has to be named by the caller.
"""

import re
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.core.console import track
from mien.core.csv_files import integer
from mien.core.errors import InputError
from mien.core.images import Pixels
from mien.core.labels import DROP, TAXONOMIES, THREE
from mien.core.paths import printable
from mien.datasets.classes import class_map, find_list, is_number, read_list, slips
from mien.datasets.dataset import Dataset, ImageSpec, Problems
from mien.datasets.pixel_values import BYTES, SIGNED, ValueRange, by_channel, shape_of, value_range
from mien.datasets.readers.array_files import TEXTS, ArrayFile, at, foreign
from mien.datasets.readers.reader import DatasetReader
from mien.datasets.splits import SPLITS, find_split

IMAGES = frozenset({"x", "images", "image", "imgs", "img", "pixels", "faces", "data", "inputs"})
LABELS = frozenset({"y", "labels", "label", "targets", "target", "emotions", "emotion"})
BLOCK = 1024  # images converted at a time
SHAPES = "[n, side * side], [n, h, w], [n, h, w, 1 or 3] or [n, 1 or 3, h, w]"
NO_TEXT = re.compile("[\\0-\x1f\x7f-\x9f\ud800-\udfff]")  # control characters and lone surrogates
CONVERT = "save its images and labels with numpy.save as x.npy and y.npy"

Found = dict[tuple[str, str], ArrayFile]


class _Labels(NamedTuple):
    """Labels of one array: names, str [n], or codes, int64 [n]; and what is wrong, by row."""

    names: NDArray[np.str_] | None
    codes: NDArray[np.int64]
    wrong: dict[int, str]
    width: int
    """The number of classes that codes are of."""


def _role(name: str) -> tuple[str, str] | None:
    """Return (split, "x" or "y") of a name like x_train, y-test, trainX or X; the split is "" where it names none."""
    if len(name) > 100:
        return None
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    words = [word for word in re.split(r"[^a-z]+", spaced) if word]
    words = [part for word in words for part in _parts(word)]
    kinds = [("x" if word in IMAGES else "y") for word in words if word in IMAGES | LABELS]
    others = [word for word in words if word not in IMAGES | LABELS]
    split = find_split(others[0]) if others else ""
    return None if len(kinds) != 1 or len(others) > 1 or split in (None, "all") else (split, kinds[0])


def _parts(word: str) -> list[str]:
    """Return xtrain as x, train, and trainy as train, y."""
    for letter, rest in ((word[:1], word[1:]), (word[-1:], word[:-1])):
        if letter in ("x", "y") and rest and find_split(rest):
            return [letter, rest]
    return [word]


def find(root: Path) -> Found:
    """Return (split, x or y) -> array for what lies at `root`: a folder, an .npz file, or one .npy file of images."""
    if root.is_file() and root.suffix.lower() == ".npy":
        role = _role(root.stem)
        return (
            {(role[0] if role and role[0] else "test", "x"): ArrayFile(root)} if role is None or role[1] == "x" else {}
        )
    arrays: list[ArrayFile] = []
    texts: list[ArrayFile] = []
    for path in sorted(root.iterdir()) if root.is_dir() else [root]:
        if path.suffix.lower() in (".npy", ".npz"):
            arrays += at(path)
        elif path.suffix.lower() in TEXTS:
            texts.append(ArrayFile(path))
    found = {role: array for array in reversed(arrays) if (role := _role(array.name))}
    for text in texts:  # labels next to images that have no others
        role = _role(text.name)
        if role and role[1] == "y" and role not in found and (role[0], "x") in found:
            found[role] = text
    return found if any(role == "x" for _, role in found) else {}


def _class_list(root: Path, found: Found) -> Path | None:
    """Return the file next to the arrays that says what integers mean, None where there is none."""
    path = find_list(root if root.is_dir() else root.parent)
    return None if path in {array.path for array in found.values()} else path


def _shaped(array: NDArray[Any], source: ArrayFile) -> NDArray[Any]:
    """Return images as [n, h, w] or [n, h, w, 3]."""
    shape = array.shape
    if array.dtype.kind in "US":
        raise InputError(f"{source}: dtype {array.dtype}, expected numbers")
    if array.ndim == 2 and len(array):
        side = round(shape[1] ** 0.5)
        if side * side == shape[1] and side > 1:
            return array.reshape(-1, side, side)
        if (flat := shape_of(shape[1])) and len(flat) == 3:
            first = by_channel(np.asarray(array[:BLOCK]), flat[0])
            if first is None:
                raise InputError(
                    f"{source}: {shape[1]:,} values are {flat[0]} x {flat[1]} in three channels, but not whether pixel "
                    "by pixel or channel by channel; reshape it to [n, h, w, 3]"
                )
            return np.moveaxis(array.reshape(-1, 3, *flat[:2]), 1, -1) if first else array.reshape(-1, *flat)
    if array.ndim == 4:
        if shape[3] not in (1, 3, 4) and shape[1] in (1, 3):
            array = np.moveaxis(array, 1, -1)
        if array.shape[3] == 4 and array.size and (alpha := array[..., 3]).min() == alpha.max() > 0:
            array = array[..., :3]
        if array.shape[3] == 1:
            array = array[..., 0]
    if array.ndim == 3 and shape[0] == shape[1] != shape[2] and shape[0] > 7:
        raise InputError(f"{source}: shape {list(shape)}; the images come first: numpy.moveaxis(a, -1, 0)")
    if (array.ndim == 3 or (array.ndim == 4 and array.shape[3] == 3)) and 0 not in array.shape[1:]:
        return array
    hint = "; its fourth channel is not the same throughout" if array.ndim == 4 and array.shape[3] == 4 else ""
    raise InputError(f"{source}: shape {list(shape)}; expected {SHAPES}{hint}")


def _range(lowest: NDArray[Any], highest: NDArray[Any], source: ArrayFile, dtype: np.dtype[Any]) -> ValueRange:
    """Return the range of values, by the medians of the images: one row of 999 does not decide."""
    finite = np.isfinite(lowest) & np.isfinite(highest)
    if not finite.any():
        return BYTES
    low, high = float(np.median(lowest[finite])), float(np.median(highest[finite]))
    if dtype.kind == "b":
        return ValueRange(0, 1)
    if dtype == np.uint16 and high > 255:
        return ValueRange(0, float(next(top for top in (1023, 4095, 16383, 65535) if highest.max() <= top)))
    found = value_range(low, high, whole=dtype.kind != "f")
    if dtype.kind == "f" and low < 0 and found != SIGNED and high < 128:
        raise InputError(
            f"{source}: values {lowest[finite].min():g}..{highest[finite].max():g}, expected 0..255, 0..1 or -1..1; "
            "if they are standardised, multiply by the standard deviation and add the mean"
        )
    return found


def _pixels(
    array: NDArray[Any], source: ArrayFile, image_spec: ImageSpec, problems: Problems
) -> tuple[Pixels, NDArray[np.bool_]]:
    """Return the images whose values are in range, as wanted, and a mask [n] of which they are."""
    around = tuple(range(1, array.ndim))
    lowest, highest = array.min(axis=around), array.max(axis=around)
    values = _range(lowest, highest, source, array.dtype)
    good = (lowest >= values.low) & (highest <= values.high)  # NaN is not
    for row in np.flatnonzero(~good).tolist():
        problems.report(f"{source.name}:{row:05d}", f"values {lowest[row]:g}..{highest[row]:g}, expected {values}")
    rows = np.flatnonzero(good)
    pixels = image_spec.empty(len(rows))
    starts = range(0, len(rows), BLOCK)
    for start in track(starts, f"reading {source.name}", len(starts)):
        for row, one in enumerate(values.pixels(array[rows[start : start + BLOCK]]), start=start):
            pixels[row] = image_spec.fit(one)
    return pixels, good


def _labels(target: ArrayFile, n: int, source: ArrayFile) -> _Labels:
    """Return the labels of `n` images."""
    array = target.load(n)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim not in (1, 2) or len(array) != n or 0 in array.shape[1:]:
        raise InputError(f"{target}: labels of shape {list(array.shape)} for {n} images in {source.path.name}")
    if array.dtype.kind in "US":
        if array.ndim == 2:
            raise InputError(f"{target}: texts of shape {list(array.shape)}; expected one for each image")
        return _names(array, target)
    values = np.asarray(array, dtype=np.float64)
    if values.ndim == 2:
        good = np.isin(values, (0, 1)).all(axis=1) & (values.sum(axis=1) == 1)
        codes, width = values.argmax(axis=1), values.shape[1]
        expected = "one 1 and else 0"
    else:
        good = (values >= 0) & (values < 1000) & (values == np.floor(values))
        codes = np.where(good, values, DROP).astype(np.int64)
        width = int(codes.max(initial=-1)) + 1
        expected = "a whole number from 0"
    wrong = {
        row: f"label {np.array2string(values[row], threshold=8)}, expected {expected}"
        for row in np.flatnonzero(~good).tolist()
    }
    return _Labels(None, codes.astype(np.int64), wrong, width)


def _names(array: NDArray[Any], target: ArrayFile) -> _Labels:
    """Return labels that are texts: names, or whole numbers."""
    if array.dtype.kind == "S":
        array = np.char.decode(array, "utf-8", "surrogateescape")
    if array.dtype.itemsize:  # code points beyond Unicode, of which NumPy would make strings that break Python
        points = (
            np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("=")).view(np.uint32).reshape(len(array), -1)
        )
        array = np.where((points > sys.maxunicode).any(axis=1), "\0", array)
    texts = [text.strip() for text in array.tolist()]
    wrong = {
        row: f"label {printable(text)[:40]!r}, expected a name in UTF-8"
        for row, text in enumerate(texts)
        if not text or NO_TEXT.search(text)
    }
    numbers = [integer(text) for text in texts]
    if all(number is not None and 0 <= number < 1000 for row, number in enumerate(numbers) if row not in wrong):
        codes = np.array([DROP if number is None else number for number in numbers], dtype=np.int64)
        return _Labels(None, codes, wrong, int(codes.max(initial=-1)) + 1)
    spelt = slips(text for row, text in enumerate(texts) if row not in wrong)
    wrong |= {row: spelt[text] for row, text in enumerate(texts) if row not in wrong and text in spelt}
    return _Labels(np.array(texts, dtype=str), np.full(len(texts), DROP, dtype=np.int64), wrong, 0)


class ArraysReader(DatasetReader):
    """Arrays; ids are `x_train:00017`. `DataSpec.classes` says what the integers mean; three are the leaderboard's."""

    name = "arrays"
    expects = "numpy arrays x_train.npy, y_train.npy, x_test.npy, or an .npz with them"
    holdout = (0.1, 0.0)
    names_classes = True

    def recognises(self, root: Path) -> bool:
        return bool(root.is_file() and foreign(root)) or bool(find(root))

    def sources(self, root: Path) -> list[Path]:
        if root.is_file() and (what := foreign(root)):
            raise InputError(f"{root}: {what}; {CONVERT}")
        found = find(root)
        return [*sorted({array.path for array in found.values()}), *filter(None, [_class_list(root, found)])]

    def load(self, root: Path, image: ImageSpec, problems: Problems) -> Dataset:
        """Read everything; the classes are the integers as text ("0", "1", ...) until `label` names them.

        Raises:
            InputError: an array is not of a shape named above, or images and labels differ in number.
        """
        self.sources(root)
        found = find(root)
        shaped = {
            split: _shaped(found[split, "x"].load(), found[split, "x"])
            for split in (*SPLITS, "") if (split, "x") in found
        }  # fmt: skip
        labels = {
            split: _labels(found[split, "y"], len(array), found[split, "x"])
            for split, array in shaped.items() if (split, "y") in found
        }  # fmt: skip
        named = [target for target in labels.values() if target.names is not None]
        if named and len(named) < len(labels):
            raise InputError(f"{root}: some labels are names and others are numbers; expected one of them")
        means = class_map(
            name
            for target in named if target.names is not None
            for row, name in enumerate(target.names.tolist()) if row not in target.wrong
        )  # fmt: skip
        images: list[Pixels] = []
        codes: list[int] = []
        ids: list[str] = []
        splits: list[str] = []
        sizes = Counter[str]()
        for split, array in shaped.items():
            source, target = found[split, "x"], labels.get(split)
            good = np.ones(len(array), dtype=bool)
            for row, what in target.wrong.items() if target else ():
                problems.report(f"{found[split, 'y'].name}:{row:05d}", what)
                good[row] = False
            pixels, fine = _pixels(array, source, image, problems)
            rows = np.flatnonzero(good & fine)
            images.append(pixels[good[fine]])
            if target is None:
                codes += [DROP] * len(rows)
            elif target.names is None:
                codes += target.codes[rows].tolist()
            else:
                codes += [means.classes.index(means.of[name]) for name in target.names[rows].tolist()]
            ids += [f"{source.name}:{row:05d}" for row in rows.tolist()]
            splits += [split] * len(rows)
            sizes[f"{array.shape[2]} x {array.shape[1]}"] += len(rows)
        if not ids:
            raise InputError(f"{root}: no image that can be read{problems.first}")
        width = max((target.width for target in labels.values()), default=0)
        if not named and width and (path := _class_list(root, found)):
            numbers = tuple(map(str, range(width)))
            means = class_map(numbers, read_list(path.parent, numbers))
            codes = [code if code == DROP else means.classes.index(means.of[str(code)]) for code in codes]
        return Dataset(
            images=np.concatenate(images),
            labels=np.array(codes, dtype=np.int64),
            ids=np.array(ids),
            splits=np.array(splits, dtype="<U10"),
            groups=np.full(len(ids), "", dtype="<U1"),
            classes=means.classes or tuple(map(str, range(width))),
            renamed=means.renamed,
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
        if k and not all(map(is_number, table.classes)):
            return super().label(table, root, targets, classes, problems)
        keep = np.ones(len(table.labels), dtype=bool)
        if classes is None:
            if k in (0, len(THREE)):
                return replace(table, classes=THREE[:k], renamed=dict(zip(table.classes, THREE, strict=False))), keep
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
        labels, renamed = np.where(keep, table.labels, DROP), dict(zip(table.classes, classes, strict=False))
        return replace(table, classes=tuple(classes), labels=labels, problems=found, renamed=renamed), keep

    def copy(self, root: Path, out: Path, without: Collection[str]) -> None:
        """Write the arrays as .npy files of the same names, in the types and shapes they had; texts as they are."""
        found = find(root)
        for (split, _), source in found.items():
            if (split, "x") not in found:
                continue
            images = found[split, "x"]
            n = len(images.load())
            array = source.load(n)
            kept = array[np.array([f"{images.name}:{row:05d}" not in without for row in range(n)], dtype=bool)]
            if source.text:
                (out / source.path.name).write_text("\n".join(["label", *kept.tolist(), ""]), encoding="utf-8")
            else:
                np.save(out / f"{source.name}.npy", kept, allow_pickle=False)


READER = ArraysReader()
