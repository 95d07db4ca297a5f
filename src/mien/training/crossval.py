"""Out-of-fold probabilities: a network that knows neither a picture, nor a copy of it, nor its person, judges it.

The loop of `mien.training.trainer` makes a whole run: it validates, exports, draws curves and can be taken up at
any step. Here k small networks are trained for their answers alone, a minute each, so that a fold is what is kept.
"""

import contextlib
import hashlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mien import __version__
from mien.core.console import COUNT, bar
from mien.core.errors import InputError
from mien.core.files import replacing
from mien.datasets import cache
from mien.recipes import Recipe
from mien.training import optimise, setup
from mien.training.augment import augment, mix, shrink
from mien.training.batches import Batches
from mien.training.data import Split
from mien.training.networks import create
from mien.training.objective import Objective
from mien.training.stop import Interrupted


def group_ids(copies: NDArray[np.int64], people: NDArray[np.str_]) -> NDArray[np.int64]:
    """Return a number for each picture, int64 [n], equal where two must not be on different sides of a fold.

    Those are copies of one picture (the same number in `copies`), pictures of one person ("" is nobody known), and
    what hangs together by way of others.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(copies)
    copy, (names, person) = np.unique(copies, return_inverse=True)[1], np.unique(people, return_inverse=True)
    known = np.flatnonzero(people != "")
    rows = np.concatenate([np.arange(n), known])
    knots = n + np.concatenate([copy, n + person[known]])  # pictures, then groups of copies, then people
    size = 2 * n + len(names)
    graph = coo_array((np.ones(len(rows), dtype=np.int8), (rows, knots)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1][:n], dtype=np.int64)


def assign_folds(labels: NDArray[np.int64], together: NDArray[np.int64], folds: int, seed: int) -> NDArray[np.int64]:
    """Return the fold of each sample, int64 [n] in 0..folds - 1: stratified by label, whole groups, seeded.

    The largest groups are dealt first, each to the fold that has fewest of its labels. scikit-learn's
    StratifiedGroupKFold weighs every fold's spread for every group, which takes 15 s for FER2013 where this takes one.

    Raises:
        InputError: fewer than two folds, or fewer groups than folds.
    """
    names, group = np.unique(together, return_inverse=True)
    if not 2 <= folds <= len(names):
        raise InputError(f"folds {folds}: expected 2 to {len(names):,}, as many as there are groups of pictures")
    held = np.zeros((len(names), int(labels.max()) + 1), dtype=np.int64)
    np.add.at(held, (group, labels), 1)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-held[order].sum(axis=1), kind="stable")]
    counts, dealt = np.zeros((folds, held.shape[1]), dtype=np.int64), np.empty(len(names), dtype=np.int64)
    for name in order:
        likeness = counts @ held[name]
        dealt[name] = min(range(folds), key=lambda fold: (likeness[fold], counts[fold].sum()))
        counts[dealt[name]] += held[name]
    return dealt[group]


def out_of_fold(
    recipe: Recipe,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    fold: NDArray[np.int64],
    *,
    device: str = "auto",
) -> NDArray[np.float32]:
    """Return probabilities [n, k] of each picture by the network that was trained on the other folds.

    A finished fold is kept in the cache folder; the same call goes on after it.

    Args:
        recipe: with one output, of k classes.
        images: uint8 [n, h, w] or [n, h, w, 3].
        labels: int64 [n] in 0..k - 1.
        fold: int64 [n], as `deal` returns it.
        device: auto, cpu, cuda, cuda:N or mps.

    Raises:
        InputError: the device cannot be used, or the training broke down.
        Interrupted: Ctrl-C; the folds that were done are kept.
    """
    place, k = setup.device(device), len(recipe.classes)
    count = int(fold.max()) + 1
    kept = _kept(recipe, images, labels, fold)
    result = np.empty((len(images), k), dtype=np.float32)
    targets = np.eye(k, dtype=np.float32)[labels] if recipe.soft else labels
    missing = []
    for number in range(count):
        stored = _stored(kept / f"{number}.npy", (int((fold == number).sum()), k))
        if stored is None:
            missing.append(number)
        else:
            result[fold == number] = stored
    began, steps = time.perf_counter(), {number: _steps(recipe, int((fold != number).sum())) for number in missing}
    with bar(COUNT, "{task.fields[figures]}") as progress:
        task = progress.add_task("", total=sum(steps.values()), figures="steps")
        for done, number in enumerate(missing):
            progress.update(task, description=f"fold {number + 1} of {count}")
            held = fold == number
            part = Split(images[~held], targets[~held], recipe.classes)
            try:
                model, scaling = fit(recipe, part, place, lambda: progress.advance(task))
                answers = probabilities(model, images[held], scaling, place)
            except KeyboardInterrupt:
                raise Interrupted(
                    f"stopped in fold {number + 1} of {count}; the same command goes on with that fold"
                ) from None
            if not np.isfinite(answers).all():
                raise InputError(
                    f"fold {number + 1} of {count}: the weights are no longer numbers; lower the recipe's lr"
                )
            result[held] = answers
            _store(kept / f"{number}.npy", answers)
            if not sys.stderr.isatty():
                seconds = time.perf_counter() - began
                left = seconds / (done + 1) * (len(missing) - done - 1)
                right = (answers.argmax(1) == labels[held]).mean()
                print(
                    f"fold {number + 1} of {count}: accuracy {right:.4f}, {seconds:,.0f} s, about {left:,.0f} s to go",
                    file=sys.stderr,
                    flush=True,
                )
    return result


def fit(
    recipe: Recipe, part: Split, device: torch.device, advance: Callable[[], object]
) -> tuple[nn.Module, tuple[list[float], list[float]]]:
    """Return the network trained on `part` by the recipe, to its last epoch, and the scaling of its pixels.

    `advance` is called after each step.
    """
    torch.manual_seed(recipe.seed)
    mean, std = setup.scaling(recipe, part)
    batches = Batches(part.images, part.targets, recipe.batch, device, mean=mean, std=std, seed=recipe.seed)
    model = create(
        recipe.model, classes=recipe.width, channels=recipe.channels, size=recipe.size, pretrained=recipe.pretrained
    ).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    total = _steps(recipe, len(part))
    optimizer = optimise.optimizer(recipe, model)
    schedule = optimise.Schedule(recipe, optimizer, total)
    average, objective = optimise.average(recipe, model), Objective(recipe)
    half = setup.precision(recipe, model, device) == "bfloat16"
    step = 0

    def prepared(pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        pictures = augment(pictures, recipe, generator)
        return shrink(pictures, recipe.progressive_size) if step < recipe.progressive_resize * total else pictures

    def blended(
        pictures: torch.Tensor, targets: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return mix(pictures, targets, recipe, generator)

    blend = blended if recipe.mixup or recipe.cutmix else None
    model.train()
    while step < total:
        for pictures, targets in batches.training(step // batches.steps, augment=prepared, mix=blend):
            torch.manual_seed(batches.seed_of(step))  # for dropout
            with torch.autocast(device.type, torch.bfloat16, enabled=half):
                logits = model(pictures).float()
            objective.loss(logits, targets, smoothing=True).backward()  # type: ignore[no-untyped-call]
            if recipe.clip_value:
                nn.utils.clip_grad_value_(model.parameters(), recipe.clip_value)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            schedule.after_step()
            if average:
                average.update_parameters(model)
            step += 1
            advance()
            if step == total:
                break
    kept: nn.Module = average.module if average else model
    return kept.eval(), (mean, std)


@torch.inference_mode()
def probabilities(
    model: nn.Module, images: NDArray[np.uint8], scaling: tuple[list[float], list[float]], device: torch.device
) -> NDArray[np.float32]:
    """Return the network's probabilities [n, k], the mean over each picture and its mirror image."""
    batches = Batches(images, np.zeros(len(images), np.int64), 1, device, mean=scaling[0], std=scaling[1])
    answers = []
    for pictures, _ in batches.whole():
        views = [pictures, pictures.flip(3)]
        answers.append(
            sum(model(view.contiguous(memory_format=torch.channels_last)).float().softmax(1) for view in views) / 2
        )
    return np.asarray(torch.cat(answers).cpu().numpy(), dtype=np.float32)


def _steps(recipe: Recipe, n: int) -> int:
    total = recipe.epochs * (n // min(recipe.batch, n))
    return min(total, recipe.max_steps) if recipe.max_steps else total


def _kept(recipe: Recipe, *arrays: NDArray[Any]) -> Path:
    """Return the folder of the finished folds of these data under this recipe."""
    digest = hashlib.sha256(repr((__version__, recipe)).encode())
    for array in arrays:
        digest.update(repr((array.shape, array.dtype)).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return cache.folder() / f"folds-{digest.hexdigest()[:16]}"


def _stored(path: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    with contextlib.suppress(OSError, ValueError, EOFError):
        found = np.load(path, allow_pickle=False)
        if found.shape == shape and found.dtype == np.float32:
            return np.asarray(found)
    return None


def _store(path: Path, answers: NDArray[np.float32]) -> None:
    """Keep a fold; where that cannot be, it is merely not kept, as in `mien.datasets.cache`."""
    with contextlib.suppress(InputError), replacing(path) as part, part.open("wb") as file:
        np.save(file, answers, allow_pickle=False)
