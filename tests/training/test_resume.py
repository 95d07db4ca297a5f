"""A run that was stopped in any way continues to the same bits; a damaged one is refused."""

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

import pytest
import torch

from mien.cli import main
from mien.core import records
from mien.core.errors import InputError
from mien.core.files import only_one
from mien.core.labels import FACIAL_EXPRESSIONS, FERPLUS
from mien.datasets import DataSpec
from mien.evaluation.calibrate.files import FILE as CALIBRATION
from mien.faces.detectors import detectors
from mien.faces.detectors.full_image import FullImage
from mien.models.session import Session
from mien.recipes import Recipe, read_epochs, read_run
from mien.training import networks, trainer
from mien.training.batches import Batch
from mien.training.data import build_splits
from mien.training.learner import Learner
from mien.training.run import RunFiles
from mien.training.start import resume, train
from mien.training.stop import Interrupted
from tests import drawn
from tests.training.runs import assert_same, interrupt_after, untimed

Tiny = Callable[..., Recipe]

CASES: dict[str, dict[str, Any]] = {  # what has state of its own to lose
    "mien": {"label_smoothing": 0.1},  # SGD with momentum, one-cycle, an average, every augmentation
    "three-class": {"patience": 0, "lr": 1e-2},  # dropout, Adam, plateau falling at once
    "resnet9": {"crop": 12, "pad": 2, "epochs": 2},  # crops, clipping, Adam with decay and one-cycle
}


