"""Score an exported model on a split of a dataset: what is shipped is what is measured."""

import hashlib
import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien import datasets, recipes
from mien.core import labels as taxonomy
from mien.core.console import COUNT, bar
from mien.core.errors import InputError
from mien.datasets import DataSpec, ImageSpec, Samples
from mien.datasets import exclude as exclusion
from mien.datasets.readers import reader
from mien.evaluation.metrics import EndToEnd, Scores, end_to_end, score
from mien.evaluation.selective import Selective, selective
from mien.faces import LargestFace
from mien.models.bundled import ASSETS
from mien.models.metadata import ModelInfo
from mien.models.session import Session, Tta

PRINT = (48, 1)  # the size and channels data is fingerprinted at, so that the model's own do not enter
TRAINED_ON = "the model was trained on these very pictures; the figures say nothing about others"
VIEWS: dict[str, str] = {"none": "single view", "flip": "mean with the mirror image"}


@dataclass(frozen=True)
class ModelFile:
    """Which model was scored."""

    file: str
    """`default`, or the path of the .onnx file."""
    sha256: str
    bytes: int
    recipe: str
    labels: tuple[str, ...]
    size: int
    """The input is size x size pixels."""
    channels: int
    head: str
    """The output that was scored, by the labelling it follows."""


@dataclass(frozen=True)
class DataFacts:
    """Which data it was scored on."""

    path: str
    split: str
    kind: str
    """The reader: fer2013, facial_expressions, folder or arrays."""
    targets: str
    fingerprint: str
    """`Samples.fingerprint` of the split as read, at 48 x 48 grey."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Samples of the dataset that the reader's rules left out, by reason."""
    exclude: dict[str, str] | None = None
    """The `path` and `sha256` of the list of what was left out, where there was one."""
    problems: int = 0
    """Rows or files of the dataset that could not be read."""
    trained_on: bool = False
    """Whether the split is, picture for picture, what the model was trained on."""


