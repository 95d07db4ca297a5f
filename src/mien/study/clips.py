"""The videos of a study: the rows of videos.csv, or what a pattern in study.toml finds."""

import glob
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from mien.core.console import first_few, notice, quantity
from mien.core.csv_files import csv_text, from_cell, is_csv, seconds, sniff
from mien.core.errors import InputError, did_you_mean
from mien.core.paths import printable, relative
from mien.recognition.video import SUFFIXES
from mien.study.project import Study

COLUMNS = ("participant", "session", "condition", "file", "start", "end", "offset")
KEY = ("participant", "session", "condition")
FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Clip:
    """A row of the videos: a file, or a part of one, and what it shows."""

    participant: str
    session: str
    condition: str
    file: str
    """As in videos.csv: relative to the folder of the study."""
    path: Path
    video: str
    """The name of the file; with its folders where two files have one name."""
    start: float = 0.0
    end: float = inf
    """Seconds of the video: frames from `start` on, before `end`."""
    offset: float = 0.0
    """Seconds that are added to times of the video for times of the study."""
    line: int = 0
    """In videos.csv; 0: a pattern found it."""


def read_clips(study: Study) -> list[Clip]:
    """Return the rows of a study's videos, in order.

    Raises:
        InputError: no row, or a mistake in one; names the file and the line.
    """
    named = study.study.videos
    rows = _from_table(study, study.path(named)) if is_csv(Path(named)) else find_videos(study.folder, named)
    if not rows:
        raise InputError(f"{study.folder / named}: no videos; add a row for each, or give a pattern in study.toml")
    _note_alike(study.folder / named, rows)
    files = {row.path for row in rows}
    names = Counter(file.name for file in files)
    clips = []
    for row in rows:
        unique = row.path.name if names[row.path.name] == 1 else Path(row.file).as_posix()
        clips.append(replace(row, video=printable(unique)))
    return clips


def _note_alike(path: Path, rows: Sequence[Clip]) -> None:
    """Say which names differ in capitals or spaces only: they count as two participants, or two conditions."""
    for name in KEY:
        spellings: dict[str, set[str]] = {}
        for row in rows:
            found = getattr(row, name)
            spellings.setdefault(unicodedata.normalize("NFKC", found).casefold().replace(" ", ""), set()).add(found)
        for several in spellings.values():
            if len(several) > 1:
                names = " and ".join(map(repr, sorted(several)))
                notice(f"{path}: {name} {names} count as {len(several)}; if they are one, write them alike")


def find_videos(folder: Path, pattern: str) -> list[Clip]:
    """Return a clip for each file that a pattern, relative to `folder`, finds.

    `{participant}`, `{session}` and `{condition}` in the pattern stand for a part of the name; without the first, the
    participant is the file's name without its suffix. A folder stands for all videos in it.

    Raises:
        InputError: another name in braces, or one of them twice.
    """
    for name in (names := FIELD.findall(pattern)):
        if name not in KEY or names.count(name) > 1:
            known = ", ".join(f"{{{one}}}" for one in KEY)
            raise InputError(f"{pattern}: {{{name}}}: expected any of {known}, none of them twice")
    place = folder / Path(pattern).expanduser()
    if place.is_file():
        found = [place]
    elif place.is_dir():
        found = [one for one in sorted(place.rglob("*")) if one.suffix.lower() in SUFFIXES and one.is_file()]
    else:
        root = "" if Path(pattern).expanduser().is_absolute() else f"{glob.escape(str(folder))}/"
        every = glob.glob(root + FIELD.sub("*", str(Path(pattern).expanduser())), recursive=True)  # noqa: PTH207
        found = [one for one in map(Path, sorted(every)) if one.is_file()]
    found = [one for one in found if not any(part.startswith(".") for part in one.relative_to(one.anchor).parts[-1:])]
    others = [printable(one.name) for one in found if one.suffix.lower() not in SUFFIXES]
    if others:
        notice(f"passed over: {quantity(len(others), 'file')} that no video is called like ({first_few(others)})")
    return [_clip(folder, place, one) for one in found if one.suffix.lower() in SUFFIXES]


