"""Drawn faces whose mouth and brows follow the expression, and writers of the formats of datasets."""

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from mien.core.labels import FER2013, FERPLUS
from mien.datasets import Samples

# expression -> mouth (curve up, opening) and brows (lift of the inner end), in parts of the face's height
STROKES = {
    "angry": (-0.06, 0.00, -0.06),
    "disgust": (-0.09, 0.03, -0.03),
    "fear": (-0.03, 0.07, 0.07),
    "happy": (0.10, 0.03, 0.01),
    "sad": (-0.10, 0.00, 0.05),
    "surprise": (0.00, 0.13, 0.09),
    "neutral": (0.00, 0.00, 0.00),
    "contempt": (0.05, 0.00, -0.05),
}


def faces(n: int, classes: Sequence[str] = FER2013, *, size: int = 48, channels: int = 1, seed: int = 0) -> Samples:
    """Return `n` drawn faces, no two alike; the label of sample i is i modulo the number of classes."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % len(classes)
    grey = (
        np.stack([_face(classes[label], size, rng) for label in labels.tolist()])
        if n
        else np.zeros((0, size, size), np.uint8)
    )
    images = grey if channels == 1 else np.stack([grey, grey // 2 + 60, grey // 3 + 40], axis=-1)
    return Samples(
        images=images,
        labels=labels.astype(np.int64),
        ids=np.array([f"{i:05d}" for i in range(n)]),
        classes=tuple(classes),
    )


def _face(expression: str, size: int, rng: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    curve, opening, lift = STROKES[expression]
    scale = size * 4  # drawn large and shrunk, so that strokes are smooth
    image = np.full((scale, scale), int(rng.integers(40, 110)), np.uint8)
    skin, ink = int(rng.integers(150, 230)), int(rng.integers(0, 60))
    x, y = scale * (0.5 + rng.uniform(-0.04, 0.04, 2))

    def at(right: float, down: float) -> tuple[int, int]:
        return int(x + right * scale), int(y + down * scale)

    width = max(1, scale // 40)
    cv2.ellipse(image, at(0, 0), (int(0.36 * scale), int(0.46 * scale)), 0, 0, 360, skin, -1)
    for side in (-1, 1):
        cv2.circle(image, at(0.15 * side, -0.1), int(0.04 * scale), ink, -1)
        cv2.line(image, at(0.24 * side, -0.2), at(0.07 * side, -0.2 - lift), ink, width)
    mouth = [at(step, 0.22 + curve * (1 - (step / 0.15) ** 2)) for step in np.linspace(-0.15, 0.15, 9)]
    cv2.polylines(image, [np.array(mouth, np.int32)], False, ink, width)
    if opening:
        cv2.ellipse(image, at(0, 0.22 + curve / 2), (int(0.09 * scale), int(opening * scale)), 0, 0, 360, ink, -1)
    small = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA).astype(np.float64)
    return np.clip(small + rng.normal(0, 4, small.shape), 0, 255).astype(np.uint8)


def unlike(n: int, classes: Sequence[str] = FER2013, *, size: int = 48, channels: int = 1, seed: int = 0) -> Samples:
    """Return drawn faces under shadows of their own: without them half of them count as duplicates."""
    samples, rng = faces(n, classes, size=size, channels=channels, seed=seed), np.random.default_rng(seed)
    shadows = np.stack(
        [cv2.resize(rng.normal(0, 60, (9, 9)), (size, size), interpolation=cv2.INTER_CUBIC) for _ in range(n)]
    )
    shaded = samples.images + (shadows if channels == 1 else shadows[..., None])
    return replace(samples, images=np.clip(shaded, 0, 255).astype(np.uint8))


def write_fer2013(path: Path, samples: Samples, usage: Sequence[str] | None = None) -> Path:
    """Write a fer2013.csv of 48 x 48 grey faces; without `usage` (one word per row) the file lacks that column."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        file.write("emotion,pixels,Usage\n" if usage is not None else "emotion,pixels\n")
        for row, image in enumerate(samples.images):
            code = FER2013.index(samples.classes[samples.labels[row]])
            file.write(
                f"{code},{' '.join(map(str, image.ravel().tolist()))}{',' + usage[row] if usage is not None else ''}\n"
            )
    return path


def write_votes(path: Path, votes: Sequence[Sequence[int]], usage: Sequence[str]) -> Path:
    """Write a fer2013new.csv with rows of ten votes: FER+'s eight expressions, unknown, not a face."""
    path.parent.mkdir(parents=True, exist_ok=True)
    names = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF"]
    assert len(FERPLUS) == len(names) - 2
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Usage", "Image name", *names])
        for number, (row, word) in enumerate(zip(votes, usage, strict=True)):
            writer.writerow([word, "" if row[9] == 10 else f"fer{number:07d}.png", *row])
    return path


def write_folders(root: Path, samples: Samples, split: str = "", *, suffix: str = ".png") -> Path:
    """Write root/[split/]<expression>/<id><suffix>."""
    for image, label, name in zip(samples.images, samples.hard, samples.ids, strict=True):
        path = root / split / samples.classes[label] / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return root


def write_facial_expressions(root: Path, samples: Samples, *, each: int = 3) -> Path:
    """Write images/ and data/legend.csv with `each` images per person and labels in mixed case."""
    (root / "images").mkdir(parents=True)
    (root / "data").mkdir()
    lines = ["user.id,image,emotion"]
    for row, (image, label) in enumerate(zip(samples.images, samples.hard, strict=True)):
        name = f"Person{chr(65 + row // each % 26)}_{'x' * (row // each // 26)}y_{row % each + 1:04d}.jpg"
        Image.fromarray(image).save(root / "images" / name, quality=95)
        word = samples.classes[label]
        lines.append(f"dwdii,{name},{word.upper() if row % 2 else word}")
    (root / "data" / "legend.csv").write_text("\n".join(lines) + "\n")
    return root


def write_arrays(root: Path, train: Samples, test: Samples | None = None) -> Path:
    """Write x_train.npy (flattened) and y_train.npy, and x_test.npy without labels."""
    root.mkdir(parents=True, exist_ok=True)
    np.save(root / "x_train.npy", train.images.reshape(len(train), -1))
    np.save(root / "y_train.npy", train.labels)
    if test is not None:
        np.save(root / "x_test.npy", test.images.reshape(len(test), -1))
    return root
