"""The two parts of the data, to learn from and to validate on: of one or more datasets and labellings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien import datasets
from mien.core.images import CropSpec
from mien.core.labels import Targets
from mien.datasets import DataSpec, ImageSpec, Samples
from mien.datasets.readers import reader
from mien.faces import LargestFace
from mien.recipes import Recipe, SplitRecord

SPLITS = ("train", "validation")


@dataclass(frozen=True)
class Split:
    """What one split gives the loop.

    Args:
        images: uint8 [n, h, w] or [n, h, w, 3].
        targets: int64 [n]; or float32 [n, k], the classes of `Recipe.outputs` side by side, where each output's shares
            sum to 1, or to 0 if that labelling does not know the picture.
        classes: those of the answer, the first output.
        sources: the fingerprints of what was joined: each labelling, then each dataset of photos, whole.
    """

    images: NDArray[np.uint8]
    targets: NDArray[Any]
    classes: tuple[str, ...]
    sources: tuple[str, ...] = ()

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
    def record(self) -> SplitRecord:
        """What a run records of the split."""
        return SplitRecord(len(self), self.fingerprint, self.sources, self.counts)

    @property
    def fingerprint(self) -> str:
        """As `Samples.fingerprint`, and equal to it where there is one dataset with one labelling."""
        return datasets.fingerprint(self.images, self.targets, self.classes)


def build_splits(recipe: Recipe, data: DataSpec, photos: Sequence[Path] = ()) -> dict[str, Split]:
    """Return the splits train and validation of a dataset.

    Args:
        recipe: size, channels and outputs; its targets and its holdout are used, not those of `data`.
        data: the dataset; `classes` counts for arrays, whose integers it names.
        photos: further datasets, of photos: their faces are found, cropped and added with their labels as those of the
            primary output. What `data.exclude` lists is looked up in `data` only.
    """
    named = data.classes if data.classes and reader(data.kind or datasets.detect(data.path)).names_classes else None

    def read(split: str, targets: Targets) -> Samples:
        # not with recipe.seed: splits that we make stay as they are, for `mien evaluate` makes them again
        spec = replace(data, split=split, targets=targets, classes=named, holdout=recipe.holdout)
        return datasets.read(spec, ImageSpec(recipe.size, recipe.channels)).relabel(recipe.outputs[targets])

    parts = {}
    for split in SPLITS:
        labellings = {targets: read(split, targets) for targets in recipe.outputs}
        if recipe.soft or photos:
            parts[split] = _joined(recipe, split, labellings, photos)
        else:
            (samples,) = labellings.values()
            parts[split] = Split(samples.images, samples.labels, recipe.classes)
    if recipe.drop_duplicates:
        seen = {image.tobytes() for image in parts["validation"].images}
        new = np.array([image.tobytes() not in seen for image in parts["train"].images])
        parts["train"] = replace(parts["train"], images=parts["train"].images[new], targets=parts["train"].targets[new])
    return parts


def _joined(recipe: Recipe, split: str, labellings: Mapping[Targets, Samples], photos: Sequence[Path]) -> Split:
    blocks = [_side_by_side(recipe, labellings)]
    sources = [samples.fingerprint for samples in labellings.values()]
    for path in photos:
        image = ImageSpec(recipe.size, recipe.channels, LargestFace("haar", CropSpec(recipe.margin)))
        faces = datasets.read(DataSpec(path, split, holdout=recipe.holdout), image).relabel(recipe.classes)
        sources.append(faces.fingerprint)
        blocks.append(_side_by_side(recipe, {recipe.targets: faces[np.asarray(faces.found)]}))
    images, targets = (np.concatenate(column) for column in zip(*blocks, strict=True))
    return Split(images, targets, recipe.classes, tuple(sources))


def _side_by_side(
    recipe: Recipe, labellings: Mapping[Targets, Samples]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
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
