"""A dataset as class folders in train, validation and test: what `mien data split` writes.

Files are copied as they are; samples that are no files of their own (rows of a CSV file, arrays, boxes in photos)
become PNG files. The source is never changed.
"""

import hashlib
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.core import images, records
from mien.core.console import first_few, notice, quantity, track
from mien.core.download import check_room
from mien.core.errors import InputError
from mien.core.files import os_errors, replacing_folder
from mien.core.paths import file_name, printable
from mien.datasets.classes import is_class_folder, is_number
from mien.datasets.clean import Source, check_new
from mien.datasets.dataset import Dataset, ImageFile, ImageSpec, cut_out
from mien.datasets.notices import notice_unused
from mien.datasets.readers import locate
from mien.datasets.reading import open_dataset
from mien.datasets.spec import DataSpec
from mien.datasets.splits import SPLITS, stratified_split


@dataclass(frozen=True)
class SplitRow:
    """A file that was written."""

    file: str
    """Its path in the folder."""
    id: str
    """Of the sample in the source."""
    person: str
    """"" where unknown."""


@dataclass(frozen=True)
class SplitManifest:
    """What manifest.json says: what was split, how, and what became of each sample."""

    source: Source
    shares: dict[str, float]
    """Of train, validation and test; they sum to 1."""
    seed: int
    links: bool
    versions: dict[str, str]
    counts: dict[str, dict[str, int]]
    """Split -> class -> images."""
    rows: list[SplitRow]


def split_folders(
    spec: DataSpec, out: Path, shares: tuple[float, float, float], *, seed: int = 0, links: bool = False
) -> SplitManifest:
    """Write a dataset to the new folder `out` as [split]/[class]/[image], with manifest.json, and return the manifest.

    Splits that the dataset has are joined and cut anew. Images of one person, where persons are known, and images that
    are pixel for pixel the same stay in one split. The cut follows from the seed and the ids, on every machine.

    Args:
        spec: which dataset; what `exclude` lists is left out.
        out: a folder that is not there yet, or empty.
        shares: of train, validation and test, as fractions or in percent; 0 makes no such split.
        seed: of the cut.
        links: write symbolic links to the files of the source in place of copies.

    Raises:
        InputError: shares that do not sum to 1 or 100, nothing to read, a class whose name no folder can have, samples
            that are no files (for `links`), or `out` cannot be written; nothing half-written is left.
    """
    wanted = _fractions(shares)
    check_new(out, spec.path)
    if spec.targets == "distribution":
        raise InputError("a class folder is one label per image; --targets distribution has several: take plurality")
    reader, root = locate(spec.path, spec.kind, spec.targets)
    files = {file.id: file for file in reader.files(root)}
    if links:
        _check_links(spec.path, root, files)
    table = _labelled(spec, open_dataset(spec, shares=(0.0, 0.0)).used())
    keys = _keys(table)
    table = replace(table, splits=stratified_split(table.hard, keys, wanted, seed))
    _notices(spec, table, keys, wanted)
    targets = _target_paths(table, files)
    with os_errors(out), replacing_folder(out) as part:
        if not links:
            copied = [files[id].path for id in table.ids.tolist() if id in files and not files[id].box]
            check_room(part, sum(path.stat().st_size for path in copied))
        for target, source in track(zip(targets, _sources(spec, table, files), strict=True), "writing", len(targets)):
            _write(part / target, source, links=links)
        ids, groups = table.ids.tolist(), table.groups.tolist()
        manifest = SplitManifest(
            source=Source(str(spec.path.resolve()), reader.name, len(table.ids), table.fingerprint),
            shares=wanted,
            seed=seed,
            links=links,
            versions={"mien": version("mien"), "numpy": np.__version__},
            counts=table.counts,
            rows=[
                SplitRow(printable(target.as_posix()), *row) for target, *row in zip(targets, ids, groups, strict=True)
            ],
        )
        records.write(part / "manifest.json", manifest)
    return manifest


def _fractions(shares: tuple[float, float, float]) -> dict[str, float]:
    """Return split -> share, without those of 0. InputError where they do not sum to 1 or 100."""
    total = sum(shares)
    given = " ".join(f"{share:g}" for share in shares)
    if not all(share >= 0 for share in shares) or not (np.isclose(total, 1) or np.isclose(total, 100)):
        raise InputError(f"--shares {given}: expected three shares of train, validation and test whose sum is 100")
    if not shares[0]:
        raise InputError(f"--shares {given}: nothing is left to train on")
    return {split: share / total for split, share in zip(SPLITS, shares, strict=True) if share}


