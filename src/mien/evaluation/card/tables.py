"""The tables and notes of a model card: of measured facts, or of the command that would measure them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from mien.core.paths import last_part
from mien.core.tables import escape_markdown, markdown_table
from mien.evaluation.card.facts import CardFacts
from mien.evaluation.card.scores import CardScore
from mien.evaluation.metrics import METRICS
from mien.evaluation.predictions import TRAINED_ON, VIEWS
from mien.evaluation.robustness.audit import Audit
from mien.evaluation.statistics import Interval
from mien.evaluation.subgroups import Column
from mien.models.calibration import Calibration

ACROSS = 12  # classes that are columns; more are rows
CALIBRATED_ON = "calibrated on faces of this very split, so that ECE and log loss flatter the model"
MAYBE_CALIBRATED_ON = "some of these faces may be among those it was calibrated on, which flatters ECE and log loss"


def share(value: float | None) -> str:
    """Return a ratio as it is printed; - where it is undefined."""
    return "-" if value is None else f"{value:.4f}"


def span(interval: Interval) -> str:
    """Return an interval as it is printed."""
    return "{:.4f} to {:.4f}".format(*interval)


def names(paths: Iterable[str | Path]) -> str:
    """Return the last parts of paths, as Markdown."""
    return escape_markdown(", ".join(last_part(str(path)) for path in paths))


def network(name: str) -> str:
    """Return a recipe's network; of code outside mien without its folder."""
    return last_part(name) if ":" in name else name


def scores(found: Sequence[CardScore]) -> str:
    """Return the table of scores: a row for each view; metrics that none has are left out."""
    shown = [metric for name, metric in METRICS.items() if any(name in score.metrics for score in found)]
    return _table(
        {
            "data": f"{score.title}, faces found by {score.detector}" if score.detector else score.title,
            "split": score.split,
            "labels / output": f"{score.targets} / {score.output}",
            "view": VIEWS[score.tta],
            "n": f"{score.n:,}",
            "accuracy": "",
            "95 % interval": span(score.interval),
        }
        | {one.title: one.text(score.metrics[one.name]) if one.name in score.metrics else "" for one in shown}
        for score in found
    )


def fingerprints(found: Sequence[CardScore]) -> list[str]:
    """Return which data the scores are of."""
    return sorted({f"{one.title}, {one.split}, {one.targets}: {one.fingerprint}" for one in found if one.fingerprint})


def protocols(facts: CardFacts) -> str:
    """Return the table of scores by the protocols of `mien benchmark`."""
    rows = []
    for score in facts.protocols:
        summary = facts.benchmarks[score.file].summary[score.tta]
        mean = summary.metrics["accuracy"]
        row = {
            "protocol and hash": f"`{score.targets.removeprefix('protocol ')}`",
            "split": score.split,
            "view": VIEWS[score.tta],
            "n": f"{score.n:,}",
            "accuracy": share(score.metrics["accuracy"]),
            "95 % interval": span(score.interval),
            "mean +- sd over seeds": ""
            if mean.sd is None
            else f"{mean.mean:.4f} +- {mean.sd:.4f} (n = {summary.seeds})",
        }
        for name, metric in METRICS.items():
            if metric.of_calibration:
                row[f"{metric.title} before calibration"] = share(score.uncalibrated.get(name))
                row[metric.title] = share(score.metrics.get(name))
        rows.append(row)
    return _table(rows)


def recall(found: Sequence[CardScore]) -> str:
    """Return the table of recall by class, single view; "" where there is none."""
    known = [score for score in found if score.recall and score.tta == "none"]
    classes = dict.fromkeys(name for score in known for name in score.recall)
    if len(classes) > ACROSS:
        return _table(
            {"class": escape_markdown(name)}
            | {f"{score.title}, {score.split}, {score.targets}": share(score.recall.get(name)) for score in known}
            for name in classes
        )
    return _table(
        {"data": f"{score.title}, {score.split}, {score.targets}"}
        | {escape_markdown(name): share(score.recall.get(name)) for name in classes}
        for score in known
    )


