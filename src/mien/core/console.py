"""The bar that long work shows: on stderr, on a terminal only, gone when the work is done."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

T = TypeVar("T")

COUNT = "[progress.download]{task.completed}/{task.total}"


def bar(*figures: "str | ProgressColumn", quiet: bool = False) -> "Progress":
    """Return a bar: its task's description, the bar, `figures` (templates over `task`) and the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        *figures,
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        disable=quiet or not sys.stderr.isatty(),
    )


def track(steps: Iterable[T], description: str, total: float) -> Iterable[T]:
    """Yield from `steps` under a progress bar on stderr with the time left, on a terminal only."""
    if not sys.stderr.isatty():
        return steps
    from rich.console import Console
    from rich.progress import track as rich_track

    return rich_track(steps, description, total, console=Console(file=sys.stderr), transient=True)
