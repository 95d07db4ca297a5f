"""Results of `mien benchmark` in one table: only those of one protocol, one split and the same faces."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from mien.core.errors import InputError, differences
from mien.core.tables import Table, table_of
from mien.evaluation.benchmark.resampling import PairedTest, paired_test
from mien.evaluation.benchmark.result import Result, Summary
from mien.evaluation.metrics import METRICS
from mien.evaluation.predictions import TRAINED_ON, VIEWS
from mien.evaluation.statistics import holm
from mien.models.session import Tta


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


def check_comparable(results: Sequence[Result]) -> None:
    """Raise InputError unless the results are of one protocol, split and the same faces."""
    first, *others = results
    for other in others:
        if wrong := differences(_conditions(first), _conditions(other)):
            raise InputError(f"{first.name} and {other.name} cannot be compared; these differ: {wrong}")


def _conditions(result: Result) -> dict[str, object]:
    return {
        "protocol": f"{result.protocol.id} {result.hash}",
        "split": result.split,
        "data fingerprint": result.data.fingerprint,
        "n": result.data.n,
    }


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
    pairs = [
        paired_test(first.correct(view), second.correct(view), (first.name, second.name))
        for first, second in combinations(results, 2)
    ]
    adjusted = holm([test.p for test in pairs])
    tests = [replace(test, p_holm=p) for test, p in zip(pairs, adjusted, strict=True)]
    return sorted(tests, key=lambda test: (test.p_holm, test.p))


def score_table(rows: Sequence[LeaderboardRow]) -> Table:
    """Return the table of the scores: every metric, with its value before calibration where that is its point."""
    return table_of([_scores(row) for row in rows])


def _scores(row: LeaderboardRow) -> dict[str, str]:
    summary, cells = row.summary, {"model": row.name, "seeds": str(row.summary.seeds)}
    for name, metric in METRICS.items():
        found, before = summary.metrics.get(name), summary.uncalibrated.get(name)
        cells[metric.title] = metric.text(found.mean) if found else ""
        if name == "accuracy":
            cells["sd"] = metric.text(found.sd) if found and found.sd is not None else ""
            cells["95 % interval"] = "-".join(map(metric.text, summary.interval))
        if metric.of_calibration:
            cells[f"{metric.title} before"] = "" if before is None else metric.text(before)
    return cells


def cost_table(rows: Sequence[LeaderboardRow]) -> Table:
    """Return the table of what the models cost."""
    return table_of(
        [
            {
                "model": row.name,
                "parameters": "" if row.parameters is None else f"{row.parameters:,}",
                "million MAC": "" if row.macs is None else f"{row.macs / 1e6:,.1f}",
                "MB": f"{row.bytes / 1e6:.2f}",
                "ms per face": "" if row.ms is None else f"{row.ms:.2f}",
            }
            for row in rows
        ]
    )


def paired_test_table(tests: Sequence[PairedTest]) -> Table:
    """Return the table of paired tests."""
    return table_of(
        [
            {
                "first": test.first,
                "second": test.second,
                "difference": f"{test.difference:+.4f}",
                "95 % interval": "{:+.4f} to {:+.4f}".format(*test.interval),
                "only first right": f"{test.only_first:,}",
                "only second right": f"{test.only_second:,}",
                "p": p_text(test.p),
                "p, Holm": p_text(test.p_holm),
            }
            for test in tests
        ]
    )


def p_text(p: float) -> str:
    """Return a p-value as it is printed; how far it is below one in a million says nothing more."""
    return f"{p:.2g}" if p >= 1e-6 else "< 1e-6"


def title(results: Sequence[Result], view: Tta) -> str:
    """Return what the results are of, in a line."""
    first = results[0]
    split = f"{first.split}, final" if first.final else first.split
    return f"{first.protocol.id} ({first.hash}), {split}, {VIEWS[view]}, n = {first.data.n:,}"


def cautions(rows: Sequence[LeaderboardRow]) -> list[str]:
    """Return what the table does not show: faces that were seen in training, devices that differ."""
    found = []
    for row in rows:
        if row.trained_on:
            found.append(f"{row.name}: {TRAINED_ON}")
        elif row.seen is None:
            found.append(
                f"{row.name}: whether it was trained on some of these faces is not known; --training-sets checks it"
            )
        elif row.seen:
            unseen = row.accuracy_of_unseen
            rest = "" if unseen is None else f"; accuracy on the others, single view: {unseen:.4f}"
            found.append(
                f"{row.name}: {row.seen:,} of the {row.n:,} faces are in its training data, the same or nearly so{rest}"
            )
    if len({row.device for row in rows if row.ms is not None}) > 1:
        found.append("the milliseconds were measured on different devices and cannot be compared")
    return found
