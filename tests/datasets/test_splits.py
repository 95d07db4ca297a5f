import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import InputError
from mien.datasets import DataSpec, read
from mien.datasets.splits import assign_splits, find_split, find_splits, split_and_class, split_name, stratified_split
from tests import drawn
from tests.datasets import layouts


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("Training", "train"),
        ("TRAIN", "train"),
        ("PublicTest", "validation"),
        ("val", "validation"),
        ("Valid", "validation"),
        ("PrivateTest", "test"),
        ("private_test", "test"),
        ("test", "test"),
        ("all", "all"),
        ("Entraînement", "train"),
        ("validación", "validation"),
        ("测试集", "test"),
    ],
)
def test_names(name: str, split: str) -> None:
    assert split_name(name) == split


def test_unknown_name() -> None:
    with pytest.raises(InputError, match="unknown split 'traning'; expected train, validation, test or all"):
        split_name("traning")


def deal(n: int = 200, splits: str = "", groups: int = 0, seed: int = 0, order: int = 1) -> dict[str, str]:
    ids = np.array([f"{i:04d}" for i in range(n)])[::order]
    labels = np.array([int(name) % 2 for name in ids])
    members = np.array([f"g{int(name) % groups}" if groups else "" for name in ids])
    found = assign_splits(np.full(n, splits), labels, ids, members, holdout=(0.1, 0.2), seed=seed)
    return dict(zip(ids.tolist(), found.tolist(), strict=True))


def test_parts_are_stratified_seeded_and_independent_of_the_order() -> None:
    found = deal()
    for parity in (0, 1):
        counts = [
            sum(split == name and int(key) % 2 == parity for key, split in found.items())
            for name in ("train", "validation", "test")
        ]
        assert counts == [70, 10, 20]
    assert deal() == deal(order=-1)
    assert deal() != deal(seed=1)


def test_the_same_on_every_machine() -> None:
    assert [name for name, split in deal(20).items() if split != "train"] == STABLE


STABLE = ["0001", "0002", "0004", "0012", "0015", "0019"]


def test_groups_stay_whole() -> None:
    found = deal(groups=20)
    parts = {
        name: {int(key) % 20 for key, split in found.items() if split == name}
        for name in ("train", "validation", "test")
    }
    assert [len(part) for part in parts.values()] == [14, 2, 4]
    assert not parts["train"] & parts["validation"]
    assert not parts["train"] & parts["test"]


