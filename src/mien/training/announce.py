"""What is said on stderr before a run trains: the network, the images and classes of both splits, the device."""

from collections.abc import Mapping

import torch
from rich.cells import cell_len
from torch import nn

from mien.core.console import multiply_adds, quantity
from mien.core.errors import needs_extra
from mien.core.streams import say, visible
from mien.datasets.classes import describe
from mien.recipes import Recipe
from mien.training import distributed, setup
from mien.training.batches import Batches
from mien.training.data import Split
from mien.training.learner import Learner

MOST = 20  # classes that are listed


def announce(
    learner: Learner, training: Batches, validation: Batches, splits: Mapping[str, Split], *, summary: bool = False
) -> None:
    """Say what is trained, on what, and for how long; with `summary` also layer by layer."""
    recipe, total, world = learner.recipe, learner.total, distributed.WORLD
    (parameters, macs), device = setup.cost(recipe), f"{learner.precision} on {setup.device_name(learner.device)}"
    seen = training.seen(training.steps)
    lines = [
        f"{recipe.name or 'recipe'}: {recipe.model}, {parameters:,} parameters, "
        f"{multiply_adds(macs)} an image, {device}, "
        + (f"{world} processes" if world > 1 else quantity(torch.get_num_threads(), "thread")),
        f"train {len(training):,}, validation {len(validation):,} images "
        f"of {recipe.size} x {recipe.size} x {recipe.channels}",
        f"train: {_batches(training.steps, training.batch, training.last)} per epoch, {quantity(total, 'step')}"
        + f", continuing at {learner.steps}" * (0 < learner.steps < total),
        f"validation: {_of(len(validation), validation.batch)}",
        describe(recipe.classes, {}),
        *class_table(splits["train"].counts, splits["validation"].counts),
    ]
    if left := len(training) - seen:
        unit = "draw" if recipe.sampling == "balanced" else "image"
        lines.insert(3, f"train: {quantity(left, unit)} of each epoch, other ones each time, are too few for a batch")
    start = recipe.width - sum(len(recipe.outputs[name]) for name in recipe.further_outputs)
    for name in recipe.further_outputs:
        classes = recipe.outputs[name]
        labelled = [int(split.targets[:, start : start + len(classes)].any(1).sum()) for split in splits.values()]
        lines.append(
            f"further output {name}: {describe(classes, {})}; labels for {labelled[0]:,} train and {labelled[1]:,} "
            "validation images"
        )
        start += len(classes)
    say(*lines, *(layers(learner.network, recipe, learner.device) if summary else ()))


def _of(images: int, batch: int) -> str:
    steps = -(-images // batch)
    return _batches(steps, batch, images - (steps - 1) * batch)


def _batches(steps: int, batch: int, last: int) -> str:
    return f"{steps:,} batch{'es' * (steps != 1)} of {batch}" + f" (the last of {last})" * (last < batch)


def class_table(train: Mapping[str, int], validation: Mapping[str, int]) -> list[str]:
    """Return the images of each class in both splits as lines of a table: index, class, train, validation.

    Example:
        >>> class_table({"angry": 40, "happy": 1000}, {"angry": 4, "happy": 100})[1:]
        ['      0  angry       40           4', '      1  happy    1,000         100']
    """
    names = list(train)
    rows = [(str(index), visible(name), train[name], validation[name]) for index, name in enumerate(names[:MOST])]
    if rest := names[MOST:]:
        more = f"and {len(rest):,} more"
        rows.append(("", more, sum(train[name] for name in rest), sum(validation[name] for name in rest)))
    width = max(cell_len(text) for text in ["class", *(name for _, name, _, _ in rows)])

    def row(index: str, name: str, *figures: str) -> str:
        padded = name + " " * (width - cell_len(name))
        return f"  {index:>5}  {padded}  {figures[0]:>7}  {figures[1]:>10}"

    header = row("index", "class", "train", "validation")
    return [header, *(row(index, name, f"{one:,}", f"{other:,}") for index, name, one, other in rows)]


def layers(network: nn.Module, recipe: Recipe, device: torch.device) -> list[str]:
    """Return the layers of a network for one image as torchinfo shows them: names, shapes, parameters.

    Raises:
        MissingExtra: torchinfo is not installed.
    """
    with needs_extra("train", "--summary"):
        from torchinfo import summary

    image = torch.zeros(1, recipe.channels, recipe.size, recipe.size, device=device)
    found = summary(
        network,
        input_data=image.to(memory_format=torch.channels_last),
        col_names=("output_size", "kernel_size", "num_params", "trainable"),
        col_width=18,
        row_settings=("var_names",),
        verbose=0,
    )
    text, _, _ = str(found).partition("Total mult-adds")  # counted otherwise than ours, of sizes that say little
    lines, start = text.splitlines(), 0
    for name, classes in recipe.outputs.items() if recipe.further_outputs else ():
        lines.append(f"output {name}: logits {start} to {start + len(classes) - 1}")
        start += len(classes)
    return lines
