"""Score once: a model's logits for one split of a dataset, in one pass over its images.

Everything that is measured (metrics, calibration, thresholds, prediction sets, subgroups, benchmark rows) is a pure
function of `Predictions`.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien import datasets
from mien.core import records
from mien.core.console import track
from mien.core.errors import InputError
from mien.core.files import replacing
from mien.core.images import Pixels
from mien.datasets import DataSpec, ImageSpec, Samples, exclude
from mien.datasets.notices import notice_faceless, notice_lost
from mien.datasets.samples import hard, relabel
from mien.evaluation.alignment import Alignment, align, matching_output
from mien.evaluation.provenance import as_trained, is_training, run_record, seen_in_training
from mien.faces import LargestFace
from mien.models.bundled import ASSETS
from mien.models.metadata import ModelInfo
from mien.models.prior import Prior
from mien.models.session import Session, Tta, softmax

BATCH = 128
FINGERPRINTED = (48, 1)  # size and channels of the data for its fingerprint, whatever the model's own input is
TRAINED_ON = "the model was trained on these very images; the figures say nothing about others"
VIEWS: dict[str, str] = {"none": "single view", "flip": "mean with the mirror image"}


@dataclass(frozen=True)
class ModelFile:
    """Which model was scored."""

    file: str
    """`default`, or the path of the .onnx file."""
    sha256: str
    bytes: int
    recipe: str
    size: int
    """The input is size x size pixels."""
    channels: int


@dataclass(frozen=True)
class DataFacts:
    """Which data it was scored on."""

    path: str
    split: str
    kind: str
    """The reader's name."""
    targets: str
    fingerprint: str
    """`Samples.fingerprint` of the split at 48 x 48 grey."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Samples of the dataset that the reader's rules left out, by reason."""
    exclude: dict[str, str] | None = None
    """The `path` and `sha256` of the list of what was left out, where there was one."""
    problems: int = 0
    """Rows or files of the dataset that could not be read."""
    trained_on: bool = False
    """Whether the split is, image for image, what the model was trained on."""
    detector: str | None = None
    """What found the faces, where the data are photos."""


@dataclass(frozen=True)
class Scored:
    """The samples of `Predictions` that have a label both sides know, by one output of the model.

    Args:
        info: the model's facts for that output.
        alignment: how the classes of both sides meet.
        rows: int64 [n], which samples of the predictions these are, ascending.
        label_probabilities: float32 [n, m], calibrated probabilities of the model's own labels, as users get them.
        probabilities: float32 [n, k], the same over the scored classes.
        uncalibrated: float32 [n, k], likewise without temperature or scale.
        labels: int64 [n], or float32 [n, k] of votes.
        ids: str [n].
        dropped: samples left out, by class; `unlabelled` where they had no label.
        missed: ids of the photos in which no face was found.
        support: photos of each scored class, those without a face too.
    """

    info: ModelInfo
    alignment: Alignment
    rows: NDArray[np.int64]
    label_probabilities: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    uncalibrated: NDArray[np.float32]
    labels: NDArray[Any]
    ids: NDArray[np.str_]
    dropped: dict[str, int]
    missed: tuple[str, ...]
    support: tuple[int, ...]

    @property
    def truth(self) -> NDArray[np.int64]:
        """int64 [n]: the label, or the most voted class."""
        return hard(self.labels)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """bool [n]: whether the prediction is right."""
        return np.asarray(self.probabilities.argmax(axis=1) == self.truth)

    def surest_mistakes(self, most: int) -> list[int]:
        """Return the positions of the wrong predictions of the highest confidence, the surest first."""
        wrong = np.flatnonzero(~self.correct)
        confidence = self.probabilities[wrong].max(axis=1)
        return [int(row) for row in wrong[np.argsort(-confidence, kind="stable")][:most]]


