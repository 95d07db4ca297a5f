"""What a model was trained on, as its run or the card of a bundled model recorded it."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core import records
from mien.core.errors import InputError
from mien.core.images import Pixels
from mien.datasets import DataSpec, Samples
from mien.datasets.image_hashes import ImageHashes, from_text, load_hashes, seen
from mien.evaluation.statistics import Interval, wilson
from mien.models.bundled import ASSETS, bundled
from mien.models.session import Session
from mien.recipes import RunRecord, read_run
from mien.recipes.run_record import HASHES

HASHES_KEY = "mien_prints"  # of an adapted model's metadata: of what its last layer learned from


@dataclass(frozen=True)
class _Card:
    training: RunRecord


def bundled_record(name: str) -> RunRecord:
    """Return what the training of a bundled model recorded."""
    return records.read(ASSETS / f"{name}.json", _Card, what="the card of a bundled model").training


def run_record(session: Session) -> RunRecord | None:
    """Return what a model's training recorded; None where nothing did. InputError where the record is damaged."""
    if session.path.parent == ASSETS:
        return bundled_record(session.path.stem)
    run = session.path.parent
    return read_run(run) if session.path.name == "model.onnx" and (run / "recipe.json").is_file() else None


def as_trained(spec: DataSpec, trained: RunRecord | None) -> DataSpec:
    """Return the data as the model's own run read them: the integers of the same arrays mean what the run recorded."""
    if spec.classes is None and trained and trained.data.path == Path(spec.path).resolve():
        spec = replace(spec, classes=trained.data.classes)
    return spec


def is_training(trained: RunRecord | None, samples: Samples, labels: tuple[str, ...]) -> bool:
    """Return whether `samples`, read as the model reads, have the fingerprint of something it was trained on."""
    if trained is None or "train" not in trained.data.splits or not set(samples.classes) <= set(labels):
        return False
    train = trained.data.splits["train"]
    return samples.relabel(labels).fingerprint in {train.fingerprint, *train.sources}


@dataclass(frozen=True)
class SeenInTraining:
    """How many of the scored images are in the model's training data, the same or nearly so."""

    seen: int
    unseen: int
    """The other images."""
    accuracy_of_unseen: float | None
    """Single view; None where there are none."""
    interval_of_unseen: Interval | None = None
    """95 % Wilson score interval of that accuracy."""

    @classmethod
    def of(cls, seen: NDArray[np.bool_], correct: NDArray[np.bool_]) -> "SeenInTraining":
        """Return the figures of which images were seen, bool [n], and which answers are right, bool [n]."""
        right, unseen = int(correct[~seen].sum()), int((~seen).sum())
        return cls(
            seen=int(seen.sum()),
            unseen=unseen,
            accuracy_of_unseen=right / unseen if unseen else None,
            interval_of_unseen=wilson(right, unseen) if unseen else None,
        )

    def __str__(self) -> str:
        n = self.seen + self.unseen
        share = f"{self.seen:,} of these {n:,} images ({100 * self.seen / n:.1f} %)"
        found = f"{share} are, exactly or nearly, among those that the model was trained on"
        if self.accuracy_of_unseen is None:
            return found
        ends = self.interval_of_unseen
        interval = f" ({100 * ends[0]:.1f}-{100 * ends[1]:.1f})" if ends else ""
        return f"{found}; accuracy on the other {self.unseen:,}: {100 * self.accuracy_of_unseen:.1f} %{interval}"


def training_hashes(model: Path) -> ImageHashes | None:
    """Return the hashes of what a model was trained on, which its run, or the package, keeps next to it.

    None where there are none. InputError where the file is damaged.
    """
    path = model.parent / HASHES
    return load_hashes(path) if path.is_file() else None


def known_hashes(session: Session) -> ImageHashes | None:
    """Return the hashes of what an open model was trained on: those in an adapted file and of its origin, or as above.

    Raises:
        InputError: they are damaged.
    """
    if HASHES_KEY not in session.metadata:
        return training_hashes(session.path)
    try:
        own = from_text(session.metadata[HASHES_KEY])
    except InputError as error:
        raise InputError(f"{session.path}: {error}") from None
    origin = bundled().get(session.file_info.adaptation.model) if session.file_info.adaptation else None
    earlier = training_hashes(origin) if origin else None
    return own if own is None or earlier is None else np.concatenate([own, earlier])


def seen_in_training(session: Session, images: Pixels) -> NDArray[np.bool_] | None:
    """Return which images, uint8 [n, h, w] or [n, h, w, 3], a model was trained on, exactly or nearly: bool [n].

    None where its training images are not known.
    """
    known = known_hashes(session)
    return None if known is None else seen(images, known)
