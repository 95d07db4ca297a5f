"""The table over runs: only figures measured on the same test data are put into one table."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mien.core.errors import InputError, differences
from mien.datasets import split_name
from mien.evaluation.evaluation import Evaluation, read
from mien.evaluation.predictions import VIEWS
from mien.models.session import Tta
from mien.recipes import read_run


@dataclass(frozen=True)
class Conditions:
    """Which evaluation of a run folder is meant."""

    split: str = "validation"
    tta: Tta = "none"
    targets: str = "label"
    """Which labels the data were read with."""
    output: str | None = None
    """The output that `mien evaluate` was asked for, if it was."""
    detector: str | None = None
    """The one that found the faces, where the data were photos."""

    @classmethod
    def of(cls, evaluation: Evaluation) -> "Conditions":
        """Return those of an evaluation."""
        data = evaluation.data
        return cls(data.split, evaluation.tta, data.targets, evaluation.asked_output, data.detector)

    @property
    def file(self) -> str:
        """The name of the file in a run folder that holds such an evaluation."""
        by = "" if self.targets == "label" else f"by-{self.targets}"
        parts = ["evaluation", split_name(self.split), self.tta, by, self.output, self.detector]
        return "-".join(filter(None, parts)) + ".json"

    def lacking(self, run: Path) -> str:
        """Return that a run folder has no such evaluation and how to make it; "" where it has, or is no folder."""
        if not run.is_dir() or (run / self.file).is_file():
            return ""
        split = split_name(self.split)
        given = {name: value for name, value in vars(self).items() if value != getattr(Conditions, name)}
        options = "".join(f" --{name} {value}" for name, value in given.items() if name != "split")
        what = ", ".join([split, VIEWS[self.tta], *(given[name] for name in given if name not in ("split", "tta"))])
        return (
            f"{run}: no evaluation of {what}; make one with: mien evaluate {run} --data PATH --split {split}{options}"
        )


@dataclass(frozen=True)
class ComparisonRow:
    """One run's evaluation."""

    name: str
    """The run folder or evaluation file, as given."""
    evaluation: Evaluation
    parameters: int | None
    """How many the network has, where the run's recipe.json says so."""


def compare(runs: Sequence[str | Path], wanted: Conditions = Conditions()) -> list[ComparisonRow]:
    """Return one row for each run, the most accurate first.

    Args:
        runs: run folders, of which the evaluation `wanted` is read, or the paths of evaluation files.
        wanted: which evaluation.

    Raises:
        InputError: a run has no such evaluation or its model has changed since, or the test data differ.
    """
    if not runs:
        raise InputError("nothing to compare; name the run folders")
    for run in runs:
        if why := wanted.lacking(Path(run)):
            raise InputError(why)
    rows = [_row(Path(run), str(run), wanted.file) for run in runs]
    for row in rows[1:]:
        if wrong := differences(_fixed(rows[0].evaluation), _fixed(row.evaluation)):
            both = f"{rows[0].name} and {row.name}"
            raise InputError(f"{both} were measured on different test data; these differ: {wrong}")
    return sorted(rows, key=lambda row: -row.evaluation.scores.accuracy)


def _row(path: Path, name: str, file: str) -> ComparisonRow:
    evaluation = read(path / file if path.is_dir() else path)
    model = path / "model.onnx"
    if model.is_file() and hashlib.sha256(model.read_bytes()).hexdigest() != evaluation.model.sha256:
        raise InputError(f"{path}: model.onnx has changed since {file} was written; run mien evaluate again")
    run = read_run(path) if (path / "recipe.json").is_file() else None
    return ComparisonRow(name, evaluation, run.parameters if run else None)


def _fixed(evaluation: Evaluation) -> dict[str, object]:
    """Return what must be equal for two evaluations to be comparable."""
    data = evaluation.data
    return {
        "data fingerprint": data.fingerprint,
        "split": data.split,
        "targets": data.targets,
        "tta": evaluation.tta,
        "classes": ", ".join(sorted(evaluation.scores.classes)),
        "merge": evaluation.merge,
        "n": evaluation.scores.n,
    }
