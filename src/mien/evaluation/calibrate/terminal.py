"""What was fitted, as a table and lines for the terminal."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from mien.evaluation.calibrate.fit import Fitted
from mien.evaluation.metrics import METRICS


def table(found: Fitted) -> RenderableType:
    """Return what was measured before and after, of the threshold and of the sets, and on which faces."""
    fitted = found.calibration
    shown = [METRICS[name] for name in ("ece", "log_loss", "accuracy")]
    figures = Table("", *(Column(metric.title, justify="right") for metric in shown), box=box.SIMPLE)
    after = "vector scaling" if fitted.scale else f"temperature {found.temperature:.3f}"
    for name, scores in (("uncalibrated", found.before), (after, found.after)):
        if scores:
            figures.add_row(name, *(metric.text(scores.metrics[metric.name]) for metric in shown))
    lines = []
    if at := fitted.abstain:
        right = "none is left" if at.accuracy is None else f"of those {100 * at.accuracy:.1f} % are right"
        lines.append(
            f"threshold {at.threshold:.3f} for an accuracy of {at.target:g}: "
            f"{100 * at.coverage:.1f} % of the answers count, {right}"
        )
    if sets := fitted.conformal:
        lines.append(
            f"prediction sets for a coverage of {sets.coverage:g}: {100 * sets.measured_coverage:.1f} % hold the "
            f"truth, {sets.mean_size:.2f} labels on the mean"
        )
    measured = (
        f"measured on {fitted.n_measured:,} others of the same split"
        if fitted.held_out
        else "the figures are of these very faces, so they are too good; with --share 0.5 the other half measures"
    )
    faces = f"{fitted.n:,} faces of {fitted.kind} {fitted.split}, targets: {fitted.targets}"
    return Group(Text(f"output {found.output}, fitted on {faces}; {measured}"), figures, *map(Text, lines))