KILLED = """
import os, signal, sys
from mien.cli import main
from mien.training.learner import Learner
from mien.training import trainer
where, at = sys.argv[1], int(sys.argv[2])
trainer.SAVE_SECONDS = trainer.SYNC_SECONDS = 0.0
owner, name = {"step": (Learner, "step"), "fsync": (os, "fsync")}[where]
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


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("name", "where", "at"),
    [
        ("mien", "fsync", 13),  # while a checkpoint is being written, in the second epoch
        ("three-class", "step", 11),  # between two checkpoints, in the second epoch
        ("resnet9", "fsync", 10),  # at the end of the first, between its weights and its line in the metrics
    ],
)
def test_resume_after_kill_gives_the_same_bits(
    tiny: Tiny, fer2013: Path, tmp_path: Path, name: str, where: str, at: int
) -> None:
    recipe = tiny(name, **CASES[name])
    train(recipe, DataSpec(fer2013), tmp_path / "whole", device="cpu")
    own = tmp_path / "own.json"
    records.write(own, recipe)
    killed = tmp_path / "killed"
    arguments = ["train", str(own), "--data", str(fer2013), "--out", str(killed), "--device", "cpu", "--threads", "1"]
    process = subprocess.run([sys.executable, "-c", KILLED, where, str(at), *arguments], capture_output=True, text=True)
    assert process.returncode == -signal.SIGKILL, process.stderr
    state = RunFiles(killed).load_state(torch.device("cpu"))
    assert state is not None
    assert state["learner"]["steps"] == {"mien": 7, "three-class": 10, "resnet9": 6}[name]
    resume(killed, device="cpu")
    assert_same(killed, tmp_path / "whole")


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("name", "step"), [("mien", 3), ("mien", 7), ("three-class", 11)])
def test_ctrl_c_saves_and_prints_the_resume_command(
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
    records.write(own, recipe)
    train(recipe, DataSpec(fer2013), tmp_path / "whole", device="cpu")
    handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(trainer, "SYNC_SECONDS", 0.0)
        with interrupt_after(step, number), pytest.raises(SystemExit) as caught:
            main(["train", str(own), "--data", str(fer2013), "--out", str(run), "--device", "cpu"])
    assert caught.value.code == 130
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith("mien: stopped ")
    assert captured.err.endswith(f"continue with: mien resume {run}\n")
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == handlers
    state = RunFiles(run).load_state(torch.device("cpu"))
    assert state is not None
    assert state["learner"]["steps"] == step
    with pytest.raises(SystemExit) as caught:
        main(["resume", str(run), "--device", "cpu"])
    assert caught.value.code == 0
    captured = capsys.readouterr()
    assert captured.out == f"{run}\n"
    assert f"continuing at {step}" in captured.err
    assert_same(run, tmp_path / "whole")


@pytest.mark.slow
def test_resume_with_every_feature_gives_the_same_bits(
    tiny: Tiny, ferplus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = 11  # among the small images of the first 13, within an epoch
    recipe = tiny(
        "mien-votes",
        classes=FERPLUS,
        size=24,
        progressive_resize=0.6,
        progressive_size=16,
        mixup=0.4,
        cutmix=0.5,
        ema=0.9,
        calibrate=True,
    )
    sizes: dict[int, int] = {}
    take = Learner.step

    def noting(self: Learner, batch: Batch) -> torch.Tensor:
        sizes[self.steps] = batch.images.shape[-1]
        return take(self, batch)

    monkeypatch.setattr(trainer, "SYNC_SECONDS", 0.0)
    monkeypatch.setattr(Learner, "step", noting)
    whole, run = tmp_path / "whole", tmp_path / "run"
    train(recipe, DataSpec(ferplus), whole, device="cpu")
    assert sizes == {place: 16 if place < 0.6 * 21 else 24 for place in range(21)}
    message = f"stopped at step 11 of 21 .*mien resume {run}"
    with interrupt_after(step), pytest.raises(Interrupted, match=message):
        train(recipe, DataSpec(ferplus), run, device="cpu")
    sizes.clear()
    resume(run, device="cpu")
    assert sizes == {place: 16 if place < 0.6 * 21 else 24 for place in range(step, 21)}
    assert_same(run, whole)
    for name in (CALIBRATION, "model.onnx"):
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name
    last = untimed(run)[-1]
    session = Session(run)
    fitted = json.loads((run / CALIBRATION).read_text())
    temperatures = {name: one["temperature"] for name, one in fitted.items()}
    assert temperatures == {
        "distribution": session.info.temperature,
        "label": session.info.outputs["label"].temperature,
    }
    assert session.probabilities(drawn.faces(5).images).shape == (5, 8)
    part = build_splits(recipe, DataSpec(ferplus))["validation"]
    for head, block in (("distribution", part.targets[:, :8]), ("label", part.targets[:, 8:])):
        known = block.any(axis=1)
        right = Session(run, output=head).logits(part.images[known]).argmax(1) == block[known].argmax(1)
        figure = last.val_accuracy if head == "distribution" else last.further_val_accuracy[head]
        assert right.mean() == pytest.approx(figure)  # what was selected is what is shipped, and each head is itself


@pytest.mark.usefixtures("quick")
def test_a_second_ctrl_c_ends_at_once_but_a_repeat_of_the_first_does_not(
    tiny: Tiny, fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 0.5, 2.0])
    take = Learner.step
    monkeypatch.setattr("mien.training.stop.time.monotonic", lambda: next(clock))

    def interrupted(self: Learner, batch: Batch) -> torch.Tensor:
        counts = take(self, batch)
        os.kill(os.getpid(), signal.SIGINT)
        return counts

    monkeypatch.setattr(Learner, "step", interrupted)
    with pytest.raises(KeyboardInterrupt) as caught:
        train(tiny("mien"), DataSpec(fer2013), tmp_path / "run", device="cpu")
    assert not isinstance(caught.value, Interrupted)
    assert next(clock, None) is None  # all three were seen
    resume_state = RunFiles(tmp_path / "run").load_state(torch.device("cpu"))
    assert resume_state is None  # nothing was saved yet, and nothing is torn


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("at", [10, 16])
def test_a_stop_saves_the_epochs_that_were_not_and_a_kill_repeats_them(
    tiny: Tiny, fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Of the second and third epoch of 7 steps each; the earlier ones are finished and not saved."""
    monkeypatch.setattr(trainer, "SYNC_SECONDS", 0.0)
    recipe = tiny("mien", epochs=3)
    out, killed, watched = (tmp_path / name for name in ("run", "killed", "watched"))
    with interrupt_after(at), pytest.raises(Interrupted, match=f"at step {at}"):
        train(recipe, DataSpec(fer2013), out, device="cpu")
    with interrupt_after(at), pytest.raises(Interrupted):
        train(recipe, DataSpec(fer2013), watched, device="cpu", callbacks=[lambda _, __: None])
    assert_same(out, watched)
    take = Learner.step

    def crash(self: Learner, batch: Batch) -> torch.Tensor:
        if self.steps == at:
            raise RuntimeError
        return take(self, batch)

    with monkeypatch.context() as patch:
        patch.setattr(Learner, "step", crash)
        with pytest.raises(RuntimeError):
            train(recipe, DataSpec(fer2013), killed, device="cpu")
    assert not RunFiles(killed).has_state()
    for run in (out, killed):
        resume(run, device="cpu")
    assert [epoch.epoch for epoch in read_epochs(out)] == [1, 2, 3]
    assert_same(out, killed)


