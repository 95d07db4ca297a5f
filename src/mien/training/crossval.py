"""Out-of-fold probabilities: each image is judged by a network that saw neither it, nor a copy, nor its person.

The step is that of every training run (`mien.training.learner`). The folder, checkpoints and export of a run are not
needed: k small networks are trained for their predictions, a minute each, and what is kept is a finished fold.
"""

import contextlib
import hashlib
import itertools
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mien import __version__
from mien.core.console import COUNT, progress_bar
from mien.core.errors import InputError
from mien.core.files import replacing
from mien.core.streams import say
from mien.datasets import cache, fingerprint
from mien.recipes import Recipe
from mien.training import balance, setup
from mien.training.batches import Batches, Scaling, total_steps
from mien.training.data import Split
from mien.training.learner import Learner, predictions
from mien.training.stop import Interrupted


def out_of_fold(
    recipe: Recipe,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    fold: NDArray[np.int64],
    *,
    device: str = "auto",
) -> NDArray[np.float32]:
    """Return probabilities [n, k] of each image by the network that was trained on the other folds.

    A finished fold is kept in the cache folder; the same call continues after it.

    Args:
        recipe: with one output, of k classes.
        images: uint8 [n, h, w] or [n, h, w, 3].
        labels: int64 [n] in 0..k - 1.
        fold: int64 [n], as `assign_folds` returns it.
        device: auto, cpu, cuda, cuda:N or mps.

    Raises:
        InputError: the device cannot be used, or the weights are no longer numbers.
        Interrupted: Ctrl-C; the finished folds are kept.
    """
    chosen, k = setup.device(device), len(recipe.classes)
    folds = int(fold.max()) + 1
    state = (__version__, recipe, fingerprint(images, labels, recipe.classes), fold.tolist())
    folder = cache.folder() / f"folds-{hashlib.sha256(repr(state).encode()).hexdigest()[:16]}"
    result = np.empty((len(images), k), dtype=np.float32)
    targets = np.eye(k, dtype=np.float32)[labels] if recipe.soft else labels
    missing = []
    for number in range(folds):
        stored = _load(folder / f"{number}.npy", (int((fold == number).sum()), k))
        if stored is None:
            missing.append(number)
        else:
            result[fold == number] = stored
    began = time.perf_counter()
    total = sum(total_steps(recipe, int((fold != number).sum())) for number in missing)
    with progress_bar(COUNT, "{task.fields[figures]}") as progress:
        task = progress.add_task("", total=total, figures="steps")
        for done, number in enumerate(missing):
            held, name = fold == number, f"fold {number + 1} of {folds}"
            progress.update(task, description=name)
            split = Split(images[~held], targets[~held], recipe.classes)
            try:
                network, scaling = fit(recipe, split, chosen, lambda: progress.advance(task))
                found = probabilities(network, images[held], scaling, chosen)
            except KeyboardInterrupt:
                raise Interrupted(f"stopped in {name}; the same command continues with that fold") from None
            if not np.isfinite(found).all():
                raise InputError(f"{name}: the weights are no longer numbers; lower the recipe's lr")
            result[held] = found
            _store(folder / f"{number}.npy", found)
            if not sys.stderr.isatty():
                seconds = time.perf_counter() - began
                left = seconds / (done + 1) * (len(missing) - done - 1)
                accuracy = (found.argmax(1) == labels[held]).mean()
                text = f"accuracy {accuracy:.4f}, {seconds:,.0f} s, about {left:,.0f} s to go"
                say(f"{name}: {text}")
    return result


def fit(recipe: Recipe, split: Split, device: torch.device, advance: Callable[[], object]) -> tuple[nn.Module, Scaling]:
    """Return the network trained on a split to the recipe's last step, and the scaling of its images.

    `advance` is called after each step.
    """
    scaling = setup.scaling(recipe, split)
    batches = Batches(
        split.images, split.targets, recipe.batch, device,
        scaling=scaling, drop_last=recipe.drop_last, seed=recipe.seed,
        groups=split.hard if recipe.sampling == "balanced" else None,
    )  # fmt: skip
    total = total_steps(recipe, len(split))
    learner = Learner(
        recipe, setup.network(recipe), device,
        total=total, scaling=scaling, class_weights=balance.weights(balance.with_weights(recipe), split),
    )  # fmt: skip
    epochs = (learner.epoch(batches, epoch) for epoch in itertools.count())
    for _ in itertools.islice(itertools.chain.from_iterable(epochs), total):
        advance()
    return learner.result.eval(), scaling


def probabilities(
    network: nn.Module, images: NDArray[np.uint8], scaling: Scaling, device: torch.device
) -> NDArray[np.float32]:
    """Return the network's probabilities [n, k], the mean over each image and its mirror image."""
    batches = Batches(images, np.zeros(len(images), np.int64), len(images), device, scaling=scaling)
    plain, mirrored = (
        torch.cat([logits.softmax(1) for logits, _ in predictions(network, batches, mirrored=flip)])
        for flip in (False, True)
    )
    return np.asarray(((plain + mirrored) / 2).cpu().numpy(), dtype=np.float32)


def _load(path: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    with contextlib.suppress(OSError, ValueError, EOFError):
        found = np.load(path, allow_pickle=False)
        if found.shape == shape and found.dtype == np.float32:
            return np.asarray(found)
    return None


def _store(path: Path, found: NDArray[np.float32]) -> None:
    """Keep a fold; where it cannot be written, it is not kept, as in `mien.datasets.cache`."""
    with contextlib.suppress(InputError), replacing(path) as part, part.open("wb") as file:
        np.save(file, found, allow_pickle=False)
