"""Where a model fails: its accuracy on pictures made worse, on the worst of the pictures there are, and by groups.

One number over a whole split hides all three. docs/audit.md says what each figure means and what it does not.
"""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.core.console import COUNT, bar
from mien.core.errors import InputError
from mien.datasets import Samples
from mien.evaluation import subgroups as tables
from mien.evaluation.evaluation import Evaluation, evaluate
from mien.evaluation.robustness.corruptions import CORRUPTIONS, STRENGTHS, Corruption, choose, corrupt, generator
from mien.evaluation.subgroups import Column, SubsetScores, quintiles, subset_scores
from mien.faces.quality import contrast, sharpness
from mien.models.session import Session, Tta

BLOCK = 512  # pictures that are corrupted and scored at a time
FACES = 3  # shown of each corruption


@dataclass(frozen=True)
class Strength:
    """The scores at one strength of a corruption."""

    strength: int
    """1 to 5."""
    parameter: str
    """The physical parameter, in words."""
    scores: SubsetScores
    drop: float | None
    """The share of the clean pictures' accuracy that is lost; below 0 where it rises, None where there was none."""
    pictures: images.Pixels
    """What became of the few faces that `Audit.faces` names."""


@dataclass(frozen=True)
class Subgroups:
    """The user's table, as far as it fits the samples."""

    path: Path
    columns: tuple[Column, ...]
    unmatched_rows: int
    """Rows that name no picture of the split, or several."""
    unmatched_samples: int
    """Samples without a row, and photos in which no face was found."""


@dataclass(frozen=True)
class Audit:
    """What `audit` measured, with all that is needed to repeat or to doubt it."""

    evaluation: Evaluation
    """Of the clean pictures: all of the split."""
    clean: SubsetScores
    """Of the clean pictures among those that were then corrupted: what `Strength.drop` is relative to."""
    confidence: float
    """Mean probability of the answers to all clean pictures."""
    sample: NDArray[np.int64]
    """Which rows of `evaluation.samples` were corrupted, ascending."""
    faces: NDArray[np.int64]
    """Which of these rows are shown: the first of each of the most frequent classes."""
    corruptions: dict[str, tuple[Strength, ...]]
    strata: dict[str, tuple[tuple[str, SubsetScores], ...]]
    """The clean pictures by quintiles of what was measured in them: name -> (range, scores), lowest first."""
    groups: Subgroups | None
    seed: int
    command: str
    date: str
    """When, ISO 8601 in UTC."""

    @property
    def corrupted(self) -> float | None:
        """The mean accuracy over all corruptions and strengths; None where there were none."""
        found = [strength.scores.accuracy for strengths in self.corruptions.values() for strength in strengths]
        return float(np.mean(found)) if found else None

    def to_json(self) -> dict[str, Any]:
        """Return the figures and their circumstances as plain objects."""
        facts, scores = self.evaluation.to_json(), self.evaluation.scores
        return {
            "model": facts["model"],
            "data": facts["data"],
            "tta": facts["tta"],
            "mapping": facts["mapping"],
            "dropped": facts["dropped"],
            "classes": list(scores.classes),
            "n": scores.n,
            "accuracy": scores.accuracy,
            "interval": list(scores.interval),
            "balanced_accuracy": scores.balanced_accuracy,
            "confidence": self.confidence,
            "ece": scores.ece,
            "end_to_end": facts["end_to_end"],
            "clean": asdict(self.clean),
            "corrupted": self.corrupted,
            "corruptions": {
                name: [
                    {"strength": at.strength, "parameter": at.parameter, **asdict(at.scores), "drop": at.drop}
                    for at in strengths
                ]
                for name, strengths in self.corruptions.items()
            },
            "strata": {
                name: [{"range": span, **asdict(found)} for span, found in parts] for name, parts in self.strata.items()
            },
            "groups": {column.name: column.to_json() for column in self.groups.columns} if self.groups else {},
            "table": {
                "path": str(self.groups.path),
                "unmatched_rows": self.groups.unmatched_rows,
                "unmatched_samples": self.groups.unmatched_samples,
            }
            if self.groups
            else None,
            "seed": self.seed,
            "versions": facts["versions"],
            "command": self.command,
            "date": self.date,
        }


