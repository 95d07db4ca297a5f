"""The splits train and validation: from one or more datasets, with one or more kinds of labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien import datasets
from mien.core.console import first_few, notice, quantity
from mien.core.errors import InputError
from mien.core.images import CropSpec
from mien.core.labels import Targets
from mien.core.paths import printable
from mien.datasets import DataSpec, ImageSpec, Samples
from mien.datasets.notices import notice_faceless, notice_lost
from mien.faces import LargestFace
from mien.models.bundled import measured_crops
from mien.recipes import Recipe, SplitRecord

SPLITS = ("train", "validation")


@dataclass(frozen=True)
class Split:
    """One split as training needs it.

    Args:
        images: uint8 [n, h, w] or [n, h, w, 3].
        targets: int64 [n]; or float32 [n, k], the classes of all `Recipe.outputs` side by side. The shares of each
            output sum to 1, or to 0 where the image has no label for it.
        classes: those of the primary output, which comes first.
        sources: the fingerprints of what was joined: the dataset with each of its labels, then each dataset of photos.
        ids: str [n], as `Samples.ids`; those of further photos begin with their folder's name. None: not known.
        log_shares: float32 [n, k], for each image the log shares of the classes in the training part of its source;
            None but for `Recipe.logit_adjust`.
    """

    images: NDArray[np.uint8]
    targets: NDArray[Any]
    classes: tuple[str, ...]
    sources: tuple[str, ...] = ()
    ids: NDArray[np.str_] | None = None
    log_shares: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.images)

    @property
    def stacked(self) -> NDArray[Any]:
        """The targets as `Objective` reads them: with `log_shares`, where there are any, in k further columns."""
        return self.targets if self.log_shares is None else np.concatenate([self.targets, self.log_shares], axis=1)

    @property
    def hard(self) -> NDArray[np.int64]:
        """int64 [n]: the class of the primary output, of votes the largest share; -1 where an image has none."""
        if self.targets.ndim == 1:
            return np.asarray(self.targets, dtype=np.int64)
        primary = self.targets[:, : len(self.classes)]
        return np.where(primary.any(axis=1), primary.argmax(axis=1), -1)

    @property
    def counts(self) -> dict[str, int]:
        """How many images each class of the primary output has."""
        hard = self.hard
        found = np.bincount(hard[hard >= 0], minlength=len(self.classes))
        return dict(zip(self.classes, found.tolist(), strict=True))

    @property
    def shares(self) -> dict[str, float]:
        """As `counts`, where votes count by their shares."""
        if self.targets.ndim == 1:
            return {name: float(count) for name, count in self.counts.items()}
        found = self.targets[:, : len(self.classes)].sum(axis=0, dtype=np.float64)
        return dict(zip(self.classes, found.tolist(), strict=True))

    @property
    def record(self) -> SplitRecord:
        """What a run records of the split."""
        return SplitRecord(len(self), self.fingerprint, self.sources, self.counts)

    @property
    def fingerprint(self) -> str:
        """As `Samples.fingerprint`, and equal to it where there is one dataset with one kind of labels."""
        return datasets.fingerprint(self.images, self.targets, self.classes)


def build_splits(recipe: Recipe, data: DataSpec, photos: Sequence[Path] = ()) -> dict[str, Split]:
    """Return the splits train and validation of a dataset.

    Args:
        recipe: size, channels, outputs and holdout; its targets are used, not those of `data`.
        data: the dataset; `classes` counts for its own labels, not for votes. With a `holdout`, a dataset that has a
            validation split is refused; it is the recipe's.
        photos: further datasets, of photos: their faces are found, cropped and added with their labels as those of the
            primary output. What `data.exclude` lists is looked up in `data` only.

    Raises:
        InputError: a dataset cannot be read, a split has no sample of the recipe's classes, or all that is trained on
            is of one class.
    """
    if data.holdout not in (None, recipe.holdout):
        raise InputError(f"holdout {data.holdout:g} of the data, {recipe.holdout:g} of the recipe; set the recipe's")

    def read(split: str, targets: Targets) -> Samples:
        # not with recipe.seed: `mien evaluate` must make the same splits again
        classes = data.classes if targets == recipe.targets == "label" else None
        spec = replace(data, split=split, targets=targets, classes=classes)
        return _labelled(recipe, spec, ImageSpec(recipe.size, recipe.channels), recipe.outputs[targets])

    splits: dict[str, Split] = {}
    shares: list[NDArray[np.float32]] = []  # log shares in the training part of each source
    for name in SPLITS:
        labelled = {targets: read(name, targets) for targets in recipe.outputs}
        if recipe.soft or photos:
            splits[name] = _join(recipe, name, labelled, photos, shares)
        else:
            (samples,) = labelled.values()
            splits[name] = Split(samples.images, samples.labels, recipe.classes, ids=samples.ids)
    if recipe.drop_duplicates:
        training, seen = splits["train"], {image.tobytes() for image in splits["validation"].images}
        assert training.ids is not None
        new = np.array([image.tobytes() not in seen for image in training.images])
        splits["train"] = replace(
            training,
            images=training.images[new],
            targets=training.targets[new],
            ids=training.ids[new],
            log_shares=None if training.log_shares is None else training.log_shares[new],
        )
        if gone := int((~new).sum()):
            notice(f"{printable(data.path)}: left out: {quantity(gone, 'training image')} that validation has too")
    classes = [name for name, count in splits["train"].counts.items() if count]
    if len(classes) == 1:
        raise InputError(f"{data.path}: every training image is {classes[0]}; there is nothing to learn from one class")
    for name, split in splits.items():
        if absent := [label for label, count in split.counts.items() if not count]:
            notice(f"{printable(data.path)}: NO {name} image of {first_few(absent, 10)}")
    return splits


def face_crops(recipe: Recipe) -> dict[str, CropSpec]:
    """Return how faces are cropped, by detector: as was measured, unless the recipe sets a margin of its own."""
    return measured_crops() if recipe.margin == Recipe().margin else {}


def _labelled(recipe: Recipe, spec: DataSpec, image: ImageSpec, classes: tuple[str, ...]) -> Samples:
    """Return a split of a dataset labelled by the classes of an output; what that leaves out is named on stderr."""
    samples = datasets.read(spec, image, usual=recipe.holdout)
    try:
        kept = samples.relabel(classes)
    except InputError as error:
        raise InputError(f"{spec.path}: {error}") from None
    notice_lost(spec, samples, np.isin(samples.ids, kept.ids), classes)
    if not len(kept):
        raise InputError(f"{spec.path}: nothing in its {spec.split} split is of a class of {first_few(classes, 12)}")
    return kept


def _join(
    recipe: Recipe,
    split: str,
    labelled: Mapping[Targets, Samples],
    photos: Sequence[Path],
    shares: list[NDArray[np.float32]],
) -> Split:
    """Return the joined sources of a split; `shares`, the log shares of each source, are filled by the first split."""
    blocks = [_targets(recipe, labelled)]
    sources = [samples.fingerprint for samples in labelled.values()]
    for path in photos:
        crop = face_crops(recipe).get("yunet", CropSpec(recipe.margin))
        image = ImageSpec(recipe.size, recipe.channels, LargestFace("yunet", crop))
        faces = _labelled(recipe, DataSpec(path, split), image, recipe.classes)
        notice_faceless(path, split, faces)
        sources.append(faces.fingerprint)
        images, targets, ids = _targets(recipe, {recipe.targets: faces[faces.found]})
        blocks.append((images, targets, np.array([f"{path.name}/{one}" for one in ids.tolist()], str)))
    if recipe.logit_adjust:
        shares += [] if shares else [log_shares(recipe, targets) for _, targets, _ in blocks]
        adjustments = np.repeat(shares, [len(block) for block, _, _ in blocks], axis=0)
    images, targets, ids = (np.concatenate(column) for column in zip(*blocks, strict=True))
    return Split(images, targets, recipe.classes, tuple(sources), ids, adjustments if recipe.logit_adjust else None)


def class_shares(recipe: Recipe, training: Split) -> dict[str, tuple[float, ...]]:
    """Return the share of each class of each output; with `logit_adjust`, in the dataset without the photos."""
    if training.log_shares is not None:
        logs = training.log_shares[0]
    else:
        hard = training.targets.ndim == 1
        logs = log_shares(
            recipe, np.eye(recipe.width, dtype=np.float32)[training.targets] if hard else training.targets
        )
    found: dict[str, tuple[float, ...]] = {}
    start = 0
    for name, classes in recipe.outputs.items():
        found[name] = tuple(np.exp(logs[start : start + len(classes)].astype(float)).tolist())
        start += len(classes)
    return found


def log_shares(recipe: Recipe, targets: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the log share of each class within its output, of targets [n, k]; even ones for an output without labels.

    One image is added to every class, so that an absent one has a share.
    """
    found: list[NDArray[Any]] = []
    start = 0
    for classes in recipe.outputs.values():
        sums = targets[:, start : start + len(classes)].sum(axis=0, dtype=np.float64)
        found.append(np.log((sums + 1) / (sums + 1).sum()))
        start += len(classes)
    return np.concatenate(found).astype(np.float32)


def _targets(
    recipe: Recipe, labelled: Mapping[Targets, Samples]
) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.str_]]:
    """Return the images of a dataset that was read once for each kind of labels, their targets [n, k] and ids."""
    known = {name: samples[samples.hard >= 0] for name, samples in labelled.items()}
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
    return images, targets, ids
