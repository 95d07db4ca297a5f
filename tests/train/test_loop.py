"""A run's whole life: begun, stopped in every way there is, resumed to the same bits, refused where it must be."""

import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mien import recipes
from mien.cli import main
from mien.errors import InputError
from mien.predict.session import Session
from mien.recipes import Recipe
from mien.train import Interrupted, loop, resume, train
from mien.train.loop import Loop
from mien.train.run import Run
from tests import drawn

Tiny = Callable[..., Recipe]

CASES: dict[str, dict[str, Any]] = {  # what has state of its own to lose
    "mien": {"label_smoothing": 0.1},  # SGD with momentum, one-cycle, an average, every augmentation
    "three-class": {"patience": 0, "lr": 1e-2},  # dropout, Adam, plateau falling at once
    "resnet9": {"crop": 12, "pad": 2, "epochs": 2},  # crops, clipping, Adam with decay and one-cycle
}


def figures(run: Path) -> list[dict[str, Any]]:
    """The metrics without what the clock says."""
    return [
        {name: value for name, value in row.items() if name not in ("seconds", "images_per_second")}
        for row in Run(run).metrics()
    ]


def assert_same(run: Path, other: Path) -> None:
    """The two runs agree bit for bit in weights, metrics and state."""
    for name in ("best.safetensors", "last.safetensors"):
        assert (run / name).read_bytes() == (other / name).read_bytes(), name
    assert figures(run) == figures(other)
    states = [Run(path).load_state(torch.device("cpu")) for path in (run, other)]
    assert_equal(*({**(state or {}), "seconds": 0} for state in states))


def assert_equal(one: Any, other: Any) -> None:
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, list):
        for pair in zip(one, other, strict=True):
            assert_equal(*pair)
    else:
        assert one == other


def weights(run: Path, name: str = "last") -> dict[str, torch.Tensor]:
    return load_file(run / f"{name}.safetensors")


