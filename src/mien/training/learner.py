"""A network in training and the one training step: training runs and cross-validation both take it."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from mien.recipes import Recipe
from mien.training import distributed, finetune, graphs, optimise, setup
from mien.training.augment import prepare
from mien.training.batches import Batch, Batches, Scaling, denormalise
from mien.training.distill import Teacher
from mien.training.objective import Figures, Objective


class Learner:
    """A network with all that a step changes or needs. It knows no files, no epochs and no clock.

    Args:
        recipe: how it is trained.
        network: its weights are those to start from.
        device: it is moved there.
        total: how many steps there will be; the schedule needs it.
        scaling: of the images it gets.
        teachers: whose predictions it learns from, for a recipe with `distill`.
        class_weights: of each class of the primary output, in the training loss; None: all alike.
        compiled: whether the step is compiled on GPUs: a minute at the first step, faster afterwards.

    Example:
        >>> learner = Learner(recipe, network, device, total=100, scaling=scaling)  # doctest: +SKIP
        >>> for counts in learner.epoch(batches, 0):  # doctest: +SKIP
        ...     sums += counts
        >>> learner.validate(validation).loss  # doctest: +SKIP
        1.73
    """

    def __init__(
        self,
        recipe: Recipe,
        network: nn.Module,
        device: torch.device,
        *,
        total: int,
        scaling: Scaling,
        teachers: Sequence[Teacher] = (),
        class_weights: Mapping[str, float] | None = None,
        compiled: bool = False,
    ) -> None:
        network = network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.recipe, self.total, self.scaling, self.teachers = recipe, total, scaling, teachers
        self.precision = setup.precision(recipe, network, device)
        self.device = device
        self.network = distributed.synchronise_norms(network, device)
        self.layers = finetune.layers(recipe, self.network) if recipe.finetune != "none" else []
        """Those of a network that is fine-tuned, the head last."""
        self.frozen = finetune.frozen(self.network, self.layers[-1]) if recipe.finetune == "head" else []
        groups = finetune.groups(recipe, self.layers) if self.layers else None
        self.optimizer = optimise.optimizer(recipe, self.network, groups)
        self.schedule = optimise.Schedule(recipe, self.optimizer, total)
        self.average = optimise.average(recipe, self.network)
        weights = [class_weights[name] for name in recipe.classes] if class_weights else None
        self.objective = Objective(recipe, None if weights is None else torch.tensor(weights, device=device))
        self.steps = 0
        """Steps so far."""
        forward = distributed.data_parallel(self.network, device)
        compiled = compiled and device.type == "cuda"
        self.captures = compiled and distributed.WORLD == 1
        self._captured: dict[Batches, graphs.Graphs] = {}
        self._forward: Callable[[Tensor], Tensor] = graphs.compiled(forward) if compiled else forward
        if compiled:
            for teacher in teachers:
                teacher.model = graphs.compiled(teacher.model)

    @property
    def lr(self) -> float:
        """The learning rate of the next step, of a network that is fine-tuned the head's."""
        return float(self.optimizer.param_groups[0]["lr"])

    @property
    def body_lr(self) -> float | None:
        """Likewise of the layer that is farthest from the head; None where all layers have one rate."""
        *_, last = rates = [float(group["lr"]) for group in self.optimizer.param_groups]
        return last if len(rates) > 1 else None

    @property
    def result(self) -> nn.Module:
        """The network to validate and to keep: the average of the weights, where the recipe has one."""
        return self.average.module if self.average else self.network

    def prepare(self, images: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return images in 0..1 and targets, augmented, resized and mixed as the recipe says for the next step."""
        return prepare(images, targets, self.recipe, generator, small=self.small)

    @property
    def small(self) -> bool:
        """Whether the next step takes images of the recipe's `progressive_size`."""
        return self.steps < self.recipe.progressive_resize * self.total

    def epoch(self, batches: Batches, epoch: int, *, start: int = 0) -> Iterator[Tensor]:
        """Take the steps of an epoch, each when it is asked for; yield what `step` returns.

        In one process whose steps are compiled, all of a step but the optimiser and the average is one CUDA graph.
        """
        if not self.captures:
            for batch in batches.training(epoch, self.prepare, start=start):
                yield self.step(batch)
            return
        captured = self._capture(batches)
        for draw in batches.draws(epoch, start=start):
            captured.generator.manual_seed(draw.augmentation)
            torch.manual_seed(draw.seed)
            counts = captured(draw.chosen, small=self.small)
            self.update()
            yield counts

    def _capture(self, batches: Batches) -> graphs.Graphs:
        if batches not in self._captured:

            def compute(chosen: Tensor, generator: torch.Generator) -> Tensor:
                return self.gradients(*batches.prepared(chosen, self.prepare, generator))

            self._captured[batches] = graphs.Graphs(
                compute, list(self.network.parameters()), torch.Generator(batches.device)
            )
        return self._captured[batches]

    def step(self, batch: Batch) -> Tensor:
        """Take one step.

        Returns:
            What `Objective.count` counts in the batch: on the device, so that the host need not wait.
        """
        torch.manual_seed(batch.seed)  # for dropout
        counts = self.gradients(batch.images, batch.targets)
        self.update()
        return counts

    def gradients(self, images: Tensor, marks: Tensor) -> Tensor:
        """Add the gradients of a batch, with targets as `Objective.adjusted` takes them: the first half of a step."""
        self.network.train()
        for module in self.frozen:
            module.training = False
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            logits, targets = self.objective.adjusted(self._forward(images).float(), marks)
            seen = denormalise(images, self.scaling) if self.teachers else images
            teachers = [
                self.objective.adjusted(teacher(seen), marks)[0] if teacher.even else teacher(seen)
                for teacher in self.teachers
            ]
        loss = self.objective.loss(logits, targets, training=True)
        if teachers:
            loss = torch.lerp(loss, self.objective.divergence(logits, teachers), self.recipe.distill)
        loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            return self.objective.count(loss, logits, targets)

    def update(self) -> None:
        """Change the weights by their gradients, which are gone afterwards: the second half of a step."""
        if self.recipe.clip_value:
            nn.utils.clip_grad_value_(self.network.parameters(), self.recipe.clip_value)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.schedule.after_step()
        if self.average:
            self.average.update_parameters(self.network)
        self.steps += 1

    def validate(self, batches: Batches, *, advance: Callable[[int], object] = lambda images: None) -> Figures:
        """Return the figures of all images, unaugmented and together with those of the other processes.

        `advance` is called with the number of images of each block that is done.
        """
        sums, blocks = self.objective.zeros(self.device), []
        for raw, stored in predictions(self.result, batches):
            logits, targets = self.objective.adjusted(raw, stored)
            sums += self.objective.count(self.objective.loss(logits, targets, training=False), logits, targets)
            blocks.append(logits)
            advance(len(targets) * distributed.WORLD)
        figures = self.objective.figures(distributed.total(sums))
        found = torch.zeros(len(batches), self.recipe.width, device=self.device)
        found[batches.rank :: batches.world] = torch.cat(blocks)
        distributed.total(found)  # each process has its own rows
        if not math.isfinite(figures.loss):
            return figures
        _, targets = self.objective.adjusted(found, batches.targets)
        return replace(figures, metrics=self.objective.metrics(found, targets))

    def state(self) -> dict[str, Any]:
        """Return all that the next steps depend on, for `load_state` of a new learner of the same recipe."""
        return {
            "steps": self.steps,
            "network": self.network.state_dict(),
            "average": self.average.state_dict() if self.average else None,
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Continue from a state: the next steps give the same weights, bit for bit."""
        self.steps = state["steps"]
        self.network.load_state_dict(state["network"])
        if self.average:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])


@torch.inference_mode()
def predictions(network: nn.Module, batches: Batches, *, mirrored: bool = False) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (logits, targets) of all images of this process in order, or of their mirror images."""
    network.eval()
    for images, targets in batches.in_order():
        images = images.flip(3) if mirrored else images
        yield network(images.contiguous(memory_format=torch.channels_last)).float(), targets
