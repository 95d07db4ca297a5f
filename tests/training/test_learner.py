"""One training step does what the recipe says; cross-validation and training runs share it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from mien.recipes import Recipe
from mien.training import setup
from mien.training.batches import Batch, Batches, Scaling
from mien.training.learner import Learner, predictions
from tests import drawn
from tests.training.runs import assert_equal

Tiny = Callable[..., Recipe]
CPU, SCALING = torch.device("cpu"), Scaling((0.5,), (0.25,))
FACES = drawn.faces(56, size=16)


def learner(recipe: Recipe, **more: Any) -> Learner:
    return Learner(recipe, setup.network(recipe), CPU, total=21, scaling=SCALING, **more)


def batches(recipe: Recipe) -> Batches:
    return Batches(FACES.images, FACES.labels, recipe.batch, CPU, scaling=SCALING, seed=recipe.seed)


def weights(network: nn.Module) -> torch.Tensor:
    return torch.cat([value.detach().flatten() for value in network.parameters()])


@pytest.mark.parametrize("clip_value", [0.0, 1e-3])
def test_gradients_are_clipped_to_the_clip_value(tiny: Tiny, clip_value: float) -> None:
    """Plain SGD moves a weight by lr x gradient (Nesterov's first step: 1.9 times), so clipping limits the move."""
    recipe = tiny(
        "mien", optimizer="sgd", schedule="constant", lr=0.1, weight_decay=0.0, clip_value=clip_value, ema=0.0
    )
    one = learner(recipe)
    before = weights(one.network)
    one.step(next(batches(recipe).training(0, one.prepare)))
    moved = float((weights(one.network) - before).abs().max())
    if clip_value:
        assert moved == pytest.approx(1.9 * 0.1 * clip_value, rel=1e-3)
    else:
        assert moved > 1.9 * 0.1 * 1e-2


def test_a_step_is_counted_and_what_it_counts_is_that_of_the_batch(tiny: Tiny) -> None:
    recipe = tiny("mien", label_smoothing=0.0)
    one = learner(recipe)
    batch = next(batches(recipe).training(0, one.prepare))
    figures = one.objective.figures(one.step(batch))
    assert one.steps == 1
    network = setup.network(recipe).train()
    logits = network(batch.images).detach()
    expected = nn.functional.cross_entropy(logits, batch.targets)
    assert figures.loss == pytest.approx(float(expected), rel=1e-2)  # bfloat16 on some machines
    assert figures.accuracy == ((logits.argmax(1) == batch.targets).float().mean().item(),)


def test_the_seed_of_a_batch_decides_dropout(tiny: Tiny) -> None:
    recipe = tiny("three-class")
    after = []
    for seed in (1, 1, 2):
        one = learner(recipe)
        batch = next(batches(recipe).training(0, one.prepare))
        one.step(Batch(batch.images, batch.targets, seed))
        after.append(weights(one.network))
    assert torch.equal(after[0], after[1])
    assert not torch.equal(after[0], after[2])


def test_images_are_small_for_the_first_share_of_the_steps_only(tiny: Tiny) -> None:
    recipe = tiny("mien", size=24, progressive_resize=0.5, progressive_size=16)
    one, images, targets = learner(recipe), torch.rand(8, 1, 24, 24), torch.zeros(8, dtype=torch.int64)
    for steps, size in ((0, 16), (10, 16), (11, 24), (20, 24)):  # of 21
        one.steps = steps
        assert one.prepare(images, targets, torch.Generator())[0].shape == (8, 1, size, size)


def test_a_state_continues_to_the_same_bits(tiny: Tiny, tmp_path: Path) -> None:
    recipe = tiny("mien", mixup=0.4, progressive_resize=0.0)
    recipe = replace(recipe, ema=0.9)
    part = Batches(
        FACES.images, np.eye(7, dtype=np.float32)[FACES.labels], recipe.batch, CPU, scaling=SCALING, seed=recipe.seed
    )
    whole, half = learner(recipe), learner(recipe)
    for one, steps in ((whole, 7), (half, 3)):
        for _, batch in zip(range(steps), part.training(0, one.prepare), strict=False):
            one.step(batch)
    torch.save(half.state(), tmp_path / "state.pt")
    resumed = learner(replace(recipe))
    resumed.load_state(torch.load(tmp_path / "state.pt", weights_only=True))
    for batch in part.training(0, resumed.prepare, start=3):
        resumed.step(batch)
    assert_equal(resumed.state(), whole.state())


def test_validation_is_of_the_average_without_augmentation(tiny: Tiny) -> None:
    recipe = tiny("mien", ema=0.5, label_smoothing=0.1)
    one, part = learner(recipe), batches(recipe)
    for batch in part.training(0, one.prepare):
        one.step(batch)
    assert one.result is not one.network
    logits = torch.cat([block for block, _ in predictions(one.result, part)])
    targets = torch.from_numpy(FACES.labels)
    figures = one.validate(part)
    assert figures.loss == pytest.approx(float(nn.functional.cross_entropy(logits, targets)), rel=1e-5)
    assert list(figures.accuracy) == pytest.approx([(logits.argmax(1) == targets).float().mean().item()])


def test_a_step_after_validation_uses_batch_statistics_again(tiny: Tiny) -> None:
    recipe = tiny("mien", ema=0.0)
    one, part = learner(recipe), batches(recipe)
    one.validate(part)
    before = {name: value.clone() for name, value in one.network.named_buffers() if "running" in name}
    one.step(next(part.training(0, one.prepare)))
    assert all(not torch.equal(value, before[name]) for name, value in one.network.named_buffers() if name in before)


def test_predictions_of_mirror_images(tiny: Tiny) -> None:
    recipe = tiny("mien")
    network = setup.network(recipe)
    mirrored = Batches(FACES.images[:, :, ::-1].copy(), FACES.labels, 8, CPU, scaling=SCALING)
    (found, targets), (expected, _) = (
        next(predictions(network, batches(recipe), mirrored=True)), next(predictions(network, mirrored))
    )  # fmt: skip
    assert torch.equal(found, expected)
    assert targets.tolist() == FACES.labels.tolist()
    assert not found.requires_grad
