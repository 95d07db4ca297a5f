"""Class weights: of the data, or of a file that names every class once. Balanced epochs draw classes equally often."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import mien
from mien.cli import main
from mien.core.errors import InputError
from mien.core.labels import FER2013, FERPLUS
from mien.datasets import DataSpec
from mien.recipes import Recipe, read_run
from mien.training import balance, trainer
from mien.training.data import Split, build_splits
from mien.training.start import resume, train
from mien.training.stop import Interrupted
from tests import drawn
from tests.training.runs import assert_same, interrupt_after

Tiny = Callable[..., Recipe]
ABC = Recipe(classes=("a", "b", "c"), class_weights="balanced")


def split(targets: list[int] | np.ndarray, classes: tuple[str, ...] = ABC.classes) -> Split:
    found = np.array(targets)
    return Split(np.zeros((len(found), 1, 1), np.uint8), found, classes)


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    labels = [0] * 5 + [1] * 3 + [2]
    assert balance.weights(ABC, split(labels)) == pytest.approx({"a": 9 / 15, "b": 9 / 9, "c": 9 / 3})
    try:
        from sklearn.utils.class_weight import compute_class_weight
    except ImportError:
        return
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert list((balance.weights(ABC, split(labels)) or {}).values()) == pytest.approx(expected)


def test_a_class_without_images_weighs_1_and_counts_for_nothing() -> None:
    assert balance.weights(ABC, split([0, 0, 0, 2])) == pytest.approx({"a": 4 / 6, "b": 1, "c": 4 / 2})


def test_votes_count_by_their_shares_and_images_without_any_do_not() -> None:
    votes = np.array([[0.5, 0.5, 0, 1], [1, 0, 0, 0], [0, 0.5, 0.5, 1], [0, 0, 0, 1]])  # the last: another output
    found = split(votes)
    assert balance.weights(ABC, found) == pytest.approx({"a": 3 / 4.5, "b": 3 / 3, "c": 3 / 1.5})
    assert found.hard.tolist() == [0, 0, 1, -1]
    assert found.counts == {"a": 2, "b": 1, "c": 0}


def test_without_class_weights_there_are_none() -> None:
    assert balance.weights(Recipe(), split([0, 1], FER2013)) is None


WANTED = {"a": 1.0, "b": 2.5, "c": 0.0}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("w.json", '{"c": 0, "a": 1, "b": 2.5}'),
        ("w.json", '\ufeff{"A": 1, "b": 2.5, "c": 0}'),
        ("w.json", '{"0": 1, "1": 2.5, "2": 0}'),  # as Keras names them
        ("w.csv", "class,weight\nb,2.5\na,1\nc,0\n"),
        ("w.csv", "weight;note;class\n2,5;rare;b\n1;;a\n0;;c\n"),
        ("w.csv", "a,1\nb,2.5\nc,0\n"),
        ("w.txt", "class\tweight\na\t1\nb\t2.5\nc\t0\n"),
    ],
)
def test_a_file_gives_every_class_its_weight(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    recipe = balance.with_weights(replace(ABC, class_weights=str(tmp_path / name)))
    assert json.loads(recipe.class_weights) == WANTED
    assert balance.weights(recipe, split([0, 1, 2])) == WANTED
    assert balance.with_weights(recipe) == recipe  # needs the file no more


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("w.json", '{"a": 1, "b": 2}', "no weight for c; name every class once"),
        ("w.json", '{"a": 1, "b": 2, "c": 1, "a": 3}', "class 'a' is named twice"),
        ("w.json", '{"a": 1, "b": 2, "d": 1}', "no class 'd'"),
        ("w.json", '{"a": 1, "b": 2, "c": "much"}', "weight 'much' of c: expected a number, 0 or more"),
        ("w.json", '{"a": 1, "b": 2, "c": NaN}', "weight nan of c"),
        ("w.json", '{"a": 1, "b": 2, "c": true}', "weight True of c"),
        ("w.json", '{"a": 1, "b": 2, "c": 1e300}', "weight 1e+300 of c: too large to train with; expected 0, or 1e-12"),
        ("w.json", '{"a": 1, "b": 2, "c": 1e999}', "weight inf of c: too large"),
        ("w.json", f'{{"a": 1, "b": 2, "c": 1{"0" * 400}}}', " of c: too large"),
        ("w.json", '{"a": 1, "b": 2, "c": 1e-300}', "weight 1e-300 of c: too small"),
        ("w.csv", "a,1\nb,1e39\nc,0\n", "w.csv:2: weight 1e+39 of b: too large"),
        ("w.json", '{"a": 0, "b": 0, "c": 0}', "every weight is 0"),
        ("w.json", "[1, 2, 3]", "expected a JSON object"),
        ("w.json", "{", "not JSON"),
        ("w.csv", "class,weight\na,1\nb,2\nb,3\nc,1\n", "w.csv:4: class 'b' is named twice"),
        ("w.csv", "class,weight\na,1\nb,-2\nc,1\n", "w.csv:3: weight -2.0 of b"),
        ("w.csv", "class,weight\na,1\nb,\nc,1\n", "w.csv:3: weight '' of b"),
        ("w.csv", "name,value\na,1\n", "expected the columns class and weight, got name, value"),
        ("w.csv", "", "expected the columns class and weight, got none"),
    ],
)
def test_a_file_that_does_not_is_refused_in_one_line(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        balance.with_weights(replace(ABC, class_weights=str(tmp_path / name)))
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_synonyms_of_a_class_are_one_class(tmp_path: Path) -> None:
    path, names = tmp_path / "w.csv", [*FER2013[:-1], "joy", "neutral"]
    path.write_text("class,weight\n" + "".join(f"{name},1\n" for name in names))
    with pytest.raises(InputError, match=r"w.csv:8: class 'happy' is named twice"):
        balance.with_weights(Recipe(class_weights=str(path)))


def test_a_word_that_is_no_file_is_refused_with_what_was_meant() -> None:
    with pytest.raises(InputError, match="class_weights balance: no such file; did you mean 'balanced'"):
        balance.with_weights(Recipe(class_weights="balance"))


def test_weights_that_are_none_are_refused_before_the_data_are_read(tmp_path: Path) -> None:
    (tmp_path / "w.csv").write_text("happy,many\n")
    for name, words in (
        (".", "a folder; expected none, balanced, or a JSON or CSV file"),
        ("absent.csv", "no such file; expected none"),
        ("w.csv", "expected the columns class and weight"),
    ):
        with pytest.raises(InputError, match=words):
            train(
                Recipe(class_weights=str(tmp_path / name)),
                DataSpec(tmp_path / "unread"),
                tmp_path / "run",
                device="cpu",
            )


@given(counts=st.lists(st.integers(0, 40), min_size=1, max_size=6), unknown=st.integers(0, 9), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_draws_are_shared_equally_and_no_image_returns_before_its_class_is_through(
    counts: list[int], unknown: int, seed: int
) -> None:
    if not any(counts):
        counts[0] = 1
    groups = torch.tensor([code for code, n in enumerate(counts) for _ in range(n)] + [-1] * unknown)
    groups = groups[torch.randperm(len(groups), generator=torch.Generator().manual_seed(seed))]
    order = balance.equal_draws(groups, torch.Generator().manual_seed(seed))
    assert torch.equal(order, balance.equal_draws(groups, torch.Generator().manual_seed(seed)))
    assert len(order) == len(groups)
    draws = Counter(groups[order].tolist())
    assert draws.pop(-1, 0) == unknown
    assert max(draws.values()) - min(draws.get(code, 0) for code, n in enumerate(counts) if n) <= 1
    times = Counter(order.tolist())
    for code, n in enumerate(counts):
        of_class = [times[image] for image in torch.nonzero(groups == code)[:, 0].tolist()]
        assert n == 0 or max(of_class) - min(of_class) <= 1
    assert all(times[image] == 1 for image in torch.nonzero(groups < 0)[:, 0].tolist())


@pytest.fixture(scope="module")
def skewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For training 40 happy, 12 sad and 4 angry faces; 21 for validation."""
    faces = drawn.faces(3 * 47, ("happy", "sad", "angry"))
    folder, rank = tmp_path_factory.mktemp("skewed"), np.arange(len(faces)) // 3  # within its class
    drawn.write_folders(folder, faces[rank < 7], "validation")
    drawn.write_folders(folder, faces[(rank >= 7) & (rank < np.array([47, 19, 11])[faces.labels])], "train")
    return folder


