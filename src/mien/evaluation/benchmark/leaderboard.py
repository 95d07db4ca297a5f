"""Results of `mien benchmark` in one table: only those of one protocol, one split and the same faces."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mien.core.errors import InputError
from mien.evaluation.benchmark.resampling import differ
from mien.evaluation.benchmark.result import PairedTest, Result, Summary
from mien.evaluation.metrics import METRICS
from mien.evaluation.predictions import TRAINED_ON, VIEWS
from mien.evaluation.statistics import holm
from mien.models.session import Tta

Table = tuple[list[str], list[list[str]]]  # head and rows


@dataclass(frozen=True)
class LeaderboardRow:
    """One view of a result."""

    name: str
    n: int
    summary: Summary
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
    """Scored faces in its training data, the same or nearly so; None where nobody knows."""
    accuracy_of_unseen: float | None
    """Single view; None where there are none, or nobody knows."""

    @property
    def accuracy(self) -> float:
        """Mean over the seeds."""
        return self.summary.metrics["accuracy"].mean


def conditions(result: Result) -> dict[str, object]:
    """Return what must be equal for two results to be comparable."""
    return {
        "protocol": f"{result.protocol.id} {result.hash}",
        "split": result.split,
        "data fingerprint": result.data.fingerprint,
        "n": result.data.n,
    }


def check_comparable(results: Sequence[Result]) -> None:
    """Raise InputError unless the results are of one protocol, split and the same faces."""
    first, *others = results
    reference = conditions(first)
    for other in others:
        found = conditions(other)
        if wrong := [
            f"{what} ({value} and {found[what]})" for what, value in reference.items() if found[what] != value
        ]:
            raise InputError(f"{first.name} and {other.name} cannot be compared; these differ: {'; '.join(wrong)}")


def leaderboard(results: Sequence[Result], view: Tta) -> list[LeaderboardRow]:
    """Return a row for each result, the most accurate first. InputError where they are not comparable."""
    if not results:
        raise InputError("nothing to compare; name the result files")
    check_comparable(results)
    for result in results:
        if view not in result.summary:
            raise InputError(f"{result.name}: has no view {view!r}, only {', '.join(result.summary)}")
    return sorted((leaderboard_row(result, view) for result in results), key=lambda row: -row.accuracy)


def leaderboard_row(result: Result, view: Tta) -> LeaderboardRow:
    """Return one view of a result."""
    first, known = result.models[0], [model.seen_in_training for model in result.models if model.seen_in_training]
    unseen = [found.accuracy_of_unseen for found in known if found.accuracy_of_unseen is not None]
    return LeaderboardRow(
        name=result.name,
        n=result.data.n,
        summary=result.summary[view],
        parameters=first.cost.parameters,
        macs=first.cost.macs,
        bytes=first.model.bytes,
        ms=result.speed.latency[0].median if result.speed else None,
        device=result.device,
        date=result.date,
        trained_on=any(model.trained_on for model in result.models),
        seen=max((found.seen for found in known), default=None),
        accuracy_of_unseen=float(np.mean(unseen)) if unseen else None,
    )


def paired_tests(results: Sequence[Result], view: Tta) -> list[PairedTest]:
    """Return the tests of all pairs, face for face, the smallest p first.

    Raises:
        InputError: the results are not comparable.
        MissingExtra: no SciPy.
    """
    check_comparable(results)
    right = [result.correct(view) for result in results]
    pairs = list(combinations(range(len(results)), 2))
    found = [differ(right[a], right[b]) for a, b in pairs]
    adjusted = holm([difference.p for difference in found])
    tests = [
        PairedTest(**vars(difference), first=results[a].name, second=results[b].name, p_holm=p)
        for (a, b), difference, p in zip(pairs, found, adjusted, strict=True)
    ]
    return sorted(tests, key=lambda test: (test.p_holm, test.p))


def score_table(rows: Sequence[LeaderboardRow]) -> Table:
    """Return the table of the scores: every metric, with its value before calibration where that is its point."""
    return _table(rows, _scores)


def cost_table(rows: Sequence[LeaderboardRow]) -> Table:
    """Return the table of what the models cost."""
    return _table(rows, _costs)


def _table(rows: Sequence[LeaderboardRow], cells: Callable[[LeaderboardRow], dict[str, str]]) -> Table:
    """Return head and rows of texts; columns that are empty throughout are left out."""
    found = [cells(row) for row in rows]
    head = [name for name in found[0] if any(row[name] for row in found)]
    return head, [[row[name] for name in head] for row in found]


def _scores(row: LeaderboardRow) -> dict[str, str]:
    summary, cells = row.summary, {"model": row.name, "seeds": str(row.summary.seeds)}
    for name, metric in METRICS.items():
        found = summary.metrics.get(name)
        cells[metric.title] = metric.text(found.mean) if found else ""
        if name == "accuracy":
            cells["sd"] = metric.text(found.sd) if found and found.sd is not None else ""
            cells["95 % interval"] = "-".join(map(metric.text, summary.interval))
        if metric.of_calibration:
            cells[f"{metric.title} before"] = (
                metric.text(summary.uncalibrated[name]) if name in summary.uncalibrated else ""
            )
    return cells


def _costs(row: LeaderboardRow) -> dict[str, str]:
    return {
        "model": row.name,
        "parameters": "" if row.parameters is None else f"{row.parameters:,}",
        "million MAC": "" if row.macs is None else f"{row.macs / 1e6:,.1f}",
        "MB": f"{row.bytes / 1e6:.2f}",
        "ms per face": "" if row.ms is None else f"{row.ms:.2f}",
    }


def paired_test_table(tests: Sequence[PairedTest]) -> Table:
    """Return the table of paired tests."""
    head = ["first", "second", "difference", "95 % interval", "only first right", "only second right", "p", "p, Holm"]
    return head, [
        [
            test.first,
            test.second,
            f"{test.difference:+.4f}",
            f"{test.interval[0]:+.4f} to {test.interval[1]:+.4f}",
            f"{test.only_first:,}",
            f"{test.only_second:,}",
            p_text(test.p),
            p_text(test.p_holm),
        ]
        for test in tests
    ]


def p_text(p: float) -> str:
    """Return a p-value as it is printed; how far it is below one in a million says nothing more."""
    return f"{p:.2g}" if p >= 1e-6 else "< 1e-6"


def title(results: Sequence[Result], view: Tta) -> str:
    """Return what the results are of, in a line."""
    first = results[0]
    final = ", final" if first.final else ""
    return f"{first.protocol.id} ({first.hash}), {first.split}{final}, {VIEWS[view]}, n = {first.data.n:,}"


def cautions(rows: Sequence[LeaderboardRow]) -> list[str]:
    """Return what the table does not show: faces that were seen in training, devices that differ."""
    found = []
    for row in rows:
        if row.trained_on:
            found.append(f"{row.name}: {TRAINED_ON}")
        elif row.seen is None:
            found.append(
                f"{row.name}: whether it was trained on some of these faces is not known; --training-sets looks"
            )
        elif row.seen:
            unseen = row.accuracy_of_unseen
            found.append(
                f"{row.name}: {row.seen:,} of the {row.n:,} faces are in its training data, the same or nearly so"
                + ("" if unseen is None else f"; accuracy on the others, single view: {unseen:.4f}")
            )
    if len({row.device for row in rows if row.ms is not None}) > 1:
        found.append("the milliseconds were measured on different devices and cannot be compared")
    return found
