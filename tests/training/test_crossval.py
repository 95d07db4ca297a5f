"""No image is judged by a network that saw it, its copies or its person; a finished fold is trained once."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mien.core import records
from mien.core.errors import InputError
from mien.core.labels import FER2013
from mien.evaluation.folds import assign_folds
from mien.recipes import Recipe
from mien.training import crossval
from mien.training.batches import Batch
from mien.training.data import Split
from mien.training.learner import Learner
from mien.training.stop import Interrupted
from tests import drawn

Tiny = Callable[..., Recipe]
SAMPLES = drawn.faces(60, size=16)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def recipe(tiny: Tiny) -> Recipe:
    return tiny("mien", model="mien-small", epochs=1)


def dealt(count: int = 3) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return assign_folds(SAMPLES.labels, np.arange(len(SAMPLES)), count, 0)


def test_a_fold_is_judged_by_the_network_of_the_other_folds(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    fold = dealt()
    learnt: list[set[bytes]] = []
    judged: list[set[bytes]] = []
    fit, answer = crossval.fit, crossval.probabilities

    def noting(*arguments: object) -> object:
        learnt.append({image.tobytes() for image in arguments[1].images})  # type: ignore[attr-defined]
        return fit(*arguments)  # type: ignore[arg-type]

    def noting_too(*arguments: object) -> object:
        judged.append({image.tobytes() for image in arguments[1]})  # type: ignore[attr-defined]
        return answer(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(crossval, "fit", noting)
    monkeypatch.setattr(crossval, "probabilities", noting_too)
    found = crossval.out_of_fold(recipe, SAMPLES.images, SAMPLES.labels, fold, device="cpu")
    assert found.shape == (60, 7)
    assert found.sum(1) == pytest.approx(1, abs=1e-5)
    every = {image.tobytes() for image in SAMPLES.images}
    assert set.union(*judged) == every
    assert sum(map(len, judged)) == len(every) == 60  # each exactly once
    assert all(mine == every - held for mine, held in zip(learnt, judged, strict=True))


def test_out_of_fold_gives_the_same_bits_again_and_depends_on_the_seed(
    recipe: Recipe, tiny: Tiny, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = []
    for number, chosen in enumerate((recipe, recipe, tiny("mien", model="mien-small", epochs=1, seed=1))):
        monkeypatch.setenv("MIEN_CACHE", str(tmp_path / str(number)))
        found.append(crossval.out_of_fold(chosen, SAMPLES.images, SAMPLES.labels, dealt(2), device="cpu"))
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], found[2])


def test_probabilities_are_the_mean_with_the_mirror_image(recipe: Recipe) -> None:
    part = Split(SAMPLES.images, SAMPLES.labels, FER2013)
    model, scaling = crossval.fit(recipe, part, torch.device("cpu"), lambda: None)
    one, other = (
        crossval.probabilities(model, images, scaling, torch.device("cpu"))
        for images in (SAMPLES.images, SAMPLES.images[:, :, ::-1])
    )
    assert one == pytest.approx(other, abs=1e-5)


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from mien.recipes import find
from mien.training import crossval as folds
from tests.training.test_crossval import SAMPLES, dealt
torch.set_num_threads(1)
fit, calls = folds.fit, 0
def die(*arguments):
    global calls
    calls += 1
    if calls == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return fit(*arguments)
folds.fit = die
folds.out_of_fold(find(sys.argv[1]), SAMPLES.images, SAMPLES.labels, dealt(), device="cpu")
"""


@pytest.mark.slow
def test_out_of_fold_continues_after_kill_to_the_same_bits(
    recipe: Recipe, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "own.json"
    records.write(own, recipe)
    ended = subprocess.run([sys.executable, "-c", KILLED, str(own)], capture_output=True, text=True)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert ended.stderr.count("s to go") == 2
    arguments = (recipe, SAMPLES.images, SAMPLES.labels, dealt())
    (kept,) = cache.glob("folds-*")
    assert {path.name for path in kept.iterdir()} == {"0.npy", "1.npy"}
    found = crossval.out_of_fold(*arguments, device="cpu")
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["fold 3 of 3"]
    (kept / "1.npy").write_bytes(b"torn")
    assert np.array_equal(crossval.out_of_fold(*arguments, device="cpu"), found)  # that one anew
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["fold 2 of 3"]
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "new"))
    assert np.array_equal(crossval.out_of_fold(*arguments, device="cpu"), found)


def test_ctrl_c_between_folds_prints_how_to_continue(
    recipe: Recipe, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, take = 0, Learner.step

    def interrupted(self: Learner, batch: Batch) -> torch.Tensor:
        nonlocal steps
        steps += 1
        if steps == 7:  # of 5 in each fold
            os.kill(os.getpid(), signal.SIGINT)
        return take(self, batch)

    monkeypatch.setattr(Learner, "step", interrupted)
    with pytest.raises(Interrupted, match="stopped in fold 2 of 3; the same command continues with that fold"):
        crossval.out_of_fold(recipe, SAMPLES.images, SAMPLES.labels, dealt(), device="cpu")
    assert len(list(cache.glob("folds-*/*.npy"))) == 1


def test_other_data_or_labels_are_trained_again(recipe: Recipe, cache: Path) -> None:
    for labels in (SAMPLES.labels, (SAMPLES.labels + 1) % 7):
        crossval.out_of_fold(recipe, SAMPLES.images, labels, dealt(2), device="cpu")
    assert len(list(cache.glob("folds-*"))) == 2


def test_weights_that_are_not_finite_are_refused(tiny: Tiny) -> None:
    wild = tiny("mien", model="mien-small", epochs=1, lr=1e30)
    with pytest.raises(InputError, match="fold 1 of 2: the weights are no longer numbers; lower the recipe's lr"):
        crossval.out_of_fold(wild, SAMPLES.images, SAMPLES.labels, dealt(2), device="cpu")


def test_out_of_fold_works_without_a_writable_cache(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "file"))
    assert crossval.out_of_fold(recipe, SAMPLES.images, SAMPLES.labels, dealt(2), device="cpu").shape == (60, 7)


def test_out_of_fold_follows_every_field_of_the_recipe(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    """Progressive resizing, mixed targets, the seeds of a training run, a limit of steps."""
    sizes: list[int] = []
    seeds: list[int] = []
    take = Learner.step

    def noting(self: Learner, batch: Batch) -> torch.Tensor:
        assert batch.targets.ndim == 2
        assert ((batch.targets > 0) & (batch.targets < 1)).any()
        sizes.append(batch.images.shape[-1])
        seeds.append(batch.seed)
        return take(self, batch)

    monkeypatch.setattr(Learner, "step", noting)
    recipe = tiny(
        "mien", model="mien-small", size=24, progressive_resize=0.5, progressive_size=16, mixup=0.4, ema=0, max_steps=5
    )
    crossval.out_of_fold(recipe, drawn.faces(60, size=24).images, SAMPLES.labels, dealt(2), device="cpu")
    assert sizes == [16, 16, 16, 24, 24] * 2
    assert seeds[:5] == seeds[5:]
    assert len(set(seeds)) == 5
