"""`mien study share`: copies of a study's videos in which faces are covered, by the tables in cache/."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np

from mien.core.console import first_few, progress_bar, quantity
from mien.core.errors import InputError, did_you_mean, needs_extra
from mien.core.files import only_one
from mien.core.paths import printable
from mien.core.streams import say
from mien.faces.faces import VideoFaces
from mien.outputs.annotate_video import annotate_video
from mien.outputs.blur import FaceCover
from mien.outputs.jobs import SPARSEST
from mien.outputs.predict_job import available_cores
from mien.outputs.video_rows import from_rows
from mien.study.cache import Cached
from mien.study.clips import read_clips
from mien.study.frames import frames_paths
from mien.study.people import PersonRow, read_persons
from mien.study.project import Study
from mien.study.recognise import recognise
from mien.study.state import PERSONS

PIECE = 4096  # rows that are read at a time


def share_study(folder: Path, *, keep: Sequence[str] = (), out: Path | None = None) -> list[Path]:
    """Write a copy of each video of a study in which faces are covered; return the files.

    Nothing is drawn. What is not recognised yet is recognised first.

    Args:
        folder: of the study.
        keep: persons, as persons.csv calls them, whose faces are left as they are; VIDEO:PERSON keeps a person in one
            video only. A number that several videos have is refused: it is another person in each.
        out: the folder of the copies, by default out/shared of the study.

    Raises:
        InputError: a mistake in a file of the study, frames too far apart to follow a face, a person who is in no
            video, persons.csv of other tracks than there are now, a video that cannot be read or of which a part was
            recognised only, a copy that cannot be written.
        MissingExtra: pyarrow is not installed.
    """
    study = Study.read(folder)
    with needs_extra("study", "a study"):
        import pyarrow  # noqa: F401
    if study.settings.every > SPARSEST:
        every = f"every = {study.settings.every:g}"
        raise InputError(f"{study.file}, [settings]: {every} is too few frames to follow a face; at most {SPARSEST} s")
    target = study.out / "shared" if out is None else out
    with only_one(study.folder):
        clips = read_clips(study)
        persons = read_persons(study)
        paths = {clip.video: clip.path for clip in clips}
        kept = _kept(study, [row for row in persons if row.video in paths and not row.remove], keep)
        found = recognise(study, clips)
        tables = {video: _whole(found[path], path) for video, path in paths.items()}
        for video in kept:
            _check_tracks(study, video, tables[video], persons)
        written = []
        for video, named in frames_paths(target, list(paths)).items():
            path = named.with_suffix(".mp4")
            if path.resolve() == paths[video].resolve():
                raise InputError(f"{path}: a copy would overwrite this video; choose another folder for --out")
            _write(
                paths[video], tables[video], path, [row for row in persons if row.video == video], kept.get(video, [])
            )
            written.append(path)
    about = ""
    if keep:
        without = quantity(len(written) - len(kept), "video")
        about = f", {first_few(list(keep))} not covered; {without} without a kept person"
    say(f"wrote {quantity(len(written), 'video')} to {target}{about}; look at them before you share them")
    return written


def _kept(study: Study, persons: Sequence[PersonRow], keep: Sequence[str]) -> dict[str, list[str]]:
    """Return the persons of each video whose faces are not covered; a video without one is not in it.

    Raises:
        InputError: nobody has a name, or it is a number in several videos.
    """
    videos: dict[str, list[str]] = {}
    for row in persons:
        videos.setdefault(row.person, []).append(row.video)
    found: dict[str, list[str]] = {}
    for name in keep:
        video, _, person = name.rpartition(":")
        theirs = set(videos.get(name, ()))
        if len(theirs) > 1 and name.isdecimal():
            raise InputError(
                f"{study.folder / PERSONS}: {name} is a number of its own in each video ({first_few(sorted(theirs))}); "
                f"give the person a name in {PERSONS}, or name VIDEO:{name}"
            )
        if not theirs and video in videos.get(person, ()):
            theirs, name = {video}, person
        if not theirs:
            there = (
                f"there are {first_few(sorted(videos), 12)}"
                if videos
                else f"mien study run {study.folder} finds persons"
            )
            raise InputError(f"{study.folder / PERSONS}: no person {name}{did_you_mean(name, videos)} ({there})")
        for one in theirs:
            found.setdefault(one, []).append(name)
    return found


def _check_tracks(study: Study, video: str, cached: Cached, persons: Sequence[PersonRow]) -> None:
    """Raise InputError where a video has other tracks than persons.csv: its numbers would be other faces."""
    known = {(row.track, row.shown, row.x, row.y, row.w, row.h) for row in persons if row.video == video}
    now = {(one.track, one.shown, one.x, one.y, one.w, one.h) for one in cached.record.tracks}
    if known != now:
        raise InputError(
            f"{study.folder / PERSONS}: {video} has other tracks now; mien study run {study.folder} writes them, "
            "look at them before you keep a person"
        )


def _whole(found: Cached | str, path: Path) -> Cached:
    """Return the table of a video; InputError where there is none, or not of all of it."""
    if isinstance(found, str):
        raise InputError(found)
    if found.record.damage:
        raise InputError(f"{found.record.damage}; the faces after that are not known")
    if not found.record.covers(0.0, inf):
        until = "its end" if found.record.until is None else f"{found.record.until:g} s"
        part = f"recognised from {found.record.begin:g} s to {until} only"
        raise InputError(f"{path}: {part}; mien predict {printable(path.name)} --blur faces makes a copy of all of it")
    return found


def _write(source: Path, cached: Cached, path: Path, persons: Sequence[PersonRow], keep: Sequence[str]) -> None:
    from rich.progress import TaskProgressColumn

    names = list(dict.fromkeys(row.person for row in persons))
    number = {row.track: names.index(row.person) for row in persons if not row.remove}
    cover = FaceCover([names.index(name) for name in keep if name in names])
    with (
        annotate_video(source, path, threads=available_cores(), cover=cover, draw=False) as copy,
        progress_bar(TaskProgressColumn()) as progress,
    ):
        task = progress.add_task(path.name, total=cached.record.duration)
        for faces in _faces(cached):
            of_track = [number.get(track, -track) for track in faces.tracks.tolist()]
            copy.write(replace(faces, persons=np.array(of_track, np.int64)))
            progress.update(task, completed=faces.time)


def _faces(cached: Cached) -> Iterator[VideoFaces]:
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(cached.table) as table:
        rows = (row for batch in table.iter_batches(PIECE) for row in batch.to_pylist())
        yield from from_rows(rows, cached.record.classes)