@dataclass(frozen=True)
class Alignment:
    """Where each class of the data and each output of the model goes: to a scored class, or None: left out."""

    classes: tuple[str, ...]
    """What is scored, in the model's order."""
    samples: dict[str, str | None]
    outputs: dict[str, str | None]

    def fold(self, probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return [n, outputs] as [n, classes]: merged outputs summed, dropped ones left out, rows scaled to 1."""
        matrix = np.array([[new == name for name in self.classes] for new in self.outputs.values()], dtype=np.float32)
        folded = probabilities @ matrix
        total = folded.sum(axis=1, keepdims=True)
        even = np.full_like(folded, 1 / len(self.classes))
        return np.asarray(np.divide(folded, total, out=even, where=total > 0), dtype=np.float32)


@dataclass(frozen=True)
class Evaluation:
    """The scores of one model on one split, with all that is needed to repeat or to doubt them."""

    scores: Scores
    model: ModelFile
    data: DataFacts
    tta: Tta
    merge: str
    alignment: Alignment
    dropped: dict[str, int]
    """Samples left out, by class; `unlabelled` where they had no label."""
    samples: Samples
    """The n scored samples, labelled by `alignment.classes`."""
    probabilities: NDArray[np.float32]
    """[n, k], row for row with `samples`."""
    selective: Selective
    """Of answering only where the model is sure."""
    end_to_end: EndToEnd | None = None
    """The scores over all photos, where faces were looked for; `scores` are of those found."""
    output: str | None = None
    """The output that was asked for; None: the one that follows the targets. `model.head` is what was scored."""
    missed: tuple[str, ...] = ()
    """The ids of the photos in which the detector found no face."""

    def to_json(self) -> dict[str, Any]:
        """Return the scores and their circumstances as plain objects."""
        return {
            **self.scores.to_json(),
            "end_to_end": asdict(self.end_to_end) if self.end_to_end else None,
            "selective": self.selective.to_json(),
            "split": self.data.split,
            "tta": self.tta,
            "model": asdict(self.model),
            "data": asdict(self.data),
            "merge": self.merge,
            "mapping": {"samples": self.alignment.samples, "outputs": self.alignment.outputs},
            "dropped": {
                "samples": self.dropped,
                "outputs": [name for name, new in self.alignment.outputs.items() if new is None],
            },
            "versions": {name: version(name) for name in ("mien", "numpy", "onnxruntime")}
            | {"python": platform.python_version()},
        }


def evaluate(
    model: str | Path,
    data: str | Path,
    split: str = "validation",
    *,
    tta: Tta = "none",
    kind: str | None = None,
    targets: str = "label",
    classes: str | None = None,
    merge: str = "drop",
    holdout: float | None = None,
    exclude: Path | None = None,
    output: str | None = None,
    detector: str | None = None,
) -> Evaluation:
    """Score the exported ONNX of `model` on one split of the dataset at `data`.

    Args:
        model: `default`, a run folder, or an .onnx file.
        data: what `mien.datasets.read` reads.
        split: as `mien.datasets.read` has it.
        tta: `flip` averages the probabilities of each crop and its mirror image.
        kind: the reader; None recognises it.
        targets: which labels a dataset with votes gives.
        classes: what the integers of arrays mean, None for what the model's run on the same arrays was told; elsewhere,
            the classes to score.
        merge: a name of `labels.MERGES`: how classes are folded that names alone do not match.
        holdout: the validation share where the dataset has no such split; None takes that of the model's run, so that
            nothing it was trained on is scored as validation.
        exclude: as `mien.datasets.read` has it.
        output: which output of the model, by the labelling it follows; None takes the one that follows `targets`.
        detector: the data are photos: find the face in each with it first; one that is not found is a wrong answer.

    Raises:
        InputError: no such model or data, fewer than two classes in common, or nothing left to score.
    """
    session, samples, facts, detector = opened(
        model, data, split, kind=kind, targets=targets, classes=classes, holdout=holdout, exclude=exclude,
        output=output, detector=detector,
    )  # fmt: skip
    return measure(session, samples, facts, tta=tta, merge=merge, output=output, detector=detector)


def opened(
    model: str | Path,
    data: str | Path,
    split: str,
    *,
    kind: str | None = None,
    targets: str = "label",
    classes: str | None = None,
    holdout: float | None = None,
    exclude: Path | None = None,
    output: str | None = None,
    detector: str | None = None,
) -> tuple[Session, Samples, DataFacts, str | None]:
    """Return the model, the samples as it reads them, what they are, and who finds the faces, as `evaluate` has it."""
    session = Session(model, output=output)
    kind = kind or datasets.detect(data, targets)
    if output is None:
        session = Session(model, output=matching_output(session.info, kind, targets))
    face = None
    if detector:
        face = LargestFace.for_model(detector, session.info)
        detector = face.detector_name

    beside = session.path.with_name("recipe.json")
    if holdout is None and beside.is_file():
        holdout = recipes.from_json(beside).holdout
    trained = training_data(session)
    if classes is None and reader(kind).names_classes and trained.get("path") == str(Path(data).resolve()):
        classes = trained.get("classes")
    spec = DataSpec(Path(data), split, kind, targets, classes, holdout=holdout, exclude=exclude)  # type: ignore[arg-type]

    def read(size: int, channels: int) -> Samples:
        return datasets.read(spec, ImageSpec(size, channels, face))

    size, channels = session.info.size, len(session.info.mean)
    samples = read(size, channels)
    printed = samples if (size, channels) == PRINT else read(*PRINT)
    facts = DataFacts(
        path=str(data),
        split=datasets.split_name(split),
        kind=kind,
        targets=targets,
        fingerprint=printed.fingerprint,
        dropped=samples.dropped,
        exclude=exclusion.load(exclude).origin if exclude else None,
        problems=len(samples.problems),
        trained_on=is_training(trained, samples, session.info.labels),
    )
    return session, samples, facts, detector


def matching_output(info: ModelInfo, kind: str, targets: str) -> str:
    """Return the output of a model that follows the labelling asked for: its answer, unless another one fits better.

    FER2013's own labels are answered by an output that learnt them, votes by one that learnt votes, where there is one.
    """
    votes = targets != "label"
    if votes or kind == "fer2013":
        return next((name for name in info.outputs if (name != "label") == votes), info.primary_output)
    return info.primary_output


def record(session: Session) -> dict[str, Any]:
    """Return what a model's run, or the card beside it, recorded: recipe, data, parameters ...; {} with neither."""
    run, card = session.path.with_name("recipe.json"), session.path.with_suffix(".json")
    try:
        facts = dict(json.loads((run if run.is_file() else card).read_text(encoding="utf-8")))
        return facts | dict(facts.get("training", {}))
    except (OSError, ValueError, TypeError):
        return {}


def training_data(session: Session) -> dict[str, Any]:
    """Return which data the model was trained on; {} where nothing tells."""
    data = record(session).get("data")
    return data if isinstance(data, dict) else {}


def is_training(trained: dict[str, Any], samples: Samples, labels: tuple[str, ...]) -> bool:
    """Return whether `samples`, read as the model reads, have the fingerprint of something it was trained on."""
    known = trained.get("splits", {}).get("train", {})
    read = {known.get("fingerprint"), *known.get("sources", ())}
    return set(samples.classes) <= set(labels) and samples.relabel(labels).fingerprint in read


def measure(
    session: Session,
    samples: Samples,
    data: DataFacts,
    *,
    tta: Tta = "none",
    merge: str = "drop",
    output: str | None = None,
    detector: str | None = None,
) -> Evaluation:
    """Score an open model on samples already read; `data` says what they are. Errors as `evaluate` has them."""
    if not (samples.hard >= 0).any():
        raise InputError(f"{data.path}: no labels in its {data.split} split; there is nothing to score against")
    alignment = align(samples.classes, session.info.labels, merge=merge)
    scored, dropped = _select(samples, alignment, merge)
    if not len(scored):
        raise InputError(
            f"{data.path}: nothing to score in {data.split}: no sample of {len(samples)} has a label the model knows"
        )
    photos, missed = scored, ()
    if detector and scored.found is not None:
        missed = tuple(scored.ids[~scored.found].tolist())
        scored = scored[scored.found]
        if not len(scored):
            raise InputError(f"{data.path}: {detector} finds no face in any of {len(photos)} photos")
    answers = _answers(session, scored, tta)
    probabilities = alignment.fold(answers)
    scores = score(probabilities, scored.labels, scored.classes)
    known = {name: place for place, name in enumerate(alignment.classes)}
    places = np.array([known.get(new or "", -1) for new in alignment.outputs.values()])
    return Evaluation(
        scores=scores,
        end_to_end=end_to_end(scores, list(photos.counts.values()), detector) if detector else None,
        model=_identify(session),
        data=data,
        tta=tta,
        merge=merge,
        alignment=alignment,
        dropped=dropped,
        samples=scored,
        probabilities=probabilities,
        selective=selective(
            probabilities, scored.hard, answers, places, scored.classes, session.info.calibration, data.fingerprint
        ),
        output=output,
        missed=missed,
    )


def align(data: Sequence[str], model: Sequence[str], *, merge: str = "drop") -> Alignment:
    """Return how the classes of `data` and the outputs of `model` meet; a merge folds both sides alike.

    Raises:
        InputError: an unknown class or merge, or fewer than two classes in common.
    """
    if merge not in taxonomy.MERGES:
        raise InputError(f"unknown merge {merge!r}; known: {', '.join(taxonomy.MERGES)}")
    rules = taxonomy.MERGES[merge]

    def folded(names: Iterable[str]) -> dict[str, str]:
        return {name: rules.get(taxonomy.canonical(name), taxonomy.canonical(name)) for name in names}

    samples, outputs = folded(data), folded(model)
    classes = tuple(dict.fromkeys(name for name in outputs.values() if name in samples.values()))
    if len(classes) < 2:
        raise InputError(f"fewer than two classes in common between the data {list(data)} and the model {list(model)}")
    return Alignment(
        classes=classes,
        samples={name: new if new in classes else None for name, new in samples.items()},
        outputs={name: new if new in classes else None for name, new in outputs.items()},
    )


def _select(samples: Samples, alignment: Alignment, merge: str) -> tuple[Samples, dict[str, int]]:
    """Return the samples to score, relabelled, and how many of each class were left out."""
    kept = samples.relabel(alignment.classes, merge=merge)
    if (unlabelled := kept.hard < 0).any():
        kept = kept[~unlabelled]
    if len(kept) == len(samples):
        return kept, {}
    names = np.array([*samples.classes, "unlabelled"])  # a label of -1 finds the last
    left, counts = np.unique(names[samples.hard[~np.isin(samples.ids, kept.ids)]], return_counts=True)
    return kept, dict(zip(left.tolist(), counts.tolist(), strict=True))


def _answers(session: Session, samples: Samples, tta: Tta) -> NDArray[np.float32]:
    blocks = []
    with bar(COUNT) as progress:
        task = progress.add_task(f"scoring, {VIEWS[tta]}", total=len(samples))
        for block in session.batches(samples.images, tta=tta):
            blocks.append(block)
            progress.advance(task, len(block))
    answers = np.concatenate(blocks)
    if wrong := int((~np.isfinite(answers).all(axis=1)).sum()):
        raise InputError(f"{session.path}: answers {wrong} of {len(answers)} samples with NaN; the model is damaged")
    return answers


def _identify(session: Session) -> ModelFile:
    info, content = session.info, session.path.read_bytes()
    return ModelFile(
        file=session.path.stem if session.path.parent == ASSETS else str(session.path),
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        recipe=info.recipe,
        labels=info.labels,
        size=info.size,
        channels=len(info.mean),
        head=info.primary_output,
    )
