"""persons.csv: every track of a study's videos, the person that it probably shows, and what the user has edited.

`proposed` is what `mien.recognition.people.merge` says. `person` begins as the same number; another number, or a name,
is an edit: two persons get one name (a merge), one track of a person another name (a split). `remove` leaves a track
out of the numbers. Edits are kept over later runs. Where a video has been recognised anew and its tracks have other
numbers, an edit goes to the track that shows the same face at the same moment.

Only numbers, names and small pictures are kept, none of what faces look like; persons of two videos are never compared.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from mien.core.console import first_few, quantity
from mien.core.csv_files import from_cell, integer, number, sniff
from mien.core.errors import InputError
from mien.core.streams import say
from mien.recognition.people import TrackSummary
from mien.recognition.tracking import overlaps
from mien.study.cache import Cached, picture_path, reading
from mien.study.frames import Persons
from mien.study.project import Study
from mien.study.state import PERSONS
from mien.study.tables import write_csv

YES, NO = ("yes", "y", "x", "1", "true", "remove"), ("", "no", "n", "0", "false")
LIKE = 0.5  # intersection over union of a face in two runs


@dataclass(frozen=True)
class PersonRow:
    """A row of persons.csv; `person` and `remove` are edited. Times in seconds of the video, boxes in pixels."""

    video: str
    track: int
    person: str
    remove: str
    """yes: the track is left out of the numbers."""
    picture: str
    """The largest face of the track: a small JPEG, relative to the folder of the study."""
    first: float
    last: float
    frames: int
    proposed: int
    """The person that the track probably shows, from 1 in each video."""
    sureness: float
    """0 to 1: the probability that this is so."""
    maybe: str
    """The other person of `proposed` that it could be; empty: none."""
    shown: float
    """The frame of the picture, and the box of the face in it."""
    x: int
    y: int
    w: int
    h: int
    line: int = 0
    """In the file that was read."""

    @property
    def edited(self) -> bool:
        return self.person != str(self.proposed) or bool(self.remove)


COLUMNS = tuple(entry.name for entry in fields(PersonRow) if entry.name != "line")
TEXTS, WHOLE = ("video", "person", "remove", "picture", "maybe"), ("track", "frames", "proposed", "x", "y", "w", "h")


def read_persons(study: Study) -> list[PersonRow]:
    """Return the rows of persons.csv; none where there is no such file yet.

    Raises:
        InputError: a column is missing, or a mistake in a row; names the file and the line.
    """
    path = study.folder / PERSONS
    if not path.exists():
        return []
    table = sniff(path)
    if missing := [name for name in COLUMNS if name not in table.names]:
        what = f"no column {first_few(missing)}; put it back" if any(table.names) else "empty; put its rows back"
        raise InputError(f"{path}: {what}, or delete the file for a new one")
    found: dict[tuple[str, int], PersonRow] = {}
    for line, cells in table.rows(utf8=True):
        texts = {name: from_cell(cell.strip()) for name, cell in zip(table.names, cells, strict=True)}
        where = f"{path}:{line}"
        values: dict[str, Any] = {name: texts[name] for name in TEXTS}
        for name in COLUMNS:
            if name not in TEXTS:
                values[name] = (integer if name in WHOLE else number)(texts[name])
                if values[name] is None:
                    raise InputError(f"{where}: {name} {texts[name]!r}: not a number; edit only person and remove")
        word = texts["remove"].lower()
        if word not in YES + NO:
            raise InputError(f"{where}: remove {texts['remove']!r}: expected yes, or nothing")
        values["remove"] = "yes" if word in YES else ""
        plain = integer(texts["person"])  # spreadsheets make 1.0 of 1
        values["person"] = str(
            values["proposed"] if not texts["person"] else texts["person"] if plain is None else plain
        )
        row = PersonRow(**values, line=line)
        if twice := found.get((row.video, row.track)):
            raise InputError(f"{where}: track {row.track} of {row.video} is in line {twice.line} too; keep one row")
        found[row.video, row.track] = row
    return list(found.values())


def update_persons(study: Study, old: Sequence[PersonRow], videos: Mapping[str, Cached]) -> dict[str, Persons]:
    """Write persons.csv for the tracks that there are now, with all edits; return the person of each track by video.

    Args:
        study: the study.
        old: the rows that `read_persons` gave.
        videos: the videos that have been read, with their tables. Rows of other videos stay as they are.

    Raises:
        InputError: two tracks that are seen in one frame are to be one person, or the file cannot be written.
    """
    rows = [row for row in old if row.video not in videos]
    lost = list[PersonRow]()
    for video, cached in videos.items():
        before = [row for row in old if row.video == video]
        now, left = _with_edits([_row(study, video, cached, one) for one in cached.record.tracks], before, cached)
        _check(study, now, cached)
        rows += now
        lost += left
    if lost:
        names = first_few([f"{row.video}, track {row.track}: {row.person}" for row in lost])
        say(f"{study.folder / PERSONS}: {quantity(len(lost), 'edit')} of tracks that there are no longer ({names})")
    _write(study, rows)
    return {
        video: {row.track: None if row.remove else row.person for row in rows if row.video == video} for video in videos
    }


def _row(study: Study, video: str, cached: Cached, one: TrackSummary) -> PersonRow:
    picture = picture_path(cached.table, one.track)
    name = picture.relative_to(study.folder).as_posix() if picture.is_file() else ""
    facts = {entry.name: getattr(one, entry.name) for entry in fields(one) if entry.name not in ("person", "maybe")}
    return PersonRow(
        video=video, person=str(one.person), remove="", picture=name, proposed=one.person,
        maybe=str(one.maybe or ""), **facts,
    )  # fmt: skip


def _with_edits(
    now: Sequence[PersonRow], before: Sequence[PersonRow], cached: Cached
) -> tuple[list[PersonRow], list[PersonRow]]:
    """Return the rows with the edits of those before, and the edits that fit no row."""
    same = {(row.track, row.shown, row.x, row.y, row.w, row.h): row for row in before}
    found = {row.track: same.pop((row.track, row.shown, row.x, row.y, row.w, row.h), None) for row in now}
    edits = [row for row in same.values() if row.edited]
    lost = list[PersonRow]()
    for row, track in zip(edits, _tracks_at(edits, cached), strict=True):
        if track is None or found.get(track) is not None:
            lost.append(row)
        else:
            found[track] = row
    rows = list[PersonRow]()
    for row in now:
        edit = found[row.track]
        kept = edit is not None and edit.edited
        rows.append(replace(row, person=edit.person, remove=edit.remove, line=edit.line) if edit and kept else row)
    return rows, lost


def _tracks_at(rows: Sequence[PersonRow], cached: Cached) -> list[int | None]:
    """Return the tracks of a video's table that show the faces of rows of an earlier run."""
    if not rows:
        return []
    import pyarrow.parquet

    with reading(cached.table):
        table = pyarrow.parquet.read_table(cached.table, columns=["time", "track", "x", "y", "w", "h"])
    times, tracks = (table[name].to_numpy() for name in ("time", "track"))
    boxes = np.stack([table[name].to_numpy() for name in "xywh"], axis=1).astype(np.float32)
    found = list[int | None]()
    for row in rows:
        near = np.flatnonzero(~np.isnan(boxes[:, 0]) & (np.abs(times - row.shown) <= np.abs(times - row.shown).min()))
        shared = overlaps(np.array([[row.x, row.y, row.w, row.h]], np.float32), boxes[near])[0]
        found.append(int(tracks[near[shared.argmax()]]) if len(near) and shared.max() >= LIKE else None)
    return found


