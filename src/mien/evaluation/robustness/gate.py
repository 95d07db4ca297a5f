"""Bounds that an audit must keep: `--min-accuracy` and `--max-gap` of `mien audit`."""

from mien.core.errors import InputError
from mien.evaluation.metrics import MetricValues
from mien.evaluation.robustness.audit import Audit
from mien.evaluation.statistics import interval_text
from mien.evaluation.subgroups import LEAST

ROUNDING = 1e-9  # 0.8 - 0.6 is more than 0.2 in floating point


def violations(audit: Audit, *, max_gap: float | None = None, min_accuracy: float | None = None) -> list[str]:
    """Return what is below or beyond the bounds, a line each, by the figures as measured; empty where nothing is.

    `min_accuracy` binds the clean images and each group of at least `LEAST` samples, not the corrupted ones;
    `max_gap` the gap of each column. A gate for which nothing could be measured fails too.

    Raises:
        InputError: a bound that is no share, or a gap without groups.
    """
    check_bounds(max_gap, min_accuracy, audit.groups is not None)
    columns = audit.groups.columns if audit.groups else ()
    found = []
    if min_accuracy is not None:
        bound: list[tuple[str, MetricValues]] = [("all", audit.evaluation.scores)]
        bound += [
            (f"{column.name} {group.value}", group.scores)
            for column in columns
            for group in column.groups
            if not group.too_small
        ]
        found += [
            f"{what}: accuracy {scores.accuracy:.4f} ({interval_text(scores.interval)}, n = {scores.n:,}) is below "
            f"{min_accuracy:g}"
            for what, scores in bound
            if scores.accuracy < min_accuracy - ROUNDING
        ]
    if max_gap is not None:
        found += [
            f"{column.name}: gap {gap.size:.4f} ({gap.interval[0]:.4f} to {gap.interval[1]:.4f}) between {gap.best} "
            f"and {gap.worst} is above {max_gap:g} (labels and chance alone give as much in "
            f"{100 * (column.p_value or 0):.1f} % of shuffles)"
            for column in columns
            if (gap := column.gap) and gap.size > max_gap + ROUNDING
        ]
        if not any(column.gap for column in columns):
            found.append(f"no column has two groups of at least {LEAST} samples: the gap cannot be measured")
    return found


def check_bounds(max_gap: float | None, min_accuracy: float | None, grouped: bool) -> None:
    """Raise InputError for bounds that `violations` would refuse, before anything is measured."""
    for option, value in (("max gap", max_gap), ("min accuracy", min_accuracy)):
        if value is not None and not 0 <= value <= 1:
            raise InputError(f"{option} {value}: expected a share, 0 to 1")
    if max_gap is not None and not grouped:
        raise InputError("a largest gap needs the groups that it is between: give a table, --groups table.csv")
