"""The tables and notes of a model card: of measured facts, or of the command that would measure them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from mien.core.markdown import escape, table
from mien.core.paths import last_part
from mien.evaluation.card.facts import CardFacts, fitted_on
from mien.evaluation.card.scores import CardScore
from mien.evaluation.metrics import METRICS
from mien.evaluation.predictions import TRAINED_ON, VIEWS
from mien.evaluation.robustness.audit import Audit
from mien.evaluation.statistics import Interval
from mien.evaluation.subgroups import Column
from mien.models.latency import Latency


def share(value: float | None) -> str:
    """Return a ratio as it is printed; - where it is undefined."""
    return "-" if value is None else f"{value:.4f}"


def span(interval: Interval) -> str:
    """Return an interval as it is printed."""
    return f"{interval[0]:.4f} to {interval[1]:.4f}"


def command(facts: CardFacts, verb: str, options: str = "") -> str:
    """Return the command that would measure something, as code."""
    return f"`{f'mien {verb} {model_name(facts)} --data PATH {options}'.strip()}`"


def model_name(facts: CardFacts) -> str:
    """Return what a command calls the model."""
    return facts.name if facts.bundled else "RUN"


def names(paths: Iterable[str | Path]) -> str:
    """Return the last parts of paths, as Markdown."""
    return escape(", ".join(last_part(str(path)) for path in paths))


def scores(found: Sequence[CardScore]) -> str:
    """Return the table of scores: a row for each view; metrics that none has are left out."""
    shown = [metric for name, metric in METRICS.items() if any(name in score.metrics for score in found)]
    rows = []
    for score in found:
        values = {one.title: one.text(score.metrics[one.name]) if one.name in score.metrics else "" for one in shown}
        data = f"{score.title}, faces found by {score.detector}" if score.detector else score.title
        cells = {
            "data": data, "split": score.split, "labels / output": f"{score.targets} / {score.output}",
            "view": VIEWS[score.tta], "n": f"{score.n:,}", "accuracy": "", "95 % interval": span(score.interval),
        }  # fmt: skip
        rows.append(cells | values)
    return table(list(rows[0]), [list(row.values()) for row in rows])


def fingerprints(found: Sequence[CardScore]) -> list[str]:
    """Return which data the scores are of."""
    prints = {f"{one.title}, {one.split}, {one.targets}: {one.fingerprint}" for one in found if one.fingerprint}
    return sorted(prints)


def protocols(facts: CardFacts) -> str:
    """Return the table of scores by the protocols of `mien benchmark`."""
    calibration = [metric for metric in METRICS.values() if metric.of_calibration]
    head = ["protocol and hash", "split", "view", "n", "accuracy", "95 % interval", "mean +- sd over seeds"]
    head += [title for metric in calibration for title in (f"{metric.title} before calibration", metric.title)]
    rows = []
    for score in facts.protocols:
        summary = facts.benchmarks[score.file].summary[score.tta]
        mean = summary.metrics["accuracy"]
        seeds = "" if mean.sd is None else f"{mean.mean:.4f} +- {mean.sd:.4f} (n = {summary.seeds})"
        values = [share(of.get(one.name)) for one in calibration for of in (score.uncalibrated, score.metrics)]
        name = f"`{score.targets.removeprefix('protocol ')}`"
        accuracy = share(score.metrics["accuracy"])
        rows.append(
            [name, score.split, VIEWS[score.tta], f"{score.n:,}", accuracy, span(score.interval), seeds, *values]
        )
    return table(head, rows)


def recall(found: Sequence[CardScore]) -> str:
    """Return the table of recall by class, single view; "" where there is none."""
    known = [score for score in found if score.recall and score.tta == "none"]
    names = list(dict.fromkeys(name for score in known for name in score.recall))
    rows = [
        [f"{score.title}, {score.split}, {score.targets}", *(share(score.recall.get(name)) for name in names)]
        for score in known
    ]
    return table(["data", *names], rows) if rows else ""


def speed(one: Latency) -> str:
    """Return in words how fast the model is."""
    if one.median is not None:
        return f"{one.median:.2f} ms a face, batch {one.batch} (median of {one.repeats} calls, threads: {one.threads})"
    return (
        f"{one.mean:.2f} ms a face, batch {one.batch} (mean of {one.repeats} calls, standard deviation "
        f"{one.deviation:.2f}, threads: {one.threads})"
    )


def notes(facts: CardFacts) -> list[str]:
    """Return what a reader must know to judge the scores."""
    every = facts.every_score
    found = [f"{score.file}: {TRAINED_ON}." for score in every if score.trained_on]
    if any(score.detector for score in facts.scores):
        found.append("Photos: a face that was not found counts as a wrong answer; ECE and log loss are of those found.")
    for tta, name in VIEWS.items():
        if not any(score.tta == tta for score in every):
            found.append(f"{name.capitalize()}: not measured. {command(facts, 'evaluate', f'--tta {tta}')} does.")
    found += _seen_in_training(facts)
    found += [f"{score.file}: left out: {score.left_out}." for score in facts.scores if score.left_out]
    for how, text in (
        ("surely", "calibrated on faces of this very split, so that ECE and log loss flatter the model"),
        ("maybe", "some of these faces may be among those it was calibrated on, which flatters ECE and log loss"),
    ):
        names = [
            score.title if facts.bundled else score.file
            for score in every
            if (output := facts.calibrations.get(score.output)) and fitted_on(score, output.calibration) == how
        ]
        if names:
            found.append(f"{', '.join(dict.fromkeys(names))}: {text}.")
    tested = {score.title for score in every if score.split == "test"}
    if untested := list(dict.fromkeys(score.title for score in every if score.title not in tested)):
        found.append(
            f"Test split: not measured for {', '.join(untested)}; choices may have been made on the splits above. "
            f"{command(facts, 'evaluate', '--split test')} scores it; do so once."
        )
    if facts.training and not any(len(one.models) > 1 for one in facts.benchmarks.values()):
        found.append("n = 1 training run; how much the figures change with the seed was not measured here.")
    return found


def _seen_in_training(facts: CardFacts) -> list[str]:
    found = []
    for file, result in facts.benchmarks.items():
        own = next(model for model in result.models if model.model.sha256 == facts.sha256).seen_in_training
        if own is None:
            found.append(f"{file}: how many of these faces it was trained on is not known.")
        elif own.seen:
            unseen = own.accuracy_of_unseen
            rest = "" if unseen is None else f"; accuracy on the {own.unseen:,} others, single view: {unseen:.4f}"
            found.append(f"{file}: {own.seen:,} faces are in its training data, the same or nearly so{rest}.")
    return found


def audit_title(audit: Audit) -> str:
    """Return which data an audit is of."""
    evaluation = audit.evaluation
    data = evaluation.data
    parts = [names([data.path]), data.split, f"n = {evaluation.scores.n:,}", f"labels: {data.targets}"]
    return ", ".join([*parts, *([f"faces found by {data.detector}"] if data.detector else [])])


def corruptions(audit: Audit) -> tuple[str, str]:
    """Return the table of corruptions, and the one with the lowest accuracy at any strength in words."""
    rows, lowest = [], {}
    for name, strengths in audit.corruptions.items():
        hardest = max(strengths, key=lambda at: at.strength).scores
        lowest[name.replace("_", " ")] = least = min(at.scores.accuracy for at in strengths)
        title = name.replace("_", " ")
        rows.append([title, f"{hardest.n:,}", share(hardest.accuracy), span(hardest.interval), share(least)])
    head = ["corruption", "n", "accuracy at the strongest", "95 % interval", "lowest at any strength"]
    worst = min(lowest, key=lambda name: lowest[name]) if lowest else ""
    return (table(head, rows), f"lowest under {worst}, {lowest[worst]:.4f}") if worst else ("", "")


def groups(column: Column) -> str:
    """Return the table of the groups of a column."""
    rows = [
        [escape(group.value), f"{group.scores.n:,}", share(group.scores.accuracy), span(group.scores.interval)]
        for group in column.groups
    ]
    return table([escape(column.name), "n", "accuracy", "95 % interval"], rows)
