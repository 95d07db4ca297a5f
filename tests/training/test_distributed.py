"""Two processes compute what one does on the same global batch."""

import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from mien.core import records
from mien.core.errors import InputError
from mien.datasets import DataSpec
from mien.recipes import Recipe, read_run
from mien.training import batches, distributed, setup
from mien.training.batches import normalise
from mien.training.networks import create
from mien.training.start import train
from tests.training.runs import untimed

DOUBLE = """
import runpy, time
from mien.training import batches, setup, start
network, normalise = setup.network, batches.normalise
setup.network = lambda *names, **facts: network(*names, **facts).double()
batches.normalise = lambda *arguments: normalise(*arguments).double()
start.export = lambda run: (time.sleep(2), (run / "model.onnx").touch())  # the others are done long before
"""


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_two_processes_under_torchrun_equal_one(
    tiny: Callable[..., Recipe], fer2013: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 14 steps in double precision, weights agree to 1e-12 of their size, losses (float32 sums) to 1e-5.

    In single precision they agree to 1e-5 until a ReLU's input is so near 0 that the order of a sum decides its sign.
    """
    recipe = tiny("mien", epochs=2, class_weights="balanced", sampling="balanced")
    own, driver = tmp_path / "own.json", tmp_path / "driver.py"
    records.write(own, recipe)
    driver.write_text(DOUBLE + 'runpy.run_module("mien", run_name="__main__")')
    network = setup.network
    with monkeypatch.context() as patch:
        patch.setattr(setup, "network", lambda *names, **facts: network(*names, **facts).double())
        patch.setattr(batches, "normalise", lambda *arguments: normalise(*arguments).double())
        train(recipe, DataSpec(fer2013), tmp_path / "one", device="cpu")
    program = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(driver)]
    arguments = ["train", str(own), "--data", str(fer2013), "--out", str(tmp_path / "two"), "--device", "cpu"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.run([*program, *arguments], capture_output=True, text=True, env=environment)
    assert process.returncode == 0, process.stderr
    assert process.stderr.count("2 processes") == 1  # one of them speaks
    assert process.stdout.splitlines() == [str(tmp_path / "two")]
    assert (tmp_path / "two" / "model.onnx").exists()
    one, two = tmp_path / "one", tmp_path / "two"
    assert (read_run(one).processes, read_run(two).processes) == (1, 2)
    for epoch, other in zip(untimed(one), untimed(two), strict=True):
        assert epoch.lr_by_step == other.lr_by_step
        assert epoch.val_metrics == pytest.approx(other.val_metrics, rel=1e-5)
        assert set(epoch.val_metrics) == {"macro_f1", "balanced_accuracy", "log_loss", "ece"}
        for name in ("epoch", "step", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "lr"):
            assert getattr(epoch, name) == pytest.approx(getattr(other, name), rel=1e-5)
    weights = [load_file(run / "last.safetensors") for run in (one, two)]
    for name, value in weights[0].items():
        assert float((value - weights[1][name]).abs().max()) <= 1e-12 * max(1, float(value.abs().max())), name


@pytest.mark.slow
def test_two_processes_train_in_bfloat16(tiny: Callable[..., Recipe], fer2013: Path, tmp_path: Path) -> None:
    own, driver = tmp_path / "own.json", tmp_path / "driver.py"
    records.write(own, tiny("mien", epochs=1, max_steps=2))
    driver.write_text(
        "import runpy\nfrom mien.training import plots, start\n"
        "start.export = lambda run: run / 'model.onnx'\n"
        "plots.draw_training_images = plots.draw_results = lambda *_: None\n"
        'runpy.run_module("mien", run_name="__main__")'
    )
    program = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(driver)]
    arguments = ["train", str(own), "--data", str(fer2013), "--out", str(tmp_path / "two"), "--device", "cpu"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.run(
        [*program, *arguments, "--precision", "bfloat16"], capture_output=True, text=True, env=environment
    )
    assert process.returncode == 0, process.stderr
    found = read_run(tmp_path / "two")
    assert (found.processes, found.precision) == (2, "bfloat16")
    assert math.isfinite(untimed(tmp_path / "two")[0].train_loss)


def test_no_process_leaves_the_group_before_the_others_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(distributed, "WORLD", 2)
    for name in ("init_process_group", "barrier", "destroy_process_group"):
        monkeypatch.setattr(torch.distributed, name, lambda *_, name=name, **__: calls.append(name))
    device = torch.device("cpu")
    with distributed.process_group(device):
        pass
    assert calls == ["init_process_group", "barrier", "destroy_process_group"]
    calls.clear()
    with (
        pytest.raises(InputError, match="another process of this run has ended"),
        distributed.process_group(device),
    ):
        raise RuntimeError("[../third_party/gloo/gloo/transport/tcp/pair.cc:547] Connection closed by peer")
    assert calls == ["init_process_group", "destroy_process_group"]
    with pytest.raises(RuntimeError, match="own"), distributed.process_group(device):
        raise RuntimeError("our own")


@pytest.fixture
def twins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend to be one of two processes that hold the same images."""

    monkeypatch.setattr(distributed, "WORLD", 2)
    monkeypatch.setattr(distributed, "total", lambda values: values * 2)


@pytest.mark.usefixtures("twins")
@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Sequential(nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4)),
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(72, 5), nn.BatchNorm1d(5)),
        lambda: create("timm/test_efficientnet", classes=3, channels=2),  # its norms bring their activations along
    ],
    ids=["2d", "1d", "timm"],
)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_synchronised_batch_norms_are_those_of_the_whole_batch(make: Callable[[], nn.Module], precision: str) -> None:
    torch.manual_seed(0)
    whole = make().train()
    share = make().train()
    share.load_state_dict(whole.state_dict())
    share = distributed.synchronise_norms(share, torch.device("cpu"))
    assert any(isinstance(module, distributed.SyncBatchNorm) for module in share.modules())
    images = torch.rand(6, 2, 6, 6) if not hasattr(whole, "num_classes") else torch.rand(6, 2, 48, 48)
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
        expected = whole(torch.cat([images, images]))[:6]
        found = share(images)
    assert found.dtype == expected.dtype
    close = 1e-4 if precision == "float32" else 0.02  # which has 8 bits
    assert torch.allclose(found, expected, atol=close, rtol=close)
    for one, other in zip(share.buffers(), whole.buffers(), strict=True):  # running mean, variance, count
        assert torch.allclose(one.float(), other.float(), atol=close / 10)
    with torch.no_grad():
        assert torch.allclose(share.eval()(images), whole.eval()(images), atol=close)


def test_a_single_process_changes_nothing() -> None:
    model = nn.Sequential(nn.BatchNorm2d(3))
    device = torch.device("cpu")
    with distributed.process_group(device):
        assert distributed.synchronise_norms(model, device) is model
        assert distributed.data_parallel(model, device) is model
        assert type(model[0]) is nn.BatchNorm2d
        assert distributed.total(torch.tensor([1.0, 2.0])).tolist() == [1, 2]
        assert not torch.distributed.is_initialized()
