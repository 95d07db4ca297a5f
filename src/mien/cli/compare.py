"""The verb `compare`."""

from pathlib import Path
from typing import Literal

from mien.core.errors import InputError
from mien.core.labels import Targets
from mien.core.streams import say, show, show_json, show_table


def compare(
    runs: list[str],
    /,
    *,
    split: str = "validation",
    tta: Literal["none", "flip"] = "none",
    targets: Targets = "label",
    output: Targets | None = None,
    detector: str | None = None,
    plot: Path | None = None,
    markdown: bool = False,
    json: bool = False,
) -> None:
    """Compare evaluations of runs, or benchmark results, in one table.

    Refuses scores that were measured on different data, targets or views, or by different protocols. Runs without such
    an evaluation are named on stderr. Results of mien benchmark are tested in pairs (McNemar, Holm).

    Examples:
        $ mien compare runs/*
        $ mien compare runs/first runs/second --split test --tta flip
        $ mien compare a/evaluation-test-none.json runs/b --split test --json
        $ mien compare benchmark/fer2013-*.json --plot accuracy.html

    Args:
        runs: Run folders or evaluation files; or result files of mien benchmark.
        split: Read the evaluations of this split.
        tta: Read the evaluations of this view: none or flip.
        targets: Read the evaluations by these labels.
        output: Read the evaluations of this output, where mien evaluate was given --output.
        detector: Read the evaluations of photos with this detector.
        plot: Draw benchmark results in an .html page: accuracy against ms per face and size.
        markdown: Print benchmark results as a Markdown table.
        json: Print JSON instead of a table: a list, or for benchmark results an object with their tests.
    """
    from mien.core import records
    from mien.evaluation.benchmark.result import is_result
    from mien.evaluation.comparison import Conditions, compare
    from mien.evaluation.terminal import comparison_table

    results = [run for run in runs if is_result(run)]
    if results and len(results) == len(runs):
        compare_results(runs, tta, json=json, markdown=markdown, plot=plot)
        return
    if results:
        other = next(run for run in runs if run not in results)
        raise InputError(f"{results[0]} is a result of mien benchmark and {other} is not; they cannot be compared")
    if plot or markdown:
        raise InputError("--plot and --markdown are for results of mien benchmark")
    wanted = Conditions(split, tta, targets, output, detector)
    reasons = {run: wanted.lacking(Path(run)) for run in runs}
    rows = compare([run for run in runs if not reasons[run]] or runs, wanted)
    for reason in filter(None, reasons.values()):
        say(reason)
    if json:
        show_json(records.dumps(rows))
    else:
        show_table(comparison_table(rows))


def compare_results(
    paths: list[str], view: Literal["none", "flip"], *, json: bool, markdown: bool, plot: Path | None
) -> None:
    """Compare results of `mien benchmark`; arguments as for `compare`."""
    from mien.core import records
    from mien.core.tables import markdown_table
    from mien.evaluation.benchmark import leaderboard, report, terminal
    from mien.evaluation.benchmark.result import load

    if plot and plot.suffix.lower() != ".html":
        raise InputError(f"--plot {plot}: expected a file that ends in .html")
    results = [load(path) for path in paths]
    rows, tests = leaderboard.leaderboard(results, view), leaderboard.paired_tests(results, view)
    title = leaderboard.title(results, view)
    if json:
        show_json(records.dumps({"of": title, "results": rows, "tests": tests}))
    elif markdown:
        show(markdown_table(*leaderboard.score_table(rows), right=True), end="\n\n")
        show(markdown_table(*leaderboard.cost_table(rows), right=True))
    else:
        show_table(terminal.comparison(title, rows, tests))
    for caution in leaderboard.cautions(rows):
        say(f"warning: {caution}")
    if plot:
        report.save_page(plot, title, rows, tests)
        say(f"wrote {plot}")
