"""Images of one's own classes and a model in, one ONNX file out: the model's network with a new last layer."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.console import first_few, notice, quantity
from mien.core.errors import InputError, needs_extra
from mien.core.files import replacing
from mien.core.paths import printable
from mien.datasets import DataSpec, ImageSpec, Samples, open_dataset, select_samples
from mien.datasets.checks import duplicates
from mien.datasets.checks.persons import people
from mien.datasets.dataset import Dataset
from mien.datasets.image_hashes import hash_images, to_text
from mien.datasets.notices import notice_faceless, notice_lost
from mien.evaluation.adapt import classifier
from mien.evaluation.calibrate.files import check_new_file
from mien.evaluation.features import compute
from mien.evaluation.folds import group_ids
from mien.evaluation.metrics import Scores, score
from mien.evaluation.predictions import BATCH, identify
from mien.evaluation.provenance import HASHES_KEY, known_hashes, seen_in_training
from mien.evaluation.statistics import Interval
from mien.faces import LargestFace
from mien.models.bundled import bundled
from mien.models.metadata import METADATA_KEY, Adaptation, ModelInfo
from mien.models.session import Session, softmax

FEW = 5  # images of a class; with fewer the figures say next to nothing


@dataclass(frozen=True)
class Adapted:
    """What `adapt` wrote, and how well it does by cross-validation; also a path: `Recognizer(adapted)`.

    Example:
        >>> import mien
        >>> mine = mien.adapt("small", data="mine/", out="adapted.onnx")
        >>> mine.counts, mine.folds
        ({'bored': 20, 'engaged': 20}, 5)
        >>> mine.interval[0] <= mine.accuracy <= mine.interval[1]
        True
    """

    path: Path
    """The .onnx file."""
    model: str
    """Whose features it reads: default, small or a file."""
    counts: dict[str, int]
    """Class -> images learned from."""
    folds: int
    """Parts of the cross-validation."""
    together: str
    """What was never in two parts: copies, or persons and copies."""
    c: float
    """scikit-learn's C of the layer that was written."""
    temperature: float
    """Its logits are divided by it."""
    scores: Scores
    """Of each image by a layer that did not see it."""
    notes: tuple[str, ...] = ()
    """What to know of the figures, in sentences."""

    @property
    def accuracy(self) -> float:
        """The share of right answers in cross-validation."""
        return self.scores.accuracy

    @property
    def interval(self) -> Interval:
        """Its 95 % Wilson interval."""
        return self.scores.interval

    @property
    def majority(self) -> float:
        """The accuracy of always naming the most frequent class."""
        return max(self.counts.values()) / sum(self.counts.values())

    def __fspath__(self) -> str:
        return str(self.path)


