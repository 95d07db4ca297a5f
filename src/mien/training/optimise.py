"""The optimiser, the schedule and the moving average of a recipe, all from torch."""

from typing import Any

import torch
from torch import nn
from torch.optim import lr_scheduler
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

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


def average(recipe: Recipe, model: nn.Module) -> AveragedModel | None:
    """Return the exponential moving average of weights and batch statistics, where the recipe has one.

    Its decay grows with the steps, (1 + n) / (10 + n) up to `ema`, so that a short run forgets its initial weights.
    """
    if not recipe.ema:
        return None

    def follow(averaged: Any, current: Any, count: Any) -> None:
        n = int(result.n_averaged)  # on the CPU; `count` is on the device, and the host would wait for it
        decay = min(recipe.ema, (1 + n) / (10 + n))
        get_ema_multi_avg_fn(decay)(averaged, current, count)  # type: ignore[no-untyped-call]

    result = AveragedModel(model, multi_avg_fn=follow, use_buffers=True)
    return result
