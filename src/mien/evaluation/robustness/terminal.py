"""An audit as tables for the terminal, and what must be said of it in words."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from mien.evaluation import subgroups
from mien.evaluation.robustness.audit import Audit
from mien.evaluation.robustness.corruptions import CORRUPTIONS, STRENGTHS
from mien.evaluation.subgroups import LEAST, SubsetScores
from mien.evaluation.terminal import notes

UNITS = {
    "brightness": "mean grey, of 255",
    "contrast": "standard deviation of the grey, of 255",
    "sharpness": "variance of the Laplacian over that of the grey, at 48 pixels",
    "size": "side of the crop in the photo, pixels",
}


def audit_tables(audit: Audit) -> RenderableType:
    """Return the audit: the clean pictures, the corruptions, the strata, the columns of the user's table."""
    evaluation, scores = audit.evaluation, audit.evaluation.scores
    low, high = scores.interval
    lines = [
        f"{evaluation.model.file} on {evaluation.data.path}, {evaluation.data.split}, n = {scores.n:,}",
        f"clean: accuracy {scores.accuracy:.4f} ({low:.4f}-{high:.4f}), balanced {scores.balanced_accuracy:.4f}, "
        f"mean confidence {audit.confidence:.4f}, ECE {scores.ece:.4f}",
        *remarks(audit),
    ]
    parts: list[RenderableType] = [Text(line) for line in lines]
    if audit.corruptions:
        parts.append(_corruptions(audit))
    parts.append(_strata(audit))
    for column in audit.groups.columns if audit.groups else ():
        parts += [_column(column), Text(verdict(column, scores.classes) + "\n")]
    return Group(*parts)


def remarks(audit: Audit) -> list[str]:
    """Return what the figures leave out, in words; empty where nothing is."""
    found = notes(audit.evaluation)
    if audit.corruptions and len(audit.sample) < audit.evaluation.scores.n:
        low, high = audit.clean.interval
        found.append(
            f"corrupted: {len(audit.sample):,} of the pictures; these clean: accuracy {audit.clean.accuracy:.4f} "
            f"({low:.4f}-{high:.4f})"
        )
    if audit.groups and (audit.groups.unmatched_rows or audit.groups.unmatched_samples):
        found.append(
            f"{audit.groups.path}: {audit.groups.unmatched_rows:,} rows name no picture of this split, or several; "
            f"{audit.groups.unmatched_samples:,} pictures have no row"
        )
    return found


def verdict(column: subgroups.Column, classes: Sequence[str]) -> str:
    """Return the column's gap in sentences; `classes` are all that were scored."""
    told = []
    if column.gap is None or column.p_value is None:
        told.append(f"Fewer than two groups have {LEAST} samples: no gap is told.")
    else:
        told.append(f"Gap {_gap(column.gap)}.")
        told.append(f"Labels and chance alone give as much in {100 * column.p_value:.1f} % of shuffles.")
        if column.label_adjusted:
            over = "" if len(column.compared) == len(classes) else f" over {', '.join(column.compared)}"
            told.append(f"At equal label mix{over}: {_gap(column.label_adjusted)}.")
        else:
            told.append("The groups have no class in common, so nothing can be said at equal label mix.")
    if few := [group.value for group in column.groups if group.too_small]:
        told.append(f"Fewer than {LEAST} samples, not compared: {', '.join(few)}.")
    if column.omitted:
        told.append(f"{column.omitted:,} rarer values are not shown.")
    if column.unknown:
        told.append(f"{column.unknown:,} samples have no value.")
    return " ".join(told)


def _gap(gap: subgroups.Gap) -> str:
    return (
        f"{gap.size:.3f} (95 % interval {gap.interval[0]:.3f} to {gap.interval[1]:.3f}), {gap.best} against {gap.worst}"
    )


def _corruptions(audit: Audit) -> Table:
    heads = [Column(f"strength {strength}", justify="right") for strength in STRENGTHS]
    table = Table("accuracy", "parameter", *heads, *_right("mean", "lost"), box=box.SIMPLE)
    for name, strengths in audit.corruptions.items():
        accuracies = [at.scores.accuracy for at in strengths]
        mean = sum(accuracies) / len(accuracies)
        lost = f"{100 * (1 - mean / audit.clean.accuracy):.1f} %" if audit.clean.accuracy else "-"
        table.add_row(name, parameters(name), *(f"{value:.4f}" for value in accuracies), f"{mean:.4f}", lost)
    if len(audit.corruptions) > 1 and audit.corrupted is not None:
        lost = f"{100 * (1 - audit.corrupted / audit.clean.accuracy):.1f} %" if audit.clean.accuracy else "-"
        table.add_row("mean", *[""] * 6, f"{audit.corrupted:.4f}", lost)
    return table


def parameters(name: str) -> str:
    """Return a corruption's weakest and strongest parameter, as `40 to 12 pixels`."""
    corruption = CORRUPTIONS[name]
    return corruption.unit.format(f"{corruption.parameters[0]:g} to {corruption.parameters[-1]:g}")


def _strata(audit: Audit) -> Table:
    table = Table("by", "range", *_right("n", "accuracy", "95 % interval", "confidence"), box=box.SIMPLE)
    for name, strata in audit.strata.items():
        for row, (span, found) in enumerate(strata):
            table.add_row("" if row else name, span, *_cells(found))
    return table


def _column(column: subgroups.Column) -> Table:
    missed = any(group.missed for group in column.groups)
    heads = _right("n", "accuracy", "95 % interval", "confidence", "balanced", "equal mix", *["no face"] * missed)
    table = Table(Column(column.name, overflow="fold"), *heads, box=box.SIMPLE)
    for group in column.groups:
        adjusted = "-" if group.label_adjusted is None else f"{group.label_adjusted:.4f}"
        found = group.scores
        lost = [f"{group.missed:,}"] * missed
        table.add_row(Text(group.value), *_cells(found), f"{found.balanced_accuracy:.4f}", adjusted, *lost)
    return table


def _cells(found: SubsetScores) -> list[str]:
    low, high = found.interval
    return [f"{found.n:,}", f"{found.accuracy:.4f}", f"{low:.4f}-{high:.4f}", f"{found.confidence:.4f}"]


def _right(*names: str) -> list[Column]:
    return [Column(name, justify="right", no_wrap=True) for name in names]
