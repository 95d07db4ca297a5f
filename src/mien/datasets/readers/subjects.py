"""Folders of persons with a folder per expression in each: S001/happy/1.jpg, below train/ and test/ or not."""

from pathlib import Path

from mien.core.console import first_few, quantity
from mien.core.labels import find_class
from mien.core.paths import printable
from mien.core.walk import ignore, walk
from mien.datasets.classes import class_map
from mien.datasets.dataset import ImageFile, ImageSpec, Problems
from mien.datasets.readers.listed import ListedReader, Listing, is_image, subfolders
from mien.datasets.splits import find_splits


def _persons(root: Path) -> list[tuple[str, Path]]:
    """Return (split, folder of a person); the split is "" where there are no split folders."""
    inside = {folder.name: folder for folder in subfolders(root)}
    if splits := find_splits(inside):
        return [(split, person) for name, split in splits.items() for person in subfolders(inside[name])]
    return [("", folder) for folder in inside.values()]


class SubjectsReader(ListedReader):
    """Persons above expressions; ids are paths, groups the persons' folders."""

    name = "subjects"
    expects = "a folder per person with folders named after expressions in it"

    def recognises(self, root: Path) -> bool:
        """Return whether several folders that are no expressions hold folders that are."""
        known = [
            {name for folder in subfolders(person) if (name := find_class(folder.name))}
            for _, person in (_persons(root) if root.is_dir() else [])
            if not find_class(person.name)
        ]
        return sum(map(bool, known)) > 1 and len(set().union(*known)) > 1

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
