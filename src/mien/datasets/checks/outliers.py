"""What is wrong with single pictures, names and counts of a dataset; copies are looked for in `duplicates`.

Every rule is a plain one, measured where it can be; docs/data.md says how often each is right.
"""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core import images as pictures
from mien.core.errors import InputError
from mien.core.images import Pixels
from mien.core.labels import canonical

BLANK = 6.0  # grey levels of deviation: below it a picture is nearly of one colour
BITS = 4.5  # of entropy of the grey levels: below it is a drawing, text or a placeholder, as a rule
FAR = 3.0  # robust deviations from the median
FEWEST = 100  # pictures that it takes to say what is far from the rest
SIDE, COMPONENTS, FITTED = 24, 80, 10_000
RARE = 10  # a class is rare where the largest has so many times more
BLOCK = 2048
CLOSE = 0.8  # difflib ratio of two class names that may be one
CROWD = 0.2  # a name that more than this share of the files carry is no person's


class Texture(NamedTuple):
    """Facts of each picture."""

    deviation: NDArray[np.float32]
    """[n], standard deviation of its grey levels, 0..127.5."""
    bits: NDArray[np.float32]
    """[n], entropy of its grey levels, 0..8."""
    distance: NDArray[np.float32]
    """[n], how far it is from the rest, in robust deviations from the median; 0 where there are too few to say."""


def texture(images: Pixels) -> Texture:
    """Measure uint8 [n, h, w] or [n, h, w, 3].

    The distance is what principal components, up to `COMPONENTS`, leave of the picture scaled to the same contrast. A
    few are fitted first, to leave the farthest twentieth out of the fit of all, and what remains is compared by median
    and median absolute deviation (Hampel 1974), so that what is odd does not decide what is normal.
    """
    n = len(images)
    deviation, bits = np.zeros(n, np.float32), np.zeros(n, np.float32)
    for row in range(n):
        grey = pictures.to_channels(images[row], 1)
        deviation[row] = grey.std()
        counts = np.bincount(grey.reshape(-1), minlength=256)
        shares = counts[counts > 0] / grey.size
        bits[row] = -(shares * np.log2(shares)).sum()
    return Texture(deviation, bits, _distance(images, np.flatnonzero(deviation >= BLANK)))


def _distance(images: Pixels, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return [n]: the distance of the pictures in `rows`, 0 for the others."""
    distance = np.zeros(len(images), np.float32)
    if len(rows) < FEWEST:
        return distance
    small = _small(images, rows[np.linspace(0, len(rows) - 1, min(len(rows), FITTED)).astype(np.int64)])
    few, most = max(1, len(small) // 160), len(small) // 20
    for components in (min(few, COMPONENTS // 8), min(most, COMPONENTS)):
        mean = small.mean(axis=0)
        kept = np.linalg.eigh(np.cov(small - mean, rowvar=False))[1][:, -components:].astype(np.float32)
        left = _left(small - mean, kept)
        small = small[left <= np.quantile(left, 0.95)]
    blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
    value = np.log(np.concatenate([_left(_small(images, block) - mean, kept) for block in blocks]))
    middle = np.median(value)
    spread = 1.4826 * np.median(np.abs(value - middle))  # of a normal distribution that is its standard deviation
    distance[rows] = (value - middle) / max(float(spread), 1e-6)
    return distance


def _small(images: Pixels, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return pictures at `SIDE` x `SIDE` as vectors without their brightness and of length 1, float32 [m, d]."""
    grey = [
        cv2.resize(pictures.to_channels(images[row], 1), (SIDE, SIDE), interpolation=cv2.INTER_AREA) for row in rows
    ]
    small = np.stack(grey).reshape(len(rows), -1).astype(np.float32)
    small -= small.mean(axis=1, keepdims=True)
    return np.asarray(small / np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-6), np.float32)


def _left(centred: NDArray[np.float32], kept: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the kept components leave of each vector: its squared length, float32 [m]."""
    return np.asarray(np.maximum((centred**2).sum(axis=1) - ((centred @ kept) ** 2).sum(axis=1), 1e-9), np.float32)


def person(name: str) -> str:
    """Return who is in a picture, by its file's name up to the number: `a/Tony_Blair_0086.jpg` -> tony_blair."""
    stem = re.sub(r"[ _-]*\d+$", "", Path(name).stem).lower()
    return stem if re.search("[a-z]", stem) else ""


def people(ids: NDArray[np.str_], groups: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return who is in each picture, str [n], "" where nothing tells.

    Where the dataset has no groups, file names tell: if most of them have letters before a number, and no such name is
    that of more than a fifth of the pictures (`image_0001.jpg` names nobody).
    """
    if (groups != "").any():
        return groups
    names = np.array([person(name) if "." in name else "" for name in ids.tolist()])
    found, counts = np.unique(names, return_counts=True)
    tells = (names != "").sum() > 0.5 * len(names) and counts[found != ""].max(initial=0) <= CROWD * len(names)
    return names if tells else np.full(len(names), "", dtype="<U1")


def in_several_splits(names: NDArray[np.str_], splits: NDArray[np.str_]) -> dict[str, dict[str, int]]:
    """Return name -> split -> pictures, for the names that stand in more than one split."""
    pairs, counts = np.unique(np.stack([names, splits])[:, names != ""], axis=1, return_counts=True)
    found: dict[str, dict[str, int]] = {}
    for name, split, count in zip(*pairs.tolist(), counts.tolist(), strict=True):
        found.setdefault(name, {})[split] = count
    return {name: parts for name, parts in found.items() if len(parts) > 1}


def spellings(ids: NDArray[np.str_], classes: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs of class names that look like one: folders read as the same class, and near misspellings."""
    folders: dict[str, set[str]] = {}
    for parts in {Path(name).parts[:-1] for name in ids.tolist()}:
        for part in parts:
            try:
                folders.setdefault(canonical(part), set()).add(part)
            except InputError:
                continue
    same = [(first, other) for names in folders.values() for first, *rest in [sorted(names)] for other in rest]
    near = [
        (one, other)
        for place, one in enumerate(classes)
        for other in classes[place + 1 :]
        if difflib.SequenceMatcher(None, one.lower(), other.lower()).ratio() >= CLOSE
    ]
    return same + near


def rare(counts: dict[str, int]) -> dict[str, float]:
    """Return class -> how many times more pictures the largest has, for the rare classes (inf: it has none)."""
    most = max(counts.values(), default=0)
    return {name: most / n if n else float("inf") for name, n in counts.items() if most >= RARE * max(n, 1)}