@dataclass(frozen=True)
class Predictions:
    """A model's logits for the n samples of a split, made once.

    Args:
        logits: output name -> float32 [views, n, k]; the second view is the mirror image.
        labels: int64 [n], -1 where there is none; or float32 [n, c], votes.
        classes: the c names.
        ids: str [n].
        found: bool [n], whether a face was found in the photo; all True where nobody looked.
        info: the model's facts.
        model: which file it is.
        data: which data it is.
        seen: bool [n], whether the model was trained on the image, exactly or nearly; None where nobody knows.

    Raises:
        InputError: the arrays have different lengths.

    Example:
        >>> predictions = predict(*load("default", DataSpec(Path("fer2013"))), tta="flip")  # doctest: +SKIP
        >>> predictions.scored(tta="flip").correct.mean()  # doctest: +SKIP
    """

    logits: dict[str, NDArray[np.float32]]
    labels: NDArray[Any]
    classes: tuple[str, ...]
    ids: NDArray[np.str_]
    found: NDArray[np.bool_]
    info: ModelInfo
    model: ModelFile
    data: DataFacts
    seen: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        columns = [self.labels, self.found, *([] if self.seen is None else [self.seen])]
        lengths = {*map(len, columns), *(array.shape[1] for array in self.logits.values())}
        if lengths != {len(self.ids)}:
            raise InputError(f"predictions: arrays of {len(self.ids)} and {sorted(lengths)} samples")

    def __getitem__(self, index: NDArray[Any]) -> "Predictions":
        """Return the predictions of some samples: a boolean mask or an index array."""
        return replace(
            self,
            logits={output: array[:, index] for output, array in self.logits.items()},
            labels=self.labels[index],
            ids=self.ids[index],
            found=self.found[index],
            seen=None if self.seen is None else self.seen[index],
        )

    def scored_info(self, output: str | None = None) -> ModelInfo:
        """Return the model's facts for an output; None: the one that follows the targets of the data."""
        return self.info.for_output(output or matching_output(self.info, self.data.kind, self.data.targets))

    def probabilities(self, info: ModelInfo, *, tta: Tta = "none", calibrated: bool = True) -> NDArray[np.float32]:
        """Return float32 [n, k] of the output that `info` describes; with `tta="flip"` the mean of both views.

        Raises:
            InputError: the model was not run on the mirror images, or gives NaN.
        """
        views = self.logits[info.primary_output][: 1 + (tta == "flip")]
        if tta == "flip" and len(views) < 2:
            raise InputError("the predictions hold no mirror images; predict with tta='flip'")
        each = [softmax(info.calibrate_logits(view) if calibrated else info.at_prior(view)) for view in views]
        found = np.asarray(np.mean(each, axis=0, dtype=np.float32))
        if wrong := int((~np.isfinite(found).all(axis=1)).sum()):
            of = f"{wrong} of {len(found)}"
            raise InputError(f"{self.model.file}: NaN for {of} samples; the model is damaged")
        return found

    def scored(self, *, output: str | None = None, tta: Tta = "none", merge: str = "drop") -> Scored:
        """Return the samples that can be scored, by one output and view.

        Args:
            output: a name of `ModelInfo.outputs`; None: the one that follows the targets.
            tta: none or flip.
            merge: a name of `labels.MERGES`: how classes are folded that names alone do not match.

        Raises:
            InputError: no such output, fewer than two classes in common, or nothing left to score.
        """
        data, info = self.data, self.scored_info(output)
        alignment = align(self.classes, info.labels, merge=merge)
        labels, known = relabel(self.labels, self.classes, alignment.classes, merge=merge)
        known &= hard(labels) >= 0
        if not known.any():
            raise InputError(
                f"{data.path}: nothing to score in {data.split}: no sample of {len(known)} has a label the model knows"
            )
        left = np.array([*self.classes, "unlabelled"])[hard(self.labels)[~known]]  # a label of -1 finds the last
        support = np.bincount(hard(labels[known]), minlength=len(alignment.classes))
        missed, rows = known & ~self.found, np.flatnonzero(known & self.found)
        if not len(rows):
            raise InputError(f"{data.path}: {data.detector} finds no face in any of {known.sum()} photos")
        own, plain = (self.probabilities(info, tta=tta, calibrated=given)[rows] for given in (True, False))
        return Scored(
            info=info,
            alignment=alignment,
            rows=rows,
            label_probabilities=own,
            probabilities=alignment.fold(own),
            uncalibrated=alignment.fold(plain),
            labels=labels[rows],
            ids=self.ids[rows],
            dropped=dict(Counter(sorted(left.tolist()))),
            missed=tuple(self.ids[missed].tolist()),
            support=tuple(support.tolist()),
        )

    def save(self, path: Path) -> None:
        """Write the predictions as an .npz file that `load_predictions` reads."""
        arrays: dict[str, Any] = {f"logits/{output}": array for output, array in self.logits.items()}
        arrays |= {"labels": self.labels, "ids": self.ids, "found": self.found}
        arrays |= {} if self.seen is None else {"seen": self.seen}
        arrays["facts"] = records.dumps(_SavedFacts(self.classes, self.info, self.model, self.data))
        with replacing(path) as part, part.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)


