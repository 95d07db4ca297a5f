"""Rotated portraits: how many faces are found, how far their roll is off, and what it is worth for the expression.

    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/head_pose.py --portraits facial_expressions/

Portraits of persons of muxspace/facial_expressions who are not in the training data of `default`, rotated clockwise
with their edge repeated around them. The truth of the roll is the angle, plus the portrait's own roll: the median of
what is found between -10 and 10 degrees, less the angle. Before: the eye points of the first search level the crop.

Mirrored portraits, and the angles of a mean face whose points are off, need no labels: `--only angles`.

Last result (2026-11-27, Python 3.11, one core of an AMD EPYC with AVX2 only; n = 150; `default`, shares of its file):

    before: found 98.7 % upright, 73 to 77 % at 30 degrees, 25 % at 45; roll off by 11 at 15 degrees, 18 at 30
    --pose: roll off by 1.0 at 15 degrees, 1.2 at 30; accuracy 0.73 for 0.75 at 15 degrees; 24 for 9 processor ms
    --any-angle: 98.7 to 99.3 % found, roll off by 0.1 to 1.3, accuracy 0.72 to 0.77 at all 16 angles; 104 to 156 ms

`--only angles`, on an Intel Xeon:

    mirrored, n = 299 of 300: roll, yaw and pitch differ by 1.0, 1.5 and 1.1 (median), 4.2, 5.9 and 5.6 (95 %)
    points off by 1 % of the face's side: 1.1, 2.6, 2.9 (95 %: 3.4, 7.4, 8.2); by 2 %: 2.2, 5.0, 5.7 (6.8, 14.9, 16.5)
    camera at 0.3, 0.6 and 1 m: 2.2, 2.6, 7.3; 1.0, 1.4, 3.5; 0.6, 0.8, 2.1
"""

import argparse
import os
import time
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mien import Recognizer, datasets
from mien.core import images
from mien.datasets import DataSpec
from mien.faces.faces import POSE, Faces
from mien.faces.head_pose import MEAN_FACE, head_pose

ANGLES = (-180, -135, -90, -60, -45, -30, -15, -5, 0, 5, 15, 30, 45, 60, 90, 135)
FACE = 2.5  # the side of a face's box in distances of the eyes
EYES = 0.063  # metres from eye to eye
WAYS: Mapping[str, Mapping[str, bool]] = {"before": {}, "--pose": {"pose": True}, "--any-angle": {"any_angle": True}}


