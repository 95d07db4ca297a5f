"""What the networks say about the videos of a study: one table per video in cache/, several videos at a time.

A table is done once its `Recognised` is written; until then it is continued, with the same rows as without the
interruption. Both are named after what decides the rows: the bytes of the video and the settings of recognition. So a
file that is renamed or copied is not recognised again, and another model does not overwrite what the first one said.
"""

import functools
import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, MutableSequence, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from mien.core import records
from mien.core.console import progress_bar, quantity
from mien.core.errors import InputError
from mien.core.files import replacing
from mien.core.paths import printable
from mien.core.streams import say
from mien.faces.faces import FRAME, VideoFaces, columns
from mien.outputs.jobs import PredictJob
from mien.outputs.predict_job import available_cores, make_recognizer
from mien.outputs.settings import table_settings
from mien.outputs.tables import TableWriter
from mien.outputs.tables.settings import Settings, compared
from mien.outputs.video_rows import from_rows, to_rows
from mien.recognition.people import People, TrackSummary, merge
from mien.recognition.recognizer import Recognizer
from mien.recognition.video import Video
from mien.scale import ray_engine
from mien.scale.ray_engine import Engine
from mien.study.clips import Clip
from mien.study.project import Study

FILES = "files.json"
BASE = 300_000_000  # bytes of a process with the networks in it
FRAMES = 12  # frames in RGB that reading a video takes at most, the decoder's own included


@dataclass(frozen=True)
class KnownFile:
    """A video as it was when its bytes were last read: where size and time are still these, so are the bytes."""

    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True)
class Recognised:
    """A video whose table is done."""

    video: str
    """The name of the file then."""
    sha256: str
    settings: dict[str, str]
    """Those of `mien predict` (`mien.outputs.settings`)."""
    classes: tuple[str, ...]
    begin: float
    """Seconds: frames before are not in the table."""
    until: float | None
    """Seconds: frames from then on are not in the table; None: it goes to the end of the video."""
    end: float
    """Seconds: when the last frame of the table ends, as far as is known."""
    duration: float | None
    """Seconds, as the file says."""
    width: int
    height: int
    frames: int
    faces: int
    onnxruntime: str = ""
    """Its version."""
    tracks: list[TrackSummary] = field(default_factory=list)
    """The tracks of the table, and their persons."""
    damage: str = ""
    """One line on what could not be decoded."""
    notes: list[str] = field(default_factory=list)
    """What else is odd about the video."""

    def covers(self, begin: float, until: float) -> bool:
        """Return whether the table has all frames of a part of the video."""
        return self.begin <= begin and (self.until is None or until <= self.until)


@dataclass(frozen=True)
class Task:
    """A video to be recognised, as a worker process is told of it."""

    path: Path
    table: Path
    sha256: str
    job: PredictJob
    settings: Settings
    begin: float
    until: float
    pictures: bool
    """Whether to keep a picture of each track."""
    seconds: float
    """How long the part is, as far as the file says it; 0: unknown."""
    pixels: int
    """Of a frame."""


@dataclass(frozen=True)
class Cached:
    """What there is of a video."""

    table: Path
    record: Recognised


