"""Datasets with known faults."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from mien.datasets import Samples
from tests import drawn

# rows of `samples`: 0..39 faces that differ; the others
CONFLICT, COPY, MIRRORED, LEAKED, TWICE_HELD, BLANK, GRAPHIC = 40, 41, 42, 43, 44, 45, 46
USAGE = ["Training"] * 30 + ["PublicTest"] * 10 + ["Training"] * 4 + ["PublicTest"] + ["Training"] * 2
# left out of training: 5 and its copy of another label, 7's copies, and the copy of the validation face 33
GONE = [5, CONFLICT, COPY, MIRRORED, LEAKED]


def samples() -> Samples:
    """Return 47 samples; `USAGE` says which are for training."""
    faces = drawn.unlike(40)
    graphic = np.full((48, 48), 255, np.uint8)
    graphic[10:38:6, 8:40] = 0
    more = [
        faces.images[5],
        faces.images[7],
        faces.images[7][:, ::-1],
        np.roll(faces.images[33], 1, axis=1),
        faces.images[34],
        np.full((48, 48), 30, np.uint8),
        graphic,
    ]
    labels = [(faces.labels[5] + 1) % 7, *faces.labels[[7, 7, 33, 34]], 0, 1]
    return replace(
        faces,
        images=np.concatenate([faces.images, np.stack(more)]),
        labels=np.concatenate([faces.labels, labels]),
        ids=np.array([f"{row:05d}" for row in range(47)]),
    )


def fer2013(root: Path) -> Path:
    """Write them as fer2013.csv with votes next to it, row for row, and a blank line in the middle."""
    drawn.write_fer2013(root / "fer2013.csv", samples(), USAGE)
    votes = np.zeros((47, 10), int)
    votes[np.arange(47), np.arange(47) % 8] = 10
    votes[:, 8] = np.arange(47) % 3
    drawn.write_votes(root / "fer2013new.csv", votes.tolist(), USAGE)
    lines = (root / "fer2013.csv").read_text().splitlines(keepends=True)
    (root / "fer2013.csv").write_text("".join([*lines[:20], "\n", *lines[20:]]))
    return root
