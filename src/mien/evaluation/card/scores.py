"""The scores that a model card shows: one view on one split each, whichever file they come from."""

from dataclasses import dataclass, field

from mien.core.paths import last_part
from mien.evaluation.benchmark.result import Result
from mien.evaluation.evaluation import Evaluation
from mien.evaluation.metrics import Annotator
from mien.evaluation.provenance import SeenInTraining
from mien.evaluation.selective import AbstentionScores, PredictionSetScores
from mien.evaluation.statistics import Interval
from mien.models.session import Tta


@dataclass(frozen=True)
class CardScore:
    """The scores of one view on one split."""

    title: str
    """What the data are called."""
    split: str
    tta: Tta
    targets: str
    """The labels; of a benchmark the protocol and its hash."""
    output: str
    n: int
    metrics: dict[str, float]
    """Over all photos, where faces were looked for: those that need probabilities are of the faces found."""
    interval: Interval
    """95 % Wilson score interval of the accuracy."""
    recall: dict[str, float | None]
    """By class."""
    detector: str | None = None
    coverage: float | None = None
    """Share of the photos in which a face was found."""
    annotator: Annotator | None = None
    aurc: float | None = None
    abstention: AbstentionScores | None = None
    conformal: PredictionSetScores | None = None
    trained_on: bool = False
    seen: SeenInTraining | None = None
    fingerprint: str = ""
    kind: str = ""
    """The reader of the data."""
    file: str = ""
    """The name of the file that says so."""
    left_out: str = ""
    """What of the data or the model's outputs was not scored."""
    uncalibrated: dict[str, float] = field(default_factory=dict)
    """The metrics without calibration, where a benchmark measured them."""


def from_evaluation(found: Evaluation, *, title: str | None = None, file: str = "") -> CardScore:
    """Return what a card shows of an evaluation; `title` is the name of the dataset by default."""
    photos, data = found.end_to_end, found.data
    shown = photos or found.scores
    left_out = [f"{count:,} samples of {name}" for name, count in found.dropped.items()]
    left_out += [
        f"the model's {name}, the others scaled to 1"
        for name, scored in found.alignment.outputs.items()
        if scored is None
    ]
    left_out += [f"{count:,} samples by the reader, {reason}" for reason, count in data.dropped.items()]
    left_out += [f"merged: {found.merge}"] if found.merge != "drop" else []
    return CardScore(
        title=title or last_part(data.path),
        split=data.split,
        tta=found.tta,
        targets=data.targets,
        output=found.output,
        n=shown.n,
        metrics=found.scores.metrics | shown.metrics,
        interval=shown.interval,
        recall={name: one.recall for name, one in found.scores.per_class.items()},
        detector=data.detector,
        coverage=photos.coverage if photos else None,
        annotator=found.scores.annotator,
        aurc=found.selective.aurc,
        abstention=found.selective.abstention,
        conformal=found.selective.conformal,
        trained_on=data.trained_on,
        seen=found.seen_in_training,
        fingerprint=data.fingerprint,
        kind=data.kind,
        file=file,
        left_out="; ".join(left_out),
    )


def from_result(found: Result, sha256: str, *, file: str) -> list[CardScore]:
    """Return what a card shows of a benchmark result: a score for each view of the model with that SHA-256."""
    own = found.of_model(sha256)
    return [
        CardScore(
            title=found.data.name,
            split=found.split,
            tta=tta,
            targets=f"protocol {found.protocol.id} {found.hash}",
            output=own.output,
            n=view.scores.n,
            metrics=view.scores.metrics,
            interval=view.scores.interval,
            recall={},
            trained_on=own.trained_on,
            fingerprint=found.data.fingerprint,
            kind=found.protocol.kind,
            file=file,
            uncalibrated=view.uncalibrated,
        )
        for tta, view in own.views.items()
    ]
