"""The verb `audit`."""

import sys
from pathlib import Path
from typing import Literal

from mien.cli.options import Data, Model
from mien.cli.parse import console


def audit(
    model: Model,
    /,
    data: Data,
    *,
    corruptions: str = "all",
    limit: int | None = None,
    groups: Path | None = None,
    max_gap: float | None = None,
    min_accuracy: float | None = None,
    seed: int = 0,
    tta: Literal["none", "flip"] = "none",
    out: Path | None = None,
    json: bool = False,
) -> int:
    """Measure accuracy under corruptions and by subgroup; gate on limits.

    Every image is corrupted in 12 ways (size, blur, motion, jpeg, noise, dark, bright, contrast, rotation, eyes, mouth,
    patch) at five strengths each, and scored again; the clean ones are scored by quintiles of their brightness,
    contrast and sharpness, and by the columns of --groups. A run keeps audit-SPLIT.json and audit.html in its folder;
    those of any other model are only printed, unless --out names a folder. docs/audit.md has the details.

    With --min-accuracy or --max-gap it is a gate: it exits with 1 and says on stderr what is out of bounds. The bounds
    hold for the figures as measured, not for an end of their intervals: the lower end would let a model pass because
    few images were measured, the upper one fail it for that.

    Examples:
        $ mien audit runs/first --data fer2013
        $ mien audit default --data fer2013 --targets majority --out results/default
        $ mien audit default --data photos/ --detector haar --limit 500
        $ mien audit default --data faces/ --groups people.csv --max-gap 0.1

    Args:
        model: A run folder, an .onnx file, or default, the bundled model.
        data: What is scored; with --detector the crop of each face is corrupted.
        corruptions: Which ones, separated by commas; all or none.
        limit: Corrupt at most so many images, drawn with the classes in their shares; everything else is of the whole
            split.
        groups: A CSV with a column id or file, as the dataset names its images (with folders or without; fer2013: the
            number of the row, from 0), and further columns: age, gender, site ... Numbers are cut into quintiles.
        max_gap: Fail if in any column the best and the worst group of at least 30 images differ by more in accuracy.
        min_accuracy: Fail if the accuracy on the clean images, of all or of a group of at least 30, is lower. Corrupted
            images do not count.
        seed: Of the corruptions, of --limit and of the shuffles.
        tta: none scores the crop, flip the mean of its and its mirror image's probabilities.
        out: Where the figures and the page are written instead.
        json: Print one JSON object instead of tables.
    """
    from mien.core import records
    from mien.core.files import check_folder
    from mien.evaluation.predictions import TRAINED_ON
    from mien.evaluation.robustness.audit import AuditOptions, audit
    from mien.evaluation.robustness.gate import check_bounds, violations
    from mien.evaluation.robustness.report import save
    from mien.evaluation.robustness.terminal import audit_tables
    from mien.models.bundled import bundled

    check_bounds(max_gap, min_accuracy, groups is not None)
    options = AuditOptions(corruptions=corruptions, limit=limit, groups=groups, seed=seed, tta=tta)
    run = Path(model) if model not in bundled() and Path(model).is_dir() else None
    folder = out or run
    if folder:
        check_folder(folder)
    found, examples = audit(model, data, options)
    facts = found.evaluation.data
    if facts.trained_on:
        print(f"warning: {facts.path}, {facts.split}: {TRAINED_ON}", file=sys.stderr)
    written = save(found, examples, folder) if folder else []
    if json:
        print(records.dumps(found))
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
