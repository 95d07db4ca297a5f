"""How many bad crops `mien.datasets.checks.borders` finds, and how many good ones it takes for bad.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/bad_crops.py --data fer2013/

Bad crops are made of 1,000 faces drawn at random. Last result, on one core of a shared AMD EPYC:

    32,298 pictures, 28 found, 2.5 s of processor time
    as they are: 0.1 %
    shifted, black: 89.7 %
    shifted, white: 92.6 %
    shifted, black, JPEG 90: 80.8 %
    shifted, black, JPEG 60: 53.9 %
    shifted, mirrored: 100.0 %
    shifted, mirrored without the outermost: 100.0 %
    shifted, mirrored, JPEG 90: 96.3 %
    shifted, mirrored, JPEG 60: 61.7 %
    shifted, outermost repeated: 0.3 %
    letterbox of 6 rows: 95.8 %
    letterbox of 4 rows: 95.8 %
    0.55 on black: 98.0 %
    0.55 on a blurred photo: 0.0 %
    1.6: 0.0 %

How many of the finds are right was judged by eye, and is in docs/data.md.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from mien import datasets
from mien.core.images import Pixels
from mien.datasets import DataSpec
from mien.datasets.checks import borders, texture

MADE, SIDE = 1000, 48
AWAY = [(12, 0), (-12, 0), (0, 12), (0, -12), (9, 9), (-9, 9), (9, -9), (-9, -9)]  # pixels: a quarter of the side


def moved(image: Pixels, scale: float, right: int, down: int, border: int, grey: int = 0) -> Pixels:
    """Return the image scaled about its centre and shifted, filled up as OpenCV names it."""
    start = (SIDE - 1) / 2 * (1 - scale)
    move = np.array([[scale, 0, start + right], [0, scale, start + down]], np.float32)
    soft = cv2.GaussianBlur(image, (0, 0), 0.5 / scale) if scale < 1 else image
    return np.asarray(cv2.warpAffine(soft, move, (SIDE, SIDE), borderMode=border, borderValue=grey), np.uint8)


def jpeg(image: Pixels, quality: int) -> Pixels:
    """Return the image written as JPEG and read again."""
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)


def letterbox(image: Pixels, bar: int) -> Pixels:
    """Return the image flattened, with black bars above and below."""
    flat = cv2.resize(image, (SIDE, SIDE - 2 * bar), interpolation=cv2.INTER_AREA)
    return np.pad(flat, ((bar, bar), (0, 0))).astype(np.uint8)


def framed(image: Pixels) -> Pixels:
    """Return the image at 0.55 of its size on itself, enlarged and blurred."""
    whole = np.full_like(image, 255)
    inside = moved(whole, 0.55, 0, 0, cv2.BORDER_CONSTANT) > 127
    large = cv2.GaussianBlur(moved(image, 2, 0, 0, cv2.BORDER_REFLECT), (0, 0), 6)
    return np.where(inside, moved(image, 0.55, 0, 0, cv2.BORDER_CONSTANT), large).astype(np.uint8)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("MIEN_REAL_DATA", ".data") + "/fer2013")
    data = parser.parse_args().data
    if not data.exists():
        print(f"{data}: no dataset there; name it with --data. Left out.")
        return
    images = datasets.read(DataSpec(data, "all")).images
    facts = texture.measure(images)
    real = (facts.deviation >= texture.BLANK) & (facts.bits >= texture.BITS)  # the check leaves the others out
    start = time.process_time()
    found = (borders.bad(images) != "") & real
    print(f"{len(images):,} images, {found.sum()} found, {time.process_time() - start:.1f} s of processor time")
    rng = np.random.default_rng(0)
    rows = rng.choice(np.flatnonzero(real), MADE, replace=False)
    away = [AWAY[place] for place in rng.integers(0, len(AWAY), MADE)]
    fill = cv2.BORDER_CONSTANT, cv2.BORDER_REFLECT, cv2.BORDER_REFLECT_101, cv2.BORDER_REPLICATE
    kinds: dict[str, Callable[[Pixels, tuple[int, int]], Pixels]] = {
        "as they are": lambda image, _: image,
        "shifted, black": lambda image, by: moved(image, 1, *by, fill[0]),
        "shifted, white": lambda image, by: moved(image, 1, *by, fill[0], 255),
        "shifted, black, JPEG 90": lambda image, by: jpeg(moved(image, 1, *by, fill[0]), 90),
        "shifted, black, JPEG 60": lambda image, by: jpeg(moved(image, 1, *by, fill[0]), 60),
        "shifted, mirrored": lambda image, by: moved(image, 1, *by, fill[1]),
        "shifted, mirrored without the outermost": lambda image, by: moved(image, 1, *by, fill[2]),
        "shifted, mirrored, JPEG 90": lambda image, by: jpeg(moved(image, 1, *by, fill[1]), 90),
        "shifted, mirrored, JPEG 60": lambda image, by: jpeg(moved(image, 1, *by, fill[1]), 60),
        "shifted, outermost repeated": lambda image, by: moved(image, 1, *by, fill[3]),
        "letterbox of 6 rows": lambda image, _: letterbox(image, 6),
        "letterbox of 4 rows": lambda image, _: letterbox(image, 4),
        "0.55 on black": lambda image, _: moved(image, 0.55, 0, 0, fill[0]),
        "0.55 on a blurred photo": lambda image, _: framed(image),
        "1.6": lambda image, _: moved(image, 1.6, 0, 0, fill[1]),
    }
    for name, make in kinds.items():
        bad = np.stack([make(images[row], by) for row, by in zip(rows, away, strict=True)])
        print(f"{name}: {(borders.bad(bad) != '').mean():.1%}")


if __name__ == "__main__":
    main()