def _clip(folder: Path, place: Path, path: Path) -> Clip:
    """Return the clip of a found file, with the parts of its name that the pattern names."""
    parts = re.split(FIELD, str(place))
    texts = [
        re.escape(text).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*").replace(r"\?", ".") for text in parts[::2]
    ]
    text = texts[0] + "".join(f"(?P<{name}>[^/]+?){rest}" for name, rest in zip(parts[1::2], texts[1:], strict=True))
    match = re.fullmatch(text, str(path))
    found = {**dict.fromkeys(KEY, ""), "participant": path.stem, **(match.groupdict() if match else {})}
    participant, session, condition = (found[name] for name in KEY)
    return Clip(participant, session, condition, relative(path, folder), path, "")


def clips_table(clips: Sequence[Clip]) -> str:
    """Return the text of videos.csv."""
    rows = [[clip.participant, clip.session, clip.condition, clip.file, *_window(clip)] for clip in clips]
    return csv_text([COLUMNS, *rows])


def _window(clip: Clip) -> list[float | None]:
    return [clip.start or None, None if clip.end == inf else clip.end, clip.offset or None]


def _from_table(study: Study, path: Path) -> list[Clip]:
    if not path.is_file():
        raise InputError(f"{path}: no such file; it is named in {study.folder / 'study.toml'}, [study], videos")
    table = sniff(path)
    if "file" not in table.names:
        here = f"columns {', '.join(table.header)[:80]!r}" if any(table.header) else "empty"
        others = ", ".join(name for name in COLUMNS if name != "file")
        raise InputError(f"{path}: {here}; expected a column file, and if the study has them {others}")
    if unused := [name for name in table.header if name.lower() not in COLUMNS]:
        missing = [name for name in COLUMNS if name not in table.names]
        near = "".join(dict.fromkeys(did_you_mean(name.lower(), missing) for name in unused))
        notice(f"{path}: {quantity(len(unused), 'column')} not used ({first_few(unused)}){near}")
    clips: list[Clip] = []
    lines: dict[tuple[str, ...], list[tuple[int, Clip]]] = {}
    for line, cells in table.rows(utf8=True):
        found = {name: from_cell(cell.strip()) for name, cell in zip(table.names, cells, strict=True)}
        where = f"{path}:{line}"
        if not found["file"]:
            raise InputError(f"{where}: no file named")
        file = study.path(found["file"])
        times = {name: _time(found.get(name, ""), name, where) for name in ("start", "end", "offset")}
        clip = Clip(
            participant=found.get("participant") or file.stem,
            session=found.get("session", ""),
            condition=found.get("condition", ""),
            file=found["file"],
            path=file,
            video="",
            start=times["start"] or 0.0,
            end=inf if times["end"] is None else times["end"],
            offset=times["offset"] or 0.0,
            line=line,
        )
        if clip.end <= clip.start:
            raise InputError(f"{where}: ends at {found['end']}, not after its start {found.get('start') or 0}")
        for earlier, other in lines.setdefault((clip.participant, str(file.resolve())), []):
            same = f"{where}: the same participant and video as line {earlier}"
            if clip.start < other.end and other.start < clip.end:
                raise InputError(f"{same}, at the same time; keep one")
            if (clip.session, clip.condition) == (other.session, other.condition) and clip.offset != other.offset:
                raise InputError(f"{same}, session and condition too, with another offset; give them one offset")
        lines[clip.participant, str(file.resolve())].append((line, clip))
        clips.append(clip)
    return clips


def _time(text: str, name: str, where: str) -> float | None:
    if not text:
        return None
    found = seconds(text.removeprefix("-")) if name == "offset" else seconds(text)
    if found is None:
        raise InputError(f"{where}: {name} {text!r}: expected seconds, or hh:mm:ss.mmm")
    return -found if text.startswith("-") else found
