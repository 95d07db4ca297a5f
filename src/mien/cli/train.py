"""The verb `train`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from tyro.conf import FlagCreatePairsOff, Suppress, arg

from mien.cli.options import Data, Trackers, Unused
from mien.cli.parse import load_training, run
from mien.core.console import first_process
from mien.core.errors import InputError
from mien.core.labels import Targets, join_names
from mien.core.streams import show, show_table
from mien.core.tables import terminal_table
from mien.datasets.spec import DataSpec, Merge

if TYPE_CHECKING:
    from mien.recipes import Recipe


@dataclass(frozen=True)
class TrainData(Data):
    """What is trained on; the rest of a DataSpec is up to the recipe."""

    split: Unused[str] = "train"
    targets: Unused[Targets] = "label"
    classes: Unused[str | None] = None
    merge: Unused[Merge] = "drop"
    holdout: Unused[float | None] = None
    output: Unused[Targets | None] = None
    detector: Unused[str | None] = None


def train(
    *,
    data: TrainData,
    out: Path | None = None,
    photos: tuple[Path, ...] = (),
    teachers: tuple[Path, ...] = (),
    start: Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    log: Trackers = None,
    summary: FlagCreatePairsOff[bool] = False,
    search: Annotated[tuple[str, ...], arg(metavar="FIELD=VALUES [...]")] = (),
    engine: Literal["local", "ray"] = "local",
    named: Suppress[bool] = False,
    cut: Suppress[bool] = False,
    recipe: "Recipe",
) -> int:
    """Train a recipe on a dataset.

    RECIPE is a name that `mien recipes` lists, or a JSON file: the recipe.json of a run, or your own. Every field of
    the recipe is an option. The network gets the classes of the data, whatever they are called; --classes chooses among
    them and orders them, and names the integers of arrays and folders called 0, 1, ... Prints the run folder, which
    holds the weights, the metrics and model.onnx.

    Examples:
        $ mien train mien --data fer2013/
        $ mien train three-class --data three-class/ --epochs 12 --out runs/three
        $ mien train efficientnet-b0 --data folders/ --no-pretrained
        $ mien train mien-votes --data fer2013/ --photos facial_expressions/
        $ mien train mien --data fer2013/ --exclude list.csv
        $ mien train runs/three/recipe.json --data three-class/ --seed 1
        $ mien train mien --data mine/ --start small --lr 0.01 --epochs 10
        $ mien train mien --data mine/ --start small --finetune head
        $ mien train mien --data arrays/ --classes alphabetical
        $ mien train mien --data mine/ --classes bored,engaged
        $ mien train mien --data mine/ --model my_networks.py:MyNet
        $ mien train mien --data fer2013/ --log tensorboard
        $ torchrun --nproc-per-node 2 -m mien train mien --data fer2013/
        $ mien train mien --data fer2013/ --search lr=0.01,0.05 seed=0..4

    Args:
        data: What is trained on.
        out: A new folder for the run; runs/RECIPE-TIME by default.
        photos: Further datasets, of photos: their faces are found and added to the data. --exclude does not apply.
        teachers: Finished runs (or a bundled model) with the same outputs, for a recipe with --distill. Those that were
            trained with --logit-adjust, as default was, need it in the recipe too: --logit-adjust.
        start: A finished run of the same network (or a bundled model) to start from its weights.
        device: auto, cpu, cuda, cuda:N or mps.
        threads: How many CPU cores to use; all by default.
        log: Experiment trackers: tensorboard, wandb, mlflow. Each is an extra of mien, configured as usual.
        summary: Show the layers with shapes and parameters, then train (torchinfo).
        search: Train a run for each combination of values of the recipe's fields, lr=0.01,0.05 seed=0..4, into folders
            in --out; print one table at the end. The same command goes on where it stopped.
        engine: Where the runs of --search are trained: local, one after another, or ray, on the actors of a cluster,
            each with --threads cores (1 by default), and a GPU where the cluster has some.
        named: Whether --classes was given.
        cut: Whether --holdout was given.
        recipe: What to train.
    """
    from mien.recipes import new_folder

    training = load_training(threads)
    options: dict[str, Any] = {
        "photos": photos,
        "teachers": teachers,
        "start": start,
        "device": device,
        "log": log or (),
        "summary": summary,
    }
    spec = replace(data, classes=join_names(recipe.classes)) if named else data
    spec = replace(spec, holdout=recipe.holdout) if cut else spec
    if search:
        return _search(search, engine, recipe, spec, out or new_folder(recipe), threads, options)
    if engine != "local":
        raise InputError(f"--engine {engine} is for --search; one run on several processes: torchrun")
    path = training.train(recipe, spec, out or new_folder(recipe), **options)
    if first_process():
        show(path)
    return 0


def _search(
    texts: Sequence[str],
    engine: Literal["local", "ray"],
    recipe: "Recipe",
    data: DataSpec,
    out: Path,
    threads: int | None,
    options: dict[str, Any],
) -> int:
    """Search, print the table; 1 where a run has failed, 2 where all have."""
    from mien.training.search import parse_grid, search, search_table

    runs = search(recipe, parse_grid(texts, recipe), data, out, engine=engine, threads=threads, **options)
    head, rows = search_table(runs)
    show_table(terminal_table(head, rows, left=len(head) - 4))
    show(out)
    failed = sum(run.best is None for run in runs)
    return 2 if failed == len(runs) else int(bool(failed))


def run_train(arguments: list[str]) -> int:
    """Run `train`: its options and their defaults are the fields of the recipe that the first argument names."""
    from mien.recipes import RECIPES, Recipe, find

    first, *rest = arguments or [""]
    train.__annotations__["recipe"] = Recipe  # for tyro; at the top of the file every verb would wait for its import
    _fill_help(Recipe)
    if first in ("-h", "--help"):
        return run(train, "mien train RECIPE", arguments, recipe=Recipe())
    if not first or first.startswith("-"):
        known = ", ".join(RECIPES)
        raise InputError(f"expected a recipe first: mien train RECIPE --data PATH (recipes: {known}, or a .json file)")
    given = {argument.partition("=")[0] for argument in rest}
    named, cut = "--classes" in given, "--holdout" in given
    return run(
        train, f"mien train {first}", rest, named=named, cut=cut, recipe=find(first, model_named="--model" in given)
    )


def _fill_help(kind: type) -> None:
    """Give every field of a dataclass its text as help in one line: tyro would keep the line breaks."""
    from docstring_parser import parse_from_object

    for about in parse_from_object(kind).params:
        text = " ".join((about.description or "").split())
        kind.__annotations__[about.arg_name] = Annotated[kind.__annotations__[about.arg_name], arg(help=text)]