def recognise(
    study: Study, clips: Sequence[Clip], *, jobs: int | None = None, engine: Engine | None = None
) -> dict[Path, Cached | str]:
    """Recognise what is new or changed; return the table of each file of the clips, or why there is none.

    Of a file with several clips the stretch from the first one's start to the last one's end is recognised, so that
    a person has one number in all of them.

    Args:
        study: whose settings decide what is done.
        clips: the rows of its videos.
        jobs: how many videos at a time; as many as cores and memory allow by default.
        engine: ray: on the actors of a cluster, one for each core.

    Raises:
        InputError: the model or the detector cannot be used, cache/ cannot be written, or a worker process was killed.
        MissingExtra: ray is not installed.
        KeyboardInterrupt: after Ctrl-C, once all tables are whole; says how to go on.
    """
    job = study.job()
    settings = table_settings(job, video=True)
    study.cache.mkdir(parents=True, exist_ok=True)
    known = _known_files(study)
    found: dict[Path, Cached | str] = {}
    tasks: dict[Path, Task] = {}
    parts: dict[Path, list[Clip]] = {}
    for clip in clips:
        parts.setdefault(clip.path, []).append(clip)
    _read_new(parts, known)
    for path, rows in parts.items():
        begin, until = min(clip.start for clip in rows), max(clip.end for clip in rows)
        try:
            if (held := known.get(printable(path.resolve()))) is None or not path.is_file():
                reason = "a folder" if path.is_dir() else "cannot be read" if path.exists() else "no such file"
                raise InputError(f"{path}: {reason}")
            key = _key(held.sha256, settings)
            if (cached := _done(study.cache, key, begin, until)) is not None:
                found[path] = cached
                continue
            with Video(path) as video:
                length = max(0.0, min(until, video.duration or 0.0) - begin)
                pixels = video.stream.codec_context.width * video.stream.codec_context.height
            table = study.cache / f"{key}{f'-{begin:g}' if begin else ''}.parquet"
            task = Task(path, table, held.sha256, job, settings, begin, until, study.output.pictures, length, pixels)
        except InputError as error:
            found[path] = str(error)
            continue
        # a copy of a file that waits already has its rows
        tasks[path] = next((other for other in tasks.values() if other.table == table), task)
    records.write(study.cache / FILES, known)
    if tasks:
        by_table = {task.table: task for task in tasks.values()}
        done = _run(list(by_table.values()), jobs, engine)
        found |= {path: done[task.table] for path, task in tasks.items()}
    return found


def _known_files(study: Study) -> dict[str, KnownFile]:
    path = study.cache / FILES
    with suppress(InputError):  # damaged: it only saves time
        return records.read(path, dict[str, KnownFile], what="the videos of a study") if path.exists() else {}
    return {}


def _read_new(paths: Iterable[Path], known: dict[str, KnownFile]) -> None:
    """Read the bytes of the videos that are new, or whose size or time has changed."""
    from rich.progress import TaskProgressColumn

    new: dict[Path, os.stat_result] = {}
    for path in paths:
        with suppress(OSError):  # said when its turn comes
            facts, held = path.stat(), known.get(printable(path.resolve()))
            if path.is_file() and (held is None or (held.size, held.mtime_ns) != (facts.st_size, facts.st_mtime_ns)):
                new[path] = facts
    with progress_bar(TaskProgressColumn()) as progress:
        bar = progress.add_task("reading files", total=sum(facts.st_size for facts in new.values()))
        for path, facts in new.items():
            digest = hashlib.sha256()
            with suppress(OSError), path.open("rb") as file:
                while piece := file.read(1 << 22):
                    digest.update(piece)
                    progress.advance(bar, len(piece))
                known[printable(path.resolve())] = KnownFile(facts.st_size, facts.st_mtime_ns, digest.hexdigest())


def _key(sha256: str, settings: Settings) -> str:
    facts = {"video": sha256, **{name: compared(value) for name, value in settings.items()}}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _done(cache: Path, key: str, begin: float, until: float) -> Cached | None:
    """Return the finished table of a video that has all frames of a part."""
    for path in sorted(cache.glob(f"{key}*.json")):
        table = path.with_suffix(".parquet")
        if not path.name.endswith(".settings.json") and table.is_file():
            with suppress(InputError):  # damaged: as if it were not there
                record = records.read(path, Recognised, what="a record of mien study")
                if record.covers(begin, until):
                    return Cached(table, record)
    return None


def find_table(study: Study, sha256: str, settings: Settings, begin: float, until: float) -> Path | None:
    """Return the table in cache/ of a video's bytes, as settings.json of a run names them; None where it has gone."""
    cached = _done(study.cache, _key(sha256, settings), begin, until)
    return cached.table if cached else None


