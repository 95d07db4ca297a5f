"""Aligns the tables of several coders on common units: photos, faces of photos, or moments of videos."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import InputError
from mien.core.labels import FERPLUS, canonical
from mien.evaluation.agreement.persons import match_persons
from mien.evaluation.agreement.tables import MISSING, SECOND, Annotation, AnnotationTable, read, video_of

STEP = 0.1  # seconds between moments
BLOCK = 10.0  # seconds that are resampled together
FILES = 10  # with so many videos, each one is a block
MOST = 10_000_000  # moments of a video; with more, the times are in another unit than seconds
MILLI = 300  # times the other's times, beyond which times seem to be milliseconds
CLASH = -2  # the code of two different labels at once
UNCLEAR = -3  # the code of a stretch that has no label on purpose

Codes = NDArray[np.int64]
Unit = tuple[str, str]  # file and face, person or track, "" where unused


@dataclass(frozen=True)
class Annotations:
    """The label of each unit by each coder."""

    coders: tuple[str, ...]
    """Names, in the order given."""
    labels: tuple[str, ...]
    """The k labels that occur, in the order of FER+."""
    codes: Codes
    """int64 [n, coders], index into `labels`, -1 where the coder gave none. At least one coder gave one."""
    blocks: NDArray[np.int64]
    """[n]: units of one block depend on each other and are resampled together."""
    unit: str
    """What a unit is, in the plural: "photos"."""
    block: str
    """What a block is, in the plural."""
    notes: tuple[str, ...] = ()
    """What was left out or changed, a sentence each."""


def align_annotations(
    paths: Sequence[Path],
    *,
    step: float | None = None,
    tolerance: float | None = None,
    block: float | Literal["file"] | None = None,
    uncoded: str | None = None,
    missing: Sequence[str] = (),
    person: Sequence[str] = (),
) -> Annotations:
    """Read the tables of at least two coders and align them on common units.

    Photos: the unit is the file, or the face of a file where every table numbers faces. Videos: the units are moments
    `step` apart, see `sample`; they belong to one video where a table names no file, and to each person where the
    tables name the same ones. A table that does not say whose labels it has is compared with the only person of the
    others.

    Args:
        paths: as `mien.evaluation.agreement.tables.read` takes them.
        step: seconds between moments, 0.1 by default; videos only, like the next three.
        tolerance: the largest distance, in seconds, of a point from its moment; half a step by default.
        block: seconds of video that are resampled together, or "file"; by default 10 seconds, files from 10 files on.
        uncoded: the label of moments that a coder of intervals left empty; without it they are missing.
        missing: labels that mean no label.
        person: the person whose labels are compared, as each table calls them; a number, a name, or a tier.

    Raises:
        InputError: a table that cannot be used, one unit twice in a table, a table without a unit in common with any
            other, several persons where it is not known who is meant, photos together with videos, or an option that
            does not fit.
    """
    if len(paths) < 2:
        raise InputError("agreement needs two coders or more; name their tables")
    _check(step, tolerance, block)
    fill = None if uncoded is None else FERPLUS.index(canonical(uncoded))
    tables = _named([read(path, missing=missing) for path in paths])
    timed = [table for table in tables if table.timed]
    if timed and len(timed) < len(tables):
        other = next(table for table in tables if not table.timed)
        raise InputError(f"{timed[0].path} codes moments, {other.path} whole files; they cannot be compared")
    options = {"step": step, "tolerance": tolerance, "block": block, "uncoded": uncoded, "person": person or None}
    given = [name for name, value in options.items() if value is not None]
    if given and not timed:
        raise InputError(f"--{given[0]} is for videos; {tables[0].path} has no times")
    aligned = _moments(tables, step or STEP, tolerance, block, fill, person) if timed else _photos(tables)
    codes, unit = aligned.codes, aligned.unit
    notes = [*(note for table in tables for note in table.notes), *aligned.notes]
    _check_shared(tables, codes)
    for table, count in zip(tables, (codes < 0).sum(axis=0).tolist(), strict=True):
        if count:
            notes.append(f"{table.name}: no label for {count:,} of the {len(codes):,} {unit} that any coder labelled")
    used = np.flatnonzero(np.bincount(codes[codes >= 0], minlength=len(FERPLUS)))
    return Annotations(
        coders=tuple(table.name for table in tables),
        labels=tuple(FERPLUS[code] for code in used),
        codes=np.where(codes >= 0, np.searchsorted(used, codes), MISSING),
        blocks=aligned.blocks,
        unit=unit,
        block=aligned.block,
        notes=tuple(notes),
    )


class _Aligned(NamedTuple):
    """`Annotations` whose codes are indices into `FERPLUS`."""

    codes: Codes
    blocks: NDArray[np.int64]
    unit: str
    block: str
    notes: list[str]


def _check(step: float | None, tolerance: float | None, block: float | str | None) -> None:
    if step is not None and not 0.001 <= step < np.inf:
        raise InputError(f"--step {step:g}: expected at least 0.001 seconds")
    if tolerance is not None and not 0 <= tolerance < np.inf:
        raise InputError(f"--tolerance {tolerance:g}: expected seconds from 0")
    if isinstance(block, float | int) and not (step or STEP) <= block < np.inf:
        raise InputError(f"--block {block:g}: expected seconds, at least the step of {step or STEP:g}; or file")


def _named(tables: list[AnnotationTable]) -> list[AnnotationTable]:
    """Return the tables with the names of their files, or with their paths where two files have the same name."""
    if len({table.name for table in tables}) == len(tables):
        return tables
    if len({table.path.resolve() for table in tables}) < len(tables):
        raise InputError(f"{tables[0].path}: a table is named twice")
    bare = [str(table.path.with_suffix("")) for table in tables]
    names = bare if len(set(bare)) == len(bare) else [str(table.path) for table in tables]
    return [replace(table, name=name) for table, name in zip(tables, names, strict=True)]


def _numbered(names: Iterable[str]) -> dict[str, int]:
    """Return each name with its number, in the order of their first occurrence."""
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def _photos(tables: Sequence[AnnotationTable]) -> _Aligned:
    notes = []
    faces = all(table.names("face") for table in tables)
    coded = [_by_unit(table, faces=faces) for table in tables]
    for table, units in zip(tables, coded, strict=True):
        several = [unit for unit, code in units.items() if code == CLASH]
        if several:
            n = f"{len(several):,} photos with several faces"
            notes.append(f"{table.name}: {n} left out, as not all tables number faces")
        units.update(dict.fromkeys(several, MISSING))
    bare = [{(PurePosixPath(file).name, part): code for (file, part), code in units.items()} for units in coded]
    alike = all(len(new) == len(old) for new, old in zip(bare, coded, strict=True))
    if alike and _apart(coded) and not _apart(bare):
        notes.append("the tables name other folders: photos are matched by the names of their files alone")
        coded = bare
    every = list(dict.fromkeys(unit for units in coded for unit in units))
    codes = np.array([[units.get(unit, MISSING) for units in coded] for unit in every], dtype=np.int64)
    files = _numbered(file for file, _ in every)
    blocks, kept = np.array([files[file] for file, _ in every], dtype=np.int64), (codes >= 0).any(axis=1)
    return _Aligned(codes[kept], blocks[kept], "faces" if faces else "photos", "photos", notes)


def _by_unit(table: AnnotationTable, *, faces: bool) -> dict[Unit, int]:
    """Return the code of each (file, face); without `faces` the face is "", and a file of several is a CLASH."""
    found: dict[Unit, int] = {}
    seen: dict[Unit, Annotation] = {}
    for row in table.rows:
        which = f"{row.file}, face {row.face}" if row.face else row.file
        _check_new(table, row, seen.setdefault((row.file, row.face), row), which)
        unit = (row.file, row.face if faces else "")
        found[unit] = CLASH if unit in found else row.code
    return found


def _check_new(table: AnnotationTable, row: Annotation, first: Annotation, what: str) -> None:
    if first is not row:
        raise InputError(f"{table.path}{row.position}: {what} is in {table.path}{first.position} too; keep one")


def _apart(coded: Sequence[Mapping[Unit, int]]) -> bool:
    """Return whether a table has no file in common with any other."""
    return _disjoint([{file for file, _ in units} for units in coded])


def _disjoint(sets: Sequence[set[str]]) -> bool:
    """Return whether a set has nothing in common with any other."""
    return any(one.isdisjoint(set().union(*sets[:index], *sets[index + 1 :])) for index, one in enumerate(sets))


def _moments(
    tables: Sequence[AnnotationTable],
    step: float,
    tolerance: float | None,
    block: float | Literal["file"] | None,
    fill: int | None,
    persons: Sequence[str],
) -> _Aligned:
    every = round(step * SECOND)
    reach = every // 2 if tolerance is None else round(tolerance * SECOND)
    tables, by_file, notes = _match_files(tables)
    tables, by = match_persons(tables, persons)
    spans = [index for index, table in enumerate(tables) if any(row.end > row.start for row in table.rows)]
    if fill is not None and not spans:
        raise InputError("--uncoded is for tables of intervals (start,end,label); there is none")
    grouped = [_by_video(table, by_file=by_file, by=by) for table in tables]
    groups = list(dict.fromkeys(group for rows in grouped for group in rows))
    files = _numbered(file for file, _ in groups)
    whole = block == "file" or (block is None and len(files) >= FILES)
    length = round((block if isinstance(block, float | int) else BLOCK) * SECOND)
    codes, blocks, clashes = [], [], np.zeros(len(tables), dtype=int)
    for group in groups:
        rows = [one.get(group, []) for one in grouped]
        steps = _grid([row for one in rows for row in one], every, reach)
        sampled = np.stack([sample(one, steps, reach) for one in rows], axis=1)
        clashes += (sampled == CLASH).sum(axis=0)
        if fill is not None:
            sampled[:, spans] = np.where(sampled[:, spans] == MISSING, fill, sampled[:, spans])
        sampled = np.maximum(sampled, MISSING)
        kept = (sampled >= 0).any(axis=1)
        codes.append(sampled[kept])
        number = files[group[0]]
        blocks.append(np.stack([np.full(kept.sum(), number), 0 * steps[kept] if whole else steps[kept] // length]))
    _, ids = np.unique(np.concatenate(blocks, axis=1), axis=1, return_inverse=True)
    notes += _odd_times(tables)
    notes += [
        f"{table.name}: {count:,} moments with several labels at once, counted as missing"
        for table, count in zip(tables, clashes.tolist(), strict=True)
        if count
    ]
    stretch = "videos" if whole else f"stretches of {length / SECOND:g} s"
    return _Aligned(np.concatenate(codes), ids.reshape(-1), f"moments {step:g} s apart", stretch, notes)


def _match_files(tables: Sequence[AnnotationTable]) -> tuple[Sequence[AnnotationTable], bool, list[str]]:
    """Return the tables with the same names for the same videos, whether units are kept apart by them, and notes."""
    known = {PurePosixPath(row.file).stem.casefold() for table in tables for row in table.rows if row.file}
    tables = [
        replace(table, rows=[row._replace(file=row.file or video_of(table.path)) for row in table.rows])
        if video_of(table.path).casefold() in known
        else table
        for table in tables
    ]
    named = [{row.file for row in table.rows if row.code != MISSING} for table in tables]
    if not all(table.names("file") for table in tables):
        for table, files in zip(tables, named, strict=True):
            if len(files) > 1:
                several = f"of {len(files)} videos, and not every table says which"
                raise InputError(f"{table.path}: {several}; give each a column file, or name it like its video")
        return tables, False, []
    for short in (str, lambda file: PurePosixPath(file).name, lambda file: PurePosixPath(file).stem):
        shortened = [{short(file).casefold() for file in files} for files in named]
        unique = all(len(new) == len(old) for new, old in zip(shortened, named, strict=True))
        if unique and not _disjoint(shortened):
            same = [
                replace(one, rows=[row._replace(file=short(row.file).casefold()) for row in one.rows]) for one in tables
            ]
            return same, True, []
    if all(len(files) == 1 for files in named):
        names = ", ".join(sorted({file for files in named for file in files}))
        return tables, False, [f"the tables name one video each, by different names, compared as one: {names}"]
    return tables, True, []


def _odd_times(tables: Sequence[AnnotationTable]) -> list[str]:
    """Return a sentence on each table whose times are about a thousand times those of another one."""
    ends = [max(row.end for row in table.rows) for table in tables]
    what_to_do = "where they are milliseconds, call the columns start_ms and end_ms"
    return [
        f"{table.name}: times to {end / SECOND:,.0f} s, in another table to {min(ends) / SECOND:,.0f} s; {what_to_do}"
        for table, end in zip(tables, ends, strict=True)
        if end > MILLI * max(min(ends), SECOND)
    ]


def _by_video(table: AnnotationTable, *, by_file: bool, by: str) -> dict[Unit, list[tuple[int, int, int]]]:
    """Return (start, end, code) by (file, person or track), "" where unused; two labels of one point are a CLASH."""
    spans: dict[Unit, list[tuple[int, int, int]]] = {}
    points: dict[Unit, dict[int, int]] = {}
    seen: dict[tuple[str, ...], Annotation] = {}
    alone = all(row.start == row.end for row in table.rows)
    for row in table.rows:
        unit = (row.file if by_file else "", getattr(row, by).casefold() if by else "")
        if row.end > row.start:
            spans.setdefault(unit, []).append((row.start, row.end, UNCLEAR if row.code == MISSING else row.code))
            continue
        if alone:
            key = (row.file, row.person, row.track, row.tier, str(row.start))
            _check_new(table, row, seen.setdefault(key, row), f"{row.start / SECOND:g} s")
        known = points.setdefault(unit, {})
        known[row.start] = row.code if known.setdefault(row.start, row.code) == row.code else CLASH
    return {
        unit: spans.get(unit, []) + [(at, at, code) for at, code in points.get(unit, {}).items()]
        for unit in dict.fromkeys([*spans, *points])
    }


def _grid(rows: Sequence[tuple[int, int, int]], every: int, reach: int) -> NDArray[np.int64]:
    first, last = min(row[0] for row in rows), max(row[1] for row in rows)
    if (last - first) / every > MOST:
        video = f"{(last - first) / SECOND:,.0f} seconds of video at a step of {every / SECOND:g}"
        raise InputError(f"{video}: more than {MOST:,} moments; are the times in seconds?")
    return np.arange(max(0, -((reach - first) // every)), (last + reach) // every + 1, dtype=np.int64) * every


def sample(rows: Sequence[tuple[int, int, int]], steps: NDArray[np.int64], reach: int) -> Codes:
    """Return a coder's code at each moment, -1 for none, -2 for two different ones at once.

    An interval includes its start and not its end. A moment in no interval gets the nearest point at most `reach` away,
    the earlier of two equally near ones.

    Args:
        rows: (start, end, code); a point has start = end.
        steps: the moments, ascending. All times are in microseconds.
        reach: the largest distance of a point from its moment.
    """
    codes, within = np.full(len(steps), MISSING, dtype=np.int64), np.zeros(len(steps), dtype=bool)
    for start, end, code in rows:
        first, after = np.searchsorted(steps, (start, end))
        clash = within[first:after] & (codes[first:after] != code)
        codes[first:after] = np.where(clash, CLASH, code)
        within[first:after] = True
    points = np.array(sorted((start, code) for start, end, code in rows if start == end), dtype=np.int64)
    if not len(points):
        return codes
    right = np.searchsorted(points[:, 0], steps).clip(max=len(points) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(steps - points[left, 0]) <= np.abs(points[right, 0] - steps), left, right)
    near = ~within & (np.abs(points[nearest, 0] - steps) <= reach)
    return np.where(near, points[nearest, 1], codes)


def _check_shared(tables: Sequence[AnnotationTable], codes: Codes) -> None:
    """Raise InputError where a table has no unit in common with any other."""

    def example(table: AnnotationTable) -> str:
        row = next((row for row in table.rows if row.code != MISSING), table.rows[0])
        return f"{row.start / SECOND:g} s" if table.timed else repr(row.file)

    coded = codes >= 0
    for index, table in enumerate(tables):
        others = np.delete(coded, index, axis=1).any(axis=1)
        if not (coded[:, index] & others).any():
            mine, theirs = example(table), example(tables[1 if index == 0 else 0])
            raise InputError(
                f"{table.path}: no unit in common with another table (it has {mine}; {theirs} is in the other)"
            )
