"""Which faces of a dataset a protocol scores, and which of them a model was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien import datasets
from mien.core.errors import InputError
from mien.datasets import DataSpec, ImageSpec, Samples
from mien.datasets.checks import duplicates
from mien.datasets.dataset import Dataset
from mien.datasets.splits import SPLITS
from mien.evaluation.benchmark.protocols import Protocol
from mien.evaluation.predictions import FINGERPRINTED
from mien.evaluation.provenance import run_record
from mien.models.session import Session
from mien.recipes import Recipe, TrainingData

SMALL = ImageSpec(*FINGERPRINTED)


@dataclass(frozen=True)
class ScoredFaces:
    """The faces that a protocol scores."""

    protocol: Protocol
    root: Path
    split: str
    samples: Samples
    """At 48 x 48 grey, labelled by the protocol's classes."""
    duplicates: int
    """Faces left out because training has them too."""

    def read(self, image: ImageSpec) -> Samples:
        """Return the faces as a model wants them."""
        if image == SMALL:
            return self.samples
        table = _dataset(self.protocol, self.root, image)
        return _labelled(table, np.isin(table.ids, self.samples.ids), self.protocol)


def scored_faces(protocol: Protocol, root: Path, *, final: bool = False) -> ScoredFaces:
    """Return what a protocol scores of the data at `root`: its choosing split, or with `final` its final one.

    Raises:
        InputError: no such data, no final split in the protocol or in this copy of the data, or no face left.
    """
    split = protocol.split(final=final)
    table = _dataset(protocol, root, SMALL)
    chosen = table.splits == split
    if not chosen.any():
        what = {"validation": "validation (PublicTest)", "test": "test (PrivateTest)"} if "fer" in protocol.kind else {}
        here = ", ".join(name for name in SPLITS if (table.splits == name).any())
        raise InputError(
            f"{root}: no {what.get(split, split)} split in this copy of the data, only {here or 'none'}; "
            + (f"{protocol.id} cannot be reported finally here, leave out --final" if final else "get a whole copy")
        )
    samples = _labelled(table, chosen, protocol)
    with_duplicates = len(samples)
    if protocol.dedup != "none":
        train = table.images[table.splits == protocol.train]
        samples = samples[~copies_in(train, samples.images, near=protocol.dedup == "near")]
    if not len(samples):
        raise InputError(f"{root}: no labelled face in its {split} split that {protocol.id} scores")
    return ScoredFaces(protocol, root, split, samples, duplicates=with_duplicates - len(samples))


def _dataset(protocol: Protocol, root: Path, image: ImageSpec) -> Dataset:
    """Return the whole dataset with a protocol's splits and labels."""
    spec = DataSpec(root, kind=protocol.kind, targets=protocol.targets, classes=",".join(protocol.classes))
    return datasets.open_dataset(spec, image, shares=protocol.holdout, seed=protocol.seed)


def _labelled(table: Dataset, rows: NDArray[np.bool_], protocol: Protocol) -> Samples:
    """Return the rows, a mask, that have one of a protocol's classes."""
    samples = datasets.samples_at(table, np.flatnonzero(rows)).relabel(protocol.classes)
    return samples if (samples.hard >= 0).all() else samples[samples.hard >= 0]


def copies_in(train: NDArray[np.uint8], scored: NDArray[np.uint8], *, near: bool) -> NDArray[np.bool_]:
    """Return which of `scored`, uint8 [n, h, w], are in `train`, [m, h, w], too: bool [n].

    Byte for byte; with `near` also mirrored, recompressed, shifted or brightened copies.
    """
    if not near:
        known = {image.tobytes() for image in train}
        return np.array([image.tobytes() in known for image in scored], dtype=bool)
    copies = duplicates.find(np.concatenate([train, scored])).copied_from(np.arange(len(train)))
    return np.asarray(copies[len(train) :] >= 0)


def seen_in_training(
    scored: NDArray[np.uint8], session: Session, training_sets: Sequence[Path]
) -> NDArray[np.bool_] | None:
    """Return which scored faces, uint8 [n, 48, 48], a model was trained on, the same or nearly so: bool [n].

    Compared are the training splits of the dataset that its run names, where it is still there, and of
    `training_sets`, by their pixels; None where there are neither.
    """
    run = run_record(session)
    data, recipe = (run.data, run.recipe) if run else (TrainingData(), Recipe())
    own = [data.path.resolve()] if data.path and data.path.exists() else []
    trained = []
    for root in dict.fromkeys([*own, *(path.resolve() for path in training_sets)]):
        left_out = data.exclude.path if data.exclude and root in own and data.exclude.path.is_file() else None
        spec = DataSpec(root, classes=data.classes, exclude=left_out)
        table = datasets.open_dataset(spec, usual=recipe.holdout)
        train = table.images[table.splits == "train"]
        if recipe.drop_duplicates:
            train = train[~copies_in(table.images[table.splits == "validation"], train, near=False)]
        trained.append(np.asarray(train))
    return copies_in(np.concatenate(trained), scored, near=True) if trained else None
