"""Benchmark results and comparisons as tables for the terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.text import Text

from mien.core.tables import TerminalTable, terminal_table
from mien.evaluation.benchmark import leaderboard
from mien.evaluation.benchmark.leaderboard import LeaderboardRow, leaderboard_row
from mien.evaluation.benchmark.protocols import PROTOCOLS
from mien.evaluation.benchmark.resampling import PairedTest
from mien.evaluation.benchmark.result import Result
from mien.evaluation.benchmark.votes import VotesResult
from mien.evaluation.metrics import METRICS
from mien.evaluation.predictions import VIEWS


def protocol_table() -> TerminalTable:
    """Return the table of all protocols."""
    rows = [
        [name, one.hash, one.choose, one.final or "none", str(len(one.classes)), one.title]
        for name, one in PROTOCOLS.items()
    ]
    return terminal_table(["protocol", "hash", "choose", "final", "n classes", "what"], rows)


def result_tables(result: Result) -> RenderableType:
    """Return one result: scores by view, cost, agreement with the FER+ votes, the difference to another model."""
    rows = [leaderboard_row(result, view) for view in result.summary]
    header, cells = leaderboard.score_table(rows)
    views = [[VIEWS[view], *row[1:]] for view, row in zip(result.summary, cells, strict=True)]
    parts: list[RenderableType] = [Text(f"{result.name}: {leaderboard.title([result], 'none')}")]
    if left := result.data.duplicates:
        parts.append(Text(f"left out: {left:,} faces that training has too"))
    parts.append(terminal_table(["view", *header[1:]], views))
    parts.append(terminal_table(*leaderboard.cost_table(rows[:1])))
    if votes := result.models[0].votes:
        parts += _votes(votes)
    for view, test in result.against.views.items() if result.against else ():
        change = "{:+.4f} ({:+.4f} to {:+.4f})".format(test.difference, *test.interval)
        p = leaderboard.p_text(test.p)
        parts.append(Text(f"against {test.second}, {VIEWS[view]}: {change}, McNemar p {p}"))
    return Group(*parts)


def _votes(votes: VotesResult) -> list[RenderableType]:
    """Return how a model and a single annotator agree with the FER+ votes."""
    shown = [
        f"{METRICS[name].title} {METRICS[name].text(votes.metrics[name])}, of one annotator {METRICS[name].text(value)}"
        for name, value in vars(votes.annotator).items()
        if name in votes.metrics
    ]
    rows = [
        [
            f"to {100 * level.up_to:.0f} %",
            f"{level.n:,}",
            *("" if share is None else f"{share:.4f}" for share in (level.accuracy, level.annotator)),
        ]
        for level in votes.levels
    ]
    text = Text(f"FER+ votes (output {votes.output}, n = {votes.n:,}): {'; '.join(shown)}")
    return [text, terminal_table(["annotators who agree", "n", "accuracy", "one annotator"], rows)]


def comparison(name: str, rows: Sequence[LeaderboardRow], tests: Sequence[PairedTest]) -> RenderableType:
    """Return results in one table, what they cost, and the tests of all pairs."""
    tables = [leaderboard.score_table(rows), leaderboard.cost_table(rows)]
    parts = [terminal_table(*table) for table in tables]
    if tests:
        parts.append(terminal_table(*leaderboard.paired_test_table(tests), left=2))
    return Group(Text(name), *parts)
