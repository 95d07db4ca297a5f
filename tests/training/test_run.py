"""The files of a run are whole or not there; a folder without a record is no run."""

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from mien.core.errors import InputError
from mien.datasets import DataSpec, ImageSpec, read
from mien.datasets.image_hashes import hash_images, load_hashes
from mien.recipes import RECIPES, Epoch, Recipe, read_epochs, read_run
from mien.recipes.run_record import HASHES
from mien.training.run import RunFiles, copy_weights
from mien.training.start import train
from tests.training.runs import record

Tiny = Callable[..., Recipe]

RECORD = record(RECIPES["mien"])


def epoch(number: int, **figures: Any) -> Epoch:
    return replace(Epoch(number, 7, 1.0, 0.5, 1.0, 0.5, lr=0.1, images_per_second=1.0, seconds=1.0), **figures)


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


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    run = RunFiles(tmp_path)
    small, large = nn.Linear(3, 3), nn.Linear(100, 100)
    run.save_weights("last", copy_weights(small))
    (tmp_path / "resume.pt").write_bytes(b"old")
    saves: list[Callable[[], None]] = [
        lambda: run.save_weights("last", copy_weights(large)),
        lambda: run.save_state({"model": large.state_dict()}),
        lambda: run.save_epochs([epoch(1, further_val_accuracy={"x" * 2000: 1.0})]),
    ]
    told = rf"\(File too large\); what was saved before is whole.*mien resume {tmp_path}"
    for save in saves:
        with pytest.raises(InputError, match=told), small_files():
            save()
    assert {path.name for path in tmp_path.iterdir()} == {"last.safetensors", "resume.pt"}
    assert (tmp_path / "resume.pt").read_bytes() == b"old"
    assert torch.equal(load_file(tmp_path / "last.safetensors")["weight"], small.weight)


def test_weights_keep_their_values_in_any_layout(tmp_path: Path) -> None:
    model = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)
    RunFiles(tmp_path).save_weights("best", copy_weights(model))
    found = load_file(tmp_path / "best.safetensors")
    assert found.keys() == {"weight", "bias"}
    assert torch.equal(found["weight"], model.weight)


def test_weights_with_two_names_are_kept_under_both(tmp_path: Path) -> None:
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    RunFiles(tmp_path).save_weights("best", copy_weights(nn.Sequential(first, second)))
    found = load_file(tmp_path / "best.safetensors")
    assert torch.equal(found["0.weight"], found["1.weight"])


def test_a_run_is_created_opened_and_described(tmp_path: Path) -> None:
    run = RunFiles.reserve(tmp_path / "deep" / "run")
    assert not (tmp_path / "deep").exists()  # a start that fails leaves nothing
    (tmp_path / "deep" / "run").mkdir(parents=True)
    assert RunFiles.reserve(tmp_path / "deep" / "run") == run  # an empty folder is as good as none
    (tmp_path / "deep" / "run").rmdir()
    run.describe(RECORD)
    assert read_run(tmp_path / "deep" / "run") == RECORD
    assert read_epochs(tmp_path / "deep" / "run") == []
    assert run.load_state(torch.device("cpu")) is None
    with pytest.raises(InputError, match="exists and is not empty"):
        RunFiles.reserve(tmp_path / "deep" / "run")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "truncated"),
        ("[]", "Expected object"),
        ('{"model": "mien"}', "missing required field recipe"),
        ('{"recipe": {"lr": "fast"}}', r"at recipe\.lr"),
    ],
)
def test_a_folder_without_a_record_is_no_run(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=r"no run; expected a folder with a recipe\.json"):
        read_run(tmp_path)
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(InputError, match=words + r".*; expected the recipe\.json of a run of mien train$"):
        read_run(tmp_path)


@pytest.mark.usefixtures("quick")
def test_a_run_keeps_the_prints_of_its_training_images(tiny: Tiny, fer2013: Path, tmp_path: Path) -> None:
    recipe = tiny("mien", epochs=1, max_steps=1)
    train(recipe, DataSpec(fer2013), tmp_path / "run", device="cpu")
    known = load_hashes(tmp_path / "run" / HASHES)
    assert known is not None
    images = read(DataSpec(fer2013, "train"), ImageSpec(16, 1)).images
    assert np.array_equal(known, np.unique(hash_images(images), axis=0))
    RunFiles(tmp_path).save_hashes(images[:0], str(tmp_path / "run"))  # what it starts from was trained on them
    found = load_hashes(tmp_path / HASHES)
    assert found is not None
    assert np.array_equal(found, known)


def test_a_folder_whose_name_is_not_utf8_is_refused_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its name is not UTF-8; choose another --out"):
        RunFiles.reserve(Path(os.fsdecode(bytes(tmp_path) + b"/run\xe9")))
