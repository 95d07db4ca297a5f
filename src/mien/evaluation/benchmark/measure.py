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

from mien import recipes
from mien.core.errors import InputError
from mien.core.paths import bare_command, last_part
from mien.datasets import ImageSpec
from mien.evaluation.benchmark import final_runs, resampling, votes
from mien.evaluation.benchmark.cost import cost
from mien.evaluation.benchmark.leaderboard import check_comparable, paired_tests
from mien.evaluation.benchmark.protocols import Protocol
from mien.evaluation.benchmark.result import (
    FORMAT,
    Against,
    MetricSummary,
    ModelResult,
    Result,
    ScoredData,
    SeenInTraining,
    Speed,
    Summary,
    ViewResult,
    is_result,
    load,
)
from mien.evaluation.benchmark.scored_faces import ScoredFaces, scored_faces, seen_in_training
from mien.evaluation.evaluation import versions
from mien.evaluation.metrics import METRICS, score
from mien.evaluation.predictions import (
    DataFacts,
    Predictions,
    align,
    hard,
    identify,
    predict,
)
from mien.evaluation.provenance import is_training, run_record
from mien.evaluation.statistics import mcnemar
from mien.models.latency import latency
from mien.models.session import Session, Tta
from mien.recipes import Recipe

RECORDED = ("command", "device", "started", "start")  # of a model's training
TIMED = {1: 100, 32: 20}  # faces a call -> calls


@dataclass(frozen=True)
class Candidate:
    """A model that is to be scored by a protocol."""

    name: str
    """As given: a bundled name, a run folder or an .onnx file."""
    session: Session
    output: str
    """The output that the protocol scores."""
    recipe: Recipe | None
    """Of its run."""


def benchmark(
    protocol: Protocol,
    data: Path,
    models: Sequence[str],
    *,
    final: bool = False,
    folder: Path | None = None,
    name: str | None = None,
    training_sets: Sequence[Path] = (),
    against: str | None = None,
    timed: bool = True,
    command: str = "",
) -> Result:
    """Measure one model, or several seeds of one recipe, by a protocol.

    Args:
        protocol: see `mien.evaluation.benchmark.protocols`.
        data: the dataset.
        models: bundled names, run folders or .onnx files; several must differ in the seed alone.
        final: score the final split, and record that in `folder`, which it needs.
        folder: where final runs are recorded.
        name: what the result is called; the recipe's name, or the file's, by default.
        training_sets: datasets the models were trained on, besides those that their runs name: scored faces that are
            in their training splits are counted.
        against: another model, or a result file: test the difference on the same faces.
        timed: measure milliseconds as well.
        command: how it was called; paths are cut to their last part, for results are published.

    Raises:
        InputError: unsuitable data or models, found before anything is scored or recorded.
        MissingExtra: `against` without SciPy, likewise.

    Example:
        >>> found = benchmark(PROTOCOLS["fer2013"], Path("fer2013"), ["default"])  # doctest: +SKIP
        >>> found.summary["none"].metrics["accuracy"].mean  # doctest: +SKIP
        0.6896
    """
    if against:
        mcnemar(0, 0)  # raises without SciPy
    other = load(against) if against and is_result(against) else None
    if other and (other.hash, other.final) != (protocol.hash, final):
        raise InputError(
            f"{against}: of {other.protocol.id} ({other.hash}), {other.split}; expected {protocol.id} "
            f"({protocol.hash}), {protocol.split(final=final)}"
        )
    faces = scored_faces(protocol, data, final=final)
    seeds = [open_model(protocol, model) for model in models]
    check_seeds(seeds)
    rivals = [open_model(protocol, against)] if against and not other else []
    date = datetime.now(UTC).isoformat(timespec="seconds")
    called = name or _name(seeds[0])
    if final:
        if folder is None:
            raise InputError("--final needs a folder in which final runs are recorded")
        final_runs.read(folder)  # a damaged file is refused before a line is added
        for model in [*seeds, *rivals]:
            run = final_runs.FinalRun(
                date=date,
                protocol=protocol.id,
                hash=protocol.hash,
                name=called if model in seeds else _name(model),
                data=faces.fingerprint,
                model=identify(model.session).sha256,
            )
            final_runs.add(folder, run)

    def measured(candidates: Sequence[Candidate], name: str, *, timed: bool) -> Result:
        seen = seen_in_training(faces.samples.images, candidates[0].session, training_sets)
        found = tuple(_measured(faces, model, seen) for model in candidates)
        return Result(
            format=FORMAT,
            name=name,
            protocol=protocol,
            hash=protocol.hash,
            split=faces.split,
            final=final,
            data=ScoredData(
                name=data.resolve().name,
                n=len(faces.samples),
                fingerprint=faces.fingerprint,
                duplicates=faces.duplicates,
                dropped=faces.samples.dropped,
            ),
            models=found,
            summary={
                view: summarise([model.views[view] for model in found], len(faces.samples)) for view in protocol.views
            },
            final_runs=tuple(final_runs.count(folder, protocol.hash, one.model.sha256) for one in found)
            if final and folder
            else None,
            speed=_speed(candidates[0].session) if timed else None,
            versions=versions() | {"pillow": version("pillow"), "opencv": cv2.__version__},
            device=device(),
            date=date,
            command=bare_command(command),
        )

    result = measured(seeds, called, timed=timed)
    if rivals:
        other = measured(rivals, _name(rivals[0]), timed=False)
    return replace(result, against=compare_to(result, other)) if other else result


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
    run = session.path.with_name("recipe.json")
    return Candidate(model, session, output, recipes.from_json(run) if run.is_file() else None)


