"""The verb `recipes`."""


def recipes(*, json: bool = False) -> None:
    """List the recipes with source, data, cost and expected score.

    Examples:
        $ mien recipes
        $ mien recipes --json

    Args:
        json: Print one JSON object with every field of every recipe.
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
