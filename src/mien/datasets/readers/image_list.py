"""Lists of images with their labels: a CSV file of image,label, as people write them, with the images next to it.

The columns go by many names; split, person and face box are read where they are there. A list without a first line of
names (`a.jpg,happy`, `a.jpg 3`) is one of images and labels.
"""

import contextlib
import csv
import os
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mien.core.console import first_few, quantity
from mien.core.csv_files import SUFFIXES as CSV_SUFFIXES
from mien.core.csv_files import CsvFile, integer, is_csv, number, sniff
from mien.core.errors import InputError
from mien.core.labels import find_class, normalise
from mien.core.paths import printable
from mien.datasets.classes import ClassMap, class_map, find_list, is_number, read_list, slips
from mien.datasets.dataset import ImageFile, ImageSpec, Problems
from mien.datasets.readers.image_index import ImageIndex, split_of
from mien.datasets.readers.listed import ListedReader, Listing, files_in, is_image, subfolders
from mien.datasets.splits import find_splits, split_name

# names of columns without what is no letter or digit, the surest first
IMAGE = (
    "imagepath imgpath filepath path pth imagefile imagename imgname filename fname image img images file "
    "picture photo subdirectoryfilepath imageid name id"
)
LABEL = (
    "expression emotion emotions labelname classname emotionname emotionlabel label labels class target category "
    "sentiment emotionid classid labelid"
)
SPLIT = "split usage subset set partition phase fold"
PERSON = "subject subjectid person personid identity participant participantid actor user userid"
BOXES = (  # left, top, then width and height, or right and bottom
    ("facex", "facey", "facewidth", "faceheight"),
    ("x", "y", "width", "height"),
    ("x", "y", "w", "h"),
    ("left", "top", "width", "height"),
    ("bboxx", "bboxy", "bboxwidth", "bboxheight"),
    ("bboxx", "bboxy", "bboxw", "bboxh"),
    ("xmin", "ymin", "xmax", "ymax"),
    ("x1", "y1", "x2", "y2"),
    ("x0", "y0", "x1", "y1"),
    ("left", "top", "right", "bottom"),
)
FOLDERS = frozenset({"annotations", "annotation", "labels", "label", "data", "csv", "metadata", "lists"})


@dataclass(frozen=True)
class ImageList:
    """A list, and which of its columns are what; None where there is no such column."""

    file: CsvFile
    named: bool
    """Whether its first line names the columns."""
    image: int
    label: int
    split: int | None = None
    person: int | None = None
    box: tuple[int, ...] = ()
    corners: bool = False
    own_split: str = ""
    """The split that the file's name says."""
    width: int = 2
    """How many cells a row has whose separator is a blank."""

    @property
    def path(self) -> Path:
        return self.file.path

    def rows(self, problems: Problems) -> Iterator[tuple[str, list[str]]]:
        """Yield where each row is, and its cells, stripped."""
        name = self.path.name

        def report(line: int, what: str) -> None:
            problems.report(f"{name}:{line}", what)

        for line, cells in self.file.rows(report, header=self.named, ragged=True):
            cells = _cells(cells, self.width)
            if len(cells) > max(self.image, self.label):
                yield f"{name}:{line}", [cell.replace("\0", "").strip() for cell in cells]
            else:
                problems.report(f"{name}:{line}", f"{quantity(len(cells), 'field')}, expected an image and a label")

    def box_of(self, cells: Sequence[str]) -> tuple[float, float, float, float] | None:
        """Return the face box (x, y, width, height) of a row, None where the row has none. InputError otherwise."""
        texts = [cells[column] if column < len(cells) else "" for column in self.box]
        if not any(text.lower() not in ("", "null", "nan", "none") for text in texts):
            return None
        values = [found for text in texts if (found := number(text)) is not None]
        if len(values) < 4:
            raise InputError(f"face box {', '.join(texts)[:60]}, expected four numbers")
        x, y, right, down = values
        return (x, y, right - x, down - y) if self.corners else (x, y, right, down)


def read_columns(path: Path) -> ImageList | None:
    """Return the list at `path`; None where the file is none."""
    try:
        file = sniff(path)
    except InputError:
        return None
    cells = _cells(list(file.header), 2)
    if len(cells) == 2 and is_image(Path(cells[0])):
        return ImageList(file, False, 0, 1)
    names = [re.sub(r"[^a-z0-9]", "", name) for name in file.names]
    if "pixels" in names or any(name.startswith(("p_", "s_")) for name in file.names):  # mien's own table of results
        return None
    image, labels = _column(names, IMAGE), [names.index(name) for name in LABEL.split() if name in names]
    if image is None or not labels:
        return None
    first = next((cells for _, cells in file.rows(lambda line, what: None)), [])
    spoken = [column for column in labels if column < len(first) and number(first[column]) is None]
    box = next((columns for columns in BOXES if set(columns) <= set(names)), ())
    return ImageList(
        file,
        True,
        image,
        (spoken or labels)[0],  # of a code and its name, the name
        _column(names, SPLIT),
        _column(names, PERSON),
        tuple(names.index(name) for name in box),
        bool(BOXES.index(box) >= 6) if box else False,
    )


