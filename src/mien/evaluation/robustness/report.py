"""The audit as one page, audit.html: curves, pictures of what was done to the faces, tables."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from mien.core import charts
from mien.core.files import replacing
from mien.core.html import STRONG, document, picture, table
from mien.core.images import Pixels
from mien.evaluation.comparison import filename
from mien.evaluation.evaluation import TRAINED_ON, VIEWS
from mien.evaluation.robustness.audit import Audit, Strength
from mien.evaluation.robustness.corruptions import CORRUPTIONS, STRENGTHS
from mien.evaluation.robustness.terminal import UNITS, parameters, remarks, verdict
from mien.evaluation.subgroups import Column, SubsetScores

SHOWN = 64  # pixels of a picture in the page

LIMITS = """
<p>The corruptions are generated, one at a time, from pictures that are themselves not perfect: a real camera in the
dark is noisy, blurred and dim at once, and no bar is a hand or a mask. They say in which direction a model is fragile
and let two models be compared; they do not foretell its accuracy on your pictures.</p>
<p>A gap between groups is one of this model, these pictures and these labels. Groups may differ in age, camera, pose or
in who labelled them, and labels may themselves be worse for some; equal label mix takes out one such difference, the
share of each class. The interval covers the chance of drawing these samples from groups named beforehand; the largest
of many gaps is large by chance already, which the shuffles tell. No gap seen in few samples is not no gap.</p>
"""


def save(audit: Audit, folder: Path) -> list[Path]:
    """Write the figures and audit.html into `folder`, made where it is missing; return the paths.

    The figures' file is audit-SPLIT.json; what else was asked for follows the split: flip, by-TARGETS, the output, the
    detector, and `clean` where nothing was corrupted.

    Raises:
        InputError: the folder cannot be written to.
    """
    found = audit.evaluation
    tta = None if found.tta == "none" else found.tta
    detector = found.end_to_end.detector if found.end_to_end else None
    rest = None if audit.corruptions else "clean"
    name = filename("audit", found.data.split, tta, found.data.targets, found.output, detector, rest)
    texts = {
        name: json.dumps(audit.to_json(), indent=1),
        "audit.html": page(audit),
    }
    for name, text in texts.items():
        with replacing(folder / name) as part:
            part.write_bytes(text.encode("utf-8", "backslashreplace"))  # ids may be paths that are not UTF-8
    return [folder / name for name in texts]


def page(audit: Audit) -> str:
    """Return the audit as HTML."""
    evaluation, scores = audit.evaluation, audit.evaluation.scores
    title = (
        f"{evaluation.model.recipe or Path(evaluation.model.file).stem} on {Path(evaluation.data.path).name}, "
        f"{evaluation.data.split}"
    )
    low, high = (f"{100 * value:.1f}" for value in scores.interval)
    worse = f" {100 * audit.corrupted:.1f} % on corrupted pictures." if audit.corrupted is not None else ""
    body = f"""<header>
<h1>Audit: {escape(title)}</h1>
<p class="headline">{100 * scores.accuracy:.1f} % <small>accuracy on clean pictures, {low} to {high} %</small></p>
<p class="soft">{scores.n:,} face crops, {VIEWS[evaluation.tta]}; the range is the 95 % interval.{worse}</p>
</header>
<main>
{_circumstances(audit)}
{_overview(audit)}
{_groups(audit)}
<h2>By what the pictures are like</h2>
<p>The clean pictures, cut into fifths by what was measured in each of them.</p>
{_strata(audit)}
{_corruptions(audit)}
<h2>What these figures do not say</h2>
{LIMITS.strip()}
</main>"""
    return document(f"{title}: audit", body, author="mien audit. Definitions: docs/audit.md of mien.")


def _circumstances(audit: Audit) -> str:
    evaluation, facts = audit.evaluation, audit.to_json()
    model, data, scores = evaluation.model, evaluation.data, evaluation.scores
    entries = [
        ("Model", f"{model.file}{f', recipe {model.recipe}' if model.recipe else ''}, SHA-256 {model.sha256}"),
        ("Data", f"{data.path}, {data.split}, targets: {data.targets}, fingerprint {data.fingerprint}"),
        *([("Warning", TRAINED_ON)] if data.trained_on else []),
        (
            "Clean",
            f"balanced accuracy {scores.balanced_accuracy:.4f}, mean confidence {audit.confidence:.4f}, "
            f"ECE {scores.ece:.4f}",
        ),
        *(("Note", note) for note in remarks(audit)),
        ("Command", audit.command),
        ("Made", f"{audit.date}, " + ", ".join(f"{name} {number}" for name, number in facts["versions"].items())),
    ]
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{escape(text)}</dd>' for name, text in entries)}</dl>"


def _overview(audit: Audit) -> str:
    if not audit.corruptions:
        return ""
    head = "".join(f'<th scope="col">{strength}</th>' for strength in STRENGTHS)
    rows = []
    for name, strengths in audit.corruptions.items():
        cells = "".join(_cell(at) for at in strengths)
        mean = np.mean([at.scores.accuracy for at in strengths])
        told = f'<a href="#{name}">{name}</a> <span class="unit">{escape(parameters(name))}</span>'
        rows.append(f'<tr><th scope="row">{told}</th>{cells}<td><b>{100 * mean:.1f} %</b></td></tr>')
    return f"""<h2>Corruptions</h2>
