"""Images far from the rest, by what principal components leave of them; docs/data.md says how often that is right."""

import numpy as np
from numpy.typing import NDArray

from mien.core.images import Pixels
from mien.datasets.checks.check import Check, CheckedData, Issue
from mien.datasets.checks.texture import small_grey

FAR = 3.0  # robust deviations from the median
FEWEST = 100  # images that it takes to say what is far from the rest
FARTHEST = 100  # outliers that are listed
SIDE, COMPONENTS, FITTED = 24, 80, 10_000
BLOCK = 2048


def find(data: CheckedData) -> list[Issue]:
    """Return one issue for each image that is far from the rest and has enough grey levels, the farthest first."""
    distance = distances(data.table.images, np.flatnonzero(~data.blank))
    rows = np.flatnonzero((distance > FAR) & ~data.few_grey_levels)
    rows = rows[np.argsort(-distance[rows], kind="stable")][:FARTHEST]
    values = [(row, float(distance[row])) for row in rows.tolist()]
    return [Issue((row,), text=f"{far:.1f} deviations", facts={"distance": round(far, 2)}) for row, far in values]


def distances(images: Pixels, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return how far each image is from the rest, float32 [n], in robust deviations from the median.

    It is what principal components, up to `COMPONENTS`, leave of the image scaled to the same contrast. A few are
    fitted first, to leave the farthest twentieth out of the fit of all, and what remains is compared by median and
    median absolute deviation (Hampel 1974), so that what is odd does not decide what is normal.

    Args:
        images: uint8 [n, h, w] or [n, h, w, 3].
        rows: those that are compared; the others, and all where they are fewer than `FEWEST`, get 0.
    """
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
    """Return images at `SIDE` x `SIDE` as vectors without their brightness and of length 1, float32 [m, d]."""
    small = small_grey((images[row] for row in rows), SIDE).reshape(len(rows), -1).astype(np.float32)
    small -= small.mean(axis=1, keepdims=True)
    return np.asarray(small / np.maximum(np.linalg.norm(small, axis=1, keepdims=True), 1e-6), np.float32)


def _left(centred: NDArray[np.float32], kept: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what the kept components leave of each vector: its squared length, float32 [m]."""
    return np.asarray(np.maximum((centred**2).sum(axis=1) - ((centred @ kept) ** 2).sum(axis=1), 1e-9), np.float32)


CHECK = Check("outliers", "images far from the rest", "Unlike the others, the farthest first.", find)
