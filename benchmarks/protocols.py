"""docs/benchmark.md, written from the results of `mien benchmark` in docs/benchmark/.

    python benchmarks/protocols.py

A result gets there with the command that its row names, and `--out docs/benchmark`. Results of a protocol that has
changed since are refused; measure them again.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mien.core.errors import InputError
from mien.core.files import replacing
from mien.core.tables import markdown_table
from mien.evaluation.benchmark import PROTOCOLS, Protocol, Result, load
from mien.evaluation.benchmark.leaderboard import (
    cautions,
    cost_table,
    leaderboard,
    leaderboard_row,
    paired_test_table,
    paired_tests,
    score_table,
)

DOCS = Path(__file__).parents[1] / "docs"
HEAD = """# Benchmark

Written by `benchmarks/protocols.py` from the results in `docs/benchmark/`; do not edit.
[benchmark-protocols.md](benchmark-protocols.md) says what the protocols are and what each figure means.

Accuracy is of the split that choices are made on, so it is a little too good. The column `final` is the split that is
scored once; it is empty where this copy of the data lacks it (FER2013's PrivateTest) or the dataset has none. Of
several seeds: means, and the standard deviation of the accuracy (`sd`). `ECE before`: uncalibrated. `ms per face`:
median for one face a call, one core, while other work ran on the other one; `load` below says how busy the machine was.
`seen`: the share of the scored faces that are in the model's training data, the same or nearly so; `?` where nobody
looked. Figures of faces that were seen in training say nothing of others.
"""


def section(protocol: Protocol, results: Sequence[Result]) -> str:
    """Return the section of one protocol."""
    chosen = [result for result in results if not result.final]
    finals = {result.name: leaderboard_row(result, "none") for result in results if result.final}
    if not chosen:
        return ""
    rows = leaderboard(chosen, "none")
    order = [row.name for row in rows]
    chosen.sort(key=lambda result: order.index(result.name))  # the better one first, in the tests too
    mirrored = {row.name: row for row in leaderboard(chosen, "flip")}
    more = []
    for row in rows:
        final = finals.get(row.name)
        more.append(
            [
                f"{mirrored[row.name].accuracy:.4f}",
                ""
                if final is None
                else f"{final.accuracy:.4f} ({'-'.join(f'{end:.4f}' for end in final.summary.interval)})",
                "?" if row.seen is None else f"{100 * row.seen / row.n:.1f} %",
            ]
        )
    (scores, values), (costs, cells) = score_table(rows), cost_table(rows)
    head = [*scores, "accuracy, mirrored too", "final", "seen", *costs[1:]]
    body = [[*value, *others, *cost[1:]] for value, others, cost in zip(values, more, cells, strict=True)]
    data = chosen[0].data
    parts = [
        f"## {protocol.id}\n\n`{protocol.hash}`: {protocol.title}. Scored: {chosen[0].split}, n = {data.n:,}, "
        f"data `{data.fingerprint}`. Published: {protocol.published}.\n",
        markdown_table(head, body, right=True) + "\n",
    ]
    if len(chosen) > 1:
        tests = markdown_table(*paired_test_table(paired_tests(chosen, "none")), right=True)
        parts.append(
            f"On the same faces, single view; of several seeds the mean difference and the largest p:\n\n{tests}\n"
        )
    parts += [f"- {caution}" for caution in cautions(rows)]
    parts += [described(result) for result in chosen]
    return "\n".join(parts) + "\n"


def described(result: Result) -> str:
    """Return how a result was made: commands, device, date."""
    found = f"- {result.name}: `{result.command}`, {result.date[:10]}, {result.device}"
    if result.speed:
        found += f", load {result.speed.load:.1f} on {result.speed.cores} cores"
    for model in result.models:
        if command := model.training.get("command"):
            found += f"; {model.model.file} by `{command}` on {model.training.get('device', 'an unknown device')}"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    results = []
    for path in sorted((DOCS / "benchmark").glob("*.json")):
        result = load(path)
        protocol = PROTOCOLS.get(result.protocol.id)
        if protocol is None or protocol.hash != result.hash:
            raise InputError(f"{path}: of a protocol that has changed since; measure it again")
        results.append(result)
    sections = [
        section(protocol, [result for result in results if result.protocol.id == name])
        for name, protocol in PROTOCOLS.items()
    ]
    with replacing(DOCS / "benchmark.md") as part:
        part.write_text("\n".join([HEAD, *filter(None, sections)]), encoding="utf-8")
    print(f"wrote {DOCS / 'benchmark.md'} of {len(results)} results")


if __name__ == "__main__":
    main()
