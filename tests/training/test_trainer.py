"""What a run writes, how it ends, and what it refuses."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mien import recipes
from mien.cli import main
from mien.core import console, records
from mien.core.errors import InputError
from mien.core.labels import ALPHABETICAL
from mien.datasets import DataSpec
from mien.evaluation.learning_curve import curves_svg
from mien.evaluation.run import Run
from mien.models.session import Session
from mien.recipes import Epoch, Recipe, best_epoch, read_epochs, read_run
from mien.training import trainer
from mien.training.batches import Batch
from mien.training.learner import Learner
from mien.training.objective import Figures
from mien.training.run import RunFiles
from mien.training.start import resume, train
from tests import drawn
from tests.training.runs import assert_equal, assert_same, untimed, write_run

Tiny = Callable[..., Recipe]


def ended(run: Path) -> tuple[str, int, float | None]:
    end = read_run(run).end
    assert end is not None
    assert end.training_seconds == pytest.approx(sum(epoch.seconds for epoch in read_epochs(run)))
    return end.reason, end.best_epoch, end.figure


def weights(run: Path, name: str = "last") -> dict[str, torch.Tensor]:
    return load_file(run / f"{name}.safetensors")


@pytest.mark.slow
def test_train_prints_what_is_trained_and_writes_its_files(
    tiny: Tiny, fer2013: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert train(tiny("mien", epochs=2), DataSpec(fer2013), out, device="cpu") == out
    captured = capsys.readouterr()
    assert captured.out == ""
    for words in (
        "train 56, validation 21 images of 16 x 16 x 1",
        "0 angry, 1 disgust, 2 fear, 3 happy, 4 sad, 5 surprise, 6 neutral",
        "7 batches of 8 per epoch, 14 steps",
        "677,607 parameters",
        "cpu",
        "epoch 2/2 train_loss",
    ):
        assert words in captured.err
    assert {path.name for path in out.iterdir()} == {
        *("best.safetensors", "last.safetensors", "resume.pt"),
        *("recipe.json", "metrics.jsonl", "curves.svg", "model.onnx", "training_faces.npz"),
        *("training_pictures.png", "confusion.png", "confusion.svg", "curves.png", "sample_predictions.png"),
        *("surest_mistakes.png", "predictions.csv"),
    }
    assert (out / "curves.svg").read_text() == curves_svg(read_epochs(out))
    epochs = read_epochs(out)
    assert [epoch.epoch for epoch in epochs] == [1, 2]
    assert [epoch.step for epoch in epochs] == [7, 14]
    rates = [point for epoch in epochs for point in epoch.lr_by_step]
    assert [step for step, _ in rates] == list(range(1, 15))  # one-cycle moves with every step
    assert rates[0][1] < max(rate for _, rate in rates) > rates[-1][1]
    assert all(0 <= share <= 1 for epoch in epochs for share in (epoch.train_accuracy, epoch.val_accuracy))
    assert all(epoch.seconds > 0 and epoch.images_per_second > 0 and epoch.lr > 0 for epoch in epochs)
    record = read_run(out)
    assert record.recipe.seed == 0
    assert record.data.splits["train"].n == 56
    assert sum(record.data.splits["train"].counts.values()) == 56
    assert len(record.data.splits["validation"].fingerprint) == 16
    assert {"mien", "torch", "numpy", "python"} <= record.versions.keys()
    assert record.recipe == tiny("mien", epochs=2) == recipes.find(out / "recipe.json")
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    resume(out, device="cpu")
    shown = [name for name in before if name.endswith((".png", ".svg", ".csv"))]
    assert all((out / name).read_bytes() == before[name] for name in shown)
    session = Session(out)
    assert session.info.recipe == "mien"
    assert session.info.mean == record.mean
    assert session.probabilities(drawn.faces(5, size=16).images).shape == (5, 7)


@pytest.mark.usefixtures("quick")
def test_training_learns_and_depends_on_the_seed(fer2013: Path, tmp_path: Path) -> None:
    plain = Recipe(size=24, batch=8, epochs=4, lr=2e-3)
    for name, seed in (("a", 0), ("again", 0), ("other", 1)):
        train(replace(plain, seed=seed), DataSpec(fer2013), tmp_path / name, device="cpu")
    first, last = untimed(tmp_path / "a")[0], untimed(tmp_path / "a")[-1]
    assert last.train_loss < 0.6 * first.train_loss
    assert_same(tmp_path / "a", tmp_path / "again")
    assert untimed(tmp_path / "a") != untimed(tmp_path / "other")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("select", "figure"), [("loss", "val_loss"), ("accuracy", "val_accuracy"), ("last", "epoch")])
def test_select_decides_which_weights_are_best(
    tiny: Tiny, fer2013: Path, tmp_path: Path, select: str, figure: str
) -> None:
    kept: dict[int, dict[str, torch.Tensor]] = {}

    def remember(run: Run, epoch: Epoch) -> None:
        kept[epoch.epoch] = weights(run.path)

    recipe = tiny("three-conv", epochs=5, lr=3e-3, select=select)
    train(recipe, DataSpec(fer2013), tmp_path / "seen", device="cpu", callbacks=[remember])
    train(recipe, DataSpec(fer2013), tmp_path / "run", device="cpu")  # saved once, at its end
    assert_same(tmp_path / "seen", tmp_path / "run")
    sign = -1 if figure == "val_loss" else 1
    best = max(untimed(tmp_path / "run"), key=lambda epoch: sign * getattr(epoch, figure))  # the first of a tie
    assert_equal(weights(tmp_path / "run", "best"), kept[best.epoch])


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("seconds", "watched", "saves"), [(60.0, False, 1), (60.0, True, 3), (0.0, False, 3)])
def test_short_epochs_are_saved_together_unless_a_callback_may_look(
    tiny: Tiny,
    fer2013: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    watched: bool,
    saves: int,
) -> None:
    monkeypatch.setattr(trainer, "SAVE_SECONDS", seconds)
    written, write = list[str](), RunFiles._write

    def count(self: RunFiles, name: str, content: bytes) -> None:
        written.append(name)
        write(self, name, content)

    monkeypatch.setattr(RunFiles, "_write", count)
    callbacks = [lambda _, __: None] if watched else []
    train(tiny("mien", epochs=3), DataSpec(fer2013), tmp_path / "run", device="cpu", callbacks=callbacks)
    for name in ("best.safetensors", "last.safetensors", "metrics.jsonl", "curves.svg", "resume.pt"):
        assert written.count(name) == saves, name
    assert [epoch.epoch for epoch in read_epochs(tmp_path / "run")] == [1, 2, 3]


@pytest.mark.usefixtures("quick")
def test_max_steps_and_early_stop_end_a_run(
    tiny: Tiny, fer2013: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tiny("mien", max_steps=10), DataSpec(fer2013), tmp_path / "steps", device="cpu")
    assert [epoch.step for epoch in untimed(tmp_path / "steps")] == [7, 10]
    assert ended(tmp_path / "steps") == ("max_steps", 2, None)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith(
        f"{tmp_path / 'steps' / 'model.onnx'} has the weights of epoch 2 of 2, the last epoch is kept: "
    )
    assert "; training ended at max_steps 10; 0:" in last
    train(tiny("three-conv", lr=1e-30, early_stop=2, epochs=9), DataSpec(fer2013), tmp_path / "patience", device="cpu")
    assert len(untimed(tmp_path / "patience")) == 3  # the first is the best, two more bring nothing
    assert ended(tmp_path / "patience") == ("early_stop", 1, untimed(tmp_path / "patience")[0].val_loss)
    assert [epoch.kept for epoch in untimed(tmp_path / "patience")] == [True, False, False]
    first, second, third, last = capsys.readouterr().err.splitlines()[-4:]
    assert "; best weights saved: validation loss " in first
    for line, stale in ((second, "1 epoch"), (third, "2 epochs")):
        assert re.search(r"; not kept: validation loss ([\d.]+) is not lower than \1 of epoch 1; ", line)
        assert f"; {stale} without a lower validation loss, stops at 2" in line
    assert "; training ended by early stopping, 2 epochs without a lower validation loss; " in last
    kept = [tmp_path / "patience" / name for name in ("resume.pt", "recipe.json", "metrics.jsonl")]
    before = [path.read_bytes() for path in kept]
    resume(tmp_path / "patience", device="cpu")  # nothing is left to do
    said = capsys.readouterr().err
    assert ": was finished already; nothing is trained, it is exported and drawn again\n" in said
    assert said.splitlines()[-1] == re.sub(r"[\d:]+ in all, ", "", last)
    assert [path.read_bytes() for path in kept] == before


def scored(values: list[dict[str, float]]) -> Callable[..., Figures]:
    """A `Learner.validate` that returns these figures, an epoch each; the loss falls and the accuracy stays."""
    epochs = iter(enumerate(values))

    def validate(*_: object, **__: object) -> Figures:
        epoch, metrics = next(epochs)
        return Figures(9.0 - epoch, (0.5,), metrics)

    return validate


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("name", "values", "best", "ends"),
    [
        ("macro_f1", [0.2, 0.4, 0.4, 0.3, 0.1], 2, 4),
        ("balanced_accuracy", [0.2, 0.1, None, 0.3, 0.1], 4, 3),
        ("log_loss", [2.0, 1.0, 3.0, 1.0, 5.0], 2, 4),
        ("ece", [None, 0.3, 0.1, 0.2, 0.3], 3, 5),
        ("macro_f1", [None] * 5, 1, 3),  # nothing to choose by: the first
    ],
)
def test_select_and_early_stop_look_at_any_figure(
    tiny: Tiny,
    fer2013: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    values: list[float | None],
    best: int,
    ends: int,
) -> None:
    given = [{} if value is None else {name: value} for value in values]
    recipe = tiny("three-conv", epochs=5, select=name, lr=1e-30)
    for early_stop in (0, 2):
        monkeypatch.setattr(Learner, "validate", scored(given))
        run, seen = tmp_path / f"{early_stop}", list[Epoch]()

        def see(_: Run, epoch: Epoch, seen: list[Epoch] = seen) -> None:
            seen.append(epoch)

        watching = replace(recipe, early_stop=early_stop, monitor=name if early_stop else "loss")  # type: ignore[arg-type]
        train(watching, DataSpec(fer2013), run, device="cpu", callbacks=[see])
        epochs = read_epochs(run)
        assert [epoch.val_metrics for epoch in epochs] == given[: len(epochs)] == [epoch.val_metrics for epoch in seen]
        assert len(epochs) == (ends if early_stop else 5)
        assert (run / "best.safetensors").exists()
    assert best_epoch(read_epochs(tmp_path / "0"), recipe).epoch == Run(tmp_path / "0").best.epoch == best


@pytest.mark.usefixtures("quick")
def test_an_early_stop_resumes_with_the_figure_that_it_watches(
    tiny: Tiny, fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = [{"macro_f1": value} for value in (0.5, 0.4, 0.4, 0.4, 0.9)]
    monkeypatch.setattr(Learner, "validate", scored(values))
    recipe = tiny("three-conv", epochs=5, early_stop=3, monitor="macro_f1", schedule="plateau", patience=0, lr=1e-30)
    with pytest.raises(RuntimeError):
        train(recipe, DataSpec(fer2013), tmp_path / "run", device="cpu", callbacks=[fails_after(2)])
    monkeypatch.setattr(Learner, "validate", scored(values[2:]))
    resume(tmp_path / "run", device="cpu")
    epochs = untimed(tmp_path / "run")
    assert len(epochs) == 4  # the loss falls all the time; macro-F1 was highest in the first
    assert [epoch.lr for epoch in epochs] == pytest.approx([1e-30, 1e-30, 1e-31, 1e-32])


def fails_after(epochs: int) -> Callable[..., None]:
    def fail(_: Run, epoch: Epoch) -> None:
        if epoch.epoch == epochs:
            raise RuntimeError

    return fail


def test_a_figure_that_the_labels_do_not_have_is_refused_before_training(
    tiny: Tiny, fer2013: Path, tmp_path: Path
) -> None:
    for option in ("select", "monitor"):
        with pytest.raises(InputError, match=rf"{option} kl: undefined.*expected one of accuracy, ") as caught:
            train(tiny("mien", **{option: "kl"}), DataSpec(fer2013), tmp_path / "run", device="cpu")
        assert (" last," in str(caught.value)) == (option == "select")
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("quick")
def test_plateau_lowers_the_learning_rate(
    tiny: Tiny, fer2013: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(
        tiny("three-conv", lr=1e-7, schedule="plateau", patience=0), DataSpec(fer2013), tmp_path / "run", device="cpu"
    )
    rates = [epoch.lr for epoch in untimed(tmp_path / "run")]
    assert rates[0] == rates[1] == 1e-7  # recorded as used, lowered after the second
    assert rates[2] == pytest.approx(1e-8, abs=0)
    err = capsys.readouterr().err
    why = "1 epoch without a validation loss that is lower by 0.01 %"
    assert f"\nlearning rate lowered from 1e-07 to 1e-08 after epoch 2: {why}\n" in err
    assert err.count("learning rate lowered") == 1  # not after the last epoch, which lowers it again


@pytest.mark.usefixtures("quick")
def test_a_log_has_lines_within_an_epoch_its_validation_and_its_temperatures(
    tiny: Tiny, fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(trainer, "SYNC_SECONDS", 0.0)
    monkeypatch.setattr(console, "EVERY", 0.0)
    train(tiny("mien", max_steps=9, calibrate=True), DataSpec(fer2013), tmp_path / "run", device="cpu", summary=True)
    err = capsys.readouterr().err
    assert re.search(
        r"\nepoch 2/3: step 2 of 2, loss [\d.]+, accuracy [\d.]+, [\d.]+ it/s, [\d,]+ images/s, 0:00:00 left", err
    )
    assert "\nepoch 2/3, validation: 100 %\n" in err
    assert "\nfitting temperatures: 100 %\n" in err
    assert re.search(r"\nlabel: temperature [\d.]+, fitted on 21 validation images\n", err)
    assert err.index("Total params: 677,607") < err.index("epoch 1/3")
    assert ended(tmp_path / "run")[0] == "max_steps"


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("saves", [True, False])
def test_a_loss_that_is_not_finite_stops_with_step_and_advice(
    tiny: Tiny,
    fer2013: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    saves: bool,
) -> None:
    """With lr 1e30 the first step's loss is finite and its weights are not: no checkpoint may hold them."""
    if saves:
        monkeypatch.setattr(trainer, "SYNC_SECONDS", 0.0)
        monkeypatch.setattr(trainer, "SAVE_SECONDS", 0.0)
    own = tmp_path / "own.json"
    records.write(own, tiny("three-conv", schedule="one-cycle", lr=1e30, epochs=9))
    out = tmp_path / "run"
    with pytest.raises(SystemExit) as caught:
        main(["train", str(own), "--data", str(fer2013), "--out", str(out), "--device", "cpu"])
    captured = capsys.readouterr()
    assert caught.value.code == 2
    line = captured.err.splitlines()[-1]
    assert line.startswith(f"mien: {out}: the ")
    assert "is no longer a number at step " in line
    assert "--lr (now 1e+30)" in line
    assert "--clip-value" in line
    assert ("The last checkpoint is from before" in line) == (out / "resume.pt").exists()
    assert out.exists() == (out / "resume.pt").exists()  # where nothing was learnt the place is free for the next try
    for path in out.glob("*.safetensors"):
        assert all(torch.isfinite(value).all() for value in load_file(path).values())
    state = RunFiles(out).load_state(torch.device("cpu"))
    if state:
        assert all(torch.isfinite(value.float()).all() for value in state["learner"]["network"].values())