<div class="scroll"><table class="confusion">
<caption>Accuracy at strength 1 to 5, and its change relative to the {100 * audit.clean.accuracy:.1f} % on the same
{audit.clean.n:,} pictures, clean.</caption>
<thead><tr><td style="width:15rem"></td>{head}<th scope="col">mean</th></tr></thead>
<tbody>{"".join(rows)}</tbody></table></div>"""


def _cell(at: Strength) -> str:
    rate = at.scores.accuracy
    strong = ' class="strong"' if rate >= STRONG else ""
    lost = "" if at.drop is None else f"<span>{round(-100 * at.drop):+d} %</span>"
    return f'<td{strong} style="--rate:{rate:.3f}"><b>{100 * rate:.1f} %</b>{lost}</td>'


def _groups(audit: Audit) -> str:
    if not audit.groups:
        return ""
    tables = "".join(_column(column, audit.evaluation.scores.classes) for column in audit.groups.columns)
    return f"<h2>Groups</h2>\n<p>By the columns of {escape(str(audit.groups.path))}.</p>\n{tables}"


def _column(column: Column, classes: Sequence[str]) -> str:
    missed = any(group.missed for group in column.groups)
    head = [column.name, "samples", "accuracy", "95 % interval", "balanced", "confidence", "equal mix"]
    rows = []
    for group in column.groups:
        found, adjusted = group.scores, "–" if group.label_adjusted is None else f"{group.label_adjusted:.3f}"
        row = [group.value, *_figures(found), f"{found.balanced_accuracy:.3f}", f"{found.confidence:.3f}", adjusted]
        rows.append([*row, f"{group.missed:,}"] if missed else row)
    return f"""<h3>{escape(column.name)}</h3>
<p>{escape(verdict(column, classes))}</p>
{table([*head, "no face found"] if missed else head, rows, style="narrow")}"""


def _figures(found: SubsetScores) -> list[str]:
    low, high = found.interval
    return [f"{found.n:,}", f"{found.accuracy:.3f}", f"{low:.3f}–{high:.3f}"]


def _strata(audit: Audit) -> str:
    rows = [
        ["" if row else f"{name}: {UNITS[name]}", span, *_figures(found), f"{found.confidence:.3f}"]
        for name, parts in audit.strata.items()
        for row, (span, found) in enumerate(parts)
    ]
    return table(["measured", "range", "samples", "accuracy", "95 % interval", "confidence"], rows, style="narrow")


def _corruptions(audit: Audit) -> str:
    """Return each corruption: what it is, its curve, and the same few faces at every strength."""
    clean = audit.evaluation.samples.images[audit.faces]
    parts = []
    for name, strengths in audit.corruptions.items():
        columns = [("clean", clean), *((at.parameter, at.pictures) for at in strengths)]
        shown = "".join(
            f"<li>{''.join(_picture(crop) for crop in crops)}<span>{escape(caption)}</span></li>"
            for caption, crops in columns
        )
        points = [(0.0, audit.clean), *((float(at.strength), at.scores) for at in strengths)]
        chart = charts.lines(
            name,
            [
                charts.Curve("val", "accuracy", [(x, found.accuracy) for x, found in points]),
                charts.Curve("train", "confidence", [(x, found.confidence) for x, found in points]),
            ],
            across="strength",
            percent=True,
            span=(0, 1),
        )
        parts.append(f"""<section id="{name}"><h3>{name}</h3>
<p class="soft">{escape(CORRUPTIONS[name].summary)}</p>
<div class="pair"><figure>{chart}</figure><ol class="strengths">{shown}</ol></div></section>""")
    if not parts:
        return ""
    return f"""<h2>Each corruption</h2>
<p>Strength 0 is the clean picture. Where the confidence stays up while the accuracy falls, the model does not notice.
The pictures are the same {len(clean)} faces throughout.</p>
{"".join(parts)}"""


def _picture(crop: Pixels) -> str:
    return f'<img src="{picture(crop, SHOWN)}" alt="">'
