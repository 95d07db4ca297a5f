"""Which classes a network gets: those of the data, unless recipe or user choose among them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.core.errors import InputError
from mien.core.labels import ALPHABETICAL, FACIAL_EXPRESSIONS, FER2013, THREE
from mien.datasets import DataSpec
from mien.recipes import RECIPES, Recipe, read_run
from mien.training import resume, train
from mien.training.classes import choose, with_classes
from tests import drawn
from tests.training.runs import interrupt_after

OWN = ("énervé", "지루함", "집중 🙂")


def write(root: Path, names: tuple[str, ...] = OWN, n: int = 20) -> Path:
    rng = np.random.default_rng(0)
    for code, name in enumerate(names):
        (root / name).mkdir(parents=True)
        for number in range(n):
            Image.fromarray(rng.integers(60 * code, 60 * code + 60, (16, 16), np.uint8)).save(
                root / name / f"{number}.png"
            )
    return root


@pytest.mark.parametrize(
    ("wanted", "there", "classes"),
    [
        (FER2013, ALPHABETICAL, FER2013),  # the recipe's order
        (FER2013, ("happy", "sad"), ("happy", "sad")),
        (FER2013, ("sad", "happy"), ("happy", "sad")),
        (FER2013, FACIAL_EXPRESSIONS, (*FER2013, "contempt")),
        (THREE, FER2013, THREE),  # a recipe that chooses
        (THREE, ("angry", "happy"), ("angry", "happy")),
        (("bored", "Calm"), ("bored", "calm", "tired"), ("bored", "calm")),
        (FER2013, ("bored", "happy", "joy"), ("bored", "happy", "joy")),
        (FER2013, OWN, OWN),
    ],
)
def test_the_network_gets_what_the_data_have(
    wanted: tuple[str, ...], there: tuple[str, ...], classes: tuple[str, ...]
) -> None:
    assert choose(wanted, there) == classes


@pytest.mark.parametrize("name", ["efficientnet-b0", "resnet9", "vgg-5x5", "mien", "three-class"])
def test_recipes_on_their_own_classes_stay_as_they_are(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = RECIPES[name]
    drawn.write_folders(tmp_path, drawn.faces(70))
    assert with_classes(recipe, DataSpec(tmp_path)) is recipe
    assert "recipe" not in capsys.readouterr().err


def test_fewer_classes_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, ("happy", "sad"))
    assert with_classes(RECIPES["mien"], DataSpec(tmp_path)).classes == ("happy", "sad")
    said = "recipe mien has 7 classes; the data have 2 (happy, sad): the network has 2 outputs; "
    assert f"{said}--classes fer2013 keeps all 7" in capsys.readouterr().err
    kept = with_classes(RECIPES["mien"], DataSpec(tmp_path, classes="fer2013"))
    assert kept.classes == FER2013
    assert "recipe" not in capsys.readouterr().err


def test_classes_that_nobody_has_named_are_not_called_the_recipes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path)
    assert with_classes(Recipe(name="MyNet"), DataSpec(tmp_path)).classes == OWN
    assert "recipe MyNet" not in capsys.readouterr().err
    with_classes(Recipe(name="MyNet", classes=THREE), DataSpec(tmp_path))
    assert "recipe MyNet has 3 classes" in capsys.readouterr().err


def test_synonyms_among_own_names_only_where_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, ("happy", "joy", "bored"))
    assert with_classes(RECIPES["mien"], DataSpec(tmp_path)).classes == ("bored", "happy", "joy")
    assert "--classes fer2013 reads happy, joy as its own" in capsys.readouterr().err
    assert with_classes(RECIPES["mien"], DataSpec(tmp_path, classes="fer2013")).classes == FER2013


@pytest.mark.usefixtures("quick")
def test_own_classes_train_stop_resume_and_lead_to_others(
    tmp_path: Path, tiny: Callable[..., Recipe], capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, data = tiny("mien", model="mien-small"), DataSpec(write(tmp_path / "data"))
    with interrupt_after(8), pytest.raises(KeyboardInterrupt):
        train(recipe, data, tmp_path / "run")
    resume(tmp_path / "run")
    record = read_run(tmp_path / "run")
    assert record.recipe.classes == OWN
    assert record.data.splits["train"].counts == dict.fromkeys(OWN, 16)
    assert "classes: 0 énervé, 1 지루함, 2 집중 🙂" in capsys.readouterr().err
    again = train(replace(recipe, epochs=1, classes=OWN[::-1]), data, tmp_path / "again", start=tmp_path / "run")
    assert read_run(again).recipe.classes == OWN[::-1]
    assert "the output layer begins anew" in capsys.readouterr().err


def test_what_cannot_be_learned_is_refused(tmp_path: Path, tiny: Callable[..., Recipe]) -> None:
    data = DataSpec(write(tmp_path))
    with pytest.raises(
        InputError,
        match=r"recipe mien-votes learns FER\+ votes \(distribution\), which .* kind folder .*; use one without",
    ):
        with_classes(RECIPES["mien-votes"], data)
    with pytest.raises(InputError, match=r"recipe mien-sprint learns .*; leave them out: --further-outputs"):
        with_classes(RECIPES["mien-sprint"], data)
    with pytest.raises(InputError, match="no class 'glad' in the data; they have énervé"):
        with_classes(tiny("mien"), replace(data, classes="glad,énervé"))


def test_one_class_cannot_be_trained(tmp_path: Path) -> None:
    write(tmp_path / "train", ("bored",))
    write(tmp_path / "test", ("bored", "calm"))
    with pytest.raises(InputError, match="its only class with samples is bored"):
        with_classes(RECIPES["mien"], DataSpec(tmp_path))
