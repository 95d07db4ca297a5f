"""What was fitted, as a table and lines for the terminal."""

from rich.console import Group, RenderableType
from rich.text import Text

from mien.core.tables import terminal_table
from mien.evaluation.calibrate.fit import Fitted
from mien.evaluation.metrics import METRICS
from mien.evaluation.terminal import abstention_text, prediction_set_text, shares_text


def table(found: Fitted) -> RenderableType:
    """Return what was measured before and after, of the threshold and of the sets, and on which faces."""
    fitted = found.calibration
    shown = [METRICS[name] for name in ("ece", "log_loss", "accuracy")]
    after = "vector scaling" if fitted.scale else f"temperature {found.temperature:.3f}"
    figures = [
        [name, *(metric.text(scores.metrics[metric.name]) for metric in shown)]
        for name, scores in (("uncalibrated", found.before), (after, found.after))
        if scores
    ]
    seen = found.seen_in_training
    lines = [f"{seen}; calibrate on images that it has not seen"] if seen and seen.seen else []
    if found.prior and found.after and (fitted.abstain or fitted.conformal):
        assumed = shares_text(found.after.classes, found.prior)
        lines.append(f"the table is for the classes as frequent as among these faces; what follows for {assumed}")
    lines += [abstention_text(fitted.abstain)] if fitted.abstain else []
    if sets := fitted.conformal:
        lines.append(prediction_set_text(sets.coverage, sets.measured_coverage, sets.mean_size))
    measured = (
        f"measured on {fitted.n_measured:,} others of the same split"
        if fitted.held_out
        else "the figures are of these very faces, so they are too good; with --share 0.5 the other half measures"
    )
    faces = f"{fitted.n:,} faces of {fitted.kind} {fitted.split}, targets: {fitted.targets}"
    return Group(
        Text(f"output {found.output}, fitted on {faces}; {measured}"),
        terminal_table(["", *(metric.title for metric in shown)], figures),
        *map(Text, lines),
    )
