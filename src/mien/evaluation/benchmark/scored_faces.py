"""Which faces a protocol scores at some place, and which of them a model was trained on."""

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
from mien.evaluation.evaluation import PRINT, record, training_data
from mien.models.session import Session
from mien.recipes import Recipe


@dataclass(frozen=True)
class ScoredFaces:
    """The faces that a protocol scores at some place, before they are read as a model wants them."""

    protocol: Protocol
    root: Path
    split: str
    ids: NDArray[np.str_]
    """str [n], in order."""
    images: NDArray[np.uint8]
    """uint8 [n, 48, 48], as the fingerprint is taken."""
    fingerprint: str
    duplicates: int
    """Faces left out because they stand in training too."""
    dropped: dict[str, int]

    def read(self, size: int, channels: int) -> Samples:
        """Return the faces as size x size pixels, labelled by the protocol's classes."""
        samples = open_dataset(self.protocol, self.root, size, channels)
        return labelled(samples, np.flatnonzero(np.isin(samples.ids, self.ids)), self.protocol)


def scored_faces(protocol: Protocol, root: Path, *, final: bool = False) -> ScoredFaces:
    """Return what a protocol scores of the data at `root`: its choosing split, or with `final` its final one.

    Raises:
        InputError: no such data, no final split in the protocol or in this copy of the data, or no face left.
    """
    split = protocol.split(final=final)
    table = open_dataset(protocol, root, *PRINT)
    chosen = np.flatnonzero(table.splits == split)
    if not len(chosen):
        what = {"validation": "validation (PublicTest)", "test": "test (PrivateTest)"} if "fer" in protocol.kind else {}
        here = ", ".join(name for name in SPLITS if (table.splits == name).any())
        raise InputError(
            f"{root}: no {what.get(split, split)} part in this copy of the data, only {here or 'none'}; "
            + (f"{protocol.id} cannot be reported finally here, leave out --final" if final else "get a whole one")
        )
    samples = labelled(table, chosen, protocol)
    everyone = len(samples)
    if protocol.dedup != "none":
        train = table.images[table.splits == protocol.train]
        samples = samples[~copies_in(train, samples.images, near=protocol.dedup == "near")]
    if not len(samples):
        raise InputError(f"{root}: no labelled face in its {split} part that {protocol.id} scores")
    return ScoredFaces(
        protocol=protocol,
        root=root,
        split=split,
        ids=samples.ids,
        images=samples.images,
        fingerprint=samples.fingerprint,
        duplicates=everyone - len(samples),
        dropped=samples.dropped,
    )


def open_dataset(protocol: Protocol, root: Path, size: int, channels: int) -> Dataset:
    """Return the whole dataset with a protocol's splits and labels, as size x size pixels."""
    spec = DataSpec(root, kind=protocol.kind, targets=protocol.targets, classes=",".join(protocol.classes))
    return datasets.open_dataset(spec, ImageSpec(size, channels), shares=protocol.holdout, seed=protocol.seed)


def labelled(table: Dataset, rows: NDArray[np.int64], protocol: Protocol) -> Samples:
    """Return the rows that have one of a protocol's classes."""
    samples = datasets.take(table, rows).relabel(protocol.classes)
    return samples if (samples.hard >= 0).all() else samples[samples.hard >= 0]


def copies_in(train: NDArray[np.uint8], scored: NDArray[np.uint8], *, near: bool) -> NDArray[np.bool_]:
    """Return which of `scored`, uint8 [n, h, w], stand among `train`, [m, h, w]: bool [n].

    Byte for byte; with `near` also mirrored, recompressed, shifted or brightened copies.
    """
    if not near:
        known = {image.tobytes() for image in train}
        return np.array([image.tobytes() in known for image in scored], dtype=bool)
    copies = duplicates.find(np.concatenate([train, scored])).copied_from(np.arange(len(train)))
    return np.asarray(copies[len(train) :] >= 0)


def seen_in_training(part: ScoredFaces, session: Session, learnt_from: Sequence[Path]) -> NDArray[np.bool_] | None:
    """Return which scored faces, bool [n], stand the same or nearly so in what a model was trained on.

    Looked at are the training parts of the dataset that its run names, where it still is, and of `learnt_from`; None
    where there are neither: then nobody knows.
    """
    known, recipe = training_data(session), record(session).get("recipe", {})
    own = [Path(known["path"])] if known.get("path") and Path(known["path"]).exists() else []
    places = list(dict.fromkeys(path.resolve() for path in [*own, *learnt_from]))
    if not places:
        return None
    trained = []
    for place in places:
        holdout = recipe.get("holdout", Recipe().holdout)
        left = Path((known.get("exclude") or {}).get("path", ""))
        exclude = left if left.is_file() and place in [path.resolve() for path in own] else None
        spec = DataSpec(place, classes=known.get("classes"), holdout=holdout, exclude=exclude)
        table = datasets.open_dataset(spec)
        train = table.images[table.splits == "train"]
        if recipe.get("drop_duplicates"):  # training left these out
            chosen = {image.tobytes() for image in table.images[table.splits == "validation"]}
            train = train[[image.tobytes() not in chosen for image in train]]
        trained.append(np.asarray(train))
    return copies_in(np.concatenate(trained), part.images, near=True)