def rotated(image: images.Pixels, degrees: float) -> images.Pixels:
    """Return the image rotated clockwise, its edge repeated around it."""
    height, width = image.shape[:2]
    edge = cv2.copyMakeBorder(image, height // 2, height // 2, width // 2, width // 2, cv2.BORDER_REPLICATE)
    size = edge.shape[1::-1]
    turn = cv2.getRotationMatrix2D((size[0] / 2 - 0.5, size[1] / 2 - 0.5), -degrees, 1)
    return np.asarray(cv2.warpAffine(edge, turn, size, borderMode=cv2.BORDER_REPLICATE), np.uint8)


def largest(faces: Faces) -> tuple[str, float] | None:
    """Return the expression and the roll of the largest face."""
    if not len(faces):
        return None
    one = faces[int(faces.boxes[:, 2:].prod(axis=1).argmax())]
    if one.head_pose is not None:
        return one.labels[0], float(one.head_pose[0, 0])
    return one.labels[0], float(head_pose(one.landmarks)[0, 0]) if one.landmarks is not None else np.nan


def mirrored(photos: list[images.Pixels]) -> None:
    """Print by how much the angles of a mirrored portrait differ from -roll, -yaw and pitch of the portrait."""
    recognizer, pairs = Recognizer(threads=1, pose=True), []
    for photo in photos:
        sides = [recognizer(np.ascontiguousarray(side)) for side in (photo, photo[:, ::-1])]
        poses = [one.head_pose[int(one.boxes[:, 2:].prod(axis=1).argmax())] for one in sides if one.head_pose.size]
        pairs += [poses] if len(poses) == 2 else []
    poses = np.array(pairs)
    off = np.abs(poses[:, 1] - poses[:, 0] * [-1, -1, 1])
    print(f"\nmirrored, n = {len(off)} of {len(photos)}: | angle | median | 95 % | standard deviation of the angle |")
    for name, column, angle in zip(POSE, off.T, poses[:, 0].T, strict=True):
        print(f"| {name} | {np.median(column):.1f} | {np.quantile(column, 0.95):.1f} | {angle.std():.1f} |")
    print("mean yaw", poses[:, :, 1].mean(axis=0).round(1), "mean pitch", poses[:, :, 2].mean(axis=0).round(1))


def noisy(n: int = 20_000) -> None:
    """Print the errors of the mean face's angles where its points are off, and of a near camera."""
    rng = np.random.default_rng(0)
    low, high = (-60, -45, -30), (60, 45, 30)  # roll, yaw, pitch
    angles = rng.uniform(low, high, (n, 3))
    heads = MEAN_FACE @ rotations(angles).transpose(0, 2, 1)
    print(f"\n| mean face, n = {n:,} | roll off by, median | 95 % | yaw | 95 % | pitch | 95 % |")
    print("|---|---|---|---|---|---|---|")
    for share in (0.0, 0.01, 0.02):
        points = heads[:, :, :2] + rng.normal(0, share * FACE, (n, 5, 2))
        show(f"points off by {share:.0%} of the face's side", points, angles)
    for metres in (0.3, 0.6, 1.0):
        distance = metres / EYES
        show(f"camera at {metres} m", heads[:, :, :2] / (1 + heads[:, :, 2:] / distance), angles)


def show(title: str, points: NDArray[np.float64], angles: NDArray[np.float64]) -> None:
    off = np.abs((head_pose(points.astype(np.float32)) - angles + 180) % 360 - 180)
    columns = (f"{np.median(column):.1f} | {np.quantile(column, 0.95):.1f}" for column in off.T)
    print(f"| {title} | {' | '.join(columns)} |")


def rotations(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rotations [n, 3, 3] of heads by roll, yaw and pitch [n, 3], in coordinates right, down, away."""
    (r, y, p), (cos_r, cos_y, cos_p) = np.sin(np.radians(angles)).T, np.cos(np.radians(angles)).T
    zero, one = np.zeros(len(angles)), np.ones(len(angles))
    clockwise = np.array([[cos_r, -r, zero], [r, cos_r, zero], [zero, zero, one]])
    aside = np.array([[cos_y, zero, -y], [zero, one, zero], [y, zero, cos_y]])
    up = np.array([[one, zero, zero], [zero, cos_p, p], [zero, -p, cos_p]])
    return np.asarray(np.einsum("ijn,jkn,kln->nil", clockwise, aside, up))


def main() -> None:
    parser = argparse.ArgumentParser()
    root = os.environ.get("MIEN_REAL_DATA", ".data")
    parser.add_argument("--portraits", type=Path, default=Path(root, "facial_expressions"))
    parser.add_argument("--n", type=int, default=150)
    parser.add_argument("--only", choices=["rotated", "angles"], help="angles: mirrored portraits and noisy points")
    given = parser.parse_args()
    if not given.portraits.is_dir():
        print(f"{given.portraits}: not there; name it with --portraits. Left out.")
        return
    samples = datasets.read(DataSpec(given.portraits, "test", classes="facial_expressions"))
    labels = np.array(samples.classes)[samples.hard]
    chosen = np.random.default_rng(0).choice(len(labels), min(given.n, len(labels)), replace=False)
    photos = [images.load(str(given.portraits / "images" / samples.ids[index])) for index in chosen]
    if given.only != "rotated":
        mirrored(photos)
        noisy()
    if given.only != "angles":
        rotated_portraits(photos, labels[chosen])


def rotated_portraits(photos: list[images.Pixels], labels: NDArray[np.str_]) -> None:
    """Print what is found of rotated portraits, and how they are labelled."""
    print(
        "| way | angle | found | roll off by, median | accuracy, not found counts as wrong | processor ms per photo |"
    )
    print("|---|---|---|---|---|---|")
    for way, options in WAYS.items():
        recognizer, found, took = Recognizer(threads=1, **options), {}, {}
        for angle in ANGLES:
            began = time.process_time()
            found[angle] = [largest(recognizer(rotated(photo, angle))) for photo in photos]
            took[angle] = (time.process_time() - began) / len(photos)
        near = [
            [one[1] - angle if (one := found[angle][i]) else np.nan for angle in (-5, 0, 5)] for i in range(len(photos))
        ]
        own = np.nanmedian(np.array(near), axis=1)
        for angle in ANGLES:
            off = [
                abs((one[1] - angle - tilt + 180) % 360 - 180)
                for one, tilt in zip(found[angle], own, strict=True)
                if one and not np.isnan(tilt)
            ]
            right = np.mean([bool(one) and one[0] == label for one, label in zip(found[angle], labels, strict=True)])
            share = np.mean([one is not None for one in found[angle]])
            print(
                f"| {way} | {angle} | {share:.1%} | {np.median(off) if off else np.nan:.1f} | {right:.3f} | "
                f"{1000 * took[angle]:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
