"""Every recipe is what was published and survives JSON; invalid and unknown fields are refused by name."""

import json
import math
import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien import recipes
from mien.core import records
from mien.core.console import forget_notices
from mien.core.errors import InputError
from mien.core.labels import ALPHABETICAL, FACIAL_EXPRESSIONS, FER2013, FERPLUS, THREE
from mien.evaluation.metrics import METRICS
from mien.recipes import ABOUT, HIGHER, RECIPES, Epoch, Figure, Recipe, judged, read_epochs

PUBLISHED: dict[str, dict[str, Any]] = {
    "efficientnet-b0": {
        "classes": ALPHABETICAL,
        "model": "timm/efficientnet_b0",
        "pretrained": True,
        "channels": 3,
        "flip": 0.5,
        "rotate": 20,
        "batch": 32,
        "drop_last": False,
        "optimizer": "adam",
        "lr": 1e-3,
        "epochs": 15,
        "select": "loss",
    },
    "three-class": {
        "classes": ("angry", "happy", "neutral"),
        "model": "three-class",
        "scaling": "unit",
        "drop_last": False,
        "optimizer": "adam",
        "lr": 1e-3,
        "schedule": "plateau",
        "patience": 5,
        "epochs": 50,
    },
    "resnet9": {
        "classes": ALPHABETICAL,
        "model": "resnet9",
        "channels": 3,
        "scaling": "measured",
        "pad": 4,
        "crop": 32,
        "flip": 0.5,
        "drop_last": False,
        "optimizer": "adam",
        "schedule": "one-cycle",
    },
    "vgg-5x5": {
        "classes": FER2013,
        "model": "vgg-5x5",
        "scaling": "unit",
        "optimizer": "adam",
        "lr": 1e-3,
        "batch": 64,
        "drop_last": False,
        "epochs": 20,
        "schedule": "constant",
        "early_stop": 0,
        "select": "last",  # the 10 % are a test part
    },
    "three-conv": {
        "classes": FACIAL_EXPRESSIONS,
        "model": "three-conv",
        "scaling": "unit",
        "drop_last": False,
        "optimizer": "adam",
        "lr": 0.01,
        "schedule": "constant",
    },
    "mien": {"classes": FER2013, "model": "mien", "schedule": "one-cycle"},
    "mien-votes": {"classes": FERPLUS, "model": "mien", "targets": "distribution", "further_outputs": ("label",)},
    "mien-polish": {"model": "mien", "targets": "distribution", "further_outputs": ("label",), "progressive_resize": 0},
    "mien-wide": {"model": "mien-wide", "targets": "distribution", "logit_adjust": True, "progressive_resize": 0},
    "mien-large": {"model": "mien-large", "logit_adjust": True, "distill": 0, "progressive_resize": 0.5},
    "mien-se": {"model": "mien-se", "logit_adjust": True, "distill": 0, "progressive_resize": 0.5},
    "mien-distilled": {"model": "mien-wide", "further_outputs": ("label",), "logit_adjust": True, "distill": 0.7},
    "mien-distilled-polish": {"model": "mien-wide", "logit_adjust": True, "distill": 0.7, "lr": 0.05},
    "mien-sprint": {
        "classes": FER2013,
        "model": "mien-small",
        "further_outputs": ("distribution",),
        "drop_duplicates": True,
    },
}


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_as_published(name: str) -> None:
    assert {field: getattr(RECIPES[name], field) for field in PUBLISHED[name]} == PUBLISHED[name]
    assert RECIPES[name].name == name
    assert recipes.find(name) is RECIPES[name]


def test_recipes_use_what_the_published_text_leaves_open() -> None:
    assert RECIPES["three-class"].early_stop > RECIPES["three-class"].patience
    assert RECIPES["resnet9"].weight_decay > 0
    assert RECIPES["resnet9"].clip_value > 0
    assert RECIPES["mien"].ema > 0
    assert RECIPES["mien"].label_smoothing > 0 or RECIPES["mien"].targets != "label"


SYSTEMS = ("efficientnet-b0", "three-class", "resnet9", "vgg-5x5", "three-conv")


@pytest.mark.parametrize("name", SYSTEMS)
def test_each_field_of_a_published_recipe_is_stated_or_said_to_be_open(name: str) -> None:
    about, default = ABOUT[name], Recipe(name=name)
    said = about.stated.keys() | about.open.keys()
    changed = [
        field.name for field in fields(Recipe) if getattr(RECIPES[name], field.name) != getattr(default, field.name)
    ]
    assert set(changed) <= said
    assert {"model", "optimizer", "lr", "batch", "epochs", "scaling", "select"} <= said | {"layers"}
    assert not set(PUBLISHED[name]) - said - {"schedule", "early_stop"}  # constant and never, where nothing is said


