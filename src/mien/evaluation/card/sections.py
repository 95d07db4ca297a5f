"""The sections of a model card as Markdown, each of measured facts or of what would measure them."""

import json
import re
from collections.abc import Sequence
from typing import Any

from mien.core.errors import InputError
from mien.evaluation.card.facts import Facts, Score, bare
from mien.evaluation.predictions import TRAINED_ON, VIEWS


def what(facts: Facts) -> str:
    info, size = facts.info, []
    if facts.parameters:
        size.append(f"{facts.parameters:,} parameters")
    if facts.macs:
        size.append(f"{facts.macs / 1e6:.1f} million multiply-adds a face")
    heads = "".join(
        f" A further output, `{head}`, answers {_list(one.labels)}." for head, one in info.further_outputs.items()
    )
    colour = "grey" if len(info.mean) == 1 else "RGB"
    return (
        f"Says what the expression of a face looks like: a face crop of {info.size} x {info.size} pixels, {colour}, "
        f"in; probabilities of {_list(info.labels)} out.{heads} One ONNX file of {facts.bytes / 1e6:.2f} MB"
        f"{''.join(f', {one}' for one in size)}; SHA-256 `{facts.sha256}`."
    )


def use(facts: Facts) -> str:
    model = facts.name if facts.bundled else "model.onnx"
    return f"""```sh
pip install mien
mien predict photo.jpg --model {model}
```

```python
from mien import Recognizer

faces = Recognizer("{model}")("photo.jpg")
faces.labels, faces.probabilities
```

The file carries its labels, input size and scaling; `mien` finds the face and cuts it out as the model expects."""


def bias(facts: Facts) -> str:
    if any(audit.get("groups") for audit in facts.audits.values()):
        return "- How it differs between groups of people stands under Audit, for the groups that were looked at."
    return (
        "- Bias was not measured: how the model differs by age, gender, skin tone or origin is not known. "
        f"`{_command(facts, 'audit', '--groups table.csv')}` measures it."
    )


def training(facts: Facts) -> str:
    known, recipe = facts.training, facts.training.get("recipe", {})
    if not recipe:
        return "How it was trained is not recorded: there is no recipe.json beside the model."
    data, versions = known.get("data", {}), known.get("versions", {})
    took = f"{facts.epochs} epochs in {facts.seconds:,.0f} s" if facts.epochs else f"{recipe.get('epochs')} epochs"
    random = "pretrained weights of timm" if recipe.get("pretrained") else "random weights"
    circumstances = [
        str(known.get("started", "date not recorded"))[:10],
        str(known.get("device", "device not recorded")),
        f"processes: {known.get('processes', 'not recorded')}, threads: {known.get('threads', 'not recorded')}",
        str(known.get("precision", "precision not recorded")),
    ]
    rows = [
        ("recipe", f"`{recipe.get('name')}`, network `{recipe.get('model')}`, seed {recipe.get('seed')}"),
        ("command", f"`{known['command']}`" if "command" in known else "not recorded"),
        ("begun from", text("; ".join(known.get("start", [random])))),
        *([("teachers", text(", ".join(known["teachers"])))] if known.get("teachers") else []),
        ("when, on what", text(", ".join(circumstances))),
        ("length", took),
        ("versions", ", ".join(f"{name} {number}" for name, number in versions.items()) or "not recorded"),
        *((f"data, {split}", text(_part(data, part))) for split, part in data.get("splits", {}).items()),
    ]
    chosen = {
        "last": "The last epoch's weights are kept: no epoch was chosen on validation.",
        "loss": "The epoch with the lowest validation loss is kept, so that figures on validation flatter the model.",
        "accuracy": "The epoch with the highest validation accuracy is kept, so that figures on validation flatter it.",
    }.get(str(recipe.get("select")), "")
    twins = " Training pictures that stand pixel for pixel in validation as well were left out."
    whole = json.dumps({key: value for key, value in recipe.items() if key != "classes"}, indent=1, ensure_ascii=False)
    return f"""{_table(["", ""], rows)}

{chosen}{twins if recipe.get("drop_duplicates") else ""}

<details><summary>The recipe, every field</summary>

```json
{whole}
```

</details>"""


def _part(data: dict[str, Any], part: dict[str, Any]) -> str:
    told = ", ".join(f"{name} {count:,}" for name, count in part.get("counts", {}).items())
    place = ", ".join(filter(None, [data.get("path"), *data.get("photos", [])]))
    n, print_ = f"{part.get('n', 0):,} faces", part.get("fingerprint", "not recorded")
    return f"{place + ': ' if place else ''}{n} ({told}); fingerprint {print_}"


