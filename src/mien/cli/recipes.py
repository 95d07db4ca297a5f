"""The verb `recipes`."""

from collections.abc import Mapping
from typing import Annotated

from tyro.conf import arg

from mien.core.streams import show, show_json


def recipes(name: Annotated[str | None, arg(metavar="[NAME]")] = None, /, *, json: bool = False) -> None:
    """List the recipes with source, data, cost and expected score.

    With a name: that recipe in full. Part by part, what its source states, and what it leaves open and the recipe does
    there; then the recipe's fields that are not the defaults.

    Examples:
        $ mien recipes
        $ mien recipes three-conv
        $ mien recipes --json

    Args:
        name: A recipe to show in full.
        json: Print one JSON object with every field of every recipe.
    """
    from dataclasses import fields

    from mien.core import records
    from mien.core.errors import InputError, did_you_mean
    from mien.recipes import ABOUT, RECIPES, Recipe

    if name not in (None, *ABOUT):
        raise InputError(f"no recipe {name!r}{did_you_mean(str(name), ABOUT)} (known: {', '.join(ABOUT)})")
    chosen = ABOUT if name is None else {name: ABOUT[name]}
    if json:
        facts = {one: records.to_json(about) | {"recipe": RECIPES[one]} for one, about in chosen.items()}
        show_json(records.dumps(facts, indent=2))
        return
    for one, about in chosen.items():
        show(one)
        for fact in ("source", "dataset", "cost", "expected"):
            show(f"  {fact:<10}{getattr(about, fact)}")
        if one == name:
            values = {field.name: getattr(RECIPES[one], field.name) for field in fields(Recipe)}
            default = Recipe(name=one)
            changed = {field: value for field, value in values.items() if value != getattr(default, field)}
            _show("stated by the source", about.stated)
            _show("left open, and what the recipe does", about.open)
            _show("fields that are not the defaults", changed)


def _show(title: str, parts: Mapping[str, object]) -> None:
    if parts:
        show(f"  {title}:")
    for part, value in parts.items():
        text = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
        show(f"    {part:<20}{text}")
