"""The verb `data`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mien.cli.options import PositionalData, Unused
from mien.cli.parse import Verb, load_training
from mien.core.console import quantity
from mien.core.labels import Targets
from mien.core.streams import say, show, show_json, show_table
from mien.datasets.spec import Merge


def data() -> None:
    """Inspect a dataset, check it for issues, split it, or download one.

    Examples:
        $ mien data inspect fer2013/
        $ mien data inspect fer2013/ --targets majority --json
        $ mien data check fer2013/ --fix clean.csv
        $ mien data split fer2013/ --shares 80 10 10 --out split/
        $ mien data download ferplus --out fer2013/
    """


@dataclass(frozen=True)
class WholeData(PositionalData):
    """A dataset with all its splits and classes; nothing is scored."""

    split: Unused[str] = "all"
    classes: str | None = None
    """What integers as labels or folders called 0, 1, ... mean: fer2013, alphabetical, ferplus, facial_expressions,
    three-class, or any names with commas between them."""
    merge: Unused[Merge] = "drop"
    holdout: Unused[float | None] = None
    output: Unused[Targets | None] = None
    detector: Unused[str | None] = None


@dataclass(frozen=True)
class CheckData(WholeData):
    """The same, in whose photos faces can be looked for."""

    detector: str | None = None
    """In datasets of photos, list those in which it finds no face: auto (yunet) or a file."""


def inspect_data(data: WholeData, *, strict: bool = False, sheet: Path | None = None, json: bool = False) -> None:
    """Show a dataset's kind, counts per class and split, image sizes, and broken rows or files.

    Examples:
        $ mien data inspect fer2013/
        $ mien data inspect fer2013/ --targets majority --sheet faces.png
        $ mien data inspect arrays/ --classes fer2013 --json
        $ mien data inspect face-expression-recognition-dataset/ --strict

    Args:
        data: Which dataset.
        strict: Stop at the first broken row or file.
        sheet: Also write a contact sheet with examples of each class: a file in .png, .jpg or .webp.
        json: Print one JSON object with all problems.
    """
    from json import dumps

    from mien.core.records import to_json
    from mien.datasets.inspection import inspect, terminal

    found = inspect(data, strict=strict, sheet=sheet)
    if json:
        show_json(dumps(to_json(found) | {"sheet": None if sheet is None else str(sheet)}))
    else:
        show_table(terminal(found))
    if sheet is not None:
        say(f"wrote {sheet}")


def download_data(
    name: Literal["fer2013", "folders", "ferplus", "facial_expressions"], /, *, out: Path | None = None
) -> None:
    """Download a dataset and print its folder.

    fer2013 and folders come from Kaggle and need an account there and pip install 'mien[kaggle]'. ferplus (the votes, a
    file for the folder of fer2013.csv) and facial_expressions come from GitHub. An interrupted download is continued.

    Examples:
        $ mien data download fer2013
        $ mien data download ferplus --out fer2013/
        $ mien data download facial_expressions

    Args:
        name: Which dataset.
        out: The folder to write; named after the dataset by default.
    """
    from mien.datasets.download import download_dataset

    show(download_dataset(name, out))


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
    """Check a dataset for issues: copies, conflicting labels, broken images; write a clean copy.

    Copies are exact, mirrored, shifted by a pixel, recompressed, of another brightness, or several of these. The splits
    are the dataset's own; samples without a split count as train. NAME-check.html in the current folder shows the
    images.

    Exit code 1 means faults: copies across splits or with conflicting labels, blank images, unreadable rows or files,
    one person in several splits, two spellings of a class. Everything else is a note: copies within a split, images
    with few grey levels, badly cropped images, outliers, photos without a face, rare classes.

    --fix leaves out training rows only, and never changes the source: all but one of the copies within train, copies of
    validation or test images, and copies whose labels conflict.

    --label-errors trains small networks by cross-validation on the dataset's own labels, and lists the images of each
    held-out fold whose label they contradict: minutes for 30,000 images on a CPU core. Finished folds are kept, so that
    the same command continues after an interruption. It needs pip install 'mien[label-errors]'.

    Examples:
        $ mien data check fer2013/
        $ mien data check fer2013/ --fix clean.csv
        $ mien data check fer2013/ --fix fer2013-clean/ --also blank few_grey_levels
        $ mien data check fer2013/ --label-errors --page fer2013.html
        $ mien data check photos/ --detector yunet --json

    Args:
        data: Which dataset.
        exact: Find equal bytes only, no near copies.
        fix: Write the clean dataset: NAME.csv is a list for --exclude, any other name a folder for a clean copy.
        also: Further issues whose training rows --fix leaves out: blank, few_grey_levels, cropped (over the photo's
            edge) or faceless.
        label_errors: Rank the images by how probably their label is wrong.
        folds: The number of folds, each with a network.
        recipe: The recipe of these networks, in place of a small one: a name of mien recipes, or a JSON file.
        device: The device to train on: auto, cpu, cuda, cuda:N or mps.
        page: The file of the page, in .html.
        json: Print one JSON object with all findings.
    """
    from json import dumps

    from mien import recipes
    from mien.core.errors import InputError, needs_extra
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
    chosen = None if recipe is None else recipes.find(recipe)
    if label_errors:
        with needs_extra("label-errors", "looking for label errors"):  # now, not after minutes
            import cleanlab  # noqa: F401
        training = load_training(purpose="looking for label errors")
        if folds < 2:
            raise InputError(f"--folds {folds}: at least 2")
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
        copies = found.data.duplicates.groups
        judged = training.label_errors(found.table, copies=copies, folds=folds, recipe=chosen, device=device)
        found = judged.add_to(found)
    save(found, page)
    gone = clean.fix(found, fix, also=also) if fix is not None else []
    if json:
        show_json(dumps(found.to_json() | {"page": str(page), "left_out": to_json(gone)}))
    else:
        show_table(terminal(found))
    say(f"wrote {page}")
    if fix is not None:
        say(f"wrote {fix}: {len(gone):,} training rows left out")
    return 1 if found.faults else 0


def split_data(
    data: WholeData,
    *,
    out: Path,
    shares: tuple[float, float, float] = (80, 10, 10),
    seed: int = 0,
    links: bool = False,
    json: bool = False,
) -> None:
    """Write a dataset as class folders in train, validation and test.

    Every kind of dataset can be split; splits that it has are joined and cut anew. Each split gets its share of every
    class. Images of one person, where persons are known, and images that are equal stay in one split. The same seed
    makes the same splits on every machine. Files are copied; rows of pixels, arrays and faces in boxes become PNG
    files. manifest.json in the new folder says where each image comes from. The source is never changed.

    Examples:
        $ mien data split folders/ --shares 80 10 10 --out split/
        $ mien data split fer2013.csv --shares 90 0 10 --out split/
        $ mien data split photos/ --out split/ --links --seed 1

    Args:
        data: Which dataset.
        out: The new folder.
        shares: Of train, validation and test, in percent or as fractions; 0 makes no such split.
        seed: Of the cut.
        links: Write symbolic links to the files in place of copies.
        json: Print one JSON object: the manifest without its rows.
    """
    from json import dumps

    from mien.core.records import to_json
    from mien.datasets.inspection import counts_table
    from mien.datasets.split_folders import split_folders

    found = split_folders(data, out, shares, seed=seed, links=links)
    if json:
        show_json(dumps({name: value for name, value in to_json(found).items() if name != "rows"} | {"out": str(out)}))
    else:
        show_table(counts_table(found.counts))
    say(f"wrote {out}: {quantity(len(found.rows), 'image')}")


ACTIONS: dict[str, Verb] = {
    "inspect PATH": inspect_data,
    "check PATH": check_data,
    "split PATH": split_data,
    "download NAME": download_data,
}
