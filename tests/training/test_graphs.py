"""A step as a CUDA graph changes the weights as the step itself does; nothing in a step waits for the device."""

from dataclasses import replace
from itertools import chain, islice

import numpy as np
import pytest
import torch
from torch._dynamo.testing import CompileCounter
from torch._subclasses.fake_tensor import FakeTensorMode

from mien.recipes import RECIPES, Recipe
from mien.training import setup
from mien.training.augment import coarser, jpeg_table, prepare
from mien.training.batches import Batches, Scaling
from mien.training.graphs import compiled
from mien.training.learner import Learner

SCALING = Scaling((0.5,), (0.25,))
GREY = [name for name, recipe in RECIPES.items() if recipe.channels == 1]


@pytest.mark.parametrize("name", GREY)
def test_augmentation_asks_for_no_value_of_a_tensor(name: str) -> None:
    """Such as `.item()`, or a shape that depends on what is drawn: a fake tensor has no values and raises."""
    recipe, generator = RECIPES[name], torch.Generator().manual_seed(0)
    coarser(recipe.crop or recipe.size, torch.device("cpu"))
    jpeg_table(torch.device("cpu"))
    k = recipe.width
    with FakeTensorMode(allow_non_fake_inputs=True):
        images, targets = torch.rand(32, 1, recipe.size, recipe.size), torch.rand(32, k)
        found, _ = prepare(images, targets, recipe, generator, small=bool(recipe.progressive_resize))
    assert len(found) == 32


@pytest.mark.parametrize("name", ["mien-wide", "mien-se"])
def test_a_network_is_compiled_as_one_graph(name: str) -> None:
    counter = CompileCounter()
    images, network = torch.rand(2, 1, 48, 48), setup.network(RECIPES[name]).eval()
    found = compiled(network, backend=counter)(images)
    assert counter.frame_count == 1
    assert torch.allclose(found, network(images))


def taken(recipe: Recipe, *, graphs: bool, steps: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the weights after some steps, and what they counted."""
    rng, device = np.random.default_rng(0), torch.device("cuda")
    images = rng.integers(0, 256, (100, recipe.size, recipe.size), dtype=np.uint8)
    k = recipe.width * (1 + recipe.logit_adjust)
    targets = np.eye(k, dtype=np.float32)[rng.integers(0, len(recipe.classes), 100)]
    torch.manual_seed(0)
    batches = Batches(images, targets, 32, device, scaling=SCALING, drop_last=False)
    learner = Learner(recipe, setup.network(recipe), device, total=steps, scaling=SCALING)
    learner.captures = graphs
    epochs = chain.from_iterable(learner.epoch(batches, epoch) for epoch in range(9))
    counts = torch.stack(list(islice(epochs, steps)))
    return torch.cat([value.detach().float().flatten() for value in learner.result.state_dict().values()]), counts


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("name", ["mien-sprint", "mien-wide", "three-class"])  # two sizes; all augmentation; dropout
def test_graphs_give_the_weights_of_the_steps_themselves(name: str) -> None:
    recipe = replace(RECIPES[name], mixup=0.2)
    torch.backends.cudnn.deterministic = True
    (weights, counts), (expected, plain) = taken(recipe, graphs=True), taken(recipe, graphs=False)
    assert torch.allclose(counts, plain, rtol=1e-3)
    assert (weights - expected).norm() <= 1e-3 * expected.norm()
