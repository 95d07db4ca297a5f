"""Bounds that an audit must keep: `--min-accuracy` and `--max-gap` of `mien audit`."""

from mien.core.errors import InputError
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
        large = [(one.name, group) for one in columns for group in one.groups if not group.too_small]
        groups = [(f"{name} {group.value}", group.scores) for name, group in large]
        for what, scores in [("all", audit.evaluation.scores), *groups]:
            if scores.accuracy < min_accuracy - ROUNDING:
                n = f"{interval_text(scores.interval)}, n = {scores.n:,}"
                found.append(f"{what}: accuracy {scores.accuracy:.4f} ({n}) is below {min_accuracy:g}")
    if max_gap is not None:
        for one in columns:
            if (gap := one.gap) and gap.size > max_gap + ROUNDING:
                size = f"{gap.size:.4f} ({gap.interval[0]:.4f} to {gap.interval[1]:.4f})"
                chance = f"labels and chance alone give as much in {100 * (one.p_value or 0):.1f} % of shuffles"
                found.append(
                    f"{one.name}: gap {size} between {gap.best} and {gap.worst} is above {max_gap:g} ({chance})"
                )
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
