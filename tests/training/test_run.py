"""Files appear whole or not at all, and what stands in a run folder is told apart from what does not."""

import json
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from mien import recipes
from mien.core.errors import InputError
from mien.recipes import RECIPES
from mien.training.run import Run, write

DESCRIPTION: dict[str, Any] = {
    "recipe": recipes.to_dict(RECIPES["mien"]),
    "data": {"path": "somewhere", "kind": None},
    "mean": [0.5],
    "std": [0.25],
}


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    write(tmp_path / "a", b"one")
    write(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@contextmanager
def small_files() -> Iterator[None]:
    """Let no file of this process grow beyond 1,000 bytes: the kernel's own refusal, as a full disk's is.

    Around no more than the call: pytest's own output may go to a file too.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_disk_that_refuses_leaves_the_old_file(tmp_path: Path) -> None:
    run = Run(tmp_path)
    small, large = nn.Linear(3, 3), nn.Linear(100, 100)
    run.save_weights("last", small)
    write(tmp_path / "resume.pt", b"old")
    saves: list[Callable[[], None]] = [
        lambda: run.save_weights("last", large),
        lambda: run.save_state({"model": large.state_dict()}),
        lambda: run.record({"epoch": 1, "text": "x" * 2000}),
    ]
    told = f"File too large; what was saved before is whole.*mien resume {tmp_path}"
    for save in saves:
        with pytest.raises(InputError, match=told), small_files():
            save()
    assert {path.name for path in tmp_path.iterdir()} == {"last.safetensors", "resume.pt"}
    assert (tmp_path / "resume.pt").read_bytes() == b"old"
    assert torch.equal(load_file(tmp_path / "last.safetensors")["weight"], small.weight)


@pytest.mark.parametrize("error", ["No space left on device", "Disk quota exceeded", "Read-only file system"])
def test_whatever_the_disk_says_is_passed_on_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, error)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InputError, match=error) as caught:
        write(tmp_path / "a", b"one")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_weights_keep_their_values_in_any_layout(tmp_path: Path) -> None:
    model = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    Run(tmp_path).save_weights("best", model)
    found = load_file(tmp_path / "best.safetensors")
    assert found.keys() == {"weight", "bias"}
    assert torch.equal(found["weight"], model.weight)


def test_a_run_is_created_opened_and_described(tmp_path: Path) -> None:
    run = Run.reserve(tmp_path / "deep" / "run")
    assert not (tmp_path / "deep").exists()  # a start that fails leaves nothing
    (tmp_path / "deep" / "run").mkdir(parents=True)
    assert Run.reserve(tmp_path / "deep" / "run") == run  # an empty folder is as good as none
    (tmp_path / "deep" / "run").rmdir()
    run.describe(DESCRIPTION)
    assert Run.open(tmp_path / "deep" / "run") == run
    assert run.description == json.loads(json.dumps(DESCRIPTION))
    assert run.recipe == RECIPES["mien"]
    assert run.metrics() == []
    assert run.load_state(torch.device("cpu")) is None
    with pytest.raises(InputError, match="exists and is not empty"):
        Run.reserve(tmp_path / "deep" / "run")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "damaged"),
        ("[]", "not of a run"),
        ('{"model": "mien"}', "lacks data, mean, recipe, std"),
    ],
)
def test_a_folder_that_is_no_run_is_told(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=r"no run; expected a folder with a recipe\.json"):
        Run.open(tmp_path)
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(InputError, match=words):
        _ = Run.open(tmp_path).description


def test_metrics_recorded_twice_stand_once(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for epoch, loss in ((1, 3.0), (2, 2.0), (3, 1.0), (2, 2.5)):
        run.record({"epoch": epoch, "loss": loss})
    assert run.metrics() == [{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 2.5}]
