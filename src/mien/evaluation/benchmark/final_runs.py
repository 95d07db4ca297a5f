"""final_runs.jsonl: each scoring of a final split, by model and by protocol. A line is added before each scoring."""

import os
from dataclasses import dataclass
from pathlib import Path

from mien.core import records
from mien.core.files import open_known, writing

NAME = "final_runs.jsonl"


@dataclass(frozen=True)
class FinalRun:
    """One scoring of a final split."""

    date: str
    """ISO 8601, UTC."""
    protocol: str
    hash: str
    """The hash of the protocol."""
    name: str
    """What the result is called."""
    data: str
    """The fingerprint of the scored faces."""
    model: str
    """SHA-256 of the model file."""


@dataclass(frozen=True)
class FinalRunCount:
    """How often the final split of a protocol was scored."""

    this_model: int
    any_model: int


def read(folder: Path) -> list[FinalRun]:
    """Return the final runs recorded in a folder, oldest first. InputError names a line that is none."""
    return list(records.read_lines(folder / NAME, FinalRun, what="line that mien benchmark --final wrote"))


def add(folder: Path, run: FinalRun) -> None:
    """Append a final run and force it to the disk: it counts even where the scoring that follows fails.

    Raises:
        InputError: the folder cannot be written to.
    """
    with writing(folder / NAME):
        folder.mkdir(parents=True, exist_ok=True)
        with open_known(folder / NAME) as file:
            whole = file.read()
            begun = b"\n" if whole and not whole.endswith(b"\n") else b""  # a line that a kill has cut off stays one
            file.write(begun + records.dumps(run, indent=0).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def count(folder: Path, protocol: str, model: str) -> FinalRunCount:
    """Return how often the final split of a protocol (its hash) was scored: by this model (SHA-256), and by any."""
    same = [run for run in read(folder) if run.hash == protocol]
    return FinalRunCount(this_model=sum(run.model == model for run in same), any_model=len(same))
