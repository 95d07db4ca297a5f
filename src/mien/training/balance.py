"""Rare classes: weights of the training loss, and epochs that draw every class equally often."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mien.core.console import first_few, quantity
from mien.core.csv_files import number, sniff
from mien.core.errors import InputError, did_you_mean
from mien.core.files import os_errors
from mien.core.labels import match
from mien.core.paths import local_path
from mien.recipes import Recipe
from mien.training.data import Split

LARGEST = 1e12  # a weight; its gradients, squared, are far from the end of float32
Weight = tuple[str, str, Any]  # where it was found, the class, the weight


def check(recipe: Recipe) -> None:
    """Raise InputError where the `class_weights` of a recipe are no weights, whatever the classes. Reads no data."""
    _given(recipe.class_weights)


def with_weights(recipe: Recipe) -> Recipe:
    """Return the recipe with the weights that the file in its `class_weights` holds, as JSON text.

    Raises:
        InputError: no such file, or it does not give every class of the primary output one weight.
    """
    if not (found := _given(recipe.class_weights)):
        return recipe
    return replace(recipe, class_weights=json.dumps(_named(*found, recipe.classes), ensure_ascii=False))


def weights(recipe: Recipe, split: Split) -> dict[str, float] | None:
    """Return the weight of each class of the primary output in the training loss; None where all are alike.

    Balanced ones are n / (k * n_class), as scikit-learn computes them: n images with a label, of k classes. Votes count
    by their shares. A class without images weighs 1.
    """
    if recipe.class_weights == "none":
        return None
    if recipe.class_weights != "balanced":
        found: dict[str, float] = json.loads(recipe.class_weights)
        return found
    there = {name: count for name, count in split.shares.items() if count}
    mean = sum(there.values()) / len(there)
    return {name: mean / there[name] if name in there else 1.0 for name in split.classes}


def equal_draws(groups: Tensor, generator: torch.Generator) -> Tensor:
    """Return int64 [n], the images of an epoch in their order: as many draws as images, each group equally often.

    A group's images come in shuffled turns, so that none is drawn again before all others were. Where the draws cannot
    be shared evenly, chance decides which groups have one more.

    Args:
        groups: int64 [n], the class of each image; images of -1 are drawn once each.
        generator: on the CPU.
    """
    members = [torch.nonzero(groups == group)[:, 0] for group in torch.unique(groups[groups >= 0])]
    others = torch.nonzero(groups < 0)[:, 0]
    each, left = divmod(len(groups) - len(others), len(members))
    wanted = each + (torch.randperm(len(members), generator=generator) < left).long()
    drawn = [others]
    for images, draws in zip(members, wanted.tolist(), strict=True):
        turns = [torch.randperm(len(images), generator=generator) for _ in range(math.ceil(draws / len(images)))]
        drawn += [images[torch.cat(turns)[:draws]]] if turns else []
    return torch.cat(drawn)[torch.randperm(len(groups), generator=generator)]


def describe(
    recipe: Recipe, found: Mapping[str, float] | None, counts: Mapping[str, int], *, used: float = 1.0
) -> list[str]:
    """Return what to say at the start of a run: the weights, and how often images are drawn.

    Args:
        recipe: what is trained.
        found: the weight of each class.
        counts: the images of each class.
        used: share of an epoch's draws that fill batches; see `Recipe.drop_last`.
    """
    lines = []
    if found:
        listed = first_few([f"{name} {weight:.4g}" for name, weight in found.items()], 12)
        lines.append(f"class weights of the training loss: {listed}")
    if recipe.sampling == "balanced":
        there = {name: count for name, count in counts.items() if count}
        rare, common = min(there, key=lambda name: there[name]), max(there, key=lambda name: there[name])
        draws = used * sum(there.values()) / len(there)
        often = [
            f"{name}'s {quantity(there[name], 'image')} {_times(draws / there[name])} each"
            for name in dict.fromkeys((rare, common))
        ]
        lines.append(f"balanced sampling: about {draws:,.0f} draws of each class an epoch: {', '.join(often)}")
        if recipe.class_weights == "balanced":
            lines.append("balanced sampling and balanced class weights: rare classes are favoured twice")
    return lines


def _times(number: float) -> str:
    text = f"{number:.2g}" if number < 10 else f"{number:,.0f}"
    return "once" if text == "1" else f"{text} times"


def _given(text: str) -> tuple[str, list[Weight]] | None:
    """Return where the weights were found, and each; None where no file or JSON text gives them.

    Raises:
        InputError: no such file, or one of the weights is none.
    """
    if text in ("none", "balanced"):
        return None
    if text.lstrip().startswith("{"):
        where, given = "class_weights", list(_of_json("class_weights", text))
    else:
        path = local_path(text)
        if not path.is_file():
            what = "a folder" if path.is_dir() else "no such file"
            near = did_you_mean(text, ["none", "balanced"]) or "; expected none, balanced, or a JSON or CSV file"
            raise InputError(f"class_weights {text}: {what}{near}")
        where, given = str(path), list(_of_json_file(path) if path.suffix.lower() == ".json" else _of_csv(path))
    for source, name, weight in given:
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not weight >= 0:
            raise InputError(f"{source}: weight {weight!r} of {name}: expected a number, 0 or more")
        if weight and not 1 / LARGEST <= weight <= LARGEST:
            raise InputError(
                f"{source}: weight {weight!r} of {name}: too {'large' if weight > 1 else 'small'} to train with; "
                f"expected 0, or {1 / LARGEST:g} to {LARGEST:g}"
            )
    return where, given


def _of_json(where: str, text: str) -> Iterator[Weight]:
    try:
        found = json.loads(text, object_pairs_hook=lambda pairs: pairs)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON ({error}); expected {{class: weight, ...}}") from None
    if not isinstance(found, list) or not all(isinstance(pair, tuple) for pair in found):
        raise InputError(f"{where}: expected a JSON object {{class: weight, ...}}")
    for name, weight in found:
        yield where, name, weight


def _of_json_file(path: Path) -> Iterator[Weight]:
    with os_errors(path):
        data = path.read_bytes()
    try:
        return _of_json(str(path), data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InputError(f"{path}: not UTF-8 text; expected JSON {{class: weight, ...}} or a CSV file") from None


def _of_csv(path: Path) -> Iterator[Weight]:
    file = sniff(path)
    bare = len(file.header) == 2 and number(file.header[1]) is not None  # no line with names
    if not (bare or {"class", "weight"} <= set(file.names)):
        raise InputError(f"{path}: expected the columns class and weight, got {first_few(file.header, 6) or 'none'}")
    name, weight = (0, 1) if bare else (file.names.index("class"), file.names.index("weight"))
    for line, cells in file.rows(header=not bare, utf8=True):
        found = number(cells[weight])
        yield f"{path}:{line}", cells[name].strip(), cells[weight] if found is None else found


def _named(where: str, given: Iterable[Weight], classes: tuple[str, ...]) -> dict[str, float]:
    """Return the weights by class, in the order of the classes. InputError where one is wrong, missing or unknown."""
    given = list(given)
    meant: Mapping[str, str | None] = match([name for _, name, _ in given], classes)
    if given and not any(meant.values()) and all(name.isdecimal() for name in meant):  # as Keras names them
        meant = {name: dict(enumerate(classes)).get(int(name)) for name in meant}
    found: dict[str, float] = {}
    for source, name, weight in given:
        known = meant[name]
        if known is None:
            near = did_you_mean(name, classes)
            raise InputError(f"{source}: no class {name!r}{near} (classes: {first_few(classes, 12)})")
        if known in found:
            raise InputError(f"{source}: class {known!r} is named twice")
        found[known] = float(weight)
    if missing := [name for name in classes if name not in found]:
        raise InputError(f"{where}: no weight for {first_few(missing, 12)}; name every class once")
    if not any(found.values()):
        raise InputError(f"{where}: every weight is 0; there is nothing to learn")
    return {name: found[name] for name in classes}
