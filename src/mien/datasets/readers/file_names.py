"""Sets whose file names say who shows which expression, in one folder or in one per person.

JAFFE (Lyons et al. 1998, https://zenodo.org/records/3451524): KA.AN1.39.tiff is person KA, angry. KDEF (Lundqvist,
Flykt, Öhman 1998, https://kdef.se): AF01ANS.JPG is session A, woman 01, angry, straight. RaFD (Langner et al. 2010,
https://rafd.socsci.ru.nl): Rafd090_01_Caucasian_female_angry_frontal.jpg is person 01. CK+ has such names too.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mien.core.console import first_few
from mien.core.labels import find_class
from mien.core.paths import printable
from mien.core.walk import ignore, walk
from mien.datasets.dataset import ImageFile, ImageSpec, Problems
from mien.datasets.readers.image_index import split_of
from mien.datasets.readers.listed import ListedReader, Listing, files_in, folders_within, is_image

MOST_ODD = 0.1  # of the images may have other names: KDEF has an AF31V.JPG
SHORT = {"af": "fear", "fe": "fear", "an": "angry", "di": "disgust", "ha": "happy", "ne": "neutral", "sa": "sad"}
SHORT |= {"su": "surprise"}
LONG = {"contemptuous": "contempt", "disgusted": "disgust", "fearful": "fear", "surprised": "surprise"}
LONG |= {name: name for name in ("angry", "happy", "neutral", "sad")}


@dataclass(frozen=True)
class Names:
    """How a set calls its files."""

    title: str
    pattern: re.Pattern[str]
    """Of a name without its suffix, with the groups `person` and maybe `expression`."""
    labels: Mapping[str, str]


NAMES = {
    "jaffe": Names(
        "JAFFE", re.compile(r"(?P<person>[a-z]{2})\.(?P<expression>an|di|fe|ha|ne|sa|su)\d\.\d+\.*", re.I), SHORT
    ),
    "kdef": Names(
        "KDEF", re.compile(r"[ab](?P<person>[fm]\d\d)(?P<expression>af|an|di|ha|ne|sa|su)(s|[fh][lr])", re.I), SHORT
    ),
    "rafd": Names(
        "RaFD",
        re.compile(r"rafd\d+_(?P<person>\d+)_\w+_(?P<expression>[a-z]+)_(left|frontal|right)", re.I),
        LONG,
    ),
    "ckplus": Names("CK+", re.compile(r"(?P<person>S\d{3})_\d{3}_\d{8}"), {}),
}


def persons(stems: Iterable[str]) -> list[str] | None:
    """Return who is in each file by its name without suffix, None where not all names follow one set's pattern."""
    stems = list(stems)
    for names in NAMES.values():
        found = [match["person"].upper() for stem in stems if (match := names.pattern.fullmatch(stem))]
        if stems and len(found) == len(stems):
            return found
    return None


class FileNamesReader(ListedReader):
    """A set by its file names; ids are the paths, groups the persons."""

    def __init__(self, name: str) -> None:
        self.name, self.names = name, NAMES[name]
        self.expects = f"{self.names.title} (by its file names)"

    def recognises(self, root: Path) -> bool:
        """Return whether the images are called so, and are in no folders of expressions."""
        if not root.is_dir() or any(find_class(folder.name) for folder in folders_within(root)):
            return False
        like = (path for folder in folders_within(root) for path in files_in(folder, self._is_like))
        images = [path for path in walk(root, ignore) if is_image(path)] if next(like, None) else []
        odd = sum(self._label(path) is None for path in images)
        return bool(images) and odd <= MOST_ODD * len(images)

    def _is_like(self, name: str) -> bool:
        return self.names.pattern.fullmatch(Path(name).stem) is not None

    def _label(self, path: Path) -> str | None:
        match = self.names.pattern.fullmatch(path.stem)
        return self.names.labels.get(match["expression"].lower()) if match else None

    def listing(self, root: Path, image: ImageSpec, problems: Problems) -> Listing:
        files: list[ImageFile] = []
        odd: list[str] = []
        for path in filter(is_image, walk(root, problems.reporter(root))):
            name, match = path.relative_to(root), self.names.pattern.fullmatch(path.stem)
            if match and (label := self._label(path)):
                split = split_of(name.parts[:-1])
                files.append(ImageFile(path, printable(name.as_posix()), label, split, match["person"].upper()))
            else:
                odd.append(name.as_posix())
        problems.leave_out(f"not called as {self.names.title}'s", len(odd), first_few(odd))
        return Listing(files, sorted({file.label for file in files}))


JAFFE, KDEF, RAFD = map(FileNamesReader, ("jaffe", "kdef", "rafd"))