def _run(tasks: Sequence[Task], jobs: int | None, engine: Engine | None) -> dict[Path, Cached | str]:
    """Recognise videos under one progress bar; return the table of each, or why there is none."""
    from rich.progress import TaskProgressColumn

    workers = min(len(tasks), jobs or _workers(tasks))
    threads = max(1, available_cores() // workers)
    found: dict[Path, Cached | str] = {}
    order = sorted(range(len(tasks)), key=lambda at: -tasks[at].seconds)  # the longest first: none is left at the end
    with progress_bar(TaskProgressColumn()) as progress:
        total = sum(task.seconds for task in tasks)
        bar = progress.add_task(f"0 of {quantity(len(tasks), 'video')}", total=total or None)

        def show(board: Sequence[float]) -> None:
            done = sum(min(at, task.seconds) for at, task in zip(board, tasks, strict=True))
            text = f"{len(found):,} of {quantity(len(tasks), 'video')}"
            progress.update(bar, completed=done, description=text)

        def finish(task: Task, outcome: Recognised | str) -> None:
            found[task.table] = outcome if isinstance(outcome, str) else Cached(task.table, outcome)
            for line in [outcome] if isinstance(outcome, str) else [*outcome.notes, *filter(None, [outcome.damage])]:
                say(line)

        try:
            if engine == "ray":
                _on_actors([tasks[at] for at in order], jobs, finish, show)
            elif workers == 1:
                board: MutableSequence[float] = [0.0] * len(tasks)
                for at in order:
                    finish(tasks[at], _recognise(tasks[at], threads, functools.partial(_note, board, at, show)))
                    board[at] = tasks[at].seconds
            else:
                _in_processes(tasks, order, workers, threads, finish, show)
        except KeyboardInterrupt:
            left = len(tasks) - len(found)
            again = f"{quantity(left, 'video')} left; the same command goes on where it stopped"
            raise KeyboardInterrupt(f"interrupted; {again}") from None
    return found


def _on_actors(
    tasks: Sequence[Task],
    actors: int | None,
    finish: Callable[[Task, Recognised | str], None],
    show: Callable[[Sequence[float]], None],
) -> None:
    """Recognise videos on Ray."""
    board = dict.fromkeys((task.table for task in tasks), 0.0)
    for task, outcome in ray_engine.run(_actor, tasks, actors=actors):
        finish(task, outcome or ray_engine.lost(task.path))
        board[task.table] = task.seconds
        show(list(board.values()))


def _actor() -> Callable[[Task], Recognised | str]:
    return lambda task: _recognise(task, 1, lambda seconds: None)


def _note(board: MutableSequence[float], at: int, show: Callable[[Sequence[float]], None], seconds: float) -> None:
    board[at] = seconds
    show(board)


def _in_processes(
    tasks: Sequence[Task],
    order: Sequence[int],
    workers: int,
    threads: int,
    finish: Callable[[Task, Recognised | str], None],
    show: Callable[[Sequence[float]], None],
) -> None:
    """Recognise videos in several processes, each of which has the networks in memory once."""
    context = multiprocessing.get_context("spawn")  # onnxruntime and OpenCV have threads, which a fork would lose
    board: Any = context.RawArray("d", len(tasks))
    stop = context.Event()
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(board, stop))
    waiting: dict[Future[Recognised | str], int] = {}
    try:
        with _no_interrupt():
            for at in order:
                waiting[pool.submit(_work, tasks[at], at, threads)] = at
        while waiting:
            for future in wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED).done:
                at = waiting.pop(future)
                finish(tasks[at], future.result())
                board[at] = tasks[at].seconds
            show(board)
    except BrokenProcessPool:
        less = f"with fewer videos at a time, such as --jobs {max(1, workers // 2)}, it needs less memory"
        raise InputError(f"a worker process was killed; {less}. The same command goes on where it stopped") from None
    finally:
        stop.set()  # each ends after the frame that it is at
        pool.shutdown(cancel_futures=True)


