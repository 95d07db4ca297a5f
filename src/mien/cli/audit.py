"""The verb that measures where a model fails: `audit`."""

import sys
from pathlib import Path
from typing import Literal

from mien.cli.parse import console
from mien.datasets.spec import Targets


def audit(
    model: str,
    /,
    *,
    data: Path,
    split: str = "validation",
    corruptions: str = "all",
    limit: int | None = None,
    groups: Path | None = None,
    max_gap: float | None = None,
    min_accuracy: float | None = None,
    seed: int = 0,
    tta: Literal["none", "flip"] = "none",
    kind: str | None = None,
    targets: Targets = "label",
    classes: str | None = None,
    merge: Literal["drop", "contempt-as-disgust", "contempt-as-neutral"] = "drop",
    holdout: float | None = None,
    exclude: Path | None = None,
    output: Targets | None = None,
    detector: str | None = None,
    out: Path | None = None,
    json: bool = False,
) -> int:
    """Measure accuracy under corruptions and by subgroup; gate on limits.

    Every picture is made worse in 12 ways (size, blur, motion, jpeg, noise, dark, bright, contrast, rotation, eyes,
    mouth, patch) at five strengths each, and scored again; the clean ones are scored by quintiles of their brightness,
    contrast and sharpness, and by the columns of --groups. A run keeps audit-SPLIT.json and audit.html in its folder;
    those of any other model are only printed, unless --out names a folder. docs/audit.md has the details.

    With --min-accuracy or --max-gap it is a gate: it exits with 1 and says on stderr what is out of bounds. The bounds
    hold for the figures as measured, not for an end of their intervals: the lower end would let a model pass because
    few pictures were measured, the upper one fail it for that.

    Examples:
        $ mien audit runs/first --data fer2013
        $ mien audit default --data fer2013 --targets majority --out results/default
        $ mien audit default --data facial_expressions --detector haar --limit 500
        $ mien audit default --data faces/ --corruptions none --min-accuracy 0.6
        $ mien audit default --data faces/ --groups people.csv --max-gap 0.1

    Args:
        model: A run folder, an .onnx file, or default, the bundled model.
        data: The dataset's folder or file.
        split: Which part of it is scored: validation (PublicTest), test (PrivateTest) or train.
        corruptions: Which ones, separated by commas; all or none.
        limit: Corrupt at most so many pictures, drawn with the classes in their shares; everything else is of the whole
            split.
        groups: A CSV with a column id or file, as the dataset names its pictures (with folders or without; fer2013: the
            number of the row, from 0), and further columns: age, gender, site ... Numbers are cut into quintiles.
        max_gap: Fail if in any column the best and the worst group of at least 30 pictures differ by more in accuracy.
        min_accuracy: Fail if the accuracy on the clean pictures, of all or of a group of at least 30, is lower.
            Corrupted pictures do not count.
        seed: Of the corruptions' dice, of --limit and of the shuffles.
        tta: none scores the crop, flip the mean of its and its mirror image's probabilities.
        kind: The reader, where it is not to be recognised: fer2013, facial_expressions, folder or arrays.
        targets: Which labels, where the dataset has FER+ votes.
        classes: What the integers of arrays mean, as fer2013 or alphabetical; elsewhere, the taxonomy to score.
        merge: How contempt is folded where wanted; drop leaves out what one side lacks.
        holdout: The validation share where the dataset has no such split; that of the model's run by default.
        exclude: A CSV file whose column id lists what of the data is left out.
        output: Which output of the model is scored, where it has several; the one that follows the targets by default.
        detector: The data are photos: find the face in each first, as predict does; what is corrupted is its crop.
        out: Where the figures and the page are written instead.
        json: Print one JSON object instead of tables.
    """
    from json import dumps

    from mien.core.files import check_folder
    from mien.evaluation import TRAINED_ON
    from mien.evaluation.robustness.audit import audit
    from mien.evaluation.robustness.corruptions import CORRUPTIONS
    from mien.evaluation.robustness.gate import check_bounds, violations
    from mien.evaluation.robustness.report import save
    from mien.evaluation.robustness.terminal import audit_tables
    from mien.models.bundled import bundled

    check_bounds(max_gap, min_accuracy, groups is not None)
    named = {"all": list(CORRUPTIONS), "none": []}
    asked = [one.strip() for one in corruptions.split(",")]
    run = Path(model) if model not in bundled() and Path(model).is_dir() else None
    folder = out or run
    if folder:
        check_folder(folder)
    found = audit(
        model, data, split, corruptions=named.get(corruptions, asked), limit=limit, groups=groups,
        seed=seed, tta=tta, kind=kind, targets=targets, classes=classes, merge=merge, holdout=holdout, exclude=exclude,
        output=output, detector=detector,
    )  # fmt: skip
    if found.evaluation.data.trained_on:
        print(f"warning: {data}, {found.evaluation.data.split}: {TRAINED_ON}", file=sys.stderr)
    written = save(found, folder) if folder else []
    if json:
        print(dumps(found.to_json()))
    else:
        console().print(audit_tables(found))
    for path in written:
        print(f"wrote {path}", file=sys.stderr)
    if not folder:
        print("nothing written; --out DIR writes audit.html there", file=sys.stderr)
    failed = violations(found, max_gap=max_gap, min_accuracy=min_accuracy)
    for line in failed:
        print(f"violated: {line}", file=sys.stderr)
    return 1 if failed else 0