def _column(names: Sequence[str], known: str) -> int | None:
    return next((names.index(name) for name in known.split() if name in names), None)


def _cells(cells: list[str], width: int) -> list[str]:
    """Return the cells of a row, of `a b.jpg 3` too, where blanks separate `width` of them."""
    found = cells[0].rsplit(None, width - 1) if len(cells) == 1 else []
    return found if len(found) == width and is_image(Path(found[0])) else cells


@dataclass(frozen=True)
class Found:
    """The lists at a path: those that are read, and the other tables of their folder."""

    lists: list[ImageList]
    unread: list[Path]


def find(root: Path) -> Found:
    """Return the lists that `root` is or holds, itself or in a folder such as labels/.

    Of several those count that are called train, validation and test; without a train.csv it is the only other one.

    Raises:
        InputError: several lists, and nothing says which one is meant.
    """
    if root.is_file():
        return Found(_lists([root]), [])
    for folder in [root, *(sub for sub in subfolders(root) if sub.name.lower() in FOLDERS)]:
        tables = files_in(folder, lambda name: name.lower().endswith((*CSV_SUFFIXES, ".txt", ".lst")))
        lists = _lists(tables)
        if not lists:
            continue
        named = [one for one in lists if one.own_split]
        if len(lists) > 1 and not any(one.own_split == "train" for one in named):
            named = [one for one in lists if not one.own_split] or named
        chosen = named if len(lists) > 1 else lists
        twice = [split for split, count in Counter(one.own_split for one in chosen).items() if count > 1]
        if twice:
            names = [one.path.name for one in chosen if one.own_split == twice[0]]
            raise InputError(
                f"{folder}: {', '.join(names[:4])} all list {twice[0] or 'labelled'} images; give one as the path"
            )
        paths = {one.path for one in chosen}
        return Found(chosen, [path for path in tables if path not in paths and is_csv(path)])
    return Found([], [])


def _lists(paths: Sequence[Path]) -> list[ImageList]:
    """Return those of the files in one folder that are lists, with the splits that their names say."""
    tables = [path for path in paths if is_csv(path) or path.suffix.lower() in (".txt", ".lst")]
    lists = [found for path in tables if "submission" not in path.name.lower() and (found := read_columns(path))]
    words = [re.sub(r"labels?|lists?|annotations?|metadata|\..*", "", one.path.name.lower()) for one in lists]
    splits = find_splits(words)
    return [replace(one, own_split=splits.get(word, "")) for one, word in zip(lists, words, strict=True)]


class ImageListReader(ListedReader):
    """A list of images; ids are the images' paths, with their box where the list has boxes.

    Of several rows for one image the first counts. Codes (0, 1, ...) have to be named by `DataSpec.classes`.
    """

    name = "csv"
    expects = "a CSV file of image,label with its images"
    names_classes = True
    codes: Mapping[str, str] = {}
    """What the labels mean, where the dataset says it."""
    left_out_codes: Mapping[str, str] = {}
    """Label -> why the dataset's own rule leaves it out."""

    def find(self, root: Path) -> Found:
        """Return the lists. InputError where several may be meant."""
        return find(root)

    def recognises(self, root: Path) -> bool:
        """Return whether there is a list one of whose first images is there."""
        try:
            lists = self.find(root).lists
        except InputError:
            return True
        index = None
        for one in lists:
            for (_, cells), _ in zip(one.rows(Problems()), range(20), strict=False):
                index = index or ImageIndex(self.base(root))
                with contextlib.suppress(InputError):
                    return bool(_find(index, cells[one.image], one))
        return False

    def sources(self, root: Path) -> list[Path]:
        """Return every image and every list below the folder, and the images elsewhere that a list names."""
        base, outside = self.base(root), set[Path]()
        names = (cells[one.image] for one in self.find(root).lists for _, cells in one.rows(Problems()))
        if any(name.startswith("/") or ".." in name for name in names):
            files = self.listing(root, ImageSpec(), Problems()).files
            outside = {file.path for file in files if not file.path.is_relative_to(base)}
        return [*super().sources(root), *sorted(outside)]

    def listing(self, root: Path, image: ImageSpec, problems: Problems) -> Listing:
        base = self.base(root)
        found, index = self.find(root), ImageIndex(base, problems.reporter(base))
        files: dict[str, ImageFile] = {}
        lines: dict[str, str] = {}
        used = set[Path]()  # by a row, read or not
        ruled: dict[str, list[str]] = defaultdict(list)
        labels = [cells[one.label] for one in found.lists for _, cells in one.rows(Problems())]
        wrong = {} if self.codes else slips(labels)
        rows = ((one, where, cells) for one in found.lists for where, cells in one.rows(problems))
        for one, where, cells in rows:
            label, name = _label(cells[one.label]), cells[one.image]
            if reason := self.left_out_codes.get(label):
                ruled[reason].append(name)
                with contextlib.suppress(InputError):
                    used.add(_find(index, name, one))
                continue
            try:
                used.add(path := _find(index, name, one))
                if not label or label in wrong:
                    raise InputError(wrong[label] if label else f"no label: {printable(name[:60])}")
                label = self._decode(label)
                box, split = one.box_of(cells), _split(one, cells)
            except InputError as error:
                problems.report(where, str(error))
                continue
            key = _id(path, box, index)
            if key in files:
                ours, there = (find_class(text) or normalise(text) for text in (label, files[key].label))
                same = "the same label" if ours == there else f"{ours}, there {there}"
                problems.report(where, f"listed twice: {key} is in {lines[key]} ({same}), which counts")
                continue
            person = cells[one.person] if one.person is not None and one.person < len(cells) else ""
            files[key], lines[key] = ImageFile(path, key, label, split, person, box), where
        listed = list(files.values())
        for reason, images in ruled.items():
            problems.leave_out(reason, len(images), first_few(images))
        unlisted = [_id(path, None, index) for path in index.images if path not in used]
        names = " or ".join(one.path.name for one in found.lists)
        problems.leave_out(f"images without a row in {names}", len(unlisted), first_few(unlisted))
        unread = [path.name for path in found.unread]
        problems.leave_out("other tables", len(unread), first_few(unread))
        classes = self.codes.values() or _classes(root, {base, *(one.path.parent for one in found.lists)}, listed)
        return Listing(_grouped(_placed(listed, index)), classes)

    def _decode(self, label: str) -> str:
        if self.codes and label not in self.codes:
            raise InputError(f"label {label[:20]!r}, expected {min(self.codes)}..{max(self.codes)}")
        return self.codes.get(label, label)

    def copy(self, root: Path, out: Path, without: Collection[str]) -> None:
        """Copy the images and lists; paths in lists are from their folder, those elsewhere stay absolute."""
        super().copy(root, out, without)
        index = ImageIndex(self.base(root))
        for one in self.find(root).lists:
            _copy_list(one, out / one.path.relative_to(index.base), index, without)