@dataclass(frozen=True)
class _SavedFacts:
    classes: tuple[str, ...]
    info: ModelInfo
    model: ModelFile
    data: DataFacts


def load_predictions(path: Path) -> Predictions:
    """Return what `Predictions.save` wrote. InputError where the file is none of it."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
            arrays = {key: saved[key] for key in saved.files}
        facts = records.loads(str(arrays["facts"]), _SavedFacts, where=str(path))
        logits = {key.removeprefix("logits/"): arrays[key] for key in arrays if key.startswith("logits/")}
        columns = {key: arrays[key] for key in ("labels", "ids", "found")}
        return Predictions(logits, **columns, **vars(facts), seen=arrays.get("seen"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; expected saved predictions") from None
    except InputError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds on damaged archives
        raise InputError(f"{path}: damaged, or no saved predictions ({type(error).__name__})") from None


def load(
    model: str | os.PathLike[str], spec: DataSpec, *, device: str = "cpu", prior: Prior | None = None
) -> tuple[Session, Samples, DataFacts]:
    """Open a model, and read the data as it wants them (see `as_trained`).

    Where the data have no validation split, its share is that of the model's run, unless the spec asks for another: so
    nothing that the model was trained on is scored as validation.

    Raises:
        InputError: no such model or data, data without labels, fewer than two classes in common with the model, or face
            crops where a detector is asked for.
    """
    session = Session(model, providers=device, prior=prior)
    info, trained = session.info, run_record(session)
    kind = spec.kind or datasets.detect(spec.path, spec.targets)
    spec, usual = as_trained(spec, trained), trained.recipe.holdout if trained else None
    face = LargestFace.for_model(spec.detector, info) if spec.detector else None
    wanted, small = ImageSpec(info.size, len(info.mean), face), ImageSpec(*FINGERPRINTED, face)
    samples = datasets.read(spec, wanted, usual=usual)
    if not (samples.hard >= 0).any():
        raise InputError(f"{spec.path}: no labels in its {spec.split} split; there is nothing to score against")
    labels = info.for_output(spec.output or matching_output(info, kind, spec.targets)).labels
    meeting = align(samples.classes, labels, merge=spec.merge)  # what cannot meet is refused before the work
    known = [code for code, name in enumerate(samples.classes) if meeting.samples[name]]
    notice_lost(spec, samples, np.isin(samples.hard, known), labels, whose="the model's")
    notice_faceless(spec.path, spec.split, samples)
    data = DataFacts(
        path=str(spec.path),
        split=datasets.split_name(spec.split),
        kind=kind,
        targets=spec.targets,
        fingerprint=(samples if wanted == small else datasets.read(spec, small, usual=usual)).fingerprint,
        dropped=samples.dropped,
        exclude=exclude.load(spec.exclude).origin if spec.exclude else None,
        problems=len(samples.problems),
        trained_on=is_training(trained, samples, labels),
        detector=face.detector_name if face else None,
    )
    return session, samples, data


def predict(session: Session, samples: Samples, data: DataFacts, *, tta: Tta = "none") -> Predictions:
    """Run a model once on samples: all its outputs, and with `tta="flip"` their mirror images too."""
    starts = range(0, len(samples), BATCH)
    blocks = (np.asarray(samples.images[start : start + BATCH]) for start in track(starts, "scoring", len(starts)))
    return Predictions(
        logits=predict_logits(session, blocks, tta=tta),
        labels=samples.labels,
        classes=samples.classes,
        ids=samples.ids,
        found=samples.found,
        info=session.info,
        model=identify(session),
        data=data,
        seen=seen_in_training(session, samples.images),
    )


def predict_logits(session: Session, blocks: Iterable[Pixels], *, tta: Tta = "none") -> dict[str, NDArray[np.float32]]:
    """Return the logits of every output, by name, float32 [views, n, k], for n crops that come in blocks."""
    found = []
    for block in blocks:
        views = [block] if tta == "none" else [block, np.ascontiguousarray(block[:, :, ::-1])]
        found.append([session.run(view) for view in views])
    return {
        output: np.stack([np.concatenate([one[output] for one in view]) for view in zip(*found, strict=True)])
        for output in session.info.outputs
    }


def identify(session: Session) -> ModelFile:
    """Return which file an open model is."""
    info, content = session.info, session.path.read_bytes()
    return ModelFile(
        file=session.path.stem if session.path.parent == ASSETS else str(session.path),
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        recipe=info.recipe,
        size=info.size,
        channels=len(info.mean),
    )
