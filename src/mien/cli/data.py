"""The verb `data`."""

import sys
from pathlib import Path
from typing import Literal

from tyro.conf import Positional

from mien.cli.parse import Verb, console


def data() -> None:
    """See what a dataset holds, or download one.

    Examples:
        $ mien data inspect fer2013/
        $ mien data inspect fer2013/ --targets majority --json
        $ mien data fetch ferplus --out fer2013/

    mien data inspect --help and mien data fetch --help show their options.
    """


def inspect_data(
    path: Positional[Path],
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
        kind: The reader, where it is not to be recognised: fer2013, ferplus, folder, legend or arrays.
        targets: Which labels, where FER+ votes lie beside fer2013.csv.
        classes: What the integers of arrays mean: fer2013, alphabetical, ferplus, legend or three-class.
        exclude: A CSV file whose column id lists what to leave out.
        strict: Stop at the first thing that is broken.
        sheet: The contact sheet's file.
        json: Print one JSON object, with all problems.
    """
    from json import dumps

    from mien.datasets.inspection import inspect, report

    sheet = sheet or Path(f"{path.resolve().stem or 'dataset'}-contact-sheet.png")
    found = inspect(path, kind=kind, targets=targets, order=classes, exclude=exclude, strict=strict, sheet=sheet)
    if json:
        print(dumps(found.to_json() | {"sheet": str(sheet)}))
    else:
        console().print(report(found))
    print(f"wrote {sheet}", file=sys.stderr)


def fetch_data(
    name: Positional[Literal["fer2013", "folders", "ferplus", "legend"]], /, *, out: Path | None = None
) -> None:
    """Download a dataset and print the folder it lies in.

    fer2013 and folders come from Kaggle and need an account there and pip install 'mien[kaggle]'; ferplus (the votes,
    to lie beside fer2013.csv) and legend come from GitHub. A download that was cut goes on where it stopped.

    Examples:
        $ mien data fetch fer2013
        $ mien data fetch ferplus --out fer2013/
        $ mien data fetch legend

    Args:
        name: Which dataset.
        out: The folder; named after the dataset by default.
    """
    from mien.datasets.fetch import fetch

    print(fetch(name, out))


ACTIONS: dict[str, Verb] = {"inspect PATH": inspect_data, "fetch NAME": fetch_data}
