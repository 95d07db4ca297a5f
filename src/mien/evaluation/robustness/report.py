"""The audit as one page, audit.html: curves, images of what was done to the faces, tables."""

from pathlib import Path

from mien.core import records
from mien.core.files import write_text
from mien.core.html import render
from mien.evaluation import charts
from mien.evaluation.predictions import VIEWS
from mien.evaluation.report import page_facts, page_title
from mien.evaluation.robustness import terminal
from mien.evaluation.robustness.audit import Audit, Examples
from mien.evaluation.robustness.corruptions import CORRUPTIONS, STRENGTHS


def save(audit: Audit, examples: Examples, folder: Path) -> list[Path]:
    """Write the audit and audit.html into `folder`, made where it is missing; return the paths.

    The audit's file is audit-SPLIT.json; what else was asked for follows the split: flip, by-TARGETS, the output, the
    detector, the prior, and `clean` where nothing was corrupted.

    Raises:
        InputError: the folder cannot be written to.
    """
    found, data = audit.evaluation, audit.evaluation.data
    view = "" if found.tta == "none" else found.tta
    by = "" if data.targets == "label" else f"by-{data.targets}"
    prior = f"prior-{Path(audit.prior).stem}" if audit.prior else ""
    parts = ["audit", data.split, view, by, found.asked_output, data.detector, prior]
    parts += [] if audit.corruptions else ["clean"]
    written = [folder / f"{'-'.join(filter(None, parts))}.json", folder / "audit.html"]
    records.write(written[0], audit)
    write_text(written[1], page(audit, examples))
    return written


def page(audit: Audit, examples: Examples) -> str:
    """Return the audit as HTML."""
    evaluation = audit.evaluation
    header, strata = terminal.strata(audit)
    return render(
        "mien.evaluation.robustness/audit.html",
        title=f"{page_title(evaluation)}: audit",
        heading=page_title(evaluation),
        author="mien audit. Definitions: docs/audit.md of mien.",
        audit=audit,
        scores=evaluation.scores,
        view=VIEWS[evaluation.tta],
        facts=[
            *page_facts(evaluation, terminal.remarks(audit)),
            ("Clean", terminal.clean_figures(audit)),
            ("Command", audit.command),
            ("Date", audit.date),
        ],
        strengths=STRENGTHS,
        corruptions=CORRUPTIONS,
        parameters=terminal.parameters,
        chart=lambda name: _chart(audit, name),
        examples=examples,
        columns=[
            (column.name, terminal.gap_verdict(column, evaluation.scores.classes), *terminal.group_table(column))
            for column in (audit.groups.columns if audit.groups else ())
        ],
        strata_header=["measured", *header[1:]],
        strata=[[f"{name}: {terminal.UNITS[name]}" if name else "", *texts] for name, *texts in strata],
    )


def _chart(audit: Audit, name: str) -> str:
    points = [(0.0, audit.clean), *((float(at.strength), at.scores) for at in audit.corruptions[name])]
    curves = [
        charts.Curve("val", "accuracy", [(x, found.accuracy) for x, found in points]),
        charts.Curve("train", "confidence", [(x, found.confidence) for x, found in points]),
    ]
    return charts.lines(name, curves, across="strength", percent=True, span=(0, 1))