@contextmanager
def _no_interrupt() -> Iterator[None]:
    """Hold back Ctrl-C for the `with` block, and from the processes that begin in it: they are importing for seconds
    before `_begin` runs."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_board: Any = None
_stop: Any = None


def _begin(board: Any, stop: Any) -> None:
    """Prepare a worker process: Ctrl-C is the parent's, and where the parent is gone nothing is left to do."""
    global _board, _stop
    _board, _stop = board, stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if (parent := multiprocessing.parent_process()) is not None:

        def watch() -> None:
            parent.join()
            os._exit(1)  # as by kill -9: the tables are whole up to a row

        threading.Thread(target=watch, daemon=True).start()


def _work(task: Task, at: int, threads: int) -> Recognised | str:
    def note(seconds: float) -> None:
        _board[at] = seconds
        if _stop.is_set():
            raise KeyboardInterrupt

    return _recognise(task, threads, note)


@functools.lru_cache(maxsize=1)
def _recognizer(job: PredictJob, threads: int) -> Recognizer:
    return make_recognizer(job, threads)


def _recognise(task: Task, threads: int, note: Callable[[float], None]) -> Recognised | str:
    """Recognise a video, or what is left of it; return its record, or why it cannot be read.

    `note` is given the seconds that are done, frame by frame, and may raise KeyboardInterrupt.
    """
    import onnxruntime

    try:
        recognizer = _recognizer(task.job, threads)
        labels = recognizer.session.info.labels
        names = columns(labels, FRAME)
        frames = faces = 0

        def counted(found: Iterator[VideoFaces]) -> Iterator[VideoFaces]:
            nonlocal frames, faces
            for one in found:
                frames, faces = frames + 1, faces + len(one)
                note(one.time - task.begin)
                yield one

        with (
            Video(task.path, every=task.job.seconds(), threads=threads, begin=task.begin, until=task.until) as video,
            TableWriter(task.table, names, resume=True, settings=task.settings) as rows,
        ):
            earlier, people = counted(from_rows(rows.rows(), labels)), People(whole=True, pictures=task.pictures)
            for found in counted(
                recognizer.follow(video, earlier=earlier, smoothing=task.job.smoothing, people=people)
            ):
                rows.write(to_rows(found))
            context = video.stream.codec_context
            width, height = context.width, context.height
    except InputError as error:
        return str(error)
    record = Recognised(
        video=printable(task.path.name),
        sha256=task.sha256,
        settings=dict(task.settings),
        classes=labels,
        begin=task.begin,
        until=None if task.until == inf else task.until,
        end=video.end,
        duration=video.duration,
        width=width,
        height=height,
        frames=frames,
        faces=faces,
        onnxruntime=onnxruntime.__version__,
        tracks=merge(list(people.tracks.values())),
        damage=video.damage,
        notes=video.notes,
    )
    _write_pictures(task, people)
    records.write(task.table.with_suffix(".json"), record)
    return record


def picture_path(table: Path, track: int) -> Path:
    """Return where the picture of a track is, of the video with that table in cache/."""
    return table.with_name(f"{table.stem}-tracks") / f"{track:04d}.jpg"


def _write_pictures(task: Task, people: People) -> None:
    """Write a small JPEG of each track, if asked for."""
    for track in people.tracks.values():
        if track.picture:
            path = picture_path(task.table, track.number)
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as part:
                part.write_bytes(track.picture)


def _workers(tasks: Sequence[Task]) -> int:
    """Return how many videos at a time the cores and the memory allow."""
    memory = available_memory()
    if memory is None:
        return available_cores()
    needed = BASE + FRAMES * 3 * max(task.pixels for task in tasks)
    return max(1, min(available_cores(), memory // needed))


def available_memory() -> int | None:
    """Return how many bytes are free for this process, as far as the system says it: Linux does."""
    free: list[int] = []
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free.append(1024 * int(next(line for line in lines if line.startswith("MemAvailable:")).split()[1]))
    with suppress(OSError, ValueError):  # a container's limit; "max" is none
        group = Path("/sys/fs/cgroup")
        used = int((group / "memory.current").read_text())
        free.append(int((group / "memory.max").read_text()) - used)
    return max(0, min(free)) if free else None
