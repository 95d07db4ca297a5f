"""Fine-tuning trains the head alone, or the layers at rates of their own; it needs weights to start from."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

import mien
from mien.cli import main
from mien.core.errors import InputError
from mien.datasets import DataSpec
from mien.recipes import Recipe
from mien.training import finetune, optimise, trainer
from mien.training.networks import MODELS, create
from mien.training.start import resume, train
from mien.training.stop import Interrupted
from tests.training.runs import assert_same, interrupt_after, untimed, write_run

Tiny = Callable[..., Recipe]


class Attention(nn.Module):
    """A token for the class, an attention whose output weights run without being called, tied and raw weights."""

    def __init__(self, classes: int, channels: int, size: int) -> None:
        super().__init__()
        self.out = nn.Linear(8, classes)  # registered first, runs last
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.patches = nn.Conv2d(channels, 8, 8, 8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.one = nn.Linear(8, 8)
        self.other = nn.Linear(8, 8)
        self.other.weight = self.one.weight

    def forward(self, faces: Tensor) -> Tensor:
        x = self.patches(faces).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), 1, 8), x], 1)
        x = self.other(self.one(self.attention(x, x, x, need_weights=False)[0]))
        result: Tensor = self.out(x[:, 0])
        return result


class NormedHead(nn.Module):
    def __init__(self, classes: int, channels: int, size: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(channels * size**2, 4),
            nn.Dropout(0.5),
            nn.Linear(4, classes),
            nn.BatchNorm1d(classes),
        )

    def forward(self, faces: Tensor) -> Tensor:
        result: Tensor = self.layers(faces)
        return result


TEACHERS = ("mien-large", "mien-se")  # large, and of the same layers as the others
NETWORKS: dict[str, Callable[[], nn.Module]] = {
    **{name: partial(create, name, classes=7) for name in MODELS if name not in TEACHERS},
    "timm/test_vit": lambda: create("timm/test_vit", classes=7, size=160),
    "timm/test_efficientnet": lambda: create("timm/test_efficientnet", classes=7),
    "timm/test_convnext": lambda: create("timm/test_convnext", classes=7),
    "attention": lambda: Attention(7, 1, 48),
    "normed": lambda: NormedHead(7, 1, 48),
}
HEADS = {"attention": "out (Linear)", "normed": "layers.3 (Linear)", "mien": "10 (Linear)", "resnet9": "8 (Linear)"}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_is_in_one_layer_and_the_head_comes_last(name: str) -> None:
    network = NETWORKS[name]()
    recipe = Recipe(finetune="layers", lr=0.1, size=160 if "vit" in name else 48)
    found = finetune.layers(recipe, network)
    listed = [id(weights) for layer in found for weights in layer.parameters]
    assert sorted(listed) == sorted(map(id, network.parameters()))
    assert len(found) > 2 or name == "normed"
    assert found[-1].name == HEADS.get(name, found[-1].name)
    assert found[-1].parameters[0].shape[0] == 7  # a row for each class
    first = next(iter(network.parameters())).shape
    if name in MODELS:
        assert found[0].parameters[0].shape == first
    rates = finetune.rates(recipe, found)
    assert rates[0] == pytest.approx(0.001)
    assert rates[-1] == 0.1
    steps = [after / before for before, after in pairwise(rates)]
    assert steps == pytest.approx([100 ** (1 / (len(found) - 1))] * (len(found) - 1))


def test_layers_of_ours_are_convolutions_with_their_norms_in_the_order_of_an_image() -> None:
    found = finetune.layers(Recipe(finetune="layers"), create("mien-small", classes=7))
    kinds = [[type(module).__name__ for module in layer.modules] for layer in found]
    assert kinds[0] == ["Conv2d", "BatchNorm2d"]
    assert kinds[-1] == ["Linear"]
    assert [layer.name.split()[0] for layer in found][:3] == ["0", "3.conv1", "3.conv2"]


def test_a_network_of_one_layer_has_no_body() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(48 * 48, 7))
    with pytest.raises(InputError, match="finetune head: mien has one layer with weights"):
        finetune.layers(Recipe(finetune="head"), network)


@pytest.mark.parametrize("finetune_by", ["all", "layers"])
@pytest.mark.parametrize("schedule", ["one-cycle", "plateau"])
def test_schedules_scale_every_rate(finetune_by: Any, schedule: Any) -> None:
    recipe = Recipe(finetune=finetune_by, schedule=schedule, lr=0.1, body_lr=0.001, patience=0)
    network = create("mien-small", classes=7)
    found = finetune.layers(recipe, network)
    optimizer = optimise.optimizer(recipe, network, finetune.groups(recipe, found))
    expected = [0.1, 0.001] if finetune_by == "all" else finetune.rates(recipe, found)[::-1]
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(expected)
    moves = optimise.Schedule(recipe, optimizer, 100)
    seen = []
    for _ in range(100):
        optimizer.step()
        moves.after_step()
        seen.append([group["lr"] for group in optimizer.param_groups])
    if schedule == "one-cycle":
        assert [max(column) for column in zip(*seen, strict=True)] == pytest.approx(expected, rel=1e-2)
    for loss in (1.0, 2.0):
        moves.after_epoch(loss)
    if schedule == "plateau":
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([rate / 10 for rate in expected])


def tensors(run: Path, name: str = "last") -> dict[str, Tensor]:
    return load_file(run / f"{name}.safetensors")


@pytest.fixture
def earlier(tiny: Tiny, tmp_path: Path) -> Path:
    write_run(tmp_path / "earlier", tiny("mien", model="mien-small"), batch_statistics=True)
    return tmp_path / "earlier"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("further", [(), ("distribution",)])
def test_only_the_head_trains_and_statistics_stay(
    tiny: Tiny, ferplus: Path, earlier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], further: Any
) -> None:
    recipe = tiny("mien", model="mien-small", finetune="head", further_outputs=further, epochs=1, lr=0.01)
    train(recipe, DataSpec(ferplus), tmp_path / "run", start=earlier, device="cpu")
    before, after = tensors(earlier, "best"), tensors(tmp_path / "run")
    width = 7 + 8 * len(further)
    moved = {name for name in after if name not in before or not torch.equal(after[name], before[name])}
    assert moved == {"9.weight", "9.bias"}
    assert after["9.weight"].shape == (width, 64)
    total = sum(weights.numel() for weights in create("mien-small", classes=width).parameters())
    line = f"fine-tuning the head: 9 (Linear), {65 * width:,} parameters, of {total:,}; the rest is frozen"
    assert line in capsys.readouterr().err


@pytest.mark.usefixtures("quick")
def test_the_body_moves_by_its_own_rate(
    tiny: Tiny, fer2013: Path, earlier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fields: dict[str, Any] = {"model": "mien-small", "epochs": 1, "lr": 1e-2, "ema": 0.0, "schedule": "constant"}
    for name, more in (("still", {"body_lr": 1e-12}), ("moving", {"body_lr": 1e-3})):
        recipe = tiny("mien", finetune="all", optimizer="adamw", weight_decay=0.0, **fields, **more)
        train(recipe, DataSpec(fer2013), tmp_path / name, start=earlier, device="cpu")
    before, still, moving = (tensors(earlier, "best"), *(tensors(tmp_path / name) for name in ("still", "moving")))
    assert torch.allclose(before["0.weight"], still["0.weight"], atol=1e-9)
    assert not torch.allclose(before["0.weight"], moving["0.weight"], atol=1e-5)
    assert not torch.allclose(before["9.weight"], still["9.weight"], atol=1e-4)
    (epoch,) = untimed(tmp_path / "moving")
    assert (epoch.lr, epoch.body_lr) == (1e-2, 1e-3)
    err = capsys.readouterr().err
    assert "fine-tuning all: the head (9 (Linear), 455 parameters) at 0.01, the other 212,752 at 0.001" in err


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("how", ["head", "layers"])
def test_fine_tuning_resumes_to_the_same_bits(
    tiny: Tiny, fer2013: Path, earlier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(trainer, "SYNC_SECONDS", 0.0)
    recipe = tiny("mien", model="mien-small", finetune=how, epochs=2)
    train(recipe, DataSpec(fer2013), tmp_path / "whole", start=earlier, device="cpu")
    with pytest.raises(Interrupted), interrupt_after(9):
        train(recipe, DataSpec(fer2013), tmp_path / "cut", start=earlier, device="cpu")
    resume(tmp_path / "cut", device="cpu")
    assert_same(tmp_path / "whole", tmp_path / "cut")
    for epoch in untimed(tmp_path / "whole"):
        assert epoch.body_lr == (None if how == "head" else pytest.approx(epoch.lr / 100))  # the first layer's


@pytest.mark.usefixtures("quick")
def test_a_network_of_one_s_own_brings_its_weights(tiny: Tiny, fer2013: Path, tmp_path: Path) -> None:
    own = NormedHead(7, 1, 16)
    run = mien.train(
        tiny("three-conv"), data=fer2013, model=own, finetune="head", epochs=1, out=tmp_path / "run", device="cpu"
    )
    before, after = own.state_dict(), tensors(run.path)
    assert torch.equal(before["layers.1.weight"], after["layers.1.weight"])
    assert not torch.equal(before["layers.3.weight"], after["layers.3.weight"])
    assert not torch.equal(before["layers.4.running_mean"], after["layers.4.running_mean"])  # the head's own norm


def test_without_weights_to_start_from_it_is_refused_in_one_line(
    fer2013: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("mien", "efficientnet-b0"):
        command = ["train", name, "--data", str(fer2013), "--finetune", "head", "--out", str(tmp_path / "run")]
        with pytest.raises(SystemExit) as caught:
            main([*command, *(["--no-pretrained"] if name != "mien" else [])])
        assert caught.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "finetune head: " in line
        assert "--start" in line
        assert "--pretrained" in line


def test_a_rate_of_the_body_needs_a_body_that_trains() -> None:
    for how in ("none", "head"):
        with pytest.raises(InputError, match=f"body_lr does nothing with finetune {how}"):
            Recipe(finetune=how, body_lr=0.1)
    assert Recipe(finetune="all", body_lr=0.1).body_lr == 0.1