def test_a_run_says_what_it_found_and_leaves_its_files(
    tiny: Tiny, fer2013: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    assert train(tiny("mien", epochs=2), fer2013, out, device="cpu") == out
    captured = capsys.readouterr()
    assert captured.out == ""
    for words in (
        "train 56, validation 21 pictures of 16 x 16 x 1",
        "0 angry, 1 disgust, 2 fear, 3 happy, 4 sad, 5 surprise, 6 neutral",
        "7 batches of 8 per epoch, 14 steps",
        "677,607 parameters",
        "cpu",
        "epoch 2/2 train_loss",
    ):
        assert words in captured.err
    assert {path.name for path in out.iterdir()} == {
        *("best.safetensors", "last.safetensors", "resume.pt"),
        *("recipe.json", "metrics.jsonl", "curves.png", "model.onnx"),
    }
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    rows = Run(out).metrics()
    assert [row["epoch"] for row in rows] == [1, 2]
    assert [row["step"] for row in rows] == [7, 14]
    assert all(0 <= row[f"{part}_accuracy"] <= 1 for row in rows for part in ("train", "val"))
    assert all(row["seconds"] > 0 and row["images_per_second"] > 0 and row["lr"] > 0 for row in rows)
    description = Run(out).description
    assert description["recipe"]["seed"] == 0
    assert description["data"]["splits"]["train"]["n"] == 56
    assert len(description["data"]["splits"]["validation"]["fingerprint"]) == 16
    assert {"mien", "torch", "numpy", "python"} <= description["versions"].keys()
    assert Run(out).recipe == tiny("mien", epochs=2) == recipes.find(out / "recipe.json")
    session = Session(out)
    assert session.info.recipe == "mien"
    assert list(session.info.mean) == description["mean"]
    assert session.probabilities(drawn.faces(5, size=16).images).shape == (5, 7)


@pytest.mark.usefixtures("quick")
def test_training_learns_and_a_seed_decides(fer2013: Path, tmp_path: Path) -> None:
    plain = Recipe(size=24, batch=8, epochs=4, lr=2e-3)
    for name, seed in (("a", 0), ("again", 0), ("other", 1)):
        train(replace(plain, seed=seed), fer2013, tmp_path / name, device="cpu")
    first, last = figures(tmp_path / "a")[0], figures(tmp_path / "a")[-1]
    assert last["train_loss"] < 0.6 * first["train_loss"]
    assert last["val_loss"] < 0.6 * first["val_loss"]
    assert_same(tmp_path / "a", tmp_path / "again")
    assert figures(tmp_path / "a") != figures(tmp_path / "other")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(("select", "figure"), [("loss", "val_loss"), ("accuracy", "val_accuracy"), ("last", "epoch")])
def test_the_best_weights_are_those_of_the_chosen_epoch(
    tiny: Tiny, fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, select: str, figure: str
) -> None:
    kept: dict[int, dict[str, torch.Tensor]] = {}
    record = Run.record

    def remember(run: Run, row: dict[str, Any]) -> None:
        kept[row["epoch"]] = weights(run.path)
        record(run, row)

    monkeypatch.setattr(Run, "record", remember)
    recipe = tiny("three-conv", epochs=5, lr=3e-3, select=select)
    train(recipe, fer2013, tmp_path / "run", device="cpu")
    sign = -1 if figure == "val_loss" else 1
    best = max(figures(tmp_path / "run"), key=lambda row: sign * row[figure])  # the first of a tie
    assert_equal(weights(tmp_path / "run", "best"), kept[best["epoch"]])


@pytest.mark.usefixtures("quick")
def test_steps_and_patience_end_a_run(tiny: Tiny, fer2013: Path, tmp_path: Path) -> None:
    train(tiny("mien", max_steps=10), fer2013, tmp_path / "steps", device="cpu")
    assert [row["step"] for row in figures(tmp_path / "steps")] == [7, 10]
    train(tiny("three-conv", lr=1e-30, early_stop=2, epochs=9), fer2013, tmp_path / "patience", device="cpu")
    assert len(figures(tmp_path / "patience")) == 3  # the first is the best, two more bring nothing
    before = (tmp_path / "patience" / "resume.pt").read_bytes()
    resume(tmp_path / "patience", device="cpu")  # nothing is left to do
    assert (tmp_path / "patience" / "resume.pt").read_bytes() == before


@pytest.mark.usefixtures("quick")
def test_plateau_lowers_the_learning_rate(tiny: Tiny, fer2013: Path, tmp_path: Path) -> None:
    train(tiny("three-conv", lr=1e-30, schedule="plateau", patience=0), fer2013, tmp_path / "run", device="cpu")
    rates = [row["lr"] for row in figures(tmp_path / "run")]
    assert rates[0] == rates[1] == 1e-30  # recorded as used, lowered after the second
    assert rates[2] == pytest.approx(1e-31)


KILLED = """
import os, signal, sys
from mien.cli import main
from mien.train import loop, run
where, at = sys.argv[1], int(sys.argv[2])
loop.SAVE_SECONDS = loop.SYNC_SECONDS = 0.0
owner, name = {"step": (loop.Loop, "_step"), "fsync": (run.os, "fsync")}[where]
original, calls = getattr(owner, name), 0
def die(*arguments):
    global calls
    calls += 1
    if calls == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)
setattr(owner, name, die)
main(sys.argv[3:])
"""


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("name", "where", "at"),
    [
        ("mien", "fsync", 13),  # while a checkpoint is being written, in the second epoch
        ("three-class", "step", 11),  # between two checkpoints, in the second epoch
        ("resnet9", "fsync", 10),  # at the end of the first, between its weights and its line in the metrics
    ],
)
def test_killed_at_any_moment_it_goes_on_to_the_same_bits(
    tiny: Tiny, fer2013: Path, tmp_path: Path, name: str, where: str, at: int
) -> None:
    recipe = tiny(name, **CASES[name])
    train(recipe, fer2013, tmp_path / "whole", device="cpu")
    own = tmp_path / "own.json"
    own.write_text(json.dumps(recipes.to_dict(recipe)))
    killed = tmp_path / "killed"
    arguments = ["train", str(own), "--data", str(fer2013), "--out", str(killed), "--device", "cpu", "--threads", "1"]
    process = subprocess.run([sys.executable, "-c", KILLED, where, str(at), *arguments], capture_output=True, text=True)
    assert process.returncode == -signal.SIGKILL, process.stderr
    state = Run(killed).load_state(torch.device("cpu"))
    assert state is not None
    assert state["step"] == {"mien": 7, "three-class": 10, "resnet9": 6}[name]
    resume(killed, device="cpu")
    assert_same(killed, tmp_path / "whole")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("name", "step"), [("mien", 3), ("mien", 7), ("three-class", 11)])
