"""Several videos of a study at a time: in this process, in others, or on the actors of Ray."""

import functools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, MutableSequence, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mien.core.console import progress_bar, quantity
from mien.core.errors import InputError
from mien.core.streams import say
from mien.outputs.predict_job import available_cores
from mien.scale import ray_engine
from mien.scale.ray_engine import Engine
from mien.study.cache import Cached, Recognised
from mien.study.video_task import VideoTask, recognise_video

BASE = 300_000_000  # bytes of a process with the networks in it
FRAMES = 12  # frames in RGB that reading a video takes at most, the decoder's own included


def run_tasks(tasks: Sequence[VideoTask], jobs: int | None, engine: Engine | None) -> dict[Path, Cached | str]:
    """Recognise videos under one progress bar; return the table of each, or why there is none."""
    from rich.progress import TaskProgressColumn

    workers = min(len(tasks), jobs or worker_count(tasks))
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

        def finish(task: VideoTask, outcome: Recognised | str) -> None:
            found[task.table] = outcome if isinstance(outcome, str) else Cached(task.table, outcome)
            for line in [outcome] if isinstance(outcome, str) else [*outcome.notes, *filter(None, [outcome.damage])]:
                say(line)

        try:
            if engine == "ray":
                _on_actors([tasks[at] for at in order], jobs, finish, show)
            elif workers == 1:
                board: MutableSequence[float] = [0.0] * len(tasks)
                for at in order:
                    finish(tasks[at], recognise_video(tasks[at], threads, functools.partial(_note, board, at, show)))
                    board[at] = tasks[at].seconds
            else:
                _in_processes(tasks, order, workers, threads, finish, show)
        except KeyboardInterrupt:
            left = len(tasks) - len(found)
            again = f"{quantity(left, 'video')} left; the same command goes on where it stopped"
            raise KeyboardInterrupt(f"interrupted; {again}") from None
    return found


def _note(board: MutableSequence[float], at: int, show: Callable[[Sequence[float]], None], seconds: float) -> None:
    board[at] = seconds
    show(board)


def _in_processes(
    tasks: Sequence[VideoTask],
    order: Sequence[int],
    workers: int,
    threads: int,
    finish: Callable[[VideoTask, Recognised | str], None],
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


def _work(task: VideoTask, at: int, threads: int) -> Recognised | str:
    def note(seconds: float) -> None:
        _board[at] = seconds
        if _stop.is_set():
            raise KeyboardInterrupt

    return recognise_video(task, threads, note)


def _on_actors(
    tasks: Sequence[VideoTask],
    actors: int | None,
    finish: Callable[[VideoTask, Recognised | str], None],
    show: Callable[[Sequence[float]], None],
) -> None:
    """Recognise videos on Ray."""
    board = dict.fromkeys((task.table for task in tasks), 0.0)
    for task, outcome in ray_engine.run(_actor, tasks, actors=actors):
        finish(task, outcome or ray_engine.lost(task.path))
        board[task.table] = task.seconds
        show(list(board.values()))


def _actor() -> Callable[[VideoTask], Recognised | str]:
    return lambda task: recognise_video(task, 1, lambda seconds: None)


def worker_count(tasks: Sequence[VideoTask]) -> int:
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