def figures(facts: Facts) -> str:
    if not facts.scores and not facts.protocols:
        return f"Accuracy was not measured. `{_command(facts, 'evaluate', '--tta both')}` measures it."
    parts = []
    if facts.scores:
        parts.append(_scores(facts))
    parts += [_benchmarks(facts), *_doubts(facts), _recall(facts.scores)]
    if facts.speed:
        told = [
            f"{one['median']:.2f} ms a face, {name} (median of {one['repeats']} calls, threads: {one['threads']})"
            if "median" in one
            else f"{one['mean']:.2f} ms a face, {name} (mean of {one['repeats']} calls, standard deviation "
            f"{one['deviation']:.2f}, threads: {one['threads']})"
            for name, one in facts.speed.items()
        ]
        parts.append(f"Speed: {'; '.join(told)}.")
    return "\n\n".join(filter(None, parts))


def _scores(facts: Facts) -> str:
    rows = []
    for score in facts.scores:
        low, high = score.interval
        figures = [score.figures.get(name) for name in ("macro_f1", "balanced_accuracy", "log_loss", "ece", "kl")]
        what = score.title + (f", faces found by {score.detector}" if score.detector else "")
        rows.append([
            what, score.split, f"{score.targets} / {score.head}" if score.head else score.targets,
            VIEWS.get(score.tta, score.tta), f"{score.n:,}", f"{score.accuracy:.4f}", f"{low:.4f} to {high:.4f}",
            *("" if value is None else f"{value:.4f}" for value in figures),
        ])  # fmt: skip
    head = ["data", "split", "labels / output", "view", "n", "accuracy", "95 % interval", "macro-F1", "balanced"]
    head += ["log loss", "ECE", "KL to votes"]
    keep = [place for place in range(len(head)) if place < 7 or any(row[place] for row in rows)]
    prints = {f"{one.title}, {one.split}, {one.targets}: {one.fingerprint}" for one in facts.scores if one.fingerprint}
    told = f"\n\nFingerprints of the data: {'; '.join(sorted(prints))}." if prints else ""
    table = _table([head[place] for place in keep], [[row[place] for place in keep] for row in rows])
    return f"""Each row is of the exported file, as users get it. A view is a single look at the crop, or the mean with
its mirror image; figures of one are not to be held against figures of the other. Labels: `label` are the dataset's own;
`majority`, `plurality` and `distribution` follow the FER+ votes. Intervals are Wilson's score intervals: they cover the
chance of drawing these faces, not that other faces differ. docs/evaluation.md of mien defines the figures.

{table}{told}"""


def _doubts(facts: Facts) -> list[str]:
    """Return what a reader has to know before believing the table."""
    found = [f"{one.file}: {TRAINED_ON}." for one in [*facts.scores, *facts.protocols] if one.trained_on]
    if any(score.detector for score in facts.scores):
        found.append("Photos: a face that was not found counts as a wrong answer; ECE and log loss are of those found.")
    for tta, name in VIEWS.items():
        if not any(score.tta == tta for score in [*facts.scores, *facts.protocols]):
            found.append(f"{name.capitalize()}: not measured. `{_command(facts, 'evaluate', f'--tta {tta}')}` does.")
    found += _learnt(facts)
    found += [f"{score.file}: left out: {score.left_out}." for score in facts.scores if score.left_out]
    every = [*facts.scores, *facts.protocols]
    told = [(_fitted_on(one, facts.calibration.get(one.head, {})), one) for one in every]
    for how, doubt in (
        ("surely", "calibrated on faces of this very split, so that ECE and log loss flatter the model"),
        ("maybe", "some of these faces may be among those it was calibrated on, which flatters ECE and log loss"),
    ):
        if named := [one.title if facts.bundled else one.file for known, one in told if known == how]:
            found.append(f"{', '.join(dict.fromkeys(named))}: {doubt}.")
    tested = {score.title for score in every if score.split == "test"}
    if untested := list(dict.fromkeys(score.title for score in every if score.title not in tested)):
        found.append(
            f"Test split: not measured for {', '.join(untested)}; choices may have been made on the splits above. "
            f"`{_command(facts, 'evaluate', '--split test')}` scores it; do so once."
        )
    if not any(_seeds(one) > 1 for one in facts.benchmarks.values()) and facts.training.get("recipe"):
        found.append("n = 1 training run; how much the figures change with the seed was not measured here.")
    return found


