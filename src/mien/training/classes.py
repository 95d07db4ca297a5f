"""The classes that a network gets: those of the data, unless the recipe or the user chooses among them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mien import datasets
from mien.core.console import first_few, notice
from mien.core.errors import InputError
from mien.core.labels import FERPLUS, TAXONOMIES, find_class, match
from mien.core.paths import printable
from mien.datasets import DataSpec, ImageSpec
from mien.datasets.readers import reader
from mien.recipes import RECIPES, Recipe

WHOLE = ("fer2013", "ferplus")  # taxonomies that choose nothing: recipes with their classes take what the data have


def with_classes(recipe: Recipe, data: DataSpec) -> Recipe:
    """Return the recipe with the classes that its network gets on these data; stderr says where they are others.

    Those are the classes that have samples in the train or the validation split. A recipe whose classes are some of
    them, but no whole taxonomy of the field, chooses these; `data.classes` decides where it is given. FER+ votes have
    eight classes whatever the samples are.

    Raises:
        InputError: the data have fewer than two classes, or no labels that the recipe learns.
    """
    check_outputs(recipe, data)
    if recipe.targets != "label":
        return recipe
    image = ImageSpec(recipe.size, recipe.channels)
    train, validation = (
        datasets.read(replace(data, split=split, targets="label"), image, usual=recipe.holdout)
        for split in ("train", "validation")
    )
    counts = np.array([list(samples.counts.values()) for samples in (train, validation)]).sum(axis=0)
    there = [name for name, n in zip(train.classes, counts, strict=True) if n or data.classes]
    if not there:
        raise InputError(f"{data.path}: no labels in its train and validation splits; there is nothing to learn")
    if len(there) < 2:
        raise InputError(f"{data.path}: its only class with samples is {there[0]}; training needs two or more")
    classes = choose(recipe.classes, there)
    if classes == recipe.classes:
        return recipe
    stated = recipe.name in RECIPES or recipe.classes != Recipe().classes  # else nobody has named any
    if data.classes is None and stated:
        k, ours = len(classes), f"recipe {recipe.name or '(unnamed)'} has {len(recipe.classes)} classes"
        have = f"the data have {k:,}{' others' * (k == len(recipe.classes))} ({first_few(classes, 10)})"
        keep = next((name for name, known in TAXONOMIES.items() if known == recipe.classes), None)
        known = [name for name in there if find_class(name)]
        what = (
            f"keeps all {len(recipe.classes)}" if len(known) == len(there) else f"reads {first_few(known)} as its own"
        )
        hint = f"; --classes {keep} {what}" if keep and known else ""
        notice(f"{printable(data.path)}: {ours}; {have}: the network has {k:,} outputs{hint}")
    return replace(recipe, classes=classes)


def choose(wanted: Sequence[str], there: Sequence[str]) -> tuple[str, ...]:
    """Return which classes of the data a network gets, whose recipe has the classes `wanted`, and in which order.

    Example:
        >>> choose(["sad", "happy", "fear"], ["happy", "sad"]), choose(["sad", "happy"], ["bored", "happy"])
        (('sad', 'happy'), ('bored', 'happy'))
    """
    meant = match(wanted, there)
    shared = [name for name in meant.values() if name is not None]
    whole = any(set(shared) == set(TAXONOMIES[name]) for name in WHOLE)
    if len(shared) == len(meant) and (len(shared) == len(there) or not whole):
        return tuple(wanted) if shared == list(wanted) else tuple(shared)
    others = sorted((name for name in there if name not in shared), key=_rank)
    return tuple(there) if None in map(find_class, there) else (*shared, *others)


def _rank(name: str) -> int:
    return FERPLUS.index(name) if name in FERPLUS else len(FERPLUS)


def check_outputs(recipe: Recipe, data: DataSpec) -> None:
    """Raise InputError where the recipe learns labels that the dataset's format does not have."""
    kind = data.kind or datasets.detect(data.path)
    if lacking := [output for output in recipe.outputs if output not in reader(kind).targets]:
        way = "use one without: mien train mien, or another of mien recipes"
        if recipe.targets not in lacking:
            way = "leave them out: --further-outputs (with nothing after it)"
        raise InputError(
            f"recipe {recipe.name or '(unnamed)'} learns FER+ votes ({', '.join(lacking)}), which a dataset of kind "
            f"{kind} does not have ({printable(data.path)}); {way}"
        )
