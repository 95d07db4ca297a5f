"""The whole set on the device as uint8, cut into seeded batches of a fixed size.

torch's DataLoader serves images one by one from worker processes; at 48 x 48 pixels that costs more than the network.
A set of 30,000 grey faces is 66 MB: it is on the device once, and (seed, epoch, step) alone decides every batch, so
that a run can go on at any step as if it had never stopped.
"""

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien.core.errors import InputError
from mien.recipes import Recipe
from mien.training.balance import equal_draws

BLOCK = 512  # images that are predicted at once

Prepare = Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]]


class Scaling(NamedTuple):
    """Mean and standard deviation of pixels in 0..1, per channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @cache  # noqa: B019  (a tuple of numbers: it is compared by value)
    def tensors(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Return both as float32 [1, c, 1, 1]; made once, because the host waits where numbers go to a GPU."""
        mean, std = (torch.tensor(values, dtype=torch.float32, device=device).view(1, -1, 1, 1) for values in self)
        return mean, std


class Draw(NamedTuple):
    """Which images a step takes, and what decides everything random in it."""

    chosen: Tensor
    """Int64 [n], of all processes together."""
    augmentation: int
    """Seed of augmentation and mixing, the same in all processes."""
    seed: int
    """Of what else is random (dropout); each process has its own."""


class Batch(NamedTuple):
    """One step's share of this process."""

    images: Tensor
    """Float [n, c, h, w], normalised, channels last."""
    targets: Tensor
    seed: int
    """As `Draw.seed`."""


def normalise(images: Tensor, scaling: Scaling) -> Tensor:
    """Return float [n, 1 or c, h, w] in 0..1 as (x - mean) / std, as `core.images.scale` does; grey is repeated."""
    mean, std = scaling.tensors(images.device)
    return (images - mean).div_(std)


def denormalise(images: Tensor, scaling: Scaling) -> Tensor:
    """Return what `normalise` got."""
    mean, std = scaling.tensors(images.device)
    return images * std + mean


def steps_of_epoch(n: int, batch: int, *, drop_last: bool, world: int = 1) -> int:
    """Return how many steps an epoch of n training images has; see `Recipe.drop_last`."""
    batch = min(batch, n)
    return n // batch + (not drop_last and n % batch >= 2 * world)


def total_steps(recipe: Recipe, n: int, *, world: int = 1) -> int:
    """Return how many steps a recipe takes on n training images."""
    steps = recipe.epochs * steps_of_epoch(n, recipe.batch, drop_last=recipe.drop_last, world=world)
    return min(steps, recipe.max_steps) if recipe.max_steps else steps


