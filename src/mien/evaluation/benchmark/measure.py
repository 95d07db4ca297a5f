"""Measure a model, or several seeds of one recipe, by a protocol: each face is read once and scored once."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError, differences
from mien.core.paths import bare_command, last_part
from mien.datasets import ImageSpec
from mien.datasets.samples import hard
from mien.evaluation.alignment import align
from mien.evaluation.benchmark import final_runs, resampling, result, votes
from mien.evaluation.benchmark.cost import model_cost
from mien.evaluation.benchmark.leaderboard import paired_tests
from mien.evaluation.benchmark.protocols import Protocol
from mien.evaluation.benchmark.result import ModelResult, Result, Summary, ViewResult
from mien.evaluation.benchmark.scored_faces import ScoredFaces, scored_faces, seen_in_training
from mien.evaluation.evaluation import versions
from mien.evaluation.metrics import score
from mien.evaluation.predictions import DataFacts, Predictions, identify, predict
from mien.evaluation.provenance import SeenInTraining, is_training, run_record
from mien.evaluation.statistics import mcnemar
from mien.models.bundled import ASSETS
from mien.models.latency import latency
from mien.models.session import Session, Tta
from mien.recipes import RunRecord

TIMED = {1: 100, 32: 20}  # faces a call -> calls


@dataclass(frozen=True)
class Candidate:
    """A model that is to be scored by a protocol."""

    given: str
    """A bundled name, a run folder or an .onnx file."""
    session: Session
    output: str
    """The output that the protocol scores."""
    run: RunRecord | None
    """What its run recorded; None for a bundled model, or one alone."""

    @property
    def name(self) -> str:
        """That of the recipe, or else of the run folder or file."""
        if self.run and self.run.recipe.name:
            return self.run.recipe.name
        return self.file if Path(self.given).is_dir() else self.session.path.stem

    @property
    def file(self) -> str:
        """The bundled name, or that of the run folder or file, without the folders above it."""
        bundled = self.session.path.parent == ASSETS
        return self.session.path.stem if bundled else Path(self.given).resolve().name


def benchmark(
    protocol: Protocol,
    data: Path,
    models: Sequence[str],
    *,
    final_folder: Path | None = None,
    name: str | None = None,
    training_sets: Sequence[Path] = (),
    against: str | None = None,
    timed: bool = True,
) -> Result:
    """Measure one model, or several seeds of one recipe, by a protocol.

    Args:
        protocol: see `mien.evaluation.benchmark.protocols`.
        data: the dataset.
        models: bundled names, run folders or .onnx files; several must differ in the seed alone.
        final_folder: score the final split, and record that in final_runs.jsonl in this folder.
        name: what the result is called; the recipe's name, or the file's, by default.
        training_sets: datasets the models were trained on, besides those that their runs name: scored faces that are
            in their training splits are counted.
        against: another model, or a result file: test the difference on the same faces.
        timed: measure milliseconds as well.

    Raises:
        InputError: unsuitable data or models, found before anything is scored or recorded.
        MissingExtra: `against` without SciPy, likewise.

    Example:
        >>> found = benchmark(PROTOCOLS["fer2013"], Path("fer2013"), ["default"])  # doctest: +SKIP
        >>> found.summary["none"].metrics["accuracy"].mean  # doctest: +SKIP
        0.6957
    """
    final = final_folder is not None
    if against:
        mcnemar(0, 0)  # raises without SciPy
    other = result.load(against) if against and result.is_result(against) else None
    if other and (other.hash, other.final) != (protocol.hash, final):
        raise InputError(
            f"{against}: of {other.protocol.id} ({other.hash}), {other.split}; expected {protocol.id} "
            f"({protocol.hash}), {protocol.split(final=final)}"
        )
    faces = scored_faces(protocol, data, final=final)
    n, fingerprint = len(faces.samples), faces.samples.fingerprint
    seeds = [open_model(protocol, model) for model in models]
    check_seeds(seeds)
    others = [open_model(protocol, against)] if against and not other else []
    date = datetime.now(UTC).isoformat(timespec="seconds")
    called = name or seeds[0].name
    if final_folder:
        final_runs.read(final_folder)  # a damaged file is refused before a line is added
        for title, model in [*((called, seed) for seed in seeds), *((model.name, model) for model in others)]:
            sha256 = identify(model.session).sha256
            run = final_runs.FinalRun(date, protocol.id, protocol.hash, title, fingerprint, sha256)
            final_runs.add(final_folder, run)

    def measured(name: str, candidates: Sequence[Candidate], *, timed: bool) -> Result:
        seen = seen_in_training(faces.samples.images, candidates[0].session, training_sets)
        found = tuple(_measured(faces, model, fingerprint, seen) for model in candidates)
        return Result(
            format=result.FORMAT,
            name=name,
            protocol=protocol,
            hash=protocol.hash,
            split=faces.split,
            final=final,
            data=result.ScoredData(data.resolve().name, n, fingerprint, faces.duplicates, faces.samples.dropped),
            models=found,
            summary={view: _summary([model.views[view] for model in found], n) for view in protocol.views},
            final_runs=tuple(final_runs.count(final_folder, protocol.hash, model.model.sha256) for model in found)
            if final_folder
            else None,
            speed=_speed(candidates[0].session) if timed else None,
            versions=versions() | {"pillow": version("pillow"), "opencv": cv2.__version__},
            device=_processor(),
            date=date,
        )

    found = measured(called, seeds, timed=timed)
    if others:
        other = measured(others[0].name, others, timed=False)
    if not other:
        return found
    tests = {view: paired_tests([found, other], view)[0] for view in protocol.views if view in other.summary}
    return replace(found, against=result.Against(other.name, tests))


def open_model(protocol: Protocol, model: str) -> Candidate:
    """Open a model and choose the output that a protocol scores. InputError where it cannot answer a class of it."""
    session = Session(model)
    outputs = session.info.outputs
    output = next((name for name in protocol.outputs if name in outputs), session.info.primary_output)
    labels = outputs[output].labels
    known = align(protocol.classes, labels).classes
    if lacking := [name for name in protocol.classes if name not in known]:
        raise InputError(
            f"{model}: cannot answer {', '.join(lacking)}, which {protocol.id} scores; it answers {', '.join(labels)}"
        )
    return Candidate(model, session, output, None if session.path.parent == ASSETS else run_record(session))


def check_seeds(seeds: Sequence[Candidate]) -> None:
    """Raise InputError unless the models are runs of one recipe on one training split that differ in the seed alone."""
    if len(seeds) == 1:
        return
    runs = []
    for model in seeds:
        if model.run is None:
            raise InputError(f"{model.given}: no recipe.json in its folder; only seeds of one recipe are averaged")
        runs.append(model.run)
        both = f"{seeds[0].given} and {model.given} are not seeds of one recipe"
        if wrong := differences(asdict(replace(runs[0].recipe, seed=0)), asdict(replace(model.run.recipe, seed=0))):
            raise InputError(f"{both}; these differ: {wrong}")
        if runs[0].data.splits.get("train") != model.run.data.splits.get("train"):
            raise InputError(f"{both}: they were trained on different data")
    if len({run.recipe.seed for run in runs}) < len(runs):
        raise InputError(f"two of {', '.join(model.given for model in seeds)} have the same seed; name each seed once")


def _measured(faces: ScoredFaces, model: Candidate, fingerprint: str, seen: NDArray[np.bool_] | None) -> ModelResult:
    """Return what a model's predictions for the faces, made once, say."""
    protocol, session, trained = faces.protocol, model.session, run_record(model.session)
    info = session.info.for_output(model.output)
    samples = faces.read(ImageSpec(info.size, len(info.mean)))
    data = DataFacts(faces.root.name, faces.split, protocol.kind, protocol.targets, fingerprint)
    predictions = predict(session, samples, data, tta="flip" if "flip" in protocol.views else "none")
    if predictions.info.prior:  # a protocol's faces have the shares of its training part, as for every other network
        predictions = replace(predictions, info=predictions.info.with_prior("web"))
    views = {view: _view(predictions, model.output, view, protocol.classes) for view in protocol.views}
    right = views["none"][1]
    seen = predictions.seen if seen is None else seen
    counts = votes.read_counts(faces.root, protocol.kind, samples.ids)
    return ModelResult(
        model=replace(predictions.model, file=model.file),
        output=model.output,
        labels=info.labels,
        temperature=info.temperature,
        seed=model.run.recipe.seed if model.run else None,
        cost=model_cost(session),
        training=_published(trained) if trained else {},
        trained_on=is_training(trained, samples, info.labels),
        seen_in_training=None if seen is None else SeenInTraining.of(seen, right),
        views={view: found for view, (found, _) in views.items()},
        votes=None if counts is None else votes.against_votes(predictions, counts, protocol.classes, right),
    )


