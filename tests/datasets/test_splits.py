import numpy as np
import pytest

from mien.core.errors import InputError
from mien.datasets.splits import assign, split_name


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
    found = assign(np.full(n, splits), labels, ids, members, holdout=(0.1, 0.2), seed=seed)
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


def test_what_a_dataset_says_stays_and_a_missing_validation_part_comes_from_train() -> None:
    ids = np.array([f"{i}" for i in range(40)])
    labels, groups = np.zeros(40, dtype=np.int64), np.full(40, "")
    own = np.array(["train"] * 30 + ["test"] * 10, dtype="<U10")
    found = assign(own, labels, ids, groups, holdout=(0.1, 0.2), seed=0)
    assert (found[30:] == "test").all()
    assert (found == "validation").sum() == 3
    own[:5] = "validation"
    assert np.array_equal(assign(own, labels, ids, groups, holdout=(0.1, 0.2), seed=0), own)
    with pytest.raises(InputError, match="fractions of at least 0 whose sum is below 1"):
        assign(own, labels, ids, groups, holdout=(0.5, 0.5), seed=0)
