"""Runs that are logged to experiment trackers: what arrives there, and that no tracker harms a run."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest

from mien import InputError, MissingExtra, Run, api
from mien.datasets import DataSpec
from mien.recipes import Epoch, Recipe, read_epochs, read_run
from mien.training import trackers
from mien.training.start import resume, train
from mien.training.stop import Interrupted
from tests.blocks import Mien
from tests.blocks import mien as mien  # the fixture
from tests.training.runs import assert_same, interrupt_after

Tiny = Callable[..., Recipe]


@pytest.fixture
def short(tiny: Tiny) -> Recipe:
    return tiny("three-conv", lr=1e-3)


class Listed:
    """A tracker that keeps what it gets; it fails in the method named."""

    made: ClassVar[list["Listed"]] = []
    fails_in = ""

    def __init__(self, run: Path, facts: Any, known: str | None) -> None:
        self.id, self.where, self.facts, self.known = known or f"number {len(self.made)}", "here", facts, known
        self.got: list[tuple[str, Any]] = []
        self.made.append(self)
        self._note("init", run)

    def epoch(self, number: int, figures: dict[str, float], rates: Sequence[tuple[int, float]]) -> None:
        self._note("epoch", (number, figures, rates))

    def finish(self, best: dict[str, float], files: Sequence[Path]) -> None:
        self._note("finish", (best, [path.name for path in files]))

    def close(self, *, failed: bool) -> None:
        self._note("close", failed)

    def _note(self, what: str, value: Any) -> None:
        if what == self.fails_in:
            raise ConnectionError("no route to\nthe host")
        self.got.append((what, value))


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> type[Listed]:
    """Put it in the place of MLflow."""
    monkeypatch.setattr(Listed, "made", [])
    monkeypatch.setitem(trackers.LOGS, "mlflow", Listed)
    monkeypatch.setitem(sys.modules, "mlflow", ModuleType("mlflow"))
    monkeypatch.setitem(sys.modules, "mlflow.tracking", ModuleType("mlflow.tracking"))
    return Listed


@pytest.mark.usefixtures("quick")
def test_a_tracker_gets_the_recipe_each_epoch_and_the_files(
    short: Recipe, fer2013: Path, tmp_path: Path, listed: type[Listed]
) -> None:
    run = train(short, DataSpec(fer2013), tmp_path / "run", device="cpu", log=["mlflow"])
    (log,) = listed.made
    assert log.facts["model"] == "three-conv"
    assert log.facts["lr"] == 1e-3
    assert log.facts["classes"].startswith("angry, disgust, ")
    assert (log.facts["data"], log.facts["data_train"]) == (str(fer2013), 56)
    assert all(isinstance(value, bool | int | float | str) for value in log.facts.values())
    assert [what for what, _ in log.got] == ["init", "epoch", "epoch", "epoch", "finish", "close"]
    for epoch, (_, (number, figures, rates)) in zip(read_epochs(run), log.got[1:4], strict=True):
        assert number == epoch.epoch
        assert figures["train/loss"] == epoch.train_loss
        assert figures["val/accuracy"] == epoch.val_accuracy
        assert {"lr", "images_per_second"} <= figures.keys()
        assert rates == epoch.lr_by_step
    best, files = log.got[4][1]
    assert best["best/val/loss"] == Run(run).best.val_loss
    assert {"recipe.json", "metrics.jsonl", "best.safetensors", "curves.svg"} <= set(files)
    assert "resume.pt" not in files
    assert log.got[5] == ("close", False)
    assert read_run(run).trackers == {"mlflow": "number 0"}


@pytest.mark.usefixtures("quick")
def test_a_resumed_run_goes_on_in_its_tracker_and_another_gets_all_epochs(
    short: Recipe, fer2013: Path, tmp_path: Path, listed: type[Listed], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    with interrupt_after(7), pytest.raises(Interrupted):
        train(short, DataSpec(fer2013), run, device="cpu", log=["mlflow"])
    assert listed.made[0].got[-1] == ("close", True)
    monkeypatch.setitem(trackers.LOGS, "tensorboard", Listed)
    with interrupt_after(14), pytest.raises(Interrupted):
        resume(run, device="cpu", log=["mlflow", "tensorboard"])
    first, second, third = listed.made
    assert [value[0] for what, value in first.got if what == "epoch"] == [1]
    assert second.known == first.id
    assert [value[0] for what, value in second.got if what == "epoch"] == [2]
    assert [value[0] for what, value in third.got if what == "epoch"] == [1, 2]
    resume(run, device="cpu")  # to both
    assert [log.known for log in listed.made[3:]] == [first.id, third.id]
    assert [value[0] for what, value in listed.made[3].got if what == "epoch"] == [3]
    resume(run, device="cpu", log=())
    assert len(listed.made) == 5


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("method", ["init", "epoch", "finish", "close"])
def test_a_tracker_that_fails_is_said_once_and_changes_nothing(
    short: Recipe,
    fer2013: Path,
    tmp_path: Path,
    listed: type[Listed],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    method: str,
) -> None:
    train(short, DataSpec(fer2013), tmp_path / "plain", device="cpu")
    monkeypatch.setattr(listed, "fails_in", method)
    train(short, DataSpec(fer2013), tmp_path / "logged", device="cpu", log=["mlflow"])
    said = [line for line in capsys.readouterr().err.splitlines() if "no route" in line]
    assert said == ["mlflow: no route to; the training goes on without it"]
    assert_same(tmp_path / "plain", tmp_path / "logged")
    assert read_run(tmp_path / "logged").trackers == ({} if method == "init" else {"mlflow": "number 0"})


def test_a_tracker_that_is_not_installed_is_said_before_the_data_are_read(
    short: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wandb").mkdir()  # as wandb leaves it; Python takes it for a package
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("tensorboard", "wandb", "mlflow"):
        monkeypatch.setitem(sys.modules, trackers.MODULES[name], None)
        with pytest.raises(MissingExtra, match=rf"^logging to {name} needs .* pip install 'mien\[{name}\]'$"):
            train(short, DataSpec(tmp_path / "nowhere"), tmp_path / "run", log=[name])
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("quick")
def test_a_run_goes_on_without_a_tracker_that_is_gone(
    short: Recipe,
    fer2013: Path,
    tmp_path: Path,
    listed: type[Listed],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = tmp_path / "run"
    with interrupt_after(7), pytest.raises(Interrupted):
        train(short, DataSpec(fer2013), run, device="cpu", log=["mlflow"])
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    resume(run, device="cpu")
    assert f"{run} was logged to mlflow, and goes on without it: logging to mlflow needs" in capsys.readouterr().err
    assert len(read_epochs(run)) == 3
    assert read_run(run).trackers == {"mlflow": "number 0"}


def test_weights_and_biases_is_refused_where_it_would_ask(
    short: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake: Any = ModuleType("wandb")
    asked = []

    def login(**how: bool) -> bool:
        asked.append(how)
        return False

    fake.run = None
    fake.setup = lambda: SimpleNamespace(settings=SimpleNamespace(mode="online"))
    fake.login = login
    monkeypatch.setitem(sys.modules, "wandb", fake)
    monkeypatch.setitem(sys.modules, "wandb.sdk", ModuleType("wandb.sdk"))
    with pytest.raises(InputError, match=r"not logged in; .* WANDB_MODE=offline"):
        train(short, DataSpec(tmp_path), tmp_path / "run", log=["wandb"])
    assert asked == [{"prompt": False, "verify": False}]
    fake.setup = lambda: SimpleNamespace(settings=SimpleNamespace(mode="offline"))
    trackers.check(["wandb"])


def test_figures_are_grouped_and_only_numbers() -> None:
    epoch = Epoch(2, 14, 1.5, 0.5, 1.25, 0.75, 1e-3, 100.0, 0.5, {"majority": 0.25}, {"macro_f1": 0.5}, ((8, 1e-3),))
    assert trackers.figures(epoch) == {
        "train/loss": 1.5,
        "train/accuracy": 0.5,
        "val/loss": 1.25,
        "val/accuracy": 0.75,
        "lr": 1e-3,
        "images_per_second": 100.0,
        "seconds": 0.5,
        "further_val_accuracy/majority": 0.25,
        "val/macro_f1": 0.5,
    }


def test_python_and_the_command_line_name_trackers(
    fer2013: Path,
    tmp_path: Path,
    listed: type[Listed],
    mien: Mien,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mien.training.start.export", lambda run: run / "model.onnx")
    small = {"epochs": 1, "max_steps": 1, "size": 16, "device": "cpu"}
    run = api.train("three-conv", data=fer2013, out=tmp_path / "python", log="mlflow", **small)  # type: ignore[arg-type]
    assert run.record.command is not None
    assert "--log mlflow" in run.record.command
    options = ["--data", fer2013, "--epochs", 1, "--max-steps", 1, "--size", 16, "--device", "cpu"]
    code, _, err = mien("train", "three-conv", *options, "--out", tmp_path / "shell", "--log", "mlflow")
    assert code == 0
    assert "logged to mlflow: here" in err
    assert mien("resume", tmp_path / "shell", "--log")[0] == 0
    assert len(listed.made) == 2
    with pytest.raises(InputError, match=r"log.*mflow"):
        api.train("three-conv", data=fer2013, log="mflow")
    code, _, err = mien("train", "three-conv", *options, "--log", "mflow")
    assert code == 2
    assert "mflow" in err


@pytest.mark.usefixtures("quick")
@pytest.mark.filterwarnings("ignore")
def test_tensorboard_reads_what_was_written(short: Recipe, fer2013: Path, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = tmp_path / "run"
    with interrupt_after(7), pytest.raises(Interrupted):
        train(short, DataSpec(fer2013), run, device="cpu", log=["tensorboard"])
    resume(run, device="cpu")
    found = accumulator.EventAccumulator(str(run / "tensorboard"))
    found.Reload()
    losses = {event.step: event.value for event in found.Scalars("train/loss")}
    assert losses == pytest.approx({epoch.epoch: epoch.train_loss for epoch in read_epochs(run)})
    assert found.Scalars("best/val/loss")[0].value == pytest.approx(Run(run).best.val_loss)
    assert set(found.Tags()["images"]) == {path.stem for path in run.glob("*.png")}
    assert "_hparams_/experiment" in found.summary_metadata
    assert "three-conv" in str(found.Tensors("run/text_summary")[0].tensor_proto.string_val)


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.filterwarnings("ignore")
def test_mlflow_holds_what_was_logged(
    short: Recipe, fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/runs.db")
    with interrupt_after(7), pytest.raises(Interrupted):
        train(short, DataSpec(fer2013), tmp_path / "run", device="cpu", log=["mlflow"])
    client, run = mlflow.MlflowClient(), resume(tmp_path / "run", device="cpu")
    found = client.get_run(read_run(run).trackers["mlflow"])
    assert found.info.status == "FINISHED"
    assert found.data.params["model"] == "three-conv"
    history = client.get_metric_history(found.info.run_id, "val/loss")
    assert {one.step: one.value for one in history} == {epoch.epoch: epoch.val_loss for epoch in read_epochs(run)}
    assert "recipe.json" in [file.path for file in client.list_artifacts(found.info.run_id)]
    with mlflow.start_run() as own:  # the user's own, around the training
        train(short, DataSpec(fer2013), tmp_path / "other", device="cpu", log=["mlflow"])
        assert mlflow.active_run().info.run_id == own.info.run_id
    assert read_run(tmp_path / "other").trackers == {"mlflow": own.info.run_id}


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.filterwarnings("ignore")
def test_weights_and_biases_writes_an_offline_run(
    short: Recipe, fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WANDB_MODE", "offline")
    run = train(short, DataSpec(fer2013), tmp_path / "run", device="cpu", log=["wandb"])
    (file,) = (tmp_path / "wandb").glob(f"offline-run-*/run-{read_run(run).trackers['wandb']}.wandb")
    content = file.read_bytes()
    for text in (b"val/loss", b"three-conv", str(read_epochs(run)[-1].train_loss)[:10].encode(), b"recipe.json"):
        assert text in content