def test_ctrl_c_saves_and_says_how_to_go_on(
    tiny: Tiny,
    fer2013: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: signal.Signals,
    name: str,
    step: int,
) -> None:
    recipe = tiny(name, **CASES[name])
    own = tmp_path / "own.json"
    own.write_text(json.dumps(recipes.to_dict(recipe)))
    train(recipe, fer2013, tmp_path / "whole", device="cpu")
    handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(loop, "SYNC_SECONDS", 0.0)
        take = Loop._step

        def interrupted(self: Loop, *arguments: Any) -> None:
            take(self, *arguments)
            if self.step == step:
                os.kill(os.getpid(), number)

        patch.setattr(Loop, "_step", interrupted)
        with pytest.raises(SystemExit) as caught:
            main(["train", str(own), "--data", str(fer2013), "--out", str(run), "--device", "cpu"])
    assert caught.value.code == 130
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith("mien: stopped ")
    assert captured.err.endswith(f"go on with: mien resume {run}\n")
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == handlers
    state = Run(run).load_state(torch.device("cpu"))
    assert state is not None
    assert state["step"] == step
    with pytest.raises(SystemExit) as caught:
        main(["resume", str(run), "--device", "cpu"])
    assert caught.value.code == 0
    captured = capsys.readouterr()
    assert captured.out == f"{run}\n"
    assert f"going on at {step}" in captured.err
    assert_same(run, tmp_path / "whole")


@pytest.mark.usefixtures("quick")
def test_a_second_ctrl_c_ends_at_once_but_an_echo_of_the_first_does_not(
    tiny: Tiny, fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 0.5, 2.0])
    take = Loop._step
    monkeypatch.setattr(loop.time, "monotonic", lambda: next(clock))

    def interrupted(self: Loop, *arguments: Any) -> None:
        take(self, *arguments)
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Loop, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        train(tiny("mien"), fer2013, tmp_path / "run", device="cpu")
    assert not isinstance(caught.value, Interrupted)
    assert next(clock, None) is None  # all three were seen
    resume_state = Run(tmp_path / "run").load_state(torch.device("cpu"))
    assert resume_state is None  # nothing was saved yet, and nothing is torn


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("saves", [True, False])
def test_a_loss_that_is_no_number_stops_with_the_step_and_the_advice(
    tiny: Tiny,
    fer2013: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    saves: bool,
) -> None:
    """With lr 1e30 the first step's loss is finite and its weights are not: no checkpoint may hold them."""
    if saves:
        monkeypatch.setattr(loop, "SYNC_SECONDS", 0.0)
        monkeypatch.setattr(loop, "SAVE_SECONDS", 0.0)
    own = tmp_path / "own.json"
    own.write_text(json.dumps(recipes.to_dict(tiny("three-conv", schedule="one-cycle", lr=1e30, epochs=9))))
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
    for path in out.glob("*.safetensors"):
        assert all(torch.isfinite(value).all() for value in load_file(path).values())
    state = Run(out).load_state(torch.device("cpu"))
    if state:
        assert all(torch.isfinite(value.float()).all() for value in state["model"].values())


