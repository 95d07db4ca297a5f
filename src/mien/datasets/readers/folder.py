"""Class folders, with splits above or below them: [train/]<class>/*.jpg or <class>/[train/]*.jpg."""

import os
from collections import Counter
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mien.core.console import first_few, quantity
from mien.core.errors import did_you_mean
from mien.core.labels import find_class
from mien.core.paths import printable
from mien.core.walk import Report, ignore, listing, walk
from mien.datasets.classes import ClassMap, class_map, find_list, is_class_folder, is_number, read_list
from mien.datasets.dataset import Dataset, ImageFile, ImageSpec, Problems, copy_files, read_files
from mien.datasets.readers.file_names import persons
from mien.datasets.readers.listed import is_image, subfolders
from mien.datasets.readers.reader import DatasetReader
from mien.datasets.splits import find_splits, is_wrapper, split_and_class


def _folders(root: Path, report: Report | None = None) -> list[Path]:
    """Return the folders in a folder that may be splits or classes."""
    if not report:
        return [folder for folder in subfolders(root) if is_class_folder(folder.name)]
    try:
        return [folder for folder in listing(root, report)[0] if is_class_folder(folder.name)]
    except OSError as error:
        report(root, f"the folder cannot be read ({error.strerror or error})")
        return []


def _has_images(folder: Path) -> bool:
    with suppress(OSError), os.scandir(folder) as entries:  # ends at the first image of maybe thousands
        return any(not entry.name.startswith(".") and is_image(Path(entry.name)) for entry in entries)
    return False


def _classes(folders: Iterable[Path]) -> int:
    """Return how many folders are classes by what they are called, or hold: images, or folders of images."""
    folders = list(folders)
    names = {folder.name for folder in folders}
    named = find_splits(names)
    called = {folder for folder in folders if folder.name in named}
    splits = split_folders(folders).keys() or (called if len(called) > 1 else ())  # one: the class "test" or "training"

    def holds(folder: Path) -> bool:
        if find_class(folder.name):
            return True
        if folder in splits:
            return False
        inside = [sub for sub in _folders(folder) if not find_class(sub.name) and sub.name not in names]
        inside += [sub for split in _inner_splits(folder) for sub in _folders(split) if not find_class(sub.name)]
        return _has_images(folder) or any(map(_has_images, inside))

    return sum(map(holds, folders))


def split_folders(folders: Iterable[Path]) -> dict[Path, str]:
    """Return folder -> split for those of `folders`, all in one folder, that are splits of class folders.

    A split has folders in it, else `test/` is the class "test". A lone test folder next to others is a split only where
    expressions are in it.
    """
    named = {folder.name: folder for folder in folders}
    found = {named[name]: split for name, split in find_splits(named).items()}
    inside = {folder: _folders(folder) for folder in found}
    lone = set(found.values()) < {"validation", "test"} and len(found) < len(named)
    known = any(find_class(folder.name) for folders in inside.values() for folder in folders)
    return found if any(inside.values()) and (known or not lone) else {}


def _unwrapped(split: Path) -> Path:
    """Return the folder in a split that holds the classes: `train`, or `train/images` where everything is in that."""
    folders = _folders(split)
    if any(find_class(folder.name) for folder in folders):
        return split
    filled = [folder for folder in folders if _has_images(folder) or _folders(folder)]
    if len(filled) != 1:
        return split
    (only,) = filled
    inside = _folders(_unwrapped(only))
    known = sum(bool(find_class(folder.name)) for folder in inside) > 1
    wraps = known or (is_wrapper(only.name) and (len(inside) > 1 or _has_images(only)))
    return _unwrapped(only) if wraps else split


def _inner_splits(folder: Path) -> dict[Path, str]:
    """Return folder -> split for the splits in a class folder."""
    inside = {sub.name: sub for sub in _folders(folder)}
    return {inside[name]: split for name, split in find_splits(inside).items()}


def _below(splits: Iterable[Path]) -> list[Path]:
    """Return a class folder of each name in the splits."""
    return list({folder.name: folder for split in splits for folder in _folders(_unwrapped(split))}.values())