@pytest.mark.usefixtures("quick")
def test_weights_of_a_file_are_printed_recorded_and_resumed_without_it(
    tiny: Tiny, skewed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "SYNC_SECONDS", 0.0)
    own = tmp_path / "w.csv"
    own.write_text("class,weight\nhappy,1\nsad,2\nangry,8\n")
    recipe = tiny("three-conv", epochs=2, class_weights=str(own), sampling="balanced")
    for name in ("whole", "cut"):
        if name == "whole":
            train(recipe, DataSpec(skewed), tmp_path / name, device="cpu")
        else:
            with pytest.raises(Interrupted), interrupt_after(9):
                train(recipe, DataSpec(skewed), tmp_path / name, device="cpu")
    err = capsys.readouterr().err
    assert "class weights of the training loss: angry 8, happy 1, sad 2\n" in err
    assert "balanced sampling: about 19 draws of each class an epoch: angry's 4 images 4.7 times each, " in err
    own.unlink()
    resume(tmp_path / "cut", device="cpu")
    assert_same(tmp_path / "whole", tmp_path / "cut")
    record = read_run(tmp_path / "cut")
    assert record.class_weights == {"angry": 8, "happy": 1, "sad": 2}
    assert json.loads(record.recipe.class_weights) == record.class_weights


