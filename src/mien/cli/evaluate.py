"""The verbs that measure models: `evaluate` and `compare`."""

import sys
from pathlib import Path
from typing import Any, Literal

from tyro.conf import Positional

from mien.cli.parse import console
from mien.core.errors import InputError

Labelling = Literal["label", "majority", "plurality", "distribution"]


def evaluate(
    model: Positional[str],
    *,
    data: Path,
    split: str = "validation",
    tta: Literal["none", "flip", "both"] = "none",
    kind: str | None = None,
    targets: Labelling = "label",
    classes: str | None = None,
    merge: Literal["drop", "contempt-as-disgust", "contempt-as-neutral"] = "drop",
    holdout: float | None = None,
    exclude: Path | None = None,
    head: Labelling | None = None,
    detector: str | None = None,
    out: Path | None = None,
    json: bool = False,
) -> None:
    """Score an exported model on a split of a dataset, and write the report.

    A run keeps its scores in its folder, as evaluation-SPLIT-TTA[-by-TARGETS][-HEAD][-DETECTOR].json and report.html.
    Those of any other model are only printed, unless --out names a folder.

    Examples:
        $ mien evaluate runs/first --data fer2013
        $ mien evaluate default --data fer2013 --tta both --out results/default
        $ mien evaluate default --data fer2013 --targets majority
        $ mien evaluate default --data facial_expressions --detector haar
        $ mien evaluate model.onnx --data faces/ --split test --json > scores.json

    Args:
        model: A run folder, an .onnx file, or default, the bundled model.
        data: The dataset's folder or file.
        split: Which part of it is scored: validation (PublicTest), test (PrivateTest) or train.
        tta: none scores the crop, flip the mean of its and its mirror image's probabilities, both reports both.
        kind: The reader, where it is not to be recognised: fer2013, ferplus, folder, legend or arrays.
        targets: Which labels, where the dataset has FER+ votes.
        classes: What the integers of arrays mean, as fer2013 or alphabetical; elsewhere, the taxonomy to score.
        merge: How contempt is folded where wanted; drop leaves out what one side lacks.
        holdout: The validation share where the dataset has no such split; that of the model's run by default.
        exclude: A CSV file whose column id lists what of the data is left out.
        head: Which output of the model is scored, where it has several; the one that follows the targets by default.
        detector: The data are photos: find the face in each first, as predict does; a face not found counts as a wrong
            answer.
        out: Where the scores and the report are written instead.
        json: Print one JSON object instead of tables; of both views, the mirrored one is under flip.
    """
    from json import dumps

    from mien.core.files import check_folder
    from mien.evaluation import TRAINED_ON, evaluate, save, tables
    from mien.models.session import bundled

    views: tuple[Literal["none", "flip"], ...] = ("none", "flip") if tta == "both" else (tta,)
    run = Path(model) if model not in bundled() and Path(model).is_dir() else None
    folder = out or run
    if folder:
        check_folder(folder)
    found = [
        evaluate(
            model, data, split, tta=view, kind=kind, targets=targets, classes=classes, merge=merge,
            holdout=holdout, exclude=exclude, head=head, detector=detector,
        )
        for view in views
    ]  # fmt: skip
    if found[0].data.trained_on:
        print(f"warning: {data}, {found[0].data.split}: {TRAINED_ON}", file=sys.stderr)
    written = save(found, folder, metrics=run / "metrics.jsonl" if run else None) if folder else []
    if json:
        print(dumps(found[0].to_json() | {more.tta: more.to_json() for more in found[1:]}))
    else:
        console().print(tables(found))
    for path in written:
        print(f"wrote {path}", file=sys.stderr)
    if not folder:
        print("nothing written; --out DIR writes report.html there", file=sys.stderr)


def compare(
    runs: Positional[list[str]],
    *,
    split: str = "validation",
    tta: Literal["none", "flip"] = "none",
    targets: Labelling = "label",
    head: Labelling | None = None,
    detector: Literal["yunet", "haar", "none"] | None = None,
    plot: Path | None = None,
    markdown: bool = False,
    json: bool = False,
) -> None:
    """Show the evaluations of several runs, or results of mien benchmark, in one table, the most accurate first.

    Refuses to set figures side by side that were measured on different test data, targets or views, or by different
    protocols. Runs without such an evaluation are named on stderr. Results of mien benchmark are tested in pairs.

    Examples:
        $ mien compare runs/*
        $ mien compare runs/first runs/second --split test --tta flip
        $ mien compare results/a/evaluation-test-none.json runs/b/evaluation-test-none.json --json
        $ mien compare benchmark/fer2013-*.json --plot accuracy.html

    Args:
        runs: Run folders or evaluation files; or files that mien benchmark wrote.
        split: Which evaluation of a run folder is read.
        tta: Likewise, which view.
        targets: Likewise, by which labels.
        head: Likewise, of which output, where evaluate was asked for one.
        detector: Likewise, whose faces, where the data were photos.
        plot: An .html page to draw benchmark results in: accuracy against ms per face and size.
        markdown: Print benchmark results as a Markdown table.
        json: Print a JSON list instead of a table; of benchmark results, an object with their tests.
    """
    from json import dumps

    from mien.cli.benchmark import compare_results
    from mien.evaluation import compare, comparison_table, lacks
    from mien.evaluation.benchmark.leaderboard import is_result

    results = [run for run in runs if is_result(run)]
    if results and len(results) == len(runs):
        compare_results(runs, tta, json=json, markdown=markdown, plot=plot)
        return
    if results:
        other = next(run for run in runs if run not in results)
        raise InputError(f"{results[0]} is a result of mien benchmark and {other} is not; they cannot be compared")
    if plot or markdown:
        raise InputError("--plot and --markdown are for results of mien benchmark")
    which: dict[str, Any] = {"split": split, "tta": tta, "targets": targets, "head": head, "detector": detector}
    reasons = {run: lacks(run, **which) for run in runs}
    rows = compare([run for run in runs if not reasons[run]] or runs, **which)
    for reason in filter(None, reasons.values()):
        print(reason, file=sys.stderr)
    if json:
        print(dumps([vars(row) for row in rows]))
    else:
        console().print(comparison_table(rows))
