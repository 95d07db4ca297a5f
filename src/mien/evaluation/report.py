"""The evaluation as one page, report.html."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mien.core import records
from mien.core.console import first_few
from mien.core.files import write_text
from mien.core.html import render
from mien.core.images import Pixels
from mien.core.tables import cell
from mien.evaluation import charts
from mien.evaluation.comparison import Conditions
from mien.evaluation.evaluation import Evaluation, class_table
from mien.evaluation.explain.drawing import LIMITS
from mien.evaluation.explain.mistakes import mistake_maps, surest_mistakes
from mien.evaluation.learning_curve import learning_curves
from mien.evaluation.metrics import Scores
from mien.evaluation.predictions import TRAINED_ON, VIEWS, Predictions
from mien.evaluation.terminal import scoring_notes, selective_notes
from mien.models.session import Session
from mien.recipes import Epoch, Recipe

MISTAKES = 24
SHOWN = 40  # classes in the confusion matrix


def save(
    evaluations: Sequence[Evaluation],
    predictions: Predictions,
    images: Pixels,
    folder: Path,
    *,
    epochs: Sequence[Epoch] = (),
    recipe: Recipe | None = None,
    session: Session | None = None,
) -> list[Path]:
    """Write each evaluation, as `Conditions.file` calls it, and one report.html into `folder`; return the paths.

    Args:
        evaluations: of one model on one split, one a view; the report shows the first in detail.
        predictions: that they are of.
        images: uint8 [n, h, w] or [n, h, w, 3], of the predictions.
        folder: made where it is missing; files of the same names are replaced, each whole or not at all.
        epochs: of the model's run, for the learning curve.
        recipe: of that run, for the figures that it selects by or monitors.
        session: the model, for occlusion maps of the surest mistakes; None leaves them out.

    Raises:
        InputError: the folder cannot be written to.
    """
    written = [folder / Conditions.of(found).file for found in evaluations]
    for path, found in zip(written, evaluations, strict=True):
        records.write(path, found)
    report = folder / "report.html"
    write_text(report, page(evaluations, predictions, images, epochs=epochs, recipe=recipe, session=session))
    return [*written, report]


def page(
    evaluations: Sequence[Evaluation],
    predictions: Predictions,
    images: Pixels,
    *,
    epochs: Sequence[Epoch] = (),
    recipe: Recipe | None = None,
    session: Session | None = None,
) -> str:
    """Return the report as HTML; arguments as for `save`."""
    first = evaluations[0]
    scores, model, sets = first.scores, first.model, first.selective.conformal
    filled = [one for one in scores.bins if one.count]
    mistakes, wrong = surest_mistakes(first, predictions, images, MISTAKES)
    return render(
        "mien.evaluation/report.html",
        title=f"{page_title(first)}: evaluation",
        heading=page_title(first),
        author="mien evaluate. Definitions: docs/evaluation.md of mien.",
        scores=scores,
        selective=first.selective,
        view=VIEWS[first.tta],
        figures=(["view", *scores.texts], [[VIEWS[one.tta], *one.scores.texts.values()] for one in evaluations]),
        facts=[
            *page_facts(first, scoring_notes(first)),
            ("File", f"{model.bytes / 1e6:.2f} MB, input {model.size} x {model.size} x {model.channels}"),
            ("Classes", first_few(scores.classes, 100)),
        ],
        confused=_confused(scores),
        matrix=_matrix(scores),
        classes=class_table(scores),
        confidence=sum(one.count * (one.confidence or 0) for one in filled) / scores.n,
        reliability=charts.reliability(scores.bins),
        bins=[
            [
                f"{100 * one.lower:.0f}–{100 * one.upper:.0f} %",
                f"{one.count:,}",
                cell(one.confidence),
                cell(one.accuracy),
            ]
            for one in filled
        ],
        selective_notes=selective_notes(first),
        coverage=_coverage(first),
        set_coverage=[[name, cell(share)] for name, share in (sets.per_class if sets else {}).items()],
        curves=learning_curves(epochs, recipe),
        mistakes=mistakes,
        wrong=wrong,
        maps=mistake_maps(mistakes, session, predictions.scored_info(first.asked_output).primary_output)
        if session
        else [],
        limits=LIMITS["occlusion"],
    )


def page_title(evaluation: Evaluation) -> str:
    """Return which model was scored on which data."""
    model, data = evaluation.model, evaluation.data
    return f"{model.recipe or Path(model.file).stem} on {Path(data.path).name}, {data.split}"


def page_facts(evaluation: Evaluation, notes: Sequence[str]) -> list[tuple[str, str]]:
    """Return what a page says of the model, the data and the versions, by name."""
    model, data = evaluation.model, evaluation.data
    recipe = f", recipe {model.recipe}" if model.recipe else ""
    read = f"{data.path}, {data.split}, read as {data.kind}, targets: {data.targets}, fingerprint {data.fingerprint}"
    return [
        ("Model", f"{model.file}{recipe}, SHA-256 {model.sha256}"),
        ("Data", read),
        *([("Warning", TRAINED_ON)] if data.trained_on else []),
        *(("Note", note) for note in notes),
        ("Versions", ", ".join(f"{name} {number}" for name, number in evaluation.versions.items())),
    ]


def _matrix(scores: Scores) -> tuple[list[str], list[list[int]], str]:
    """Return the names, counts and caption of the confusion matrix; of many classes those with most mistakes."""
    chosen = scores.most_mistaken(SHOWN)
    caption = "Rows: the truth. Columns: the model's answer. Each cell: share of its row, and number of samples."
    if len(chosen) < len(scores.classes):
        caption += f" The {SHOWN} of {len(scores.classes):,} classes with most mistakes; shares are of those shown."
    counts = scores.confusion[np.ix_(chosen, chosen)].tolist()
    return [scores.classes[index] for index in chosen], counts, caption


def _confused(scores: Scores) -> list[str]:
    """Return the three most frequent confusions in words."""
    rates = np.nan_to_num(scores.rates)
    np.fill_diagonal(rates, 0)
    worst = [np.unravel_index(index, rates.shape) for index in np.argsort(rates, axis=None)[::-1][:3]]
    return [
        f"{scores.classes[truth]} for {scores.classes[predicted]} ({100 * rates[truth, predicted]:.0f} %)"
        for truth, predicted in worst
        if rates[truth, predicted] > 0
    ]


def _coverage(evaluation: Evaluation) -> str:
    """Return the chart of accuracy over the share of predictions that are kept."""
    points = [(round(100 * coverage), accuracy) for coverage, accuracy in evaluation.selective.curve]
    curves = [charts.Curve("val", "accuracy", points)]
    if at := evaluation.selective.abstention:
        target = [(points[0][0], at.target), (100, at.target)]
        curves.append(charts.Curve("train", f"{at.target:.0%} asked for", target))
    return charts.lines("accuracy of the most confident answers", curves, across="share answered, %", percent=True)