def _learnt(facts: Facts) -> list[str]:
    """Return how many of a benchmark's faces stand in the training data as well, and the accuracy on the others."""
    found = []
    for file, one in facts.benchmarks.items():
        own: dict[str, Any] = next(model for model in one["models"] if model["sha256"] == facts.sha256)
        known = own.get("learnt")
        if known is None:
            found.append(f"{file}: how many of these faces it has learnt is not known.")
        elif known["faces"]:
            others = known["accuracy_of_the_others"]
            told = "" if others is None else f"; accuracy on the {known['others']:,} others, single view: {others:.4f}"
            found.append(f"{file}: {known['faces']:,} faces stand, or nearly so, in its training data{told}.")
    return found


def _fitted_on(score: Score, fitted: dict[str, Any]) -> str:
    """Return whether the scored output was calibrated on faces of the scored split: surely, maybe, or "" for no."""
    if score.fingerprint and score.fingerprint == fitted.get("fingerprint"):
        return "surely"
    kinds = {kind.replace("ferplus", "fer2013") for kind in (score.kind, fitted.get("kind")) if kind}  # the same faces
    return "maybe" if score.split == fitted.get("split") and len(kinds) < 2 else ""


def _seeds(benchmark: dict[str, Any]) -> int:
    return max((int(one.get("seeds", 1)) for one in (benchmark.get("summary") or {}).values()), default=1)


def _recall(scores: Sequence[Score]) -> str:
    known = [score for score in scores if score.recall and score.tta == "none"]
    if not known:
        return ""
    names = list(dict.fromkeys(name for score in known for name in score.recall))
    rows = [
        [f"{score.title}, {score.split}, {score.targets}", *(_share(score.recall.get(name)) for name in names)]
        for score in known
    ]
    return f"Recall by class, single view:\n\n{_table(['data', *names], rows)}"


def _benchmarks(facts: Facts) -> str:
    rows = []
    for score in facts.protocols:
        low, high = score.interval
        seeds = (facts.benchmarks[score.file].get("summary") or {}).get(score.tta, {})
        mean, told = seeds.get("accuracy") or {}, ""
        if int(seeds.get("seeds", 1)) > 1:
            told = f"{mean['mean']:.4f} +- {mean['sd']:.4f} (n = {seeds['seeds']})"
        rows.append([
            f"`{score.targets.removeprefix('protocol ')}`", score.split, VIEWS.get(score.tta, score.tta),
            f"{score.n:,}", f"{score.accuracy:.4f}", f"{low:.4f} to {high:.4f}", told, _share(score.before),
            _share(score.figures.get("ece")),
        ])  # fmt: skip
    if not rows:
        return (
            f"Fixed protocols: not measured. `mien benchmark PROTOCOL --data PATH --model {_place(facts)} --out DIR` "
            f"does it, and `mien card {_place(facts)} --results DIR` reads it."
        )
    head = ["protocol and hash", "split", "view", "n", "accuracy", "95 % interval", "mean +- sd over seeds"]
    table = _table([*head, "ECE before calibration", "ECE"], rows)
    return f"Benchmarks, by the fixed protocols of `mien benchmark`:\n\n{table}"


def calibration(facts: Facts) -> str:
    if not facts.calibration:
        return (
            "Not calibrated: the probabilities are as the network gives them, and how far they can be trusted beyond "
            f"the ECE in the table was not measured. `{_command(facts, 'calibrate', '').strip()}` fits and measures it."
        )
    parts = []
    for output, one in facts.calibration.items():
        told = f"- `{output}`: {one.get('method', 'temperature')} scaling"
        if isinstance(one.get("temperature"), int | float) and one.get("method") != "vector":
            told += f", temperature {one['temperature']:.3f}"
        if one.get("n"):
            source = " ".join(filter(None, [one.get("kind"), one.get("split") or "a split not recorded"]))
            told += f", fitted on {one['n']:,} faces of {source}"
            told += f", labels: {one['targets']}" if one.get("targets") else ""
        elif facts.training.get("recipe", {}).get("calibrate"):
            told += ", fitted on the validation part, so that ECE there is of the faces it was fitted on"
        changes = [
            f"{name} {one[f'{key}_before']:.4f} before, {one[f'{key}_after']:.4f} after"
            for name, key in (("ECE", "ece"), ("log loss", "nll"))
            if one.get(f"{key}_before") is not None and one.get(f"{key}_after") is not None
        ]
        known = {True: "others than it was fitted on", False: "the same that it was fitted on"}
        others = known[bool(one["held_out"])] if "held_out" in one else "whether those fitted on is not recorded"
        where = f"measured on {one['n_measured']:,} faces, {others}" if one.get("n_measured") else others
        told += f"; {', '.join(changes)} ({where})" if changes else "; ECE before and after not recorded"
        parts.append(f"{told}.{_abstention(one)}")
    return "\n".join(parts)


