"""Optimisers, schedules and the average do what the recipe's fields say."""

import math

import pytest
import torch
from torch import nn

from mien.recipes import Recipe
from mien.training import optimise


@pytest.mark.parametrize(
    ("name", "kind"), [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)]
)
def test_the_optimiser_is_the_named_one(name: str, kind: type[torch.optim.Optimizer]) -> None:
    recipe = Recipe(optimizer=name, lr=0.3, weight_decay=0.01)  # type: ignore[arg-type]
    found = optimise.optimizer(recipe, nn.Linear(2, 2))
    assert type(found) is kind
    assert found.param_groups[0]["lr"] == 0.3
    assert found.param_groups[0]["weight_decay"] == 0.01
    if name == "sgd":
        assert found.param_groups[0]["momentum"] == 0.9
        assert found.param_groups[0]["nesterov"]


def rates(recipe: Recipe, steps: int) -> list[float]:
    optimizer = optimise.optimizer(recipe, nn.Linear(2, 2))
    schedule = optimise.Schedule(recipe, optimizer, steps)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.after_step()
    return found


def test_one_cycle_rises_to_its_peak_and_falls_to_zero() -> None:
    found = rates(Recipe(schedule="one-cycle", lr=1.0), 100)
    peak = found.index(max(found))
    assert max(found) == pytest.approx(1.0, abs=1e-2)
    assert 25 <= peak <= 35
    assert found[:peak] == sorted(found[:peak])
    assert found[peak:] == sorted(found[peak:], reverse=True)
    assert found[-1] < 1e-2


def test_constant_schedule_keeps_the_learning_rate() -> None:
    assert set(rates(Recipe(lr=0.5), 10)) == {0.5}


def test_plateau_waits_for_its_patience() -> None:
    recipe = Recipe(schedule="plateau", patience=2, lr=1.0)
    optimizer = optimise.optimizer(recipe, nn.Linear(2, 2))
    schedule = optimise.Schedule(recipe, optimizer, 10)
    found = []
    for loss in (3.0, 2.0, 2.0, 2.0, 2.0, 1.0):
        schedule.after_epoch(loss)
        found.append(optimizer.param_groups[0]["lr"])
    assert found == pytest.approx([1, 1, 1, 1, 0.1, 0.1])


def test_plateau_knows_which_figures_should_rise() -> None:
    """Within torch's threshold of 0.01 %, and where the figure is undefined, nothing has got better."""
    for monitor, figures in (
        ("macro_f1", (0.2, 0.5, 0.5, 0.6, math.nan)),
        ("log_loss", (2.0, 1.0, 1.0, 0.9, math.nan)),
    ):
        recipe = Recipe(schedule="plateau", monitor=monitor, patience=0, lr=1.0)  # type: ignore[arg-type]
        optimizer = optimise.optimizer(recipe, nn.Linear(2, 2))
        schedule = optimise.Schedule(recipe, optimizer, 10)
        found = []
        for figure in figures:
            schedule.after_epoch(figure)
            found.append(optimizer.param_groups[0]["lr"])
        assert found == pytest.approx([1, 1, 0.1, 0.1, 0.01])


def test_ema_has_a_growing_decay_and_includes_batch_statistics() -> None:
    assert optimise.average(Recipe(), nn.Linear(1, 1)) is None
    model = nn.BatchNorm1d(1)
    average = optimise.average(Recipe(ema=0.5), model)
    assert average is not None
    expected = 0.0
    for n in range(6):
        with torch.no_grad():
            model.running_mean.fill_(n + 1.0)  # type: ignore[union-attr]
            model.weight.fill_(n + 1.0)
        average.update_parameters(model)
        decay = min(0.5, (1 + n) / (10 + n)) if n else 0.0  # the first is taken as it is
        expected = decay * expected + (1 - decay) * (n + 1.0)
        found = average.module.state_dict()
        assert found["weight"].item() == pytest.approx(expected)
        assert found["running_mean"].item() == pytest.approx(expected)
