"""Every network is built, has the published shape and size, learns and is found by name."""

import importlib
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mien.core.errors import InputError
from mien.core.labels import THREE
from mien.recipes import ONE_SIZE, RECIPES
from mien.training.networks import MODELS, create
from tests import drawn

PARAMETERS = {  # golden numbers: a change here changes every published score
    "efficientnet-b0": 4_016_515,
    "three-class": 980_163,
    "resnet9": 6_571_591,
    "vgg-5x5": 2_785_863,
    "three-conv": 2_391_816,
    "mien": 677_607,
    "mien-votes": 678_639,
    "mien-polish": 678_639,
    "mien-wide": 1_903_535,
    "mien-distilled": 1_903_535,
    "mien-distilled-polish": 1_903_535,
    "mien-large": 11_175_375,
    "mien-se": 7_716_367,
    "mien-sprint": 213_727,
}


def built(name: str) -> nn.Module:
    recipe = RECIPES[name]
    return create(recipe.model, classes=recipe.width, channels=recipe.channels, size=recipe.size)


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_the_wide_network_has_its_size_and_takes_small_images() -> None:
    network = create("mien-wide", classes=15).eval()
    assert count(network) == 1_903_535
    assert network(torch.zeros(2, 1, 32, 32)).shape == (2, 15)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_the_network_of_a_recipe_has_its_size_and_scores_every_class(name: str) -> None:
    recipe, model = RECIPES[name], built(name).eval()
    with torch.inference_mode():
        logits = model(torch.rand(3, recipe.channels, recipe.size, recipe.size))
    assert logits.shape == (3, recipe.width)
    assert torch.isfinite(logits).all()
    assert count(model) == PARAMETERS[name]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [16, 37, 40, 64])
@pytest.mark.parametrize("name", MODELS)
def test_a_network_takes_other_sizes_and_channels(name: str, size: int, channels: int) -> None:
    with torch.device("meta"):  # shapes alone: there is nothing to fill with numbers
        model = create(name, classes=8, channels=channels, size=size).eval()
        assert model(torch.rand(2, channels, size, size)).shape == (2, 8)


@pytest.mark.parametrize("name", MODELS)
def test_one_size_names_the_networks_that_accept_one_size_only(name: str) -> None:
    with torch.device("meta"):
        model = create(name, classes=7, channels=1, size=48).eval()
        images = torch.rand(2, 1, 144, 144)
    if name in ONE_SIZE:
        with pytest.raises(RuntimeError, match="reduction dim"):
            model(images)
    else:
        assert model(images).shape == (2, 7)