def test_weights_that_are_not_finite_are_never_saved(
    tiny: Tiny, fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Learner.step

    def breaking(self: Learner, batch: Batch) -> torch.Tensor:
        counts = take(self, batch)
        if self.steps == 14:  # the last of the second epoch
            with torch.no_grad():
                next(iter(self.network.parameters())).fill_(float("nan"))
        return counts

    monkeypatch.setattr(Learner, "step", breaking)
    with pytest.raises(InputError, match="no longer a number at step 14"):
        train(tiny("mien"), DataSpec(fer2013), tmp_path / "run", device="cpu")
    assert [epoch.epoch for epoch in untimed(tmp_path / "run")] == [1]
    assert all(torch.isfinite(value).all() for value in weights(tmp_path / "run").values())


def test_out_must_be_a_new_folder(tiny: Tiny, fer2013: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").touch()
    (tmp_path / "file").touch()
    for name, words in (
        ("run", "exists and is not empty; it holds no run; choose another --out"),
        ("file", "a file; --out names a new folder"),
        ("file/run", r"cannot be written \(.*file is a file\)"),
    ):
        with pytest.raises(InputError, match=words):
            train(tiny("mien"), DataSpec(tmp_path / "unread"), tmp_path / name, device="cpu")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["thesis.tex"]
    (tmp_path / "run" / "recipe.json").write_text('{"model": "mien"}')  # a recipe alone
    with pytest.raises(InputError, match="it holds no run; choose another --out"):
        train(tiny("mien"), DataSpec(fer2013), tmp_path / "run", device="cpu")
    write_run(tmp_path / "old", tiny("mien"))
    with pytest.raises(InputError, match="exists and is not empty; continue with: mien resume"):
        train(tiny("mien"), DataSpec(fer2013), tmp_path / "old", device="cpu")


def test_train_that_fails_at_the_start_leaves_no_folder(tiny: Tiny, fer2013: Path, tmp_path: Path) -> None:
    for recipe, data in ((tiny("mien"), tmp_path / "nowhere"), (tiny("mien", model="no-such"), fer2013)):
        with pytest.raises(InputError):
            train(recipe, DataSpec(data), tmp_path / "runs" / "run", device="cpu")
    assert not (tmp_path / "runs").exists()


def test_messages_use_the_singular_for_one(
    tiny: Tiny, fer2013: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], quick: None
) -> None:
    train(tiny("mien", epochs=1, batch=56), DataSpec(fer2013), tmp_path / "run", device="cpu")
    err = capsys.readouterr().err
    assert "train: 1 batch of 56 per epoch, 1 step\n" in err
    assert "; training ended after its epoch; " in err
    assert ", 1 thread\n" in err


@pytest.mark.parametrize("name", ["warp", "cuda:99", "meta:x"])
def test_an_unusable_device_is_refused(tiny: Tiny, fer2013: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(
        InputError, match=f"device '{name}' cannot be used here.*; expected auto, cpu, cuda, cuda:N or mps$"
    ):
        train(tiny("mien"), DataSpec(fer2013), tmp_path / "run", device=name)
    assert not (tmp_path / "run").exists()


def test_training_on_distributions_of_votes(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: None
) -> None:
    samples = drawn.faces(40)
    soft = np.full((40, 7), 0.05, np.float32)
    soft[np.arange(40), samples.labels] = 0.7
    monkeypatch.setattr("mien.datasets.read", lambda *_, **__: replace(samples, labels=soft))
    train(tiny("mien", size=48, epochs=1), DataSpec(tmp_path, kind="arrays"), tmp_path / "run", device="cpu")
    assert 0 <= untimed(tmp_path / "run")[0].val_accuracy <= 1


@pytest.mark.usefixtures("quick")
def test_classes_of_arrays_are_recorded_and_used_by_resume(
    tiny: Tiny, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, data, out = tmp_path / "own.json", drawn.write_arrays(tmp_path / "data", drawn.faces(70)), tmp_path / "run"
    records.write(own, tiny("three-conv", epochs=1))
    arguments = ["train", str(own), "--data", str(data), "--out", str(out), "--device", "cpu"]
    for more, code, words in (([], 2, "--classes alphabetical"), (["--classes", "alphabetical"], None, "4 neutral")):
        with pytest.raises(SystemExit) as caught:
            main([*arguments, *more])
        assert caught.value.code in (code, code or 0)
        assert words in capsys.readouterr().err
    assert read_run(out).recipe.classes == ALPHABETICAL
    assert read_run(out).data.classes == ",".join(ALPHABETICAL)
    resume(out, device="cpu")
