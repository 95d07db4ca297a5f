"""docs/benchmark.md, written from the results of `mien benchmark` in docs/benchmark/.

    python benchmarks/protocols.py

A result gets there with the command that its row names, and `--out docs/benchmark`. Results of a protocol that has
changed since are refused; measure them again.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mien.core.errors import InputError
from mien.core.files import replacing
from mien.evaluation.benchmark import leaderboard
from mien.evaluation.benchmark.protocols import PROTOCOLS, Protocol
from mien.evaluation.benchmark.report import TESTED, tested

DOCS = Path(__file__).parents[1] / "docs"
HEAD = """# Benchmark

Written by `benchmarks/protocols.py` from the results in `docs/benchmark/`; do not edit.
[benchmark-protocols.md](benchmark-protocols.md) says what the protocols are and what each figure means.

Accuracy is of the split that choices are made on, so a little too good; the column `final` is the split that is scored
once, and stays empty where this copy of the data lacks it (FER2013's PrivateTest) or the dataset has none. Of several
seeds: mean and standard deviation. `ms`: median for one face a call, one core, while other work ran on the other
one; `load` below says how busy the machine was. `learnt`: the share of the scored faces that stand, the same or nearly
so, in the model's training data; `?` where nobody looked. Figures of faces that were learnt say nothing of others.
"""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table without the columns that are empty in every row, but for `final`."""
    kept = [place for place, name in enumerate(head) if name == "final" or any(row[place] for row in rows)]
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line[place] for place in kept) + " |" for line in lines) + "\n"


def section(protocol: Protocol, results: Sequence[dict[str, Any]]) -> str:
    """Return the section of one protocol."""
    chosen = [result for result in results if not result["final"]]
    finals = {result["name"]: leaderboard.leaderboard_row(result, "none") for result in results if result["final"]}
    if not chosen:
        return ""
    lines = leaderboard.leaderboard(chosen, "none")
    order = [line.name for line in lines]
    chosen.sort(key=lambda result: order.index(result["name"]))  # the better one first, in the tests too
    mirrored = {line.name: line for line in leaderboard.leaderboard(chosen, "flip")}
    rows = []
    for line in lines:
        final = finals.get(line.name)
        rows.append(
            [
                line.name,
                str(line.seeds),
                f"{line.accuracy:.4f}" + ("" if line.sd is None else f" ± {line.sd:.4f}"),
                f"{line.interval[0]:.4f}-{line.interval[1]:.4f}",
                f"{mirrored[line.name].accuracy:.4f}",
                "" if final is None else f"{final.accuracy:.4f} ({final.interval[0]:.4f}-{final.interval[1]:.4f})",
                f"{line.macro_f1:.4f}",
                f"{line.balanced_accuracy:.4f}",
                f"{line.log_loss:.4f}",
                f"{line.ece_before:.4f}",
                f"{line.ece:.4f}",
                "" if line.kl is None else f"{line.kl:.4f}",
                "?" if line.seen is None else f"{100 * line.seen / line.n:.1f} %",
                "" if line.parameters is None else f"{line.parameters:,}",
                "" if line.macs is None else f"{line.macs / 1e6:,.1f}",
                f"{line.bytes / 1e6:.2f}",
                "" if line.ms is None else f"{line.ms:.2f}",
            ]
        )
    head = (
        "model", "seeds", "accuracy", "95 % interval", "mirrored too", "final", "macro-F1", "balanced", "log loss",
        "ECE before", "ECE", "KL", "learnt", "parameters", "MMAC", "MB", "ms",
    )  # fmt: skip
    data = chosen[0]["data"]
    parts = [
        f"## {protocol.id}\n\n`{protocol.hash}`: {protocol.title}. Scored: {chosen[0]['split']}, n = {data['n']:,}, "
        f"data `{data['fingerprint']}`. Published: {protocol.published}.\n",
        table(head, rows),
    ]
    if len(chosen) > 1:
        parts.append(
            "On the same faces, single view; of several seeds the mean difference and the largest p:\n\n"
            + table(TESTED, [tested(test) for test in leaderboard.tests(chosen, "none")])
        )
    parts += [f"- {caution}" for caution in leaderboard.cautions(lines)]
    parts += [described(result) for result in chosen]
    return "\n".join(parts) + "\n"


def described(result: dict[str, Any]) -> str:
    """Return how a result came about: commands, device, date."""
    found = f"- {result['name']}: `{result['command']}`, {result['date'][:10]}, {result['device']}"
    if result["ms"]:
        found += f", load {result['ms']['load']:.1f} on {result['ms']['cores']} cores"
    for model in result["models"]:
        if command := model["training"].get("command"):
            found += f"; {model['file']} by `{command}` on {model['training'].get('device', 'an unknown device')}"
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    results = []
    for path in sorted((DOCS / "benchmark").glob("*.json")):
        result = leaderboard.load(path)
        protocol = PROTOCOLS.get(result["protocol"]["id"])
        if protocol is None or protocol.hash != result["protocol"]["hash"]:
            raise InputError(f"{path}: of a protocol that has changed since; measure it again")
        results.append(result)
    sections = [
        section(protocol, [result for result in results if result["protocol"]["id"] == name])
        for name, protocol in PROTOCOLS.items()
    ]
    with replacing(DOCS / "benchmark.md") as part:
        part.write_text("\n".join([HEAD, *filter(None, sections)]), encoding="utf-8")
    print(f"wrote {DOCS / 'benchmark.md'} of {len(results)} results")


if __name__ == "__main__":
    main()
