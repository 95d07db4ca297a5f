"""A run begun from a recipe and data, or taken up where it was stopped."""

import platform
import shlex
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from mien import __version__, recipes
from mien.core.errors import InputError
from mien.datasets import exclude as exclusion
from mien.recipes import Recipe
from mien.training import distributed, setup
from mien.training.data import build_splits
from mien.training.run import Run, located
from mien.training.trainer import Trainer


def train(
    recipe: Recipe,
    data: Path,
    out: Path,
    *,
    kind: str | None = None,
    classes: str | None = None,
    photos: Sequence[Path] = (),
    exclude: Path | None = None,
    teachers: Sequence[Path] = (),
    start: Path | None = None,
    device: str = "auto",
) -> Path:
    """Train a recipe from its beginning and export it; return the run folder `out`.

    Args:
        recipe: what to train.
        data: where the dataset lies; its training and validation splits are used.
        out: a new folder.
        kind: the dataset's kind, where it shall not be found automatically.
        classes: what the integers of arrays mean (see `DataSpec`).
        photos: further datasets, of whole photos, whose faces are found and joined to both parts.
        exclude: a CSV file whose column `id` lists what to leave out of `data` (see `mien.datasets.read`).
        teachers: finished runs with the same outputs, for a recipe with `distill`.
        start: a finished run of the same network, from whose best weights this one sets out; an output of another size
            begins anew.
        device: auto, cpu, cuda, cuda:N or mps.

    Raises:
        InputError: data, recipe or device cannot be used, or the loss stopped being a number.
        Interrupted: Ctrl-C; the run is saved.
    """
    place = setup.device(device)
    with distributed.process_group(place):
        run = Run.reserve(out) if distributed.RANK == 0 else Run(out)
        parts = build_splits(recipe, data, kind, classes=classes, photos=photos, exclude=exclude)
        mean, std = setup.scaling(recipe, parts["train"])
        description = {
            "recipe": recipes.to_dict(recipe),
            "data": {
                "path": str(data.resolve()),
                "kind": kind,
                "classes": classes,
                "photos": [str(path.resolve()) for path in photos],
                "exclude": exclusion.load(exclude).origin if exclude else None,
                "splits": {
                    split: {"n": len(part), "fingerprint": part.fingerprint, "sources": part.sources, **part.counts}
                    for split, part in parts.items()
                },
            },
            "teachers": [located(path) for path in teachers],
            "start": located(start) if start else None,
            "mean": mean,
            "std": std,
            **setup.cost(recipe),
            "device": setup.device_name(place),
            "processes": distributed.WORLD,
            "threads": torch.get_num_threads(),
            "command": shlex.join(["mien", *sys.argv[1:]]),
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": {
                "mien": __version__,
                "torch": torch.__version__,
                "numpy": np.__version__,
                "python": platform.python_version(),
            },
        }
        loop = Trainer(run, recipe, parts, mean, std, place, teachers, start)
        if loop.leads:
            run.describe(description | {"precision": loop.precision})
        return loop.fit()


def resume(path: Path, *, device: str = "auto") -> Path:
    """Go on with a run that was stopped, from its last checkpoint, to the weights it would have reached.

    Raises:
        InputError: no run, or its data or its list of what is left out has changed.
    """
    run = Run.open(path)
    described = run.description
    place = setup.device(device)
    with distributed.process_group(place):
        data = described["data"]
        source = Path(data["path"])
        photos = [Path(path) for path in data.get("photos", ())]
        exclude = _same_list(data["exclude"], path) if data.get("exclude") else None
        parts = build_splits(
            run.recipe, source, data["kind"], classes=data.get("classes"), photos=photos, exclude=exclude
        )
        for split, part in parts.items():
            if part.fingerprint != data["splits"][split]["fingerprint"]:
                raise InputError(f"{source}: the {split} split has changed since {path} began; train anew")
        taught = [Path(path) for path in described.get("teachers", ())]
        start = Path(described["start"]) if described.get("start") else None
        return Trainer(run, run.recipe, parts, described["mean"], described["std"], place, taught, start).fit()


def _same_list(origin: dict[str, str], run: Path) -> Path:
    """Return the path of the list that a run was told to exclude; InputError where it is no longer the same."""
    path = Path(origin["path"])
    if exclusion.load(path).sha256 != origin["sha256"]:
        raise InputError(f"{path}: has changed since {run} began; train anew")
    return path
