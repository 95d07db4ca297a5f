"""A model, or several seeds of one recipe, measured by a protocol: all that a published figure should come with."""

import functools
import hashlib
import json
import os
import platform
import re
import shlex
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mien import recipes
from mien.core.errors import InputError
from mien.core.files import replacing
from mien.core.images import Pixels
from mien.core.labels import FERPLUS
from mien.datasets import Samples
from mien.evaluation.benchmark import final_runs, resampling, votes
from mien.evaluation.benchmark.cost import cost
from mien.evaluation.benchmark.leaderboard import FORMAT, tests
from mien.evaluation.benchmark.protocols import VOTES, Protocol
from mien.evaluation.benchmark.scored_faces import ScoredFaces, labelled, open_dataset, scored_faces, seen_in_training
from mien.evaluation.evaluation import DataFacts, align, is_training, measure, record, training_data
from mien.evaluation.metrics import score
from mien.models.bundled import ASSETS
from mien.models.latency import latency
from mien.models.session import Session, Tta, softmax
from mien.recipes import Recipe

BLOCK = 128
SUMMARISED = ("accuracy", "macro_f1", "balanced_accuracy", "log_loss", "ece", "kl")
TIMED = {1: 100, 32: 20}  # faces a call -> calls


def benchmark(
    protocol: Protocol,
    data: Path,
    models: Sequence[str],
    *,
    final: bool = False,
    folder: Path | None = None,
    name: str | None = None,
    learnt_from: Sequence[Path] = (),
    timed: bool = True,
    command: str = "",
) -> dict[str, Any]:
    """Measure one model, or several seeds of one recipe, by a protocol.

    Args:
        protocol: see `mien.evaluation.benchmark.protocols`.
        data: the dataset.
        models: bundled names, run folders or .onnx files; several have to differ in the seed alone.
        final: score the final split, and record that in the ledger of `folder`, which it needs.
        folder: where the ledger is.
        name: what the result is called; the recipe's name, or the file's, by default.
        learnt_from: datasets the models were trained on, beside those that their runs name: scored faces that stand in
            their training parts are counted.
        timed: measure milliseconds as well.
        command: how it was called; paths are cut to their last part, for results are there to be published.

    Returns:
        The result as plain objects; docs/benchmark-protocols.md describes it.

    Raises:
        InputError: unfit data or models, said before anything is scored or recorded.
    """
    part = scored_faces(protocol, data, final=final)
    opened = [open_model(protocol, model) for model in models]
    _same_recipe(models, opened)
    called = name or _name(models[0], opened[0])
    began = datetime.now(UTC).isoformat(timespec="seconds")
    shas = [hashlib.sha256(session.path.read_bytes()).hexdigest() for session in opened]
    if final:
        if folder is None:
            raise InputError("--final needs a folder for its ledger")
        final_runs.lines(folder)  # a damaged one is refused before a line is added
        entry = {
            "date": began,
            "protocol": protocol.id,
            "hash": protocol.hash,
            "name": called,
            "data": part.fingerprint,
        }
        for sha in shas:
            final_runs.add(folder, {**entry, "model": sha})
    seen = seen_in_training(part, opened[0], learnt_from)
    scored = [_measured(part, session, seen) for session in opened]
    return {
        "format": FORMAT,
        "name": called,
        "protocol": protocol.to_json(),
        "split": part.split,
        "final": final,
        "data": {
            "name": data.resolve().name,
            "n": len(part.ids),
            "fingerprint": part.fingerprint,
            "left_out_as_duplicates": part.duplicates,
            "left_out_by_the_reader": part.dropped,
        },
        "models": [
            {"sha256": sha, **_facts(model, session), **found}
            for model, session, sha, found in zip(models, opened, shas, scored, strict=True)
        ],
        "summary": {
            view: summary([found["views"][view] for found in scored], len(part.ids)) for view in protocol.views
        },
        "finals": [final_runs.counted(folder, protocol.hash, sha) for sha in shas] if final and folder else None,
        "ms": _timed(opened[0]) if timed else None,
        "versions": {name: version(name) for name in ("mien", "numpy", "onnxruntime", "pillow")}
        | {"opencv": cv2.__version__, "python": platform.python_version()},
        "device": device(),
        "date": began,
        "command": shortened(command),
    }


class Remembering(Session):
    """A session that computes the logits of the same crops once: every view and figure is made of the same two."""

    def logits(self, crops: Pixels) -> NDArray[np.float32]:
        """As `Session.logits`."""
        key = hashlib.blake2b(crops.tobytes()).digest()
        if key not in self._known:
            self._known[key] = super().logits(crops)
        return self._known[key]

    @functools.cached_property
    def _known(self) -> dict[bytes, NDArray[np.float32]]:
        return {}


