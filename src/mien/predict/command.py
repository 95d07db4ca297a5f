"""What `mien predict` does: photos go in, a table, JSON or CSV comes out as they are done; videos go to `clips`."""

import csv
import json
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

import cv2
from rich.console import Console

from mien.errors import InputError
from mien.predict.clips import Job, is_video, recognize_videos, stems
from mien.predict.files import Photo, gather, recognize, targets
from mien.predict.photo import Recognizer

Writer = Callable[[Iterable[Photo], Sequence[str], TextIO], None]


def predict_files(
    paths: Sequence[Path],
    form: str,
    *,
    model: str = "default",
    detector: str = "haar",
    out: Path | None = None,
    threads: int | None = None,
    job: Job | None = None,
) -> int:
    """Recognise the photos and videos at `paths`: photos to stdout as `form` (a name of `WRITERS`), videos below `out`.

    Args:
        job: how videos are worked on; None where nothing was asked.

    Returns:
        The exit code: 0 when every photo and video has a face, 2 when none could be read, else 1.

    Raises:
        InputError: a path does not exist, there is no photo or video at any, a video and no `out`, videos are asked
            for and there is none, the model cannot be used, or a file cannot be written.
    """
    cores = _cores() if threads is None else threads
    if cores < 1:
        raise InputError(f"threads {threads}: expected at least 1")
    warnings.filterwarnings("ignore", module=r"PIL\.")  # odd metadata; what cannot be read we say ourselves
    files = gather(paths, apart=out)
    videos = {file: place for file, place in files.items() if is_video(file)}
    if job and not videos:
        raise InputError("--every, --fps, --format, --video and --resume are for videos; there is none")
    if videos and not out:
        if named := next((path for path in paths if path in videos), None):
            raise InputError(f"{named}: the table of a video needs a place; add --out FOLDER")
        print(f"{len(videos)} videos passed over; --out FOLDER makes their tables", file=sys.stderr)
        videos = {}
    photos = {file: place for file, place in files.items() if not is_video(file)}
    missed, unread = _photos(photos, form, model=model, detector=detector, out=out, cores=cores) if photos else (0, 0)
    if videos and out:
        cv2.setNumThreads(cores)
        recognizer = Recognizer(model, detector, threads=cores)
        more = recognize_videos(recognizer, stems(videos, out), replace(job or Job(), threads=cores))
        missed, unread = missed + more[0], unread + more[1]
    return 2 if unread == len(photos) + len(videos) > 0 else int(bool(missed))


def _photos(
    files: dict[Path, Path], form: str, *, model: str, detector: str, out: Path | None, cores: int
) -> tuple[int, int]:
    """Recognise photos; return how many have no face, and how many of those could not be read."""
    copies = targets(files, out) if out else None
    workers = min(cores, len(files))  # several photos at a time; the cores that are left work on each
    cv2.setNumThreads(cores // workers)
    recognizer = Recognizer(model, detector, threads=cores // workers)
    photos = recognize(recognizer, list(files), copies=copies, workers=workers)
    misses: list[Photo] = []
    # on one terminal a progress bar and rows would run into each other
    quiet = not sys.stderr.isatty() or (form != "table" and sys.stdout.isatty())
    WRITERS[form](_watched(photos, len(files), misses, quiet=quiet), recognizer.session.info.labels, sys.stdout)
    return len(misses), sum(bool(photo.error) for photo in misses)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _watched(photos: Iterator[Photo], total: int, misses: list[Photo], *, quiet: bool) -> Iterator[Photo]:
    """Pass the photos on; on stderr a progress bar (unless quiet) and what went wrong, which `misses` gathers too."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=quiet, transient=True, redirect_stdout=False) as progress:
        task = progress.add_task("", total=total, rate="")
        for photo in photos:
            if photo.problem:
                misses.append(photo)
                console.print(photo.problem, markup=False, emoji=False, highlight=False, soft_wrap=True)
            speed = progress.tasks[0].speed
            progress.update(task, advance=1, rate=f"{speed:.1f} images/s" if speed else "")
            yield photo


def write_table(photos: Iterable[Photo], classes: Sequence[str], stream: TextIO) -> None:
    """Write one row per face when all photos are done: file, face, expression, confidence, the runner-up, box."""
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(
        Column("file", overflow="fold"),
        Column("face", justify="right"),
        "expression",
        Column("confidence", justify="right"),
        "runner-up",
        *(Column(name, justify="right") for name in ("x", "y", "width", "height")),
        box=box.SIMPLE,
    )
    for photo in photos:
        for number, face in enumerate(photo.faces.to_dicts() if photo.faces else []):
            first, second = sorted(face["probabilities"].items(), key=lambda pair: -pair[1])[:2]
            runner_up = f"{second[0]} {second[1]:.0%}"
            table.add_row(Text(photo.name), str(number), first[0], f"{first[1]:.0%}", runner_up, *map(str, face["box"]))
    if table.row_count:
        Console(file=stream, width=None if stream.isatty() else 10_000).print(table)


def write_json(photos: Iterable[Photo], classes: Sequence[str], stream: TextIO) -> None:
    """Write a list with one object per photo, a line each: file and faces; error too where it could not be read."""
    before = "[\n"
    for photo in photos:
        entry: dict[str, object] = {"file": photo.name, "faces": photo.faces.to_dicts() if photo.faces else []}
        if photo.error:
            entry["error"] = photo.error
        stream.write(before + json.dumps(entry, ensure_ascii=False))
        before = ",\n"
    stream.write("\n]\n")


def write_csv(photos: Iterable[Photo], classes: Sequence[str], stream: TextIO) -> None:
    """Write one row per face; a photo without one keeps an empty row, an unreadable one says why in the last cell."""
    rows = csv.writer(stream, lineterminator="\n")
    probabilities = [f"p_{name}" for name in classes]
    rows.writerow(["file", "face", "x", "y", "w", "h", "expression", "confidence", *probabilities, "error"])
    for photo in photos:
        faces = photo.faces.to_dicts() if photo.faces else []
        for number, face in enumerate(faces):
            values = face["probabilities"].values()
            rows.writerow([photo.name, number, *face["box"], face["expression"], face["confidence"], *values, ""])
        if not faces:
            rows.writerow([photo.name, *[""] * (7 + len(classes)), photo.error])


WRITERS: dict[str, Writer] = {"table": write_table, "json": write_json, "csv": write_csv}