def test_how_often_images_are_drawn_is_said_of_the_draws_that_fill_batches() -> None:
    recipe = replace(ABC, sampling="balanced", class_weights="none")
    alike, rare = {"a": 30, "b": 30, "c": 0}, {"a": 4, "b": 396, "c": 200}
    assert balance.describe(recipe, None, alike) == [
        "balanced sampling: about 30 draws of each class an epoch: a's 30 images once each"
    ]
    assert balance.describe(recipe, None, rare, used=0.96) == [
        "balanced sampling: about 192 draws of each class an epoch: a's 4 images 48 times each, b's 396 images 0.48 "
        "times each"
    ]


@pytest.mark.usefixtures("quick")
def test_a_dict_in_python_is_what_a_file_is(tiny: Tiny, skewed: Path, tmp_path: Path) -> None:
    given = {"sad": np.float32(2), "happy": 1, "angry": 8}
    recipe = tiny("three-conv", epochs=1)
    run = mien.train(recipe, data=skewed, class_weights=given, out=tmp_path / "run", device="cpu")
    assert run.record.class_weights == {"angry": 8, "happy": 1, "sad": 2}
    assert '--class-weights \'{"sad": 2.0, ' in (run.record.command or "")


def test_the_command_line_refuses_weights_before_it_trains(
    skewed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "w.json").write_text('{"happy": 1, "sad": 2}')
    with pytest.raises(SystemExit) as caught:
        main(["train", "mien", "--data", str(skewed), "--class-weights", str(tmp_path / "w.json")])
    assert caught.value.code == 2
    assert "no weight for angry; name every class once" in capsys.readouterr().err.splitlines()[-1]


def test_images_without_votes_are_drawn_once_each(tiny: Tiny, ferplus: Path) -> None:
    found = build_splits(tiny("mien-votes", classes=FERPLUS, progressive_resize=0), DataSpec(ferplus))["train"]
    unknown = np.flatnonzero(found.hard < 0)
    assert len(unknown)
    order = balance.equal_draws(torch.from_numpy(found.hard), torch.Generator().manual_seed(0)).tolist()
    assert [order.count(image) for image in unknown.tolist()] == [1] * len(unknown)
