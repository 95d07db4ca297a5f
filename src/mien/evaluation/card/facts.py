"""What was measured of a model, read from the files that training, evaluation, calibration and audit wrote.

A model card is made of this and of nothing else.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
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
from mien.models.bundled import bundled
from mien.models.latency import Latency
from mien.models.metadata import ModelInfo, OutputInfo
from mien.models.session import Session
from mien.recipes import Epoch, RunRecord, read_epochs, read_run
from mien.recipes.run_record import METRICS, RECIPE

READERS: dict[str, Callable[[Path], Evaluation | Audit | Result]] = {  # by a key that only such a file has
    "protocol": load,
    "corruptions": read_audit,
    "scores": read_evaluation,
}


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

    @property
    def model(self) -> str:
        """What a command calls the model."""
        return self.name if self.bundled else "RUN"

    def command(self, verb: str, options: str = "") -> str:
        """Return the command that would measure something, as code."""
        return f"`{f'mien {verb} {self.model} --data PATH {options}'.strip()}`"


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
    session = Session(model)
    info, content = session.info, session.path.read_bytes()
    facts = CardFacts(called, info, len(content), hashlib.sha256(content).hexdigest(), inside)
    facts.calibrations = {name: one for name, one in info.outputs.items() if one.calibration or one.temperature != 1}
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
            facts.calibrations[output] = replace(held, calibration=recorded.calibration)


def _add(facts: CardFacts, file: Path, *, asked: bool) -> None:
    """Add what a file holds; `asked` for by name, it is an error where it cannot be used."""
    keys = records.read(file, Any, what="JSON")
    read = next((read for key, read in READERS.items() if isinstance(keys, dict) and key in keys), None)
    if read is None:
        if asked:
            raise InputError(f"{file}: not a result of mien evaluate, audit or benchmark")
        return
    match found := read(file):
        case Evaluation():
            models = [found.model]
        case Audit():
            models = [found.evaluation.model]
        case Result():
            models = [one.model for one in found.models]
    if facts.sha256 not in [model.sha256 for model in models]:
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
