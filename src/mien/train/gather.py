"""The two parts of the data, to learn from and to validate on: of one or more datasets and labellings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien import datasets
from mien.datasets import Samples
from mien.predict.detect import LargestFace
from mien.recipes import Recipe

SPLITS = ("train", "validation")


@dataclass(frozen=True)
class Part:
    """What one split gives the loop.

    Args:
        images: uint8 [n, h, w] or [n, h, w, 3].
        targets: int64 [n]; or float32 [n, k], the classes of `Recipe.outputs` side by side, where each output's shares
            sum to 1, or to 0 if that labelling does not know the picture.
        classes: those of the answer, the first output.
    """

    images: NDArray[np.uint8]
    targets: NDArray[Any]
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def counts(self) -> dict[str, int]:
        """How many pictures each class of the answer has."""
        hard = self.targets
        if hard.ndim == 2:
            answer = hard[:, : len(self.classes)]
            hard = answer.argmax(axis=1)[answer.any(axis=1)]
        found = np.bincount(hard[hard >= 0], minlength=len(self.classes))
        return dict(zip(self.classes, found.tolist(), strict=True))

    @property
    def fingerprint(self) -> str:
        """As `Samples.fingerprint`, and equal to it where there is one dataset with one labelling."""
        return datasets.fingerprint(self.images, self.targets, self.classes)


def gather(recipe: Recipe, data: Path, kind: str | None, photos: Sequence[Path] = ()) -> dict[str, Part]:
    """Return the train and validation parts of the dataset at `data`, joined by the faces found in `photos`.

    `photos` are datasets of whole photos (legend, folder); the answer learns their labels.
    """
    if recipe.soft or photos:
        parts = {split: _joined(recipe, split, data, kind, photos) for split in SPLITS}
    else:
        read = {split: _read(recipe, split, data, kind, recipe.targets) for split in SPLITS}
        parts = {split: Part(samples.images, samples.labels, recipe.classes) for split, samples in read.items()}
    if recipe.distinct:
        seen = {image.tobytes() for image in parts["validation"].images}
        new = np.array([image.tobytes() not in seen for image in parts["train"].images])
        parts["train"] = Part(parts["train"].images[new], parts["train"].targets[new], recipe.classes)
    return parts


def _read(recipe: Recipe, split: str, data: Path, kind: str | None, targets: str) -> Samples:
    if recipe.heads and kind in ("fer2013", "ferplus"):  # two names of the same files: one for labels, one for votes
        kind = "fer2013" if targets == "label" else "ferplus"
    return datasets.read(
        data,
        split,
        kind=kind,
        size=recipe.size,
        channels=recipe.channels,
        targets=targets,
        classes=recipe.outputs[targets],
        holdout=recipe.holdout,
    )  # not with recipe.seed: splits that we make stay as they are, for `mien evaluate` makes them again


def _joined(recipe: Recipe, split: str, data: Path, kind: str | None, photos: Sequence[Path]) -> Part:
    blocks = [_side_by_side(recipe, {targets: _read(recipe, split, data, kind, targets) for targets in recipe.outputs})]
    for path in photos:
        faces = datasets.read(
            path,
            split,
            size=recipe.size,
            channels=recipe.channels,
            face=LargestFace("haar", recipe.margin),
            classes=recipe.classes,
            holdout=recipe.holdout,
        )
        blocks.append(_side_by_side(recipe, {recipe.targets: faces[np.asarray(faces.found)]}))
    images, targets = (np.concatenate(column) for column in zip(*blocks, strict=True))
    return Part(images, targets, recipe.classes)


def _side_by_side(recipe: Recipe, labellings: Mapping[str, Samples]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return all pictures of some labellings of one dataset, each once, and their targets [n, k]."""
    known = {name: samples[samples.hard >= 0] for name, samples in labellings.items()}
    ids, first = np.unique(np.concatenate([samples.ids for samples in known.values()]), return_index=True)
    images = np.concatenate([samples.images for samples in known.values()])[first]
    targets = np.zeros((len(ids), recipe.width), dtype=np.float32)
    start = 0
    for name, classes in recipe.outputs.items():
        if name in known:
            labels = known[name].labels
            shares = labels if labels.ndim == 2 else np.eye(len(classes), dtype=np.float32)[labels]
            targets[np.searchsorted(ids, known[name].ids), start : start + len(classes)] = shares
        start += len(classes)
    return images, targets
