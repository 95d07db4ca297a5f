"""Where a model fails: its accuracy on corrupted images, by what is measured in the clean ones, and by groups.

One number over a whole split hides all three. docs/audit.md says what each figure means and what it does not.
"""

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core import records
from mien.core.console import track
from mien.core.errors import InputError
from mien.core.images import Pixels, to_channels
from mien.datasets import DataSpec, Samples
from mien.evaluation import subgroups
from mien.evaluation.evaluation import Evaluation, evaluate
from mien.evaluation.predictions import Predictions, Scored, load, predict, predict_logits
from mien.evaluation.robustness.corruptions import CORRUPTIONS, STRENGTHS, Corruption, choose, corrupt, generator
from mien.evaluation.subgroups import Column, GroupTable, SubsetScores, quintiles, subset_scores
from mien.faces.quality import rms_contrast, sharpness
from mien.models.session import Session, Tta

BLOCK = 512  # images that are corrupted and scored at a time
FACES = 3  # shown of each corruption


@dataclass(frozen=True)
class AuditOptions:
    """What is measured.

    Raises:
        InputError: an unknown corruption, a limit below 1, or a negative seed.
    """

    tta: Tta = "none"
    """flip averages the probabilities of each crop and its mirror image."""
    groups: Path | None = None
    """A CSV as `subgroups.read` takes it."""
    limit: int | None = None
    """Corrupt at most so many images, drawn with the classes in their shares; all other figures are of all images."""
    seed: int = 0
    """Random seed of the corruptions, the draw and the shuffles."""
    prior: str | None = None
    """The shares of the classes that answers assume: even, web, or a JSON file; None: those of the model's file."""
    corruptions: str = "all"
    """Names of `CORRUPTIONS` with commas between them; or all, or none."""

    def __post_init__(self) -> None:
        self.chosen  # noqa: B018 - raises
        if self.limit is not None and self.limit < 1:
            raise InputError(f"limit {self.limit}: expected at least 1 image")
        if self.seed < 0:
            raise InputError(f"seed {self.seed}: expected 0 or more")

    @property
    def chosen(self) -> list[Corruption]:
        """The corruptions, in the order of `CORRUPTIONS`."""
        if self.corruptions == "none":
            return []
        names = list(CORRUPTIONS) if self.corruptions == "all" else self.corruptions.split(",")
        return choose([name.strip() for name in names])


@dataclass(frozen=True)
class Strength:
    """The scores at one strength of a corruption."""

    strength: int
    """1 to 5."""
    parameter: str
    """The physical parameter, in words."""
    scores: SubsetScores
    drop: float | None
    """The share of the clean images' accuracy that is lost; below 0 where it rises, None where there was none."""


@dataclass(frozen=True)
class Stratum:
    """The clean images in one range of a measured property."""

    range: str
    scores: SubsetScores


@dataclass(frozen=True)
class Subgroups:
    """The user's table, as far as it fits the samples."""

    path: Path
    columns: tuple[Column, ...]
    unmatched_rows: int
    """Rows that name no image of the split, or several."""
    unmatched_samples: int
    """Samples without a row, and photos in which no face was found."""


@dataclass(frozen=True)
class Audit:
    """What `audit` measured, with all that is needed to repeat or to question it."""

    evaluation: Evaluation
    """Scores of the clean images, all of the split."""
    confidence: float
    """Mean probability of the answers to all clean images."""
    clean: SubsetScores
    """Scores of the clean images that were then corrupted: what `Strength.drop` is relative to."""
    corrupted: float | None
    """The mean accuracy over all corruptions and strengths; None where there were none."""
    corruptions: dict[str, tuple[Strength, ...]]
    strata: dict[str, tuple[Stratum, ...]]
    """The clean images by quintiles of each measured property, lowest first."""
    groups: Subgroups | None
    seed: int
    command: str
    date: str
    """When, ISO 8601 in UTC."""
    prior: str | None = None
    """The prior that was asked for; None: that of the model's file."""


@dataclass(frozen=True)
class Examples:
    """The few faces that the page shows: the first of each of the most frequent classes."""

    rows: NDArray[np.int64]
    """Which samples they are."""
    clean: Pixels
    corrupted: dict[str, list[Pixels]]
    """By corruption: the same faces at strength 1 to 5."""


def audit(model: str | Path, spec: DataSpec, options: AuditOptions = AuditOptions()) -> tuple[Audit, Examples]:
    """Score a model on clean images, on corrupted ones, by what is measured in them and by the columns of a table.

    Args:
        model: `default`, a run folder, or an .onnx file.
        spec: the data. With a detector the faces are found in the clean photos; their crops are then corrupted.
        options: what is measured.

    Raises:
        InputError: as `load` and `Predictions.scored` have them, no such prior, or a table that does not fit.

    Example:
        >>> found, examples = audit("default", DataSpec(Path("fer2013")), AuditOptions(limit=300))  # doctest: +SKIP
        >>> found.corruptions["noise"][0].scores.accuracy  # doctest: +SKIP
    """
    table = subgroups.read(options.groups) if options.groups else None
    session, samples, data = load(model, spec, prior=options.prior)
    predictions = predict(session, samples, data, tta=options.tta)
    score = partial(Predictions.scored, output=spec.output, tta=options.tta, merge=spec.merge)
    scored = score(predictions)
    groups = _groups(scored, table, options.seed) if table else None
    sample = draw(scored.truth, options.limit, options.seed)
    rows, clean = scored.rows[sample], subset_scores(scored, sample)
    faces = rows[_first_of_each(scored.truth[sample])]
    corruptions: dict[str, tuple[Strength, ...]] = {}
    examples = Examples(faces, samples.images[faces], {})
    for one, strength, logits, shown in _corrupted(session, samples, rows, faces, options):
        scores = subset_scores(score(replace(predictions[rows], logits=logits)))
        drop = 1 - scores.accuracy / clean.accuracy if clean.accuracy else None
        at = Strength(strength, one.describe(strength), scores, drop)
        corruptions[one.name] = (*corruptions.get(one.name, ()), at)
        examples.corrupted.setdefault(one.name, []).append(shown)
    accuracies = [at.scores.accuracy for strengths in corruptions.values() for at in strengths]
    found = Audit(
        evaluation=evaluate(predictions, output=spec.output, tta=options.tta, merge=spec.merge),
        confidence=subset_scores(scored).confidence,
        clean=clean,
        corrupted=float(np.mean(accuracies)) if accuracies else None,
        corruptions=corruptions,
        strata=_strata(scored, samples),
        groups=groups,
        seed=options.seed,
        command=_command(model, spec, options),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        prior=options.prior,
    )
    return found, examples


