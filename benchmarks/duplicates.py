"""Which copies of FER2013's faces `mien.datasets.checks.duplicates` finds, how many are right, how long it takes.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/duplicates.py --data fer2013/ --sheet sheet.png

Last result, on one core of an AMD EPYC that five other processes shared, so that processor time is what counts:

    FER2013, 32,298 faces: 2,435 groups of 6,180 pictures; likeness to the lowest row:
    shifted 1,838, edited 1,780, exact 1,288, brightness 654, recompressed 165, mirrored 35

    copies found, of 2,000 made of each kind, among all faces:
    exact, mirrored, JPEG of quality 90, 50 and 20, brightness +30, contrast x 0.5, noise of sigma 10,
    through 32 x 32 pixels: 100.0 %; JPEG of quality 10: 99.9 %; brightness +60: 99.7 %; contrast x 1.5: 99.9 %,
    x 2.5: 94.0 %; gamma 2: 99.8 %; shifted by 1 pixel: 99.8 %, by 2: 87.0 %, by 3: 31.1 %; 1 pixel cropped all
    round: 98.4 %, 2 pixels: 6.4 %; mirrored, shifted by 1, contrast x 0.8, +20, JPEG 60: 99.8 %

    processor time, n = 1: FER2013 4.6 s, 200 MB; generated 30,000: 2.5 s, 100,000: 11.7 s, 300,000: 61.9 s,
    1,122 MB, of which 691 are the mapped pictures
    (the same with 8 cells searched, not 16, n = 3: 3.9 s; 2.1, 10.4, 52.0 s; std 0.0, 0.1, 0.0 and 0.9 s)

From 100,000 to 300,000 the time grows with n to the power of 1.5, as the cells foretell: for a million that is 6 to 7
minutes, and about 1.5 GB beside the pictures; extrapolated, not measured.

How many finds are right, by eye, FER2013 (--sheet draws the least alike of the finds, each below its original): of the
192 of lowest correlation, all; of 48 drawn at random from those that join PublicTest to Training by likeness, all.
Of candidate pairs below the threshold, drawn at random: correlation 0.85 to 0.875, 23 of 24 are right, 0.8 to 0.85
about 22 of 24, so the threshold of 0.875 costs some copies: FER2013 has 303 pairs in the first of these and 607 in the
second range, 3,324 above. Nearly all mirrored pairs from 0.85 on are copies; below it, where mirror images are as many
as others, as chance has it, hardly any.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mien import datasets
from mien.core.images import Pixels
from mien.datasets import DataSpec
from mien.datasets.checks import duplicates

COPIES, REPEATS, GENERATED = 2000, 3, (30_000, 100_000, 300_000)
TILE, ACROSS = 64, 16


def jpeg(image: Pixels, quality: int) -> Pixels:
    """Return the image written as JPEG and read again."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file), np.uint8)


def moved(image: Pixels, down: int, right: int) -> Pixels:
    """Return the image shifted, its edge repeated."""
    turn = np.array([[1, 0, right], [0, 1, down]], dtype=np.float32)
    return np.asarray(cv2.warpAffine(image, turn, image.shape[::-1], borderMode=cv2.BORDER_REPLICATE), np.uint8)


def lit(image: Pixels, gain: float, lift: float) -> Pixels:
    """Return the image with another contrast about middle grey and another brightness, clipped to 0..255."""
    return np.clip(np.rint((image.astype(np.float32) - 128) * gain + 128 + lift), 0, 255).astype(np.uint8)


def zoomed(image: Pixels, pixels: int) -> Pixels:
    """Return the image without a border of so many pixels, at its old size."""
    return np.asarray(cv2.resize(image[pixels:-pixels, pixels:-pixels], image.shape[::-1]), np.uint8)


Dice = np.random.Generator


def anywhere(image: Pixels, rng: Dice, most: int) -> Pixels:
    """Return the image shifted by up to `most` pixels in each direction, and by `most` in one."""
    down, right = rng.integers(-most, most + 1, 2).tolist()
    return moved(image, *((most if down >= 0 else -most, right) if rng.random() < 0.5 else (down, most)))


KINDS: dict[str, Callable[[Pixels, Dice], Pixels]] = {
    "exact": lambda image, rng: image,
    "mirrored": lambda image, rng: image[:, ::-1],
    "JPEG, quality 90": lambda image, rng: jpeg(image, 90),
    "JPEG, quality 50": lambda image, rng: jpeg(image, 50),
    "JPEG, quality 20": lambda image, rng: jpeg(image, 20),
    "JPEG, quality 10": lambda image, rng: jpeg(image, 10),
    "shifted by 1 pixel": lambda image, rng: anywhere(image, rng, 1),
    "shifted by 2 pixels": lambda image, rng: anywhere(image, rng, 2),
    "shifted by 3 pixels": lambda image, rng: anywhere(image, rng, 3),
    "brightness +30": lambda image, rng: lit(image, 1, 30),
    "brightness +60": lambda image, rng: lit(image, 1, 60),
    "contrast x 0.5": lambda image, rng: lit(image, 0.5, 0),
    "contrast x 1.5": lambda image, rng: lit(image, 1.5, 0),
    "contrast x 2.5": lambda image, rng: lit(image, 2.5, 0),
    "gamma 2": lambda image, rng: np.rint(255 * (image / 255) ** 2).astype(np.uint8),
    "noise, sigma 10": lambda image, rng: lit(image + rng.normal(0, 10, image.shape), 1, 0),
    "through 32 x 32": lambda image, rng: cv2.resize(cv2.resize(image, (32, 32)), (48, 48)).astype(np.uint8),
    "1 pixel cropped all round": lambda image, rng: zoomed(image, 1),
    "2 pixels cropped all round": lambda image, rng: zoomed(image, 2),
    "mirrored, shifted by 1, contrast x 0.8, +20, JPEG 60": lambda image, rng: jpeg(
        lit(anywhere(image[:, ::-1], rng, 1), 0.8, 20), 60
    ),
}


