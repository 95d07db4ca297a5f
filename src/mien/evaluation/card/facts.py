"""What was measured of a model, gathered from the files that training, evaluation, calibration and audit wrote.

A model card is built of this and of nothing else. Whatever names a place on this machine is cut to its last part here.
"""

import hashlib
import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import isclose
from pathlib import Path
from typing import Any

from mien.core import records
from mien.core.errors import InputError
from mien.evaluation.calibrate import files as calibrate
from mien.models.bundled import bundled, bundled_card, resolve
from mien.models.metadata import ModelInfo
from mien.models.session import Session

Json = dict[str, Any]


@dataclass(frozen=True)
class Score:
    """One evaluation: of one view, on one split."""

    title: str
    split: str
    tta: str
    targets: str
    head: str
    detector: str
    n: int
    accuracy: float
    interval: tuple[float, float]
    figures: dict[str, float | None]
    """macro_f1, balanced_accuracy, log_loss, ece, kl, annotator_kl, coverage: those that were measured."""
    recall: dict[str, float | None]
    trained_on: bool
    fingerprint: str
    kind: str
    """The reader of the data; "" where that was not recorded."""
    file: str
    """The name of the file that says so."""
    left_out: str = ""
    """What of the data or the model's outputs was not scored."""
    before: float | None = None
    """ECE before calibration, where a benchmark measured it."""


@dataclass
class Facts:
    """Everything that the card may say of a model."""

    name: str
    info: ModelInfo
    bytes: int
    sha256: str
    bundled: bool
    training: Json = field(default_factory=dict)
    """recipe.json; without paths."""
    parameters: int | None = None
    macs: int | None = None
    epochs: int = 0
    """Epochs that metrics.jsonl records, and the seconds that these took."""
    seconds: float = 0.0
    scores: list[Score] = field(default_factory=list)
    calibration: dict[str, Json] = field(default_factory=dict)
    """By output, as the model file holds it; an older one has the temperature alone."""
    audits: dict[str, Json] = field(default_factory=dict)
    """By file name, like the next."""
    benchmarks: dict[str, Json] = field(default_factory=dict)
    protocols: list[Score] = field(default_factory=list)
    """This model's figures in `benchmarks`, a view each; `targets` names the protocol and its hash."""
    speed: dict[str, Json] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    """Names of all files read."""
    passed_over: list[str] = field(default_factory=list)
    """Why a file of the run was not used, a line each."""


FIGURES = ("macro_f1", "balanced_accuracy", "log_loss", "ece", "kl", "annotator_kl", "coverage")


def collect_facts(model: str | Path, *, results: Sequence[Path] = (), name: str | None = None) -> Facts:
    """Return what is known of a run folder, or of a bundled model by its name.

    A file of the run that was measured on another model.onnx than the one that is there is passed over.

    Args:
        model: `default`, another bundled name, or a run folder.
        results: further files, or folders of them: of evaluate, audit or benchmark.
        name: what the card calls the model; the name, or that of the folder, by default.

    Raises:
        InputError: no such run or model, a damaged file, or one of `results` that is of another model or of no kind
            that is known.
    """
    if str(model) not in bundled() and not Path(model).is_dir():
        raise InputError(f"{model}: expected a run folder or {', '.join(bundled())}")
    path = resolve(model)
    session, content = Session(path), path.read_bytes()
    inside = str(model) in bundled()
    called = name if name is not None else str(model) if inside else Path(model).resolve().name
    if not called.strip() or not called.isprintable():
        raise InputError(f"--name {called!r}: expected printable text")
    facts = Facts(called, session.info, len(content), hashlib.sha256(content).hexdigest(), inside)
    facts.calibration = _calibrations(session.info)
    if inside:
        _bundled(facts, str(model))
    else:
        _run(facts, Path(model))
    for place in results:
        for file in sorted(place.glob("*.json")) if place.is_dir() else [place]:
            _take(facts, file, asked=not place.is_dir())
    if not inside:  # the cards of bundled models have an order of their own
        facts.scores.sort(
            key=lambda one: (one.title, one.split, one.targets, one.head, one.detector, one.tta != "none")
        )
    return facts


