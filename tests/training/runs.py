"""Runs without training, interrupted runs, and comparing runs."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from mien.recipes import Epoch, Recipe, RunRecord, TrainingData, read_epochs
from mien.training.batches import Batch
from mien.training.learner import Learner
from mien.training.networks import create
from mien.training.run import RunFiles, copy_weights


def record(recipe: Recipe, **facts: Any) -> RunRecord:
    """The record of a run on three channels of different scaling, or their first."""
    mean, std = (0.5, 0.4, 0.3)[: recipe.channels], (0.25, 0.2, 0.3)[: recipe.channels]
    made = replace(RunRecord(recipe, TrainingData(), mean, std), **facts)
    if recipe.logit_adjust and not made.shares:
        made = replace(made, shares={name: uneven(len(classes)) for name, classes in recipe.outputs.items()})
    return made


def uneven(k: int) -> tuple[float, ...]:
    """Return the shares of k classes, each larger than the one before."""
    return tuple(2 * number / (k * (k + 1)) for number in range(1, k + 1))


def write_run(path: Path, recipe: Recipe, *, batch_statistics: bool = False) -> nn.Module:
    """Write a run with random weights and return its network."""
    torch.manual_seed(1)
    model = create(recipe.model, classes=recipe.width, channels=recipe.channels, size=recipe.size).train()
    if batch_statistics:
        with torch.no_grad():
            model(torch.rand(4, recipe.channels, recipe.size, recipe.size))
    run = RunFiles.reserve(path)
    run.describe(record(recipe))
    run.save_weights("best", copy_weights(model))
    return model.eval()


@contextmanager
def interrupt_after(step: int, number: signal.Signals = signal.SIGINT) -> Iterator[None]:
    """Send this process a signal after that step of a run."""
    take = Learner.step

    def interrupted(self: Learner, batch: Batch) -> torch.Tensor:
        counts = take(self, batch)
        if self.steps == step:
            os.kill(os.getpid(), number)
        return counts

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Learner, "step", interrupted)
        yield


def untimed(run: Path) -> Sequence[Epoch]:
    """The metrics without what the clock says."""
    return [replace(epoch, seconds=0, images_per_second=0) for epoch in read_epochs(run)]


def assert_same(run: Path, other: Path) -> None:
    """The two runs agree bit for bit in weights, metrics and state."""
    for name in ("best.safetensors", "last.safetensors"):
        assert (run / name).read_bytes() == (other / name).read_bytes(), name
    assert untimed(run) == untimed(other)
    states = [RunFiles(path).load_state(torch.device("cpu")) for path in (run, other)]
    assert_equal(*({**(state or {}), "seconds": 0} for state in states))


def assert_equal(one: Any, other: Any) -> None:
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, list):
        for pair in zip(one, other, strict=True):
            assert_equal(*pair)
    else:
        assert one == other
