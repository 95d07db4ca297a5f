"""The evaluation as one page, report.html."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from mien.core import charts
from mien.core.files import replacing
from mien.core.html import confusion, document, picture, table
from mien.evaluation.comparison import filename
from mien.evaluation.evaluation import TRAINED_ON, VIEWS, Evaluation
from mien.evaluation.metrics import Scores
from mien.evaluation.terminal import notes, selective_notes

MISTAKES = 24
ROWS = "Rows: the truth. Columns: the model's answer. Each cell: share of its row, and number of samples."

LIMITS = """
<p>The labels say how a face <em>looks</em> to people who saw a single cropped picture. They do not say what the person
felt: people often feel without showing it and show what they do not feel, and who labelled, where and when enters the
labels. A confidence is the model's, about such a label; it is not a degree of emotion.</p>
<p>The figures hold for faces like these, of this dataset and split. Other cameras, light, ages, origins, head poses or
ways of cropping give other figures, as a rule lower ones, and not equally so for all people. The interval covers the
chance of drawing these samples, not that difference. Nothing here justifies deciding about a person by the answer.</p>
"""


def save(evaluations: Sequence[Evaluation], folder: Path, *, metrics: Path | None = None) -> list[Path]:
    """Write each evaluation, as `filename` calls it, and one report.html into `folder`; return the paths.

    Args:
        evaluations: of one model on one split, one a view; the report shows the first in detail.
        folder: made where it is missing; files of the same names are replaced, each whole or not at all.
        metrics: the run's metrics.jsonl, for the learning curve.

    Raises:
        InputError: the folder cannot be written to.
    """
    texts = {}
    for found in evaluations:
        detector = found.end_to_end.detector if found.end_to_end else None
        name = filename("evaluation", found.data.split, found.tta, found.data.targets, found.output, detector)
        texts[name] = json.dumps(found.to_json(), indent=1)
    texts["report.html"] = page(evaluations, epochs=read_epochs(metrics) if metrics else ())
    for name, text in texts.items():
        with replacing(folder / name) as part:
            part.write_bytes(text.encode("utf-8", "backslashreplace"))  # ids may be paths that are not UTF-8
    return [folder / name for name in texts]


def read_epochs(metrics: Path) -> list[dict[str, Any]]:
    """Return the lines of a run's metrics.jsonl that name an epoch; none where there is no file.

    A line cut short, as a killed run leaves it, is passed over.
    """
    epochs = []
    for line in metrics.read_text(encoding="utf-8").splitlines() if metrics.is_file() else ():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and isinstance(entry.get("epoch"), int | float):
            epochs.append(entry)
    return epochs


def page(evaluations: Sequence[Evaluation], *, epochs: Sequence[dict[str, Any]] = ()) -> str:
    """Return the report as HTML."""
    first = evaluations[0]
    scores = first.scores
    title = f"{first.model.recipe or Path(first.model.file).stem} on {Path(first.data.path).name}, {first.data.split}"
    low, high = (f"{100 * value:.1f}" for value in scores.interval)
    body = f"""<header>
<h1>{escape(title)}</h1>
<p class="headline">{100 * scores.accuracy:.1f} % <small>accuracy, {low} to {high} %</small></p>
<p class="soft">{scores.n:,} face crops, {VIEWS[first.tta]}; the range is the 95 % interval.</p>
</header>
<main>
{_figures(evaluations)}
{_circumstances(first)}
<h2>Confusion matrix</h2>
{confusion(scores.classes, scores.confusion, caption=ROWS)}
{_confused(scores)}
<div class="pair">
<section><h2>Classes</h2>
{_per_class(scores)}</section>
<section><h2>Calibration</h2>
{_calibration(scores)}</section>
</div>
<h2>Answering only where it is sure</h2>
{_selective(first)}
{_curves(epochs)}
<h2>Surest mistakes</h2>
{_mistakes(first)}
<h2>What these figures do not say</h2>
{LIMITS.strip()}
</main>"""
    return document(f"{title}: evaluation", body, author="mien evaluate. Definitions: docs/evaluation.md of mien.")


def _figures(evaluations: Sequence[Evaluation]) -> str:
    head = ["view", "accuracy", "95 % interval", "macro-F1", "balanced accuracy", "log loss", "ECE"]
    rows = []
    for evaluation in evaluations:
        scores = evaluation.scores
        interval = f"{scores.interval[0]:.4f}–{scores.interval[1]:.4f}"
        others = (scores.macro_f1, scores.balanced_accuracy, scores.log_loss, scores.ece)
        votes = () if scores.kl is None else (scores.kl,)
        figures = [f"{value:.4f}" for value in (*others, *votes)]
        rows.append([VIEWS[evaluation.tta], f"{scores.accuracy:.4f}", interval, *figures])
    if evaluations[0].scores.kl is not None:
        head.append("KL to the votes")
    return table(head, rows, style="figures")


def _circumstances(evaluation: Evaluation) -> str:
    model, data, facts = evaluation.model, evaluation.data, evaluation.to_json()
    entries = [
        ("Model", f"{model.file}{f', recipe {model.recipe}' if model.recipe else ''}"),
        (
            "File",
            f"{model.bytes / 1e6:.2f} MB, input {model.size} x {model.size} x {model.channels}, SHA-256 {model.sha256}",
        ),
        (
            "Data",
            f"{data.path}, {data.split}, read as {data.kind}, targets: {data.targets}, fingerprint {data.fingerprint}",
        ),
        *([("Warning", TRAINED_ON)] if data.trained_on else []),
        ("Classes", ", ".join(evaluation.alignment.classes)),
        *(("Note", note) for note in notes(evaluation)),
        ("Versions", ", ".join(f"{name} {number}" for name, number in facts["versions"].items())),
    ]
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{escape(text)}</dd>' for name, text in entries)}</dl>"


def _confused(scores: Scores) -> str:
    """Return the three most frequent confusions as a sentence."""
    rates = np.nan_to_num(scores.rates)
    np.fill_diagonal(rates, 0)
    worst = [np.unravel_index(place, rates.shape) for place in np.argsort(rates, axis=None)[::-1][:3]]
    told = [
        f"{escape(scores.classes[truth])} for {escape(scores.classes[answer])} ({100 * rates[truth, answer]:.0f} %)"
        for truth, answer in worst
        if rates[truth, answer] > 0
    ]
    return f'<p class="soft">Most often mistaken: {", ".join(told)}.</p>' if told else ""


def _per_class(scores: Scores) -> str:
    rows = []
    for name, found in scores.per_class.items():
        ratios = ("–" if value is None else f"{value:.3f}" for value in (found.precision, found.recall, found.f1))
        rows.append([name, *ratios, f"{found.support:,}", f"{found.predicted:,}"])
    note = "–: undefined, as no sample has or no answer names the class. The means leave it out."
    undefined = any("–" in row for row in rows)
    return table(["class", "precision", "recall", "F1", "samples", "answers"], rows, caption=note if undefined else "")


def _calibration(scores: Scores) -> str:
    filled = [found for found in scores.bins if found.count]
    sure = sum(found.count * (found.confidence or 0) for found in filled) / scores.n
    drift = "surer than it is right" if sure > scores.accuracy else "less sure than it is right"
    rows = [
        [
            f"{100 * found.lower:.0f}–{100 * found.upper:.0f} %",
            f"{found.count:,}",
            f"{found.confidence:.3f}",
            f"{found.accuracy:.3f}",
        ]
        for found in filled
    ]
    return f"""<p>Mean confidence {100 * sure:.1f} % at {100 * scores.accuracy:.1f} % accuracy: the model is {drift}.
