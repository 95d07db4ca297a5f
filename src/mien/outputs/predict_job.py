"""What `mien predict` does: photos and videos go in; tables, JSON, CSV, pages and copies come out as they are done."""

import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

from mien.core.console import COUNT, first_few, progress_bar, quantity
from mien.core.errors import InputError
from mien.core.paths import printable
from mien.core.streams import say
from mien.outputs.codings import check_formats
from mien.outputs.gallery import Gallery
from mien.outputs.inputs import find_inputs, is_video, output_paths
from mien.outputs.jobs import Outcome, PredictJob
from mien.outputs.photos import Photo, photo_columns, recognize_photos
from mien.outputs.printers import PRINTERS
from mien.outputs.settings import table_settings, with_source
from mien.outputs.tables import TableWriter, check_table
from mien.outputs.tables.settings import settings_path
from mien.outputs.video_job import interrupted, recognize_videos, table_path
from mien.recognition.recognizer import Recognizer


def run_predict_job(paths: Sequence[Path], job: PredictJob) -> int:
    """Recognise the photos and videos at `paths` and write what the job asks for.

    Returns:
        The exit code, of the photos and videos that an earlier job has done too (`PredictJob.exit_code`).

    Raises:
        InputError: a path does not exist, there is no photo or video at any, an option fits none of them, the model or
            detector cannot be used, an output cannot be written.
    """
    cores = available_cores() if job.threads is None else job.threads
    warnings.filterwarnings("ignore", module=r"PIL\.")  # odd metadata; what cannot be read we report ourselves
    ours = {path.name for path in (job.table, job.table and settings_path(job.table), job.gallery) if path}
    files, unread = find_inputs(paths, outputs=job.out, ours=ours)
    outcomes: set[Outcome] = {"unread"} if unread else set()
    videos = {file: below for file, below in files.items() if is_video(file)}
    photos = {file: below for file, below in files.items() if file not in videos}
    job.check(photos=bool(photos), videos=bool(videos))
    check_formats(job.export)
    if videos and not job.out:
        if named := next((path for path in paths if path in videos), None):
            raise InputError(f"{named}: the table of a video needs a folder; add --out FOLDER")
        some = first_few(list(map(printable, videos)))
        say(f"{quantity(len(videos), 'video')} skipped: {some}; give --out FOLDER for their tables")
    stems = output_paths(videos, job.out, "") if job.out else {}
    settings = table_settings(job, video=True) if stems else {}
    for video, stem in stems.items():  # before hours of work
        check_table(table_path(stem, job), resume=job.resume, settings=with_source(settings, video))
    outcomes |= _predict_photos(photos, job, cores) if photos else set()
    if stems:
        outcomes |= recognize_videos(make_recognizer(job, cores), stems, job, settings, threads=cores)
    return job.exit_code(outcomes)


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def make_recognizer(job: PredictJob, threads: int) -> Recognizer:
    """Return the recognizer that a job asks for. Errors as `Recognizer`."""
    return Recognizer(
        job.model,
        job.detector,
        threads=threads,
        providers=job.device,
        prior=job.prior,
        truncated=job.truncated,
        max_pixels=job.max_pixels,
        min_face=job.min_face,
        pose=job.pose,
        any_angle=job.any_angle,
    )


def _predict_photos(files: dict[Path, Path], job: PredictJob, cores: int) -> set[Outcome]:
    """Recognise photos; return the outcomes, also of those that the table has from an earlier job."""
    copies = output_paths(files, job.out, ".jpg") if job.out else None
    workers = max(1, min(cores, len(files)))  # several photos at a time; the cores that are left work on each
    recognizer = make_recognizer(job, cores // workers)
    labels = recognizer.session.info.labels
    outcomes, drawn = set[Outcome](), 0
    with ExitStack() as stack:
        pages = [path for path in (job.gallery, job.sheet) if path]
        gallery = stack.enter_context(Gallery(pages)) if pages else None
        table = _table(job, job.table, labels) if job.table else None
        left = _left(stack.enter_context(table), list(files), outcomes) if table else list(files)
        photos = recognize_photos(
            recognizer,
            left,
            copies=copies,
            portraits=gallery is not None,
            blur=job.blur != "none",
            workers=workers,
        )

        def written() -> Iterator[Photo]:
            """Yield the photos once the table and the gallery have them."""
            nonlocal drawn
            # on one terminal a progress bar and rows would run into each other
            for photo in watch(photos, len(left), quiet=(job.json or job.csv) and sys.stdout.isatty()):
                outcomes.add(photo.outcome)
                drawn += photo.faces is not None
                if table:
                    table.write(photo.to_rows())
                if gallery:
                    gallery.add(photo)
                yield photo

        try:
            printed = "json" if job.json else "csv" if job.csv else "counts" if table else "table"
            PRINTERS[printed](written(), labels)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(interrupted(job.table) if job.table else "interrupted") from None
        except BrokenPipeError:
            if job.table or gallery or copies:  # which a reader of stdout that goes away must not end in silence
                rest = f"; {job.table} has all rows so far, continue with --resume" * bool(job.table)
                raise InputError(f"stdout: its reader has gone, before all photos were done{rest}") from None
            raise
        if gallery:
            gallery.save()
    for path in filter(None, (job.table if left else None, *pages)):
        say(f"wrote {printable(path)}")
    if drawn and copies:
        say(f"wrote annotated copies of {quantity(drawn, 'photo')} to {printable(job.out)}")
    return outcomes


def _table(job: PredictJob, path: Path, labels: Sequence[str]) -> TableWriter:
    settings = table_settings(job, video=False)
    return TableWriter(path, photo_columns(labels), resume=job.resume, settings=settings)


def _left(table: TableWriter, files: Sequence[Path], outcomes: set[Outcome]) -> list[Path]:
    """Return the files that the table does not have yet; add the outcomes of those that it has."""
    names, done = set(map(printable, files)), set[str]()
    for row in table.rows():
        done.add(row["file"])
        if row["file"] in names:
            outcomes.add("unread" if row["error"] else "no face" if row["face"] is None else "face")
    left = [file for file in files if printable(file) not in done]
    if done:
        complete = f"complete with {quantity(len(done), 'photo')}"
        state = f"photos done {len(done):,}, to go {len(left):,}" if left else complete
        say(f"{table.path}: {state}")
    return left


def watch(photos: Iterable[Photo], total: int, *, quiet: bool) -> Iterator[Photo]:
    """Yield the photos; show a progress bar (unless quiet) and their problems on stderr."""
    with progress_bar(COUNT, "{task.fields[rate]}", quiet=quiet) as progress:
        task = progress.add_task("photos", total=total, rate="")
        progress.advance(task, 0)  # the clock starts here: photos come in batches, and the first takes time too
        for photo in photos:
            for line in photo.messages:
                say(line)
            speed = progress.tasks[0].speed
            progress.update(task, advance=1, rate=f"{speed:.1f} images/s" if speed else "")
            yield photo