def read(path: Path) -> Audit:
    """Return an audit that `mien audit` wrote. InputError where the file is none."""
    return records.read(path, Audit, what="an audit that mien audit wrote")


def draw(truth: NDArray[np.int64], limit: int | None, seed: int) -> NDArray[np.int64]:
    """Return ascending indices into `truth`, at most `limit`: each class in its share, as near as can be."""
    n = len(truth)
    if limit is None or limit >= n:
        return np.arange(n)
    order = np.random.default_rng(seed).permutation(n)
    quantile = np.empty(n)
    for label in np.unique(truth):
        rows = order[truth[order] == label]
        quantile[rows] = (np.arange(len(rows)) + 0.5) / len(rows)  # the image's rank within its own class
    return np.sort(order[np.argsort(quantile[order], kind="stable")[:limit]])


def _first_of_each(truth: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the ascending indices of the first image of each of the most frequent classes."""
    frequent = np.argsort(-np.bincount(truth), kind="stable")[:FACES]
    return np.sort([np.argmax(truth == label) for label in frequent if (truth == label).any()])


def _corrupted(
    session: Session, samples: Samples, rows: NDArray[np.int64], faces: NDArray[np.int64], options: AuditOptions
) -> Iterator[tuple[Corruption, int, dict[str, NDArray[np.float32]], Pixels]]:
    """Yield, for each corruption and strength, the logits of the images at `rows` and the images at `faces`."""

    def blocks(name: str, strength: int, shown: list[Pixels]) -> Iterator[Pixels]:
        rng = generator(options.seed, name)
        for block in _blocks(rows):
            worse = corrupt(np.asarray(samples.images[block]), name, strength, rng)
            shown.append(worse[np.isin(block, faces)])
            yield worse

    steps = list(product(options.chosen, STRENGTHS))
    for corruption, strength in track(steps, "scoring corrupted images", len(steps)):
        shown: list[Pixels] = []
        logits = predict_logits(session, blocks(corruption.name, strength, shown), tta=options.tta)
        yield corruption, strength, logits, np.concatenate(shown)


def _blocks(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    return [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]


def _strata(scored: Scored, samples: Samples) -> dict[str, tuple[Stratum, ...]]:
    measured = {
        name: np.concatenate([measure(np.asarray(samples.images[block])) for block in _blocks(scored.rows)])
        for name, measure in PROPERTIES.items()
    }
    if samples.sides is not None and (sides := samples.sides[scored.rows]).min() > 0:  # faces were looked for
        measured["size"] = sides
    return {
        name: tuple(Stratum(span, subset_scores(scored, members == index)) for index, span in enumerate(ranges))
        for name, (ranges, members) in ((name, quintiles(values)) for name, values in measured.items())
    }


def _brightness(crops: Pixels) -> NDArray[np.float64]:
    return np.array([to_channels(crop, 1).mean() for crop in crops])


PROPERTIES: dict[str, Callable[[Pixels], NDArray[Any]]] = {
    "brightness": _brightness,
    "contrast": rms_contrast,
    "sharpness": sharpness,
}
"""What is measured in each clean image, [n] for crops [n, h, w] or [n, h, w, 3]."""


def _groups(scored: Scored, table: GroupTable, seed: int) -> Subgroups:
    rows = subgroups.match(table, [*scored.ids.tolist(), *scored.missed])
    return Subgroups(
        path=table.path,
        columns=tuple(
            subgroups.column(name, [values[row] if row >= 0 else "" for row in rows.tolist()], scored, seed=seed)
            for name, values in table.columns.items()
        ),
        unmatched_rows=len(table.ids) - int((rows >= 0).sum()),
        unmatched_samples=int((rows < 0).sum()),
    )


def _command(model: str | Path, spec: DataSpec, options: AuditOptions) -> str:
    """Return the command line that repeats the audit."""
    chosen = ",".join(one.name for one in options.chosen) or "none"
    options = replace(options, corruptions="all" if len(options.chosen) == len(CORRUPTIONS) else chosen)
    given = [
        (field.name, getattr(record, field.name))
        for record in (spec, options)
        for field in fields(record)
        if field.name != "path" and getattr(record, field.name) != field.default
    ]
    words = [word for name, value in given for word in (f"--{name}", str(value))]
    return shlex.join(["mien", "audit", str(model), "--data", str(spec.path), *words])