def notes(facts: CardFacts) -> list[str]:
    """Return what a reader must know to judge the scores."""
    every = facts.every_score
    found = [f"{score.file}: {TRAINED_ON}." for score in every if score.trained_on]
    found += [f"{score.file or score.title}: {score.seen}." for score in every if score.seen and score.seen.seen]
    if any(score.detector for score in facts.scores):
        found.append("Photos: a face that was not found counts as a wrong answer; ECE and log loss are of those found.")
    for tta, name in VIEWS.items():
        if not any(score.tta == tta for score in every):
            command = facts.command("evaluate", f"--tta {tta}")
            found.append(f"{name.capitalize()}: not measured. {command} does.")
    for file, result in facts.benchmarks.items():
        seen = result.of_model(facts.sha256).seen_in_training
        if seen is None:
            found.append(f"{file}: how many of these faces it was trained on is not known.")
        elif seen.seen:
            unseen = seen.accuracy_of_unseen
            rest = "" if unseen is None else f"; accuracy on the {seen.unseen:,} others, single view: {unseen:.4f}"
            found.append(f"{file}: {seen.seen:,} faces are in its training data, the same or nearly so{rest}.")
    found += [f"{score.file}: left out: {score.left_out}." for score in facts.scores if score.left_out]
    for caution in (CALIBRATED_ON, MAYBE_CALIBRATED_ON):
        flattered = [
            score.title if facts.bundled else score.file
            for score in every
            if (output := facts.calibrations.get(score.output)) and _flattered(score, output.calibration) == caution
        ]
        if flattered:
            found.append(f"{', '.join(dict.fromkeys(flattered))}: {caution}.")
    tested = {score.title for score in every if score.split == "test"}
    if untested := list(dict.fromkeys(score.title for score in every if score.title not in tested)):
        found.append(
            f"Test split: not measured for {', '.join(untested)}; choices may have been made on the splits above. "
            f"{facts.command('evaluate', '--split test')} scores it; do so once."
        )
    if facts.training and not any(len(one.models) > 1 for one in facts.benchmarks.values()):
        found.append("n = 1 training run; how much the figures change with the seed was not measured here.")
    return found


def _flattered(score: CardScore, calibration: Calibration | None) -> str:
    """Return a caution where the scored output was calibrated on faces of the scored split."""
    if calibration is None:
        return ""
    if score.fingerprint and score.fingerprint == calibration.fingerprint:
        return CALIBRATED_ON
    other_data = score.kind and calibration.kind and score.kind != calibration.kind
    return MAYBE_CALIBRATED_ON if score.split == calibration.split and not other_data else ""


def corruptions(audit: Audit) -> tuple[str, str]:
    """Return the table of corruptions, and the one with the lowest accuracy at any strength in words."""
    rows, lowest = [], {}
    for name, strengths in audit.corruptions.items():
        title, hardest = name.replace("_", " "), max(strengths, key=lambda at: at.strength).scores
        lowest[title] = min(at.scores.accuracy for at in strengths)
        row = {
            "corruption": title,
            "n": f"{hardest.n:,}",
            "accuracy at the strongest": share(hardest.accuracy),
            "95 % interval": span(hardest.interval),
            "lowest at any strength": share(lowest[title]),
        }
        rows.append(row)
    worst = min(lowest, key=lambda name: lowest[name], default="")
    return _table(rows), f"lowest under {worst}, {lowest[worst]:.4f}" if worst else ""


def groups(column: Column) -> str:
    """Return the table of the groups of a column."""
    return _table(
        {
            escape_markdown(column.name): escape_markdown(group.value),
            "n": f"{group.scores.n:,}",
            "accuracy": share(group.scores.accuracy),
            "95 % interval": span(group.scores.interval),
        }
        for group in column.groups
    )


def _table(rows: Iterable[dict[str, str]]) -> str:
    """Return rows of title -> cell as a Markdown table; "" of no rows."""
    found = list(rows)
    return markdown_table(list(found[0]), [list(row.values()) for row in found]) if found else ""
