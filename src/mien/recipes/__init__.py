"""The named ways to train, as frozen dataclasses: two recipes differ in their fields and in nothing else.

`Recipe()` holds the defaults. The command line shows every field as an option.
"""

from dataclasses import fields
from pathlib import Path
from typing import Any

from mien.core import records
from mien.core.console import first_few
from mien.core.errors import InputError, did_you_mean
from mien.recipes.named import ABOUT, RECIPES
from mien.recipes.recipe import HIGHER, ONE_SIZE, OUTPUT_CLASSES, About, Figure, Recipe
from mien.recipes.run_record import (
    RECIPE,
    Epoch,
    RunRecord,
    SplitRecord,
    TrainingData,
    best_epoch,
    figure,
    judged,
    new_folder,
    read_epochs,
    read_history,
    read_run,
    selection_figure,
)

__all__ = [
    "ABOUT", "HIGHER", "ONE_SIZE", "OUTPUT_CLASSES", "RECIPES", "About", "Epoch", "Figure", "Recipe", "RunRecord",
    "SplitRecord", "TrainingData", "best_epoch", "figure", "find", "judged", "new_folder", "read_epochs",
    "read_history", "read_run", "selection_figure",
]  # fmt: skip


def find(name: str | Path, *, model_named: bool = True) -> Recipe:
    """Return the recipe of that name, or the one in a JSON file: a run's recipe.json, or a recipe alone.

    Args:
        name: of the recipe, or the path of the file.
        model_named: whether the user names the network; if not, a file whose network is code outside mien is refused.

    Raises:
        InputError: no such recipe or file, or a file that is no recipe; says which name or field is meant.
    """
    if str(name) in RECIPES:
        return RECIPES[str(name)]
    path = Path(name)
    if path.is_dir():
        own = path / RECIPE
        near = f"that of its run is {own}" if own.is_file() else f"a name ({', '.join(RECIPES)}) or a .json file"
        raise InputError(f"{path}: a folder; expected a recipe: {near}")
    if path.suffix == ".json" or path.exists():
        recipe = _read(path)
        if ":" in recipe.model and not model_named:
            raise InputError(
                f"{path}: its network, {recipe.model}, is code outside mien; training would run it, so name it "
                f"yourself: --model {recipe.model}"
            )
        return recipe
    raise InputError(
        f"no recipe {str(name)!r}{did_you_mean(str(name), RECIPES)} (known: {', '.join(RECIPES)}, or a .json file)"
    )


def _read(path: Path) -> Recipe:
    own = path.with_name(RECIPE)
    wanted = "a recipe" + (f": that of its run is {own}" if own != path and own.is_file() else "")
    stored = records.read(path, dict[str, Any], what=wanted)
    found = inner if isinstance(inner := stored.get("recipe"), dict) else stored
    unknown = found.keys() - {entry.name for entry in fields(Recipe)}
    if len(unknown) > max(2, len(found) - len(unknown)):  # a slip or two is named below
        raise InputError(f"{path}: no recipe: it has {first_few(list(found))}; expected {wanted}")
    return records.from_json(found, Recipe, where=str(path), strict=True)
