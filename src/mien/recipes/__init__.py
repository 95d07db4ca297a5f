"""The named ways to train, as frozen dataclasses: two recipes differ in their fields and in nothing else.

`Recipe()` holds the defaults. The command line shows every field as an option.
"""

import json
from pathlib import Path

from mien.core.errors import InputError, did_you_mean
from mien.recipes.named import ABOUT, RECIPES
from mien.recipes.recipe import ONE_SIZE, OUTPUT_CLASSES, About, Recipe, from_dict, to_dict

__all__ = [
    "ABOUT", "ONE_SIZE", "OUTPUT_CLASSES", "RECIPES", "About", "Recipe", "find", "from_dict", "from_json", "to_dict",
]  # fmt: skip


def find(name: str | Path) -> Recipe:
    """Return the recipe of that name, or the one in a JSON file: a run's recipe.json, or a recipe alone.

    Raises:
        InputError: no such recipe or file, or a file that is no recipe; says which name or field is meant.
    """
    if str(name) in RECIPES:
        return RECIPES[str(name)]
    path = Path(name)
    if path.suffix == ".json" or path.exists():
        return from_json(path)
    raise InputError(
        f"no recipe {str(name)!r}{did_you_mean(str(name), RECIPES)} (known: {', '.join(RECIPES)}, or a .json file)"
    )


def from_json(path: Path) -> Recipe:
    """Read a recipe from a JSON file; a run's recipe.json holds it under "recipe"."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        stored = stored.get("recipe", stored)
        return from_dict(stored)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(f"{path}: not a recipe ({error})") from None
