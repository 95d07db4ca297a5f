"""The verb `resume`."""

from pathlib import Path

from mien.cli.parse import load_training
from mien.core.console import first_process
from mien.core.streams import show


def resume(run: Path, /, *, device: str = "auto", threads: int | None = None) -> None:
    """Continue a stopped training run, with identical final weights.

    Ctrl-C and kill -9 leave a run folder that can be continued. On the same CPU the final weights are the same, bit for
    bit, as without the interruption.

    Examples:
        $ mien resume runs/mien-20260131-120000

    Args:
        run: The run folder.
        device: auto, cpu, cuda, cuda:N or mps.
        threads: How many CPU cores to use; all by default.
    """
    path = load_training(threads).resume(run, device=device)
    if first_process():
        show(path)
