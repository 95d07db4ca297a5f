"""The verb `evaluate`."""

from pathlib import Path
from typing import Literal

from mien.cli.options import Data, Model
from mien.core.streams import say, show_json, show_table


def evaluate(
    model: Model,
    /,
    data: Data,
    *,
    tta: Literal["none", "flip", "both"] = "none",
    prior: str | None = None,
    device: str = "cpu",
    out: Path | None = None,
    plots: Path | None = None,
    json: bool = False,
) -> None:
    """Score a model on a split of a dataset and write a report.

    For a run, writes evaluation-SPLIT-TTA[...].json and report.html to the run folder. For any other model, prints the
    scores, and writes the files where --out names a folder.

    Examples:
        $ mien evaluate runs/first --data fer2013
        $ mien evaluate default --data fer2013 --tta both --out results/default
        $ mien evaluate default --data fer2013 --targets majority
        $ mien evaluate runs/first --data fer2013 --split test --plots figures/
        $ mien evaluate default --data facial_expressions --detector yunet
        $ mien evaluate model.onnx --data faces/ --split test --json > scores.json

    Args:
        model: A run folder, an .onnx file, or a bundled model: default or small.
        data: What is scored.
        tta: none: score the crop. flip: average its probabilities with those of the mirror image. both: report both.
        prior: The shares of the classes that answers assume: even, web (those of the training data), or a JSON file.
        device: Where the network is computed: cpu, or what onnxruntime has here: cuda, coreml, directml, openvino.
        out: Write the scores and the report to this folder instead.
        plots: Also draw to this folder, for print (PNG, SVG, PDF): confusion matrix, sample predictions, surest
            mistakes, a run's learning curves; and write predictions.csv, a row per image.
        json: Print one JSON object instead of tables; with --tta both a list of two.
    """
    from mien.core import records
    from mien.core.files import check_folder
    from mien.evaluation.evaluation import evaluate
    from mien.evaluation.plots import check, plot
    from mien.evaluation.predictions import TRAINED_ON, load, predict
    from mien.evaluation.report import save
    from mien.evaluation.terminal import evaluation_tables
    from mien.models.bundled import bundled
    from mien.recipes import read_history

    run = Path(model) if model not in bundled() and Path(model).is_dir() else None
    folder = out or run
    for one in (folder, plots):
        if one:
            check_folder(one)
    if plots:
        check(purpose="--plots")
    session, samples, facts = load(model, data, device=device, prior=prior)
    if facts.trained_on:
        say(f"warning: {facts.path}, {facts.split}: {TRAINED_ON}")
    predictions = predict(session, samples, facts, tta="none" if tta == "none" else "flip")
    views: tuple[Literal["none", "flip"], ...] = ("none", "flip") if tta == "both" else (tta,)
    found = [evaluate(predictions, output=data.output, tta=view, merge=data.merge) for view in views]
    epochs, recipe = read_history(run) if run else ([], None)
    written: list[Path] = []
    if folder:
        written += save(found, predictions, samples.images, folder, epochs=epochs, recipe=recipe, session=session)
    if plots:
        written += plot(found[0], predictions, samples.images, plots, epochs=epochs, recipe=recipe)
    if json:
        if (seen := found[0].seen_in_training) and seen.seen:
            say(f"warning: {seen}")
        show_json(records.dumps(found if len(found) > 1 else found[0]))
    else:
        show_table(evaluation_tables(found))
    for path in written:
        say(f"wrote {path}")
    if not folder and not plots:
        say("nothing written; --out DIR writes report.html there")