def _find(index: ImageIndex, name: str, one: ImageList) -> Path:
    """Return the image of a row. InputError where there is none, or several may be meant."""
    if (path := index.find(name, one.path.parent, one.own_split) if name else None) is None:
        raise InputError(f"no such image: {printable(name[:60])}")
    return path


def _id(path: Path, box: Sequence[float] | None, index: ImageIndex) -> str:
    name = printable((path.relative_to(index.base) if path.is_relative_to(index.base) else path).as_posix())
    return f"{name}#{','.join(f'{value:g}' for value in box)}" if box else name


def _label(text: str) -> str:
    """Return a label as it is; a code without decimals: 3.0 is 3."""
    code = integer(text)
    return text if code is None else str(code)


def _classes(root: Path, folders: Collection[Path], files: Sequence[ImageFile]) -> ClassMap:
    """Return the classes of the labels; a list of names next to the images may say what codes mean.

    Raises:
        InputError: the labels are numbers, but no codes; or too many.
    """
    labels = [file.label for file in files]
    if odd := next((label for label in labels if number(label) is not None and not is_number(label)), None):
        raise InputError(f"{root}: label {odd}, expected class names or whole numbers from 0")
    codes = sorted(filter(is_number, {*labels}))
    names = (
        read_list(folder, codes) for folder in sorted(folders) if (path := find_list(folder)) and not read_columns(path)
    )
    return class_map(labels, next(names, {}))


def _split(one: ImageList, cells: Sequence[str]) -> str:
    """Return the split of a row: that of its column, else that of the file's name. InputError where it is unknown."""
    text = cells[one.split] if one.split is not None and one.split < len(cells) else ""
    if not text or number(text) is not None:  # the number of a fold
        return one.own_split
    return split_name(text).replace("all", "")


def _placed(files: list[ImageFile], index: ImageIndex) -> list[ImageFile]:
    """Return the files with the splits that their folders name, where the list names none and all folders do."""
    if any(file.split for file in files):
        return files
    splits = [split_of(index.parts.get(file.path, file.path.parts)[:-1]) for file in files]
    return [file._replace(split=split) for file, split in zip(files, splits, strict=True)] if all(splits) else files


def _grouped(files: list[ImageFile]) -> list[ImageFile]:
    """Return the files without their persons where these are one, or one for each image: numbers of rows."""
    persons = {file.group for file in files}
    return files if 1 < len(persons) < len(files) else [file._replace(group="") for file in files]


def _copy_list(one: ImageList, out: Path, index: ImageIndex, without: Collection[str]) -> None:
    with out.open("w", newline="", encoding="utf-8", errors="surrogateescape") as file:
        writer = csv.writer(file, lineterminator="\n")
        if one.named:
            writer.writerow(one.file.header)
        for _, cells in one.rows(Problems()):
            with contextlib.suppress(InputError):
                path = _find(index, cells[one.image], one)
                inside = path.is_relative_to(index.base)
                if _id(path, one.box_of(cells), index) in without:
                    continue
                cells[one.image] = Path(os.path.relpath(path, one.path.parent)).as_posix() if inside else str(path)
            if len(one.file.header) == 1:  # blanks are the separators
                file.write(" ".join(cells) + "\n")
            else:
                writer.writerow(cells)


READER = ImageListReader()
