"""A training step of efficientnet-b0 on the CPU: ours and that of a plain DataLoader loop, same network and batch.

    OMP_NUM_THREADS=1 taskset -c 0 .venv/bin/python benchmarks/train_step.py

Both: timm's efficientnet_b0 without pretrained weights, 48 x 48 x 3, batch 32, Adam 1e-3, flip 0.5, rotation within 20
degrees. Plain: PIL + torchvision transforms, DataLoader without workers, contiguous format, Adam as it comes. Ours:
`mien.training.learner.Learner`: channels last, fused Adam, the counting of a run included.

Last result (a quiet core of an AMD EPYC; 7 x 5 steps in turns; ms a step as mean +- standard deviation):

    DataLoader loop       420 +-    9  1.00 x
    mien                  343 +-    3  1.23 x
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import timm
import torch
from input_pipeline import blobs, ours, theirs
from torch.nn import functional as F

from mien.recipes import RECIPES
from mien.training import setup
from mien.training.batches import Scaling
from mien.training.learner import Learner

RECIPE = RECIPES["efficientnet-b0"]


def forever(epochs: Callable[[int], Iterator[Any]]) -> Iterator[Any]:
    epoch = 0
    while True:
        yield from epochs(epoch)
        epoch += 1


def plain(images: int) -> Callable[[], None]:
    """Return one step of the loop that tutorials show."""
    model = timm.create_model("efficientnet_b0", num_classes=7).train()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    batches = forever(theirs(blobs(images, RECIPE, grey=True), RECIPE, workers=0))

    def step() -> None:
        images, labels = next(batches)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        loss.item()

    return step


def lean(images: int) -> Callable[[], None]:
    """Return one step of ours."""
    recipe = replace(RECIPE, pretrained=False)
    scaling = Scaling((0.5,) * 3, (0.25,) * 3)
    learner = Learner(recipe, setup.network(recipe), torch.device("cpu"), total=1000, scaling=scaling)
    batches = forever(ours(blobs(images, recipe, grey=True), recipe))

    def step() -> None:
        learner.step(next(batches))

    return step


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=640)
    parser.add_argument("--steps", type=int, default=5, help="per repeat")
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    kinds = {"DataLoader loop": plain(options.images), "mien": lean(options.images)}
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    for repeat in range(options.repeats + 1):
        for kind, step in kinds.items():
            began = time.perf_counter()
            for _ in range(options.steps):
                step()
            if repeat:  # the first is not counted
                found[kind].append((time.perf_counter() - began) / options.steps * 1000)
    print(
        f"{options.repeats} x {options.steps} steps of {RECIPE.batch} in turns, ms a step, mean +- standard deviation"
    )
    for kind, times in found.items():
        ratio = statistics.mean(found["DataLoader loop"]) / statistics.mean(times)
        print(f"{kind:18}{statistics.mean(times):7.0f} +- {statistics.stdev(times):4.0f}  {ratio:4.2f} x", flush=True)


if __name__ == "__main__":
    main()
