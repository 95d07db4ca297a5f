"""The comparison of benchmark results as one page: accuracy against milliseconds and size, the tables, the tests."""

from collections.abc import Sequence
from pathlib import Path

from mien.core.files import write_text
from mien.core.html import render
from mien.evaluation.benchmark.leaderboard import LeaderboardRow, cautions, cost_table, paired_test_table, score_table
from mien.evaluation.benchmark.resampling import PairedTest
from mien.evaluation.charts import Dot, scatter


def save_page(path: Path, title: str, rows: Sequence[LeaderboardRow], tests: Sequence[PairedTest]) -> None:
    """Write the page, of what `leaderboard` and `paired_tests` return. InputError where it cannot be written."""
    by_time = [Dot(row.name, row.ms, row.accuracy, *row.summary.interval) for row in rows if row.ms]
    by_size = [Dot(row.name, row.bytes / 1e6, row.accuracy, *row.summary.interval) for row in rows]
    charts = (
        scatter("accuracy", by_time, across="ms per face", percent=True),
        scatter("accuracy", by_size, across="MB of the file", percent=True),
    )
    text = render(
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
    write_text(path, text)
