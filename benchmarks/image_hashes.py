"""Which copies of training faces `mien.datasets.image_hashes` finds, how many finds are wrong, how long it takes.

    OMP_NUM_THREADS=1 python benchmarks/image_hashes.py --data fer2013/ --folders face-expression-recognition-dataset/
    python benchmarks/image_hashes.py --data fer2013/ --photos facial_expressions/ --write RUN

The second command writes RUN/training_faces.npz, the hashes of what a run was trained on, for a run that lacks them.

Last result, on a busy core of an AMD EPYC:

    copies found, of 2,000 made of each kind, at most 18 bits apart: exact, mirrored, JPEG of quality 90, 50 and 20,
    brightness +30, contrast x 0.5, noise of sigma 10, through 32 x 32 pixels: 100.0 %; JPEG of quality 10: 99.4 %;
    brightness +60: 98.7 %; contrast x 1.5: 99.4 %, x 2.5: 82.3 %; gamma 2: 98.0 %; shifted by 1 pixel: 49.5 %, by 2:
    0.9 %; 1 pixel cropped all round: 86.0 %, 2 pixels: 6.6 %

    PublicTest, 3,589 among 28,709: by pixels 658 in 3.3 s, by hashes 504 in 0.3 s, both 499, by hashes alone 5
    folders, 6,346 among 28,709: by pixels 5,777 in 5.6 s, by hashes 5,746 in 0.4 s, both 5,746, by hashes alone 0

By eye, the 5 that only hashes find in PublicTest are copies, too. Of 15 such pairs up to 23 bits apart 14 are; the
wrong one is 19 apart. Of 8,200 faces of facial_expressions, another collection, none is within 18 bits of a training
face, 1 within 19, 4 within 20. 64 bits find fewer, 192 bits no more at as many wrong ones.
300,000 hashes against 30,000: 28 s, 190 MB.

ImageHashes of the image shifted by a pixel in each direction would find 591 of the 658, in five times the time.
"""

import argparse
import time
from pathlib import Path

import duplicates as changes  # benchmarks/duplicates.py
import numpy as np

from mien import datasets
from mien.core.images import Pixels
from mien.datasets import DataSpec
from mien.datasets.checks import duplicates
from mien.datasets.image_hashes import NEAR, hash_images, save_hashes, seen
from mien.evaluation.benchmark.scored_faces import copies_in
from mien.recipes import read_run
from mien.recipes.run_record import HASHES


def split(path: Path, name: str) -> Pixels:
    """Return the images of a split."""
    table = datasets.open_dataset(DataSpec(path))
    return np.asarray(table.images[table.splits == name])


def recall(train: Pixels) -> None:
    """Print which share of changed copies is found."""
    rng = np.random.default_rng(0)
    rows = rng.choice(np.flatnonzero(train.std(axis=(1, 2)) >= duplicates.FLAT), changes.COPIES, replace=False)
    known = hash_images(train)
    for name, change in changes.KINDS.items():
        found = seen(np.stack([np.asarray(change(train[row], rng)) for row in rows]), known)
        print(f"    {name}: {100 * found.mean():.1f} %", flush=True)


def against_pixels(train: Pixels, scored: Pixels, name: str) -> None:
    """Print how the finds of hashes and of pixels (`copies_in`) agree, and the processor time of both."""
    known, times = hash_images(train), [time.process_time()]
    by_hashes = seen(scored, known)
    times.append(time.process_time())
    by_pixels = copies_in(train, scored, near=True)
    times.append(time.process_time())
    pixels, own = (f"{found.sum():,}" for found in (by_pixels, by_hashes))
    print(
        f"    {name}, {len(scored):,} among {len(train):,}: by pixels {pixels} in {times[2] - times[1]:.1f} s, "
        f"by hashes {own} in {times[1] - times[0]:.1f} s, both {(by_hashes & by_pixels).sum():,}, "
        f"by hashes alone {(by_hashes & ~by_pixels).sum():,}",
        flush=True,
    )


def write(run: Path, data: Path, photos: Path) -> None:
    """Write the hashes of what a run was trained on, and print how the data compare with what it recorded."""
    from mien.training.data import build_splits

    record = read_run(run)
    train = build_splits(record.recipe, DataSpec(data), [photos])["train"]
    was = record.data.splits["train"]
    print(f"    {len(train):,} images, recorded {was.n:,}; sources {train.sources}, recorded {was.sources}")
    save_hashes(run / HASHES, hash_images(train.images))


def main() -> None:
    """Measure, or write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("fer2013"))
    parser.add_argument("--folders", type=Path, help="the same faces as JPEG files in class folders")
    parser.add_argument("--photos", type=Path, help="facial_expressions; with --write")
    parser.add_argument("--write", type=Path, metavar="RUN")
    given = parser.parse_args()
    if given.write:
        write(given.write, given.data, given.photos)
        return
    train, validation = (split(given.data, name) for name in ("train", "validation"))
    print(f"copies found, of {changes.COPIES:,} made of each kind, at most {NEAR} bits apart:")
    recall(train)
    against_pixels(train, validation, "PublicTest")
    if given.folders:
        against_pixels(train, split(given.folders, "validation"), "folders")


if __name__ == "__main__":
    main()