def base(root: Path) -> Path | None:
    """Return the folder that holds the split or class folders: `root`, or an `images` in it."""
    if not root.is_dir():
        return None
    for path in [root, *(folder for folder in _folders(root) if folder.name.lower() == "images")]:
        inside = _folders(path)
        if _classes(inside) >= 2 or _classes(_below(split_folders(inside))) >= 2:
            return path
    return None


@dataclass(frozen=True)
class _SplitFolders:
    """Class folders, and the split that they are in; "" where there are no split folders above them."""

    split: str
    folders: list[Path]


def _parts(root: Path, problems: Problems | None = None) -> list[_SplitFolders]:
    """Return the class folders by split, and report what is odd about the splits."""
    report = problems.reporter(root) if problems else None
    top = base(root) or root
    inside = _folders(top, report)
    if not (splits := split_folders(inside)):
        return [_SplitFolders("", inside)]
    parts: dict[Path, _SplitFolders] = {}
    for folder, split in sorted(splits.items(), key=lambda item: item[0].is_symlink()):
        if again := next((other for other in parts if folder.samefile(other)), None):
            if problems:
                once = f"it is read once, as {parts[again].split}"
                problems.notes.append(f"{printable(folder.name)} and {printable(again.name)} are one folder; {once}")
            continue
        same = [other for other in parts if parts[other].split == split]
        if problems and same:
            both = " and ".join(printable(path.name) for path in (*same, folder))
            problems.notes.append(f"{both} all mean the split {split}; they are joined")
        parts[folder] = _SplitFolders(split, _folders(_unwrapped(folder), report))
    return list(parts.values())


def _unread(root: Path) -> tuple[list[Path], list[Path]]:
    """Return what is not read: the folders next to the splits, and the images that are in no class folder."""
    top = base(root) or root
    inside = _folders(top)
    splits = split_folders(inside)
    loose: list[Path] = []
    for folder in dict.fromkeys([root, top, *splits, *map(_unwrapped, splits)]):
        with suppress(OSError):
            loose += filter(is_image, listing(folder, ignore)[1])
    others = [folder for folder in inside if splits and folder not in splits]
    if top != root:  # `images`
        others += [folder for folder in _folders(root) if folder != top and any(map(is_image, walk(folder, ignore)))]
    return others, loose


def _report_unread(root: Path, problems: Problems) -> None:
    others, loose = _unread(root)
    counts = {folder: sum(map(is_image, walk(folder, ignore))) for folder in others}
    names = [f"{printable(folder.name)}/ {count:,}" for folder, count in counts.items()]
    if counts:  # also where they hold none: the user may have meant them
        problems.leave_out("in folders next to the splits", sum(counts.values()), first_few(names, 6))
    images = [printable(path.relative_to(root).as_posix()) for path in loose]
    problems.leave_out("in no class folder", len(images), first_few(images))


def _report_nested(parts: Iterable[_SplitFolders], problems: Problems) -> None:
    """Say which folders in class folders may have been meant as the classes: the upper ones may be persons."""
    folders = [folder for part in parts for folder in part.folders]
    if any(find_class(folder.name) for folder in folders):
        return
    inside = {folder: {sub.name for sub in _folders(folder)} for folder in folders}
    names = {folder.name for folder in folders}
    shared = set.intersection(*inside.values()) if len(names) > 1 and not any(map(_has_images, folders)) else set()
    shared |= {name for found in inside.values() for name in found if find_class(name)}
    if len(shared) > 1 and len(find_splits(shared)) < 2:
        problems.notes.append(
            f"the classes are the folders {first_few(sorted(names))}, not {first_few(sorted(shared))} in them; "
            "--kind subjects reads those as the classes, and the upper folders as persons"
        )


def _list_folders(root: Path) -> list[Path]:
    """Return the folders in which a list of class names may be."""
    return list(
        dict.fromkeys([root, base(root) or root, *(folder.parent for part in _parts(root) for folder in part.folders)])
    )


