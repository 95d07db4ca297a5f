"""Input pipeline at 48 x 48 on one core: batch, augment, normalise; ours and PIL + torchvision in a DataLoader.

    OMP_NUM_THREADS=1 taskset -c 0 .venv/bin/python benchmarks/input_pipeline.py

Last result (a quiet core of an AMD EPYC; torch 2; 2,560 pictures, 7 epochs each in turns, images/s as mean +- standard
deviation, times against 0 workers; 1 worker shares the one core):

    efficientnet-b0, colour DataLoader, 0 workers    3,173 +-    136    1.0 x
    efficientnet-b0, colour DataLoader, 1 worker     2,468 +-     34    0.8 x
    efficientnet-b0, colour mien                    23,248 +-    685    7.3 x
    resnet9, grey           DataLoader               2,574 +-     18    1.0 x
    resnet9, grey           mien                   102,339 +-  3,131   39.8 x

And on a core shared with three other jobs:

    efficientnet-b0, grey   DataLoader, 0 workers    1,459 +-     61    1.0 x
    efficientnet-b0, grey   DataLoader, 1 worker     1,072 +-     61    0.7 x
    efficientnet-b0, grey   mien                    14,762 +-  1,282   10.1 x
    mien, grey              DataLoader, 0 workers      872 +-     69    1.0 x
    mien, grey              DataLoader, 1 worker       807 +-     86    0.9 x
    mien, grey              mien                    17,035 +-  2,627   19.5 x

Grey: three equal channels, as the folders of FER2013 are; ours keeps one of them until it normalises.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms as T
from torchvision.transforms import InterpolationMode

from mien.datasets import Samples
from mien.recipes import RECIPES, Recipe
from mien.training.augment import prepare
from mien.training.batches import Batches, Scaling


def blobs(n: int, recipe: Recipe, *, grey: bool) -> Samples:
    """Return `n` random images; with three channels, of colour or of grey repeated, where the recipe wants three."""
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (n, 8, 8, 1 if grey or recipe.channels == 1 else 3), dtype=np.uint8)
    images = np.repeat(np.repeat(small, 6, axis=1), 6, axis=2)
    images = images[..., 0] if recipe.channels == 1 else np.broadcast_to(images, (n, 48, 48, 3)).copy()
    k = len(recipe.classes)
    return Samples(images=images, labels=np.arange(n) % k, ids=np.arange(n).astype(str), classes=recipe.classes)


def transforms(recipe: Recipe) -> Any:
    """Return what torchvision has for the recipe's augmentation, on a PIL image, to a normalised tensor."""
    steps: list[Any] = []
    if recipe.flip:
        steps.append(T.RandomHorizontalFlip(recipe.flip))
    if recipe.zoom or recipe.shift:
        share = recipe.shift / recipe.size
        zooms = (1 - recipe.zoom, 1 + recipe.zoom)
        steps.append(T.RandomAffine(recipe.rotate, (share, share), zooms, interpolation=InterpolationMode.BILINEAR))
    elif recipe.rotate:
        steps.append(T.RandomRotation(recipe.rotate, interpolation=InterpolationMode.BILINEAR))
    if recipe.crop:
        steps.append(T.RandomCrop(recipe.crop, recipe.pad, padding_mode="reflect"))
    if recipe.contrast:
        steps.append(T.ColorJitter(brightness=recipe.contrast, contrast=recipe.contrast))
    steps.append(T.ToTensor())
    if recipe.erase:
        steps.append(T.RandomErasing(recipe.erase, (0.02, 0.2), (1 / 3, 3), value=0.5))
    steps.append(T.Normalize([0.5] * recipe.channels, [0.25] * recipe.channels))
    return T.Compose(steps)


class ImageDataset(Dataset[tuple[torch.Tensor, int]]):
    """PIL images that are already decoded, so that only the pipeline is measured."""

    def __init__(self, samples: Samples, recipe: Recipe) -> None:
        self.images = [Image.fromarray(image) for image in samples.images]
        self.labels = samples.labels.tolist()
        self.transform = transforms(recipe)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.images[index]), self.labels[index]


def ours(samples: Samples, recipe: Recipe) -> Callable[[int], Iterator[Any]]:
    scaling = Scaling((0.5,) * recipe.channels, (0.25,) * recipe.channels)
    batches = Batches(samples.images, samples.labels, recipe.batch, torch.device("cpu"), scaling=scaling)
    return lambda epoch: batches.training(
        epoch, lambda images, targets, generator: prepare(images, targets, recipe, generator, small=False)
    )


def theirs(samples: Samples, recipe: Recipe, *, workers: int) -> Callable[[int], Iterator[Any]]:
    loader = DataLoader(
        ImageDataset(samples, recipe), recipe.batch, shuffle=True, drop_last=True, num_workers=workers,
        persistent_workers=workers > 0,
    )  # fmt: skip
    return lambda _: iter(loader)


def rate(batches: Iterator[Any]) -> float:
    """Return images/s of one epoch."""
    began = time.perf_counter()
    count = sum(len(batch[0]) for batch in batches)
    return count / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=2560)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{options.images} images, {options.repeats} epochs each in turns, images/s as mean +- standard deviation")
    for name, grey in (("efficientnet-b0", False), ("efficientnet-b0", True), ("mien", True), ("resnet9", True)):
        recipe = RECIPES[name]
        samples = blobs(options.images, recipe, grey=grey)
        kinds = {
            "DataLoader, 0 workers": theirs(samples, recipe, workers=0),
            "DataLoader, 1 worker": theirs(samples, recipe, workers=1),
            "mien": ours(samples, recipe),
        }
        for epochs in kinds.values():
            rate(epochs(0))  # not counted
        found: dict[str, list[float]] = {kind: [] for kind in kinds}
        for epoch in range(options.repeats):
            for kind, epochs in kinds.items():
                found[kind].append(rate(epochs(epoch + 1)))
        for kind, rates in found.items():
            times = statistics.mean(rates) / statistics.mean(found["DataLoader, 0 workers"])
            spread = f"{statistics.mean(rates):8,.0f} +- {statistics.stdev(rates):6,.0f}"
            print(f"{name + (', grey' if grey else ', colour'):24}{kind:22}{spread}  {times:5.1f} x", flush=True)


if __name__ == "__main__":
    main()
