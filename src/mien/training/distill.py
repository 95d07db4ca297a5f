"""Finished runs whose predictions another network learns (Hinton et al. 2015)."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from mien.core.console import first_few
from mien.core.errors import InputError
from mien.recipes import Recipe
from mien.training.augment import shrink
from mien.training.batches import Scaling, normalise
from mien.training.run import load_finished


class Teacher:
    """The best weights of a run, with its own image size and scaling.

    Raises:
        InputError: no run, no weights, or other outputs than the student's.
    """

    def __init__(self, path: Path, student: Recipe, device: torch.device) -> None:
        record, model = load_finished(path)
        self.recipe, self.scaling = record.recipe, Scaling(record.mean, record.std)
        if self.recipe.outputs != student.outputs:
            raise InputError(
                f"{path}: has the outputs {_named(self.recipe)}, not {_named(student)}; "
                "a teacher needs its student's outputs"
            )
        self.even = self.recipe.logit_adjust
        """Whether its logits are for even shares of the classes."""
        if self.even and not student.logit_adjust:
            raise InputError(
                f"{path}: was trained for even shares of the classes (--logit-adjust), and so its student must be: add "
                "--logit-adjust, or name teachers that were trained without it"
            )
        self.model: Callable[[Tensor], Tensor] = model.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Return logits [n, k] for float [n, channels, h, w] in 0..1, the augmented images of the student."""
        if images.shape[-1] != self.recipe.size:
            images = shrink(images, self.recipe.size)
        images = normalise(images.mean(1, keepdim=True) if self.recipe.channels == 1 else images, self.scaling)
        return self.model(images.contiguous(memory_format=torch.channels_last)).float()


def _named(recipe: Recipe) -> str:
    return "; ".join(f"{output} ({first_few(classes, 10)})" for output, classes in recipe.outputs.items())


def load_teachers(paths: Sequence[Path], student: Recipe, device: torch.device) -> list[Teacher]:
    """Return the teachers that a recipe needs.

    Raises:
        InputError: it needs some and there are none, or it needs none.
    """
    if bool(paths) != bool(student.distill):
        raise InputError(
            f"recipe {student.name}: learns from teachers; name finished runs with --teachers"
            if student.distill
            else f"recipe {student.name}: learns nothing from teachers; set --distill above 0, or leave out --teachers"
        )
    return [Teacher(path, student, device) for path in paths]
