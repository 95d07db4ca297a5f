"""The whole set on the device as uint8, cut into seeded batches of a fixed size.

torch's DataLoader serves pictures one by one from worker processes; at 48 x 48 pixels that costs more than the network. A set of
30,000 grey faces is 66 MB: it lies on the device once, and (seed, epoch, step) alone decides every batch, so that a run can go
on at any step as if it had never stopped.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from mien.datasets import Samples
from mien.errors import InputError


def normalise(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return float [n, c, h, w] in 0..1 as (x - mean) / std per channel: what `mien.images.scale` does, on the device."""
    shape = (1, len(mean), 1, 1)
    centre, spread = (torch.tensor(values, dtype=torch.float32, device=images.device).view(shape) for values in (mean, std))
    return (images - centre) / spread


class Batches:
    """Batches of one split.

    Args:
        samples: all labelled; images [n, h, w] or [n, h, w, 3].
        batch: pictures a step over all processes; a smaller set makes one batch of its own size.
        mean, std: per channel, for pixels in 0..1; every batch is normalised by them.
        rank, world: this process takes every `world`-th picture of a batch, from the `rank`-th on.

    Raises:
        InputError: unlabelled or too few samples, or a batch that the processes cannot share evenly.
    """

    def __init__(
        self,
        samples: Samples,
        batch: int,
        device: torch.device,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if len(samples) < 2 or (samples.labels.ndim == 1 and samples.labels.min() < 0):
            raise InputError(f"training needs at least 2 samples, all labelled; got {len(samples)}")
        pixels = torch.from_numpy(np.array(samples.images)).to(device)  # a copy: the source may be a read-only memory map
        self.images = pixels[:, None] if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2)  # a view with the channels last
        self.labels = torch.from_numpy(np.asarray(samples.labels)).to(device)
        self.batch = min(batch, len(samples))
        if self.batch % world:
            raise InputError(f"a batch of {self.batch} cannot be shared evenly by {world} processes")
        self.mean, self.std, self.seed, self.rank, self.world, self.device = mean, std, seed, rank, world, device
        self.steps = len(samples) // self.batch

    def __len__(self) -> int:
        return len(self.images)

    def seed_of(self, *place: int) -> int:
        """Return the 63-bit seed that belongs to (seed, epoch) or (seed, epoch, step)."""
        return int(np.random.SeedSequence((self.seed, *place)).generate_state(1, np.uint64)[0] >> np.uint64(1))

    def training(
        self, epoch: int, *, start: int = 0, augment: Callable[[Tensor, torch.Generator], Tensor]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield this process's (images float [n, c, h, w], labels) of each step of a shuffled epoch, from step `start` on.

        `augment` sees pictures in 0..1. What is left over at the end of the shuffle, less than a batch, waits for another epoch.
        """
        order = torch.randperm(len(self.images), generator=torch.Generator().manual_seed(self.seed_of(epoch))).to(self.device)
        generator = torch.Generator(self.device)
        for step in range(start, self.steps):
            chosen = order[step * self.batch : (step + 1) * self.batch]
            # every process draws for the whole batch and keeps its share, so that the number of processes changes nothing
            images = augment(self.images[chosen].float() / 255, generator.manual_seed(self.seed_of(epoch, step)))
            share = slice(self.rank, None, self.world)
            images = normalise(images[share], self.mean, self.std)
            yield images.contiguous(memory_format=torch.channels_last), self.labels[chosen][share]

    def whole(self, *, batch: int = 512) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield this process's share of all pictures once, in order, unaugmented."""
        share = range(self.rank, len(self.images), self.world)
        for start in range(0, len(share), batch):
            chosen = torch.as_tensor(share[start : start + batch], device=self.device)
            yield normalise(self.images[chosen].float() / 255, self.mean, self.std), self.labels[chosen]