def test_ours_have_no_source_to_state_or_leave_open_anything() -> None:
    assert all(not about.stated and not about.open for name, about in ABOUT.items() if name not in SYSTEMS)


def test_efficientnet_states_its_three_figures_apart() -> None:
    expected = ABOUT["efficientnet-b0"].expected
    for figure, epoch in (("0.6569", "after epoch 14"), ("0.6497", "epoch 4"), ("0.5276", "epoch 15")):
        assert re.search(rf"{figure}[^;]*{epoch}", expected)


def test_every_recipe_has_source_and_dataset() -> None:
    assert list(ABOUT) == list(RECIPES) == list(PUBLISHED)
    assert all(about.source and about.dataset for about in ABOUT.values())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"classes": ("happy",)}, "at least 2 classes"),
        ({"classes": ("happy", "sad", "happy")}, "named twice"),
        ({"targets": "votes"}, "one of label, majority"),
        ({"channels": 2}, "one of 1, 3"),
        ({"scaling": "measure"}, "did you mean 'measured'"),
        ({"optimizer": "adamm"}, "did you mean 'adam'"),
        ({"schedule": "one_cycle"}, "did you mean 'one-cycle'"),
        ({"select": "lost"}, "did you mean 'loss'"),
        ({"model": "mien", "pretrained": True}, "only timm/"),
        ({"size": 15}, "size 15"),
        ({"flip": 1.01}, "flip 1.01"),
        ({"flip": -0.1}, "flip -0.1"),
        ({"erase": 2.0}, "erase 2.0"),
        ({"zoom": 1.0}, "zoom 1.0"),
        ({"contrast": 1.0}, "contrast 1.0"),
        ({"ema": 1.0}, "ema 1.0"),
        ({"label_smoothing": 1.0}, "label_smoothing 1.0"),
        ({"rotate": -1.0}, "rotate -1.0"),
        ({"shift": -1.0}, "shift -1.0"),
        ({"rotate": float("inf")}, "rotate inf"),
        ({"lr": float("nan")}, "lr nan"),
        ({"lr": 0.0}, "lr 0.0"),
        ({"weight_decay": -1e-4}, "weight_decay"),
        ({"clip_value": -0.1}, "clip_value"),
        ({"batch": 1}, "batch 1"),
        ({"epochs": 0}, "epochs 0"),
        ({"max_steps": -1}, "max_steps"),
        ({"patience": -1}, "patience"),
        ({"early_stop": -1}, "early_stop"),
        ({"seed": -1}, "seed -1"),
        ({"seed": 2**63}, "seed 9223372036854775808 must be below 2**63"),
        ({"crop": 60}, "crop 60 is larger"),
        ({"crop": 57, "pad": 4}, "crop 57 is larger"),
        ({"pad": 4}, "pad does nothing without crop"),
        ({"pad": 48, "crop": 32}, "pad 48 must be below size 48"),
        ({"model": "vgg-5x5", "crop": 32}, "one size only"),
        ({"model": "three-conv", "progressive_resize": 0.5}, "one size only; progressive_resize must be 0"),
        ({"progressive_resize": 1.1}, "progressive_resize 1.1"),
        ({"progressive_size": 15}, "progressive_size 15 must be at least 16"),
        ({"further_outputs": ("votes",)}, "further_outputs 'votes' must be one of label, majority"),
        ({"further_outputs": ("majorty",)}, "did you mean 'majority'"),
        ({"further_outputs": ("label",)}, "further_outputs names one output twice"),
        ({"further_outputs": ("majority", "majority")}, "further_outputs names one output twice"),
        ({"mixup": -0.1}, "mixup -0.1"),
        ({"mixup": float("inf")}, "mixup inf"),
        ({"cutmix": 1.5}, "cutmix 1.5"),
        ({"distill": -0.1}, "distill -0.1"),
        ({"distill_temperature": 0.0}, "distill_temperature 0.0 must be above 0"),
    ],
)
def test_an_invalid_field_is_one_line_that_names_it(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=r"^recipe odd: ") as caught:
        Recipe(name="odd", **fields)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "fields",
    [{"flip": 1.0, "erase": 1.0}, {"crop": 56, "pad": 4}, {"model": "vgg-5x5", "crop": 48}, {"size": 16}, {"lr": 1}],
)
def test_field_limits_are_inclusive(fields: dict[str, Any]) -> None:
    Recipe(**fields)


