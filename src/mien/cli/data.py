"""The verb `data`."""

import sys
from pathlib import Path
from typing import Any, Literal

from mien.cli.parse import Verb, console, load_training


def data() -> None:
    """Inspect a dataset, check it for issues, or download one.

    Examples:
        $ mien data inspect fer2013/
        $ mien data inspect fer2013/ --targets majority --json
        $ mien data check fer2013/ --fix clean.csv
        $ mien data download ferplus --out fer2013/
    """


def inspect_data(
    path: Path,
    /,
    *,
    kind: str | None = None,
    targets: Literal["label", "majority", "plurality", "distribution"] = "label",
    classes: str | None = None,
    exclude: Path | None = None,
    strict: bool = False,
    sheet: Path | None = None,
    json: bool = False,
) -> None:
    """See what a dataset holds: its kind, counts per class and split, picture sizes, and what is broken in it.

    Draws a contact sheet of examples per class as well, NAME-contact-sheet.png in the current folder.

    Examples:
        $ mien data inspect fer2013/
        $ mien data inspect fer2013/ --targets majority --sheet faces.png
        $ mien data inspect arrays/ --classes fer2013 --json
        $ mien data inspect face-expression-recognition-dataset/ --strict

    Args:
        path: A file or folder.
        kind: The reader, where it is not to be recognised: fer2013, facial_expressions, folder or arrays.
        targets: Which labels, where FER+ votes lie beside fer2013.csv.
        classes: What the integers of arrays mean: fer2013, alphabetical, ferplus, facial_expressions, three-class, or
            names with commas between them.
        exclude: A CSV file whose column id lists what to leave out.
        strict: Stop at the first thing that is broken.
        sheet: The contact sheet's file.
        json: Print one JSON object, with all problems.
    """
    from json import dumps

    from mien.datasets import DataSpec
    from mien.datasets.inspection import inspect, report

    sheet = sheet or Path(f"{path.resolve().stem or 'dataset'}-contact-sheet.png")
    spec = DataSpec(path, kind=kind, targets=targets, classes=classes, exclude=exclude)
    found = inspect(spec, strict=strict, sheet=sheet)
    if json:
        print(dumps(found.to_json() | {"sheet": str(sheet)}))
    else:
        console().print(report(found))
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
    from mien.datasets.download import download

    print(download(name, out))


def check_data(
    path: Path,
    /,
    *,
    kind: str | None = None,
    targets: Literal["label", "majority", "plurality", "distribution"] = "label",
    classes: str | None = None,
    exclude: Path | None = None,
    exact: bool = False,
    detector: str | None = None,
    fix: Path | None = None,
    also: tuple[Literal["blank", "graphic", "cropped", "faceless"], ...] = (),
    label_errors: bool = False,
    folds: int = 4,
    recipe: str | None = None,
    device: str = "auto",
    page: Path | None = None,
    json: bool = False,
) -> int:
    """Find what makes a dataset's figures wrong: copies, conflicting labels, broken pictures; write a clean copy.

    Copies are exact, or mirrored, shifted by a pixel, recompressed, of another brightness, or several of these. The
    splits are the dataset's own; what has none counts as train. NAME-check.html in the current folder shows the
    pictures.

    Exit code 1 says that there are faults: copies across splits or with conflicting labels, blank pictures, rows or
    files that cannot be read, one name in several splits, two spellings of a class. Copies within a split, pictures of
    few grey levels, badly cropped or far from the rest, photos without a face and rare classes are only told.

    --fix leaves training rows out, never others, and never changes the source: all but one of the copies within train,
    those of validation or test pictures, and copies whose labels conflict.

    --label-errors trains small networks on the dataset's own labels, each on all folds but one, and lists the pictures
    of the fold left out whose label they contradict: minutes for 30,000 pictures on a CPU core. Finished folds are
    kept, so that the same command goes on where it was stopped. It needs pip install 'mien[train]'.

    Examples:
        $ mien data check fer2013/
        $ mien data check fer2013/ --fix clean.csv
        $ mien data check fer2013/ --fix fer2013-clean/ --also blank graphic
        $ mien data check fer2013/ --label-errors --page fer2013.html
        $ mien data check photos/ --detector haar --json

    Args:
        path: A file or folder.
        kind: The reader, where it is not to be recognised: fer2013, facial_expressions, folder or arrays.
        targets: Which labels, where FER+ votes lie beside fer2013.csv.
        classes: What the integers of arrays mean: fer2013, alphabetical, ferplus, facial_expressions, three-class, or
            names with commas between them.
        exclude: A list of what not to look at, as --fix writes it.
        exact: Look for equal bytes only, not for near copies.
        detector: In datasets of photos, list those in which it finds no face: auto, yunet, haar or a file; slow.
        fix: Where to write what remains: NAME.csv is a list for --exclude, anything else a folder for a clean copy.
        also: What else --fix leaves out of train: blank, graphic (few grey levels), cropped (over the photo's edge)
            or faceless pictures.
        label_errors: Rank the pictures whose labels are probably wrong.
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
    from mien.datasets import DataSpec, check, clean
    from mien.datasets.checks.report import report, save

    if also and fix is None:
        raise InputError("--also says what --fix leaves out; say --fix OUT as well")
    if "faceless" in also and detector is None:
        raise InputError("--also faceless needs --detector, which looks for the faces")
    if fix is not None and exclude is not None:
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
    page = page or Path(f"{path.resolve().stem or 'dataset'}-check.html")
    if page.suffix.lower() != ".html":  # it would be written over: it may be the dataset
        raise InputError(f"--page {page}: expected a file that ends in .html")
    if page.is_dir():
        raise InputError(f"--page {page}: a folder stands there")
    check_folder(page.parent)
    if fix is not None:
        clean.ready(fix, path)
    face = None
    if detector is not None:
        from mien.core.images import CropSpec
        from mien.faces import LargestFace

        face = LargestFace(detector, CropSpec(0.0))
    spec = DataSpec(path, kind=kind, targets=targets, classes=classes, exclude=exclude)
    found = check(spec, near=not exact, face=face)
    if label_errors:
        found = training.label_errors(found.table, copies=found.duplicates.groups, **judged).told(found)
    save(found, page)
    gone = clean.fix(found, fix, also=also) if fix is not None else []
    if json:
        print(dumps(found.to_json() | {"page": str(page), "left_out": [row._asdict() for row in gone]}))
    else:
        console().print(report(found))
    print(f"wrote {page}", file=sys.stderr)
    if fix is not None:
        print(f"wrote {fix}: {len(gone):,} training rows left out", file=sys.stderr)
    return 1 if found.faults else 0


ACTIONS: dict[str, Verb] = {"inspect PATH": inspect_data, "check PATH": check_data, "download NAME": download_data}
