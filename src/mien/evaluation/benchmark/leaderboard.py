"""Results of `mien benchmark` beside each other: only those of one protocol, one split and the same faces."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.evaluation.benchmark.resampling import Difference, differ, unpack
from mien.evaluation.statistics import holm
from mien.models.session import Tta

FORMAT = 1  # of the result file
Result = dict[str, Any]


@dataclass(frozen=True)
class LeaderboardRow:
    """One result's line: means over its seeds."""

    name: str
    seeds: int
    n: int
    accuracy: float
    sd: float | None
    """Of the accuracy over the seeds, None of a single one."""
    interval: tuple[float, float]
    """95 % bootstrap interval over the faces."""
    macro_f1: float
    balanced_accuracy: float
    log_loss: float
    ece: float
    """With the file's own calibration."""
    ece_before: float
    """Without it."""
    kl: float | None
    """To the FER+ votes, where these are the targets."""
    parameters: int | None
    macs: int | None
    bytes: int
    ms: float | None
    """Median per face, one face a call, one core."""
    device: str
    date: str
    trained_on: bool
    """The model was trained on these very faces."""
    seen: int | None
    """Scored faces that stand, the same or nearly so, in its training data; None where nobody looked."""
    accuracy_of_the_others: float | None
    """Single view, of the scored faces that do not; None where there are none, or nobody looked."""


@dataclass(frozen=True)
class PairedTest:
    """Two results on the same faces."""

    first: str
    second: str
    difference: Difference
    adjusted: float
    """The p of McNemar's test, by Holm's method for the number of pairs."""

    def to_json(self) -> dict[str, Any]:
        """Return it as plain objects."""
        return {"first": self.first, "second": self.second, **asdict(self.difference), "p_holm": self.adjusted}


def is_result(path: str | Path) -> bool:
    """Return whether there is a file that `mien benchmark` wrote."""
    try:
        return Path(path).is_file() and "protocol" in json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False


def load(path: str | Path) -> Result:
    """Read a result. InputError where it is none, or lacks something."""
    try:
        result: Result = json.loads(Path(path).read_text(encoding="utf-8"))
        if result["format"] != FORMAT:
            raise InputError(f"{path}: a result of another version of mien; measure it again")
        conditions(result)
        for view in result["summary"]:
            leaderboard_row(result, view)
            correct(result, view)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a result of mien benchmark") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        raise InputError(f"{path}: not a result that mien benchmark wrote") from None
    return result


def conditions(result: Result) -> dict[str, Any]:
    """Return what must be equal for two results to be comparable."""
    return {
        "protocol": f"{result['protocol']['id']} {result['protocol']['hash']}",
        "split": result["split"],
        "data fingerprint": result["data"]["fingerprint"],
        "n": result["data"]["n"],
    }


def same(results: Sequence[Result]) -> None:
    """Raise InputError unless the results are of one protocol, split and the same faces."""
    first, *others = results
    reference = conditions(first)
    for other in others:
        found = conditions(other)
        if wrong := [
            f"{what} ({value} and {found[what]})" for what, value in reference.items() if found[what] != value
        ]:
            raise InputError(
                f"{first['name']} and {other['name']} cannot be compared; these differ: {'; '.join(wrong)}"
            )


def leaderboard(results: Sequence[Result], view: Tta) -> list[LeaderboardRow]:
    """Return a line for each result, the most accurate first. InputError where they are not comparable."""
    if not results:
        raise InputError("nothing to compare; name the result files")
    same(results)
    for result in results:
        if view not in result["summary"]:
            raise InputError(f"{result['name']}: has no view {view!r}, only {', '.join(result['summary'])}")
    return sorted((leaderboard_row(result, view) for result in results), key=lambda line: -line.accuracy)


def leaderboard_row(result: Result, view: str) -> LeaderboardRow:
    """Return the line of one result."""
    mean, models, ms = result["summary"][view], result["models"], result["ms"]
    low, high = mean["accuracy"]["interval"]
    known = [model["learnt"] for model in models if model["learnt"]]
    others = [found["accuracy_of_the_others"] for found in known if found["others"]]
    return LeaderboardRow(
        name=str(result["name"]),
        seeds=int(mean["seeds"]),
        n=int(result["data"]["n"]),
        accuracy=float(mean["accuracy"]["mean"]),
        sd=mean["accuracy"]["sd"],
        interval=(float(low), float(high)),
        macro_f1=float(mean["macro_f1"]["mean"]),
        balanced_accuracy=float(mean["balanced_accuracy"]["mean"]),
        log_loss=float(mean["log_loss"]["mean"]),
        ece=float(mean["ece"]["mean"]),
        ece_before=float(np.mean([model["views"][view]["uncalibrated"]["ece"] for model in models])),
        kl=mean["kl"]["mean"] if "kl" in mean else None,
        parameters=models[0]["parameters"],
        macs=models[0]["macs"],
        bytes=int(models[0]["bytes"]),
        ms=float(ms["batch 1"]["median"]) if ms else None,
        device=str(result["device"]),
        date=str(result["date"]),
        trained_on=any(model["trained_on"] for model in models),
        seen=max(int(found["faces"]) for found in known) if known else None,
        accuracy_of_the_others=float(np.mean(others)) if others else None,
    )


