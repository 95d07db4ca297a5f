"""One file per dataset format, and the registry of them."""

from pathlib import Path

from mien.core import plugins
from mien.core.errors import InputError
from mien.core.files import os_errors
from mien.datasets.readers.reader import DatasetReader

BUILTIN = tuple(
    f"mien.datasets.readers.{name}:READER"
    for name in ("fer2013", "facial_expressions", "rafdb", "arrays", "image_list", "folder")
)


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
    """Return the reader and the path of the dataset: `root`, or the only folder in it (and so on).

    Args:
        root: a file or folder.
        kind: the reader's name; None recognises it.
        targets: the labelling asked for; only what has it is recognised.

    Raises:
        InputError: nothing there, or nothing known; says what was expected.
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
    inside = [root]
    with os_errors(root):
        while len(inside) == 1:
            path = inside[0]
            for one in candidates:
                if one.recognises(path):
                    if missing := one.lacks(path, targets):
                        raise InputError(f"{path}: lacks {missing}")
                    return one, path
            inside = [sub for sub in path.iterdir() if sub.is_dir() and sub.name[0] != "."] if path.is_dir() else []
    expected = "; or ".join(one.expects for one in candidates)
    empty = root.is_dir() and not any(root.iterdir())
    raise InputError(f"{root}: {'an empty folder' if empty else 'no dataset recognised'}; expected {expected}")
