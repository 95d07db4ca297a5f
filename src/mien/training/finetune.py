"""Fine-tuning: which layers train, and at which rate.

A layer is a module with a matrix or kernels of its own and the norms that follow it, in the order in which an image
passes them. The head is the last one: of timm's networks what `get_classifier` returns, of others the module that ran
last. The optimiser's first group is the head, the last one the layer that is farthest from it: an epoch records both.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import Parameter

from mien.core.errors import InputError
from mien.recipes import Recipe
from mien.training.networks import own


@dataclass(frozen=True)
class LayerGroup:
    """Modules that train at one rate."""

    name: str
    """Of the first of them: its path in the network and its class."""
    modules: list[nn.Module]
    parameters: list[Parameter]
    """Their own, without those of modules in them; shared weights belong to the last layer that has them."""

    @property
    def size(self) -> int:
        """How many numbers the parameters are."""
        return sum(weights.numel() for weights in self.parameters)


def check(recipe: Recipe, start: Path | None) -> None:
    """Raise InputError where there are no weights to fine-tune; a network of the user's own may bring its own."""
    if recipe.finetune != "none" and not (start or recipe.pretrained or own.is_own(recipe.model)):
        raise InputError(
            f"finetune {recipe.finetune}: {recipe.model} would start from random weights; name a finished run of it "
            "with --start (or small), or --pretrained with a network of timm"
        )


def layers(recipe: Recipe, network: nn.Module) -> list[LayerGroup]:
    """Return the layers of a network in their order, the head last; every parameter is in one of them.

    Raises:
        InputError: it has one layer only, which is the head.
    """
    order = _order(recipe, network)
    matrices = [at for at, module in enumerate(order) if any(weights.ndim > 1 for weights in _own(module))]
    heads = {id(module) for module in _timm_head(network) or order[(matrices or [-1])[-1] :]}
    body: list[list[nn.Module]] = []
    for at, module in enumerate(order):
        if id(module) not in heads:
            if not body or at in matrices:
                body.append([])
            body[-1].append(module)
    names, seen = {id(module): name for name, module in network.named_modules()}, set[int]()
    found: list[LayerGroup] = []
    for modules in [[module for module in order if id(module) in heads], *reversed(body)]:
        name = f"{names[id(modules[0])] or 'the network'} ({type(modules[0]).__name__})"
        parameters = {id(weights): weights for module in modules for weights in _own(module) if id(weights) not in seen}
        seen |= parameters.keys()
        if parameters:
            found.insert(0, LayerGroup(name, modules, list(parameters.values())))
    if len(found) < 2:
        raise InputError(f"finetune {recipe.finetune}: {recipe.model} has one layer with weights, and no body below it")
    return found


def rates(recipe: Recipe, found: list[LayerGroup]) -> list[float]:
    """Return the learning rate of each layer: `body_lr` to `lr`, geometrically, or `body_lr` for all but the head."""
    last = len(found) - 1
    if recipe.finetune == "layers":
        body = recipe.body_lr or recipe.lr / 100
        return [body * (recipe.lr / body) ** (at / last) for at in range(last)] + [recipe.lr]
    return [recipe.body_lr or recipe.lr / 10] * last + [recipe.lr]


def groups(recipe: Recipe, found: list[LayerGroup]) -> list[dict[str, Any]]:
    """Return the optimiser's parameter groups, the head's first; freeze the body where only the head trains."""
    *body, head = found
    made: list[dict[str, Any]] = [{"params": head.parameters, "lr": recipe.lr}]
    if recipe.finetune == "head":
        for weights in (weights for layer in body for weights in layer.parameters):
            weights.requires_grad_(False)
    elif recipe.finetune == "all":
        made.append(
            {"params": [weights for layer in body for weights in layer.parameters], "lr": rates(recipe, found)[0]}
        )
    else:
        made += [
            {"params": layer.parameters, "lr": rate} for layer, rate in zip(body, rates(recipe, found), strict=False)
        ][::-1]
    return made


def frozen(network: nn.Module, head: LayerGroup) -> list[nn.Module]:
    """Return the modules of the body with weights or statistics of their own: they stay as in evaluation."""
    trains = {id(part) for module in head.modules for part in module.modules()}
    return [
        module
        for module in network.modules()
        if id(module) not in trains and (_own(module) or any(True for _ in module.buffers(recurse=False)))
    ]


def describe(recipe: Recipe, found: list[LayerGroup]) -> list[str]:
    """Return what to say at the start of a run."""
    if not found:
        return []
    *body, head = found
    total, size = sum(layer.size for layer in found), f"{head.name}, {head.size:,} parameters"
    if recipe.finetune == "head":
        return [f"fine-tuning the head: {size}, of {total:,}; the rest is frozen, batch statistics too"]
    low, rest = rates(recipe, found)[0], f"{total - head.size:,}"
    if recipe.finetune == "all":
        return [f"fine-tuning all: the head ({size}) at {recipe.lr:g}, the other {rest} at {low:g}"]
    return [
        f"fine-tuning by layers: {len(found)} of them, from {low:g} for {body[0].name} to {recipe.lr:g} for the head "
        f"({size}; {rest} below it)"
    ]


def _own(module: nn.Module) -> list[Parameter]:
    return list(module.parameters(recurse=False))


def _order(recipe: Recipe, network: nn.Module) -> list[nn.Module]:
    """Return the modules with parameters of their own in the order in which an image passes them.

    One whose weights another module uses without calling it follows the one that is registered before it.
    """
    holders = [module for module in network.modules() if _own(module)]
    ran: dict[nn.Module, None] = {}

    def note(module: nn.Module, _: Any) -> None:
        ran.pop(module, None)  # of one that runs twice the last time counts
        ran[module] = None

    hooks = [module.register_forward_pre_hook(note) for module in holders]
    training = network.training
    try:
        some = next(network.parameters())
        with torch.no_grad():
            network.eval()(
                torch.zeros(1, recipe.channels, recipe.size, recipe.size, device=some.device, dtype=some.dtype)
            )
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    orders, order = {module: number for number, module in enumerate(ran)}, -1
    ranked = []
    for number, module in enumerate(holders):
        order = orders.get(module, order)
        ranked.append((order, module not in ran, number))
    return [holders[number] for *_, number in sorted(ranked)]


def _timm_head(network: nn.Module) -> list[nn.Module]:
    """Return the modules with parameters of the classifier that a network names itself, as timm's do."""
    named = network.get_classifier() if callable(getattr(network, "get_classifier", None)) else ()  # type: ignore[operator]
    parts = named if isinstance(named, tuple | list) else (named,)
    return [module for part in parts if isinstance(part, nn.Module) for module in part.modules() if _own(module)]
