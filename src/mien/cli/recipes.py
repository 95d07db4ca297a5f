"""The verb `recipes`."""

from mien.core.streams import show, show_json


def recipes(*, json: bool = False) -> None:
    """List the recipes with source, data, cost and expected score.

    Examples:
        $ mien recipes
        $ mien recipes --json

    Args:
        json: Print one JSON object with every field of every recipe.
    """
    from mien.core import records
    from mien.recipes import ABOUT, RECIPES

    if json:
        facts = {name: records.to_json(about) | {"recipe": RECIPES[name]} for name, about in ABOUT.items()}
        show_json(records.dumps(facts, indent=2))
        return
    for name, about in ABOUT.items():
        show(name)
        for fact, text in vars(about).items():
            show(f"  {fact:<10}{text}")
