"""What training minimises and counts: cross-entropy over each output's classes, divergence from the teachers."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from mien.evaluation.metrics import METRICS, Outcomes
from mien.recipes import Recipe


@dataclass(frozen=True)
class Figures:
    """The figures of one split."""

    loss: float
    """Mean per image."""
    accuracy: tuple[float, ...]
    """Accuracy of each output, over the images that have a label for it."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Of a validation: further figures of the primary output, by their names in `METRICS`."""


class Objective:
    """The outputs of a recipe as columns of one tensor of logits [n, k].

    Targets are as in `mien.training.data.Split`: int64 [n], or float [n, k]. Where a row
    has no label for an output, its columns are zeros and add nothing to the loss.
    """

    def __init__(self, recipe: Recipe, class_weights: Tensor | None = None) -> None:
        self.recipe = recipe
        self.class_weights = class_weights  # float [k], of the primary output
        self.names = tuple(recipe.outputs)
        self.widths = [len(classes) for classes in recipe.outputs.values()]

    def adjusted(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits [n, k] at the shares of the classes in the image's source, and plain targets.

        With `logit_adjust` the network's own logits are for even shares; `targets` are as `Split.stacked`.
        """
        if not self.recipe.logit_adjust:
            return logits, targets
        targets, log_shares = targets.chunk(2, 1)
        return logits + log_shares, targets

    def loss(self, logits: Tensor, targets: Tensor, *, training: bool) -> Tensor:
        """Return the mean over the images of the sum over the outputs.

        In training labels are smoothed, distributions of votes never. The loss of an image is multiplied by the weight
        of its class, as Keras does it: the mean is over the images, not over their weights, so that a step does not
        depend on which others are in the batch. Of distributions each class's share is multiplied.
        """
        smoothing, weights = self.recipe.label_smoothing * training, self.class_weights if training else None
        if targets.ndim == 1:
            if weights is None:
                return F.cross_entropy(logits, targets, label_smoothing=smoothing)
            losses = F.cross_entropy(logits, targets, label_smoothing=smoothing, reduction="none")
            return (losses * weights[targets]).mean()
        total = logits.new_zeros(())
        for name, block, shares in self._blocks(logits, targets):
            if weights is not None and name == self.names[0]:
                shares = shares * weights
            share = smoothing * (name != "distribution")
            uniform = shares.sum(1, keepdim=True) / shares.shape[1]
            total = total - (torch.lerp(shares, uniform.expand_as(shares), share) * block.log_softmax(1)).sum(1).mean()
        return total

    def divergence(self, logits: Tensor, teachers: list[Tensor]) -> Tensor:
        """Return the KL divergence of the network's probabilities from the teachers' mean, at the recipe's temperature.

        Times the square of the temperature, so that its gradient keeps its size (Hinton et al. 2015).
        """
        temperature = self.recipe.distill_temperature
        total = logits.new_zeros(())
        for block, *others in zip(*(torch.split(one, self.widths, 1) for one in (logits, *teachers)), strict=True):
            target = torch.stack([(other / temperature).softmax(1) for other in others]).mean(0)
            total = total + F.kl_div((block / temperature).log_softmax(1), target, reduction="batchmean")
        return total * temperature**2

    def hits(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return float [outputs, 2]: correct predictions, and images that have a label for the output."""
        if targets.ndim == 1:
            right = (logits.argmax(1) == targets).sum()
            return torch.stack([right, right.new_full((), len(targets))]).float()[None]
        rows = []
        for _, block, shares in self._blocks(logits, targets):
            known = shares.any(1)
            rows.append(torch.stack([((block.argmax(1) == shares.argmax(1)) & known).sum(), known.sum()]))
        return torch.stack(rows).float()

    def metrics(self, logits: Tensor, targets: Tensor) -> dict[str, float]:
        """Return the figures of the primary output by their names in `METRICS`, over the images that have a label.

        Accuracy, which `hits` counts, and what is undefined are left out.
        """
        k, votes = self.widths[0], None
        probabilities, truth = logits[:, :k].cpu().double().softmax(1).numpy(), targets.cpu().numpy()
        if truth.ndim == 2:
            labelled = truth[:, :k].any(axis=1)
            shares, probabilities = truth[labelled, :k].astype(np.float64), probabilities[labelled]
            truth = shares.argmax(axis=1)
            if self.names[0] == "distribution" or not np.isin(shares, (0, 1)).all():
                votes = shares
        if not len(truth):
            return {}
        outcomes = Outcomes(probabilities, truth, votes)
        found = {name: metric.value(outcomes) for name, metric in METRICS.items() if name != "accuracy"}
        return {name: value for name, value in found.items() if value is not None}

    def zeros(self, device: torch.device) -> Tensor:
        """Return the sums of no images, to which `count` can be added."""
        return torch.zeros(2 + 2 * len(self.names), device=device)

    def count(self, loss: Tensor, logits: Tensor, targets: Tensor) -> Tensor:
        """Return loss x images, images, and for each output its correct predictions and its labelled images."""
        n = loss.new_full((), len(logits))
        return torch.cat([torch.stack([loss * n, n]), self.hits(logits, targets).flatten()])

    def figures(self, sums: Tensor) -> Figures:
        """Return the figures that sums of `count` amount to."""
        loss, n, *hits = sums.tolist()
        return Figures(loss / n, tuple(right / max(k, 1) for right, k in zip(hits[::2], hits[1::2], strict=True)))

    def _blocks(self, logits: Tensor, targets: Tensor) -> list[tuple[str, Tensor, Tensor]]:
        columns = (torch.split(values, self.widths, 1) for values in (logits, targets))
        return list(zip(self.names, *columns, strict=True))