def _bundled(facts: Facts, name: str) -> None:
    known = records.to_json(bundled_card(name))
    facts.files.append(f"{name}.json")
    _training(facts, known["training"] | {key: known.get(key) for key in ("parameters", "macs")})
    facts.speed = known.get("ms", {})
    for title, one in known.get("figures", {}).items():
        score, before = _score(one, title, f"{name}.json"), facts.scores[-1] if facts.scores else None
        twin = before and (before.split, before.targets, before.n, before.tta) == (
            score.split,
            score.targets,
            score.n,
            "none",
        )
        facts.scores.append(replace(score, title=before.title) if before and twin and score.tta == "flip" else score)


def _run(facts: Facts, run: Path) -> None:
    for file in sorted(run.glob("*.json")):
        if file.name == "recipe.json":
            try:
                _training(facts, _load(file))
            except (AttributeError, TypeError) as error:
                raise InputError(f"{file}: not what mien train writes ({error!r})") from None
            facts.files.append(file.name)
        elif file.name == calibrate.FILE:
            _recorded(facts, run)
            facts.files.append(file.name)
        else:
            _take(facts, file, asked=False)
    if (metrics := run / "metrics.jsonl").is_file():
        for line in metrics.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                facts.seconds += float(json.loads(line)["seconds"])
            except (ValueError, KeyError, TypeError):  # a line that a kill cut short
                continue
            facts.epochs += 1
        facts.files.append(metrics.name)


def _calibrations(info: ModelInfo) -> dict[str, Json]:
    """Return the calibration of each output that has one, as the model file holds it."""
    outputs = info.outputs
    return {
        output: {"method": "temperature", "temperature": one.temperature}
        | (one.calibration.to_json() if one.calibration else {})
        for output, one in outputs.items()
        if one.calibration or one.temperature != 1
    }


def _recorded(facts: Facts, run: Path) -> None:
    """Add what calibration.json says of the calibrations in the model file, and pass over what is of another file."""
    for output, kept in calibrate.read(run).items():
        temperature, fitted = kept.temperature, kept.calibration
        held = facts.calibration.get(output)
        if held is None or not isclose(held["temperature"], temperature, rel_tol=1e-6):
            facts.passed_over.append(f"{calibrate.FILE}: output {output}: not what model.onnx holds; calibrate again")
        else:
            facts.calibration[output] = (fitted.to_json() if fitted else {}) | held


def _training(facts: Facts, known: Json) -> None:
    if not isinstance(known.get("recipe", {}), dict):
        raise TypeError("recipe")
    facts.training = {key: value for key, value in known.items() if value not in (None, [], {})}
    facts.parameters, facts.macs = known.get("parameters"), known.get("macs")
    if command := known.get("command"):
        facts.training["command"] = bare_command(str(command))
    for key in ("start", "teachers", "photos"):
        for place in (facts.training, facts.training.get("data", {})):
            if value := place.get(key):
                place[key] = [bare(str(one)) for one in (value if isinstance(value, list) else [value])]
    if path := facts.training.get("data", {}).get("path"):
        facts.training["data"]["path"] = bare(str(path))


def _take(facts: Facts, file: Path, *, asked: bool) -> None:
    """Add what a file holds; `asked` for by name, it is an error where it cannot be used."""
    found = _load(file)
    evaluation = {"tta", "accuracy", "interval", "n", "data"} <= found.keys() and "confusion" in found
    kind = next((name for name in ("corruptions", "protocol") if name in found), "evaluation" if evaluation else "")
    if not kind:
        if asked:
            raise InputError(f"{file}: not a result of mien evaluate, audit or benchmark")
        return
    model = found.get("model")
    digests = [one.get("sha256") for one in found.get("models", [model]) if isinstance(one, dict)]
    if digests and facts.sha256 not in digests:
        what = f"{file.name}: measured on another model file than {facts.name}'s; measure again"
        if asked:
            raise InputError(what)
        facts.passed_over.append(what)
        return
    if kind == "evaluation":
        facts.scores.append(_evaluation(file, found))
    elif kind == "corruptions":
        facts.audits[file.name] = found
    else:
        facts.benchmarks[file.name] = found
        facts.protocols += _benchmark(file, found, facts.sha256)
        facts.speed = facts.speed or {name: one for name, one in (found.get("ms") or {}).items() if name[:5] == "batch"}
    facts.files.append(file.name)


