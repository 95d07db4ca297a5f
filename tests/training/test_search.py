"""A search over recipes: a run for each combination, one table, and what is finished is not trained again."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mien.core.errors import InputError
from mien.datasets import DataSpec
from mien.recipes import Recipe, read_run
from mien.training import train
from mien.training.search import TABLE, finished, folder_name, parse_grid, search, search_table
from tests.blocks import Mien
from tests.blocks import mien as mien  # the fixture
from tests.scale.test_ray import ray as ray  # the fixture

Tiny = Callable[..., Recipe]


def test_values_have_the_types_of_their_fields() -> None:
    texts = ["lr=0.01,0.05", "seed=0..4", "select=loss,accuracy", "drop-duplicates=true,False"]
    assert parse_grid(texts, Recipe()) == {
        "lr": [0.01, 0.05],
        "seed": [0, 1, 2, 3, 4],
        "select": ["loss", "accuracy"],
        "drop_duplicates": [True, False],
    }
    assert parse_grid(["lr=1,1,1"], Recipe()) == {"lr": [1.0]}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["lr"], "--search lr: expected FIELD=VALUE,VALUE or FIELD=FIRST..LAST"),
        (["lr="], "expected FIELD=VALUE"),
        (["epoch=1,2"], "no field 'epoch' of a recipe; did you mean 'epochs'?"),
        (["=1"], "--search =1: expected FIELD=VALUE"),
        (["lr=0.1,fast"], "--search lr=0.1,fast: lr 'fast': expected a number"),
        (["lr=0.1,"], "--search lr=0.1,: lr '': expected a number"),
        (["lr=-1"], "lr -1.0 must be above 0"),
        (["epochs=0.5"], "--search epochs=0.5: epochs 0.5: expected a whole number"),
        (["seed=0..1.5"], "seed '0..1.5': expected a whole number"),
        (["select=accurcy"], "select 'accurcy': expected loss, accuracy, "),
        (["select=accurcy"], "; did you mean 'accuracy'?"),
        (["seed=0..999999999999"], "1,000,000,000,000 runs; at most 10,000"),
        (["seed=4..0"], "the first number is above the last"),
        (["lr=1", "lr=2"], "lr is given twice"),
        (["seed=0..99999"], "100,000 runs; at most 10,000"),
    ],
)
def test_what_is_no_grid_is_one_line(texts: list[str], message: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_grid(texts, Recipe())
    assert message in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_names_of_folders_are_names() -> None:
    several = [{"lr": 0.01, "model": f"a{sign}b.py"} for sign in "/-?"] + [{"model": "a" * 200 + end} for end in "bc"]
    assert len({folder_name(values) for values in several}) == len(several)
    assert folder_name(several[1]) == "lr-0.01_model-a-b.py"
    assert folder_name(several[0]).startswith("lr-0.01_model-a-b.py-")


def test_what_no_run_could_use_is_said_before_the_first(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match="gone: no such file or folder"):
        search(Recipe(), {"seed": [0, 1]}, DataSpec(tmp_path / "gone"), out)
    with pytest.raises(InputError, match="cud"):
        search(Recipe(), {"seed": [0, 1]}, DataSpec(tmp_path), out, device="cud")
    with pytest.raises(InputError, match="s3://bucket/out: an address"):
        search(Recipe(), {"seed": [0, 1]}, DataSpec(tmp_path), Path("s3://bucket/out"))
    assert not out.exists()


def test_a_run_that_was_killed_before_its_export_is_not_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.training.search.read_run", lambda _: SimpleNamespace(end="all epochs"))
    found = [finished(tmp_path)]
    for name in ("recipe.json", "model.onnx"):
        (tmp_path / name).touch()
        found.append(finished(tmp_path))
    assert found == [False, False, True]


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_search_trains_what_is_not_finished_and_compares_all(
    fer2013: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, data, out = tiny("three-conv", epochs=1), DataSpec(fer2013, "train"), tmp_path / "out"
    grid: dict[str, list[Any]] = {"lr": [0.001, 0.01], "seed": [0, 1]}
    runs = search(recipe, grid, data, out, device="cpu")
    assert {run.folder.name for run in runs} == {f"lr-{lr}_seed-{seed}" for lr in grid["lr"] for seed in grid["seed"]}
    assert [run.figure for run in runs] == sorted(run.figure for run in runs)
    for run in runs:
        trained = read_run(run.folder).recipe
        assert (trained.lr, trained.seed) == (run.values["lr"], run.values["seed"])
    head, rows = search_table(runs)
    assert head == ["lr", "runs", "failed", "val_loss", "val_accuracy"]
    assert sorted(row[:3] for row in rows) == [["0.001", "2", ""], ["0.01", "2", ""]]
    assert all(" ± " in row[3] for row in rows)
    with (out / TABLE).open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [row["run"] for row in table] == [run.folder.name for run in runs]
    assert float(table[0]["val_loss"]) == runs[0].best.val_loss  # type: ignore[union-attr]
    capsys.readouterr()
    shutil.rmtree(runs[-1].folder)
    trained_again: list[str] = []

    def counted(recipe: Recipe, data: DataSpec, folder: Path, **options: Any) -> Path:
        trained_again.append(folder.name)
        return train(recipe, data, folder, **options)

    monkeypatch.setattr("mien.training.search.train", counted)
    for run in runs[:-1]:
        (run.folder / "model.onnx").touch()  # they are exported
    assert [run.figure for run in search(recipe, grid, data, out, device="cpu")] == [run.figure for run in runs]
    assert trained_again == [runs[-1].folder.name]
    assert f"{out}: 4 runs, finished 3, to go 1" in capsys.readouterr().err
    with pytest.raises(InputError, match="has another search"):
        search(recipe, {"lr": [0.1]}, data, out, device="cpu")


@pytest.mark.usefixtures("quick")
def test_a_run_that_fails_is_in_the_table_and_the_others_follow(
    fer2013: Path, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def fail(recipe: Recipe, data: DataSpec, folder: Path, **options: Any) -> Path:
        if recipe.seed == 0:
            raise InputError("the loss is no longer a number")
        return train(recipe, data, folder, **options)

    monkeypatch.setattr("mien.training.search.train", fail)
    runs = search(
        tiny("three-conv", epochs=1), {"seed": [0, 1]}, DataSpec(fer2013, "train"), tmp_path / "out", device="cpu"
    )
    assert [(run.values["seed"], run.error) for run in runs] == [(1, ""), (0, "the loss is no longer a number")]
    assert search_table(runs)[1][0][:2] == ["1", "1"]


@pytest.mark.slow
def test_ray_trains_the_same_runs(ray: Any, fer2013: Path, tiny: Tiny, tmp_path: Path) -> None:
    recipe, data = tiny("three-conv", epochs=1), DataSpec(fer2013, "train")
    grid = {"seed": [0, 1]}
    here = search(recipe, grid, data, tmp_path / "here", device="cpu")
    there = search(recipe, grid, data, tmp_path / "there", device="cpu", engine="ray")
    assert [(run.values, run.figure) for run in there] == [(run.values, run.figure) for run in here]


@pytest.mark.slow
def test_the_command_prints_one_table(mien: Mien, fer2013: Path, tmp_path: Path) -> None:
    given = ["train", "three-conv", "--data", str(fer2013), "--epochs", "1", "--max-steps", "2", "--device", "cpu"]
    code, out, err = mien(*given, "--search", "lr=0.001,0.01", "--out", str(tmp_path / "out"))
    assert code == 0, err
    assert out.splitlines()[-1] == str(tmp_path / "out")
    assert "val_accuracy" in out
    code, _, err = mien(*given, "--engine", "ray")
    assert (code, err) == (2, "mien: --engine ray is for --search; one run on several processes: torchrun\n")
