"""Evaluations and comparisons as tables for the terminal."""

from collections.abc import Sequence

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from mien.core.labels import canonical
from mien.evaluation.comparison import ComparisonRow
from mien.evaluation.evaluation import VIEWS, Evaluation


def tables(evaluations: Sequence[Evaluation]) -> RenderableType:
    """Return the evaluations of one model on one split, one a view: the figures of all, the classes of the first."""
    first = evaluations[0]
    lines = [
        Text(f"{first.model.file} on {first.data.path}, {first.data.split}, n = {first.scores.n:,}"),
        *map(Text, notes(first)),
        *map(Text, selective_notes(first)),
    ]
    classes = f"{VIEWS[first.tta]}: " if len(evaluations) > 1 else ""
    return Group(*lines, _figures(evaluations), _per_class(first, classes), _confusion(first, classes))


def notes(evaluation: Evaluation) -> list[str]:
    """Return in words what was left out or folded; empty where nothing was."""
    alignment, found = evaluation.alignment, []
    if evaluation.model.head != evaluation.data.targets:
        found.append(f"scored: the model's output that follows {evaluation.model.head}")
    if photos := evaluation.end_to_end:
        found.append(
            f"{photos.detector} finds a face in {100 * photos.coverage:.1f} % of {photos.n:,} photos, which are scored "
            f"here; with the others counted as wrong: accuracy {photos.accuracy:.4f} "
            f"({photos.interval[0]:.4f}-{photos.interval[1]:.4f}), balanced accuracy {photos.balanced_accuracy:.4f}"
        )
    if evaluation.scores.annotator_kl is not None:
        found.append(
            f"a single annotator: KL to the votes {evaluation.scores.annotator_kl:.4f}, names the most voted class in "
            f"{100 * (evaluation.scores.annotator_accuracy or 0):.1f} %"
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
    """Return in words what the threshold and the prediction sets in the model do here, and on what they were fitted."""
    scored, found = evaluation.selective, []
    if at := scored.abstention:
        of = "none is left" if at.interval is None else f"of those {_percent(at.accuracy, at.interval)} are right"
        found.append(
            f"at the threshold {at.threshold:.3f}, chosen for an accuracy of {at.target:g}: "
            f"{100 * at.coverage:.1f} % of the answers count, {of}"
        )
    if sets := scored.conformal:
        found.append(
            f"prediction sets for a coverage of {sets.target:g}: "
            f"{_percent(sets.coverage, sets.interval)} hold the truth, "
            f"{sets.mean_size:.2f} labels on the mean"
        )
    if scored.fitted and (scored.abstention or scored.conformal):
        fitted = scored.fitted
        part = "" if fitted.share == 1 else f"{fitted.share:g} of "
        data = evaluation.data
        where = "this very split" if scored.fitted_here else f"{fitted.kind} {fitted.split}"
        warning = "; not all of these faces are new to it" if scored.fitted_here else ""
        if not scored.fitted_here and data.split == fitted.split and _files(data.kind) == _files(fitted.kind):
            warning = "; some of these faces may be among them"
        about = f"{fitted.n:,} faces, {part}{where}, targets: {fitted.targets}{warning}"
        found.append(f"threshold and prediction sets were fitted on {about}")
    return found


def _files(kind: str) -> str:
    return "fer2013" if kind == "ferplus" else kind  # the same pictures under two names


def _percent(share: float | None, interval: tuple[float, float]) -> str:
    return f"{100 * (share or 0):.1f} % ({100 * interval[0]:.1f}-{100 * interval[1]:.1f})"


def comparison_table(rows: Sequence[ComparisonRow]) -> Table:
    """Return the table of `mien compare`; rows as `compare` returns them, so of one split, view and n."""
    first, counted = rows[0], any(row.parameters is not None for row in rows)
    names = [
        "accuracy",
        "95 % interval",
        "macro-F1",
        "balanced",
        "log loss",
        "ECE",
        *(["parameters"] if counted else []),
    ]
    title = f"{first.split}, {VIEWS.get(first.tta, first.tta)}, n = {first.n:,}"
    table = Table("run", *_right(*names, "MB"), box=box.SIMPLE, title=title, title_justify="left", title_style="")
    for row in rows:
        figures = (row.macro_f1, row.balanced_accuracy, row.log_loss, row.ece)
        parameters = "" if row.parameters is None else f"{row.parameters:,}"
        table.add_row(
            Text(row.name, overflow="fold"),
            f"{row.accuracy:.4f}",
            f"{row.interval[0]:.4f}-{row.interval[1]:.4f}",
            *(f"{value:.4f}" for value in figures),
            *([parameters] if counted else []),
            f"{row.bytes / 1e6:.2f}",
        )
    return table


def _figures(evaluations: Sequence[Evaluation]) -> Table:
    table = Table("", *_right(*(VIEWS[found.tta] for found in evaluations)), box=box.SIMPLE)
    scores = [found.scores for found in evaluations]
    table.add_row("accuracy", *(f"{found.accuracy:.4f}" for found in scores))
    table.add_row("  95 % interval", *(f"{found.interval[0]:.4f}-{found.interval[1]:.4f}" for found in scores))
    for name, key in (
        ("macro-F1", "macro_f1"),
        ("balanced accuracy", "balanced_accuracy"),
        ("log loss", "log_loss"),
        ("ECE", "ece"),
    ):
        table.add_row(name, *(f"{getattr(found, key):.4f}" for found in scores))
    if scores[0].kl is not None:
        table.add_row("KL to the votes", *(f"{found.kl:.4f}" for found in scores))
    return table


def _per_class(evaluation: Evaluation, title: str) -> Table:
    table = Table(f"{title}class", *_right("precision", "recall", "F1", "n"), box=box.SIMPLE)
    for name, found in evaluation.scores.per_class.items():
        ratios = ("-" if value is None else f"{value:.4f}" for value in (found.precision, found.recall, found.f1))
        table.add_row(name, *ratios, f"{found.support:,}")
    return table


def _confusion(evaluation: Evaluation, title: str) -> Table:
    scores = evaluation.scores
    table = Table(f"{title}% of truth", *_right(*scores.classes), box=box.SIMPLE)
    for name, row in zip(scores.classes, scores.rates, strict=True):
        table.add_row(name, *("-" if np.isnan(rate) else f"{100 * rate:.0f}" for rate in row))
    return table


def _right(*names: str) -> list[Column]:
    return [Column(name, justify="right", no_wrap=True) for name in names]