@pytest.mark.usefixtures("quick")
def test_epochs_of_after_the_checkpoint_are_recorded_anew(stopped: Path) -> None:
    path = stopped / "metrics.jsonl"
    later = path.read_text().replace('"epoch":1,"step":7', '"epoch":2,"step":14')
    path.write_text(path.read_text() + later)
    assert [epoch.epoch for epoch in read_epochs(stopped)] == [1, 2]
    resume(stopped, device="cpu")
    first, second = read_epochs(stopped)
    assert (first.epoch, second.epoch) == (1, 2)
    assert second.train_loss != first.train_loss


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("file", ["best.safetensors", "metrics.jsonl", "resume.pt"])
def test_a_full_disk_is_one_line_and_resume_continues(
    tiny: Tiny, fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    recipe = tiny("mien")
    train(recipe, DataSpec(fer2013), tmp_path / "whole", device="cpu")
    out, sync, filled = tmp_path / "run", os.fsync, False

    def full(descriptor: int) -> None:
        nonlocal filled
        if Path(f"/proc/self/fd/{descriptor}").readlink().name.startswith(f".{file}.") and (out / file).exists():
            filled = True
            raise OSError(28, "No space left on device")
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(trainer, "SAVE_SECONDS", 0.0)
        patch.setattr(os, "fsync", full)
        with pytest.raises(InputError, match=r"No space left on device.*mien resume") as caught:
            train(recipe, DataSpec(fer2013), out, device="cpu")
    assert filled
    assert "\n" not in str(caught.value)
    assert not list(out.glob(".*"))  # nothing half written takes up the room
    resume(out, device="cpu")
    assert_same(out, tmp_path / "whole")


@pytest.fixture
def stopped(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: None
) -> Path:  # beside data of its own, which tests may change
    """A run stopped after its first epoch, in tmp_path/run; its data lies in tmp_path/data."""
    drawn.write_fer2013(tmp_path / "data" / "fer2013.csv", drawn.faces(77), ["Training"] * 56 + ["PublicTest"] * 21)
    with interrupt_after(7), pytest.raises(Interrupted, match="stopped after epoch 1"):
        train(tiny("mien", epochs=2), DataSpec(tmp_path / "data"), tmp_path / "run", device="cpu")
    return tmp_path / "run"


def test_resume_refuses_changed_data(stopped: Path, tmp_path: Path) -> None:
    usage = ["Training"] * 56 + ["PublicTest"] * 21
    samples = drawn.faces(77)
    images = samples.images.copy()
    images[76, :3, :3] ^= 128  # a corner of one validation image
    drawn.write_fer2013(tmp_path / "data" / "fer2013.csv", replace(samples, images=images), usage)
    with pytest.raises(InputError, match=r"the validation split has changed since .* began; train anew"):
        resume(stopped, device="cpu")
    (tmp_path / "data" / "fer2013.csv").unlink()
    with pytest.raises(InputError, match="data"):
        resume(stopped, device="cpu")


@pytest.mark.parametrize("name", ["elsewhere", "caf\udce9"])
def test_data_that_has_moved_is_named_and_compared(stopped: Path, tmp_path: Path, name: str) -> None:
    moved = (tmp_path / "data").rename(tmp_path / name)
    with pytest.raises(InputError, match=r"data: no longer there; say where it is: mien resume .*run --data PATH"):
        resume(stopped, device="cpu")
    other = tmp_path / "other"
    drawn.write_fer2013(other / "fer2013.csv", drawn.faces(70, seed=1), ["Training"] * 56 + ["PublicTest"] * 14)
    before = (stopped / "recipe.json").read_bytes()
    with pytest.raises(
        InputError, match=r"other: the train split is not that of .*run \(56 images, fingerprint \w+; the"
    ):
        resume(stopped, data=other, device="cpu")
    assert (stopped / "recipe.json").read_bytes() == before
    with pytest.raises(InputError, match="--photos: 1 given, 0 in"):
        resume(stopped, data=moved, photos=[other], device="cpu")
    with pytest.raises(InputError, match=r"--exclude .*: .*run left nothing out"):
        resume(stopped, data=moved, exclude_list=other, device="cpu")
    resume(stopped, data=moved, device="cpu")
    assert read_run(stopped).data.path == moved
    assert read_run(stopped).data.splits["train"].n == 56


@pytest.mark.usefixtures("quick")
def test_resume_reads_photos_again_and_refuses_changed_ones(
    tiny: Tiny, ferplus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(detectors(), "yunet", FullImage)
    photos = drawn.write_facial_expressions(tmp_path / "photos", drawn.faces(64, FACIAL_EXPRESSIONS), each=1)
    recipe = tiny("mien-votes", classes=FERPLUS, progressive_resize=0, epochs=2, margin=0.0, calibrate=False)
    with interrupt_after(5), pytest.raises(Interrupted):
        train(recipe, DataSpec(ferplus), tmp_path / "run", photos=[photos], device="cpu")
    assert read_run(tmp_path / "run").data.photos == (photos,)
    train(recipe, DataSpec(ferplus), tmp_path / "whole", photos=[photos], device="cpu")
    assert read_run(tmp_path / "whole").data.splits["train"].n > 56 + 40
    taken = sorted((photos / "images").glob("*.jpg"))
    kept = taken[0].read_bytes()
    taken[0].write_bytes(taken[1].read_bytes())
    with pytest.raises(InputError, match=r"the (train|validation) split has changed since .* began; train anew"):
        resume(tmp_path / "run", device="cpu")
    taken[0].write_bytes(kept)
    photos.rename(tmp_path / "moved")
    with pytest.raises(InputError, match=r"photos: no longer there; .* --photos PATH"):
        resume(tmp_path / "run", device="cpu")
    resume(tmp_path / "run", photos=[tmp_path / "moved"], device="cpu")
    assert read_run(tmp_path / "run").data.photos == (tmp_path / "moved",)
    assert_same(tmp_path / "run", tmp_path / "whole")


@pytest.mark.usefixtures("quick")
def test_pretrained_weights_that_fail_to_load_leave_no_run(
    tiny: Tiny, fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def create(name: str, *, pretrained: bool = False, **facts: Any) -> torch.nn.Module:
        asked.append(pretrained)
        if len(asked) == 1:
            raise InputError("the ImageNet weights cannot be loaded")
        return original("mien", **facts)

    recipe = tiny("efficientnet-b0", pretrained=True, epochs=1)
    original = networks.create
    monkeypatch.setattr("mien.training.setup.create", create)
    monkeypatch.setattr("mien.training.setup.cost", lambda _: (0, 0))
    with pytest.raises(InputError, match="cannot be loaded"):
        train(recipe, DataSpec(fer2013), tmp_path / "run", device="cpu")
    train(recipe, DataSpec(fer2013), tmp_path / "run", device="cpu")  # the same folder is free for the next try
    resume(tmp_path / "run", device="cpu")
    assert asked == [True, True, False]


def test_resume_rewrites_an_incomplete_line_of_metrics(stopped: Path) -> None:
    path = stopped / "metrics.jsonl"
    line = path.read_text()
    path.write_text(line + line.replace('"epoch":1', '"epoch":2')[:50])
    assert [epoch.epoch for epoch in read_epochs(stopped)] == [1]
    resume(stopped, device="cpu")
    assert [json.loads(row)["epoch"] for row in path.read_text().splitlines()] == [1, 2]


class Bomb:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("wrapped", [True, False])
def test_resume_never_executes_a_pickle(stopped: Path, tmp_path: Path, wrapped: bool) -> None:
    bomb, target = Bomb(tmp_path / "gone off"), stopped / "resume.pt"
    if wrapped:
        torch.save({"step": bomb}, target)
    else:
        target.write_bytes(pickle.dumps(bomb))
    with pytest.raises(InputError, match=r"resume\.pt: cannot be read") as caught:
        resume(stopped, device="cpu")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "gone off").exists()


def test_resume_refuses_a_checkpoint_of_another_version_or_network(stopped: Path) -> None:
    path = stopped / "resume.pt"
    state = torch.load(path, weights_only=True)
    weights = state["learner"]["network"]
    first = next(iter(weights))
    for other in (
        {"step": 3},
        state | {"learner": {**state["learner"], "network": {**weights, first: torch.zeros(2)}}},
    ):
        torch.save(other, path)
        with pytest.raises(InputError, match=r"resume\.pt: not of this run") as caught:
            resume(stopped, device="cpu")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn"])
def test_resume_refuses_a_damaged_checkpoint(stopped: Path, content: bytes) -> None:
    (stopped / "resume.pt").write_bytes(content)
    with pytest.raises(InputError, match=r"resume\.pt: cannot be read.*delete it to start the run from its beginning"):
        resume(stopped, device="cpu")
    (stopped / "resume.pt").unlink()
    resume(stopped, device="cpu")
    assert [epoch.epoch for epoch in untimed(stopped)] == [1, 2]


def test_a_run_that_another_process_continues_is_left_to_it(stopped: Path) -> None:
    before = {path.name: path.read_bytes() for path in stopped.iterdir()}
    with only_one(stopped), pytest.raises(InputError, match="another mien is working in it"):
        resume(stopped, device="cpu")
    assert {path.name: path.read_bytes() for path in stopped.iterdir()} == before


def test_a_checkpoint_that_asks_for_more_memory_than_it_holds_is_refused(stopped: Path) -> None:
    path = stopped / "resume.pt"
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"PK\x01\x02")  # the last file in the archive's list; its size is 24 bytes further on
    data[entry + 24 : entry + 28] = (3 << 30).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"resume\.pt: cannot be read \(cut off or damaged\)"):
        resume(stopped, device="cpu")