@given(
    counts=st.lists(st.integers(0, 60), min_size=1, max_size=4),
    group=st.integers(1, 4),
    shares=st.sampled_from([(0.8, 0.1, 0.1), (0.9, 0.1), (0.5, 0.25, 0.25), (1.0,)]),
    seed=st.integers(0, 5),
)
def test_a_cut_keeps_groups_whole_and_meets_the_shares(
    counts: list[int], group: int, shares: tuple[float, ...], seed: int
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    groups = np.array([f"{label}-{row // group}" for row, label in enumerate(labels.tolist())], dtype=str)
    named = dict(zip(("train", "validation", "test"), shares, strict=False))
    found = stratified_split(labels, groups, named, seed)
    assert set(found.tolist()) <= set(named)
    assert len(set(zip(groups.tolist(), found.tolist(), strict=True))) == len(set(groups.tolist()))
    for label, count in enumerate(counts):
        for split, share in named.items():
            assert abs(((found == split) & (labels == label)).sum() - share * count) <= 2 * group
    back = stratified_split(labels[::-1], groups[::-1], named, seed)
    assert np.array_equal(back[::-1], found)


def test_what_a_dataset_says_stays_and_a_missing_validation_part_comes_from_train() -> None:
    ids = np.array([f"{i}" for i in range(40)])
    labels, groups = np.zeros(40, dtype=np.int64), np.full(40, "")
    own = np.array(["train"] * 30 + ["test"] * 10, dtype="<U10")
    found = assign_splits(own, labels, ids, groups, holdout=(0.1, 0.2), seed=0)
    assert (found[30:] == "test").all()
    assert (found == "validation").sum() == 3
    own[:5] = "validation"
    assert np.array_equal(assign_splits(own, labels, ids, groups, holdout=(0.1, 0.2), seed=0), own)
    with pytest.raises(InputError, match="fractions of at least 0 whose sum is below 1"):
        assign_splits(own, labels, ids, groups, holdout=(0.5, 0.5), seed=0)


@pytest.mark.parametrize(
    ("split", "names"),
    [
        ("train", "training_set train_images Training-Set TrainingSet fer2013_train training-data train2017 trainval"),
        ("validation", "Valid val-data eval validation_images dev_set PublicTest test_public valset evaluation"),
        ("test", "test_set testing holdout hold-out fer_test testdata test(1) face_test PRIVATE_TEST"),
        ("all", "all all_images all-data"),
        (None, "training_happy happy contest latest protest images data test_anxiety evaluated trained valiant"),
    ],
)
def test_neutral_words_do_not_hide_a_split_and_others_do(split: str | None, names: str) -> None:
    assert {name: find_split(name) for name in names.split()} == dict.fromkeys(names.split(), split)


def test_a_word_that_all_splits_share_does_not_hide_them() -> None:
    assert find_splits(["mood_train", "mood_test", "notes"]) == {"mood_train": "train", "mood_test": "test"}
    assert find_splits(["MoodTraining", "MoodValid"]) == {"MoodTraining": "train", "MoodValid": "validation"}
    assert find_splits(["train_happy", "test_happy"]) == {}
    assert find_splits(["train_bored", "test_bored", "train_keen", "test_keen"]) == {}
    assert find_splits(["test_anxiety", "calm"]) == {}


def test_names_of_a_split_and_a_class_say_both() -> None:
    names = ["train_happy", "train_very_sad", "test_happy", "test_very_sad"]
    assert split_and_class(names) == {
        "train_happy": ("train", "happy"),
        "train_very_sad": ("train", "very_sad"),
        "test_happy": ("test", "happy"),
        "test_very_sad": ("test", "very_sad"),
    }
    assert split_and_class(["happy-train", "sad-train", "happy-val", "sad-val"])["sad-val"] == ("validation", "sad")
    assert split_and_class([*names, "calm"]) == split_and_class(["test_anxiety", "train_ride"]) == {}


def test_eval_is_the_test_split_where_another_is_for_validation() -> None:
    assert find_splits(["train", "eval"])["eval"] == "validation"
    assert find_splits(["train", "val", "eval"])["eval"] == "test"
    assert find_splits(["train", "eval", "test"])["eval"] == "validation"


def test_a_share_of_a_split_that_the_data_have_is_refused(tmp_path: Path) -> None:
    for name in ("train", "val"):
        drawn.write_folders(tmp_path / "whole", drawn.faces(14), name)
    drawn.write_folders(tmp_path / "halves" / "train", drawn.faces(70))
    drawn.write_folders(tmp_path / "halves" / "test", drawn.faces(7))
    with pytest.raises(InputError, match=r"whole: has a validation split of its own \(14 samples\), so that no share"):
        read(DataSpec(tmp_path / "whole", holdout=0.3))
    with pytest.raises(InputError, match="has a validation split of its own"):
        read(DataSpec(tmp_path / "whole"), shares=(0.3, 0.0))
    with pytest.raises(InputError, match="has a test split of its own"):
        read(DataSpec(tmp_path / "halves"), shares=(0.3, 0.1))
    assert len(read(DataSpec(tmp_path / "halves", holdout=0.3))) == 21
    assert len(read(DataSpec(tmp_path / "whole"), usual=0.3)) == 14
    with pytest.raises(InputError, match="too few samples for a share of them, give a larger --holdout"):
        read(DataSpec(drawn.write_folders(tmp_path / "few", drawn.faces(14))))


@pytest.mark.parametrize("name", ["7" * 5000, "7" * 79, "dataset" * 11, "fer" * 26 + "x", "images" * 13])
def test_long_names_are_decided_at_once(name: str) -> None:
    began = time.process_time()
    assert find_split(name) is None
    assert time.process_time() - began < 0.5


def test_too_few_persons_for_a_share_are_counted(tmp_path: Path) -> None:
    layouts.write_subjects(tmp_path, 2)
    with pytest.raises(InputError, match=r"too few persons \(2\) for a share of them, give a larger --holdout"):
        read(DataSpec(tmp_path, "validation"))
