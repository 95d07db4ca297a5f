"""Evaluations and comparisons as tables for the terminal."""

from collections.abc import Sequence

import numpy as np
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.text import Text

from mien.core.console import first_few
from mien.core.labels import find_class
from mien.core.tables import TerminalTable, table_of, terminal_table
from mien.evaluation.comparison import ComparisonRow
from mien.evaluation.evaluation import Evaluation, class_table
from mien.evaluation.metrics import METRICS, Scores
from mien.evaluation.predictions import VIEWS
from mien.evaluation.statistics import Interval
from mien.models.calibration import Abstention

MOST, ACROSS = 20, 12  # classes in a table, and in a confusion matrix
WIDE = 90  # characters of all names over the columns of a confusion matrix
CLASSES = 5  # classes named in a note


def evaluation_tables(evaluations: Sequence[Evaluation]) -> RenderableType:
    """Return the evaluations of one model on one split, one a view: the figures of all, the classes of the first."""
    first = evaluations[0]
    scores, view = first.scores, f"{VIEWS[first.tta]}: " if len(evaluations) > 1 else ""
    figures = [[title, *(found.scores.texts[title] for found in evaluations)] for title in scores.texts]
    header, classes = class_table(scores)
    whole = list(range(len(classes)))
    chosen, matrix = scores.most_mistaken(MOST), scores.most_mistaken(ACROSS)
    cut = f" of {len(scores.classes):,}; the {MOST} with most mistakes" if len(chosen) < len(scores.classes) else ""
    return Group(
        *map(Text, [heading(first), *scoring_notes(first), *selective_notes(first)]),
        terminal_table(["", *(VIEWS[found.tta] for found in evaluations)], figures),
        terminal_table([f"{view}{header[0]}{cut}", *header[1:-1]], [classes[index][:-1] for index in chosen]),
        rate_table(scores, matrix, f"{view}% of truth"),
        *([Text(f"{len(matrix)} of {len(scores.classes):,} classes are shown; --json has all")] * (matrix != whole)),
    )


def rate_table(scores: Scores, chosen: Sequence[int], title: str) -> TerminalTable:
    """Return the confusion matrix of some classes in percent; numbers name its columns where the names are too long."""
    names, rates = [scores.classes[index] for index in chosen], scores.rates
    short = sum(map(cell_len, names)) + 2 * len(names) <= WIDE
    heads = names if short else [str(index) for index in chosen]
    rows = [
        [
            name if short else f"{index} {name}",
            *("-" if np.isnan(rate) else f"{100 * rate:.0f}" for rate in rates[index][chosen]),
        ]
        for index, name in zip(chosen, names, strict=True)
    ]
    return terminal_table([title, *heads], rows)


def heading(evaluation: Evaluation) -> str:
    """Return what was scored, in a line."""
    data = evaluation.data
    return f"{evaluation.model.file} on {data.path}, {data.split}, n = {evaluation.scores.n:,}"


def scoring_notes(evaluation: Evaluation) -> list[str]:
    """Return in words what was left out or folded; empty where nothing was."""
    alignment, found = evaluation.alignment, list[str]()
    if (seen := evaluation.seen_in_training) and seen.seen:
        found.append(str(seen))
    if evaluation.output != evaluation.data.targets:
        found.append(f"scored: the model's output that follows {evaluation.output}")
    if web := evaluation.web:
        shown = [METRICS[name] for name in ("accuracy", "balanced_accuracy", "macro_f1", "ece")]
        figures = ", ".join(f"{metric.title} {metric.text(web.metrics[metric.name])}" for metric in shown)
        assumed = shares_text(evaluation.labels, evaluation.prior)
        if web.metrics == evaluation.scores.metrics:
            found.append("the answers assume the shares of the classes in the training data (--prior web)")
        else:
            found.append(f"the answers assume {assumed}; at those of the training data (--prior web): {figures}")
    if photos := evaluation.end_to_end:
        found.append(
            f"{photos.detector} finds a face in {100 * photos.coverage:.1f} % of {photos.n:,} photos, which are scored "
            f"here; with the others counted as wrong: {photos}"
        )
    if annotator := evaluation.scores.annotator:
        found.append(
            f"a single annotator: KL to the votes {annotator.kl:.4f}, names the most voted class in "
            f"{100 * annotator.accuracy:.1f} %"
        )
    for whose, names in (("the data's", alignment.samples), ("the model's", alignment.outputs)):
        if merged := [f"{old} as {new}" for old, new in names.items() if new not in (None, find_class(old) or old)]:
            found.append(f"merged: {whose} {', '.join(merged)}")
    if count := evaluation.dropped.get("unlabelled"):
        found.append(f"left out: {count:,} samples without a label")
    lost = {name: count for name, count in evaluation.dropped.items() if name != "unlabelled"}
    if len(lost) > CLASSES:
        some = first_few([f"{name} {count:,}" for name, count in lost.items()], CLASSES)
        found.append(f"left out: {sum(lost.values()):,} samples of {len(lost):,} classes that the model lacks ({some})")
    else:
        found += [f"left out: {count:,} samples of {name}" for name, count in lost.items()]
    if extra := [name for name, new in alignment.outputs.items() if new is None]:
        lacking = first_few(extra, 2 * CLASSES)
        found.append(f"left out: the model's {lacking}, which the data lacks; the others are scaled to 1")
    for reason, count in evaluation.data.dropped.items():
        found.append(f"left out by the reader: {count:,} samples of the dataset, {reason}")
    if evaluation.data.problems:
        found.append(
            f"not read: {evaluation.data.problems:,} rows or files of the dataset (mien data inspect lists them)"
        )
    return found


