"""The verb `resume`."""

from pathlib import Path

from mien.cli.parse import first_process, load_training


def resume(run: Path, /, *, device: str = "auto", threads: int | None = None) -> None:
    """Continue a stopped training run, with identical final weights.

    Examples:
        $ mien resume runs/mien-20260131-120000

    Args:
        run: The run's folder.
        device: auto, cpu, cuda, cuda:N or mps.
        threads: How many cores to use on the CPU; all by default.
    """
    path = load_training(threads).resume(run, device=device)
    if first_process():
        print(path)
