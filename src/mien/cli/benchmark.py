"""The verb `benchmark`."""

import shlex
import sys
from dataclasses import replace
from pathlib import Path

from mien.core.errors import InputError
from mien.core.streams import say, show_json, show_table


def benchmark(
    protocol: str | None = None,
    /,
    *,
    data: Path | None = None,
    model: tuple[str, ...] = (),
    final: bool = False,
    against: str | None = None,
    training_sets: tuple[Path, ...] = (),
    name: str | None = None,
    out: Path = Path("benchmark"),
    json: bool = False,
) -> None:
    """Score models by a fixed protocol, with intervals, seeds and costs.

    Without a protocol, lists the protocols. Scores the protocol's choosing split. Use --final, the final split, once,
    after everything is chosen; final_runs.jsonl in the results folder counts how often that was done. Several models
    are seeds of one recipe; their mean and spread are reported. Writes PROTOCOL-NAME.json, or
    PROTOCOL-NAME-final.json; mien compare shows several results in one table.

    Examples:
        $ mien benchmark
        $ mien benchmark fer2013 --data fer2013 --model default
        $ mien benchmark fer2013 --data fer2013 --model runs/a-0 runs/a-1
        $ mien benchmark ferplus --data fer2013 --model a.onnx --against default
        $ mien benchmark fer2013 --data fer2013 --model default --final

    Args:
        protocol: The protocol's name.
        data: The dataset's folder or file.
        model: A run folder, an .onnx file, or a bundled model; several: seeds of one recipe.
        final: Score the final split and record it.
        against: Another model, or a result file: test the difference on the same faces.
        training_sets: Further datasets that the model was trained on, besides that of its run; scored faces in their
            training splits are counted.
        name: The name of the result; by default the recipe's or the file's.
        out: The results folder.
        json: Print one JSON object; without a protocol, a list of the protocols.
    """
    from mien.core import records
    from mien.core.files import check_folder
    from mien.core.paths import bare_command
    from mien.evaluation.benchmark import measure, terminal
    from mien.evaluation.benchmark.final_runs import NAME
    from mien.evaluation.benchmark.leaderboard import cautions, leaderboard
    from mien.evaluation.benchmark.protocols import PROTOCOLS, find

    if protocol is None:
        if data or model or final or against:
            raise InputError(f"which protocol? one of {', '.join(PROTOCOLS)}")
        if json:
            show_json(records.dumps([records.to_json(one) | {"hash": one.hash} for one in PROTOCOLS.values()]))
        else:
            show_table(terminal.protocol_table())
        return
    chosen = find(protocol)
    if data is None or not model:
        raise InputError(f"mien benchmark {protocol} needs --data PATH and --model MODEL")
    if name is not None and not name.strip():
        raise InputError("--name is empty")
    check_folder(out)
    folder = out if final else None
    result = measure.benchmark(
        chosen, data, model, final_folder=folder, name=name, training_sets=training_sets, against=against
    )
    result = replace(result, command=bare_command(shlex.join(["mien", *sys.argv[1:]])))
    path = out / result.file
    records.write(path, result)
    if json:
        show_json(records.dumps(result))
    else:
        show_table(terminal.result_tables(result))
    for caution in cautions(leaderboard([result], "none")):
        say(f"warning: {caution}")
    for runs in (result.final_runs or ())[:1]:
        say(
            f"the final split of this protocol was scored {runs.this_model} times with this model, "
            f"{runs.any_model} times in all ({out / NAME})"
        )
    say(f"wrote {path}")