ECE {scores.ece:.4f}, over {len(scores.bins)} bins of equal width.</p>
<figure>{charts.reliability(scores.bins)}
<figcaption>Bars: accuracy. Outlined: the gap to the mean confidence. Dashed: as sure as right.</figcaption></figure>
<details><summary>The bins as a table</summary>
{table(["confidence", "samples", "mean confidence", "accuracy"], rows)}</details>"""


def _selective(evaluation: Evaluation) -> str:
    found = evaluation.selective
    curves = [
        charts.Curve("val", "accuracy", [(round(100 * coverage), accuracy) for coverage, accuracy in found.curve])
    ]
    if found.abstention:
        first = curves[0].points[0][0]
        target = found.abstention.target
        curves.append(charts.Curve("train", f"{target:.0%} asked for", [(first, target), (100, target)]))
    drawing = charts.lines("accuracy of the surest answers", curves, across="share answered, %", percent=True)
    told = "".join(f"<li>{escape(note)}</li>" for note in selective_notes(evaluation))
    rows = [
        [name, "–" if share is None else f"{share:.3f}"]
        for name, share in (found.conformal.per_class if found.conformal else {}).items()
    ]
    classes = table(["class", "sets that hold the truth"], rows) if rows else ""
    return f"""<p>Area under the risk-coverage curve (AURC) {found.aurc:.4f}: the mean error among the surest answers,
over all shares of them; 0 is best.</p>
{f"<ul>{told}</ul>" if told else ""}
<div class="pair"><figure>{drawing}
<figcaption>All answers are at the right; towards the left only the surest are kept.</figcaption></figure>
{classes}</div>"""


def _curves(epochs: Sequence[dict[str, Any]]) -> str:
    def curve(style: str, name: str, key: str) -> charts.Curve:
        points = [
            (float(entry["epoch"]), float(entry[key])) for entry in epochs if isinstance(entry.get(key), int | float)
        ]
        return charts.Curve(style, name, points)

    drawn = [
        charts.lines(
            "loss", [curve("train", "training", "train_loss"), curve("val", "validation", "val_loss")], across="epoch"
        ),
        charts.lines(
            "accuracy",
            [curve("train", "training", "train_accuracy"), curve("val", "validation", "val_accuracy")],
            across="epoch",
            percent=True,
        ),
    ]
    figures = "".join(f"<figure>{drawing}</figure>" for drawing in drawn if drawing)
    return f'<h2>Learning curve</h2>\n<div class="pair">{figures}</div>' if figures else ""


def _mistakes(evaluation: Evaluation) -> str:
    samples, probabilities = evaluation.samples, evaluation.probabilities
    answers, truth = probabilities.argmax(axis=1), samples.hard
    wrong = np.flatnonzero(answers != truth)
    if not len(wrong):
        return "<p>None: every answer was right.</p>"
    surest = wrong[np.argsort(-probabilities[wrong].max(axis=1), kind="stable")][:MISTAKES]
    items = []
    for row in surest.tolist():
        true, answer = escape(samples.classes[truth[row]]), escape(samples.classes[answers[row]])
        confidence = f"{100 * probabilities[row, answers[row]]:.0f} %"
        items.append(
            f'<li><img src="{picture(samples.images[row])}" alt="labelled {true}, answered {answer}">'
            f'<span class="answer">{answer}</span> {confidence}<br>labelled {true}'
            f'<span class="id">{escape(str(samples.ids[row]))}</span></li>'
        )
    return f"""<p>The {len(items)} wrong answers of the highest confidence, out of {len(wrong):,}. Some of the labels
may be doubtful.</p>
<ol class="mistakes">{"".join(items)}</ol>"""
