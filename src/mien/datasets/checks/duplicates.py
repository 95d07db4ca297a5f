"""Images that are in a dataset more than once: byte for byte, or mirrored, shifted, recompressed, brightened.

Libraries for this exist (imagededup, fastdup, cleanvision), but their perceptual hashes compare no pixels, miss mirror
images, or need a network. Here an image is first described by its low frequencies, whitened as all faces look alike
from afar; images of similar description are candidates; every candidate pair is then compared on its pixels, over
small shifts, as it is and mirrored. benchmarks/duplicates.py measures what is found, how much of it is right, and how
long it takes; the thresholds below were chosen by it.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.console import track
from mien.core.images import Pixels, resize, to_channels

SIDE = 48  # pixels; larger and smaller images are compared at this size
FREQUENCIES = 8  # of the cosine transform, in each direction
CANDIDATE = 0.75  # from this cosine of two descriptions on the pixels are compared
ALIKE = 0.875  # from this correlation of the pixels on two images are duplicates
REACH = 2  # pixels by which they may be shifted
FLAT = 2.0  # an image whose grey values deviate less than this resembles everything: only exact copies count
PROBED = 16  # cells searched for each image
MOST = 32  # candidates of an image in a cell
ALL_PAIRS = 4096  # up to so many images each is compared with each
KNOWN = 1000  # from so many images on they say themselves what faces have in common
BLOCK = 2048


@dataclass(frozen=True)
class Duplicates:
    """What `find` has found, for n images.

    Args:
        groups: int64 [n], the lowest row of each image's group; its own row where it is alone.
        identical: int64 [n], the lowest row of the same bytes.
        pairs: int64 [p, 2], rows found alike, each the lowest of its bytes. Some join two groups, as likeness of
            neighbours does not make a group.
        correlation: float32 [n], of its pixels with those of that row, 1 for exact copies.
        mirrored: bool [n], whether it is the mirror image of that row.
        shifts: int8 [n, 2], by how many pixels it is moved down and to the right against that row (at 48 x 48).
        kinds: what else is known of the likeness, by row, for every row that is not the lowest of its group: some of
            exact, mirrored, shifted, brightness, recompressed, edited (other crop, watermark, retouched).
    """

    groups: NDArray[np.int64]
    identical: NDArray[np.int64]
    pairs: NDArray[np.int64]
    correlation: NDArray[np.float32]
    mirrored: NDArray[np.bool_]
    shifts: NDArray[np.int8]
    kinds: dict[int, tuple[str, ...]]

    @property
    def members(self) -> list[NDArray[np.int64]]:
        """The rows of each group of two and more, ascending, the groups by their lowest row."""
        order = np.argsort(self.groups, kind="stable")
        starts = np.flatnonzero(np.diff(self.groups[order], prepend=-1))
        return [rows for rows in np.split(order, starts[1:]) if len(rows) > 1]

    def copied_from(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return for each image the lowest of `rows` that it is a copy of, by group or by pair, or -1: int64 [n]."""
        n = len(self.groups)
        by_group, by_bytes = np.full(n, n), np.full(n, n)
        np.minimum.at(by_group, self.groups[rows], rows)
        np.minimum.at(by_bytes, self.identical[rows], rows)
        by_pair = by_bytes.copy()
        for one, other in (self.pairs.T, self.pairs.T[::-1]):
            np.minimum.at(by_pair, one, by_bytes[other])
        found = np.minimum(by_group[self.groups], by_pair[self.identical])
        return np.where(found < n, found, -1)


def find(images: Pixels, *, near: bool = True) -> Duplicates:
    """Return the groups of duplicates, and how their members are alike.

    Groups do not depend on the order of the images. All members of a group are alike to one of them, the one with
    most likenesses: a chain of images each like the next is no group.

    Args:
        images: uint8 [n, h, w] or [n, h, w, 3], possibly memory-mapped.
        near: look for mirrored, shifted, recompressed and brightened copies as well, not only for equal bytes.
    """
    n = len(images)
    first, digests = _exact(images)
    result = first.copy()
    unique = np.flatnonzero(first == np.arange(n))
    alike = np.zeros((0, 2), dtype=np.int64)
    if near and len(unique) > 1:
        rows, pairs = candidates(images, unique, digests)
        result[rows], alike = _group(images, rows, pairs, digests)
        result = result[first]
        lowest = np.full(n, n, dtype=np.int64)
        np.minimum.at(lowest, result, np.arange(n))
        result = lowest[result]
    return _explain(images, first, result, alike)


