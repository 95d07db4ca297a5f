"""The verb `audit`."""

from pathlib import Path
from typing import Literal

from mien.cli.options import Data, Model
from mien.core.streams import say, show_json, show_table


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
    prior: str | None = None,
    out: Path | None = None,
    json: bool = False,
) -> int:
    """Measure accuracy under corruptions and by subgroup; gate on limits.

    Scores every image under 12 corruptions (size, blur, motion, jpeg, noise, dark, bright, contrast, rotation, eyes,
    mouth, patch) of five strengths each. Scores the clean images by quintiles of brightness, contrast and sharpness,
    and by the columns of --groups. For a run, writes audit-SPLIT.json and audit.html to the run folder. For any other
    model, prints the scores, and writes the files where --out names a folder. docs/audit.md has the details.

    With --min-accuracy or --max-gap the exit code is 1 when a limit is violated; stderr says which. The limits apply to
    the measured figures, not to the ends of their intervals, which depend on the number of images.

    Examples:
        $ mien audit runs/first --data fer2013
        $ mien audit default --data fer2013 --targets majority --out results/default
        $ mien audit default --data photos/ --detector yunet --limit 500
        $ mien audit default --data faces/ --groups people.csv --max-gap 0.1

    Args:
        model: A run folder, an .onnx file, or a bundled model: default or small.
        data: What is scored; with --detector the crop of each face is corrupted.
        corruptions: Which ones, separated by commas; all or none.
        limit: Corrupt at most so many images, a random sample stratified by class; the clean images are all scored.
        groups: A CSV file with a column id or file, as the dataset names its images (with or without folders; fer2013:
            the row number, from 0), and further columns: age, gender, site ... Numbers are grouped into quintiles.
        max_gap: Fail if, in any column, the accuracies of two groups of at least 30 images differ by more.
        min_accuracy: Fail if the accuracy on the clean images, of all or of a group of at least 30, is lower.
        seed: Random seed of the corruptions, of --limit and of the permutations.
        tta: none: score the crop. flip: average its probabilities with those of the mirror image.
        prior: The shares of the classes that answers assume: even, web (those of the training data), or a JSON file.
        out: Write the figures and the page to this folder instead.
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
    options = AuditOptions(corruptions=corruptions, limit=limit, groups=groups, seed=seed, tta=tta, prior=prior)
    run = Path(model) if model not in bundled() and Path(model).is_dir() else None
    folder = out or run
    if folder:
        check_folder(folder)
    found, examples = audit(model, data, options)
    facts = found.evaluation.data
    if facts.trained_on:
        say(f"warning: {facts.path}, {facts.split}: {TRAINED_ON}")
    written = save(found, examples, folder) if folder else []
    if json:
        show_json(records.dumps(found))
    else:
        show_table(audit_tables(found))
    for path in written:
        say(f"wrote {path}")
    if not folder:
        say("nothing written; --out DIR writes audit.html there")
    failed = violations(found, max_gap=max_gap, min_accuracy=min_accuracy)
    for line in failed:
        say(f"violated: {line}")
    return 1 if failed else 0
