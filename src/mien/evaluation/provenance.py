"""What a model was trained on, as its run or the card of a bundled model recorded it."""

from dataclasses import dataclass, replace
from pathlib import Path

from mien.core import records
from mien.datasets import DataSpec, Samples
from mien.models.bundled import ASSETS
from mien.models.session import Session
from mien.recipes import RunRecord, read_run


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