def candidates(
    images: Pixels, rows: NDArray[np.int64], digests: NDArray[np.bytes_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return those of the rows that are not flat, and the pairs of them to compare, int64 [p, 3], as `_similar` does.

    Args:
        images: as for `find`.
        rows: int64 [m], all of different bytes.
        digests: S32 [n], of the bytes of each image.
    """
    described, spread = _describe(images, rows)
    textured = np.asarray(spread >= FLAT)
    signs = _signs()
    pairs = _similar(_whiten(described[textured], signs), signs, digests[rows[textured]])
    return rows[textured], pairs


def _exact(images: Pixels) -> tuple[NDArray[np.int64], NDArray[np.bytes_]]:
    """Return for each image the first row of the same bytes, int64 [n], and the digests of the bytes, S32 [n]."""
    digests = np.array([hashlib.blake2b(image.tobytes(), digest_size=16).hexdigest() for image in images], dtype="S32")
    _, first, inverse = np.unique(digests, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int64).reshape(-1), digests


def grey(image: Pixels) -> Pixels:
    """Return the image as it is compared: grey, uint8 [48, 48]."""
    return resize(to_channels(image, 1), SIDE)


def waves(count: int) -> NDArray[np.float64]:
    """Return the first waves of the cosine transform, the mean first, of length 1: float64 [count, 48]."""
    lines = np.cos(np.pi * (np.arange(SIDE) + 0.5) * np.arange(count)[:, None] / SIDE)
    return np.asarray(lines / np.linalg.norm(lines, axis=1, keepdims=True))


def _frequencies() -> NDArray[np.int64]:
    """Return the frequencies down and across, int64 [d, 2], without the mean."""
    down, across = np.divmod(np.arange(FREQUENCIES**2), FREQUENCIES)
    return np.stack([down, across], axis=1)[(down + across > 0) & (down + across <= FREQUENCIES)]


def _signs() -> NDArray[np.float32]:
    """Return float32 [d]: what the description is multiplied by when the image is mirrored."""
    return (1 - 2 * (_frequencies()[:, 1] % 2)).astype(np.float32)


def _describe(images: Pixels, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the low frequencies of each image, scaled to length 1, float32 [m, d], and its deviation, [m]."""
    frequencies, lines = _frequencies(), waves(FREQUENCIES)
    basis = (
        (lines[frequencies[:, 0], :, None] * lines[frequencies[:, 1], None, :])
        .reshape(len(frequencies), -1)
        .astype(np.float32)
    )
    described, spread = np.empty((len(rows), len(frequencies)), np.float32), np.empty(len(rows), np.float32)
    for start in range(0, len(rows), BLOCK):
        flat = np.stack([grey(images[row]) for row in rows[start : start + BLOCK]]).reshape(-1, SIDE * SIDE)
        values = flat.astype(np.float32)
        described[start : start + BLOCK] = values @ basis.T
        spread[start : start + BLOCK] = values.std(axis=1)
    return _unit(described), spread


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6), np.float32)


