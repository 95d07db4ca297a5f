"""The optimiser, the schedule and the moving average of a recipe, all from torch."""

import itertools
from typing import Any

import torch
from torch import nn
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel

from mien.recipes import HIGHER, Recipe


def optimizer(recipe: Recipe, model: nn.Module, groups: list[dict[str, Any]] | None = None) -> torch.optim.Optimizer:
    """Return the optimiser, of all parameters or of groups with rates; fused kernels where the device has them."""
    fused = next(model.parameters()).device.type in ("cpu", "cuda")
    parameters = groups or model.parameters()
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, recipe.lr, momentum=0.9, nesterov=True, weight_decay=recipe.weight_decay, fused=fused
        )
    kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, recipe.lr, weight_decay=recipe.weight_decay, fused=fused)


class Schedule:
    """The learning rate: `one-cycle` moves with every step, `plateau` with every validation, `constant` never."""

    def __init__(self, recipe: Recipe, optimizer: torch.optim.Optimizer, total_steps: int) -> None:
        self.one_cycle = self.plateau = None
        if recipe.schedule == "one-cycle":
            peaks = [group["lr"] for group in optimizer.param_groups]
            self.one_cycle = lr_scheduler.OneCycleLR(optimizer, peaks, total_steps=total_steps + 1)
        elif recipe.schedule == "plateau":
            self.plateau = lr_scheduler.ReduceLROnPlateau(
                optimizer,
                mode="max" if recipe.monitor in HIGHER else "min",
                factor=0.1,
                patience=recipe.patience,
            )

    def after_step(self) -> None:
        if self.one_cycle:
            self.one_cycle.step()

    def after_epoch(self, monitored: float) -> None:
        """Look at the figure that the recipe monitors; NaN, where it is undefined, is no better one."""
        if self.plateau:
            self.plateau.step(monitored)

    def state_dict(self) -> dict[str, object]:
        active = self.one_cycle or self.plateau
        return active.state_dict() if active else {}

    def load_state_dict(self, state: dict[str, object]) -> None:
        active = self.one_cycle or self.plateau
        if active:
            active.load_state_dict(state)


class Average(AveragedModel):
    """The exponential moving average of weights and batch statistics.

    Its decay grows with the steps, (1 + n) / (10 + n) up to `ema`, so that a short run forgets its initial weights.
    torch's own way to update it sends the count to the device at every step, and the host waits.
    """

    def __init__(self, model: nn.Module, ema: float) -> None:
        super().__init__(model, use_buffers=True)
        self.ema = ema

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        n = int(self.n_averaged)  # on the CPU
        own, others = (itertools.chain(one.parameters(), one.buffers()) for one in (self.module, model))
        pairs = list(zip(own, others, strict=True))
        means = [pair for pair in pairs if n and pair[0].is_floating_point()]
        copies = [pair for pair in pairs if not n or not pair[0].is_floating_point()]
        if means:
            averaged, current = map(list, zip(*means, strict=True))
            torch._foreach_lerp_(averaged, current, 1 - min(self.ema, (1 + n) / (10 + n)))
        if copies:
            averaged, current = map(list, zip(*copies, strict=True))
            torch._foreach_copy_(averaged, current)
        self.n_averaged += 1


def average(recipe: Recipe, model: nn.Module) -> Average | None:
    """Return the moving average of weights, where the recipe has one."""
    return Average(model, recipe.ema) if recipe.ema else None
