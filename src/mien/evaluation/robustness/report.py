"""The audit as one page, audit.html: curves, images of what was done to the faces, tables."""

from pathlib import Path

import numpy as np

from mien.core import records
from mien.core.files import replacing
from mien.core.html import render
from mien.evaluation import charts
from mien.evaluation.predictions import TRAINED_ON, VIEWS
from mien.evaluation.robustness import terminal
from mien.evaluation.robustness.audit import Audit, Examples
from mien.evaluation.robustness.corruptions import CORRUPTIONS, STRENGTHS


def save(audit: Audit, examples: Examples, folder: Path) -> list[Path]:
    """Write the audit and audit.html into `folder`, made where it is missing; return the paths.

    The audit's file is audit-SPLIT.json; what else was asked for follows the split: flip, by-TARGETS, the output, the
    detector, and `clean` where nothing was corrupted.

    Raises:
        InputError: the folder cannot be written to.
    """
    found, data = audit.evaluation, audit.evaluation.data
    view = "" if found.tta == "none" else found.tta
    by = "" if data.targets == "label" else f"by-{data.targets}"
    parts = ["audit", data.split, view, by, found.asked_output, data.detector, "" if audit.corruptions else "clean"]
    written = [folder / f"{'-'.join(filter(None, parts))}.json", folder / "audit.html"]
    records.write(written[0], audit)
    with replacing(written[1]) as part:
        part.write_bytes(page(audit, examples).encode("utf-8", "backslashreplace"))  # ids may be paths not in UTF-8
    return written


def page(audit: Audit, examples: Examples) -> str:
    """Return the audit as HTML."""
    evaluation = audit.evaluation
    model, data, scores = evaluation.model, evaluation.data, evaluation.scores
    heading = f"{model.recipe or Path(model.file).stem} on {Path(data.path).name}, {data.split}"
    return render(
        "mien.evaluation.robustness/audit.html",
        title=f"{heading}: audit",
        heading=heading,
        author="mien audit. Definitions: docs/audit.md of mien.",
        audit=audit,
        scores=scores,
        view=VIEWS[evaluation.tta],
        facts=[
            ("Model", f"{model.file}{f', recipe {model.recipe}' if model.recipe else ''}, SHA-256 {model.sha256}"),
            ("Data", f"{data.path}, {data.split}, targets: {data.targets}, fingerprint {data.fingerprint}"),
            *([("Warning", TRAINED_ON)] if data.trained_on else []),
            ("Clean", terminal.clean_figures(audit)),
            *(("Note", note) for note in terminal.remarks(audit)),
            ("Command", audit.command),
            ("Made", f"{audit.date}, " + ", ".join(f"{name} {number}" for name, number in evaluation.versions.items())),
        ],
        strengths=STRENGTHS,
        corruptions=[
            {
                "name": name,
                "summary": CORRUPTIONS[name].summary,
                "parameters": terminal.parameters(name),
                "strengths": strengths,
                "mean": np.mean([at.scores.accuracy for at in strengths]),
                "chart": _chart(audit, name),
                "examples": [
                    ("clean", examples.clean),
                    *((at.parameter, faces) for at, faces in zip(strengths, examples.corrupted[name], strict=True)),
                ],
            }
            for name, strengths in audit.corruptions.items()
        ],
        faces=len(examples.clean),
        columns=[
            {
                "name": column.name,
                "verdict": terminal.verdict(column, scores.classes),
                "head": terminal.group_head(column),
                "rows": terminal.group_rows(column),
            }
            for column in (audit.groups.columns if audit.groups else ())
        ],
        strata_head=["measured", "range", *terminal.SUBSET],
        strata=[
            [f"{name}: {terminal.UNITS[name]}" if name else "", *texts] for name, *texts in terminal.strata_rows(audit)
        ],
    )


def _chart(audit: Audit, name: str) -> str:
    points = [(0.0, audit.clean), *((float(at.strength), at.scores) for at in audit.corruptions[name])]
    return charts.lines(
        name,
        [
            charts.Curve("val", "accuracy", [(x, found.accuracy) for x, found in points]),
            charts.Curve("train", "confidence", [(x, found.confidence) for x, found in points]),
        ],
        across="strength",
        percent=True,
        span=(0, 1),
    )