def check_seeds(seeds: Sequence[Candidate]) -> None:
    """Raise InputError unless the models are runs of one recipe on one training split that differ in the seed alone."""
    if len(seeds) == 1:
        return
    first, reference, data = "", Recipe(), None
    for model in seeds:
        if model.recipe is None:
            raise InputError(f"{model.name}: no recipe.json in its folder; only seeds of one recipe are averaged")
        run = run_record(model.session)
        trained = run.data.splits["train"].fingerprint if run and run.data.splits else None
        if not first:
            first, reference, data = model.name, model.recipe, trained
        ours, theirs = asdict(reference), asdict(model.recipe)
        differ = [key for key in ours if key != "seed" and ours[key] != theirs[key]]
        if differ:
            wrong = "; ".join(f"{key} ({ours[key]} and {theirs[key]})" for key in differ)
            raise InputError(f"{first} and {model.name} are not seeds of one recipe; these differ: {wrong}")
        if data != trained:
            raise InputError(
                f"{first} and {model.name} are not seeds of one recipe: they were trained on different data"
            )
    if len({model.recipe.seed for model in seeds if model.recipe}) < len(seeds):
        raise InputError(f"two of {', '.join(model.name for model in seeds)} have the same seed; name each seed once")


def compare_to(result: Result, other: Result) -> Against:
    """Return the tests between two results, by view. InputError where they are not of the same faces and protocol."""
    check_comparable([result, other])
    views: list[Tta] = [view for view in result.summary if view in other.summary]
    return Against(other.name, {view: paired_tests([result, other], view)[0] for view in views})


def _name(model: Candidate) -> str:
    if model.recipe is not None and model.recipe.name:
        return model.recipe.name
    return model.session.path.parent.name if Path(model.name).is_dir() else model.session.path.stem


def _measured(faces: ScoredFaces, model: Candidate, seen: NDArray[np.bool_] | None) -> ModelResult:
    """Return what a model's predictions for the faces, made once, say."""
    protocol, session = faces.protocol, model.session
    info = session.info.for_output(model.output)
    samples = faces.read(ImageSpec(info.size, len(info.mean)))
    trained = run_record(session)
    trained_on = is_training(trained, samples, info.labels)
    data = DataFacts(
        path=faces.root.name,
        split=faces.split,
        kind=protocol.kind,
        targets=protocol.targets,
        fingerprint=faces.fingerprint,
        trained_on=trained_on,
    )
    predictions = predict(session, samples, data, tta="flip" if "flip" in protocol.views else "none")
    views = {view: _view(predictions, model.output, view, protocol.classes) for view in protocol.views}
    right = views["none"][1]
    counts = votes.read_counts(faces.root, protocol.kind, samples.ids)
    file = identify(session)
    return ModelResult(
        model=replace(file, file=file.file if Path(file.file).name == file.file else Path(model.name).resolve().name),
        output=model.output,
        labels=info.labels,
        temperature=info.temperature,
        seed=model.recipe.seed if model.recipe else None,
        cost=cost(session),
        training={name: _published(name, str(value)) for name in RECORDED if (value := getattr(trained, name, None))},
        trained_on=trained_on,
        seen_in_training=None if seen is None else _seen(seen, right),
        views={view: found for view, (found, _) in views.items()},
        votes=None if counts is None else votes.against_votes(predictions, counts, protocol.classes, right),
    )


def _published(name: str, text: str) -> str:
    return bare_command(text) if name == "command" else last_part(text)


def _view(
    predictions: Predictions, output: str, view: Tta, classes: tuple[str, ...]
) -> tuple[ViewResult, NDArray[np.bool_]]:
    """Return the scores of one view, in the protocol's order of classes, and which answers are right: bool [n]."""
    scored = predictions.scored(output=output, tta=view)
    order = [scored.alignment.classes.index(name) for name in classes]
    probabilities, labels = scored.probabilities[:, order], predictions.labels
    scores = score(probabilities, labels, classes)
    right = probabilities.argmax(axis=1) == hard(labels)
    return ViewResult(
        scores=scores,
        bootstrap=resampling.intervals(scores.confusion),
        uncalibrated=score(scored.uncalibrated[:, order], labels, classes).metrics,
        correct=resampling.pack(right),
    ), right


def _seen(seen: NDArray[np.bool_], right: NDArray[np.bool_]) -> SeenInTraining:
    unseen = right[~seen]
    return SeenInTraining(int(seen.sum()), len(unseen), float(unseen.mean()) if len(unseen) else None)


def summarise(views: Sequence[ViewResult], n: int) -> Summary:
    """Return mean and spread over the seeds of one view of n faces, and the bootstrap interval of the mean accuracy."""
    right = np.array([resampling.unpack(view.correct, n) for view in views])
    return Summary(
        seeds=len(views),
        metrics={
            name: _summary([view.scores.metrics[name] for view in views])
            for name in METRICS
            if all(name in view.scores.metrics for view in views)
        },
        interval=resampling.mean_interval(right.mean(axis=0)),
        uncalibrated={
            name: float(np.mean([view.uncalibrated[name] for view in views]))
            for name in METRICS
            if all(name in view.uncalibrated for view in views)
        },
    )


def _summary(values: Sequence[float]) -> MetricSummary:
    sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return MetricSummary(float(np.mean(values)), sd, min(values), max(values))


def _speed(session: Session) -> Speed:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    timed = tuple(latency(session.path, batch=size, repeats=repeats) for size, repeats in TIMED.items())
    return Speed(timed, load, os.cpu_count())


def device() -> str:
    """Return the processor's name, as the system reports it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        name = next(line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or "unknown"
    return f"cpu ({platform.machine()}), {name}"
