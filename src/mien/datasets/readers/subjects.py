"""Folders of persons with a folder per expression in each: S001/happy/1.jpg, below train/ and test/ or not."""

import re
from collections.abc import Callable
from pathlib import Path

from mien.core.console import first_few, quantity
from mien.core.labels import find_class
from mien.core.paths import printable
from mien.core.walk import ignore, walk
from mien.datasets.classes import class_map, is_number
from mien.datasets.dataset import ImageFile, ImageSpec, Problems
from mien.datasets.readers.listed import ListedReader, Listing, is_image, subfolders
from mien.datasets.splits import find_splits, is_wrapper

PERSON = re.compile(r"(s|p|id|sub|subj|subject|person|participant|user|patient|actor)[-_ ]?\d+", re.IGNORECASE)


def _persons(root: Path) -> list[tuple[str, Path]]:
    """Return (split, folder of a person); the split is "" where there are no split folders."""
    inside = {folder.name: folder for folder in subfolders(root)}
    if splits := find_splits(inside):
        return [(split, person) for name, split in splits.items() for person in subfolders(inside[name])]
    return [("", folder) for folder in inside.values()]


def _expressions(root: Path, wanted: Callable[[str], bool] = lambda name: not is_number(name)) -> dict[str, set[str]]:
    """Return person -> names of the folders in the person's that may be expressions."""
    found: dict[str, set[str]] = {}
    for _, person in _persons(root) if root.is_dir() else []:
        if not find_class(person.name) and not is_wrapper(person.name):
            inside = {folder.name for folder in subfolders(person)}
            found.setdefault(person.name, set()).update(filter(wanted, inside))
    return found


class SubjectsReader(ListedReader):
    """Persons above expressions; ids are paths, groups the persons' folders."""

    name = "subjects"
    expects = "a folder per person with folders named after expressions in it"

    def recognises(self, root: Path) -> bool:
        """Return whether folders of several persons hold expressions; in S01, S02, ... these may have any names."""
        known = _expressions(root, lambda name: find_class(name) is not None)
        if sum(map(bool, known.values())) > 1 and len(set[str]().union(*known.values())) > 1:
            return True
        any_name = self.fits(root) and all(map(PERSON.fullmatch, names := _expressions(root)))
        return any_name and len(set.intersection(*names.values())) > 1

    def fits(self, root: Path) -> bool:
        """Return whether there are folders in folders."""
        names = _expressions(root).values()
        return sum(map(bool, names)) > 1 and len(set[str]().union(*names)) > 1

    def listing(self, root: Path, image: ImageSpec, problems: Problems) -> Listing:
        files: list[ImageFile] = []
        used = set[Path]()
        for split, person in _persons(root):
            for folder in subfolders(person):
                for path in filter(is_image, walk(folder, problems.reporter(root))):
                    name = printable(path.relative_to(root).as_posix())
                    files.append(ImageFile(path, name, folder.name, split, person.name))
                used.add(folder)
        images = filter(is_image, walk(root, ignore))
        loose = [path.relative_to(root).as_posix() for path in images if used.isdisjoint(path.parents)]
        persons = sorted({file.group for file in files})
        problems.notes.append(f"{quantity(len(persons), 'person')}, none in two splits made here: {first_few(persons)}")
        problems.leave_out("in no folder of an expression", len(loose), first_few(loose))
        return Listing(files, class_map(file.label for file in files))


READER = SubjectsReader()
