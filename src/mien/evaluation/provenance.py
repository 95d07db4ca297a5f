"""What a model was trained on, as its run or the card of a bundled model recorded it."""

from dataclasses import replace
from pathlib import Path

from mien.core import records
from mien.datasets import DataSpec, Samples
from mien.models.bundled import ASSETS, bundled_card
from mien.models.session import Session
from mien.recipes import RunRecord, read_run


def run_record(session: Session) -> RunRecord | None:
    """Return what a model's training recorded; None where nothing did. InputError where the record is damaged."""
    if session.path.parent == ASSETS:
        name = session.path.stem
        card = bundled_card(name)
        cost = {"parameters": card.parameters, "macs": card.macs}
        return records.from_json(card.training | cost, RunRecord, where=f"{name}.json")
    run = session.path.parent
    return read_run(run) if session.path.name == "model.onnx" and (run / "recipe.json").is_file() else None


def as_trained(spec: DataSpec, trained: RunRecord | None) -> DataSpec:
    """Return the data as the model's own run read them, where the spec leaves that open.

    The validation share is the run's, so that nothing it was trained on is scored as validation. The integers of the
    same arrays mean what the run was told.
    """
    if trained is None:
        return spec
    if spec.holdout is None:
        spec = replace(spec, holdout=trained.recipe.holdout)
    if spec.classes is None and trained.data.path == Path(spec.path).resolve():
        spec = replace(spec, classes=trained.data.classes)
    return spec


def is_training(trained: RunRecord | None, samples: Samples, labels: tuple[str, ...]) -> bool:
    """Return whether `samples`, read as the model reads, have the fingerprint of something it was trained on."""
    if trained is None or "train" not in trained.data.splits or not set(samples.classes) <= set(labels):
        return False
    train = trained.data.splits["train"]
    return samples.relabel(labels).fingerprint in {train.fingerprint, *train.sources}
