"""The table over runs: only figures measured on the same test data stand side by side."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.core.errors import InputError
from mien.datasets import split_name
from mien.evaluation.evaluation import VIEWS
from mien.models.session import Tta


@dataclass(frozen=True)
class ComparisonRow:
    """One run's figures, as its evaluation file has them."""

    name: str
    """The run folder or evaluation file, as given."""
    n: int
    accuracy: float
    interval: tuple[float, float]
    macro_f1: float
    balanced_accuracy: float
    log_loss: float
    ece: float
    split: str
    tta: str
    recipe: str
    parameters: int | None
    """Of the network, where the run's recipe.json tells."""
    bytes: int
    """Size of the .onnx file."""


def filename(what: str, split: str, tta: str | None, targets: str, *more: str | None) -> str:
    """Return the name of the file in a run folder that holds an evaluation or an audit."""
    by = None if targets == "label" else f"by-{targets}"
    return "-".join(filter(None, [what, split, tta, by, *more])) + ".json"


def compare(
    runs: Sequence[str | Path],
    *,
    split: str = "validation",
    tta: Tta = "none",
    targets: str = "label",
    output: str | None = None,
    detector: str | None = None,
) -> list[ComparisonRow]:
    """Return one row for each run, the most accurate first.

    Args:
        runs: run folders, of which the evaluation that the others name is read, or the paths of evaluation files.
        split: as `mien.datasets.read` has it.
        tta: none or flip.
        targets: which labels the data were read with.
        output: the output that `evaluate` was asked for, if it was.
        detector: the name of the one that found the faces, where the data were photos.

    Raises:
        InputError: a run has no such evaluation or its model has changed since, or the test data differ.
    """
    if not runs:
        raise InputError("nothing to compare; name the run folders")
    for run in runs:
        if why := lacks(run, split=split, tta=tta, targets=targets, output=output, detector=detector):
            raise InputError(why)
    file = filename("evaluation", split_name(split), tta, targets, output, detector)
    found = {str(run): _load(Path(run), file) for run in runs}
    (first, reference), *others = [(run, _conditions(evaluation)) for run, evaluation in found.items()]
    for run, conditions in others:
        if wrong := [
            f"{what} ({value} and {conditions[what]})" for what, value in reference.items() if conditions[what] != value
        ]:
            raise InputError(
                f"{first} and {run} were measured on different test data; these differ: {'; '.join(wrong)}"
            )
    return sorted((_row(run, evaluation) for run, evaluation in found.items()), key=lambda row: -row.accuracy)


def lacks(
    run: str | Path,
    *,
    split: str = "validation",
    tta: Tta = "none",
    targets: str = "label",
    output: str | None = None,
    detector: str | None = None,
) -> str:
    """Return that a run folder has no such evaluation and how to make it; "" where it has, or `run` is no folder."""
    path, split = Path(run), split_name(split)
    file = filename("evaluation", split, tta, targets, output, detector)
    if not path.is_dir() or (path / file).is_file():
        return ""
    asked = {"tta": tta if tta != "none" else None, "targets": targets if targets != "label" else None}
    options = asked | {"output": output, "detector": detector}
    command = f"mien evaluate {path} --data PATH --split {split}"
    command += "".join(f" --{option} {value}" for option, value in options.items() if value)
    what = ", ".join(filter(None, [split, VIEWS[tta], asked["targets"], output, detector]))
    return f"{path}: no evaluation of {what}; make one with: {command}"


def _load(path: Path, name: str) -> dict[str, Any]:
    is_run = path.is_dir()
    file = path / name if is_run else path
    try:
        evaluation: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        _conditions(evaluation)
        _row("", evaluation)
    except OSError as error:
        raise InputError(f"{file}: {error.strerror}; expected a run folder or an evaluation file") from None
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{file}: not an evaluation that mien evaluate wrote") from None
    if is_run and _changed(path / "model.onnx", evaluation["model"]["sha256"]):
        raise InputError(f"{path}: model.onnx has changed since {file.name} was written; run mien evaluate again")
    return evaluation | {"parameters": _parameters(path)}


def _changed(model: Path, digest: str) -> bool:
    return model.is_file() and hashlib.sha256(model.read_bytes()).hexdigest() != digest


def _conditions(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Return what must be equal for two evaluations to be comparable."""
    data = evaluation["data"]
    return {
        "data fingerprint": data["fingerprint"],
        "split": data["split"],
        "targets": data["targets"],
        "tta": evaluation["tta"],
        "classes": ", ".join(sorted(evaluation["classes"])),
        "merge": evaluation["merge"],
        "n": evaluation["n"],
    }


def _parameters(run: Path) -> int | None:
    try:
        return int(json.loads((run / "recipe.json").read_text(encoding="utf-8"))["parameters"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _row(name: str, evaluation: dict[str, Any]) -> ComparisonRow:
    low, high = evaluation["interval"]
    return ComparisonRow(
        name=name,
        n=int(evaluation["n"]),
        accuracy=float(evaluation["accuracy"]),
        interval=(float(low), float(high)),
        macro_f1=float(evaluation["macro_f1"]),
        balanced_accuracy=float(evaluation["balanced_accuracy"]),
        log_loss=float(evaluation["log_loss"]),
        ece=float(evaluation["ece"]),
        split=str(evaluation["data"]["split"]),
        tta=str(evaluation["tta"]),
        recipe=str(evaluation["model"]["recipe"]),
        parameters=evaluation.get("parameters"),
        bytes=int(evaluation["model"]["bytes"]),
    )