class Batches:
    """Batches of one split.

    Args:
        images: uint8 [n, h, w] or [n, h, w, 3].
        targets: int64 [n], all of them classes; or float32 [n, k], shares of each output's classes side by side.
        batch: images per step, all processes together; a smaller set makes one batch of its own size.
        drop_last: as `Recipe.drop_last`.
        scaling: every batch is normalised by it.
        seed: decides order, augmentation and mixing.
        groups: int64 [n], the class of each image, so that an epoch draws each class equally often (see
            `mien.training.balance.equal_draws`); None: each image once.
        rank, world: this process takes every `world`-th image of a batch, from the `rank`-th on.

    Raises:
        InputError: unlabelled or too few samples.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        targets: NDArray[Any],
        batch: int,
        device: torch.device,
        *,
        scaling: Scaling,
        drop_last: bool = True,
        seed: int = 0,
        groups: NDArray[np.int64] | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if len(images) < 2:
            raise InputError(f"training needs at least 2 samples of a split; got {len(images)}")
        if targets.ndim == 1 and (unlabelled := int((targets < 0).sum())):
            raise InputError(f"training needs a label for every sample; {unlabelled} of {len(images)} have none")
        if images.ndim == 3 or ((images[..., 0] == images[..., 1]) & (images[..., 0] == images[..., 2])).all():
            # grey: `normalise` repeats it, after a third of the work
            images = images.reshape(*images.shape[:3], -1)[..., :1]
        # uint8 [n, h, w, 1 or 3]; a copy, because the source may be read-only
        self.images = torch.from_numpy(np.array(images)).to(device)
        self.targets = torch.from_numpy(np.asarray(targets)).to(device)
        self.groups = None if groups is None else torch.from_numpy(groups)
        self.batch = min(batch, len(images))
        self.scaling, self.seed, self.rank, self.world, self.device = scaling, seed, rank, world, device
        self.steps = steps_of_epoch(len(images), batch, drop_last=drop_last, world=world)
        self.last = min(self.batch, len(images) - (self.steps - 1) * self.batch) // world * world
        """Images in an epoch's last step."""

    def __len__(self) -> int:
        return len(self.images)

    def seen(self, steps: int) -> int:
        """Return how many images the first steps of an epoch have."""
        return steps * self.batch - (self.batch - self.last) * (steps == self.steps)

    def seed_of(self, *position: int) -> int:
        """Return the 63-bit seed of an epoch, a step (epoch, step) or a process in it (epoch, step, 1 + rank)."""
        return int(np.random.SeedSequence((self.seed, *position)).generate_state(1, np.uint64)[0] >> np.uint64(1))

    def training(self, epoch: int, prepare: Prepare, *, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of this process, one for each step of a shuffled epoch.

        Images that are left over at the end of the shuffle, fewer than a batch, are the last step, or with `drop_last`
        not used in this epoch.

        Args:
            epoch: from 0 on.
            prepare: gets images in 0..1, targets and a generator for the whole batch of a step, and returns both
                augmented; for instance `Learner.prepare`.
            start: the first step.

        Raises:
            InputError: the processes cannot share a batch evenly.
        """
        for draw in self.draws(epoch, start=start):
            yield self.batch_of(draw, prepare)

    def draws(self, epoch: int, *, start: int = 0) -> Iterator[Draw]:
        """Yield what `training` makes its batches of.

        Raises:
            InputError: as `training`.
        """
        if self.batch % self.world:
            raise InputError(f"a batch of {self.batch} cannot be shared evenly by {self.world} processes")
        order = self._order(torch.Generator().manual_seed(self.seed_of(epoch))).to(self.device)
        for step in range(start, self.steps):
            chosen = order[step * self.batch : self.seen(step + 1)]
            yield Draw(chosen, self.seed_of(epoch, step), self.seed_of(epoch, step, 1 + self.rank))

    def batch_of(self, draw: Draw, prepare: Prepare) -> Batch:
        """Return the batch of a step; see `training`."""
        generator = torch.Generator(self.device).manual_seed(draw.augmentation)
        return Batch(*self.prepared(draw.chosen, prepare, generator), draw.seed)

    def prepared(self, chosen: Tensor, prepare: Prepare, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return (images, targets) of this process's share of a step, as `Batch`.

        Each process draws for the whole batch and keeps its share: the number of processes changes nothing.
        """
        images, targets = prepare(self._pixels(chosen), self.targets[chosen], generator)
        share = slice(self.rank, None, self.world)
        images = normalise(images[share], self.scaling).contiguous(memory_format=torch.channels_last)
        return images, targets[share]

    def _order(self, generator: torch.Generator) -> Tensor:
        """Return int64 [n], the images of an epoch."""
        if self.groups is None:
            return torch.randperm(len(self.images), generator=generator)
        return equal_draws(self.groups, generator)

    def in_order(self, *, batch: int = BLOCK) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (images float [n, c, h, w], targets) of this process's share, once, in order, unaugmented."""
        share = range(self.rank, len(self.images), self.world)
        for start in range(0, len(share), batch):
            chosen = torch.as_tensor(share[start : start + batch], device=self.device)
            yield normalise(self._pixels(chosen), self.scaling), self.targets[chosen]

    def _pixels(self, chosen: Tensor) -> Tensor:
        """Return those images as float [n, 1 or 3, h, w] in 0..1."""
        return self.images.index_select(0, chosen).float().div_(255).permute(0, 3, 1, 2)