def open_model(protocol: Protocol, model: str) -> Session:
    """Open a model at the output that a protocol scores. InputError where it cannot answer a class of it."""
    info = Session(model).info
    session = Remembering(model, output=next((name for name in protocol.outputs if name in info.outputs), None))
    known = align(protocol.classes, session.info.labels).classes
    if lacking := [name for name in protocol.classes if name not in known]:
        raise InputError(
            f"{model}: cannot answer {', '.join(lacking)}, which {protocol.id} scores; it answers "
            f"{', '.join(session.info.labels)}"
        )
    return session


def _same_recipe(models: Sequence[str], opened: Sequence[Session]) -> None:
    """Raise InputError unless the models are runs of one recipe on one training part that differ in the seed alone."""
    if len(models) == 1:
        return
    runs = []
    for model, session in zip(models, opened, strict=True):
        if (recipe := _recipe(session)) is None:
            raise InputError(f"{model}: no recipe.json beside it; only seeds of one recipe are averaged")
        runs.append((model, recipe, training_data(session).get("splits", {}).get("train", {}).get("fingerprint")))
    first, reference, data = runs[0]
    for model, recipe, other in runs[1:]:
        mine, its = asdict(reference), asdict(recipe)
        if wrong := [f"{key} ({mine[key]} and {its[key]})" for key in mine if key != "seed" and mine[key] != its[key]]:
            raise InputError(f"{first} and {model} are not seeds of one recipe; these differ: {'; '.join(wrong)}")
        if data != other:
            raise InputError(f"{first} and {model} are not seeds of one recipe: they were trained on different data")
    seeds = [recipe.seed for _, recipe, _ in runs]
    if len(set(seeds)) < len(seeds):
        raise InputError(f"two of {', '.join(models)} have the same seed; name each seed once")


def _recipe(session: Session) -> Recipe | None:
    path = session.path.with_name("recipe.json")
    return recipes.from_json(path) if path.is_file() else None


def _seed(session: Session) -> int | None:
    recipe = _recipe(session)
    return None if recipe is None else recipe.seed


def _name(model: str, session: Session) -> str:
    recipe = _recipe(session)
    if recipe is not None and recipe.name:
        return recipe.name
    return session.path.parent.name if Path(model).is_dir() else session.path.stem


def _facts(model: str, session: Session) -> dict[str, Any]:
    """Return which model it is, and how it was trained where its run or card tells."""
    info, taken = session.info, cost(session)
    facts = record(session)
    training = {key: facts[key] for key in ("command", "device", "started", "start") if facts.get(key)}
    return {
        "file": session.path.stem if session.path.parent == ASSETS else Path(model).resolve().name,
        "bytes": session.path.stat().st_size,
        "recipe": info.recipe,
        "seed": _seed(session),
        "head": info.primary_output,
        "labels": list(info.labels),
        "input": [info.size, info.size, len(info.mean)],
        "temperature": info.temperature,
        "parameters": taken.parameters,
        "macs": taken.macs,
        "cost": taken.source,
        "training": {key: shortened(str(value)) for key, value in training.items()},
    }


def _measured(part: ScoredFaces, session: Session, seen: NDArray[np.bool_] | None) -> dict[str, Any]:
    """Return a model's figures in each view, and what can be known of its training faces and of FER+'s annotators."""
    protocol = part.protocol
    samples = part.read(session.info.size, len(session.info.mean))
    trained = is_training(training_data(session), samples, session.info.labels)
    data = DataFacts(str(part.root), part.split, protocol.kind, protocol.targets, part.fingerprint, trained_on=trained)
    raw = _uncalibrated(session, samples)
    views, right = {}, {}
    for view in protocol.views:
        views[view], right[view] = _view(session, samples, data, view, raw[view], protocol.classes)
    found: dict[str, Any] = {"trained_on": trained, "views": views}
    found["learnt"] = None if seen is None else _apart(seen, right["none"])
    counted = votes.counts(part.root, protocol.kind, samples.ids)
    if counted is None:
        return found | {"ferplus": None}
    spread = replace(protocol, targets="distribution", classes=FERPLUS)
    table = open_dataset(spread, part.root, session.info.size, len(session.info.mean))
    rows = np.flatnonzero((table.splits == part.split) & np.isin(table.ids, samples.ids))
    heads = list(session.file_info.outputs)
    nearest = next((head for head in VOTES if head in heads), heads[0])
    reader = Session(session.path, output=nearest)
    found["ferplus"] = {
        **votes.against_votes(reader, labelled(table, rows, spread), replace(data, targets="distribution")),
        "levels": votes.by_agreement(counted, samples.hard, protocol.classes, right["none"]),
    }
    return found


