"""`mien predict --shard I/N` and `--merge`: a share of the parts for each process, and one table at the end."""

import os
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mien.core.console import first_few, progress_bar, quantity
from mien.core.errors import InputError
from mien.core.files import writing
from mien.core.paths import check_local
from mien.core.streams import say
from mien.outputs.codings import check_formats
from mien.outputs.jobs import Outcome, PredictJob
from mien.outputs.photos import photo_columns
from mien.outputs.predict_job import available_cores
from mien.outputs.tables import TableWriter, check_table
from mien.outputs.tables.settings import settings_path
from mien.scale import parts
from mien.scale.parts import Part, PartRecord, PartsJob
from mien.scale.worker import PartWorker, move_files

TABLE = "faces.csv"
AGAIN = "interrupted; the same command goes on where it stopped"


def parse_shard(text: str) -> tuple[int, int]:
    """Return the number of a shard, from 1, and how many shards there are.

    Raises:
        InputError: it is not two whole numbers of which the first is from 1 to the second.

    Example:
        >>> parse_shard("3/100")
        (3, 100)
    """
    if (found := re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)) and 1 <= int(found[1]) <= int(found[2]):
        return int(found[1]), int(found[2])
    raise InputError(f"--shard {text}: expected I/N with I from 1 to N, such as 3/100")


def run_shard(paths: Sequence[Path], job: PredictJob, shard: str) -> int:
    """Recognise the photos and videos of one shard and write their parts into `job.out`. Parts that exist are done.

    Returns:
        The exit code, of the files that were done earlier too (`PredictJob.exit_code`).

    Raises:
        InputError: no such shard, an option that shards do not have, a folder with parts of another job, no input, a
            model or detector that cannot be used, or a file that cannot be written.
    """
    index, count = parse_shard(shard)
    if job.table:
        raise InputError("--shard writes parts; give --table to mien predict --merge")
    check_options(job, "--shard")
    worker = PartWorker(job, threads=available_cores() if job.threads is None else job.threads)
    about, every, unread = parts.open_job(paths, job, worker.labels)
    mine = parts.share(every, index, count)
    outcomes, left = remaining(worker.out, about, mine, f"shard {shard}")
    for record in _watched(worker, left, about):
        outcomes.update(record.outcomes)
    return max(job.exit_code(outcomes), int(unread))


def check_options(job: PredictJob, option: str) -> None:
    """Raise InputError where a job lacks --out, or has options that a job in parts does not have."""
    if not job.out:
        raise InputError(f"{option} needs a folder for the parts, the same for all processes: add --out FOLDER")
    if job.json or job.csv or job.gallery or job.sheet or job.resume:
        raise InputError(
            f"{option} writes parts and continues them: leave out --json, --csv, --gallery, --sheet, --resume"
        )
    replace(job, table=None).check(photos=False, videos=True)
    check_formats(job.export)


def remaining(folder: Path, about: PartsJob, some: Sequence[Part], name: str) -> tuple[set[Outcome], list[Part]]:
    """Return the outcomes of the parts that are done, and the other parts; say how many files that are."""
    outcomes, left = set[Outcome](), list[Part]()
    for part in some:
        if (path := parts.part_path(folder, part.name)).exists():
            outcomes.update(parts.read_part(path, about.digest, part.files).outcomes)
        else:
            left.append(part)
    to_go, total = (sum(len(part.files) for part in several) for several in (left, some))
    say(f"{folder}: {name}, files done {total - to_go:,}, to go {to_go:,}")
    return outcomes, left


def _watched(worker: PartWorker, left: Sequence[Part], about: PartsJob) -> Iterator[PartRecord]:
    """Yield the records of parts; show a progress bar, and what became of the files, on stderr."""
    from rich.progress import TaskProgressColumn

    with progress_bar(TaskProgressColumn()) as progress:
        bar = progress.add_task("files", total=sum(len(part.files) for part in left))
        try:
            for record in worker(left, about.digest, lambda share: progress.advance(bar, share)):
                say(*record.messages)
                yield record
        except KeyboardInterrupt:
            raise KeyboardInterrupt(AGAIN) from None


def merge(folder: Path, job: PredictJob) -> int:
    """Write the table of photos that one process would have written, from the parts of all shards.

    It is `faces.csv` in the folder, or `job.table`. The files of videos are in the folder already.

    Returns:
        The exit code (`PredictJob.exit_code`).

    Raises:
        InputError: no folder of parts, parts that are missing or were made with other settings, or a table that exists
            or cannot be written.
    """
    about, table = parts.read_job(folder), merged_table(folder, job)
    files_of = {parts.part_name(files): files for files in parts.cut(about.files)}
    absent = [files for name, files in files_of.items() if not parts.part_path(folder, name).exists()]
    if absent:
        missing = [file for files in absent for file in files]
        raise InputError(
            f"{folder}: {len(absent):,} of {quantity(len(files_of), 'part')} missing, with "
            f"{quantity(len(missing), 'file')} ({first_few(missing)}); run the shards again: they do what is missing"
        )
    files_with: dict[Outcome, list[str]] = {}
    expressions, photos, damaged = Counter[str](), 0, list[str]()
    with writing(table), tempfile.TemporaryDirectory(dir=_made(table.parent), prefix=".merge-") as work:
        with TableWriter(Path(work) / table.name, photo_columns(about.labels), settings=about.photos) as writer:
            for name, files in files_of.items():
                try:
                    record = parts.read_part(parts.part_path(folder, name), about.digest, files)
                except InputError as error:
                    damaged.append(str(error))
                    continue
                writer.write(record.rows)
                photos += len({row["file"] for row in record.rows})
                expressions.update(row["expression"] for row in record.rows if row.get("expression"))
                for file, outcome in zip(files, record.outcomes, strict=True):
                    files_with.setdefault(outcome, []).append(file)
        if damaged:
            more = f" (and {quantity(len(damaged) - 1, 'other')} like it)" if len(damaged) > 1 else ""
            raise InputError(damaged[0] + more)
        if photos:
            move_files(Path(work), table.parent)
    _report(folder, table, photos, len(about.files) - photos, expressions, files_with)
    return job.exit_code(files_with)


def merged_table(folder: Path, job: PredictJob) -> Path:
    """Return the table that `merge` writes. InputError where it cannot be; only one of an earlier merge is replaced."""
    table = job.table or folder / TABLE
    if os.path.lexists(table) and (job.table or not settings_path(table).exists()):
        raise InputError(f"{table}: exists already; remove it, or choose another file with --table")
    check_local(table)
    check_table(table, resume=True)
    return table


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _report(
    folder: Path,
    table: Path,
    photos: int,
    videos: int,
    expressions: Counter[str],
    files_with: Mapping[Outcome, Sequence[str]],
) -> None:
    """Say what was merged, and which files are not in it, or not as a whole."""
    if photos:
        kinds = ", ".join(f"{label} {n:,}" for label, n in expressions.most_common())
        say(
            f"{table}: {quantity(photos, 'photo')}, {quantity(expressions.total(), 'face')}"
            + f": {kinds}" * bool(kinds)
        )
    if videos:
        say(f"{folder}: {quantity(videos, 'video')}, with files of their own")
    whats: dict[Outcome, str] = {"unread": "not read", "damaged": "not read to the end", "no face": "no face found"}
    for outcome, what in whats.items():
        if files := files_with.get(outcome):
            say(f"{what}: {quantity(len(files), 'file')} ({first_few(files)})")