def _published(run: RunRecord) -> dict[str, str]:
    facts = {
        "command": bare_command(run.command or ""),
        "device": run.device,
        "started": run.started,
        "start": last_part(run.start or ""),
    }
    return {name: text for name, text in facts.items() if text}


def _view(
    predictions: Predictions, output: str, view: Tta, classes: tuple[str, ...]
) -> tuple[ViewResult, NDArray[np.bool_]]:
    """Return the scores of one view, in the protocol's order of classes, and which answers are right: bool [n]."""
    scored = predictions.scored(output=output, tta=view)
    order = [scored.alignment.classes.index(name) for name in classes]
    probabilities, labels = scored.probabilities[:, order], predictions.labels
    scores = score(probabilities, labels, classes)
    uncalibrated = score(scored.uncalibrated[:, order], labels, classes).metrics
    right = probabilities.argmax(axis=1) == hard(labels)
    bootstrap = resampling.intervals(scores.confusion)
    return ViewResult(scores, bootstrap, uncalibrated, correct=resampling.pack(right)), right


def _summary(views: Sequence[ViewResult], n: int) -> Summary:
    """Return mean and spread over the seeds of one view of n faces, and the bootstrap interval of the mean accuracy."""
    right = np.array([resampling.unpack(view.correct, n) for view in views])
    names, uncalibrated = views[0].scores.metrics, views[0].uncalibrated
    return Summary(
        seeds=len(views),
        metrics={name: _spread([view.scores.metrics[name] for view in views]) for name in names},
        interval=resampling.mean_interval(right.mean(axis=0)),
        uncalibrated={name: float(np.mean([view.uncalibrated[name] for view in views])) for name in uncalibrated},
    )


def _spread(values: Sequence[float]) -> result.MetricSummary:
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return result.MetricSummary(float(np.mean(values)), sd, min(values), max(values))


def _speed(session: Session) -> result.Speed:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    timed = tuple(latency(session.path, batch=size, repeats=repeats) for size, repeats in TIMED.items())
    return result.Speed(timed, load, os.cpu_count())


def _processor() -> str:
    """Return the processor's name, as the system reports it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        name = next(line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or "unknown"
    return f"cpu ({platform.machine()}), {name}"