def _view(
    session: Session,
    samples: Samples,
    data: DataFacts,
    view: Tta,
    raw: NDArray[np.float32],
    classes: tuple[str, ...],
) -> tuple[dict[str, Any], NDArray[np.bool_]]:
    """Return the figures of one view, in the protocol's order of classes, and who was right: bool [n]."""
    found = measure(session, samples, data, tta=view)
    order = [found.alignment.classes.index(name) for name in classes]
    probabilities = found.probabilities[:, order]
    scores = score(probabilities, samples.labels, classes)
    before = score(found.alignment.fold(raw)[:, order], samples.labels, classes)
    right = probabilities.argmax(axis=1) == samples.hard
    return {
        **{key: value for key, value in scores.to_json().items() if key not in ("reliability", "confusion_rates")},
        "bootstrap": {key: list(value) for key, value in resampling.intervals(scores.confusion).items()},
        "uncalibrated": {"ece": before.ece, "log_loss": before.log_loss, "kl": before.kl},
        "correct": resampling.pack(right),
    }, right


def _uncalibrated(session: Session, samples: Samples) -> dict[str, NDArray[np.float32]]:
    """Return the plain softmax of the logits, float32 [n, outputs], of the faces and with their mirror images'."""
    once, both = [], []
    for start in range(0, len(samples), BLOCK):
        block = np.asarray(samples.images[start : start + BLOCK])
        once.append(softmax(session.logits(block)))
        both.append((once[-1] + softmax(session.logits(np.ascontiguousarray(block[:, :, ::-1])))) / 2)
    return {"none": np.concatenate(once), "flip": np.concatenate(both)}


def _apart(seen: NDArray[np.bool_], right: NDArray[np.bool_]) -> dict[str, Any]:
    """Return how many scored faces the model was trained on, bool [n], and the accuracy, single view, of the others."""
    others = ~seen
    return {
        "faces": int(seen.sum()),
        "others": int(others.sum()),
        "accuracy_of_the_others": float(right[others].mean()) if others.any() else None,
    }


def summary(views: Sequence[dict[str, Any]], n: int) -> dict[str, Any]:
    """Return mean and spread over the seeds, and the bootstrap interval over faces of the mean accuracy."""
    found: dict[str, Any] = {"seeds": len(views)}
    for key in SUMMARISED:
        values = [view[key] for view in views]
        if values[0] is not None:
            sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
            found[key] = {"mean": float(np.mean(values)), "sd": sd, "least": min(values), "most": max(values)}
    right = np.array([resampling.unpack(view["correct"], n) for view in views])
    found["accuracy"]["interval"] = list(resampling.mean_interval(right.mean(axis=0)))
    return found


def _timed(session: Session) -> dict[str, Any]:
    """Return milliseconds per face on one core, and how busy the machine was: the median is what to read."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        **{f"batch {size}": asdict(latency(session.path, batch=size, repeats=n)) for size, n in TIMED.items()},
        "load": load,
        "cores": os.cpu_count(),
    }


def against(result: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return the tests between two results, by view. InputError where they are not of the same faces and protocol."""
    views = [view for view in result["summary"] if view in other["summary"]]
    return {"name": other["name"], "views": {view: tests([result, other], view)[0].to_json() for view in views}}


def save(result: dict[str, Any], folder: Path) -> Path:
    """Write a result as folder/PROTOCOL-NAME[-final].json, whole or not at all, and return that path."""
    name = re.sub(r"[^\w.+-]+", "-", result["name"])
    path = folder / f"{result['protocol']['id']}-{name}{'-final' if result['final'] else ''}.json"
    with replacing(path) as part:
        part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return path


def device() -> str:
    """Return the processor's name, as the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        name = next(line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or "unknown"
    return f"cpu ({platform.machine()}), {name}"


def shortened(command: str) -> str:
    """Return a command line with paths cut to their last part, those with spaces too."""
    try:
        arguments = shlex.split(command)
    except ValueError:  # a quote without its other half
        arguments = command.split()
    return shlex.join(re.sub(r"^(--[\w-]+=)?.*/(?=[^/])", r"\1", argument) for argument in arguments)