def _named(root: Path, files: list[ImageFile], problems: Problems) -> tuple[list[ImageFile], ClassMap]:
    """Return the files that are in a class, and what the names of the folders mean."""
    names = Counter(file.label for file in files)
    numbers = list(filter(is_number, names))
    meanings = next((known for folder in _list_folders(root) if (known := read_list(folder, numbers))), {})
    if not meanings and len(numbers) < len(names):
        for name in numbers:
            problems.report(name, "a number does not say which class it is: rename the folder")
        files = [file for file in files if not is_number(file.label)]
    return files, class_map((file.label for file in files), meanings)


class FolderReader(DatasetReader):
    """Class folders, with split folders above or below them or without; what has no image's suffix is left out.

    `classes.class_map` says which classes the folders' names are; ids are paths from the root. Folders called 0, 1, ...
    are what a list next to them (`classes.read_list`) or `DataSpec.classes` says: FER2013's codes and the alphabetical
    order differ, so nothing is guessed. One such folder among others with names is reported.
    """

    name = "folder"
    expects = "folders of images named after their classes (angry, happy, ...), below train/validation/test or not"
    photos = True

    def recognises(self, root: Path) -> bool:
        return base(root) is not None

    def sources(self, root: Path) -> list[Path]:
        """Return every file below the class folders, and the list of their names."""
        lists = [path for folder in _list_folders(root) if (path := find_list(folder))]
        return lists + [path for part in _parts(root) for folder in part.folders for path in walk(folder, ignore)]

    def unread(self, root: Path) -> list[Path]:
        return [path for paths in _unread(root) for path in paths]

    def load(self, root: Path, image: ImageSpec, problems: Problems) -> Dataset:
        files: list[ImageFile] = []
        others, outside = Counter[str](), list[str]()
        parts = _parts(root, problems)
        _report_unread(root, problems)
        _report_nested(parts, problems)
        below = [] if parts[0].split else parts[0].folders
        inner = {sub: split for folder in below for sub, split in _inner_splits(folder).items()}
        both = split_and_class([folder.name for folder in below])
        for part in parts:
            for folder in part.folders:
                paths = walk(folder, problems.reporter(root))
                images = [path for path in paths if is_image(path)]
                others.update(path.suffix.lower() or "no suffix" for path in paths if not is_image(path))
                if not images:
                    near = did_you_mean(folder.name, [other.name for other in part.folders if other != folder])
                    where = printable(folder.relative_to(root).as_posix())
                    problems.notes.append(
                        f"{where}: NO IMAGE in this class ({quantity(len(paths), 'other file')}){near}"
                    )
                named, label = both.get(folder.name, ("", folder.name))
                for path in images:
                    name = printable(path.relative_to(root).as_posix())
                    split = part.split or named or next((inner[up] for up in path.parents if up in inner), "")
                    if inner and not split:
                        outside.append(name)
                    else:
                        files.append(ImageFile(path, name, printable(label), split))
        problems.leave_out("outside of the split folders in the class folders", len(outside), first_few(outside))
        suffixes = [f"{printable(suffix)} {count:,}" for suffix, count in others.most_common()]
        problems.leave_out("not an image by its name", others.total(), first_few(suffixes, 6))
        if found := persons(file.path.stem for file in files):
            problems.notes.append(
                f"{quantity(len(set(found)), 'person')} by the file names, none in two splits made here"
            )
            files = [file._replace(group=person) for file, person in zip(files, found, strict=True)]
        return read_files(root, *_named(root, files, problems), image, problems, {})

    def files(self, root: Path) -> list[ImageFile]:
        paths = filter(is_image, self.sources(root))
        return [ImageFile(path, printable(path.relative_to(root).as_posix()), "") for path in paths]

    def copy(self, root: Path, out: Path, without: Collection[str]) -> None:
        files = {path.relative_to(root): path for path in self.sources(root)}
        copy_files({out / name: path for name, path in files.items() if printable(name.as_posix()) not in without})


READER = FolderReader()
