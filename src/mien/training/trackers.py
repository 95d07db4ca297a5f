"""Experiment trackers that a run is logged to, each through its own library: TensorBoard, Weights & Biases, MLflow.

Where a library writes, and whether it uses a network, is up to its own configuration; nothing is asked, and nobody is
logged in. A tracker that fails is said once and left out from then on: no training ends for it.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from mien.core import records
from mien.core.errors import InputError, MissingExtra, needs_extra
from mien.core.paths import printable
from mien.core.streams import say
from mien.core.trackers import Tracker
from mien.evaluation.run import Run
from mien.recipes import Epoch, RunRecord, read_epochs, read_run
from mien.training.run import EVENTS, STATE, RunFiles

Figures = dict[str, float]


class Log(Protocol):
    """One run in one tracker. What its methods raise is caught by `Trackers`."""

    id: str
    """What the tracker calls the run; a resumed run is found by it."""
    where: str
    """Where people look at it."""

    def epoch(self, number: int, figures: Figures, rates: Sequence[tuple[int, float]]) -> None:
        """Add the figures of an epoch, and learning rates by step of the run."""

    def finish(self, best: Figures, files: Sequence[Path]) -> None:
        """Add the figures of the epoch whose weights are kept, and the run's files where the tracker has any."""

    def close(self, *, failed: bool) -> None: ...


class TensorBoard:
    """Event files in the run folder."""

    def __init__(self, run: Path, facts: Mapping[str, Any], known: str | None) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.id, self.where, self.facts = EVENTS, f"tensorboard --logdir {printable(run)}", facts
        self.writer: Any = SummaryWriter(str(run / EVENTS))
        if not known:
            self.writer.add_text("run", "\n".join(f"    {name}: {value}" for name, value in facts.items()))

    def epoch(self, number: int, figures: Figures, rates: Sequence[tuple[int, float]]) -> None:
        for name, value in figures.items():
            self.writer.add_scalar(name, value, number)
        for step, rate in rates:
            self.writer.add_scalar("lr_by_step", rate, step)
        self.writer.flush()

    def finish(self, best: Figures, files: Sequence[Path]) -> None:
        for path in files:
            if path.suffix == ".png":
                self.writer.add_image(path.stem, np.asarray(Image.open(path).convert("RGB")), dataformats="HWC")
        self.writer.add_hparams(dict(self.facts), best, run_name=".")

    def close(self, *, failed: bool) -> None:
        self.writer.close()


class WandB:
    """A run of Weights & Biases, offline where WANDB_MODE or `wandb offline` says so."""

    def __init__(self, run: Path, facts: Mapping[str, Any], known: str | None) -> None:
        import wandb

        self.ours = wandb.run is None  # else the user's own, around the training
        settings = wandb.Settings(console="off", quiet=True)
        self.run = wandb.run or wandb.init(
            project=wandb.setup().settings.project or "mien",
            name=run.resolve().name,
            id=known,
            resume="allow",
            settings=settings,
        )
        self.run.config.update(dict(facts), allow_val_change=True)
        self.id, offline = self.run.id, self.run.settings.mode != "online"
        self.where = printable(Path(self.run.dir).parent) if offline else str(self.run.url)
        self.run.define_metric("*", step_metric="epoch")
        self.run.define_metric("lr_by_step", step_metric="step")

    def epoch(self, number: int, figures: Figures, rates: Sequence[tuple[int, float]]) -> None:
        for step, rate in rates:
            self.run.log({"step": step, "lr_by_step": rate})
        self.run.log({"epoch": number} | figures)

    def finish(self, best: Figures, files: Sequence[Path]) -> None:
        import wandb

        self.run.summary.update(best)
        artifact = wandb.Artifact(f"mien-{self.id}", type="model")
        for path in files:
            artifact.add_file(str(path))
        self.run.log_artifact(artifact)

    def close(self, *, failed: bool) -> None:
        if self.ours:
            self.run.finish(exit_code=int(failed))


class MLflow:
    """A run of MLflow, where MLFLOW_TRACKING_URI says, else in ./mlflow.db."""

    def __init__(self, run: Path, facts: Mapping[str, Any], known: str | None) -> None:
        import mlflow

        active = mlflow.active_run()
        self.mlflow, self.ours = mlflow, active is None  # else the user's own, around the training
        if active is None:
            active = self._again(known) or mlflow.start_run(run_name=run.resolve().name)
        self.id = active.info.run_id
        self.where = f"run {self.id} at {mlflow.get_tracking_uri()}"
        if self.id != known:
            mlflow.log_params(dict(facts), run_id=self.id)

    def _again(self, known: str | None) -> Any:
        try:
            return self.mlflow.start_run(run_id=known) if known else None
        except self.mlflow.MlflowException:  # it was logged to another place
            return None

    def epoch(self, number: int, figures: Figures, rates: Sequence[tuple[int, float]]) -> None:
        for step, rate in rates:
            self.mlflow.log_metric("lr_by_step", rate, step=step, run_id=self.id)
        self.mlflow.log_metrics(figures, step=number, run_id=self.id)

    def finish(self, best: Figures, files: Sequence[Path]) -> None:
        self.mlflow.log_metrics(best, run_id=self.id)
        for path in files:
            self.mlflow.log_artifact(str(path), run_id=self.id)

    def close(self, *, failed: bool) -> None:
        if self.ours:
            self.mlflow.end_run("KILLED" if failed else "FINISHED")


