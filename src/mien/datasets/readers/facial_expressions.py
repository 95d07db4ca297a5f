"""muxspace/facial_expressions: images in images/ and their labels in data/legend.csv (user.id,image,emotion).

The file is kept by hand: labels in mixed case, images labelled twice, header lines in the middle, images without a
row. The people are public figures with up to 520 images each, so splits are made by person.
"""

import csv
import re
from collections.abc import Collection
from pathlib import Path

from mien.core.console import first_few
from mien.core.csv_files import sniff
from mien.core.errors import InputError
from mien.core.images import SUFFIXES
from mien.core.labels import FACIAL_EXPRESSIONS, find_class, normalise
from mien.core.paths import printable
from mien.core.walk import Report, ignore, listing
from mien.datasets.classes import class_map, slips
from mien.datasets.dataset import Dataset, ImageFile, ImageSpec, Problems, copy_files, read_files
from mien.datasets.readers.reader import DatasetReader, header


def find(root: Path) -> Path | None:
    """Return the legend.csv of `root`, which is that file, or a folder with it or with data/legend.csv."""
    files = [root] if root.name.lower() == "legend.csv" else [root / "data" / "legend.csv", root / "legend.csv"]
    files = [path for path in files if path.is_file()]
    return next((path for path in files if {"image", "emotion"} <= set(header(path))), None)


def _folder(legend: Path) -> Path:
    """Return the folder of the images: images/ next to the legend, or next to its folder."""
    folders = [legend.parent.parent / "images", legend.parent / "images"]
    return next((folder for folder in folders if folder.is_dir()), legend.parent)


def _images(folder: Path, report: Report) -> list[Path]:
    return [path for path in listing(folder, report)[1] if path.suffix.lower() in SUFFIXES]


def person(image: str) -> str:
    """Return who is in an image: its name up to the number, `Tony_Blair_0086.jpg` -> `tony_blair`."""
    return re.sub(r"[ _-]*\d+$", "", Path(image).stem).lower()


def _rows(legend: Path, present: set[str], problems: Problems) -> dict[str, str]:
    """Return image -> label, as written, for the usable rows, in file order."""
    rows: dict[str, str] = {}
    lines: dict[str, int] = {}
    file = sniff(legend)
    image_column, label_column = file.names.index("image"), file.names.index("emotion")

    def report(line: int, what: str) -> None:
        problems.report(f"{legend.name}:{line}", printable(what))

    wrong = slips(row[label_column].strip() for _, row in file.rows(lambda *_: None))
    for line, row in file.rows(report, header=False):
        if line == file.line:
            continue
        if file.repeats_header(row):
            report(line, "the header line once more")
            continue
        image, text = row[image_column].strip(), row[label_column].strip()
        if text in wrong or not text:
            report(line, wrong.get(text, "no label"))
            continue
        if image in rows:
            label, there = (find_class(name) or normalise(name) for name in (text, rows[image]))
            same = "the same label" if label == there else f"{label}, there {there}"
            report(line, f"{image} is in line {lines[image]} already ({same}); that line counts")
        elif image not in present:
            report(line, f"{image}: no such image")
        else:
            rows[image], lines[image] = text, line
    return rows


class FacialExpressionsReader(DatasetReader):
    """images/ and data/legend.csv; ids are the images' names, groups the people.

    Of several rows for one image the first counts; the others are reported, as are missing files and unknown labels.
    """

    name = "facial_expressions"
    expects = "images/ and data/legend.csv with the columns image and emotion"
    photos = True

    def recognises(self, root: Path) -> bool:
        return find(root) is not None

    def sources(self, root: Path) -> list[Path]:
        """Return the legend and every image of its folder."""
        legend = find(root)
        if legend is None:
            raise InputError(f"{root}: no legend.csv with the columns image and emotion")
        return [legend, *_images(_folder(legend), ignore)]

    def load(self, root: Path, image: ImageSpec, problems: Problems) -> Dataset:
        legend = self.sources(root)[0]
        folder = _folder(legend)
        present = {path.name for path in _images(folder, problems.reporter(folder))}
        rows = _rows(legend, present, problems)
        known = {label: find_class(label) for label in rows.values()}
        own = None in known.values()
        files = [
            ImageFile(
                folder / name, printable(name), label if own else str(known[label]), group=person(printable(name))
            )
            for name, label in rows.items()
        ]
        unlisted = sorted(map(printable, present - rows.keys()))
        problems.leave_out("no row in legend.csv", len(unlisted), first_few(unlisted))
        classes = class_map(known) if own else FACIAL_EXPRESSIONS
        return read_files(folder.parent, files, classes, image, problems, {})

    def files(self, root: Path) -> list[ImageFile]:
        return [ImageFile(path, printable(path.name), "") for path in self.sources(root)[1:]]

    def copy(self, root: Path, out: Path, without: Collection[str]) -> None:
        legend, *files = self.sources(root)
        copy_files({out / "images" / path.name: path for path in files if printable(path.name) not in without})
        column = header(legend).index("image")
        (out / "data").mkdir()
        with legend.open("rb") as lines, (out / "data" / "legend.csv").open("wb") as file:
            for line in lines:
                row = next(csv.reader([line.decode("utf-8-sig", "surrogateescape")]), [])
                if len(row) <= column or printable(row[column].strip()) not in without:
                    file.write(line)


READER = FacialExpressionsReader()
