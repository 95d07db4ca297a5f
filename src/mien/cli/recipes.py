"""The verb `recipes`."""


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
        print(records.dumps(facts, indent=2))
        return
    for name, about in ABOUT.items():
        print(name)
        for fact, text in vars(about).items():
            print(f"  {fact:<10}{text}")