def test_outputs_are_the_primary_one_then_the_further_ones() -> None:
    votes = RECIPES["mien-votes"]
    assert list(votes.outputs.items()) == [("distribution", FERPLUS), ("label", FER2013)]
    assert votes.width == 15
    assert list(Recipe(further_outputs=("plurality", "majority")).outputs) == ["label", "plurality", "majority"]
    assert Recipe(further_outputs=("plurality", "majority")).width == 23
    assert Recipe(classes=THREE).outputs == {"label": THREE}
    assert Recipe(classes=THREE).width == 3
    # the output for FER2013's labels has their classes, whatever those of the primary output are
    assert Recipe(classes=THREE, targets="majority", further_outputs=("label",)).outputs["label"] == FER2013


@pytest.mark.parametrize(
    ("fields", "soft"),
    [
        ({}, False),
        ({"targets": "distribution", "classes": FERPLUS}, False),  # its reader gives shares by itself
        ({"progressive_resize": 0.5, "calibrate": True, "drop_duplicates": True, "label_smoothing": 0.1}, False),
        ({"further_outputs": ("majority",)}, True),
        ({"mixup": 0.1}, True),
        ({"cutmix": 0.1}, True),
        ({"distill": 0.1}, True),
    ],
)
def test_only_recipes_that_mix_or_join_labels_are_soft(fields: dict[str, Any], soft: bool) -> None:
    assert Recipe(**fields).soft is soft


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        ({"lrr": 0.1}, "no field 'lrr'; did you mean 'lr'"),
        ({"zzzzzz": 0.1}, "no field 'zzzzzz'"),
        ({"epochs": 3.5}, "Expected int, got float (at epochs"),
        ({"epochs": True}, "Expected int, got bool (at epochs"),
        ({"lr": "fast"}, "Expected float, got str (at lr"),
        ({"pretrained": 1}, "Expected bool, got int (at pretrained"),
        ({"classes": "happy"}, "Expected array, got str (at classes"),
        ({"classes": [0, 1]}, "Expected str, got int (at classes"),
        ({"model": None}, "Expected str, got null (at model"),
        ({"optimizer": "lion"}, "expected adam, adamw, sgd (at optimizer)"),
    ],
)
def test_a_recipe_file_with_an_invalid_field_names_it(tmp_path: Path, stored: dict[str, Any], words: str) -> None:
    path = tmp_path / "own.json"
    path.write_text(json.dumps(stored))
    with pytest.raises(InputError, match=r"own\.json") as caught:
        recipes.find(path)
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "3", "{", '{"recipe": 3}', '{"recipe": [1]}', "\x00"])
def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"broken\.json"):
        recipes.find(path)


def test_an_unknown_recipe_gets_a_hint(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'resnet9'"):
        recipes.find("resnet-9")
    with pytest.raises(InputError, match="known: efficientnet-b0"):
        recipes.find("quite another thing")
    with pytest.raises(InputError, match="No such file"):
        recipes.find(tmp_path / "absent.json")


def test_what_a_run_holds_besides_its_recipe_is_none_and_the_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a folder; expected a recipe: a name .* or a .json file"):
        recipes.find(tmp_path)
    line = '{"epoch": 1, "step": 2, "train_loss": 1.5, "val_loss": 1.5, "lr": 0.1}\n'
    for name, text in (("metrics.jsonl", line), ("all.jsonl", line * 2), ("report.json", line), ("m.onnx", "\x08\x01")):
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=r"expected a recipe$"):
            recipes.find(tmp_path / name)
    (tmp_path / "recipe.json").write_text('{"recipe": {}}')
    for name in (".", "metrics.jsonl", "all.jsonl", "report.json", "m.onnx"):
        with pytest.raises(InputError, match=rf"expected a recipe: that of its run is {tmp_path / 'recipe.json'}$"):
            recipes.find(tmp_path / name)
    with pytest.raises(InputError, match=r"metrics.jsonl: no recipe: it has epoch, step, train_loss and 2 more"):
        recipes.find(tmp_path / "metrics.jsonl")


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("nested", [True, False])
def test_recipe_files_of_runs_and_by_hand_are_read(tmp_path: Path, name: str, nested: bool) -> None:
    stored = records.to_json(RECIPES[name])
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"recipe": stored, "device": "cpu"} if nested else stored))
    assert recipes.find(path) == RECIPES[name]


