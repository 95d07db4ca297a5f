"""What was measured of a model, read from the files that training, evaluation, calibration and audit wrote.

A model card is made of this and of nothing else.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isclose
from pathlib import Path
from typing import Any

from mien.core import records
from mien.core.errors import InputError
from mien.evaluation.benchmark.result import Result, load
from mien.evaluation.calibrate import files as calibrate
from mien.evaluation.card.bundled import read_card
from mien.evaluation.card.scores import CardScore, from_evaluation, from_result
from mien.evaluation.evaluation import Evaluation
from mien.evaluation.evaluation import read as read_evaluation
from mien.evaluation.robustness.audit import Audit
from mien.evaluation.robustness.audit import read as read_audit
from mien.models.bundled import bundled, resolve
from mien.models.calibration import Calibration
from mien.models.latency import Latency
from mien.models.metadata import ModelInfo, OutputInfo
from mien.models.session import Session
from mien.recipes import Epoch, RunRecord, read_epochs, read_run
from mien.recipes.run_record import METRICS, RECIPE


@dataclass
class CardFacts:
    """Everything that the card may say of a model."""

    name: str
    info: ModelInfo
    bytes: int
    sha256: str
    bundled: bool
    training: RunRecord | None = None
    epochs: list[Epoch] = field(default_factory=list)
    scores: list[CardScore] = field(default_factory=list)
    calibrations: dict[str, OutputInfo] = field(default_factory=dict)
    """The outputs that were calibrated, as the model file holds them."""
    audits: dict[str, Audit] = field(default_factory=dict)
    """By file name, like the next."""
    benchmarks: dict[str, Result] = field(default_factory=dict)
    protocols: list[CardScore] = field(default_factory=list)
    """This model's scores in `benchmarks`."""
    latency: tuple[Latency, ...] = ()
    files: list[str] = field(default_factory=list)
    """Names of all files read."""
    skipped: list[str] = field(default_factory=list)
    """Why a file of the run was not used, a line each."""

    @property
    def every_score(self) -> list[CardScore]:
        """Those of evaluations, then those by protocols."""
        return [*self.scores, *self.protocols]


def collect_facts(model: str | Path, *, results: Sequence[Path] = (), name: str | None = None) -> CardFacts:
    """Return what is known of a run folder, or of a bundled model by its name.

    A file of the run that was measured on another model.onnx than the one in the folder is skipped.

    Args:
        model: `default`, another bundled name, or a run folder.
        results: further files, or folders of them: of evaluate, audit or benchmark.
        name: what the card calls the model; the name, or that of the folder, by default.

    Raises:
        InputError: no such run or model, a damaged file, or one of `results` that is of another model or of no known
            kind.
    """
    inside = str(model) in bundled()
    if not inside and not Path(model).is_dir():
        raise InputError(f"{model}: expected a run folder or {', '.join(bundled())}")
    called = name if name is not None else str(model) if inside else Path(model).resolve().name
    if not called.strip() or not called.isprintable():
        raise InputError(f"--name {called!r}: expected printable text")
    onnx = resolve(model)
    info, content = Session(onnx).info, onnx.read_bytes()
    facts = CardFacts(called, info, len(content), hashlib.sha256(content).hexdigest(), inside)
    facts.calibrations = {
        output: one for output, one in info.outputs.items() if one.calibration or one.temperature != 1
    }
    if inside:
        card = read_card(str(model))
        facts.training, facts.latency, facts.scores = card.training, card.latency, list(card.scores)
        facts.files.append(f"{model}.json")
    else:
        _add_run(facts, Path(model))
    for path in results:
        for file in sorted(path.glob("*.json")) if path.is_dir() else [path]:
            _add(facts, file, asked=not path.is_dir())
    if not inside:  # the cards of bundled models have an order of their own
        facts.scores.sort(
            key=lambda one: (one.title, one.split, one.targets, one.output, one.detector or "", one.tta != "none")
        )
    return facts


def _add_run(facts: CardFacts, run: Path) -> None:
    for file in sorted(run.glob("*.json")):
        if file.name == RECIPE:
            facts.training = read_run(run)
        elif file.name == calibrate.FILE:
            _add_calibrations(facts, run)
        else:
            _add(facts, file, asked=False)
            continue
        facts.files.append(file.name)
    if (run / METRICS).is_file():
        facts.epochs = read_epochs(run)
        facts.files.append(METRICS)


def _add_calibrations(facts: CardFacts, run: Path) -> None:
    """Add what calibration.json says of the calibrations in the model file; skip what is of another file."""
    for output, recorded in calibrate.read(run).items():
        held = facts.calibrations.get(output)
        if held is None or not isclose(held.temperature, recorded.temperature, rel_tol=1e-6):
            facts.skipped.append(f"{calibrate.FILE}: output {output}: not what model.onnx holds; calibrate again")
        elif held.calibration is None:
            facts.calibrations[output] = OutputInfo(held.labels, held.temperature, recorded.calibration)


def _add(facts: CardFacts, file: Path, *, asked: bool) -> None:
    """Add what a file holds; `asked` for by name, it is an error where it cannot be used."""
    found = _read(file)
    if found is None:
        if asked:
            raise InputError(f"{file}: not a result of mien evaluate, audit or benchmark")
        return
    if facts.sha256 not in _models(found):
        reason = f"{file.name}: measured on another model file than {facts.name}'s; measure again"
        if asked:
            raise InputError(reason)
        facts.skipped.append(reason)
        return
    match found:
        case Evaluation():
            facts.scores.append(from_evaluation(found, file=file.name))
        case Audit():
            facts.audits[file.name] = found
        case Result():
            facts.benchmarks[file.name] = found
            facts.protocols += from_result(found, facts.sha256, file=file.name)
            facts.latency = facts.latency or (found.speed.latency if found.speed else ())
    facts.files.append(file.name)


def _read(file: Path) -> Evaluation | Audit | Result | None:
    """Return what a file holds; None where it is JSON of another kind."""
    keys = records.read(file, Any, what="JSON")
    for key, read in (("protocol", load), ("corruptions", read_audit), ("scores", read_evaluation)):
        if isinstance(keys, dict) and key in keys:
            return read(file)
    return None


def _models(found: Evaluation | Audit | Result) -> list[str]:
    """Return the SHA-256 of the models that a file is about."""
    match found:
        case Evaluation():
            return [found.model.sha256]
        case Audit():
            return [found.evaluation.model.sha256]
    return [model.model.sha256 for model in found.models]


def fitted_on(score: CardScore, calibration: Calibration | None) -> str:
    """Return whether the scored output was calibrated on faces of the scored split: surely, maybe, or "" for no."""
    if calibration is None:
        return ""
    if score.fingerprint and score.fingerprint == calibration.fingerprint:
        return "surely"
    kinds = {kind.replace("ferplus", "fer2013") for kind in (score.kind, calibration.kind) if kind}  # the same faces
    return "maybe" if score.split == calibration.split and len(kinds) < 2 else ""
