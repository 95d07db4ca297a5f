"""The training loop, in place of Lightning or the like.

The pictures are tiny, so the set lies on the device and nothing returns to the host inside a step; (seed, epoch, step)
decides everything random, so a run killed at any moment goes on to the same weights, bit for bit, on the same machine.
"""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from mien.core.errors import InputError
from mien.recipes import Epoch, Recipe, read_epochs
from mien.training import distill, distributed, optimise, setup
from mien.training.augment import augment, mix, shrink
from mien.training.batches import Batches
from mien.training.curves import draw_curves
from mien.training.data import Split
from mien.training.export import export
from mien.training.networks import create
from mien.training.objective import Objective
from mien.training.progress import EpochBar, announce
from mien.training.run import Run
from mien.training.stop import Interrupted, Stop
from mien.training.temperatures import calibrate

SAVE_SECONDS = 60.0  # how much work a kill -9 may cost
SYNC_SECONDS = 0.5  # how often the host looks at the device: bar, non-finite loss, Ctrl-C, checkpoint
SYNC_STEPS = 10  # the same, between processes, which must agree on the step


class Trainer:
    """One run on its way: the network and everything that changes with it."""

    def __init__(
        self,
        run: Run,
        recipe: Recipe,
        parts: dict[str, Split],
        mean: list[float],
        std: list[float],
        device: torch.device,
        taught: Sequence[Path] = (),
        start: Path | None = None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.run, self.recipe, self.device, self.parts, self.scaling = run, recipe, device, parts, (mean, std)
        self.leads = distributed.RANK == 0
        self.training, self.validation = (
            Batches(
                part.images,
                part.targets,
                recipe.batch,
                device,
                mean=mean,
                std=std,
                seed=recipe.seed,
                rank=distributed.RANK,
                world=distributed.WORLD,
            )
            for part in (parts["train"], parts["validation"])
        )
        state = run.load_state(device)
        model = create(
            recipe.model,
            classes=recipe.width,
            channels=recipe.channels,
            size=recipe.size,
            pretrained=recipe.pretrained and state is None,
        )
        if start and state is None:
            setup.load_pretrained(model, start, recipe)
        model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.precision = setup.precision(recipe, model, device)
        self.model: nn.Module = distributed.synchronise_norms(model, device)
        self.total = recipe.epochs * self.training.steps
        if recipe.max_steps:
            self.total = min(self.total, recipe.max_steps)
        self.optimizer = optimise.optimizer(recipe, self.model)
        self.schedule = optimise.Schedule(recipe, self.optimizer, self.total)
        self.average = optimise.average(recipe, self.model)
        self.step = 0  # of the whole run
        self.best = self.lowest_loss = math.inf  # `best` is the lowest `select` figure
        self.stale = 0  # for how many epochs the loss has not fallen
        self.objective = Objective(recipe)
        self.teachers = distill.load(taught, recipe, device)
        self.sums = self._zeros()  # of the epoch so far, as `_count` has them
        self.bad_step = torch.tensor(-1, device=device)  # the first with a loss that is no number
        self.seconds = 0.0  # the epoch's, over all its sittings
        self.stop = Stop(visible=self.leads)
        if state:
            self._restore(state)
        forward = distributed.share(self.model, device)
        self.forward: Callable[[Tensor], Tensor] = (
            torch.compile(forward, dynamic=False) if device.type == "cuda" else forward
        )

    def fit(self) -> Path:
        """Train to the end, export, and return the run folder."""
        if self.leads:
            place = f"{self.precision} on {setup.device_name(self.device)}"
            announce(self.recipe, place, self.training, self.validation, self.total, self.step)
        with self.stop:
            while self.step < self.total and not self._stopped_early():
                self._epoch(self.step // self.training.steps)
        if self.leads:
            export(self.run.path)
            if self.recipe.calibrate:
                calibrate(self.run.path, self.recipe, self.parts["validation"])
                export(self.run.path)
        return self.run.path

    def _epoch(self, epoch: int) -> None:
        steps = self.training.steps
        first = self.step % steps
        last = min(steps, self.total - epoch * steps)
        self.model.train()
        batches = self.training.training(
            epoch,
            start=first,
            augment=self._augment,
            mix=self._mix if self.recipe.mixup or self.recipe.cutmix else None,
        )
        began = synced = saved = time.perf_counter()
        earlier = self.seconds
        with EpochBar(epoch, self.recipe.epochs, last, visible=self.leads) as bar:
            for place, (images, targets) in zip(range(first, last), batches, strict=False):
                self._step(images, targets, self.training.seed_of(epoch, place, 1 + distributed.RANK))
                now = time.perf_counter()
                if (place + 1) % SYNC_STEPS == 0 if distributed.WORLD > 1 else now - synced >= SYNC_SECONDS:
                    synced = now
                    self.seconds = earlier + now - began
                    loss, accuracy = self._look()
                    bar.show(place + 1, loss, accuracy, (place + 1) * self.training.batch / self.seconds)
                    stop, save = self._agree(now - saved >= SAVE_SECONDS)
                    if (stop or save) and place + 1 < last:
                        saved = now
                        self._save()
                    if stop and place + 1 < last:
                        raise Interrupted(
                            f"stopped at step {self.step} of {self.total} and saved; "
                            f"go on with: mien resume {self.run.path}"
                        )
            loss, accuracy = self._look()
            self.seconds = earlier + time.perf_counter() - began
            val_loss, val_accuracy, *further = self._validate()
            row = Epoch(
                epoch=epoch + 1,
                step=self.step,
                train_loss=loss,
                train_accuracy=accuracy,
                val_loss=val_loss,
                val_accuracy=val_accuracy,
                further_val_accuracy=dict(zip(self.recipe.further_outputs, further, strict=True)),
                lr=self.optimizer.param_groups[0]["lr"],
                images_per_second=(last * self.training.batch) / self.seconds,
                seconds=self.seconds,
            )
            bar.close(row)
        self._close(row)

    def _step(self, images: Tensor, targets: Tensor, seed: int) -> None:
        torch.manual_seed(seed)  # for dropout
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
            logits = self.forward(images).float()
            answers = [teacher(self._plain(images)) for teacher in self.teachers]
        loss = self.objective.loss(logits, targets, smoothing=True)
        if answers:
            loss = torch.lerp(loss, self.objective.divergence(logits, answers), self.recipe.distill)
        loss.backward()  # type: ignore[no-untyped-call]
        if self.recipe.clip_value:
            nn.utils.clip_grad_value_(self.model.parameters(), self.recipe.clip_value)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.schedule.after_step()
        if self.average:
            self.average.update_parameters(self.model)
        self.step += 1
        with torch.no_grad():
            self.sums += self._count(loss, logits, targets)
            self.bad_step = torch.where((self.bad_step < 0) & ~torch.isfinite(loss), self.step, self.bad_step)

    def _augment(self, images: Tensor, generator: torch.Generator) -> Tensor:
        images = augment(images, self.recipe, generator)
        early = self.step < self.recipe.progressive_resize * self.total
        return shrink(images, self.recipe.progressive_size) if early else images

    def _mix(self, images: Tensor, targets: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        return mix(images, targets, self.recipe, generator)

    def _plain(self, images: Tensor) -> Tensor:
        """Undo `mien.training.batches.normalise`."""
        mean, std = (torch.tensor(values, device=self.device).view(1, -1, 1, 1) for values in self.scaling)
        return images * std + mean

    def _zeros(self) -> Tensor:
        return torch.zeros(2 + 2 * len(self.recipe.outputs), device=self.device)

    def _count(self, loss: Tensor, logits: Tensor, targets: Tensor) -> Tensor:
        """Return loss x pictures, pictures, and for each output its right answers and the pictures it knows."""
        n = loss.new_tensor(len(logits))
        return torch.cat([torch.stack([loss * n, n]), self.objective.hits(logits, targets).flatten()])

    def _look(self) -> tuple[float, float]:
        """Return the epoch's loss and accuracy so far; the only place where the host waits for the device."""
        loss, n, right, count = distributed.total(self.sums.clone())[:4].tolist()
        # the step after a finite loss may break the weights
        weights = float(nn.utils.get_total_norm(self.model.parameters(), math.inf))
        if not (math.isfinite(loss) and math.isfinite(weights)):
            self._diverged("loss", max(int(self.bad_step), 0) or self.step)
        return loss / n, right / max(count, 1)

    def _diverged(self, what: str, step: int) -> NoReturn:
        if self.leads:
            self.run.discard()
        raise InputError(
            f"{self.run.path}: the {what} is no longer a number at step {step}; train anew with a lower --lr "
            f"(now {self.recipe.lr:g}) or with --clip-value 0.1"
            + ". The last checkpoint is from before"
            * (self.run.path / "resume.pt").exists()
        )

    def _agree(self, due: bool) -> tuple[bool, bool]:
        """Return whether to stop and whether to save; all processes decide alike."""
        if distributed.WORLD == 1:
            return self.stop.asked, due
        flags = distributed.total(
            torch.tensor([self.stop.asked, due and self.leads], dtype=torch.float32, device=self.device)
        ).tolist()
        return flags[0] > 0, flags[1] > 0

    @torch.inference_mode()
    def _validate(self) -> list[float]:
        model = self.average.module if self.average else self.model
        model.eval()
        sums = self._zeros()
        for images, targets in self.validation.whole():
            logits = model(images.contiguous(memory_format=torch.channels_last)).float()
            sums += self._count(self.objective.loss(logits, targets, smoothing=False), logits, targets)
        loss, n, *hits = distributed.total(sums).tolist()
        if not math.isfinite(loss):
            self._diverged("validation loss", self.step)
        return [loss / n, *(right / max(count, 1) for right, count in zip(hits[::2], hits[1::2], strict=True))]

    def _close(self, row: Epoch) -> None:
        """Record a finished epoch, keep its weights where they are the best, save."""
        self.schedule.after_epoch(row.val_loss)
        self.stale = 0 if row.val_loss < self.lowest_loss else self.stale + 1
        self.lowest_loss = min(self.lowest_loss, row.val_loss)
        figure = {"loss": row.val_loss, "accuracy": -row.val_accuracy, "last": -row.epoch}[self.recipe.select]
        better = figure < self.best
        self.best = min(self.best, figure)
        self.sums.zero_()
        self.seconds = 0.0
        if self.leads:
            kept = self.average.module if self.average else self.model
            if better:
                self.run.save_weights("best", kept)
            self.run.save_weights("last", kept)
            self.run.add_epoch(row)
            draw_curves(read_epochs(self.run.path), self.run.path / "curves.png")
        self._save()
        if self._agree(False)[0] and self.step < self.total:
            raise Interrupted(f"stopped after epoch {row.epoch} and saved; go on with: mien resume {self.run.path}")

    def _stopped_early(self) -> bool:
        return bool(self.recipe.early_stop) and self.stale >= self.recipe.early_stop

    def _save(self) -> None:
        sums = distributed.total(self.sums.clone())
        if self.leads:
            self.run.save_state(
                {
                    "step": self.step,
                    "best": self.best,
                    "lowest_loss": self.lowest_loss,
                    "stale": self.stale,
                    "sums": sums,
                    "seconds": self.seconds,
                    "model": self.model.state_dict(),
                    "average": self.average.state_dict() if self.average else None,
                    "optimizer": self.optimizer.state_dict(),
                    "schedule": self.schedule.state_dict(),
                }
            )
        distributed.wait()  # so that saved means saved, whoever stops next

    def _restore(self, state: dict[str, Any]) -> None:
        self.step, self.best, self.stale, self.seconds = state["step"], state["best"], state["stale"], state["seconds"]
        self.lowest_loss = state["lowest_loss"]
        self.model.load_state_dict(state["model"])
        if self.average:
            self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        if self.leads:  # every process has its own sum of the epoch; together they must give what was saved
            self.sums = state["sums"]
