"""The verbs that make models: `recipes`, `train`, `resume`, `export`."""

import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from tyro.conf import Positional, Suppress

from mien.cli.parse import first_process, run
from mien.core.errors import InputError, MissingExtra

if TYPE_CHECKING:
    from mien.recipes import Recipe


def recipes(*, json: bool = False) -> None:
    """List the recipes: source, data, cost, expected score.

    Examples:
        $ mien recipes
        $ mien recipes --json

    Args:
        json: One JSON object on stdout, every field of every recipe.
    """
    import dataclasses
    from json import dumps

    from mien.recipes import ABOUT, RECIPES

    if json:
        facts = {name: dataclasses.asdict(about) for name, about in ABOUT.items()}
        print(dumps({name: facts[name] | {"recipe": dataclasses.asdict(RECIPES[name])} for name in RECIPES}, indent=2))
        return
    for name, about in ABOUT.items():
        print(name)
        for fact in dataclasses.fields(about):
            print(f"  {fact.name:<10}{getattr(about, fact.name)}")


def train(
    *,
    data: Path,
    out: Path | None = None,
    kind: str | None = None,
    photos: tuple[Path, ...] = (),
    exclude: Path | None = None,
    teachers: tuple[Path, ...] = (),
    start: Path | None = None,
    device: str = "auto",
    threads: int | None = None,
    named: Suppress[bool] = False,
    recipe: "Recipe",
) -> None:
    """Train a recipe: mien train RECIPE --data PATH.

    RECIPE is a name that `mien recipes` lists, or a JSON file: the recipe.json of a run, or your own. Every field of
    the recipe is an option; --classes, where given, also says what the integers of arrays mean. The run folder, printed
    at the end, holds the weights, the metrics and model.onnx.

    Examples:
        $ mien train mien --data fer2013/
        $ mien train three-class --data three-class/ --epochs 12 --out runs/three
        $ mien train efficientnet-b0 --data face-expression-recognition-dataset/ --no-pretrained
        $ mien train mien-votes --data fer2013/ --photos facial_expressions/
        $ mien train mien --data fer2013/ --exclude list.csv
        $ mien train runs/three/recipe.json --data three-class/ --seed 1
        $ mien train mien --data mine/ --start default --lr 0.01 --epochs 10
        $ mien train mien --data arrays/ --classes alphabetical
        $ torchrun --nproc-per-node 2 -m mien train mien --data fer2013/ --out runs/two

    Args:
        data: Where the dataset lies.
        out: A new folder for the run; runs/RECIPE-TIME by default.
        kind: The dataset's kind, where it shall not be found automatically.
        photos: Further datasets, of whole photos (legend, folder), whose faces are found and joined to the data.
        exclude: A CSV file whose column id lists what to leave out of --data (photos are not looked up in it).
        teachers: Finished runs (or default) with the same outputs, for a recipe that distils.
        start: A finished run of the same network, or default, to set out from its weights.
        device: auto, cpu, cuda, cuda:N or mps.
        threads: How many cores to use on the CPU; all by default.
        named: Whether --classes was given.
        recipe: What to train.
    """
    training = load(threads)
    out, order = out or Path("runs") / f"{recipe.name}-{_now()}", recipe.classes if named else None
    path = training.train(
        recipe, data, out, kind=kind, order=order, photos=photos, exclude=exclude, teachers=teachers, start=start,
        device=device,
    )  # fmt: skip
    if first_process():
        print(path)


def run_train(arguments: list[str]) -> int:
    """Run `train`: its options and their defaults are the fields of the recipe that the first argument names."""
    from mien.recipes import RECIPES, Recipe, find

    first, *rest = arguments or [""]
    train.__annotations__["recipe"] = Recipe  # for tyro; at the top of the file every verb would wait for its import
    if first in ("-h", "--help"):
        return run(train, "mien train RECIPE", arguments, recipe=Recipe())
    if not first or first.startswith("-"):
        known = ", ".join(RECIPES)
        raise InputError(f"expected a recipe first: mien train RECIPE --data PATH (recipes: {known}, or a .json file)")
    named = any(argument.partition("=")[0] == "--classes" for argument in rest)
    return run(train, f"mien train {first}", rest, named=named, recipe=find(first))


def resume(run: Positional[Path], *, device: str = "auto", threads: int | None = None) -> None:
    """Go on with a run that was stopped, to the same weights it would have reached.

    Examples:
        $ mien resume runs/mien-20260131-120000

    Args:
        run: The run's folder.
        device: auto, cpu, cuda, cuda:N or mps.
        threads: How many cores to use on the CPU; all by default.
    """
    path = load(threads).resume(run, device=device)
    if first_process():
        print(path)


def export(run: Positional[Path], *, out: Path | None = None, int8: Path | None = None) -> None:
    """Write a run's best weights as a model.onnx that explains itself.

    With --int8 what is exported already is written once more in 8 bits: a quarter of the bytes, and about three times
    as fast on a CPU with VNNI instructions (default, on a Zen 4). How many answers stay the same is said.

    Examples:
        $ mien export runs/mien-20260131-120000
        $ mien export runs/mien-20260131-120000 --out faces.onnx
        $ mien export runs/mien-20260131-120000 --int8 fer2013/
        $ mien export default --int8 fer2013/ --out small.onnx

    Args:
        run: The run's folder; for --int8 also a name of mien models list, or an .onnx file.
        out: Where to; model.onnx in the run's folder by default, with --int8 model.int8.onnx (NAME.int8.onnx here for a
            name of mien models list).
        int8: A dataset of face crops like those trained on; 2,048 of its training pictures set the ranges.
    """
    if int8 is None:
        load(None)
        from mien.training.export import export as export_run

        print(export_run(run, out=out))
        return
    from mien import datasets
    from mien.models.quantize import quantize
    from mien.models.session import Session, bundled, resolve

    info = Session(run).info
    faces = datasets.read(int8, "train", size=info.size, channels=len(info.mean), order=info.labels)
    beside = Path(f"{run}.onnx") if str(run) in bundled() else resolve(run)
    found = quantize(run, faces.images, out or beside.with_suffix(".int8.onnx"))
    print(f"the likeliest class is the same for {found.agreement:.1%} of {found.n:,} pictures", file=sys.stderr)
    print(found.path)


def _now() -> str:
    from datetime import datetime

    return datetime.now().strftime("%Y%m%d-%H%M%S")


def load(threads: int | None, purpose: str = "training") -> ModuleType:
    """Import what needs torch, or say how to get it."""
    try:
        import torch

        import mien.training
    except ImportError as error:
        if (error.name or "").startswith("mien"):
            raise
        raise MissingExtra("train", purpose) from None
    if threads is not None:
        if threads < 1:
            raise InputError(f"--threads {threads}: at least 1")
        torch.set_num_threads(threads)
    return mien.training