def correct(result: Result, view: str) -> NDArray[np.bool_]:
    """Return who was right: bool [seeds, n]."""
    return np.array([unpack(model["views"][view]["correct"], result["data"]["n"]) for model in result["models"]])


def tests(results: Sequence[Result], view: Tta) -> list[PairedTest]:
    """Return the tests of all pairs, face for face, the clearest first. InputError where they are not comparable."""
    same(results)
    right = [correct(result, view) for result in results]
    pairs = list(combinations(range(len(results)), 2))
    found = [differ(right[a], right[b]) for a, b in pairs]
    adjusted = holm([difference.p for difference in found])
    lines = [
        PairedTest(str(results[a]["name"]), str(results[b]["name"]), difference, p)
        for (a, b), difference, p in zip(pairs, found, adjusted, strict=True)
    ]
    return sorted(lines, key=lambda test: (test.adjusted, test.difference.p))


def figures(lines: Sequence[LeaderboardRow]) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of the table of scores; columns that are empty throughout are left out."""
    head = (
        "model",
        "seeds",
        "accuracy",
        "sd",
        "95 % interval",
        "macro-F1",
        "balanced",
        "log loss",
        "ECE",
        "before",
        "KL",
    )
    rows = [
        [
            line.name,
            str(line.seeds),
            f"{line.accuracy:.4f}",
            "" if line.sd is None else f"{line.sd:.4f}",
            f"{line.interval[0]:.4f}-{line.interval[1]:.4f}",
            *(f"{value:.4f}" for value in (line.macro_f1, line.balanced_accuracy, line.log_loss, line.ece)),
            f"{line.ece_before:.4f}",
            "" if line.kl is None else f"{line.kl:.4f}",
        ]
        for line in lines
    ]
    return _filled(head, rows)


def costs(lines: Sequence[LeaderboardRow]) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of the table of what the models take, likewise."""
    rows = [
        [
            line.name,
            "" if line.parameters is None else f"{line.parameters:,}",
            "" if line.macs is None else f"{line.macs / 1e6:,.1f}",
            f"{line.bytes / 1e6:.2f}",
            "" if line.ms is None else f"{line.ms:.2f}",
        ]
        for line in lines
    ]
    return _filled(("model", "parameters", "million MAC", "MB", "ms per face"), rows)


def _filled(head: Sequence[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    kept = [place for place in range(len(head)) if any(row[place] for row in rows)]
    return [head[place] for place in kept], [[row[place] for place in kept] for row in rows]


def title(results: Sequence[Result], view: str) -> str:
    """Return what the results are of, in a line."""
    first = results[0]
    final = ", final" if first["final"] else ""
    seen = {"none": "single view", "flip": "mean with the mirror image"}[view]
    return (
        f"{first['protocol']['id']} ({first['protocol']['hash']}), {first['split']}{final}, {seen}, "
        f"n = {first['data']['n']:,}"
    )


def cautions(lines: Sequence[LeaderboardRow]) -> list[str]:
    """Return what the table does not show: faces that were learnt, devices that differ."""
    found = []
    for line in lines:
        if line.trained_on:
            found.append(f"{line.name}: trained on these very faces; the figures say nothing about others")
        elif line.seen is None:
            found.append(
                f"{line.name}: whether it was trained on some of these faces is not known (--learnt PATH looks)"
            )
        elif line.seen:
            others = line.accuracy_of_the_others
            found.append(
                f"{line.name}: {line.seen:,} of the {line.n:,} faces stand, or nearly so, in its training data"
                + ("" if others is None else f"; accuracy on the others, single view: {others:.4f}")
            )
    if len({line.device for line in lines if line.ms is not None}) > 1:
        found.append("the milliseconds are of different devices and cannot be compared")
    return found


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table as Markdown."""
    under = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, under, *rows)) + "\n"
