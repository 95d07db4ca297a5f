"""The comparison of benchmark results as one page: accuracy against milliseconds and size, the tables, the tests."""

from collections.abc import Sequence
from pathlib import Path

from mien.core.files import replacing
from mien.core.html import render
from mien.evaluation.benchmark.leaderboard import LeaderboardRow, cautions, cost_table, paired_test_table, score_table
from mien.evaluation.benchmark.result import PairedTest
from mien.evaluation.charts import Dot, scatter


def page(title: str, rows: Sequence[LeaderboardRow], tests: Sequence[PairedTest]) -> str:
    """Return the HTML page; `rows` and `tests` as `leaderboard` and `paired_tests` return them."""
    charts = (
        scatter("accuracy", [_dot(row, row.ms) for row in rows if row.ms], across="ms per face", percent=True),
        scatter("accuracy", [_dot(row, row.bytes / 1e6) for row in rows], across="MB of the file", percent=True),
    )
    return render(
        "mien.evaluation.benchmark/comparison.html",
        title=title,
        author="mien compare",
        charts=[chart for chart in charts if chart],
        devices=list(dict.fromkeys(row.device for row in rows)),
        cautions=cautions(rows),
        scores=score_table(rows),
        costs=cost_table(rows),
        tests=paired_test_table(tests),
    )


def save_page(path: Path, title: str, rows: Sequence[LeaderboardRow], tests: Sequence[PairedTest]) -> None:
    """Write the page. InputError where it cannot be written."""
    with replacing(path) as part:
        part.write_text(page(title, rows, tests), encoding="utf-8")


def _dot(row: LeaderboardRow, x: float) -> Dot:
    return Dot(row.name, x, row.accuracy, *row.summary.interval)
