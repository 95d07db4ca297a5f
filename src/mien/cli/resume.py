"""The verb `resume`."""

from pathlib import Path

from mien.cli.options import Trackers
from mien.cli.parse import load_training
from mien.core.console import first_process
from mien.core.streams import show


def resume(
    run: Path,
    /,
    *,
    data: Path | None = None,
    photos: tuple[Path, ...] = (),
    exclude: Path | None = None,
    teachers: tuple[Path, ...] = (),
    model: str | None = None,
    device: str = "auto",
    threads: int | None = None,
    log: Trackers = None,
    summary: bool = False,
) -> None:
    """Continue a stopped training run, with identical final weights.

    Ctrl-C and kill -9 leave a run folder that can be continued. On the same CPU the final weights are the same, bit for
    bit, as without the interruption.

    Examples:
        $ mien resume runs/mien-20260131-120000
        $ mien resume runs/mien-20260131-120000 --data /new/disk/fer2013/

    Args:
        run: The run folder.
        data: Where its data lies now, if it has moved; it must be the same data.
        photos: Where its further datasets lie now, in the order of the run.
        exclude: Where its list of what is left out lies now.
        teachers: Where its teachers lie now, in the order of the run.
        model: Where the code of a network of your own lies now: package.module:NAME or path/to/file.py:NAME.
        device: auto, cpu, cuda, cuda:N or mps.
        threads: How many CPU cores to use; all by default.
        log: Experiment trackers, as for mien train; by default those that the run was logged to, --log alone: none.
        summary: Show the layers with shapes and parameters, then train on (torchinfo).
    """
    path = load_training(threads).resume(
        run,
        data=data,
        photos=photos,
        exclude_list=exclude,
        teachers=teachers,
        model=model,
        device=device,
        log=log,
        summary=summary,
    )
    if first_process():
        show(path)