def _abstention(one: dict[str, Any]) -> str:
    told = ""
    if abstain := one.get("abstain"):
        told += (
            f" To be right in {_share(abstain.get('target'))} of its answers it abstains below a confidence of "
            f"{_share(abstain.get('threshold'))}: coverage {_share(abstain.get('coverage'))}, accuracy "
            f"{_share(abstain.get('accuracy'))}."
        )
    if sets := one.get("conformal"):
        told += (
            f" Conformal sets for a coverage of {_share(sets.get('coverage'))}: quantile {_share(sets.get('quantile'))}"
        )
        if sets.get("measured_coverage") is not None:
            told += f", measured coverage {_share(sets['measured_coverage'])}"
        if sets.get("mean_size") is not None:
            told += f", {sets['mean_size']:.2f} labels a face"
        told += "."
    return told


def audits(facts: Facts) -> str:
    if not facts.audits:
        return (
            "Not measured: accuracy by blur, noise, size, JPEG quality, light, rotation and occlusion, and by groups "
            f"of people. `{_command(facts, 'audit', '--groups table.csv')}` measures it."
        )
    return "\n\n".join(_audit(file, found) for file, found in facts.audits.items())


def _audit(file: str, found: dict[str, Any]) -> str:
    try:
        return _audited(file, found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{file}: not what mien audit writes ({error!r})") from None


def _audited(file: str, found: dict[str, Any]) -> str:
    clean, parts, data = found.get("accuracy"), [], found.get("data", {})
    detector = (found.get("end_to_end") or {}).get("detector")
    told = [text(bare(data["path"])) if "path" in data else "", data.get("split"), f"n = {found.get('n', 0):,}"]
    told += [
        f"labels: {data['targets']}" if "targets" in data else "",
        f"faces found by {detector}" if detector else "",
    ]
    of = ", ".join(filter(None, told))
    rows, lowest, table = [], "; corrupted pictures were not measured", ""
    for name, strengths in found["corruptions"].items():
        if not strengths:
            continue
        hardest = max(strengths, key=lambda at: at.get("strength", 0))
        low, high = hardest.get("interval") or (None, None)
        least = min(strengths, key=lambda at: at["accuracy"])["accuracy"]
        span, n = "" if low is None else f"{low:.4f} to {high:.4f}", hardest.get("n", found.get("n", 0))
        rows.append([name.replace("_", " "), f"{n:,}", f"{hardest['accuracy']:.4f}", span, f"{least:.4f}"])
    if rows:
        worst = min(rows, key=lambda row: float(row[-1]))
        head = ["corruption", "n", "accuracy at the strongest", "95 % interval", "lowest at any strength"]
        lowest = f"; lowest under {worst[0]}, {worst[-1]}"
        table = "\n\n" + _table(head, rows)
    parts.append(f"`{file}`, {of}: accuracy {_share(clean)} on the faces as they are{_drawn(found)}{lowest}.{table}")
    for column, one in (found.get("groups") or {}).items():
        values = [value for value in one.get("values", []) if value.get("accuracy") is not None]
        low, high = one.get("gap_interval") or (None, None)
        gap = "not measured" if one.get("gap") is None else f"{one['gap']:.4f}"
        rows = [
            [text(str(value["value"])), f"{value['n']:,}", f"{value['accuracy']:.4f}",
             "{:.4f} to {:.4f}".format(*value["interval"]) if value.get("interval") else ""]
            for value in values
        ]  # fmt: skip
        span = "" if low is None else f" (95 % interval {low:.4f} to {high:.4f})"
        if one.get("p_value") is not None:
            span += f"; chance alone gives as much in {100 * one['p_value']:.1f} % of shuffles"
        parts.append(
            f"By {text(column)}, the largest gap in accuracy: {gap}{span}.\n\n"
            + _table([text(column), "n", "accuracy", "95 % interval"], rows)
        )
    if not found.get("groups"):
        parts.append("Groups of people: not measured.")
    return "\n\n".join(parts)


def _drawn(audit: dict[str, Any]) -> str:
    """Say how many were corrupted, where that was not all: the corrupted ones are to be held against these."""
    clean = audit.get("clean") or {}
    if clean.get("n", audit.get("n")) == audit.get("n"):
        return ""
    return f", {clean['accuracy']:.4f} on the {clean['n']:,} of them that were then corrupted"


def _command(facts: Facts, verb: str, options: str) -> str:
    return f"mien {verb} {_place(facts)} --data PATH {options}"


def _place(facts: Facts) -> str:
    return facts.name if facts.bundled else "RUN"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _list(names: Sequence[str]) -> str:
    return ", ".join(names)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


def text(text: str) -> str:
    """Return text that Markdown shows as it is."""
    return re.sub(r"([\\`*_\[\]<>#])", r"\\\1", text).replace("|", "&#124;")