def _load(file: Path) -> Json:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise InputError(f"{file}: damaged ({error})") from None
    if not isinstance(found, dict):
        return {}
    return found


def _evaluation(file: Path, found: Json) -> Score:
    try:
        data, photos = found["data"], found.get("end_to_end") or {}
        whole = found | {key: value for key, value in photos.items() if value is not None}
        recall = {name: one.get("recall") for name, one in found.get("per_class", {}).items()}
        return _score(
            whole | {"recall": recall, "targets": data.get("targets"), "head": found.get("model", {}).get("head")},
            bare(str(data["path"])),
            file.name,
            trained_on=bool(data.get("trained_on")),
            fingerprint=str(data.get("fingerprint", "")),
            kind=str(data.get("kind", "")),
            left_out=_left_out(found),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{file}: not what mien evaluate writes ({error!r})") from None


def _left_out(found: Json) -> str:
    dropped = found.get("dropped") or {}
    told = [f"{count:,} samples of {name}" for name, count in (dropped.get("samples") or {}).items()]
    told += [f"the model's {name}, the others scaled to 1" for name in dropped.get("outputs") or ()]
    told += [f"{count:,} samples by the reader, {why}" for why, count in (found["data"].get("dropped") or {}).items()]
    if found.get("merge", "drop") != "drop":
        told.append(f"merged: {found['merge']}")
    return "; ".join(told)


def _benchmark(file: Path, found: Json, digest: str) -> list[Score]:
    """Return the figures of the model with that SHA-256 in a benchmark's result, a view each."""
    try:
        own = next(one for one in found["models"] if one["sha256"] == digest)
        protocol, data = found["protocol"], found["data"]
        return [
            replace(
                _score(
                    one | {"tta": view, "split": found["split"], "head": own.get("head")}
                    | {"targets": f"protocol {protocol['id']} {protocol['hash']}", "recall": {}},
                    str(data["name"]), file.name, trained_on=bool(own.get("trained_on")),
                    fingerprint=str(data.get("fingerprint", "")), kind=str(data.get("kind", "")),
                ),
                before=(one.get("uncalibrated") or {}).get("ece"),
            )
            for view, one in own["views"].items()
        ]  # fmt: skip
    except (StopIteration, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{file}: not what mien benchmark writes ({error!r})") from None


def _score(
    one: Json,
    title: str,
    file: str,
    *,
    trained_on: bool = False,
    fingerprint: str = "",
    kind: str = "",
    left_out: str = "",
) -> Score:
    low, high = one["interval"]
    return Score(
        title=title,
        split=str(one.get("split", "")),
        tta=str(one.get("tta", "none")),
        targets=str(one.get("targets") or "label"),
        head=str(one.get("head") or ""),
        detector=str(one.get("detector") or ""),
        n=int(one["n"]),
        accuracy=float(one["accuracy"]),
        interval=(float(low), float(high)),
        figures={name: one[name] for name in FIGURES if one.get(name) is not None},
        recall=one.get("recall", {}),
        trained_on=trained_on,
        fingerprint=fingerprint,
        kind=kind,
        file=file,
        left_out=left_out,
    )


def bare(text: str) -> str:
    """Return text with every path cut to its last part."""
    return re.sub(r"\S*[/\\](?=[^\s/\\])", "", text).rstrip("/\\")


def bare_command(command: str) -> str:
    """Return a command with every path in it cut to its last part, also one with spaces in it."""
    try:
        words = shlex.split(command)
    except ValueError:
        return bare(command)
    return shlex.join(re.sub(r"^(--[\w-]+=)?.*[/\\](?=[^/\\])", r"\1", word).rstrip("/\\") or "." for word in words)
