"""The verb `data`."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mien.cli.options import PositionalData, Unused
from mien.cli.parse import Verb, console, load_training
from mien.core.labels import Targets
from mien.datasets.spec import Merge


def data() -> None:
    """Inspect a dataset, check it for issues, or download one.

    Examples:
        $ mien data inspect fer2013/
        $ mien data inspect fer2013/ --targets majority --json
        $ mien data check fer2013/ --fix clean.csv
        $ mien data download ferplus --out fer2013/
    """


@dataclass(frozen=True)
class WholeData(PositionalData):
    """A dataset with all its splits and classes; nothing is scored."""

    split: Unused[str] = "all"
    classes: str | None = None
    """What the integers of arrays mean: fer2013, alphabetical, ferplus, facial_expressions, three-class, or names with
    commas between them."""
    merge: Unused[Merge] = "drop"
    holdout: Unused[float | None] = None
    output: Unused[Targets | None] = None
    detector: Unused[str | None] = None


@dataclass(frozen=True)
class CheckData(WholeData):
    """The same, in whose photos faces can be looked for."""

    detector: str | None = None
    """In datasets of photos, list those in which it finds no face: auto, yunet, haar or a file; slow."""


def inspect_data(data: WholeData, *, strict: bool = False, sheet: Path | None = None, json: bool = False) -> None:
    """See what a dataset holds: its kind, counts per class and split, image sizes, and what is broken in it.

    Writes a contact sheet with examples of each class too, NAME-contact-sheet.png in the current folder.

    Examples:
        $ mien data inspect fer2013/
        $ mien data inspect fer2013/ --targets majority --sheet faces.png
        $ mien data inspect arrays/ --classes fer2013 --json
        $ mien data inspect face-expression-recognition-dataset/ --strict

    Args:
        data: Which dataset.
        strict: Stop at the first thing that is broken.
        sheet: The contact sheet's file.
        json: Print one JSON object, with all problems.
    """
    from json import dumps

    from mien.core.records import to_json
    from mien.datasets.inspection import inspect, terminal

    sheet = sheet or Path(f"{data.path.resolve().stem or 'dataset'}-contact-sheet.png")
    found = inspect(data, strict=strict, sheet=sheet)
    if json:
        print(dumps(to_json(found) | {"sheet": str(sheet)}))
    else:
        console().print(terminal(found))
    print(f"wrote {sheet}", file=sys.stderr)


def download_data(
    name: Literal["fer2013", "folders", "ferplus", "facial_expressions"], /, *, out: Path | None = None
) -> None:
    """Download a dataset and print the folder it lies in.

    fer2013 and folders come from Kaggle and need an account there and pip install 'mien[kaggle]'; ferplus (the votes,
    to lie beside fer2013.csv) and facial_expressions come from GitHub. A download that was cut goes on where it
    stopped.

    Examples:
        $ mien data download fer2013
        $ mien data download ferplus --out fer2013/
        $ mien data download facial_expressions

    Args:
        name: Which dataset.
        out: The folder; named after the dataset by default.
    """
    from mien.datasets.download import download_dataset

    print(download_dataset(name, out))


def check_data(
    data: CheckData,
    *,
    exact: bool = False,
    fix: Path | None = None,
    also: tuple[str, ...] = (),
    label_errors: bool = False,
    folds: int = 4,
    recipe: str | None = None,
    device: str = "auto",
    page: Path | None = None,
    json: bool = False,
) -> int:
    """Find what makes a dataset's figures wrong: copies, conflicting labels, broken images; write a clean copy.

    Copies are exact, or mirrored, shifted by a pixel, recompressed, of another brightness, or several of these. The
    splits are the dataset's own; what has none counts as train. NAME-check.html in the current folder shows the images.

    Exit code 1 says that there are faults: copies across splits or with conflicting labels, blank images, rows or
    files that cannot be read, one name in several splits, two spellings of a class. Everything else is a note: copies
    within a split, images with few grey levels, badly cropped or far from the rest, photos without a face, rare
    classes.

    --fix leaves training rows out, never others, and never changes the source: all but one of the copies within train,
    those of validation or test images, and copies whose labels conflict.

    --label-errors trains small networks on the dataset's own labels, each on all folds but one, and lists the images
    of the fold left out whose label they contradict: minutes for 30,000 images on a CPU core. Finished folds are
    kept, so that the same command goes on where it was stopped. It needs pip install 'mien[train]'.

    Examples:
        $ mien data check fer2013/
        $ mien data check fer2013/ --fix clean.csv
        $ mien data check fer2013/ --fix fer2013-clean/ --also blank few_grey_levels
        $ mien data check fer2013/ --label-errors --page fer2013.html
        $ mien data check photos/ --detector haar --json

    Args:
        data: Which dataset.
        exact: Look for equal bytes only, not for near copies.
        fix: Where to write what remains: NAME.csv is a list for --exclude, anything else a folder for a clean copy.
        also: What else --fix leaves out of train: blank, few_grey_levels, cropped (over the photo's edge) or faceless
            images.
        label_errors: Rank the images whose labels are probably wrong.
        folds: How many networks judge the labels.
        recipe: How they are trained, where not by a small one of ours: a name that mien recipes lists, or a JSON file.
        device: What they are trained on: auto, cpu, cuda, cuda:N or mps.
        page: The page's file, in .html.
        json: Print one JSON object with all findings.
    """
    from json import dumps

    from mien import recipes
    from mien.core.errors import InputError
    from mien.core.files import check_folder
    from mien.core.records import to_json
    from mien.datasets import check, clean
    from mien.datasets.checks.report import save, terminal

    if also and fix is None:
        raise InputError("--also says what --fix leaves out; say --fix OUT as well")
    if "faceless" in also and data.detector is None:
        raise InputError("--also faceless needs --detector, which looks for the faces")
    if fix is not None and data.exclude is not None:
        raise InputError("--fix would put back what --exclude leaves out; check without one of them")
    if not label_errors and (folds, recipe, device) != (4, None, "auto"):
        raise InputError("--folds, --recipe and --device say how --label-errors are looked for; say that as well")
    judged: dict[str, Any] = {"folds": folds, "device": device}
    if label_errors:
        training = load_training(purpose="looking for label errors")
        if folds < 2:
            raise InputError(f"--folds {folds}: at least 2")
        if recipe is not None:
            judged["recipe"] = recipes.find(recipe)
    page = page or Path(f"{data.path.resolve().stem or 'dataset'}-check.html")
    if page.suffix.lower() != ".html":  # it would be written over: it may be the dataset
        raise InputError(f"--page {page}: expected a file that ends in .html")
    if page.is_dir():
        raise InputError(f"--page {page}: it is a folder")
    check_folder(page.parent)
    if fix is not None:
        clean.check_fix(fix, data.path, also)
    face = None
    if data.detector is not None:
        from mien.core.images import CropSpec
        from mien.faces import LargestFace

        face = LargestFace(data.detector, CropSpec(0.0))
    found = check(data, near=not exact, face=face)
    if label_errors:
        found = training.label_errors(found.table, copies=found.data.duplicates.groups, **judged).add_to(found)
    save(found, page)
    gone = clean.fix(found, fix, also=also) if fix is not None else []
    if json:
        print(dumps(found.to_json() | {"page": str(page), "left_out": to_json(gone)}))
    else:
        console().print(terminal(found))
    print(f"wrote {page}", file=sys.stderr)
    if fix is not None:
        print(f"wrote {fix}: {len(gone):,} training rows left out", file=sys.stderr)
    return 1 if found.faults else 0


ACTIONS: dict[str, Verb] = {"inspect PATH": inspect_data, "check PATH": check_data, "download NAME": download_data}