def _check(study: Study, rows: Sequence[PersonRow], cached: Cached) -> None:
    """Raise InputError where one person would be at two places in a frame."""
    names = {row.track: row for row in rows if not row.remove}
    counts = Counter(row.person for row in names.values() if any(one.edited for one in names.values()))
    if not any(count > 1 for count in counts.values()):
        return
    import pyarrow.parquet

    with reading(cached.table):
        table = pyarrow.parquet.read_table(cached.table, columns=["frame", "time", "track"])
    seen: dict[tuple[int, str], int] = {}
    for frame, time, track in zip(*(column.to_pylist() for column in table.columns), strict=True):
        row = names.get(track)
        if row is None:
            continue
        if (other := names.get(seen.setdefault((frame, row.person), track))) is not None and other.track != track:
            first, second = sorted((row, other), key=lambda one: one.line)
            raise InputError(
                f"{study.folder / PERSONS}:{second.line}: tracks {first.track} and {second.track} of {row.video} are "
                f"both {row.person!r}, and are seen together at {time:.2f} s; give them two names, or remove one"
            )


def _write(study: Study, rows: Sequence[PersonRow]) -> None:
    import pyarrow

    kinds = {**dict.fromkeys(TEXTS, pyarrow.string()), **dict.fromkeys(WHOLE, pyarrow.int64())}
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.float64())) for name in COLUMNS])
    table = pyarrow.Table.from_pylist([{name: getattr(row, name) for name in COLUMNS} for row in rows], schema)
    write_csv(study.folder / PERSONS, [table], study.output)