def adapt(model: str | Path, spec: DataSpec, out: Path, *, folds: int = 5, seed: int = 0) -> Adapted:
    """Fit a linear layer for the classes of a dataset on the features of a model, and write both as one ONNX file.

    A dataset without splits is used whole, unless `spec.holdout` asks for a validation part. Images of one person,
    and copies of one image, are in one part of the cross-validation.

    Args:
        model: a bundled model's name, a run, or an .onnx file that mien exported.
        spec: the images; photos with `spec.detector`. Those without a face, and without a label, are left out.
        out: the new .onnx file.
        folds: parts of the cross-validation; fewer where a class has fewer images.
        seed: of the parts; at least 0.

    Raises:
        InputError: no such model or data, fewer than two classes, a class with one image, a model whose last layer is
            not linear, or `out` exists.
        MissingExtra: onnx or scikit-learn is not installed.
    """
    with needs_extra("eval", "mien adapt"):
        import onnx
        import scipy  # noqa: F401
        import sklearn  # noqa: F401

        from mien.models.features import with_head
    if folds < 2:
        raise InputError(f"--folds {folds}: expected at least 2")
    if seed < 0:
        raise InputError(f"--seed {seed}: expected at least 0")
    check_new_file(out)
    session = Session(model, features=True)
    samples, persons = _read(spec, session.info)
    counts = {name: n for name, n in samples.counts.items() if n}
    classes, labels = tuple(counts), np.searchsorted(np.unique(samples.hard), samples.hard)
    _check(spec, counts)
    features = compute(session, samples.images)
    groups = group_ids(duplicates.find(samples.images).groups, persons)
    notes = [f"{name} has {quantity(n, 'image')}" for name, n in counts.items() if n < FEW]
    notes = [f"{first_few(notes, 6)}: with fewer than {FEW} the figures say next to nothing"] if notes else []
    together = "persons and copies" if (persons != "").any() else "copies"
    given = classifier.LabelledFeatures(features, labels, groups)
    if given.smallest < 2:
        alone = next(name for label, name in enumerate(classes) if len(np.unique(groups[labels == label])) < 2)
        notes.append(f"all images of {alone} show one person or are copies: others will be recognised less well")
        given, together = given._replace(groups=np.arange(len(labels))), "nothing"
    folds = min(folds, given.smallest)
    c = classifier.choose(given, len(classes), folds=folds, seed=seed)
    fixed = c if len(labels) > classifier.MANY else None
    logits = classifier.cross_validate(given, len(classes), folds=folds, seed=seed, c=fixed)
    head, fitted_temperature = classifier.fit(given, len(classes), c), classifier.temperature(logits, labels)
    scores = score(softmax(logits / np.float32(fitted_temperature)), labels, classes)
    if scores.interval[0] <= max(counts.values()) / len(labels):
        often = max(counts, key=lambda name: counts[name])
        notes.append(f"not shown to be better than always naming {often}: more images, or clearer classes, may help")
    origin = identify(session)
    known = seen_in_training(session, samples.images)
    if known is not None and known.any():
        notes.append(
            f"{origin.file} was trained on {known.sum():,} of these {len(known):,} images, exactly or nearly: the "
            "accuracy is too high"
        )
    info = ModelInfo(
        labels=classes,
        size=session.info.size,
        mean=session.info.mean,
        std=session.info.std,
        temperature=fitted_temperature,
        margin=session.info.margin,
        crops=session.info.crops,
        recipe=f"adapted from {Path(origin.file).name}",
        shares=tuple(n / len(labels) for n in counts.values()),
        adaptation=Adaptation(Path(origin.file).name, origin.sha256, counts, c, folds, scores.accuracy),
    )
    proto = with_head(session, *head)
    seen = hash_images(samples.images)
    if origin.file not in bundled() and (earlier := known_hashes(session)) is not None:
        seen = np.concatenate([seen, earlier])
    onnx.helper.set_model_props(proto, {METADATA_KEY: info.to_json(), HASHES_KEY: to_text(seen)})
    with replacing(out) as part:
        part.write_bytes(proto.SerializeToString())
        found = Session(part).logits(samples.images[:BATCH])
        if not np.allclose(found, features[:BATCH] @ head.weight + head.bias, rtol=1e-3, atol=1e-3):
            raise InputError(f"{out}: onnxruntime computes other logits than the layer; nothing was written")
    return Adapted(out, origin.file, counts, folds, together, c, fitted_temperature, scores, tuple(notes))


def _read(spec: DataSpec, info: ModelInfo) -> tuple[Samples, NDArray[np.str_]]:
    """Return the labelled samples in which a face was found, and the person in each ("" where nothing says it)."""
    face = LargestFace.for_model(spec.detector, info) if spec.detector else None
    shares = (0.0, 0.0) if spec.holdout is None else None
    table = open_dataset(spec, ImageSpec(info.size, len(info.mean), face), shares=shares)
    samples = select_samples(table, spec)
    where = f"{printable(spec.path)}, {spec.split}"
    if unused := Counter(split for split in table.splits[~np.isin(table.ids, samples.ids)].tolist() if split):
        unused.pop(spec.split, None)  # of another class: said already
        for split, n in unused.items():
            notice(f"{where}: not used: {quantity(n, 'image')} of the {split} split (mien evaluate can score them)")
    notice_faceless(spec.path, spec.split, samples)
    labelled = samples.hard >= 0
    notice_lost(spec, samples, labelled, samples.classes)
    if spec.detector is None and _look_like_photos(table):
        notice(f"{where}: most images are not square; are they photos? Then find the faces first: --detector auto")
    kept = samples[labelled & samples.found]
    who = dict(zip(table.ids.tolist(), people(table.ids, table.groups).tolist(), strict=True))
    return kept, np.array([who[name] for name in kept.ids.tolist()], dtype=np.str_)


def _look_like_photos(table: Dataset) -> bool:
    sizes = {tuple(map(int, size.split(" x "))): n for size, n in table.sizes.items()}
    return sum(n for (width, height), n in sizes.items() if abs(width - height) > 0.1 * width) > len(table.ids) / 2


def _check(spec: DataSpec, counts: dict[str, int]) -> None:
    """Raise InputError where nothing can be learned."""
    had = first_few([f"{name} {n:,}" for name, n in counts.items()], 12) or "none"
    if len(counts) < 2:
        raise InputError(f"{spec.path}: at least two classes with images are needed; {spec.split} has {had}")
    if single := [name for name, n in counts.items() if n < 2]:
        raise InputError(
            f"{spec.path}: one image of {first_few(single, 6)}; at least 2 of each class are needed, 20 are better "
            f"(--classes leaves a class out); {spec.split} has {had}"
        )
