"""`mien predict --engine ray`: the parts of a job on the actors of a cluster, and one table at the end."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from mien.core.console import first_few, progress_bar
from mien.core.errors import InputError
from mien.core.streams import say
from mien.outputs.jobs import PredictJob
from mien.scale import ray_engine
from mien.scale.parts import JOB, Part, PartRecord, longest_first, open_job
from mien.scale.shards import AGAIN, check_options, merge, merged_table, remaining
from mien.scale.worker import PartWorker


def run_on_ray(paths: Sequence[Path], job: PredictJob) -> int:
    """Recognise photos and videos on Ray, the largest videos first, and merge the parts. Parts that exist are done.

    Returns:
        The exit code (`PredictJob.exit_code`).

    Raises:
        InputError: as `run_shard` and `merge`; or a part whose actor was lost each time: the others are done then.
        MissingExtra: ray is not installed.
    """
    from rich.progress import TaskProgressColumn

    check_options(job, "--engine ray")
    assert job.out
    merged_table(job.out, job)  # before hours of work
    about, every, unread = open_job(paths, job, PartWorker(job).labels)
    _, left = remaining(job.out, about, every, "Ray")
    make = functools.partial(part_function, job, about.digest)
    with progress_bar(TaskProgressColumn()) as progress:
        bar = progress.add_task("files", total=sum(len(part.files) for part in left))
        try:
            for part, record in ray_engine.run(make, longest_first(left), actors=job.threads):
                say(*(record.messages if record else [ray_engine.lost(first_few(part.files))]))
                progress.advance(bar, len(part.files))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(AGAIN) from None
    return max(merge(job.out, job), int(unread))


def part_function(job: PredictJob, digest: str) -> Callable[[Part], PartRecord]:
    """Return what recognises a part and writes it, and returns its record without the rows."""
    assert job.out
    if not (job.out / JOB).exists():
        raise InputError(f"{job.out}: not there on another node; --out is a folder that all nodes see")
    worker = PartWorker(job)

    def recognise(part: Part) -> PartRecord:
        return replace(next(worker([part], digest)), rows=[])

    return recognise