@pytest.mark.parametrize(("name", "channels"), sorted({(recipe.model, recipe.channels) for recipe in RECIPES.values()}))
def test_a_network_learns(name: str, channels: int) -> None:
    torch.manual_seed(0)
    model = create(name, classes=3, channels=channels, size=24).train()
    samples = drawn.faces(6, THREE, size=24, channels=channels)
    images = torch.from_numpy(samples.images).reshape(6, 24, 24, -1).permute(0, 3, 1, 2).float() / 255
    targets = torch.from_numpy(samples.labels)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    losses = []
    for _ in range(10):
        loss = F.cross_entropy(model(images), targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(loss.item())
    assert min(losses[-2:]) < 0.9 * losses[0], losses


def kinds(model: nn.Module) -> list[Any]:
    """The layers in order; a convolution as (in, out, kernel), a dense one as (in, out)."""
    found: list[Any] = []
    for layer in model.modules():
        match layer:
            case nn.Conv2d():
                found.append((layer.in_channels, layer.out_channels, layer.kernel_size[0]))
            case nn.Linear():
                found.append((layer.in_features, layer.out_features))
            case nn.BatchNorm2d() | nn.BatchNorm1d():
                found.append("norm")
            case nn.MaxPool2d():
                found.append("pool")
            case nn.ReLU():
                found.append("relu")
            case nn.Dropout():
                found.append(("dropout", layer.p))
    return found


def test_vgg_5x5_has_the_published_layers() -> None:
    assert kinds(built("vgg-5x5")) == [
        *[(1, 64, 5), (64, 64, 5), "norm", "pool", "relu"],
        *[(64, 128, 5), (128, 128, 5), "norm", "pool", "relu"],
        *[(128, 256, 3), (256, 256, 3), "norm", "pool", "relu"],
        *[(256 * 6 * 6, 128), "norm", "relu", ("dropout", 0.25), (128, 7)],
    ]


def test_three_conv_has_the_published_layers() -> None:
    assert kinds(built("three-conv")) == [
        *[(1, 16, 3), "relu", "pool"],
        *[(16, 32, 3), "relu", "pool"],
        *[(32, 64, 3), "relu", "pool"],
        *[(64 * 6 * 6, 1024), "relu", (1024, 8)],
    ]
    assert all(layer.kernel_size == 2 for layer in built("three-conv").modules() if isinstance(layer, nn.MaxPool2d))


def test_the_other_reading_of_three_conv_has_a_stride_of_3() -> None:
    model = create("three-conv-stride-3", classes=8)
    assert {layer.stride for layer in model.modules() if isinstance(layer, nn.Conv2d)} == {(3, 3)}
    assert [layer[:2] for layer in kinds(model) if isinstance(layer, tuple)] == [
        (1, 16), (16, 32), (32, 64), (64, 1024), (1024, 8)
    ]  # fmt: skip
    assert [kind for kind in kinds(model) if isinstance(kind, str)] == ["relu", "pool"] * 3 + ["relu"]


def test_every_block_of_three_class_pools_normalises_and_drops() -> None:
    layers = kinds(built("three-class"))
    convolutions = [place for place, layer in enumerate(layers) if isinstance(layer, tuple) and len(layer) == 3]
    assert [layers[place][1] for place in convolutions] == [32, 64, 128, 256]
    for place in convolutions:
        assert layers[place + 1 : place + 5] == ["relu", "pool", "norm", ("dropout", 0.25)]
    assert layers[-1] == (256, 3)


def test_resnet9_has_nine_layers_with_weights_and_two_shortcuts() -> None:
    layers = kinds(built("resnet9"))
    widths = [layer[:2] for layer in layers if isinstance(layer, tuple)]
    assert widths == [
        (3, 64),
        (64, 128),
        (128, 128),
        (128, 128),
        (128, 256),
        (256, 512),
        (512, 512),
        (512, 512),
        (512, 7),
    ]
    assert layers.count("norm") == 8
    residual = built("resnet9").get_submodule("2")
    for parameter in residual.parameters():
        nn.init.zeros_(parameter)
    image = torch.rand(1, 128, 4, 4)
    assert torch.equal(residual.eval()(image), image)


def test_mien_is_small() -> None:
    assert count(built("mien")) * 4 < 8_000_000  # bytes: what is bundled stays under 8 MB


def test_an_unknown_network_gets_a_hint() -> None:
    with pytest.raises(InputError, match="did you mean 'vgg-5x5'"):
        create("vgg5x5", classes=7)
    with pytest.raises(InputError, match="known: mien"):
        create("something else", classes=7)
    with pytest.raises(InputError, match="timm has no network 'efficientnet_bo'; did you mean 'efficientnet_b"):
        create("timm/efficientnet_bo", classes=7)
    with pytest.raises(InputError, match=r"timm has no network 'qqqqqq'$"):
        create("timm/qqqqqq", classes=7)


def test_any_timm_network_passes_through() -> None:
    model = create("timm/test_resnet", classes=7, channels=1).eval()
    assert model(torch.rand(2, 1, 48, 48)).shape == (2, 7)


@pytest.mark.parametrize("error", [OSError("no route\nto host"), RuntimeError(""), ValueError("odd")])
def test_an_unreachable_hub_is_one_line(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    import timm

    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(timm, "create_model", fail)
    with pytest.raises(InputError, match=r"weights of efficientnet_b0 cannot be loaded.*--no-pretrained") as caught:
        create("timm/efficientnet_b0", classes=7, pretrained=True)
    assert "\n" not in str(caught.value)
    with pytest.raises(type(error)):  # without the hub it is no matter of the hub
        create("timm/efficientnet_b0", classes=7)


def test_a_hub_that_does_not_reply_fails_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from huggingface_hub import constants

    for name, value in {"ENDPOINT": "http://127.0.0.1:9", "HF_HUB_CACHE": str(tmp_path)}.items():
        monkeypatch.setattr(constants, name, value)
    importlib.import_module("timm")  # not what is timed
    began = time.monotonic()
    with pytest.raises(InputError, match=r"the hub does not reply.*--no-pretrained") as caught:
        create("timm/test_resnet", classes=7, pretrained=True)
    assert time.monotonic() - began < 10
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 160
    assert not constants.HF_HUB_OFFLINE  # as it was
