"""What a run says before it trains: batches and classes of both splits, what is left out, the layers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mien.core.labels import ALPHABETICAL
from mien.recipes import Recipe
from mien.training import setup
from mien.training.announce import announce, class_table, layers
from mien.training.batches import Batches, Scaling, total_steps
from mien.training.data import Split
from mien.training.learner import Learner
from mien.training.networks import create

CPU = torch.device("cpu")


def said(
    recipe: Recipe, train: int, validation: int, capsys: pytest.CaptureFixture[str], *, summary: bool = False
) -> str:
    """What is announced of a run on so many black images, of the classes in turn."""
    scaling = Scaling((0.5,), (0.25,))

    def split(n: int) -> Split:
        targets = np.arange(n) % len(recipe.classes)
        if recipe.soft:
            targets = np.tile(np.eye(len(recipe.classes), dtype=np.float32)[targets], (1, 1))
            others = np.zeros((n, recipe.width - len(recipe.classes)), np.float32)
            others[: n // 2, 0] = 1
            targets = np.concatenate([targets, others], axis=1)
        return Split(np.zeros((n, 16, 16), np.uint8), targets, recipe.classes)

    splits = {"train": split(train), "validation": split(validation)}
    one, other = (
        Batches(part.images, part.targets, recipe.batch, CPU, scaling=scaling, drop_last=recipe.drop_last)
        for part in splits.values()
    )
    learner = Learner(recipe, setup.network(recipe), CPU, total=total_steps(recipe, train), scaling=scaling)
    announce(learner, one, other, splits, summary=summary)
    return capsys.readouterr().err


def test_counts_and_batches_of_both_splits_are_those_of_the_published_system(
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe = Recipe(classes=ALPHABETICAL, model="mien-small", size=16, batch=32, drop_last=False, epochs=2)
    text = said(recipe, 28821, 7066, capsys)
    for words in (
        "train 28,821, validation 7,066 images of 16 x 16 x 1\n",
        "train: 901 batches of 32 (the last of 21) per epoch, 1,802 steps\n",
        "validation: 221 batches of 32 (the last of 26)\n",
        "classes: 0 angry, 1 disgust, 2 fear, 3 happy, 4 neutral, 5 sad, 6 surprise\n",
        "  index  class       train  validation\n",
        "      1  disgust     4,118       1,010\n",
    ):
        assert words in text
    assert "too few for a batch" not in text


def test_images_that_an_epoch_leaves_out_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(Recipe(model="mien-small", size=16, batch=32), 75, 30, capsys)
    assert "train: 2 batches of 32 per epoch, 40 steps\n" in text
    assert "train: 11 images of each epoch, other ones each time, are too few for a batch\n" in text
    assert "validation: 1 batch of 30\n" in text


def test_further_outputs_have_their_classes_and_labels_and_logits(capsys: pytest.CaptureFixture[str]) -> None:
    recipe = Recipe(model="mien-small", size=16, batch=8, further_outputs=("majority",))
    text = said(recipe, 40, 16, capsys, summary=True)
    assert "further output majority: classes: 0 neutral, 1 happy, 2 surprise, " in text
    assert "; labels for 20 train and 8 validation images\n" in text
    assert text.endswith("output label: logits 0 to 6\noutput majority: logits 7 to 14\n")


def test_a_table_of_many_classes_ends_with_their_sum_and_wide_names_are_aligned() -> None:
    names = ["지루함", *(f"class {number}" for number in range(29))]
    head, first, second, *_, last = class_table(dict.fromkeys(names, 1000), dict.fromkeys(names, 2))
    assert len(class_table(dict.fromkeys(names, 1), dict.fromkeys(names, 1))) == 22
    assert first == "      0  지루함         1,000           2"
    assert second == "      1  class 0        1,000           2"
    assert last == "         and 10 more   10,000          20"
    assert head == "  index  class          train  validation"


class Branches(nn.Module):
    """A network of one's own, with a branch that has a name."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem, self.gate = nn.Conv2d(1, 4, 3), nn.Linear(4, classes)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.gate(self.stem(images).mean((2, 3)))
        return logits


@pytest.mark.parametrize(
    ("model", "channels", "words"),
    [
        ("mien-small", 1, ["Conv2d", "[1, 7]"]),
        ("timm/mobilenetv3_small_050", 3, ["conv_stem", "classifier", "[1, 7]"]),
        ("own", 1, ["stem", "[1, 4, 30, 30]", "gate", "35"]),
    ],
)
def test_the_layers_are_listed_and_the_network_is_left_as_it_was(model: str, channels: int, words: list[str]) -> None:
    recipe = Recipe(model=model, size=32, channels=channels)  # type: ignore[arg-type]
    network = Branches(7) if model == "own" else create(model, classes=7, channels=channels, size=32)
    before = {name: value.clone() for name, value in network.train().state_dict().items()}
    state = torch.get_rng_state()
    text = "\n".join(layers(network, recipe, CPU))
    for word in (*words, f"Total params: {sum(weights.numel() for weights in network.parameters()):,}"):
        assert word in text
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert all(module.training for module in network.modules())


def test_the_summary_needs_torchinfo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torchinfo", None)
    with pytest.raises(ImportError, match=r"--summary.*mien\[train\]"):
        layers(Branches(7), Recipe(size=16), CPU)
