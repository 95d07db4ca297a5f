"""AffectNet (Mollahosseini, Hasani, Mahoor 2019, arXiv:1708.03985; http://mohammadmahoor.com/affectnet/).

Of 2021: train_set/images/5.jpg and train_set/annotations/5_exp.npy, the same in val_set; _val, _aro and _lnd are not
read. Before: training.csv and validation.csv, whose columns are subDirectory_filePath, the face's box, landmarks,
expression, valence and arousal; validation.csv may lack the line of names.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from mien.core.console import first_few
from mien.core.csv_files import integer, is_csv, sniff
from mien.core.errors import InputError
from mien.core.walk import ignore, walk
from mien.datasets.dataset import ImageFile, ImageSpec, Problems
from mien.datasets.readers.array_files import ArrayFile
from mien.datasets.readers.image_list import Found, ImageList, ImageListReader, read_columns
from mien.datasets.readers.listed import Listing, files_in, folders_within, is_image
from mien.datasets.splits import find_split

CLASSES = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")
CODES = {str(code): name for code, name in enumerate(CLASSES)}
NO_EXPRESSION = {"8": "no expression (8)", "9": "uncertain (9)", "10": "not a face (10)"}
COLUMNS = 9
SUFFIX = "_exp.npy"


def _sets(root: Path) -> list[Path]:
    """Return the folders with images/ and annotations/, in which there is a label."""
    if root.is_file():
        return []
    return [
        folder
        for folder in folders_within(root)
        if (folder / "images").is_dir() and any((folder / "annotations").glob(f"*{SUFFIX}"))
    ]


def _code(path: Path) -> str:
    """Return the label in a .npy file, a string or a number of any type. InputError where there is none."""
    try:
        array = ArrayFile(path).load(1)
    except InputError as error:
        objects = "holds Python objects, which are not loaded" if "Python objects" in str(error) else "no array"
        raise InputError(f"{objects}; expected one number") from None
    if array.dtype.kind == "U":  # whatever is in it: NumPy fails where it is no text
        order = "be" if array.dtype.byteorder == ">" else "le"
        value: object = array.tobytes().decode(f"utf-32-{order}", "replace").rstrip("\0") if array.size == 1 else None
    else:
        value = array.reshape(-1)[0].item() if array.size == 1 else None
    code = integer(value.decode("ascii", "replace") if isinstance(value, bytes) else str(value))
    if code is None:
        raise InputError(f"label {str(value)[:20]!r}, expected 0..{len(CODES) - 1}")
    return str(code)


class AffectnetReader(ImageListReader):
    """AffectNet; ids are the images' paths, of the CSV form with the box by which the face is cut out."""

    name = "affectnet"
    expects = "AffectNet (images/ and annotations/*_exp.npy, or training.csv and validation.csv)"
    names_classes = False
    codes = CODES
    left_out_codes = NO_EXPRESSION

    def find(self, root: Path) -> Found:
        for folder in [root] if root.is_file() else folders_within(root, 1):
            paths = [path for path in ([root] if root.is_file() else files_in(folder, _is_table)) if is_csv(path)]
            if lists := [found for path in paths if (found := _columns(path))]:
                return Found(lists, [path for path in paths if path not in {one.path for one in lists}])
        return Found([], [])

    def recognises(self, root: Path) -> bool:
        return bool(_sets(root)) or super().recognises(root)

    def listing(self, root: Path, image: ImageSpec, problems: Problems) -> Listing:
        if not (sets := _sets(root)):
            return super().listing(root, image, problems)
        files: list[ImageFile] = []
        ruled: dict[str, list[str]] = defaultdict(list)
        for folder in sets:
            split = find_split(folder.name) or ""
            images = {path.stem: path for path in walk(folder / "images", problems.reporter(root)) if is_image(path)}
            for path in walk(folder / "annotations", problems.reporter(root)):
                if not path.name.endswith(SUFFIX):
                    continue
                where, found = path.relative_to(root), images.pop(path.name.removesuffix(SUFFIX), None)
                try:
                    code = _code(path)
                    if reason := self.left_out_codes.get(code):
                        ruled[reason].append(path.name)
                    elif found is None:
                        problems.report(where, f"no such image: {path.name.removesuffix(SUFFIX)}")
                    else:
                        name = found.relative_to(root).as_posix()
                        files.append(ImageFile(found, name, self._decode(code), split))
                except InputError as error:
                    problems.report(where, str(error))
            ruled["images without a label"] += [path.name for path in images.values()]
        for reason, names in ruled.items():
            problems.leave_out(reason, len(names), first_few(names))
        return Listing(files, CLASSES)

    def left_out(self, root: Path, without: Collection[str]) -> set[Path]:
        """Return the images and their annotations."""
        images = super().left_out(root, without)
        gone = {(path.parents[1] / "annotations", path.stem) for path in images}
        annotations = (path for folder in _sets(root) for path in walk(folder / "annotations", ignore))
        return images | {path for path in annotations if (path.parent, path.stem.rpartition("_")[0]) in gone}


def _is_table(name: str) -> bool:
    return is_csv(Path(name))


def _columns(path: Path) -> ImageList | None:
    """Return a list of AffectNet's, with its line of names or without."""
    try:
        file = sniff(path)
        with file.text() as text:
            first = text.readline().strip().split(",")
    except InputError:
        return None
    split = find_split(path.stem.removesuffix("_annotated")) or ""
    found: ImageList | None = None
    if {"subdirectory_filepath", "expression"} <= set(file.names):
        found = read_columns(path)
    elif len(first) == COLUMNS and is_image(Path(first[0])):
        file = replace(file, delimiter=",", header=tuple(first))  # not the semicolons of the landmarks
        found = ImageList(file, False, 0, 6, box=(1, 2, 3, 4))
    return replace(found, own_split=split) if found else None


READER = AffectnetReader()