def _check_links(path: Path, root: Path, files: Mapping[str, ImageFile]) -> None:
    if not root.resolve().is_relative_to(path.resolve()):
        raise InputError(f"{path}: an archive, to whose files nothing can link; unpack it first, or leave --links away")
    if not files or any(file.box for file in files.values()):
        raise InputError(f"{path}: its samples are no files of their own, so nothing can be linked; leave --links away")


def _labelled(spec: DataSpec, table: Dataset) -> Dataset:
    """Return the samples that have a label; says what is left out, and that splits are joined."""
    path = printable(spec.path)
    for name in table.classes:
        if file_name(name) != name or not is_class_folder(name) or is_number(name):
            raise InputError(f"{path}: class {name!r}: not the name that a class folder can have; rename the class")
    notice_unused(spec, table)
    known = table.hard >= 0
    if not known.any():
        raise InputError(f"{path}: none of its samples has a label")
    if gone := int((~known).sum()):
        notice(f"{path}: left out: {gone:,} of {quantity(len(known), 'sample')}, without a label")
    table = replace(table, splits=np.where(known, table.splits, "")).used()
    own = {split: sum(held.values()) for split, held in table.counts.items()}
    if len(own) > 1:
        parts = ", ".join(f"{split} {count:,}" for split, count in own.items())
        notice(f"{path}: its own splits ({parts}) are joined and cut anew")
    return table


def _keys(table: Dataset) -> NDArray[np.str_]:
    """Return str [n], what stays in one split: the person, else the id of the first image with the same pixels."""
    first: dict[bytes, str] = {}
    keys = table.groups.tolist()
    for row in np.argsort(table.ids).tolist():
        if not keys[row]:
            keys[row] = first.setdefault(hashlib.sha256(table.images[row].tobytes()).digest(), str(table.ids[row]))
    return np.array(keys)


def _notices(spec: DataSpec, table: Dataset, keys: NDArray[np.str_], wanted: Mapping[str, float]) -> None:
    path, alone = printable(spec.path), table.groups == ""
    if copies := int(alone.sum()) - len(np.unique(keys[alone])):
        are, them = ("is the same as another", "it") if copies == 1 else ("are the same as others", "them")
        side = table.images.shape[1]
        notice(f"{path}: {quantity(copies, 'image')} {are} at {side} x {side} pixels, and in one split with {them}")
    present = {name for held in table.counts.values() for name, count in held.items() if count}
    for split in wanted:
        held = table.counts.get(split, {})
        if absent := [name for name in table.classes if name in present and not held.get(name)]:
            notice(f"{path}: NO {split} image of {first_few(absent, 10)}")


def _target_paths(table: Dataset, files: Mapping[str, ImageFile]) -> list[Path]:
    """Return where each sample goes: under its file's name, with a number where its class has that name already."""
    used = set[tuple[str, str]]()
    numbers = Counter[tuple[str, Path]]()
    targets = []
    for id, code, split in zip(table.ids.tolist(), table.hard.tolist(), table.splits.tolist(), strict=True):
        file, label = files.get(id), table.classes[code]
        plain = name = Path(file.path.name if file and not file.box else f"{file_name(id)}.png")
        while (label, str(name).casefold()) in used:
            numbers[label, plain] += 1
            name = plain.with_stem(f"{plain.stem}-{numbers[label, plain] + 1}")
        used.add((label, str(name).casefold()))
        targets.append(Path(split, label, name))
    return targets


def _sources(spec: DataSpec, table: Dataset, files: Mapping[str, ImageFile]) -> Iterator[Path | images.Pixels]:
    """Yield each sample as a file, or as pixels of their own size and channels."""
    if files:
        for id in table.ids.tolist():
            file = files[id]
            if not file.box:
                yield file.path
                continue
            with images.reading(file.path) as loaded:
                yield cut_out(loaded, file.box)
        return
    side = max(int(length) for size in table.sizes for length in size.split(" x "))
    whole = open_dataset(spec, ImageSpec(side, 3), shares=(0.0, 0.0), cache=False)
    rows = {id: row for row, id in enumerate(whole.ids.tolist())}
    for id in table.ids.tolist():
        pixels = whole.images[rows[id]]
        grey = (pixels == pixels[:, :, :1]).all()
        yield pixels[:, :, 0] if grey else pixels


def _write(path: Path, source: Path | images.Pixels, *, links: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(source, np.ndarray):
        Image.fromarray(source).save(path)
    elif links:
        path.symlink_to(source.resolve())
    else:
        shutil.copy2(source, path)
