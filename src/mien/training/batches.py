"""The whole set on the device as uint8, cut into seeded batches of a fixed size.

torch's DataLoader serves pictures one by one from worker processes; at 48 x 48 pixels that costs more than the network.
A set of 30,000 grey faces is 66 MB: it lies on the device once, and (seed, epoch, step) alone decides every batch, so
that a run can go on at any step as if it had never stopped.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien.core.errors import InputError


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return float [n, c, h, w] in 0..1 as (x - mean) / std, as `images.scale` does; grey is repeated for many."""
    shape = (1, len(mean), 1, 1)
    centre, spread = (
        torch.tensor(values, dtype=torch.float32, device=images.device).view(shape) for values in (mean, std)
    )
    return (images - centre).div_(spread)


class Batches:
    """Batches of one split.

    Args:
        images: uint8 [n, h, w] or [n, h, w, 3].
        targets: int64 [n], all of them classes; or float32 [n, k], shares of each output's classes side by side.
        batch: pictures a step over all processes; a smaller set makes one batch of its own size.
        mean, std: per channel, for pixels in 0..1; every batch is normalised by them.
        rank, world: this process takes every `world`-th picture of a batch, from the `rank`-th on.

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
        mean: Sequence[float],
        std: Sequence[float],
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if len(images) < 2:
            raise InputError(f"training needs at least 2 samples of a split; got {len(images)}")
        if targets.ndim == 1 and (unlabelled := int((targets < 0).sum())):
            raise InputError(f"training needs a label for every sample; {unlabelled} of {len(images)} have none")
        if images.ndim == 3 or ((images[..., 0] == images[..., 1]) & (images[..., 0] == images[..., 2])).all():
            images = images.reshape(*images.shape[:3], -1)[
                ..., :1
            ]  # grey: `normalise` repeats it, after a third of the work
        self.images = torch.from_numpy(np.array(images)).to(
            device
        )  # uint8 [n, h, w, 1 or 3]; a copy, for the source may be read-only
        self.targets = torch.from_numpy(np.asarray(targets)).to(device)
        self.batch = min(batch, len(images))
        self.mean, self.std, self.seed, self.rank, self.world, self.device = mean, std, seed, rank, world, device
        self.steps = len(images) // self.batch

    def __len__(self) -> int:
        return len(self.images)

    def seed_of(self, *place: int) -> int:
        """Return the 63-bit seed that belongs to (seed, epoch) or (seed, epoch, step)."""
        return int(np.random.SeedSequence((self.seed, *place)).generate_state(1, np.uint64)[0] >> np.uint64(1))

    def training(
        self,
        epoch: int,
        *,
        start: int = 0,
        augment: Callable[[Tensor, torch.Generator], Tensor],
        mix: Callable[[Tensor, Tensor, torch.Generator], tuple[Tensor, Tensor]] | None = None,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield this process's (images float [n, c, h, w], targets) of each step of a shuffled epoch, from `start` on.

        `augment` sees pictures in 0..1, `mix` what it made of them, and their targets. What is left over at the end of
        the shuffle, less than a batch, waits for another epoch. InputError where the processes cannot share a batch
        evenly.
        """
        if self.batch % self.world:
            raise InputError(f"a batch of {self.batch} cannot be shared evenly by {self.world} processes")
        order = torch.randperm(len(self.images), generator=torch.Generator().manual_seed(self.seed_of(epoch))).to(
            self.device
        )
        generator = torch.Generator(self.device)
        for step in range(start, self.steps):
            chosen = order[step * self.batch : (step + 1) * self.batch]
            # each process draws for the whole batch and keeps its share: the number of processes changes nothing
            images = augment(self._pixels(chosen), generator.manual_seed(self.seed_of(epoch, step)))
            targets = self.targets[chosen]
            if mix:
                images, targets = mix(images, targets, generator)
            share = slice(self.rank, None, self.world)
            images = normalise(images[share], self.mean, self.std)
            yield images.contiguous(memory_format=torch.channels_last), targets[share]

    def whole(self, *, batch: int = 512) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield this process's share of all pictures once, in order, unaugmented."""
        share = range(self.rank, len(self.images), self.world)
        for start in range(0, len(share), batch):
            chosen = torch.as_tensor(share[start : start + batch], device=self.device)
            yield normalise(self._pixels(chosen), self.mean, self.std), self.targets[chosen]

    def _pixels(self, chosen: Tensor) -> Tensor:
        """Return those pictures as float [n, 1 or 3, h, w] in 0..1."""
        return self.images.index_select(0, chosen).float().div_(255).permute(0, 3, 1, 2)
