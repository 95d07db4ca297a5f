"""The scores of one model on one split, as `mien evaluate` prints and writes them."""

import os
import platform
from dataclasses import dataclass, field, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from mien.core import html, records
from mien.core.errors import did_you_mean
from mien.core.paths import printable
from mien.core.tables import Table, cell
from mien.datasets import DataSpec
from mien.evaluation.alignment import Alignment
from mien.evaluation.metrics import METRICS, EndToEnd, Scores, end_to_end, score
from mien.evaluation.predictions import DataFacts, ModelFile, Predictions, load, predict
from mien.evaluation.provenance import SeenInTraining
from mien.evaluation.selective import Selective, selective
from mien.models.session import Tta


def versions() -> dict[str, str]:
    """Return the versions that figures depend on."""
    return {name: version(name) for name in ("mien", "numpy", "onnxruntime")} | {"python": platform.python_version()}


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The scores of one model on one split, with all that is needed to repeat or to question them.

    Every figure of `METRICS`, and every field of `Scores`, is an attribute too: `evaluation.macro_f1`, None where it is
    undefined, `evaluation.confusion`.

    Example:
        >>> import mien
        >>> scores = mien.evaluate("small", data="fer2013/", split="validation")
        >>> scores.n, scores.confusion.shape
        (21, (7, 7))
        >>> 0 <= scores.interval[0] <= scores.accuracy <= scores.interval[1] <= 1
        True
    """

    scores: Scores
    selective: Selective
    """Scores of abstaining where the model is uncertain."""
    model: ModelFile
    data: DataFacts
    tta: Tta
    output: str
    """The output of the model that was scored."""
    labels: tuple[str, ...]
    """The classes of that output, in order."""
    merge: str
    alignment: Alignment
    dropped: dict[str, int]
    """Samples left out, by class; `unlabelled` where they had no label."""
    end_to_end: EndToEnd | None = None
    """The scores over all photos, where faces were looked for; `scores` are of those found."""
    seen_in_training: SeenInTraining | None = None
    """None where nobody knows what the model was trained on."""
    prior: tuple[float, ...] = ()
    """Shares of the labels that the answers assume; () those of the training data."""
    web: Scores | None = None
    """The scores at the shares of the training data, where the answers assume others."""
    asked_output: str | None = None
    """The output that was asked for; None: the one that follows the targets."""
    versions: dict[str, str] = field(default_factory=versions)

    def __getattr__(self, name: str) -> Any:
        if name in METRICS:
            return self.scores.metrics.get(name)
        if name in SCORES:
            return getattr(self.scores, name)
        raise AttributeError(f"Evaluation has no attribute {name!r}{did_you_mean(name, dir(self))}")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *METRICS, *SCORES})

    def __repr__(self) -> str:
        of = f"{self.model.file} on {self.data.path}, {self.data.split}, n = {self.scores.n:,}"
        return f"Evaluation({printable(of)}: {self.scores})"

    def _repr_html_(self) -> str:
        return html.render("mien.evaluation/evaluation.html", evaluation=self, classes=class_table(self.scores))


SCORES = [entry.name for entry in fields(Scores) if entry.name != "metrics"]


def class_table(scores: Scores) -> Table:
    """Return the scores of each class; the last column is how many samples are predicted as it."""
    rows = []
    for name, one in scores.per_class.items():
        ratios = map(cell, (one.precision, one.recall, one.f1))
        rows.append([name, *ratios, f"{one.support:,}", f"{one.predicted:,}"])
    return ["class", "precision", "recall", "F1", "n", "predicted"], rows


def evaluate(
    predictions: Predictions, *, output: str | None = None, tta: Tta = "none", merge: str = "drop"
) -> Evaluation:
    """Return the scores of predictions; options and errors as `Predictions.scored` has them."""
    scored, data = predictions.scored(output=output, tta=tta, merge=merge), predictions.data
    scores, web = score(scored.probabilities, scored.labels, scored.alignment.classes), None
    if scored.info.prior:
        own = replace(predictions, info=predictions.info.with_prior("web"))
        plain = own.scored(output=output, tta=tta, merge=merge)
        web = score(plain.probabilities, plain.labels, plain.alignment.classes)
    return Evaluation(
        scores=scores,
        selective=selective(scored, data.fingerprint),
        model=predictions.model,
        data=data,
        tta=tta,
        output=scored.info.primary_output,
        labels=scored.info.labels,
        merge=merge,
        alignment=scored.alignment,
        dropped=scored.dropped,
        end_to_end=end_to_end(scores, scored.support, data.detector) if data.detector else None,
        seen_in_training=None
        if predictions.seen is None
        else SeenInTraining.of(predictions.seen[scored.rows], scored.correct),
        prior=scored.info.prior,
        web=web,
        asked_output=output,
    )


def evaluate_model(model: str | os.PathLike[str], spec: DataSpec, *, tta: Tta = "none") -> Evaluation:
    """Score the exported ONNX of `model` on a split of a dataset: what is shipped is what is measured.

    Args:
        model: `default`, a run folder, or an .onnx file.
        spec: the data; its `output` and `merge` say how they are scored.
        tta: `flip` averages the probabilities of each crop and its mirror image.

    Raises:
        InputError: as `load` and `Predictions.scored` have them.

    Example:
        >>> found = evaluate_model("default", DataSpec(Path("fer2013")))  # doctest: +SKIP
        >>> found.scores.accuracy  # doctest: +SKIP
    """
    return evaluate(predict(*load(model, spec), tta=tta), output=spec.output, tta=tta, merge=spec.merge)


def read(path: Path) -> Evaluation:
    """Return an evaluation that `mien evaluate` wrote. InputError where the file is none."""
    return records.read(path, Evaluation, what="an evaluation that mien evaluate wrote")
