"""One training run: epochs, checkpoints, Ctrl-C, the choice of the best weights.

Own lines and not Lightning or the like: the images are so small that the whole set fits on the device, and nothing
returns to the host inside a step. (seed, epoch, step) decides everything random, so that a run killed at any moment
continues to the same weights, bit for bit, on the same machine.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal, NoReturn

import torch
from torch import nn

from mien.core.errors import InputError
from mien.core.streams import say
from mien.evaluation.run import Run
from mien.recipes import Epoch, best_epoch, figure, judged, read_epochs, selection_figure
from mien.recipes.run_record import RunEnd
from mien.training import distributed
from mien.training.batches import Batches
from mien.training.callbacks import Callback, call_back
from mien.training.learner import Learner
from mien.training.objective import Figures
from mien.training.progress import EpochBar, Pace, epoch_line, lowered_line
from mien.training.run import STATE, RunFiles, Weights, copy_weights
from mien.training.stop import Interrupted, Stop

SAVE_SECONDS = 60.0  # how much work a kill -9 may cost: an epoch of a small network takes as long as its files
SYNC_SECONDS = 0.5  # how often the host waits for the device: bar, non-finite loss, Ctrl-C, checkpoint
SYNC_STEPS = 10  # the same, between processes, which must agree on the step
RATES = 24  # learning rates that an epoch records, where it changes with every step


class Trainer:
    """A run folder and a learner on two splits; `fit` trains to the end, from the state that the folder holds."""

    def __init__(
        self,
        run: RunFiles,
        learner: Learner,
        training: Batches,
        validation: Batches,
        *,
        callbacks: Sequence[Callback] = (),
    ) -> None:
        self.run, self.learner, self.training, self.validation = run, learner, training, validation
        self.callbacks, self.ended = callbacks, False  # whether one of them has ended the run
        self.recipe = learner.recipe
        self.best = math.inf  # the lowest figure that `select` looks at
        self.best_monitored = math.inf  # likewise, of `monitor`
        self.stale_epochs = 0  # since that was lowest
        self.seconds = 0.0  # of the epoch so far, over all interruptions
        self.rates: list[tuple[int, float]] = []  # of the epoch so far: (step, learning rate)
        self.sums = learner.objective.zeros(learner.device)  # of the epoch so far
        self.bad_step = torch.tensor(-1, device=learner.device)  # the first whose loss is not finite
        self.stop = Stop(visible=distributed.LEADS)
        self.pace = Pace(learner.total, training.steps)
        if state := run.load_state(learner.device):
            self._load_state(state)
        self.epochs = [epoch for epoch in read_epochs(run.path, strict=True) if epoch.step <= learner.steps]
        self.unsaved: dict[str, Weights] = {}  # of finished epochs, by the name of their file
        self.saved = time.perf_counter()

    def fit(self) -> None:
        """Train to the end.

        Raises:
            InputError: the loss is no longer a number, or a file cannot be written.
            Interrupted: Ctrl-C or SIGTERM; the state is saved.
        """
        with self.stop:
            while not self.finished:
                self._epoch(self.learner.steps // self.training.steps)

    @property
    def finished(self) -> bool:
        """Whether the run has nothing left to train."""
        learner, limit = self.learner, self.recipe.early_stop or math.inf
        return learner.steps >= learner.total or self.stale_epochs >= limit or self.ended

    def end(self) -> RunEnd:
        """Return how the finished run ended.

        Raises:
            InputError: its metrics.jsonl is gone.
        """
        epochs, recipe, learner = self.epochs, self.recipe, self.learner
        if not epochs:
            raise InputError(f"{self.run.path}: no metrics.jsonl with its epochs; export the weights with: mien export")
        reason: Literal["epochs", "max_steps", "early_stop", "callback"] = "callback" if self.ended else "early_stop"
        if learner.steps >= learner.total:
            reason = "epochs" if learner.total == recipe.epochs * self.training.steps else "max_steps"
        best = best_epoch(epochs, recipe)
        chosen = math.nan if recipe.select == "last" else figure(best, recipe.select)
        return RunEnd(
            reason=reason,
            best_epoch=best.epoch,
            figure=None if math.isnan(chosen) else chosen,
            training_seconds=sum(epoch.seconds for epoch in epochs),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    def _epoch(self, epoch: int) -> None:
        steps, learner = self.training.steps, self.learner
        first, last = learner.steps % steps, min(steps, learner.total - epoch * steps)
        taken = learner.epoch(self.training, epoch, start=first)
        began = synced = time.perf_counter()
        earlier = self.seconds
        with EpochBar(epoch, self.recipe.epochs, last, self.pace, visible=distributed.LEADS) as bar:
            for done in range(first + 1, last + 1):
                self._note_rate(done, last)
                counts = next(taken)
                self.sums += counts
                self.bad_step = torch.where(
                    (self.bad_step < 0) & ~torch.isfinite(counts[0]), learner.steps, self.bad_step
                )
                now = time.perf_counter()
                if done % SYNC_STEPS == 0 if distributed.WORLD > 1 else now - synced >= SYNC_SECONDS:
                    synced = now
                    self.seconds = earlier + now - began
                    bar.show(done, self._figures(), self.training.seen(done), self.seconds)
                    stop, save = self._agree(now - self.saved >= SAVE_SECONDS)
                    if stop and done < last:
                        self._interrupt(f"at step {learner.steps} of {learner.total}")
                    if save and done < last:
                        self._save()
            training = self._figures()
            self.seconds = earlier + time.perf_counter() - began
            bar.validating(len(self.validation))
            began = time.perf_counter()
            validation = learner.validate(self.validation, advance=bar.advance)
            self.pace.validation = time.perf_counter() - began
            if not math.isfinite(validation.loss):
                self._diverged("validation loss", learner.steps)
            row = Epoch(
                epoch=epoch + 1,
                step=learner.steps,
                train_loss=training.loss,
                train_accuracy=training.accuracy[0],
                val_loss=validation.loss,
                val_accuracy=validation.accuracy[0],
                val_metrics=validation.metrics,
                further_val_accuracy=dict(zip(self.recipe.further_outputs, validation.accuracy[1:], strict=True)),
                lr=learner.lr,
                lr_by_step=tuple(self.rates),
                body_lr=learner.body_lr,
                images_per_second=self.training.seen(last) / self.seconds,
                seconds=self.seconds,
            )
        self._close(row)

    def _note_rate(self, step: int, last: int) -> None:
        """Note the learning rate of a step of the epoch, from 1 on to `last`, where it is not the one noted before."""
        rate = float(f"{self.learner.lr:.6g}")
        due = step in (1, last) or step % math.ceil(last / RATES) == 0
        if due and (not self.rates or self.rates[-1][1] != rate):
            self.rates.append((self.learner.steps + 1, rate))

    def _figures(self) -> Figures:
        """Return the epoch's figures so far; the only lines of a step where the host waits for the device."""
        sums = distributed.total(self.sums.clone())
        # the step after a finite loss may break the weights
        weights = nn.utils.get_total_norm(self.learner.network.parameters(), math.inf)
        if not (math.isfinite(sums[0]) and math.isfinite(weights)):
            self._diverged("loss", max(int(self.bad_step), 0) or self.learner.steps)
        return self.learner.objective.figures(sums)

    def _diverged(self, what: str, step: int) -> NoReturn:
        if distributed.LEADS:
            self._save_epochs()
            self.run.discard()
        before = ". The last checkpoint is from before" if self.run.has_state() else ""
        raise InputError(
            f"{self.run.path}: the {what} is no longer a number at step {step}; train anew with a lower --lr "
            f"(now {self.recipe.lr:g}) or with --clip-value 0.1{before}"
        )

    def _agree(self, due: bool) -> tuple[bool, bool]:
        """Return whether to stop and whether to save; all processes decide alike."""
        if distributed.WORLD == 1:
            return self.stop.asked, due
        flags = torch.tensor([self.stop.asked, due and distributed.LEADS], device=self.learner.device).float()
        stop, save = distributed.total(flags).tolist()
        return stop > 0, save > 0

    def _interrupt(self, when: str) -> NoReturn:
        self._save()
        raise Interrupted(f"stopped {when} and saved; continue with: mien resume {self.run.path}")

    def _close(self, row: Epoch) -> None:
        """Record a finished epoch, keep its weights if they are the best; save where it is due."""
        self.learner.schedule.after_epoch(figure(row, self.recipe.monitor))
        monitored, selected = judged(row, self.recipe.monitor), selection_figure(row, self.recipe)
        first = row.epoch == 1  # the best so far even where the figure is undefined
        self.stale_epochs = 0 if monitored < self.best_monitored or first else self.stale_epochs + 1
        self.best_monitored = min(self.best_monitored, monitored)
        better = selected < self.best or first
        self.best = min(self.best, selected)
        row = replace(row, kept=better)
        left = self.pace.rest(row.step, row.seconds / (row.step - (row.epoch - 1) * self.training.steps))
        self.sums.zero_()
        self.seconds, self.rates = 0.0, []
        self.epochs.append(row)
        weights = copy_weights(self.learner.result)
        self.unsaved |= {"best": weights, "last": weights} if better else {"last": weights}
        due = self.finished or bool(self.callbacks) or time.perf_counter() - self.saved >= SAVE_SECONDS
        if self._agree(due)[1]:
            self._save()
        if distributed.LEADS:
            say(epoch_line(self.epochs, self.recipe, stale=self.stale_epochs, left=left))
        self.ended = self._call_back(row)
        lowered = self.recipe.schedule == "plateau" and self.learner.lr < row.lr
        if lowered and not self.finished and distributed.LEADS:
            say(lowered_line(row, self.learner.lr, self.recipe))
        if self._agree(False)[0] and self.learner.steps < self.learner.total:
            self._interrupt(f"after epoch {row.epoch}")

    def _call_back(self, row: Epoch) -> bool:
        """Call the callbacks, in one process; return whether one of them ends the run."""
        ends = distributed.LEADS and True in [call_back(one, Run(self.run.path), row) for one in self.callbacks]
        if distributed.WORLD > 1 and self.callbacks:
            ends = bool(distributed.total(torch.tensor(float(ends), device=self.learner.device)))
        if ends and distributed.LEADS:
            say(f"a callback ends the run after epoch {row.epoch}")
        return ends

    def _save_epochs(self) -> None:
        """Write the weights and figures of the epochs that were finished since the last time."""
        for name, weights in self.unsaved.items():
            self.run.save_weights(name, weights)
        if self.unsaved:
            self.run.save_epochs(self.epochs)
        self.unsaved = {}

    def _save(self) -> None:
        sums = distributed.total(self.sums.clone())
        if distributed.LEADS:
            self._save_epochs()
            self.run.save_state(
                {
                    "learner": self.learner.state(),
                    "best": self.best,
                    "lowest_loss": self.best_monitored,  # its name while runs monitored nothing else
                    "stale_epochs": self.stale_epochs,
                    "sums": sums,
                    "seconds": self.seconds,
                    "rates": self.rates,
                }
            )
        distributed.wait()  # so that saved means saved, whoever stops next
        self.saved = time.perf_counter()

    def _load_state(self, state: dict[str, Any]) -> None:
        try:
            self.learner.load_state(state["learner"])
            self.best, self.best_monitored = state["best"], state["lowest_loss"]
            self.stale_epochs, self.seconds = state["stale_epochs"], state["seconds"]
            self.rates = state.get("rates", [])
            if distributed.LEADS:  # every process has its own sums of the epoch; together they must give what was saved
                self.sums = state["sums"]
        except (KeyError, TypeError, ValueError, RuntimeError) as error:  # of another version, or of another network
            reason = str(error).partition("\n")[0]
            raise InputError(
                f"{self.run.path / STATE}: not of this run ({reason}); delete it to start the run from its beginning"
            ) from None