def recall(faces: Pixels) -> None:
    """Print which share of the copies comes into its original's group, among all faces."""
    rng = np.random.default_rng(0)
    rows = rng.choice(np.flatnonzero(faces.std(axis=(1, 2)) >= duplicates.FLAT), COPIES, replace=False)
    for name, change in KINDS.items():
        copies = np.stack([change(faces[row], rng) for row in rows])
        found = duplicates.find(np.concatenate([faces, copies])).groups
        right = found[len(faces) :] == found[rows]
        print(f"    {name}: {100 * right.mean():.1f} %", flush=True)


def pairs(faces: Pixels, sheet: Path | None) -> None:
    """Print what FER2013 itself holds, and draw the least alike copies above their originals."""
    found = duplicates.find(faces)
    kinds = Counter(kind for likeness in found.kinds.values() for kind in likeness)
    print(f"    {len(found.members):,} groups of {sum(map(len, found.members)):,} images; likeness to the lowest row:")
    print("    " + ", ".join(f"{name} {count:,}" for name, count in kinds.most_common()))
    if sheet is None:
        return
    doubtful = sorted(found.kinds, key=lambda row: float(found.correlation[row]))
    tiles = []
    for row in doubtful[: ACROSS * 12]:
        other = faces[row][:, ::-1] if found.mirrored[row] else faces[row]
        both = np.vstack([faces[found.groups[row]], other])
        tiles.append(np.pad(cv2.resize(both, (TILE, 2 * TILE)), 2, constant_values=255))
    rows = [np.hstack(tiles[start : start + ACROSS]) for start in range(0, len(tiles) // ACROSS * ACROSS, ACROSS)]
    Image.fromarray(np.vstack(rows)).save(sheet)


def generate(faces: Pixels, n: int, place: Path) -> None:
    """Write n faces, each mixed of two real ones cropped at random, one in twenty a changed copy of the one before."""
    rng = np.random.default_rng(n)
    images = np.lib.format.open_memmap(place, "w+", np.uint8, (n, 48, 48))
    changes = list(KINDS.values())
    for row in range(n):
        if row % 20 == 19:
            images[row] = changes[row // 20 % len(changes)](images[row - 1], rng)
            continue
        mixed = np.zeros((48, 48), np.float32)
        share = rng.uniform(0.3, 0.7)
        for weight in (share, 1 - share):
            top, left, side = (*rng.integers(0, 9, 2).tolist(), int(rng.integers(36, 41)))
            face = faces[rng.integers(len(faces))][top : top + side, left : left + side]
            mixed += weight * cv2.resize(face, (48, 48)).astype(np.float32)
        images[row] = mixed
    images.flush()


def measure(place: Path) -> dict[str, float]:
    """Return seconds of wall and processor time for a file of images, and the peak of memory in MB."""
    images = np.load(place, mmap_mode="r")
    wall, processor = time.perf_counter(), time.process_time()
    found = duplicates.find(images)
    return {
        "groups": len(found.members),
        "wall": time.perf_counter() - wall,
        "processor": time.process_time() - processor,
        "peak": int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024,
    }


def timed(name: str, place: Path) -> None:
    """Print how long fresh processes take for a file of images."""
    command = [sys.executable, __file__, "--measure", str(place)]
    runs = [json.loads(subprocess.check_output(command)) for _ in range(REPEATS)]
    wall, processor = (np.array([run[key] for run in runs]) for key in ("wall", "processor"))
    print(
        f"    {name}: {wall.mean():.1f} s (std {wall.std():.1f}), processor time {processor.mean():.1f} s "
        f"(std {processor.std():.1f}), n = {REPEATS}, peak {runs[0]['peak']:.0f} MB (mapped images counted), "
        f"{runs[0]['groups']:,} groups",
        flush=True,
    )


def main() -> None:
    """Measure recall, what is found, and time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=os.environ.get("MIEN_REAL_DATA", ".data") + "/fer2013")
    parser.add_argument("--sheet", type=Path, help="where to draw the least alike of the copies found")
    parser.add_argument("--most", type=int, default=GENERATED[-1], help="the most generated images")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure)))
        return
    if not given.data.exists():
        print(f"{given.data}: no dataset there; name it with --data. Left out.")
        return
    faces = np.asarray(datasets.open_dataset(DataSpec(given.data)).images)
    print(f"FER2013, {len(faces):,} faces:")
    pairs(faces, given.sheet)
    print(f"copies found, of {COPIES:,} made of each kind, among all faces:")
    recall(faces)
    print(f"time, {os.environ.get('OMP_NUM_THREADS', 'all')} threads:")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "images.npy"
        np.save(place, faces)
        timed("FER2013", place)
        for n in GENERATED:
            if n <= given.most:
                generate(faces, n, place)
                timed(f"{n:,} generated", place)


if __name__ == "__main__":
    main()
