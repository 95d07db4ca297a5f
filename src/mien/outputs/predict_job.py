"""What `mien predict` does: photos and videos go in; tables, JSON, CSV, pages and copies come out as they are done."""

import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from mien.core.console import COUNT, bar, count
from mien.core.errors import InputError
from mien.outputs.gallery import Gallery
from mien.outputs.inputs import is_video, list_inputs, output_paths, printable
from mien.outputs.jobs import Counts, PredictJob, VideoJob
from mien.outputs.photos import Photo, photo_columns, recognize_photos
from mien.outputs.printers import PRINTERS
from mien.outputs.tables import TableWriter, check_table
from mien.outputs.video_job import interrupted, recognize_videos, table_path
from mien.recognition.recognizer import Recognizer


def run_predict_job(paths: Sequence[Path], job: PredictJob) -> int:
    """Recognise the photos and videos at `paths` and write what the job asks for.

    Returns:
        The exit code: 0 when every photo and video has a face, 2 when none could be read, else 1.

    Raises:
        InputError: a path does not exist, there is no photo or video at any, an option fits none of them, the model or
            detector cannot be used, an output cannot be written.
    """
    cores = _cores() if job.threads is None else job.threads
    if cores < 1:
        raise InputError(f"threads {cores}: expected at least 1")
    warnings.filterwarnings("ignore", module=r"PIL\.")  # odd metadata; what cannot be read we report ourselves
    files = list_inputs(paths, outputs=job.out)
    videos = {file: below for file, below in files.items() if is_video(file)}
    photos = {file: below for file, below in files.items() if file not in videos}
    _check(job, photos=bool(photos), videos=bool(videos))
    if videos and not job.out:
        if named := next((path for path in paths if path in videos), None):
            raise InputError(f"{named}: the table of a video needs a folder; add --out FOLDER")
        print(f"{count(len(videos), 'video')} skipped; give --out FOLDER for their tables", file=sys.stderr)
    stems = output_paths(videos, job.out, "") if job.out else {}
    for stem in stems.values():  # before hours of work
        check_table(table_path(stem, job.videos), resume=job.resume)
    counts = _predict_photos(photos, job, cores) if photos else Counts()
    if stems:
        recognizer = Recognizer(job.model, job.detector, threads=cores)
        counts += recognize_videos(recognizer, stems, job.videos, resume=job.resume, threads=cores)
    return counts.exit_code


def _check(job: PredictJob, *, photos: bool, videos: bool) -> None:
    """Raise InputError where options exclude each other, or are for inputs that are not there."""
    pages = job.gallery or job.sheet
    job.videos.seconds()
    if job.json and job.csv:
        raise InputError("--json and --csv: choose one")
    if job.resume and (pages or not (job.table or videos)):
        raise InputError("--resume continues a table: add --table, and leave --gallery and --sheet away")
    if job.videos != VideoJob() and not videos:
        raise InputError("--every, --fps, --format and --video are for videos; there is none")
    if (job.table or pages or job.json or job.csv) and not photos:
        raise InputError(
            "--table, --json, --csv, --gallery and --sheet are for photos; there is none (a video's table: --out)"
        )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _predict_photos(files: dict[Path, Path], job: PredictJob, cores: int) -> Counts:
    """Recognise photos; those that the table has from an earlier job count too."""
    copies = output_paths(files, job.out, ".jpg") if job.out else None
    workers = min(cores, len(files))  # several photos at a time; the cores that are left work on each
    recognizer = Recognizer(job.model, job.detector, threads=cores // workers)
    labels = recognizer.session.info.labels
    missed: list[Photo] = []
    with ExitStack() as stack:
        pages = [path for path in (job.gallery, job.sheet) if path]
        gallery = stack.enter_context(Gallery(pages)) if pages else None
        table, left = None, list(files)
        if job.table:
            table = stack.enter_context(TableWriter(job.table, photo_columns(labels), resume=job.resume))
            left = _left(table, files, missed)
        photos = recognize_photos(recognizer, left, copies=copies, portraits=gallery is not None, workers=workers)

        def written() -> Iterator[Photo]:
            """Yield the photos once the table and the gallery have them."""
            # on one terminal a progress bar and rows would run into each other
            for photo in watch(photos, len(left), quiet=(job.json or job.csv) and sys.stdout.isatty()):
                if photo.problem:
                    missed.append(photo)
                if table:
                    table.write(photo.to_rows())
                if gallery:
                    gallery.add(photo)
                yield photo

        try:
            printer = _print_counts if table and not (job.json or job.csv) else PRINTERS[job.printed]
            printer(written(), labels, sys.stdout)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(interrupted(job.table) if job.table else "interrupted") from None
        if gallery:
            gallery.save()
    return Counts(len(files), len(missed), sum(bool(photo.error) for photo in missed))


def _left(table: TableWriter, files: Iterable[Path], missed: list[Photo]) -> list[Path]:
    """Return the files that the table does not have yet; those it has without a face become `missed`."""
    paths = {printable(file): file for file in files}
    done = set[str]()
    for row in table.rows():
        done.add(row["file"])
        if row["face"] is None and row["file"] in paths:
            missed.append(Photo(paths[row["file"]], None, row["error"] or ""))
    left = [file for file in files if printable(file) not in done]
    if done:
        state = (
            f"photos done {len(done):,}, to go {len(left):,}" if left else f"complete with {count(len(done), 'photo')}"
        )
        print(f"{table.path}: {state}", file=sys.stderr)
    return left


def watch(photos: Iterable[Photo], total: int, *, quiet: bool) -> Iterator[Photo]:
    """Yield the photos; show a progress bar (unless quiet) and their problems on stderr."""
    with bar(COUNT, "{task.fields[rate]}", quiet=quiet) as progress:
        task = progress.add_task("photos", total=total, rate="")
        progress.advance(task, 0)  # the clock starts here: photos come in batches, and the first takes time too
        for photo in photos:
            if photo.problem:
                progress.console.print(photo.problem, markup=False, emoji=False, highlight=False, soft_wrap=True)
            speed = progress.tasks[0].speed
            progress.update(task, advance=1, rate=f"{speed:.1f} images/s" if speed else "")
            yield photo


def _print_counts(photos: Iterable[Photo], classes: Sequence[str], stream: TextIO) -> None:
    """Say on stderr, when all is done, how many faces of which expression there were; nothing of no photos."""
    faces: Counter[str] = Counter()
    number = 0
    for number, photo in enumerate(photos, 1):  # noqa: B007 - counted
        faces.update(photo.faces.labels if photo.faces else ())
    if number:
        kinds = ", ".join(f"{label} {n:,}" for label, n in faces.most_common())
        print(
            f"{count(number, 'photo')}, {count(faces.total(), 'face')}" + (f": {kinds}" if kinds else ""),
            file=sys.stderr,
        )
