"""Hashes of images: 128 bits each, by which a copy of an image is recognised where the image itself is not at hand.

A hash holds the signs of the lowest frequencies of the image at 48 x 48 grey (a perceptual hash). Copies that are
recompressed, resized, brightened, mirrored or shifted by a pixel have almost the same hash. benchmarks/image_hashes.py
measures which are found and how many of the finds are wrong.
"""

import base64
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.console import track
from mien.core.errors import InputError
from mien.core.files import replacing
from mien.core.images import Pixels
from mien.datasets.checks.duplicates import BLOCK, FLAT, SIDE, grey, waves

BITS = 128
NEAR = 18  # bits in which the hashes of an image and its copy may differ; unrelated faces differ in 64 on the mean
FINE = 1 << 16  # levels of a wave
VERSION = 1  # of the file; raise it whenever the same image gets another hash
QUERIES, KNOWN = 64, 4096  # hashes compared at once: these blocks fit into the processor's cache

ImageHashes = NDArray[np.uint64]
"""uint64 [n, 2]"""


def hash_images(images: Pixels) -> ImageHashes:
    """Return the hash of each image, uint8 [n, h, w] or [n, h, w, 3], possibly memory-mapped.

    The hash of an image without texture, which resembles everything, is a digest of its pixels.
    """
    return _hash_both(images)[0]


def _hash_both(images: Pixels) -> tuple[ImageHashes, ImageHashes]:
    """Return the hashes of the images and of their mirror images."""
    found = np.zeros((2, len(images), BITS // 64), dtype="<u8")
    basis, mirror = _basis()
    starts = range(0, len(images), BLOCK)
    for start in track(starts, "making hashes of the images", len(starts)):
        block = np.stack([grey(image) for image in images[start : start + BLOCK]])
        values = block.reshape(len(block), -1).astype(np.float64)
        levels = values @ basis.T
        flat = np.flatnonzero(values.std(axis=1) < FLAT)
        for which, signs in enumerate((np.ones(BITS), mirror)):
            rows = np.packbits(levels * signs > 0, axis=1)
            for row in flat.tolist():
                rows[row] = np.frombuffer(
                    hashlib.blake2b(block[row].tobytes(), digest_size=BITS // 8).digest(), np.uint8
                )
            found[which, start : start + BLOCK] = np.ascontiguousarray(rows).view("<u8")
    return found[0].astype(np.uint64), found[1].astype(np.uint64)


def _basis() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the waves of the lowest frequencies but the mean, [BITS, pixels], and their signs in the mirror, [BITS].

    They are whole numbers, so that the sums are exact and equal pixels have equal hashes, however they are added.
    """
    down, across = np.divmod(np.arange(SIDE**2), SIDE)
    lowest = np.lexsort((across, down, down**2 + across**2))[1 : BITS + 1]
    lines = waves(SIDE)
    basis = lines[down[lowest], :, None] * lines[across[lowest], None, :]
    return np.rint(FINE * basis).reshape(BITS, -1), 1.0 - 2.0 * (across[lowest] % 2)


def seen(images: Pixels, known: ImageHashes) -> NDArray[np.bool_]:
    """Return which images are, the same or nearly so, among those whose hashes are known: bool [n].

    Example:
        >>> images = np.random.default_rng(0).integers(0, 256, (3, 48, 48), dtype=np.uint8)
        >>> seen(images[:, :, ::-1], hash_images(images[:2])).tolist()
        [True, True, False]
    """
    found = np.zeros(len(images), dtype=bool)
    blocks = [np.ascontiguousarray(known[start : start + KNOWN].T) for start in range(0, len(known), KNOWN)]
    for asked in _hash_both(images):
        rest = np.flatnonzero(~found)
        starts = range(0, len(rest), QUERIES)
        for start in track(starts, "looking for training images", len(starts)):
            rows = rest[start : start + QUERIES]
            for block in blocks:
                for word in range(BITS // 64):  # one of the two words of a copy differs in no more than half of NEAR
                    low = np.bitwise_count(asked[rows, word][:, None] ^ block[word])
                    at, place = np.divmod(np.flatnonzero(low <= NEAR // 2), low.shape[1])
                    distance = np.bitwise_count(asked[rows[at]] ^ block[:, place].T).sum(axis=1)
                    found[rows[at[distance <= NEAR]]] = True
    return found


def save_hashes(path: Path, known: ImageHashes) -> None:
    """Write hashes, each once, as an .npz file that `load_hashes` reads."""
    with replacing(path) as part, part.open("wb") as file:
        np.savez(file, allow_pickle=False, version=np.int64(VERSION), prints=np.unique(known, axis=0).astype("<u8"))


def to_text(known: ImageHashes) -> str:
    """Return hashes, each once, as a text for a model file, which `from_text` reads."""
    return f"{VERSION}:{base64.b64encode(np.unique(known, axis=0).astype('<u8').tobytes()).decode()}"


def from_text(text: str) -> ImageHashes | None:
    """Return what `to_text` wrote, None where another version of mien wrote it.

    Raises:
        InputError: it is damaged.
    """
    version, _, coded = text.partition(":")
    try:
        found = np.frombuffer(base64.b64decode(coded, validate=True), "<u8").reshape(-1, BITS // 64)
    except ValueError:
        raise InputError("the hashes of the training images in it are damaged") from None
    return found.astype(np.uint64) if version == str(VERSION) else None


def load_hashes(path: Path) -> ImageHashes | None:
    """Return what `save_hashes` wrote, None where another version of mien wrote it.

    Raises:
        InputError: the file cannot be read or is damaged.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
            found: Any = saved["prints"]
            version = int(saved["version"])
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds on damaged archives
        raise InputError(f"{path}: damaged ({type(error).__name__}); remove it") from None
    if version != VERSION:
        return None
    if found.dtype != np.uint64 or found.ndim != 2 or found.shape[1] != BITS // 64:
        raise InputError(f"{path}: damaged (hashes of {found.dtype} {list(found.shape)}); remove it")
    return np.asarray(found, dtype=np.uint64)
