"""An audit as tables for the terminal, and what must be said about it in words."""

from collections.abc import Sequence

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from mien.core.tables import Table, cell, table_of, terminal_table
from mien.evaluation import subgroups
from mien.evaluation.metrics import COUNT_METRICS, INTERVAL
from mien.evaluation.robustness.audit import Audit
from mien.evaluation.robustness.corruptions import CORRUPTIONS, STRENGTHS
from mien.evaluation.statistics import interval_text
from mien.evaluation.subgroups import LEAST, SubsetScores
from mien.evaluation.terminal import heading, scoring_notes

ACCURACY, *FURTHER = COUNT_METRICS
UNITS = {
    "brightness": "mean grey, of 255",
    "contrast": "standard deviation of the grey, of 255",
    "sharpness": "variance of the Laplacian over that of the grey, at 48 pixels",
    "size": "side of the crop in the photo, pixels",
}


def audit_tables(audit: Audit) -> RenderableType:
    """Return the audit: the clean images, the corruptions, the strata, the columns of the user's table."""
    lines = [heading(audit.evaluation), f"clean: {clean_figures(audit)}", *remarks(audit)]
    parts: list[RenderableType] = [Text(line) for line in lines]
    if audit.corruptions:
        parts.append(terminal_table(*_corruptions(audit), left=2))
    parts.append(terminal_table(*strata(audit), left=2))
    for column in audit.groups.columns if audit.groups else ():
        header, rows = group_table(column)
        parts.append(terminal_table(header[:-1], [row[:-1] for row in rows]))
        parts.append(Text(gap_verdict(column, audit.evaluation.scores.classes) + "\n"))
    return Group(*parts)


def clean_figures(audit: Audit) -> str:
    """Return every figure of the clean images in words."""
    return f"{audit.evaluation.scores}, mean confidence {audit.confidence:.4f}"


def remarks(audit: Audit) -> list[str]:
    """Return what the figures leave out, in words; empty where nothing is."""
    found, clean = scoring_notes(audit.evaluation), audit.clean
    if audit.corruptions and clean.n < audit.evaluation.scores.n:
        accuracy = f"{cell(clean.accuracy)} ({interval_text(clean.interval)})"
        found.append(f"corrupted: {clean.n:,} of the images; these clean: accuracy {accuracy}")
    if audit.groups and (audit.groups.unmatched_rows or audit.groups.unmatched_samples):
        found.append(
            f"{audit.groups.path}: {audit.groups.unmatched_rows:,} rows name no image of this split, or several; "
            f"{audit.groups.unmatched_samples:,} images have no row"
        )
    return found


def gap_verdict(column: subgroups.Column, classes: Sequence[str]) -> str:
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
    def ends(mean: float) -> list[str]:
        clean = audit.clean.accuracy
        return [cell(mean), f"{100 * (1 - mean / clean):.1f} %" if clean else "-"]

    rows = []
    for name, strengths in audit.corruptions.items():
        accuracies = [at.scores.accuracy for at in strengths]
        rows.append([name, parameters(name), *map(cell, accuracies), *ends(float(np.mean(accuracies)))])
    if len(rows) > 1 and audit.corrupted is not None:
        rows.append(["mean", *[""] * (1 + len(STRENGTHS)), *ends(audit.corrupted)])
    return ["accuracy at strength", "parameter", *map(str, STRENGTHS), "mean", "lost"], rows


def parameters(name: str) -> str:
    """Return a corruption's weakest and strongest parameter, as `40 to 12 pixels`."""
    corruption = CORRUPTIONS[name]
    return corruption.unit.format(f"{corruption.parameters[0]:g} to {corruption.parameters[-1]:g}")


def strata(audit: Audit) -> Table:
    """Return the table of the strata; a property is named in its first row only."""
    return table_of(
        [
            {"by": "" if index else name, "range": stratum.range, **_cells(stratum.scores)}
            for name, strata in audit.strata.items()
            for index, stratum in enumerate(strata)
        ]
    )


def group_table(column: subgroups.Column) -> Table:
    """Return the table of a column's groups; the confidence is last, so that a narrow terminal can do without."""
    missed = any(group.missed for group in column.groups)
    rows = []
    for group in column.groups:
        cells = _cells(group.scores)
        confidence = cells.pop("confidence")
        cells |= {metric.title: metric.text(group.scores.metrics.get(metric.name)) for metric in FURTHER}
        cells["label-adjusted"] = cell(group.label_adjusted)
        cells["no face found"] = f"{group.missed:,}" if missed else ""
        rows.append({**cells, "confidence": confidence})
    header, texts = table_of(rows)
    return [column.name, *header], [[group.value, *row] for group, row in zip(column.groups, texts, strict=True)]


def _cells(found: SubsetScores) -> dict[str, str]:
    return {
        "n": f"{found.n:,}",
        ACCURACY.title: cell(found.accuracy),
        INTERVAL: interval_text(found.interval),
        "confidence": cell(found.confidence),
    }
