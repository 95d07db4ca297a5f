"""What was fitted, as a table and lines for the terminal."""

from rich import box
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from mien.evaluation.calibrate.fit import Fitted


def table(found: Fitted) -> RenderableType:
    """Return what was measured before and after, of the threshold and of the sets, and on which faces."""
    made = found.calibration
    figures = Table("", *(Column(name, justify="right") for name in ("ECE", "NLL", "accuracy")), box=box.SIMPLE)
    after = "vector scaling" if made.scale else f"temperature {found.temperature:.3f}"
    for name, scores in (("uncalibrated", found.before), (after, found.after)):
        if scores:
            figures.add_row(name, f"{scores.ece:.4f}", f"{scores.log_loss:.4f}", f"{scores.accuracy:.4f}")
    lines = []
    if at := made.abstain:
        right = "none is left" if at.accuracy is None else f"of those {100 * at.accuracy:.1f} % are right"
        lines.append(
            f"threshold {at.threshold:.3f} for an accuracy of {at.target:g}: "
            f"{100 * at.coverage:.1f} % of the answers count, {right}"
        )
    if sets := made.conformal:
        lines.append(
            f"prediction sets for a coverage of {sets.coverage:g}: "
            f"{100 * sets.measured_coverage:.1f} % hold the truth, "
            f"{sets.mean_size:.2f} labels on the mean"
        )
    measured = (
        f"measured on {made.n_measured:,} others of the same split"
        if made.held_out
        else "the figures are of these very faces and flatter it; with --share 0.5 the other half measures"
    )
    whole = f"output {found.output}, fitted on {made.n:,} faces of {made.kind} {made.split}, targets: {made.targets}"
    return Group(Text(f"{whole}; {measured}"), figures, *map(Text, lines))