def test_a_recipe_file_may_have_only_the_fields_that_differ(tmp_path: Path) -> None:
    path = tmp_path / "own.json"
    path.write_text('{"model": "resnet9", "lr": 1}')
    assert recipes.find(path) == Recipe(model="resnet9", lr=1)


@given(
    st.builds(
        Recipe,
        name=st.text(),
        classes=st.sampled_from([FER2013, FACIAL_EXPRESSIONS, THREE]),
        targets=st.sampled_from(["label", "majority"]),
        further_outputs=st.sampled_from([(), ("plurality",), ("distribution", "plurality")]),
        size=st.integers(16, 512),
        channels=st.sampled_from([1, 3]),
        flip=st.floats(0, 1),
        rotate=st.floats(0, 360),
        zoom=st.floats(0, 0.99),
        erase=st.floats(0, 1),
        lr=st.floats(1e-9, 1e9),
        optimizer=st.sampled_from(["adam", "adamw", "sgd"]),
        mixup=st.floats(0, 10),
        distill=st.floats(0, 1),
        calibrate=st.booleans(),
        seed=st.integers(0, 2**63 - 1),
    )
)
@settings(max_examples=40, deadline=None)
def test_recipe_round_trip_through_json(recipe: Recipe) -> None:
    assert records.loads(records.dumps(recipe), Recipe, where="test") == recipe


@given(st.sampled_from([field.name for field in fields(Recipe)]), st.integers(0, 20), st.characters(categories=["Ll"]))
@settings(max_examples=40, deadline=None)
def test_a_mistyped_field_is_refused(name: str, place: int, letter: str) -> None:
    typo = name[:place] + letter + name[place:]
    with pytest.raises(InputError, match="no field"):
        records.from_json({typo: getattr(Recipe(), name)}, Recipe, where="test", strict=True)


def test_classes_may_be_the_name_of_a_taxonomy() -> None:
    assert Recipe(classes=("alphabetical",)).classes == ALPHABETICAL
    with pytest.raises(InputError, match="at least 2 classes"):
        Recipe(classes=("alphabet",))


def test_a_damaged_line_of_metrics_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    epochs = [Epoch(at, at, 1.0, 0.5, 1.0, 0.5, 0.1, 100.0, 1.0) for at in (1, 2, 3)]
    lines = [records.dumps(epoch, indent=0).encode() + b"\n" for epoch in epochs]
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"".join(lines) + b'{"epo')  # what a kill has cut off is no damage
    assert read_epochs(tmp_path) == epochs
    assert not capsys.readouterr().err
    for damage in (b"\xff\xfe\n", b"[" * 20_000 + b"\n", lines[1].replace(b":2,", b":" + b"9" * 400 + b",", 1), b"3\n"):
        path.write_bytes(lines[0] + damage + lines[2])
        assert read_epochs(tmp_path) == epochs[:1]
        assert "metrics.jsonl:2: " in capsys.readouterr().err
        with pytest.raises(InputError, match=r"metrics\.jsonl:2: .*correct or remove it"):
            read_epochs(tmp_path, strict=True)
        forget_notices()


def test_recipes_can_look_at_every_figure_and_know_its_direction() -> None:
    assert set(get_args(Figure)) == {"loss", *METRICS}
    assert set(HIGHER) == {name for name, metric in METRICS.items() if metric.better == "higher"}
    for name in get_args(Figure):
        assert Recipe(select=name, monitor=name).select == name
    with pytest.raises(InputError, match=r"select 'macro-f1' must be one of loss, .*; did you mean 'macro_f1'"):
        Recipe(select="macro-f1")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="monitor 'last' must be one of"):
        Recipe(monitor="last")  # type: ignore[arg-type]


def test_epochs_of_before_there_were_further_figures_are_read() -> None:
    line = {"epoch": 1, "step": 7, "train_loss": 2, "train_accuracy": 0.1, "val_loss": 1.5, "val_accuracy": 0.4}
    epoch = records.from_json(line | {"lr": 0.1, "images_per_second": 1, "seconds": 1}, Epoch, where="metrics.jsonl")
    assert (judged(epoch, "loss"), judged(epoch, "accuracy"), judged(epoch, "macro_f1")) == (1.5, -0.4, math.inf)