def selective_notes(evaluation: Evaluation) -> list[str]:
    """Return in words what the threshold and the prediction sets in the model do here, and what they were fitted on."""
    scored, data, found = evaluation.selective, evaluation.data, []
    if at := scored.abstention:
        found.append(abstention_text(at, at.interval))
    if sets := scored.conformal:
        found.append(prediction_set_text(sets.target, sets.coverage, sets.mean_size, sets.interval))
    if found and (fitted := scored.fitted):
        share = "" if fitted.share == 1 else f"{fitted.share:g} of "
        where, warning = f"{fitted.kind} {fitted.split}", ""
        if scored.same_split:
            where, warning = "this very split", "; not all of these faces are new to it"
        elif (data.kind, data.split) == (fitted.kind, fitted.split):
            warning = "; some of these faces may be among them"
        faces = f"{fitted.n:,} faces, {share}{where}, targets: {fitted.targets}{warning}"
        found.append(f"threshold and prediction sets were fitted on {faces}")
    return found


def shares_text(labels: Sequence[str], shares: Sequence[float]) -> str:
    """Return in words which shares of the classes answers assume."""
    if len({round(share, 6) for share in shares}) == 1:
        return "even shares of the classes"
    named = ", ".join(f"{name} {share:.3f}" for name, share in zip(labels, shares, strict=True))
    return f"shares of the classes: {named}"


def abstention_text(at: Abstention, interval: Interval | None = None) -> str:
    """Return in words what a threshold does; `interval` is that of the accuracy."""
    rule = f"at the threshold {at.threshold:.3f}, chosen for an accuracy of {at.target:g}"
    right = "none is left" if at.accuracy is None else f"of those {_percent(at.accuracy, interval)} are right"
    return f"{rule}: {100 * at.coverage:.1f} % of the answers count, {right}"


def prediction_set_text(target: float, coverage: float, size: float, interval: Interval | None = None) -> str:
    """Return in words what prediction sets do; `interval` is that of their coverage."""
    held = _percent(coverage, interval)
    return f"prediction sets for a coverage of {target:g}: {held} hold the truth, {size:.2f} labels on the mean"


def _percent(share: float, interval: Interval | None) -> str:
    return f"{100 * share:.1f} %" + (f" ({100 * interval[0]:.1f}-{100 * interval[1]:.1f})" if interval else "")


def comparison_table(rows: Sequence[ComparisonRow]) -> RenderableType:
    """Return the table of `mien compare`, and what each model has seen of the data in training.

    Args:
        rows: as `compare` returns them, so of one split, view and n.

    Of several runs, * marks the best value of each figure.
    """
    first = rows[0].evaluation
    scores = [row.evaluation.scores.metrics for row in rows]
    best = {
        name: (max if METRICS[name].better == "higher" else min)(one[name] for one in scores)
        for name in METRICS
        if len(rows) > 1 and all(name in one for one in scores)
    }
    cells = [
        {
            "run": row.name,
            **row.evaluation.scores.texts,
            **{
                METRICS[name].title: METRICS[name].text(one[name]) + (" *"[one[name] == value])
                for name, value in best.items()
            },
            "parameters": "" if row.parameters is None else f"{row.parameters:,}",
            "MB": f"{row.evaluation.model.bytes / 1e6:.2f}",
        }
        for row, one in zip(rows, scores, strict=True)
    ]
    title = f"{first.data.split}, {VIEWS[first.tta]}, n = {first.scores.n:,}"
    notes = [Text(f"{row.name}: {seen}") for row in rows if (seen := row.evaluation.seen_in_training) and seen.seen]
    return Group(terminal_table(*table_of(cells), title=title), *notes)
