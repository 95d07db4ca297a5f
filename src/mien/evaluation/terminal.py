"""Evaluations and comparisons as tables for the terminal."""

from collections.abc import Sequence

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from mien.core.labels import canonical
from mien.evaluation.comparison import ComparisonRow
from mien.evaluation.evaluation import Evaluation
from mien.evaluation.metrics import COUNT_METRICS, METRICS, Scores
from mien.evaluation.predictions import VIEWS


def figures(scores: Scores) -> list[tuple[str, str]]:
    """Return the title and the text of every figure that is defined, the accuracy with its interval first."""
    found = [
        (metric.title, metric.text(scores.metrics[name])) for name, metric in METRICS.items() if name in scores.metrics
    ]
    return [found[0], ("95 % interval", f"{scores.interval[0]:.4f}-{scores.interval[1]:.4f}"), *found[1:]]


def tables(evaluations: Sequence[Evaluation]) -> RenderableType:
    """Return the evaluations of one model on one split, one a view: the figures of all, the classes of the first."""
    first = evaluations[0]
    lines = [
        Text(f"{first.model.file} on {first.data.path}, {first.data.split}, n = {first.scores.n:,}"),
        *map(Text, notes(first)),
        *map(Text, selective_notes(first)),
    ]
    view = f"{VIEWS[first.tta]}: " if len(evaluations) > 1 else ""
    return Group(*lines, _figures(evaluations), _per_class(first.scores, view), _confusion(first.scores, view))


def notes(evaluation: Evaluation) -> list[str]:
    """Return in words what was left out or folded; empty where nothing was."""
    alignment, found = evaluation.alignment, []
    if evaluation.output != evaluation.data.targets:
        found.append(f"scored: the model's output that follows {evaluation.output}")
    if photos := evaluation.end_to_end:
        interval = f" ({photos.interval[0]:.4f}-{photos.interval[1]:.4f})"
        scores = ", ".join(
            f"{metric.title} {metric.text(photos.metrics[metric.name])}{interval if metric.name == 'accuracy' else ''}"
            for metric in COUNT_METRICS
        )
        found.append(
            f"{photos.detector} finds a face in {100 * photos.coverage:.1f} % of {photos.n:,} photos, which are scored "
            f"here; with the others counted as wrong: {scores}"
        )
    if annotator := evaluation.scores.annotator:
        found.append(
            f"a single annotator: KL to the votes {annotator.kl:.4f}, names the most voted class in "
            f"{100 * annotator.accuracy:.1f} %"
        )
    for whose, names in (("the data's", alignment.samples), ("the model's", alignment.outputs)):
        if merged := [f"{old} as {new}" for old, new in names.items() if new not in (None, canonical(old))]:
            found.append(f"merged: {whose} {', '.join(merged)}")
    for name, count in evaluation.dropped.items():
        found.append(f"left out: {count:,} samples " + ("without a label" if name == "unlabelled" else f"of {name}"))
    if extra := [name for name, new in alignment.outputs.items() if new is None]:
        found.append(f"left out: the model's {', '.join(extra)}, which the data lacks; the others are scaled to 1")
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
        right = "none is left" if at.interval is None else f"of those {_percent(at.accuracy, at.interval)} are right"
        found.append(
            f"at the threshold {at.threshold:.3f}, chosen for an accuracy of {at.target:g}: "
            f"{100 * at.coverage:.1f} % of the answers count, {right}"
        )
    if sets := scored.conformal:
        found.append(
            f"prediction sets for a coverage of {sets.target:g}: {_percent(sets.coverage, sets.interval)} hold the "
            f"truth, {sets.mean_size:.2f} labels on the mean"
        )
    if scored.fitted and (scored.abstention or scored.conformal):
        fitted = scored.fitted
        share = "" if fitted.share == 1 else f"{fitted.share:g} of "
        where = "this very split" if fitted.same_split else f"{fitted.kind} {fitted.split}"
        warning = "; not all of these faces are new to it" if fitted.same_split else ""
        if not fitted.same_split and (data.kind, data.split) == (fitted.kind, fitted.split):
            warning = "; some of these faces may be among them"
        faces = f"{fitted.n:,} faces, {share}{where}, targets: {fitted.targets}{warning}"
        found.append(f"threshold and prediction sets were fitted on {faces}")
    return found


def _percent(share: float | None, interval: tuple[float, float]) -> str:
    return f"{100 * (share or 0):.1f} % ({100 * interval[0]:.1f}-{100 * interval[1]:.1f})"


def comparison_table(rows: Sequence[ComparisonRow]) -> Table:
    """Return the table of `mien compare`; rows as `compare` returns them, so of one split, view and n."""
    first, counted = rows[0].evaluation, any(row.parameters is not None for row in rows)
    names = [name for name, _ in figures(first.scores)]
    title = f"{first.data.split}, {VIEWS[first.tta]}, n = {first.scores.n:,}"
    heads = _right(*names, *(["parameters"] if counted else []), "MB")
    table = Table("run", *heads, box=box.SIMPLE, title=title, title_justify="left", title_style="")
    for row in rows:
        parameters = "" if row.parameters is None else f"{row.parameters:,}"
        table.add_row(
            Text(row.name, overflow="fold"),
            *(text for _, text in figures(row.evaluation.scores)),
            *([parameters] if counted else []),
            f"{row.evaluation.model.bytes / 1e6:.2f}",
        )
    return table


def _figures(evaluations: Sequence[Evaluation]) -> Table:
    table = Table("", *_right(*(VIEWS[found.tta] for found in evaluations)), box=box.SIMPLE)
    for rows in zip(*(figures(found.scores) for found in evaluations), strict=True):
        table.add_row(rows[0][0], *(text for _, text in rows))
    return table


def _per_class(scores: Scores, title: str) -> Table:
    table = Table(f"{title}class", *_right("precision", "recall", "F1", "n"), box=box.SIMPLE)
    for name, found in scores.per_class.items():
        ratios = ("-" if value is None else f"{value:.4f}" for value in (found.precision, found.recall, found.f1))
        table.add_row(name, *ratios, f"{found.support:,}")
    return table


def _confusion(scores: Scores, title: str) -> Table:
    table = Table(f"{title}% of truth", *_right(*scores.classes), box=box.SIMPLE)
    for name, row in zip(scores.classes, scores.rates, strict=True):
        table.add_row(name, *("-" if np.isnan(rate) else f"{100 * rate:.0f}" for rate in row))
    return table


def _right(*names: str) -> list[Column]:
    return [Column(name, justify="right", no_wrap=True) for name in names]
