"""What the loop minimises and counts: cross-entropy over each output's classes, and the teachers' divergence."""

import torch
from torch import Tensor
from torch.nn import functional as F

from mien.recipes import Recipe


class Objective:
    """The outputs of a recipe as columns of one tensor of logits [n, k].

    Targets are as in `mien.training.data.Split`: int64 [n], or float [n, k]. Where a row
    has no label for an output, its columns are zeros and add nothing to the loss.
    """

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.names = tuple(recipe.outputs)
        self.widths = [len(classes) for classes in recipe.outputs.values()]

    def loss(self, logits: Tensor, targets: Tensor, *, smoothing: bool) -> Tensor:
        """Return the mean over the pictures of the sum over the outputs; votes are never smoothed."""
        if targets.ndim == 1:
            return F.cross_entropy(logits, targets, label_smoothing=self.recipe.label_smoothing * smoothing)
        total = logits.new_zeros(())
        for name, block, shares in self._blocks(logits, targets):
            share = self.recipe.label_smoothing * (smoothing and name != "distribution")
            even = shares.sum(1, keepdim=True) / shares.shape[1]
            total = total - (torch.lerp(shares, even.expand_as(shares), share) * block.log_softmax(1)).sum(1).mean()
        return total

    def divergence(self, logits: Tensor, teachers: list[Tensor]) -> Tensor:
        """Return the KL divergence of the network's answers from the teachers' mean, at the recipe's temperature.

        Times the square of the temperature, so that its gradient keeps its size (Hinton et al. 2015).
        """
        heat = self.recipe.distill_temperature
        total = logits.new_zeros(())
        for block, *others in zip(*(torch.split(part, self.widths, 1) for part in (logits, *teachers)), strict=True):
            wanted = torch.stack([(other / heat).softmax(1) for other in others]).mean(0)
            total = total + F.kl_div((block / heat).log_softmax(1), wanted, reduction="batchmean")
        return total * heat**2

    def hits(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return float [outputs, 2]: right answers, and pictures that the labelling knows."""
        if targets.ndim == 1:
            right = (logits.argmax(1) == targets).sum()
            return torch.stack([right, right.new_tensor(len(targets))]).float()[None]
        rows = []
        for _, block, shares in self._blocks(logits, targets):
            known = shares.any(1)
            rows.append(torch.stack([((block.argmax(1) == shares.argmax(1)) & known).sum(), known.sum()]))
        return torch.stack(rows).float()

    def _blocks(self, logits: Tensor, targets: Tensor) -> list[tuple[str, Tensor, Tensor]]:
        return list(
            zip(self.names, torch.split(logits, self.widths, 1), torch.split(targets, self.widths, 1), strict=True)
        )