def audit(
    model: str | Path,
    data: str | Path,
    split: str = "validation",
    *,
    corruptions: Sequence[str] = tuple(CORRUPTIONS),
    limit: int | None = None,
    groups: Path | None = None,
    seed: int = 0,
    tta: Tta = "none",
    kind: str | None = None,
    targets: str = "label",
    classes: str | None = None,
    merge: str = "drop",
    holdout: float | None = None,
    exclude: Path | None = None,
    output: str | None = None,
    detector: str | None = None,
) -> Audit:
    """Score a model on clean pictures, on corrupted ones, by what is measured in them and by the columns of a table.

    Args:
        model, data, split, tta, kind, targets, classes, merge, holdout, exclude, output, detector: as `evaluate` has
            them. With a detector the faces are found in the clean photos; their crops are then corrupted.
        corruptions: names of `CORRUPTIONS`.
        limit: corrupt at most so many pictures, drawn with the classes in their shares; all other figures are of the
            whole split.
        groups: a CSV as `groups.read` takes it.
        seed: of the corruptions, the sample and the shuffles.

    Raises:
        InputError: as `evaluate`; an unknown corruption, a limit below 1, or a table that does not fit.
    """
    chosen = choose(corruptions)
    if limit is not None and limit < 1:
        raise InputError(f"limit {limit}: expected at least 1 picture")
    if seed < 0:
        raise InputError(f"seed {seed}: expected 0 or more")
    table = tables.read(Path(groups)) if groups else None
    found = evaluate(
        model, data, split, tta=tta, kind=kind, targets=targets, classes=classes, merge=merge,
        holdout=holdout, exclude=exclude, output=output, detector=detector,
    )  # fmt: skip
    session = Session(model, output=found.model.head)
    columns = _columns(found, table, seed) if table else None
    strata = _strata(found, found.samples.sides if detector else None)
    sample = _draw(found.samples, limit, seed)
    options = {
        "--split": (found.data.split, "validation"), "--tta": (tta, "none"), "--kind": (kind, None),
        "--targets": (targets, "label"), "--classes": (classes, None), "--merge": (merge, "drop"),
        "--holdout": (holdout, None), "--exclude": (exclude, None), "--output": (output, None),
        "--detector": (detector, None), "--groups": (groups, None), "--limit": (limit, None), "--seed": (seed, 0),
        "--corruptions": (",".join(one.name for one in chosen) or "none", ",".join(CORRUPTIONS)),
    }  # fmt: skip
    said = [text for option, (value, usual) in options.items() if value != usual for text in (option, str(value))]
    truth = found.samples.hard[sample]
    frequent = np.argsort(-np.bincount(truth), kind="stable")[:FACES]
    shown = np.sort([np.argmax(truth == label) for label in frequent if (truth == label).any()])
    clean = subset_scores(found.probabilities[sample], found.samples.labels[sample], found.samples.classes)
    return Audit(
        evaluation=found,
        clean=clean,
        confidence=float(found.probabilities.max(axis=1).mean(dtype=np.float64)),
        sample=sample,
        faces=sample[shown],
        corruptions=_corrupt(found, session, sample, shown, chosen, clean, seed),
        strata=strata,
        groups=columns,
        seed=seed,
        command=shlex.join(["mien", "audit", str(model), "--data", str(data), *said]),
        date=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _strata(found: Evaluation, sides: NDArray[np.int64] | None) -> dict[str, tuple[tuple[str, SubsetScores], ...]]:
    probabilities, samples = found.probabilities, found.samples
    measured: dict[str, NDArray[Any]] = {
        "brightness": np.array([images.to_channels(picture, 1).mean() for picture in samples.images]),
        "contrast": contrast(samples.images),
        "sharpness": sharpness(samples.images),
    }
    if sides is not None:
        measured["size"] = sides
    strata = {}
    for what, values in measured.items():
        ranges, places = quintiles(values)
        strata[what] = tuple(
            (span, subset_scores(probabilities[places == place], samples.labels[places == place], samples.classes))
            for place, span in enumerate(ranges)
        )
    return strata


def _columns(found: Evaluation, table: tables.GroupTable, seed: int) -> Subgroups:
    ids = [*found.samples.ids.tolist(), *found.missed]
    rows = tables.match(table, ids)
    return Subgroups(
        path=table.path,
        columns=tuple(
            tables.column(
                heading,
                [values[row] if row >= 0 else "" for row in rows.tolist()],
                found.probabilities,
                found.samples.labels,
                found.samples.classes,
                seed=seed,
            )
            for heading, values in table.columns.items()
        ),
        unmatched_rows=len(table.ids) - int((rows >= 0).sum()),
        unmatched_samples=int((rows < 0).sum()),
    )


def _draw(samples: Samples, limit: int | None, seed: int) -> NDArray[np.int64]:
    """Return ascending rows, at most `limit`: each class in its share, as near as whole pictures allow."""
    n, truth = len(samples), samples.hard
    if limit is None or limit >= n:
        return np.arange(n)
    order = np.random.default_rng(seed).permutation(n)
    place = np.empty(n)
    for label in np.unique(truth):
        rows = order[truth[order] == label]
        place[rows] = (np.arange(len(rows)) + 0.5) / len(rows)  # how far down its own class a picture stands
    return np.sort(order[np.argsort(place[order], kind="stable")[:limit]])


def _corrupt(
    found: Evaluation,
    session: Session,
    sample: NDArray[np.int64],
    shown: NDArray[np.int64],
    chosen: Sequence[Corruption],
    clean: SubsetScores,
    seed: int,
) -> dict[str, tuple[Strength, ...]]:
    samples, spoilt = found.samples, {}
    with bar(COUNT) as progress:
        task = progress.add_task("scoring corrupted pictures", total=len(sample) * len(chosen) * len(STRENGTHS))
        for corruption in chosen:
            progress.update(task, description=f"scoring corrupted pictures: {corruption.name}")
            strengths = []
            for strength in STRENGTHS:
                rng, answers, pictures = generator(seed, corruption.name), [], []
                for start in range(0, len(sample), BLOCK):
                    rows = sample[start : start + BLOCK]
                    worse = corrupt(samples.images[rows], corruption.name, strength, rng)
                    answers.append(found.alignment.fold(session.probabilities(worse, tta=found.tta)))
                    pictures.append(worse[shown[(shown >= start) & (shown < start + BLOCK)] - start])
                    progress.advance(task, len(rows))
                scores = subset_scores(np.concatenate(answers), samples.labels[sample], samples.classes)
                drop = 1 - scores.accuracy / clean.accuracy if clean.accuracy else None
                strengths.append(Strength(strength, corruption.told(strength), scores, drop, np.concatenate(pictures)))
            spoilt[corruption.name] = tuple(strengths)
    return spoilt
