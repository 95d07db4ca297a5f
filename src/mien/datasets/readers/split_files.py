"""A dataset of one file, or of a file for each split: which of those in a folder are read, and how they are joined."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mien.core.console import first_few
from mien.core.errors import InputError
from mien.core.paths import printable
from mien.datasets.dataset import Dataset
from mien.datasets.splits import find_splits


@dataclass(frozen=True)
class SplitFiles:
    """The files that are read, and the split of each, "" where its rows say it or nothing does; and the others."""

    splits: dict[Path, str]
    others: tuple[Path, ...] = ()

    @property
    def names(self) -> dict[Path, str]:
        """What the ids of a file begin with: nothing where it is the only one."""
        several = len(self.splits) > 1
        return {path: f"{printable(path.stem)}:" if several else "" for path in self.splits}

    @property
    def joined(self) -> list[str]:
        """A sentence about each split that several files mean."""
        files: dict[str, list[str]] = {}
        for path, split in self.splits.items():
            files.setdefault(split, []).append(printable(path.name))
        return [
            f"{' and '.join(names)} all mean the split {split}; they are joined"
            for split, names in files.items()
            if len(names) > 1
        ]


def choose(whole: Mapping[Path, bool], first: str) -> SplitFiles:
    """Return which of the files in a folder are read.

    The file called `first`, else the only one whose rows name their split, else those called train, validation, test
    in any of the ways of `splits.find_splits`.

    Args:
        whole: file -> whether its rows name their split.
        first: the name, in lower case, of the file that holds the whole dataset.

    Raises:
        InputError: several files, and nothing says which is meant.
    """
    stems = {path: path.name.partition(".")[0] for path in whole}
    named = find_splits(stems.values())
    splits = {path: named[stem] for path, stem in stems.items() if stem in named}
    known = [path for path in whole if path.name.lower() == first] or [path for path in whole if whole[path]]
    if len(known) == 1 or len(whole) == 1:
        path = next(iter(known or whole))
        chosen = {path: "" if whole[path] else splits.get(path, "")}
    elif splits and not known:
        chosen = splits
    elif whole:
        names = first_few([printable(path.name) for path in known or whole])
        raise InputError(
            f"{next(iter(whole)).parent}: several files with labelled images ({names}), and none is called train; "
            "give one of them as the path, or call them train, val and test"
        )
    else:
        chosen = {}
    return SplitFiles(chosen, tuple(path for path in whole if path not in chosen))


def join(files: SplitFiles, tables: Sequence[Dataset]) -> Dataset:
    """Return the tables of `files` as one, their ids and the splits of their rows by file."""
    classes = tuple(dict.fromkeys(name for table in tables for name in table.classes))
    if all(table.classes == tuple(sorted(table.classes)) for table in tables):
        classes = tuple(sorted(classes))
    codes = [np.array([classes.index(name) for name in table.classes]) for table in tables]
    sizes: dict[str, int] = {}
    for table in tables:
        sizes |= {size: sizes.get(size, 0) + count for size, count in table.sizes.items()}
    parts = list(zip(files.splits, tables, strict=True))
    return replace(
        tables[0],
        images=tables[0].images if len(tables) == 1 else np.concatenate([table.images for table in tables]),
        labels=np.concatenate([code[table.labels] for code, table in zip(codes, tables, strict=True)]),
        ids=np.array([f"{files.names[path]}{name}" for path, table in parts for name in table.ids.tolist()]),
        splits=np.concatenate(
            [np.where(table.splits == "", files.splits[path], table.splits).astype("<U10") for path, table in parts]
        ),
        groups=np.concatenate([table.groups for table in tables]),
        classes=classes,
        sizes=sizes,
        sides=np.concatenate([table.sides for table in tables]),
        problems=tables[-1].problems,  # they were gathered in one list
    )


def rows_of(files: SplitFiles, ids: Collection[str]) -> dict[Path, set[int]]:
    """Return file -> the numbers of its rows among ids that `join` made."""
    rows: dict[Path, set[int]] = {path: set() for path in files.splits}
    start = {name: path for path, name in files.names.items()}
    for one in ids:
        name, colon, row = one.rpartition(":")
        rows[start[name + colon]].add(int(row))
    return rows