def _whiten(described: NDArray[np.float32], signs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the descriptions without what all faces share, every frequency with the same weight, of length 1."""
    if len(described) < KNOWN:  # too few to say what they share; images in general weaken as 1 / frequency
        return _unit(described * np.linalg.norm(_frequencies(), axis=1).astype(np.float32))
    mean = described.mean(axis=0, dtype=np.float64) * (signs > 0)  # a mirrored face is a face too
    centred = described - mean.astype(np.float32)
    return _unit(centred / np.maximum(np.sqrt((centred.astype(np.float64) ** 2).mean(axis=0)), 1e-6).astype(np.float32))


def _similar(
    vectors: NDArray[np.float32], signs: NDArray[np.float32], digests: NDArray[np.bytes_]
) -> NDArray[np.int64]:
    """Return the pairs of similar vectors, int64 [p, 3]: index, higher index, and 1 where one of them is mirrored.

    The space is cut into cells around some of the vectors (the lowest digests: the same ones in any order). Each vector
    lies in its nearest cell and is compared with what lies in its `PROBED` nearest ones, so that the work grows with
    n to the power of 1.5.
    """
    n = len(vectors)
    cells = 1 if n <= ALL_PAIRS else round((PROBED * n) ** 0.5)
    probed = min(PROBED, cells)
    centres = vectors[np.argsort(digests)[:cells]]
    home = _nearest(vectors, centres, 1)[:, 0]
    inside = np.split(np.argsort(home, kind="stable"), np.cumsum(np.bincount(home, minlength=cells))[:-1])
    keys = []
    for mirrored in (0, 1):
        asking = vectors * signs if mirrored else vectors
        near = _nearest(asking, centres, probed)
        order = np.argsort(near, axis=None, kind="stable")
        asked = np.split(order // probed, np.cumsum(np.bincount(near.reshape(-1), minlength=cells))[:-1])
        for cell in track(range(cells), "looking for copies", cells):
            for i, j in _close(asking, asked[cell], vectors, inside[cell]):
                low, high = np.minimum(i, j), np.maximum(i, j)
                keys.append(((low * n + high) * 2 + mirrored)[low < high])
    found = np.unique(np.concatenate(keys)) if keys else np.zeros(0, np.int64)
    return np.stack([found // 2 // n, found // 2 % n, found % 2], axis=1)


def _nearest(vectors: NDArray[np.float32], centres: NDArray[np.float32], count: int) -> NDArray[np.int32]:
    """Return the `count` nearest centres of each vector, int32 [n, count], in no order."""
    found = np.empty((len(vectors), count), np.int32)
    for start in range(0, len(vectors), BLOCK):
        likeness = vectors[start : start + BLOCK] @ centres.T
        found[start : start + BLOCK] = np.argpartition(likeness, len(centres) - count, axis=1)[:, -count:]
    return found


def _close(
    asking: NDArray[np.float32], rows: NDArray[np.int64], vectors: NDArray[np.float32], others: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield the pairs of `rows` and `others` that are candidates, at most `MOST` of a row."""
    if not len(others):
        return
    there = vectors[others].T
    for start in range(0, len(rows), BLOCK):
        part = rows[start : start + BLOCK]
        likeness = asking[part] @ there
        likeness[part[:, None] == others] = -1
        close = likeness > CANDIDATE
        crowded = np.flatnonzero(close.sum(axis=1) > MOST)
        if len(crowded):
            least = np.partition(likeness[crowded], -MOST, axis=1)[:, -MOST]
            close[crowded] &= likeness[crowded] >= least[:, None]
        i, j = np.nonzero(close)
        yield part[i], others[j]


def _band(image: Pixels) -> NDArray[np.float32]:
    """Return the image, float32 [48, 48], without its finest grain and without its light and shade."""
    values = grey(image).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(values, (0, 0), 1) - cv2.GaussianBlur(values, (0, 0), 4), np.float32)


def _correlate(one: NDArray[np.float32], other: NDArray[np.float32]) -> tuple[float, tuple[int, int]]:
    """Return the highest correlation of two band images over shifts, and by how much `other` is moved (down, right).

    The inner part of `other` is searched in `one` and the other way round, so that their order makes no difference.
    """
    inner = slice(REACH, SIDE - REACH)
    there = cv2.matchTemplate(one, np.ascontiguousarray(other[inner, inner]), cv2.TM_CCOEFF_NORMED)
    back = cv2.matchTemplate(other, np.ascontiguousarray(one[inner, inner]), cv2.TM_CCOEFF_NORMED)
    mean = (there + back[::-1, ::-1]) / 2
    down, right = divmod(int(mean.argmax()), mean.shape[1])
    return float(mean[down, right]), (REACH - down, REACH - right)


