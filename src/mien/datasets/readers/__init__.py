"""One file per dataset format, and the registry of them."""

from collections.abc import Sequence
from pathlib import Path

from mien.core import plugins
from mien.core.console import first_few, notice
from mien.core.errors import InputError
from mien.core.files import os_errors
from mien.core.paths import printable
from mien.core.walk import ignore, listing
from mien.datasets.archives import is_archive, unpacked
from mien.datasets.readers.reader import DatasetReader

BUILTIN = tuple(
    f"mien.datasets.readers.{at}"
    for at in (
        "fer2013:READER",
        "facial_expressions:READER",
        "rafdb:READER",
        "affectnet:READER",
        "expw:READER",
        "ckplus:READER",
        "arrays:READER",
        "image_list:READER",
        "file_names:JAFFE",
        "file_names:KDEF",
        "file_names:RAFD",
        "subjects:READER",
        "folder:READER",
    )
)

DEEPEST = 8  # folders below the path given in which a dataset is looked for
NESTED = 2  # archives in archives
WIDEST = 200  # folders on one level


def readers() -> dict[str, DatasetReader]:
    """Return name -> reader, in the order in which a path is tried; class folders, of any names, come last."""
    found = plugins.load("mien.readers", BUILTIN, DatasetReader)
    return {name: one for name, one in found.items() if name != "folder"} | {"folder": found["folder"]}


def reader(name: str) -> DatasetReader:
    """Return the reader of a kind. InputError names those there are."""
    if name not in readers():
        raise InputError(f"unknown kind of dataset {name!r}; expected {', '.join(sorted(readers()))}")
    return readers()[name]


def locate(root: Path, kind: str | None = None, targets: str = "label") -> tuple[DatasetReader, Path]:
    """Return the reader and the path of the dataset: `root`, or the only folder in it that holds one (and so on).

    Args:
        root: a file or folder.
        kind: the reader's name; None recognises it.
        targets: the labelling asked for; only what has it is recognised.

    Raises:
        InputError: nothing there, nothing known, or several; says what was expected or found.
    """
    known = {name: one for name, one in readers().items() if targets in one.targets}
    if not known:
        every = dict.fromkeys(name for one in readers().values() for name in one.targets)
        raise InputError(f"unknown targets {targets!r}; expected {', '.join(every)}")
    candidates = [reader(kind)] if kind else list(known.values())
    if kind and kind not in known:
        raise InputError(f"targets {targets!r} need a dataset of kind {' or '.join(known)}, not {kind}")
    if not root.exists():
        raise InputError(f"{root}: no such file or folder")
    with os_errors(root):
        found = _search(root, candidates, named=kind is not None)
        for _ in range(NESTED):
            if found or not (archive := _archive(root)):
                break
            if archive != root:
                notice(f"{printable(root)}: the archive {printable(archive.name)} is read")
            root = unpacked(archive)
            found = _search(root, candidates, named=kind is not None)
    if len(found) > 1:
        names = first_few([printable(path.relative_to(root).as_posix()) for _, path in found])
        raise InputError(f"{root}: holds {len(found)} datasets ({names}); name one of them")
    for one, path in found:
        if missing := one.lacks(path, targets):
            raise InputError(f"{path}: lacks {missing}")
        siblings = [other for above in path.parents if above.is_relative_to(root) for other in _folders(above)]
        siblings = [other for other in siblings if not path.is_relative_to(other)] if path != root else []
        if siblings:
            names = first_few([printable(other.relative_to(root).as_posix()) for other in siblings])
            notice(f"{printable(root)}: the dataset in {printable(path.relative_to(root))} is read; not {names}")
        return one, path
    from mien.datasets.readers.unrecognised import describe

    texts = [one.expects for one in candidates]
    expected = "; or ".join(texts if len(texts) == 1 else [text.partition(" (")[0] for text in texts])
    raise InputError(f"{root}: {describe(root)}; expected {expected}")


def _archive(root: Path) -> Path | None:
    """Return the archive that `root` is, or the only one in it."""
    found = [path for path in ([root] if root.is_file() else listing(root, ignore)[1]) if is_archive(path)]
    return found[0] if len(found) == 1 else None


def _search(root: Path, candidates: Sequence[DatasetReader], *, named: bool) -> list[tuple[DatasetReader, Path]]:
    """Return the datasets at a path, or those in the uppermost folders that hold some.

    Raises:
        OSError: there is none, and something cannot be looked into.
    """
    level, found = [root], list[tuple[DatasetReader, Path]]()
    locked: OSError | None = None
    for _ in range(DEEPEST):
        for path in level:
            for one in candidates:
                try:
                    if one.fits(path) if named else one.recognises(path):
                        found.append((one, path))
                        break
                except OSError as error:  # of a file or folder that another format may do without
                    locked = locked or error
        level = [inside for path in level for inside in _folders(path)]
        if found or not 0 < len(level) <= WIDEST:
            break
    if locked and not found:
        raise locked
    return found


def _folders(path: Path) -> list[Path]:
    try:
        return listing(path, ignore)[0] if path.is_dir() else []
    except OSError:
        return []
