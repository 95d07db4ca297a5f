"""What `mien predict` does: photos go in, a table, JSON or CSV comes out as they are done. Videos go to `clips`."""

import csv
import json
import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TextIO

import cv2
from rich.console import Console

from mien.core.console import COUNT, bar
from mien.core.errors import InputError
from mien.faces.faces import PHOTO, columns
from mien.outputs.gallery import Gallery
from mien.outputs.photos import Photo, list_inputs, printable, recognize, targets
from mien.outputs.table import TableWriter, check
from mien.outputs.video_job import VideoJob, is_video, recognize_videos
from mien.recognition.recognizer import Recognizer

Printer = Callable[[Iterable[Photo], Sequence[str], TextIO], None]


@dataclass(frozen=True)
class PredictOutputs:
    """What is made of photos and videos."""

    form: str = "table"
    """What is printed: a name of `PRINTERS`."""
    table: Path | None = None
    """A table of the faces, .csv, .jsonl or .parquet; nothing but what `form` names otherwise is printed then."""
    resume: bool = False
    """Go on with that table, and those of videos: what they hold is not recognised again."""
    out: Path | None = None
    """A folder for annotated copies, and for all that videos give."""
    gallery: tuple[Path, ...] = ()
    """Pages and contact sheets of the faces."""
    videos: VideoJob | None = None
    """How videos are worked on; None where nothing was said of them."""


def predict_files(
    paths: Sequence[Path],
    outputs: PredictOutputs,
    *,
    model: str = "default",
    detector: str = "auto",
    threads: int | None = None,
) -> int:
    """Recognise the photos and videos at `paths` and write what `outputs` asks for.

    Returns:
        The exit code: 0 when every photo and video has a face, 2 when none could be read, else 1.

    Raises:
        InputError: a path does not exist, there is no photo or video at any, an output fits none of them, the model or
            detector cannot be used, an output cannot be written.
    """
    cores = _cores() if threads is None else threads
    if cores < 1:
        raise InputError(f"threads {threads}: expected at least 1")
    warnings.filterwarnings("ignore", module=r"PIL\.")  # odd metadata; what cannot be read we say ourselves
    files = list_inputs(paths, apart=outputs.out)
    videos = {file: place for file, place in files.items() if is_video(file)}
    photos = {file: place for file, place in files.items() if file not in videos}
    _fits(outputs, bool(photos), bool(videos))
    if videos and not outputs.out:
        if named := next((path for path in paths if path in videos), None):
            raise InputError(f"{named}: the table of a video needs a place; add --out FOLDER")
        print(f"{_number(len(videos), 'video')} passed over; give --out FOLDER for their tables", file=sys.stderr)
        videos = {}
    stems = targets(videos, outputs.out, "") if outputs.out else {}
    job = replace(outputs.videos or VideoJob(), resume=outputs.resume, threads=cores)
    for stem in stems.values():  # before hours of work
        check(job.table(stem), resume=job.resume)
    missed, unread, read = _photos(photos, outputs, model, detector, cores) if photos else (0, 0, 0)
    if stems:
        cv2.setNumThreads(cores)
        found = recognize_videos(Recognizer(model, detector, threads=cores), stems, job)
        missed, unread, read = missed + found[0], unread + found[1], read + len(stems)
    return 2 if read and unread == read else int(bool(missed))


def _fits(outputs: PredictOutputs, photos: bool, videos: bool) -> None:
    """InputError where something is asked for that neither the photos nor the videos can give."""
    if outputs.resume and (outputs.gallery or not (outputs.table or videos)):
        raise InputError("--resume goes on with a table: add --table, and leave --gallery and --sheet away")
    if outputs.videos and not videos:
        raise InputError("--every, --fps, --format and --video are for videos; there is none")
    if (outputs.table or outputs.gallery or outputs.form != "table") and not photos:
        raise InputError(
            "--table, --json, --csv, --gallery and --sheet are for photos; there is none (a video's table: --out)"
        )


