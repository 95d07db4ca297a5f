"""RAF-DB, its basic expressions (Li, Deng, Du 2017, CVPR; http://www.whdeng.cn/raf/model1.html).

As its authors hand it out: EmoLabel/list_patition_label.txt (`train_00001.jpg 5`), faces in Image/aligned, photos in
Image/original. As it is found on Kaggle: train_labels.csv and test_labels.csv (image,label) and a folder per code,
train/5/train_00001_aligned.jpg; the folders alone will do.
"""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from mien.core.console import first_few, quantity
from mien.core.csv_files import sniff
from mien.core.walk import ignore, walk
from mien.datasets.dataset import ImageFile, ImageSpec, Problems
from mien.datasets.readers.listed import (
    ListedReader,
    Listing,
    copy_lines,
    files_in,
    folders_within,
    is_image,
    subfolders,
)
from mien.datasets.readers.reader import header

CODES = dict(enumerate(("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral"), start=1))
LIST = re.compile(r"list_par?tition_label\.txt", re.IGNORECASE)
NAME = re.compile(r"((train|test)_\d+)(_aligned)?", re.IGNORECASE)


def _lists(root: Path) -> list[Path]:
    """Return the files with the labels: the authors' list, else Kaggle's two; [] where there are none."""
    if root.is_file():
        return [root] if LIST.fullmatch(root.name) else []
    for folder in folders_within(root):
        if found := files_in(folder, LIST.fullmatch):
            return found
    tables = [root / f"{split}_labels.csv" for split in ("train", "test")]
    return [path for path in tables if path.is_file() and {"image", "label"} <= set(header(path)) and _names(path)]


def _names(table: Path) -> bool:
    """Return whether the first row of Kaggle's list names an image of RAF-DB."""
    return any(NAME.fullmatch(Path(words[0]).stem) for _, words in list(_rows(table))[:1])


def _coded(root: Path) -> bool:
    """Return whether there are folders 1..7 whose first files are called as those of RAF-DB."""
    for folder in folders_within(root):
        coded = [sub for sub in subfolders(folder) if sub.name in map(str, CODES)]
        firsts = [next(iter(files_in(sub)), sub) for sub in coded]
        if len(coded) > 1 and all(NAME.fullmatch(path.stem) for path in firsts):
            return True
    return False


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield line numbers and [image, code] of a list."""
    if path.suffix.lower() == ".txt":
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            yield from ((number, line.split()) for number, line in enumerate(file, start=1) if line.strip())
        return
    table = sniff(path)
    columns = [table.names.index(name) for name in ("image", "label")]
    for number, cells in table.rows(ragged=True):
        yield number, [cells[column].strip() for column in columns if column < len(cells)]


class RafdbReader(ListedReader):
    """RAF-DB; ids are the names in the list (train_00001.jpg), splits follow from them.

    The aligned faces are read where they are there; with a detector the original photos.
    """

    name = "rafdb"
    expects = "RAF-DB (list_patition_label.txt and aligned faces, or folders 1..7)"

    def recognises(self, root: Path) -> bool:
        return bool(_lists(root)) or (root.is_dir() and _coded(root))

    def base(self, root: Path) -> Path:
        """Return the folder of the list, or the one above, where that has the images."""
        folder = next((path.parent for path in _lists(root)), root)
        alone = not subfolders(folder) and not any(map(is_image, files_in(folder)))
        return folder.parent if alone else folder

    def listing(self, root: Path, image: ImageSpec, problems: Problems) -> Listing:
        aligned: dict[str, Path] = {}
        originals: dict[str, Path] = {}
        others: list[str] = []
        base = self.base(root)
        for path in filter(is_image, walk(base, problems.reporter(base))):
            if match := NAME.fullmatch(path.stem):
                (aligned if match[3] else originals).setdefault(match[1].lower(), path)
            else:
                others.append(path.name)
        chosen, unread, which = aligned, originals, "original photos; the aligned faces are read"
        if not aligned or (image.face and originals):
            chosen, unread, which = originals, aligned, "aligned faces; the original photos are read"
        files: dict[str, ImageFile] = {}
        for where, name, code in self._labels(root, chosen, problems):
            match, label = NAME.fullmatch(Path(name).stem), CODES.get(int(code) if code.isdecimal() else 0)
            key = match[1].lower() if match else ""
            if label is None:
                problems.report(where, f"label {code[:20]!r}, expected 1..{len(CODES)}")
            elif key in files:
                problems.report(where, f"listed twice: {name}; the first label counts ({files[key].label})")
            elif key not in chosen:
                problems.report(where, f"no such image: {name[:60]}")
            else:
                files[key] = ImageFile(chosen[key], f"{key}.jpg", label, key.partition("_")[0])
        problems.leave_out(which, len(unread), first_few(sorted(path.name for path in unread.values())))
        unlisted = sorted(chosen.keys() - files.keys())
        problems.leave_out("without a label", len(unlisted), first_few([chosen[key].name for key in unlisted]))
        problems.leave_out("not called as RAF-DB's", len(others), first_few(others))
        return Listing(list(files.values()), CODES.values())

    def _labels(self, root: Path, images: dict[str, Path], problems: Problems) -> Iterator[tuple[str, str, str]]:
        """Yield where it says so, the image's name, and the code."""
        lists = _lists(root)
        for path in lists:
            for line, words in _rows(path):
                if len(words) == 2:
                    yield f"{path.name}:{line}", words[0], words[1]
                else:
                    problems.report(
                        f"{path.name}:{line}", f"{quantity(len(words), 'field')}, expected an image and a label"
                    )
        if not lists:
            yield from ((str(path), path.name, path.parent.name) for path in images.values())

    def left_out(self, root: Path, without: Collection[str]) -> set[Path]:
        """Return both files of each image."""
        keys = {name.removesuffix(".jpg") for name in without}
        named = ((path, NAME.fullmatch(path.stem)) for path in filter(is_image, walk(self.base(root), ignore)))
        return {path for path, match in named if match and match[1].lower() in keys}

    def copy(self, root: Path, out: Path, without: Collection[str]) -> None:
        super().copy(root, out, without)
        keys = {name.removesuffix(".jpg") for name in without}

        def keep(line: str) -> bool:
            match = re.match(NAME.pattern, line.strip("\"' \r\n"), re.IGNORECASE)
            return not match or match[1].lower() not in keys

        for path in _lists(root):
            copy_lines(path, out / path.relative_to(self.base(root)), keep)


READER = RafdbReader()
