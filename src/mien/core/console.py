"""The progress of long work, on stderr: a bar on a terminal, gone when the work is done; else a line now and then."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from mien.core.streams import safe_console, say

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

T = TypeVar("T")

COUNT = "[progress.download]{task.completed}/{task.total}"
EVERY = 30.0  # seconds between two lines

_noticed = set[str]()


def first_process() -> bool:
    """Return whether this process speaks for all that torchrun has started on this machine."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


def notice(text: str) -> None:
    """Print a line on stderr, once: data that are read again, as another split or size, say the same again."""
    if text not in _noticed and first_process():
        _noticed.add(text)
        say(text)


def forget_notices() -> None:
    """Let every notice be printed once more, as a new command does."""
    _noticed.clear()


def progress_bar(*figures: "str | ProgressColumn", quiet: bool = False) -> "Progress":
    """Return a bar: its task's description, the bar, `figures` (templates over `task`) and the time left.

    Off a terminal, and in a notebook, it prints "description: 40 %, 0:03:10 left" every 30 seconds instead; of a task
    with a field `line`, "description: " and that.
    """
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    class Lines(Progress):
        last = monotonic()

        def advance(self, task_id: TaskID, advance: float = 1) -> None:
            super().advance(task_id, advance)
            self.update(task_id)

        def update(self, task_id: TaskID, **changes: Any) -> None:
            super().update(task_id, **changes)
            if monotonic() - self.last >= EVERY:
                self.last = monotonic()
                task = self.tasks[self.task_ids.index(task_id)]
                left = f", {duration(task.time_remaining)} left" if task.time_remaining else ""
                say(f"{task.description}: {task.fields.get('line') or f'{task.percentage:.0f} %{left}'}")

    # a notebook gives its commands a terminal, but shows what moves a cursor as signs
    visible = sys.stderr.isatty() and "JPY_PARENT_PID" not in os.environ
    console = safe_console(file=sys.stderr)  # this one, whatever is redirected while the bar moves
    return (Progress if visible or quiet else Lines)(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24 if console.width >= 120 else 8),
        *figures,
        TimeRemainingColumn(),
        console=console,
        transient=True,
        redirect_stdout=False,
        disable=quiet or not visible,
    )


def track(steps: Iterable[T], description: str, total: float) -> Iterator[T]:
    """Yield from `steps` under a `progress_bar`."""
    with progress_bar() as progress:
        task = progress.add_task(description, total=total)
        for step in steps:
            yield step
            progress.advance(task)


@contextmanager
def working(description: str) -> Iterator[None]:
    """Show that work of unknown length goes on: by a moving bar on a terminal, else by a line at its beginning."""
    with progress_bar() as progress:
        progress.add_task(description, total=None)
        if progress.disable:
            say(f"{description} ...")
        yield


def duration(seconds: float) -> str:
    """Return a time in hours, minutes and seconds.

    Example:
        >>> duration(754.6)
        '0:12:35'
    """
    return str(timedelta(seconds=round(seconds)))


def first_few(names: Sequence[str], most: int = 3) -> str:
    """Return the first names, and how many more there are.

    Example:
        >>> first_few(["a", "b", "c", "d", "e"])
        'a, b, c and 2 more'
    """
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def multiply_adds(number: int) -> str:
    """Return how many multiply-adds a network needs, in millions, or of a tiny one as they are.

    Example:
        >>> multiply_adds(48_828_288), multiply_adds(20_480)
        ('48.8 million multiply-adds', '20,480 multiply-adds')
    """
    return f"{number / 1e6:,.1f} million multiply-adds" if number >= 1e6 else quantity(number, "multiply-add")


def quantity(number: int, name: str) -> str:
    """Return a number of things in words.

    Example:
        >>> quantity(1, "photo"), quantity(1234, "face")
        ('1 photo', '1,234 faces')
    """
    return f"{number:,} {name}{'s' * (number != 1)}"
