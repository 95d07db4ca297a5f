"""Networks by name, one family in each file: float [n, channels, size, size] in, logits [n, classes] out.

A function in MODELS gets (classes, channels, size) and returns a network with random weights. Networks outside mien:
`mien.training.networks.own`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from mien.core.errors import InputError, did_you_mean, needs_extra
from mien.recipes import Recipe
from mien.training.networks import own
from mien.training.networks.mien import mien, mien_large, mien_se, mien_small, mien_wide
from mien.training.networks.resnet9 import resnet9
from mien.training.networks.three_class import three_class
from mien.training.networks.three_conv import three_conv, three_conv_stride_3
from mien.training.networks.vgg_5x5 import vgg_5x5

MODELS: dict[str, Callable[[int, int, int], nn.Module]] = {
    "mien": mien,
    "mien-large": mien_large,
    "mien-se": mien_se,
    "mien-small": mien_small,
    "mien-wide": mien_wide,
    "resnet9": resnet9,
    "three-class": three_class,
    "three-conv": three_conv,
    "three-conv-stride-3": three_conv_stride_3,
    "vgg-5x5": vgg_5x5,
}


def create(name: str, *, classes: int, channels: int = 1, size: int = 48, pretrained: bool = False) -> nn.Module:
    """Return a new network of `classes` logits for [n, channels, size, size]; `timm/NAME` is timm's.

    Raises:
        InputError: no such network, its pretrained weights cannot be loaded, or the user's own code fails.
    """
    if name.startswith("timm/"):
        return _from_timm(name.removeprefix("timm/"), classes=classes, channels=channels, pretrained=pretrained)
    if made := own.factory(name) if own.is_own(name) else None if name in MODELS else own.entry_point(name):
        return own.build(name, made, classes=classes, channels=channels, size=size)
    if name not in MODELS:
        raise InputError(
            f"no network {name!r}{did_you_mean(name, MODELS)} (known: {', '.join(MODELS)}, timm/NAME, or your own: "
            "package.module:NAME, path/to/file.py:NAME)"
        )
    return MODELS[name](classes, channels, size)


def is_external(name: str) -> bool:
    """Return whether a recipe's `model` is code outside mien and timm: a reference, or a package's entry point."""
    return name not in MODELS and not name.startswith("timm/")


def load_network(weights: Path, recipe: Recipe) -> nn.Module:
    """Return the network of a recipe with the weights of a run.

    Raises:
        InputError: there are no weights yet, or they are damaged.
    """
    if not weights.is_file():
        run = weights.parent
        raise InputError(f"{run}: no {weights.name}; the run has not finished an epoch (mien resume {run})")
    model = create(recipe.model, classes=recipe.width, channels=recipe.channels, size=recipe.size)
    try:
        model.load_state_dict(load_file(weights))
    except (SafetensorError, RuntimeError) as error:
        raise InputError(f"{weights}: not the weights of {recipe.model} ({str(error).partition(chr(10))[0]})") from None
    return model


def _from_timm(name: str, *, classes: int, channels: int, pretrained: bool) -> nn.Module:
    with needs_extra("train", f"timm/{name}"):
        import timm
    if not timm.is_model(name):
        raise InputError(f"timm has no network {name!r}{did_you_mean(name, timm.list_models(), most=3)}")
    online = True
    try:
        with _impatient_hub() if pretrained else nullcontext(True) as online:
            model: nn.Module = timm.create_model(name, pretrained=pretrained, num_classes=classes, in_chans=channels)
    except Exception as error:  # the hub's client raises a dozen kinds, from httpx, requests and its own
        if not pretrained:
            raise
        reason = str(error).partition("\n")[0][:80] if online else "the hub does not reply, and the cache has no copy"
        raise InputError(
            f"the ImageNet weights of {name} cannot be loaded ({reason}); connect, or train without: --no-pretrained"
        ) from None
    return model


@contextmanager
def _impatient_hub() -> Iterator[bool]:
    """Yield whether the hub replies; if not, use the cache alone: its client would retry for half a minute a file."""
    from huggingface_hub import constants, get_session

    before = constants.HF_HUB_OFFLINE
    try:
        get_session().head(constants.ENDPOINT, timeout=5)
    except Exception:  # whatever the HTTP client of its version raises; weights in its cache are found all the same
        constants.HF_HUB_OFFLINE = True
    try:
        yield not constants.HF_HUB_OFFLINE
    finally:
        constants.HF_HUB_OFFLINE = before
