"""The evaluation as one page, report.html."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mien.core import records
from mien.core.files import replacing
from mien.core.html import render
from mien.core.images import Pixels
from mien.evaluation import charts
from mien.evaluation.comparison import Conditions
from mien.evaluation.evaluation import Evaluation
from mien.evaluation.learning_curve import learning_curves
from mien.evaluation.metrics import Scores
from mien.evaluation.predictions import TRAINED_ON, VIEWS, Predictions
from mien.evaluation.terminal import figures, notes, selective_notes
from mien.recipes import Epoch

MISTAKES = 24


def save(
    evaluations: Sequence[Evaluation],
    predictions: Predictions,
    images: Pixels,
    folder: Path,
    *,
    epochs: Sequence[Epoch] = (),
) -> list[Path]:
    """Write each evaluation, as `Conditions.file` calls it, and one report.html into `folder`; return the paths.

    Args:
        evaluations: of one model on one split, one a view; the report shows the first in detail.
        predictions: that they are of.
        images: uint8 [n, h, w] or [n, h, w, 3], of the predictions.
        folder: made where it is missing; files of the same names are replaced, each whole or not at all.
        epochs: of the model's run, for the learning curve.

    Raises:
        InputError: the folder cannot be written to.
    """
    written = []
    for found in evaluations:
        written.append(folder / Conditions.of(found).file())
        records.write(written[-1], found)
    written.append(folder / "report.html")
    with replacing(written[-1]) as part:
        text = page(evaluations, predictions, images, epochs=epochs)
        part.write_bytes(text.encode("utf-8", "backslashreplace"))  # ids may be paths that are not UTF-8
    return written


def page(
    evaluations: Sequence[Evaluation],
    predictions: Predictions,
    images: Pixels,
    *,
    epochs: Sequence[Epoch] = (),
) -> str:
    """Return the report as HTML; arguments as for `save`."""
    first = evaluations[0]
    scores, model, data = first.scores, first.model, first.data
    heading = f"{model.recipe or Path(model.file).stem} on {Path(data.path).name}, {data.split}"
    filled = [bin_ for bin_ in scores.bins if bin_.count]
    per_class = [
        [
            name,
            *("–" if value is None else f"{value:.3f}" for value in (one.precision, one.recall, one.f1)),
            *(f"{one.support:,}", f"{one.predicted:,}"),
        ]
        for name, one in scores.per_class.items()
    ]
    undefined = any("–" in row for row in per_class)
    sets = first.selective.conformal
    mistakes, wrong = _mistakes(first, predictions, images)
    return render(
        "mien.evaluation/report.html",
        title=f"{heading}: evaluation",
        heading=heading,
        author="mien evaluate. Definitions: docs/evaluation.md of mien.",
        scores=scores,
        selective=first.selective,
        view=VIEWS[first.tta],
        figure_names=["view", *(name for name, _ in figures(scores))],
        figures=[[VIEWS[one.tta], *(text for _, text in figures(one.scores))] for one in evaluations],
        facts=[
            ("Model", f"{model.file}{f', recipe {model.recipe}' if model.recipe else ''}"),
            (
                "File",
                f"{model.bytes / 1e6:.2f} MB, input {model.size} x {model.size} x {model.channels}, "
                f"SHA-256 {model.sha256}",
            ),
            (
                "Data",
                f"{data.path}, {data.split}, read as {data.kind}, targets: {data.targets}, "
                f"fingerprint {data.fingerprint}",
            ),
            *([("Warning", TRAINED_ON)] if data.trained_on else []),
            ("Classes", ", ".join(scores.classes)),
            *(("Note", note) for note in notes(first)),
            ("Versions", ", ".join(f"{name} {number}" for name, number in first.versions.items())),
        ],
        confused=_confused(scores),
        per_class=per_class,
        undefined="–: undefined, as no sample has or no answer names the class. The means leave it out."
        if undefined
        else "",
        confidence=sum(bin_.count * (bin_.confidence or 0) for bin_ in filled) / scores.n,
        reliability=charts.reliability(scores.bins),
        bins=[
            [
                f"{100 * bin_.lower:.0f}–{100 * bin_.upper:.0f} %",
                f"{bin_.count:,}",
                f"{bin_.confidence:.3f}",
                f"{bin_.accuracy:.3f}",
            ]
            for bin_ in filled
        ],
        selective_notes=selective_notes(first),
        coverage=_coverage(first),
        set_coverage=[
            [name, "–" if share is None else f"{share:.3f}"] for name, share in (sets.per_class if sets else {}).items()
        ],
        curves=learning_curves(epochs),
        mistakes=mistakes,
        wrong=wrong,
    )


def _confused(scores: Scores) -> list[str]:
    """Return the three most frequent confusions in words."""
    rates = np.nan_to_num(scores.rates)
    np.fill_diagonal(rates, 0)
    worst = [np.unravel_index(index, rates.shape) for index in np.argsort(rates, axis=None)[::-1][:3]]
    return [
        f"{scores.classes[truth]} for {scores.classes[answer]} ({100 * rates[truth, answer]:.0f} %)"
        for truth, answer in worst
        if rates[truth, answer] > 0
    ]


def _coverage(evaluation: Evaluation) -> str:
    """Return the chart of accuracy over the share of answers that are kept."""
    found = evaluation.selective
    curves = [
        charts.Curve("val", "accuracy", [(round(100 * coverage), accuracy) for coverage, accuracy in found.curve])
    ]
    if found.abstention:
        first, target = curves[0].points[0][0], found.abstention.target
        curves.append(charts.Curve("train", f"{target:.0%} asked for", [(first, target), (100, target)]))
    return charts.lines("accuracy of the surest answers", curves, across="share answered, %", percent=True)


def _mistakes(evaluation: Evaluation, predictions: Predictions, images: Pixels) -> tuple[list[dict[str, Any]], int]:
    """Return the surest wrong answers, and how many wrong ones there are."""
    scored = predictions.scored(output=evaluation.asked_output, tta=evaluation.tta, merge=evaluation.merge)
    classes, confidence = scored.alignment.classes, scored.probabilities.max(axis=1)
    wrong = np.flatnonzero(~scored.correct)
    surest = wrong[np.argsort(-confidence[wrong], kind="stable")][:MISTAKES].tolist()
    answers = scored.probabilities.argmax(axis=1)
    return [
        {
            "image": images[scored.rows[row]],
            "truth": classes[scored.truth[row]],
            "answer": classes[answers[row]],
            "confidence": confidence[row],
            "id": str(scored.ids[row]),
        }
        for row in surest
    ], len(wrong)