def _photos(
    files: dict[Path, Path], outputs: PredictOutputs, model: str, detector: str, cores: int
) -> tuple[int, int, int]:
    """Recognise photos; return how many have no face, how many of those could not be read, and how many there were.

    Those that the table has from an earlier job count too.
    """
    copies = targets(files, outputs.out, ".jpg") if outputs.out else None
    workers = min(cores, len(files))  # several photos at a time; the cores that are left work on each
    cv2.setNumThreads(cores // workers)
    recognizer = Recognizer(model, detector, threads=cores // workers)
    labels = recognizer.session.info.labels
    misses: list[Photo] = []
    left = list(files)
    with ExitStack() as stack:
        gallery = stack.enter_context(Gallery(outputs.gallery)) if outputs.gallery else None
        table = None
        if outputs.table:
            table = stack.enter_context(TableWriter(outputs.table, _columns(labels), resume=outputs.resume))
            if table.done:
                left = [file for file in files if printable(file) not in table.done]
                misses += _missed(table, files.keys() - left)
                print(f"{outputs.table}: {_how_far(len(table.done), len(left))}", file=sys.stderr)
        photos = recognize(recognizer, left, copies=copies, workers=workers, portraits=gallery is not None)
        # on one terminal a progress bar and rows would run into each other
        quiet = outputs.form in ("csv", "json") and sys.stdout.isatty()
        watched = _kept(_watched(photos, len(left), misses, quiet=quiet), table, gallery)
        printer = _count if table and outputs.form == "table" else PRINTERS[outputs.form]
        try:
            printer(watched, labels, sys.stdout)
        except KeyboardInterrupt:
            kept = f"; {outputs.table} is whole so far, go on with --resume" if table else ""
            raise KeyboardInterrupt(f"interrupted{kept}") from None
        if gallery:
            gallery.save()
    unread = sum(bool(photo.error) for photo in misses)
    return len(misses), unread, len(files)


def _missed(table: TableWriter, files: Iterable[Path]) -> list[Photo]:
    """Return those of the files that stand in the table without a face."""
    paths = {printable(file): file for file in files}
    rows = (row for row in table.rows() if row["face"] is None and row["file"] in paths)
    return [Photo(paths[row["file"]], None, row["error"] or "") for row in rows]


def _how_far(done: int, left: int) -> str:
    return f"photos done {done:,}, to go {left:,}" if left else f"whole already, with {_number(done, 'photo')}"


def _number(count: int, name: str) -> str:
    return f"{count:,} {name}{'s' * (count != 1)}"


def _kept(photos: Iterable[Photo], table: TableWriter | None, gallery: Gallery | None) -> Iterator[Photo]:
    """Pass the photos on once they stand in the table and the gallery."""
    for photo in photos:
        if table:
            table.write(_rows(photo))
        if gallery:
            gallery.add(photo)
        yield photo


def _columns(labels: Sequence[str]) -> list[str]:
    return [*columns(labels, PHOTO), "error"]


def _rows(photo: Photo) -> list[dict[str, Any]]:
    """Return a row per face; one with empty cells for a photo without a face, and why where it could not be read."""
    faces = photo.faces.to_rows() if photo.faces else []
    rows = [{"file": photo.name, "face": place, **face} for place, face in enumerate(faces)]
    detector = photo.faces.detector if photo.faces is not None else None
    return rows or [{"file": photo.name, "detector": detector, "error": photo.error or None}]


def _count(photos: Iterable[Photo], classes: Sequence[str], stream: TextIO) -> None:
    """Say on stderr, when all is done, how many faces of which expression there were; nothing of no photos."""
    counts: Counter[str] = Counter()
    number = 0
    for number, photo in enumerate(photos, 1):  # noqa: B007 - counted
        counts.update(photo.faces.labels if photo.faces else ())
    kinds = ", ".join(f"{label} {count:,}" for label, count in counts.most_common())
    said = f"{_number(number, 'photo')}, {_number(counts.total(), 'face')}"
    if number:
        print(said + (f": {kinds}" if kinds else ""), file=sys.stderr)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _watched(photos: Iterator[Photo], total: int, misses: list[Photo], *, quiet: bool) -> Iterator[Photo]:
    """Pass the photos on; on stderr a progress bar (unless quiet) and what went wrong, which `misses` gathers too."""
    with bar(COUNT, "{task.fields[rate]}", quiet=quiet) as progress:
        task = progress.add_task("", total=total, rate="")
        progress.advance(task, 0)  # the clock starts here: photos come in batches, and the first takes time too
        for photo in photos:
            if photo.problem:
                misses.append(photo)
                progress.console.print(photo.problem, markup=False, emoji=False, highlight=False, soft_wrap=True)
            speed = progress.tasks[0].speed
            progress.update(task, advance=1, rate=f"{speed:.1f} images/s" if speed else "")
            yield photo


def print_table(photos: Iterable[Photo], classes: Sequence[str], stream: TextIO) -> None:
    """Write one row per face when all photos are done: file, face, expression, the runner-up, box; and the detector."""
    from rich import box
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(
        Column("file", overflow="fold"),
        Column("face", justify="right"),
        *(Column(name, no_wrap=True) for name in ("expression", "runner-up", "box")),
        box=box.SIMPLE,
        caption_justify="left",
    )
    for photo in photos:
        notes = photo.faces.flags if photo.faces else ()
        for number, (face, note) in enumerate(zip(photo.faces.to_dicts() if photo.faces else [], notes, strict=True)):
            ranked = sorted(face["probabilities"].items(), key=lambda pair: -pair[1])
            first, second = (f"{name} {share:.0%}" for name, share in ranked[:2])
            first += f" ({note})" if note else ""
            table.add_row(Text(photo.name), str(number), first, second, " ".join(map(str, face["box"])))
            table.caption = f"  detector: {photo.faces.detector}" if photo.faces else ""
    if table.row_count:
        Console(file=stream, width=None if stream.isatty() else 10_000).print(table)


def print_json(photos: Iterable[Photo], classes: Sequence[str], stream: TextIO) -> None:
    """Write a list with one object per photo, a line each: file, detector, faces; or file, faces, error."""
    before = "[\n"
    for photo in photos:
        entry: dict[str, object] = {"file": photo.name}
        if photo.faces is not None:
            entry["detector"] = photo.faces.detector
        entry["faces"] = photo.faces.to_dicts() if photo.faces else []
        if photo.error:
            entry["error"] = photo.error
        stream.write(before + json.dumps(entry, ensure_ascii=False))
        before = ",\n"
    stream.write("[\n]\n" if before == "[\n" else "\n]\n")


def print_csv(photos: Iterable[Photo], classes: Sequence[str], stream: TextIO) -> None:
    """Write one row per face; a photo without one keeps an empty row, an unreadable one says why in the last cell."""
    names = _columns(classes)
    rows = csv.DictWriter(stream, names, restval="", lineterminator="\n")
    rows.writeheader()
    for photo in photos:
        rows.writerows(_rows(photo))


PRINTERS: dict[str, Printer] = {"table": print_table, "json": print_json, "csv": print_csv}
