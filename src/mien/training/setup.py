"""What a run needs before its first step, besides its data: device, precision, scaling, a network to start from."""

import platform
from collections.abc import Collection, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from mien.core.console import first_few, notice, quantity
from mien.core.errors import InputError
from mien.core.paths import printable
from mien.recipes import Recipe
from mien.training import distributed
from mien.training.batches import Scaling
from mien.training.data import Split
from mien.training.networks import create, is_external, own
from mien.training.run import RunFiles, finished, load_finished


def device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        known = name.partition(":")[0] in ("cpu", "cuda", "mps")  # of others torch's reason is a list of thirty
        reason = f" ({str(error).splitlines()[0]})" if known else ""
        raise InputError(
            f"device {name!r} cannot be used here{reason}; expected auto, cpu, cuda, cuda:N or mps"
        ) from None
    return torch.device("cuda", distributed.LOCAL_RANK) if name == "cuda" else device


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type} ({platform.machine()})"


def scaling(recipe: Recipe, split: Split) -> Scaling:
    """Return mean and standard deviation per channel, of pixels in 0..1, in constant memory."""
    if recipe.scaling == "unit":
        return Scaling((0.0,) * recipe.channels, (1.0,) * recipe.channels)
    flat = split.images.reshape(-1, recipe.channels)
    counts = [np.bincount(flat[:, channel], minlength=256) for channel in range(recipe.channels)]
    levels = np.arange(256) / 255
    means = tuple(float(np.average(levels, weights=count)) for count in counts)
    deviations = (
        float(np.average((levels - mean) ** 2, weights=count) ** 0.5) for mean, count in zip(means, counts, strict=True)
    )
    return Scaling(means, tuple(max(deviation, 1e-3) for deviation in deviations))


def precision(recipe: Recipe, model: nn.Module, device: torch.device) -> str:
    """Return the precision of convolutions and matrix products, float32 or bfloat16, as `Recipe.precision` says."""
    if recipe.precision != "auto":
        return recipe.precision
    if device.type == "cpu":
        able: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()  # torch from 2.10 on says
        fast = able.get("avx512_bf16", False) and all(
            layer.groups == 1 for layer in model.modules() if isinstance(layer, nn.Conv2d)
        )
    else:
        fast = device.type == "cuda"
    return "bfloat16" if fast else "float32"


def cost(recipe: Recipe) -> tuple[int, int]:
    """Return how many parameters the network has, and the multiply-adds of one image, without allocating it.

    The user's own network is allocated, and checked: not every one can run without numbers.
    """
    external = is_external(recipe.model)
    with nullcontext() if external else torch.device("meta"):
        model = create(recipe.model, classes=recipe.width, channels=recipe.channels, size=recipe.size).eval()
        if external:
            for size in recipe.sizes:
                own.check_output(recipe.model, model, classes=recipe.width, channels=recipe.channels, size=size)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            model(torch.zeros(1, recipe.channels, recipe.size, recipe.size))
    return sum(weights.numel() for weights in model.parameters()), counter.get_total_flops() // 2


def network(recipe: Recipe, *, start: Path | None = None, resumed: bool = False) -> nn.Module:
    """Return the network of a recipe with the weights that training starts from.

    Args:
        recipe: its seed decides random weights.
        start: a finished run whose weights to start from.
        resumed: the weights will be replaced by those of a checkpoint, so that no others need to be loaded.
    """
    torch.manual_seed(recipe.seed)
    pretrained = recipe.pretrained and not resumed
    made = create(recipe.model, classes=recipe.width, channels=recipe.channels, size=recipe.size, pretrained=pretrained)
    if start and not resumed:
        load_pretrained(made, start, recipe)
    elif pretrained:
        _notice_pretrained(made, recipe)
    return made


