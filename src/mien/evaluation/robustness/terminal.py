"""An audit as tables for the terminal, and what must be said about it in words."""

from collections.abc import Sequence
from textwrap import fill

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from mien.evaluation import subgroups
from mien.evaluation.metrics import COUNT_METRICS
from mien.evaluation.robustness.audit import Audit
from mien.evaluation.robustness.corruptions import CORRUPTIONS, STRENGTHS
from mien.evaluation.subgroups import LEAST, SubsetScores
from mien.evaluation.terminal import figures, notes

SUBSET = ["n", COUNT_METRICS[0].title, "95 % interval", "confidence"]
UNITS = {
    "brightness": "mean grey, of 255",
    "contrast": "standard deviation of the grey, of 255",
    "sharpness": "variance of the Laplacian over that of the grey, at 48 pixels",
    "size": "side of the crop in the photo, pixels",
}


def audit_tables(audit: Audit) -> RenderableType:
    """Return the audit: the clean images, the corruptions, the strata, the columns of the user's table."""
    evaluation = audit.evaluation
    data, scores = evaluation.data, evaluation.scores
    lines = [
        f"{evaluation.model.file} on {data.path}, {data.split}, n = {scores.n:,}",
        f"clean: {clean_figures(audit)}",
        *remarks(audit),
    ]
    parts: list[RenderableType] = [Text(line) for line in lines]
    if audit.corruptions:
        parts.append(_corruptions(audit))
    parts.append(_table(["by", "range", *SUBSET], strata_rows(audit), left=2))
    for column in audit.groups.columns if audit.groups else ():
        rows = [row[:-1] for row in group_rows(column)]
        parts += [_table(group_head(column)[:-1], rows), Text(verdict(column, scores.classes) + "\n")]
    return Group(*parts)


def clean_figures(audit: Audit) -> str:
    """Return every figure of the clean images in words."""
    found = [*figures(audit.evaluation.scores), ("mean confidence", f"{audit.confidence:.4f}")]
    return ", ".join(f"{title} {text}" for title, text in found)


def remarks(audit: Audit) -> list[str]:
    """Return what the figures leave out, in words; empty where nothing is."""
    found = notes(audit.evaluation)
    if audit.corruptions and audit.clean.n < audit.evaluation.scores.n:
        _, accuracy, interval, _ = cells(audit.clean)
        found.append(f"corrupted: {audit.clean.n:,} of the images; these clean: accuracy {accuracy} ({interval})")
    if audit.groups and (audit.groups.unmatched_rows or audit.groups.unmatched_samples):
        found.append(
            f"{audit.groups.path}: {audit.groups.unmatched_rows:,} rows name no image of this split, or several; "
            f"{audit.groups.unmatched_samples:,} images have no row"
        )
    return found


def verdict(column: subgroups.Column, classes: Sequence[str]) -> str:
    """Return the column's gap in sentences; `classes` are all that were scored."""
    found = []
    if column.gap is None or column.p_value is None:
        found.append(f"Fewer than two groups have {LEAST} samples: no gap is given.")
    else:
        found.append(f"Gap {_gap(column.gap)}.")
        found.append(f"Labels and chance alone give as much in {100 * column.p_value:.1f} % of shuffles.")
        if column.label_adjusted:
            over = "" if len(column.compared) == len(classes) else f" over {', '.join(column.compared)}"
            found.append(f"Label-adjusted{over}: {_gap(column.label_adjusted)}.")
        else:
            found.append("The groups have no class in common, so there is no label-adjusted gap.")
    if small := [group.value for group in column.groups if group.too_small]:
        found.append(f"Fewer than {LEAST} samples, not compared: {', '.join(small)}.")
    if column.omitted:
        found.append(f"{column.omitted:,} rarer values are not shown.")
    if column.unknown:
        found.append(f"{column.unknown:,} samples have no value.")
    return " ".join(found)


def _gap(gap: subgroups.Gap) -> str:
    low, high = gap.interval
    return f"{gap.size:.3f} (95 % interval {low:.3f} to {high:.3f}), {gap.best} against {gap.worst}"


def _corruptions(audit: Audit) -> Table:
    def lost(mean: float) -> str:
        return f"{100 * (1 - mean / audit.clean.accuracy):.1f} %" if audit.clean.accuracy else "-"

    rows = []
    for name, strengths in audit.corruptions.items():
        accuracies = [at.scores.accuracy for at in strengths]
        mean = float(np.mean(accuracies))
        rows.append([name, parameters(name), *(f"{value:.4f}" for value in (*accuracies, mean)), lost(mean)])
    if len(rows) > 1 and audit.corrupted is not None:
        rows.append(["mean", *[""] * (1 + len(STRENGTHS)), f"{audit.corrupted:.4f}", lost(audit.corrupted)])
    return _table(["accuracy at strength", "parameter", *map(str, STRENGTHS), "mean", "lost"], rows, left=2)


def parameters(name: str) -> str:
    """Return a corruption's weakest and strongest parameter, as `40 to 12 pixels`."""
    corruption = CORRUPTIONS[name]
    return corruption.unit.format(f"{corruption.parameters[0]:g} to {corruption.parameters[-1]:g}")


def strata_rows(audit: Audit) -> list[list[str]]:
    """Return the strata: property (in its first row only), range, and `SUBSET`."""
    return [
        ["" if index else name, stratum.range, *cells(stratum.scores)]
        for name, strata in audit.strata.items()
        for index, stratum in enumerate(strata)
    ]


def group_head(column: subgroups.Column) -> list[str]:
    """Return the headings of `group_rows`."""
    missed = ["no face found"] * any(group.missed for group in column.groups)
    further = [metric.title for metric in COUNT_METRICS[1:]]
    return [column.name, *SUBSET[:-1], *further, "label-adjusted", *missed, SUBSET[-1]]


def group_rows(column: subgroups.Column) -> list[list[str]]:
    """Return the groups of a column, one a row; the confidence is last, so that a narrow terminal can do without."""
    missed = any(group.missed for group in column.groups)
    rows = []
    for group in column.groups:
        *texts, confidence = cells(group.scores)
        further = [metric.text(group.scores.metrics.get(metric.name)) for metric in COUNT_METRICS[1:]]
        adjusted = COUNT_METRICS[0].text(group.label_adjusted)
        rows.append([group.value, *texts, *further, adjusted, *[f"{group.missed:,}"] * missed, confidence])
    return rows


def cells(found: SubsetScores) -> list[str]:
    """Return the texts under `SUBSET`."""
    low, high = found.interval
    return [
        f"{found.n:,}",
        COUNT_METRICS[0].text(found.accuracy),
        f"{low:.4f}-{high:.4f}",
        f"{found.confidence:.4f}",
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> Table:
    """Return a table whose first `left` columns are texts, the others figures."""
    columns = [
        Column(Text(name), overflow="fold")
        if index < left
        else Column(fill(name, 9, break_long_words=False), justify="right", no_wrap=True)
        for index, name in enumerate(head)
    ]
    table = Table(*columns, box=box.SIMPLE, collapse_padding=True, pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, row))
    return table