LOGS: dict[Tracker, Callable[[Path, Mapping[str, Any], str | None], Log]] = {
    "tensorboard": TensorBoard,
    "wandb": WandB,
    "mlflow": MLflow,
}

# not wandb and tensorboard alone: a folder of such a name, as both make, would do
MODULES: dict[Tracker, str] = {"tensorboard": "tensorboard.version", "wandb": "wandb.sdk", "mlflow": "mlflow.tracking"}


def check(names: Collection[Tracker]) -> None:
    """Raise what keeps a run from being logged to these trackers, before any work is done for it.

    Raises:
        MissingExtra: one is not installed.
        InputError: Weights & Biases is neither logged in nor offline.
    """
    for name in names:
        with needs_extra(name, f"logging to {name}"):
            import_module(MODULES[name])
        if name == "wandb" and not _logged_in():
            raise InputError(
                "--log wandb: not logged in; run wandb login once, or log to a folder: WANDB_MODE=offline, before mien"
            )


def again(run: Path, record: RunRecord) -> list[Tracker]:
    """Return the trackers that a run was logged to, but for those that cannot be used here, which stderr names."""
    usable = []
    for name in record.trackers:
        try:
            check([name])
            usable.append(name)
        except (MissingExtra, InputError) as error:
            say(f"{run} was logged to {name}, and goes on without it: {error}")
    return usable


def _logged_in() -> bool:
    import wandb

    settings = wandb.setup().settings
    return bool(wandb.run or settings.mode != "online" or wandb.login(prompt=False, verify=False))


class Trackers:
    """The trackers of a run, as a context around its training; `epoch` is a callback.

    One that the run was logged to before goes on where it was; another gets the earlier epochs too.

    Args:
        run: the run, described when the context begins.
        names: the trackers.
    """

    def __init__(self, run: RunFiles, names: Collection[Tracker]) -> None:
        self.run, self.names, self.logs, self.complete = run, names, dict[Tracker, Log](), False

    def __enter__(self) -> "Trackers":
        if not self.names:
            return self
        record, epochs = read_run(self.run.path), read_epochs(self.run.path)
        facts, known = _facts(record), record.trackers
        for name in self.names:
            with self._guard(name):
                log = self.logs[name] = LOGS[name](self.run.path, facts, known.get(name))
                say(f"logged to {name}: {log.where}")
                for epoch in epochs if log.id != known.get(name) else ():
                    log.epoch(epoch.epoch, figures(epoch), epoch.lr_by_step)
        found = known | {name: log.id for name, log in self.logs.items()}
        if found != known:
            self.run.describe(replace(record, trackers=found))
        return self

    def epoch(self, _: Run, epoch: Epoch) -> None:
        """Log the figures of an epoch."""
        for name, log in list(self.logs.items()):
            with self._guard(name):
                log.epoch(epoch.epoch, figures(epoch), epoch.lr_by_step)

    def finish(self) -> None:
        """Log what the finished run has: the figures of its best epoch, and its files but for the checkpoint."""
        self.complete = True
        kept = Run(self.run.path).best
        best = {"best/epoch": float(kept.epoch)}
        best |= {f"best/{name}": value for name, value in figures(kept).items() if name.startswith(("train/", "val/"))}
        files = [path for path in sorted(self.run.path.iterdir()) if path.is_file() and path.name != STATE]
        for name, log in list(self.logs.items()):
            with self._guard(name):
                log.finish(best, files)

    def __exit__(self, *_: object) -> None:
        for name, log in list(self.logs.items()):
            with self._guard(name):
                log.close(failed=not self.complete)

    @contextmanager
    def _guard(self, name: Tracker) -> Iterator[None]:
        """Leave the tracker out from here on where the block fails; stderr says why."""
        try:
            yield
        except Exception as error:  # theirs, and their HTTP clients', of a dozen kinds
            self.logs.pop(name, None)
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            say(f"{name}: {reason}; the training goes on without it")


def figures(epoch: Epoch) -> Figures:
    """Return the numbers of an epoch by the names that trackers group: train/loss, val/accuracy, lr, seconds.

    Example:
        >>> list(figures(Epoch(1, 7, 1.9, 0.2, 1.8, 0.3, 1e-3, 5000.0, 3.1)))[:3]
        ['train/loss', 'train/accuracy', 'val/loss']
    """
    found = _numbers(records.to_json(epoch))
    return {
        re.sub("^(train|val)_(metrics/)?", r"\1/", name): found[name] for name in found if name not in ("epoch", "step")
    }


def _numbers(facts: Mapping[str, Any], within: str = "") -> Figures:
    found: Figures = {}
    for name, value in facts.items():
        if isinstance(value, dict):
            found |= _numbers(value, f"{within}{name}/")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found[f"{within}{name}"] = value
    return found


def _facts(record: RunRecord) -> dict[str, bool | float | str]:
    """Return what decided the run, flat: the fields of its recipe, its data, its device."""
    data = {f"data_{name}": split.n for name, split in record.data.splits.items()}
    facts = records.to_json(record.recipe) | {"data": record.data.path, "start": record.start} | data
    facts |= {name: getattr(record, name) for name in ("parameters", "device", "precision", "command", "started")}
    facts |= {f"version_{name}": version for name, version in record.versions.items()}
    return {name: _plain(value) for name, value in facts.items() if value is not None}


def _plain(value: Any) -> bool | float | str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return value if isinstance(value, bool | int | float) else printable(value)