def _notice_pretrained(model: Any, recipe: Recipe) -> None:
    """Say which of timm's weights a network of timm's starts from, and what of it begins anew."""
    weights, given = getattr(model, "pretrained_cfg", {}), model.state_dict()
    layers = weights.get("classifier")
    layers = (layers,) if isinstance(layers, str) else layers or ()
    fresh = [f"{name} {list(given[name].shape)}" for name in given if name.startswith(tuple(f"{x}." for x in layers))]
    classes = f"{recipe.width} classes here, {weights.get('num_classes')} there"
    text = f"{recipe.model}: starts from timm's weights {weights.get('hf_hub_id') or weights.get('tag') or ''}".rstrip()
    text += f"; the output layer begins anew: {first_few(fresh)} ({classes})" if fresh else ""
    if recipe.channels == 1 and weights.get("first_conv"):
        text += f"; {weights['first_conv']} has the sums over its colours, for grey images"
    notice(text)


def check_start(recipe: Recipe, start: Path) -> None:
    """Raise InputError where a recipe cannot start from the weights of a run: no run, or one of another network."""
    if start.suffix.lower() == ".onnx" and start.is_file():
        near = f"name its folder: {start.parent}" if RunFiles(start.parent).described() else "name the folder of a run"
        raise InputError(f"{start}: no training can start from an .onnx file; {near}, or a bundled model")
    source = finished(start)[0].recipe
    pairs = ((source.model, recipe.model), (quantity(source.channels, "channel"), quantity(recipe.channels, "channel")))
    if differing := [(there, here) for there, here in pairs if there != here]:
        there, here = (" with ".join(names) for names in zip(*differing, strict=True))
        way = f"start from a run of the same network, or train its: --model {source.model}"
        raise InputError(f"{start}: has weights of {there}, not of {here}; {way}")


def load_pretrained(model: nn.Module, start: Path, recipe: Recipe) -> None:
    """Give the model the best weights of a finished run; the output layer starts anew where the outputs are others.

    Raises:
        InputError: no run, no weights, or those of another network.
    """
    check_start(recipe, start)
    record, trained = load_finished(start)
    source = record.recipe
    wanted, there = model.state_dict(), trained.state_dict()
    found = {key: value for key, value in there.items() if key in wanted and value.shape == wanted[key].shape}
    output: set[str] = set()
    if list(source.outputs.items()) != list(recipe.outputs.items()):
        with torch.device("meta"):
            wider = create(
                recipe.model, classes=recipe.width + 1, channels=recipe.channels, size=recipe.size
            ).state_dict()
        output = {key for key in wanted if wider[key].shape != wanted[key].shape}
        found = {key: value for key, value in found.items() if key not in output}
    model.load_state_dict({**wanted, **found})
    of = {name: weights.numel() for name, weights in model.named_parameters()}
    moved, whole = (sum(of[name] for name in names) for names in (of.keys() & found.keys(), of))
    notice(
        f"{printable(start)}: gave {quantity(len(found), 'tensor')}, {moved:,} of {whole:,} parameters, to start from"
    )
    _notice_fresh(start, wanted, there, output, source, recipe)


def _notice_fresh(
    start: Path,
    wanted: Mapping[str, Tensor],
    there: Mapping[str, Tensor],
    output: Collection[str],
    source: Recipe,
    recipe: Recipe,
) -> None:
    """Say which of the tensors `wanted` the weights `there` do not give, which they have for nothing, and why.

    Those of the `output` layer are not given.
    """

    def differing(names: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> str:
        shapes = {name: list(value.shape) for name, value in names.items() if name not in output}
        lacking = [name for name, shape in shapes.items() if name not in others or list(others[name].shape) != shape]
        return first_few([f"{name} {shapes[name]}" for name in lacking], 6)

    where = printable(start)
    if output:
        fresh = first_few([f"{name} {list(value.shape)}" for name, value in wanted.items() if name in output], 6)
        here, then = (
            "; ".join(f"{name} {first_few(classes, 8)}" for name, classes in one.outputs.items())
            for one in (recipe, source)
        )
        notice(f"{where}: has other outputs; the output layer begins anew: {fresh} (here {here}; there {then})")
    if fresh := differing(wanted, there):
        sizes = f" (here for images of {recipe.size} x {recipe.size}, there of {source.size} x {source.size})"
        notice(f"{where}: has no such weights, so they begin anew: {fresh}" + sizes * (source.size != recipe.size))
    if unused := differing(there, wanted):
        notice(f"{where}: has weights that the network does not: {unused}")
