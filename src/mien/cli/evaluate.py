"""The verb `evaluate`."""

import sys
from pathlib import Path
from typing import Literal

from mien.cli.parse import console

Labelling = Literal["label", "majority", "plurality", "distribution"]


def evaluate(
    model: str,
    /,
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
    output: Labelling | None = None,
    detector: str | None = None,
    out: Path | None = None,
    json: bool = False,
) -> None:
    """Score a model on a split of a dataset and write a report.

    A run keeps its scores in its folder, as evaluation-SPLIT-TTA[...].json and report.html.
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
        kind: The reader, where it is not to be recognised: fer2013, facial_expressions, folder or arrays.
        targets: Which labels, where the dataset has FER+ votes.
        classes: What the integers of arrays mean, as fer2013 or alphabetical; elsewhere, the taxonomy to score.
        merge: How contempt is folded where wanted; drop leaves out what one side lacks.
        holdout: The validation share where the dataset has no such split; that of the model's run by default.
        exclude: A CSV file whose column id lists what of the data is left out.
        output: Which output of the model is scored, where it has several; the one that follows the targets by default.
        detector: The data are photos: find the face in each first, as predict does; a face not found counts as a wrong
            answer.
        out: Where the scores and the report are written instead.
        json: Print one JSON object instead of tables; of both views, the mirrored one is under flip.
    """
    from json import dumps

    from mien.core.files import check_folder
    from mien.evaluation import TRAINED_ON, evaluate, save, tables
    from mien.models.bundled import bundled

    views: tuple[Literal["none", "flip"], ...] = ("none", "flip") if tta == "both" else (tta,)
    run = Path(model) if model not in bundled() and Path(model).is_dir() else None
    folder = out or run
    if folder:
        check_folder(folder)
    found = [
        evaluate(
            model, data, split, tta=view, kind=kind, targets=targets, classes=classes, merge=merge,
            holdout=holdout, exclude=exclude, output=output, detector=detector,
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