def test_weights_that_break_after_a_finite_loss_are_noticed_before_they_are_saved(
    tiny: Tiny, fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Loop._step

    def breaking(self: Loop, *arguments: Any) -> None:
        take(self, *arguments)
        if self.step == 14:  # the last of the second epoch
            with torch.no_grad():
                next(iter(self.model.parameters())).fill_(float("nan"))

    monkeypatch.setattr(Loop, "_step", breaking)
    with pytest.raises(InputError, match="no longer a number at step 14"):
        train(tiny("mien"), fer2013, tmp_path / "run", device="cpu")
    assert [row["epoch"] for row in figures(tmp_path / "run")] == [1]
    assert all(torch.isfinite(value).all() for value in weights(tmp_path / "run").values())


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("file", ["best.safetensors", "metrics.jsonl", "resume.pt"])
def test_a_full_disk_is_one_line_and_the_last_checkpoint_goes_on(
    tiny: Tiny, fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    recipe = tiny("mien")
    train(recipe, fer2013, tmp_path / "whole", device="cpu")
    out, sync, filled = tmp_path / "run", os.fsync, False

    def full(descriptor: int) -> None:
        nonlocal filled
        if Path(f"/proc/self/fd/{descriptor}").readlink().name == f".{file}.part" and (out / file).exists():
            filled = True
            raise OSError(28, "No space left on device")
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match="No space left on device.*mien resume") as caught:
            train(recipe, fer2013, out, device="cpu")
    assert filled
    assert "\n" not in str(caught.value)
    assert not list(out.glob(".*"))  # nothing half written takes up the room
    resume(out, device="cpu")
    assert_same(out, tmp_path / "whole")


def test_a_folder_that_is_taken_is_refused(tiny: Tiny, fer2013: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").touch()
    (tmp_path / "file").touch()
    for out in (tmp_path / "run", tmp_path / "file"):
        with pytest.raises(InputError, match="exists and is not empty; go on with: mien resume"):
            train(tiny("mien"), fer2013, out, device="cpu")
    with pytest.raises(InputError, match="cannot be made"):
        train(tiny("mien"), fer2013, tmp_path / "file" / "run", device="cpu")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["thesis.tex"]


@pytest.fixture
def stopped(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: None
) -> Path:  # beside data of its own, which tests may change
    """A run stopped after its first epoch, in tmp_path/run; its data lies in tmp_path/data."""
    drawn.write_fer2013(tmp_path / "data" / "fer2013.csv", drawn.faces(77), ["Training"] * 56 + ["PublicTest"] * 21)
    with monkeypatch.context() as patch:
        patch.setattr(Loop, "_stopped_early", lambda self: self.step >= 7)
        train(tiny("mien", epochs=2), tmp_path / "data", tmp_path / "run", device="cpu")
    return tmp_path / "run"


def test_changed_data_is_refused(stopped: Path, tmp_path: Path) -> None:
    usage = ["Training"] * 56 + ["PublicTest"] * 21
    samples = drawn.faces(77)
    images = samples.images.copy()
    images[76, :3, :3] ^= 128  # a corner of one validation picture
    drawn.write_fer2013(tmp_path / "data" / "fer2013.csv", replace(samples, images=images), usage)
    with pytest.raises(InputError, match="the validation split has changed since .* began; train anew"):
        resume(stopped, device="cpu")
    (tmp_path / "data" / "fer2013.csv").unlink()
    with pytest.raises(InputError, match="data"):
        resume(stopped, device="cpu")


def test_a_torn_line_of_metrics_is_written_anew(stopped: Path) -> None:
    path = stopped / "metrics.jsonl"
    line = path.read_text()
    path.write_text(line + line.replace('"epoch": 1', '"epoch": 2')[:50])
    assert [row["epoch"] for row in Run(stopped).metrics()] == [1]
    resume(stopped, device="cpu")
    assert [json.loads(row)["epoch"] for row in path.read_text().splitlines()] == [1, 2]


class Bomb:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_pickle_bomb_does_not_go_off(stopped: Path, tmp_path: Path, wrapped: bool) -> None:
    bomb, target = Bomb(tmp_path / "gone off"), stopped / "resume.pt"
    if wrapped:
        torch.save({"step": bomb}, target)
    else:
        target.write_bytes(pickle.dumps(bomb))
    with pytest.raises(InputError, match=r"resume\.pt: cannot be read") as caught:
        resume(stopped, device="cpu")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "gone off").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn"])
def test_a_damaged_checkpoint_is_told(stopped: Path, content: bytes) -> None:
    (stopped / "resume.pt").write_bytes(content)
    with pytest.raises(InputError, match=r"resume\.pt: cannot be read.*delete it to start the run from its beginning"):
        resume(stopped, device="cpu")
    (stopped / "resume.pt").unlink()
    resume(stopped, device="cpu")
    assert [row["epoch"] for row in figures(stopped)] == [1, 2]


@pytest.mark.parametrize("name", ["warp", "cuda:99", "meta:x"])
def test_a_device_that_is_not_there_is_told(tiny: Tiny, fer2013: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"device '{name}' cannot be used here.*--device cpu"):
        train(tiny("mien"), fer2013, tmp_path / "run", device=name)
    assert not (tmp_path / "run").exists()


def test_votes_are_learnt_as_a_distribution(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: None
) -> None:
    samples = drawn.faces(40)
    soft = np.full((40, 7), 0.05, np.float32)
    soft[np.arange(40), samples.labels] = 0.7
    monkeypatch.setattr("mien.datasets.read", lambda *_, **__: replace(samples, labels=soft))
    train(tiny("mien", size=48, epochs=1), tmp_path, tmp_path / "run", device="cpu")
    assert 0 <= figures(tmp_path / "run")[0]["val_accuracy"] <= 1
