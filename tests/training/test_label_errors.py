"""Labels swapped on purpose are found; classes that cannot be judged are named."""

import builtins
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.cli import main
from mien.core import images
from mien.core.errors import InputError, MissingExtra
from mien.core.labels import FACIAL_EXPRESSIONS, FER2013
from mien.datasets import DataSpec, open_dataset
from mien.datasets.checks import duplicates
from mien.recipes import RECIPES
from mien.training.label_errors import RECIPE, label_errors
from tests import drawn

QUICK = replace(RECIPE, size=24, shift=1, batch=32, epochs=8)


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))


@pytest.mark.slow
def test_swapped_labels_are_found_far_above_chance(tmp_path: Path) -> None:
    samples = drawn.faces(280)
    swapped = np.random.default_rng(0).choice(280, 14, replace=False)  # 5 %
    labels = samples.labels.copy()
    labels[swapped] = (labels[swapped] + 1 + np.arange(14) % 6) % 7
    path = drawn.write_fer2013(
        tmp_path / "fer2013.csv", replace(samples, labels=labels), ["Training"] * 200 + ["PublicTest"] * 80
    )
    # drawn faces of one expression are near duplicates of each other; here every one is a image of its own
    found = label_errors(open_dataset(DataSpec(path)), folds=3, recipe=QUICK, copies=np.arange(280), device="cpu")
    assert len(found) == 280
    assert sorted(found.ids.tolist()) == samples.ids.tolist()
    top = found.ids[:14].astype(int)
    assert np.array_equal(found.rows, found.ids.astype(int))
    assert np.isin(top, swapped).mean() > 0.7  # by chance 0.05
    hit = np.isin(top, swapped)
    true = np.array(FER2013)[samples.labels]
    assert (found.suggested[:14] == true[top])[hit].mean() > 0.7
    assert np.array_equal(found.given[:14], np.array(FER2013)[labels[top]])
    assert np.array_equal(found.splits[:14], np.where(top < 200, "train", "validation"))
    issues = int(found.is_issue.sum())
    assert found.is_issue[:issues].all()  # they come first, each part by its quality
    for part in (found.quality[:issues], found.quality[issues:]):
        assert (np.diff(part) >= 0).all()
    assert (found.suggested != found.given)[:issues].all()
    assert found.accuracy == (found.suggested == found.given).mean() > 0.7


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the folds were asked for; nothing is trained."""
    seen: dict[str, Any] = {}

    def answer(recipe: Any, crops: Any, labels: Any, fold: Any, *, device: str) -> Any:
        seen.update(recipe=recipe, images=crops, labels=labels, fold=fold)
        k = len(recipe.classes)
        return np.full((len(labels), k), 0.1 / k, np.float32) + 0.9 * np.eye(k, dtype=np.float32)[labels]

    monkeypatch.setattr("mien.training.crossval.out_of_fold", answer)
    return seen


def test_persons_and_near_duplicates_stay_in_one_fold(asked: dict[str, Any], tmp_path: Path) -> None:
    samples = drawn.faces(160, FACIAL_EXPRESSIONS)
    coarse = np.random.default_rng(0).integers(0, 256, (80, 8, 8), dtype=np.uint8)  # drawn faces are all alike
    crops = np.stack([images.resize(image, 48) for image in coarse])
    crops = np.concatenate([crops, crops[:, :, ::-1]])  # mirrored, of other persons
    root = drawn.write_facial_expressions(tmp_path / "legend", replace(samples, images=crops), each=2)
    found = label_errors(open_dataset(DataSpec(root)), recipe=replace(QUICK, size=48), device="cpu")
    assert len(found) == 160
    fold, ids = asked["fold"], sorted(found.ids.tolist())
    people = np.array([name.rpartition("_")[0] for name in ids])
    assert all(len(set(fold[people == person].tolist())) == 1 for person in people)
    groups = duplicates.find(asked["images"]).groups
    assert len(np.unique(groups)) == 80
    assert all(len(set(fold[groups == group].tolist())) == 1 for group in groups)


def test_label_errors_uses_the_datasets_own_labels_only(asked: dict[str, Any], tmp_path: Path) -> None:
    path = drawn.write_fer2013(tmp_path / "fer2013.csv", drawn.faces(70))
    label_errors(
        open_dataset(DataSpec(path)),
        recipe=replace(RECIPES["mien-votes"], distill=0.5),
        copies=np.arange(70),
        device="cpu",
    )
    recipe = asked["recipe"]
    assert (recipe.outputs, recipe.distill) == ({"label": FER2013}, 0)


def test_a_class_with_too_few_groups_for_the_folds_is_left_out(asked: dict[str, Any], tmp_path: Path) -> None:
    samples = drawn.faces(70)
    labels = np.where(samples.labels == 1, 0, samples.labels)
    labels[[1, 8, 15]] = 1
    path = drawn.write_fer2013(tmp_path / "fer2013.csv", replace(samples, labels=labels))
    listed = tmp_path / "list.csv"
    listed.write_text("id\n00000\n")
    table = open_dataset(DataSpec(path))
    found = label_errors(open_dataset(DataSpec(path, exclude=listed)), recipe=QUICK, copies=np.arange(70), device="cpu")
    assert found.left_out == {"disgust": 3}
    assert len(found) == 66
    assert asked["recipe"].classes == tuple(name for name in FER2013 if name != "disgust")
    assert not {"00000", "00001", "00008", "00015"} & set(found.ids.tolist())
    assert np.array_equal(np.sort(np.unique(asked["labels"])), np.arange(6))
    assert label_errors(table, folds=3, recipe=QUICK, copies=np.arange(70), device="cpu").left_out == {}
    with pytest.raises(InputError, match="fewer than two classes have images for 71 folds"):
        label_errors(table, folds=71, recipe=QUICK, copies=np.arange(70), device="cpu")
    with pytest.raises(InputError, match="folds 1: expected at least 2"):
        label_errors(table, folds=1, recipe=QUICK, copies=np.arange(70), device="cpu")


def test_a_missing_cleanlab_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name.startswith("cleanlab"):
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingExtra, match=r"looking for label errors needs .*'mien\[label-errors\]'"):
        label_errors(open_dataset(DataSpec(drawn.write_fer2013(tmp_path / "fer2013.csv", drawn.faces(7)))))


def test_data_check_lists_label_errors_in_json_page_and_terminal(
    asked: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def wrong(*arguments: Any, **options: Any) -> Any:
        answers = out_of_fold(*arguments, **options)
        answers[3] = answers[4]  # a happy face looks sad
        return answers

    from mien.training import crossval

    out_of_fold = crossval.out_of_fold
    monkeypatch.setattr(crossval, "out_of_fold", wrong)
    monkeypatch.chdir(tmp_path)
    path = drawn.write_fer2013(tmp_path / "fer2013.csv", drawn.unlike(70))
    command = ["data", "check", str(path), "--label-errors", "--folds", "3", "--device", "cpu"]
    with pytest.raises(SystemExit) as ending:
        main([*command, "--json"])
    assert not ending.value.code
    facts = json.loads(capsys.readouterr().out)
    assert facts["findings"]["label_errors"]["issues"] == [
        {
            "samples": [{"id": "00003", "split": "train", "label": "happy"}],
            "text": "happy, not sad? (0.05)",
            "given": "happy",
            "suggested": "sad",
            "score": pytest.approx(0.05),
        }
    ]
    assert facts["options"]["folds"] == 3
    assert facts["options"]["out-of-fold accuracy"] == round(69 / 70, 4)
    page = (tmp_path / "fer2013-check.html").read_text()
    assert "<span>happy</span> train<br>happy, not sad? (0.05)" in page
    with pytest.raises(SystemExit):
        main([*command, "--recipe", "mien-sprint"])
    assert "00003: happy, not sad? (0.05)" in capsys.readouterr().out
    assert asked["recipe"].name == "mien-sprint"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--folds", "3"], "--folds, --recipe and --device say how --label-errors are looked for"),
        (["--label-errors", "--folds", "1"], "--folds 1: at least 2"),
        (["--label-errors", "--recipe", "mein"], "no recipe 'mein'; did you mean 'mien'"),
        (["--label-errors", "--folds", "500"], "fewer than two classes have images for 500 folds"),
    ],
)
def test_impossible_options_of_label_errors_are_one_line(
    tmp_path: Path, options: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = drawn.write_fer2013(tmp_path / "fer2013.csv", drawn.faces(14))
    with pytest.raises(SystemExit) as ending:
        main(["data", "check", str(path), *options])
    assert ending.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("mien: ")
    assert words in err
    assert not list(tmp_path.glob("*.html"))
