"""The verb `benchmark`."""

import shlex
import sys
from pathlib import Path
from typing import Any

from mien.cli.parse import console
from mien.core.errors import InputError


def benchmark(
    protocol: str | None = None,
    /,
    *,
    data: Path | None = None,
    model: list[str] | None = None,
    final: bool = False,
    against: str | None = None,
    learnt: list[Path] | None = None,
    name: str | None = None,
    out: Path = Path("benchmark"),
    json: bool = False,
) -> None:
    """Score models by a fixed protocol, with intervals, seeds and costs.

    Scored is the protocol's choosing split. Its final split is scored with --final alone, once everything is chosen:
    finals.jsonl in the folder of the results counts how often that was done. Several models are seeds of one recipe;
    mean and spread are reported. The result goes to PROTOCOL-NAME.json, or PROTOCOL-NAME-final.json; mien compare
    sets results side by side.

    Examples:
        $ mien benchmark
        $ mien benchmark fer2013 --data fer2013 --model default
        $ mien benchmark fer2013-dedup --data fer2013 --model runs/a runs/b runs/c
        $ mien benchmark ferplus --data fer2013 --model my.onnx --against default
        $ mien benchmark fer2013 --data fer2013 --model default --final

    Args:
        protocol: Which; mien benchmark alone lists them.
        data: The dataset's folder or file.
        model: default or another bundled model, a run folder, or an .onnx file; several: seeds of one recipe.
        final: Score the final split, and count that.
        against: Another model, or a result file: test the difference on the same faces.
        learnt: Datasets the model was trained on, beside the one that its run names: scored faces that stand in their
            training parts are counted.
        name: What the result is called; the recipe's name, or else the file's.
        out: The folder of the results.
        json: Print one JSON object, or without a protocol a list of all of them.
    """
    from json import dumps

    from mien.core.files import check_folder
    from mien.evaluation.benchmark import leaderboard
    from mien.evaluation.benchmark import result as bench
    from mien.evaluation.benchmark.final_runs import counted
    from mien.evaluation.benchmark.protocols import PROTOCOLS, find
    from mien.evaluation.statistics import mcnemar

    if protocol is None:
        if data or model or final or against:
            raise InputError(f"which protocol? one of {', '.join(PROTOCOLS)}")
        if json:
            print(dumps([known.to_json() for known in PROTOCOLS.values()]))
        else:
            console().print(_listed())
        return
    chosen = find(protocol)
    if data is None or not model:
        raise InputError(f"mien benchmark {protocol} needs --data PATH and --model MODEL")
    if name is not None and not name.strip():
        raise InputError("--name is empty")
    check_folder(out)
    command = shlex.join(["mien", *sys.argv[1:]])
    options: dict[str, Any] = {"final": final, "folder": out, "learnt_from": learnt or [], "command": command}
    other = None
    if against:
        mcnemar(0, 1)  # without SciPy it is refused before anything is scored
    if against and leaderboard.is_result(against):
        other = leaderboard.load(against)
        if (other["protocol"]["hash"], other["final"]) != (chosen.hash, final):
            raise InputError(
                f"{against}: of {other['protocol']['id']} ({other['protocol']['hash']}), {other['split']}; expected "
                f"{chosen.id} ({chosen.hash}), {chosen.split(final=final)}"
            )
    elif against:
        bench.open_model(chosen, against)  # refused before anything is scored
    result = bench.benchmark(chosen, data, model, name=name, **options)
    if against:
        if other is None:
            other = bench.benchmark(chosen, data, [against], timed=False, **options)
            if final:  # that counts too
                result["finals"] = [counted(out, chosen.hash, one["sha256"]) for one in result["models"]]
        result["against"] = bench.against(result, other)
    path = bench.save(result, out)
    if json:
        print(dumps(result))
    else:
        console().print(_shown(result))
    lines = leaderboard.leaderboard([result], "none")
    for note in leaderboard.cautions(lines):
        print(f"warning: {note}", file=sys.stderr)
    for count in (result["finals"] or [])[:1]:
        print(
            f"the final split of this protocol was scored {count['this_model']} times with this model, "
            f"{count['any_model']} times in all ({out / 'finals.jsonl'})",
            file=sys.stderr,
        )
    print(f"wrote {path}", file=sys.stderr)


def _listed() -> Any:
    from rich import box
    from rich.table import Table

    from mien.evaluation.benchmark.protocols import PROTOCOLS

    table = Table("protocol", "hash", "choose", "final", "n classes", "what", box=box.SIMPLE)
    for name, known in PROTOCOLS.items():
        table.add_row(name, known.hash, known.choose, known.final or "none", str(len(known.classes)), known.title)
    return table


def figure_table(head: Any, rows: Any) -> Any:
    from rich import box
    from rich.table import Column, Table

    table = Table(head[0], *(Column(name, justify="right", no_wrap=True) for name in head[1:]), box=box.SIMPLE)
    for row in rows:
        table.add_row(*row)
    return table


def _shown(result: dict[str, Any]) -> Any:
    """Return one result as tables: scores by view, what the model takes, what FER+'s annotators say."""
    from rich.console import Group
    from rich.text import Text

    from mien.evaluation.benchmark.leaderboard import costs, figures, leaderboard_row, title
    from mien.evaluation.benchmark.report import told

    parts: list[Any] = [Text(f"{result['name']}: {title([result], 'none')}")]
    views = {"none": "single view", "flip": "with mirror image"}
    lines = [leaderboard_row(result, view) for view in result["summary"]]
    head, rows = figures(lines)
    parts += [
        figure_table(
            ["view", *head[1:]], [[views[view], *row[1:]] for view, row in zip(result["summary"], rows, strict=True)]
        ),
        figure_table(*costs(lines[:1])),
    ]
    model = result["models"][0]
    if left := result["data"]["left_out_as_duplicates"]:
        parts.insert(1, Text(f"left out: {left:,} faces that stand in training too"))
    if agreed := model["ferplus"]:
        levels = []
        for level in agreed["levels"]:
            shown = ["" if level[key] is None else f"{level[key]:.4f}" for key in ("accuracy", "annotator")]
            levels.append([f"to {100 * level['up_to']:.0f} %", f"{level['n']:,}", *shown])
        parts += [
            Text(
                f"FER+ votes (output {agreed['head']}, n = {agreed['n']:,}): KL {agreed['kl']:.4f}, of one annotator "
                f"{agreed['annotator_kl']:.4f}; most voted class named {agreed['accuracy']:.4f}, by one annotator "
                f"{agreed['annotator_accuracy']:.4f}"
            ),
            figure_table(("annotators who agree", "n", "accuracy", "one annotator"), levels),
        ]
    if against := result.get("against"):
        for view, test in against["views"].items():
            low, high = test["interval"]
            parts.append(
                Text(
                    f"against {against['name']}, {views[view]}: {test['difference']:+.4f} ({low:+.4f} to {high:+.4f}), "
                    f"McNemar p {told(test['p'])}"
                )
            )
    return Group(*parts)