def _group(
    images: Pixels, rows: NDArray[np.int64], pairs: NDArray[np.int64], digests: NDArray[np.bytes_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Compare the candidates on their pixels.

    Returns:
        For each of `rows` the one that its group forms around, int64 [m], and the rows found alike, int64 [p, 2].
    """
    friends: dict[int, list[int]] = {}
    bands: dict[int, NDArray[np.float32]] = {}
    starts = range(0, len(pairs), BLOCK)
    for start in track(starts, "comparing copies", len(starts)):
        bands.clear()
        for i, j, mirrored in pairs[start : start + BLOCK].tolist():
            for index in (i, j):
                if index not in bands:
                    bands[index] = _band(images[rows[index]])
            if _correlate(bands[i], bands[j][:, ::-1] if mirrored else bands[j])[0] >= ALIKE:
                friends.setdefault(i, []).append(j)
                friends.setdefault(j, []).append(i)
    leader = np.arange(len(rows))
    for group in _components(friends):
        rest = set(group)
        while rest:  # the best connected leads; who is not like it waits for another leader
            head = min(rest, key=lambda index: (-len(rest.intersection(friends[index])), digests[rows[index]]))
            own = _band(images[rows[head]])
            joined = {index for index in rest if index in friends[head] or index == head}
            joined |= {index for index in rest - joined if _alike(own, _band(images[rows[index]]))}
            leader[sorted(joined)] = head
            rest -= joined
    alike = [(index, friend) for index in friends for friend in friends[index] if index < friend]
    return rows[leader], rows[np.array(alike, dtype=np.int64).reshape(-1, 2)]


def _alike(one: NDArray[np.float32], other: NDArray[np.float32]) -> bool:
    return max(_correlate(one, other)[0], _correlate(one, other[:, ::-1])[0]) >= ALIKE


def _components(friends: dict[int, list[int]]) -> Iterator[list[int]]:
    """Yield the connected components."""
    seen: set[int] = set()
    for start in friends:
        if start in seen:
            continue
        seen.add(start)
        group = [start]
        for index in group:  # grows while it is walked
            group += (new := [friend for friend in friends[index] if friend not in seen])
            seen.update(new)
        yield group


def _explain(
    images: Pixels, first: NDArray[np.int64], lowest: NDArray[np.int64], alike: NDArray[np.int64]
) -> Duplicates:
    n = len(first)
    correlation, mirrored = np.ones(n, np.float32), np.zeros(n, bool)
    shifts, kinds = np.zeros((n, 2), np.int8), dict[int, tuple[str, ...]]()
    for row in np.flatnonzero(lowest != np.arange(n)).tolist():
        if first[row] == first[lowest[row]]:
            kinds[row] = ("exact",)
        elif first[row] < row:  # a copy of one that was looked at already
            same = int(first[row])
            correlation[row], mirrored[row], shifts[row] = correlation[same], mirrored[same], shifts[same]
            kinds[row] = kinds[same]
        else:
            correlation[row], mirrored[row], shifts[row], kinds[row] = _compare(images[lowest[row]], images[row])
    return Duplicates(lowest, first, alike, correlation, mirrored, shifts, kinds)


def _compare(reference: Pixels, image: Pixels) -> tuple[float, bool, tuple[int, int], tuple[str, ...]]:
    """Return correlation, mirrored, shift and the kinds of likeness of an image to a reference."""
    own, other = _band(reference), _band(image)
    straight, turned = _correlate(own, other), _correlate(own, other[:, ::-1])
    mirrored = turned[0] > straight[0]
    value, (down, right) = turned if mirrored else straight
    kinds = ["mirrored"] if mirrored else []
    flipped = np.ascontiguousarray(image[:, ::-1]) if mirrored else image
    if not np.array_equal(reference, flipped):
        inner = slice(REACH, SIDE - REACH)
        greys = grey(reference), np.roll(grey(flipped), (-down, -right), axis=(0, 1))
        one, two = (side[inner, inner].astype(np.float64) for side in greys)
        gain = two.std() / max(one.std(), 1e-6)
        if down or right:
            kinds.append("shifted")
        if abs(gain - 1) > 0.06 or abs(two.mean() - one.mean()) > 3:
            kinds.append("brightness")
        if value < 0.97:
            kinds.append("edited")
        elif not (down or right) and "brightness" not in kinds:
            kinds.append("recompressed")
    return value, mirrored, (down, -right if mirrored else right), tuple(kinds)
