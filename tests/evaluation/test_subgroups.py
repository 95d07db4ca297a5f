from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import InputError
from mien.evaluation import subgroups
from mien.evaluation.alignment import Alignment
from mien.evaluation.predictions import Scored
from mien.evaluation.statistics import newcombe, wilson
from mien.evaluation.subgroups import Column, column, match, quintiles, read
from mien.models.metadata import ModelInfo

CLASSES = ("happy", "sad")


def answers(*cells: tuple[str, int, int, int]) -> tuple[list[str], Scored]:
    """Return values and samples for cells of (value, label, right answers, samples)."""
    values, labels, answered = [], [], []
    for value, label, right, n in cells:
        values += [value] * n
        labels += [label] * n
        answered += [label] * right + [1 - label] * (n - right)
    probabilities = np.where(np.eye(2)[answered] > 0, 0.75, 0.25).astype(np.float32)
    same: dict[str, str | None] = {name: name for name in CLASSES}
    return values, Scored(
        info=ModelInfo(labels=CLASSES, size=48, mean=(0.0,), std=(1.0,)),
        alignment=Alignment(CLASSES, same, same),
        rows=np.arange(len(values)),
        label_probabilities=probabilities,
        probabilities=probabilities,
        uncalibrated=probabilities,
        labels=np.array(labels, dtype=np.int64),
        ids=np.array([str(row) for row in range(len(values))]),
        dropped={},
        missed=(),
        support=(0, 0),
    )


def scored_column(*cells: tuple[str, int, int, int]) -> Column:
    values, samples = answers(*cells)
    return column("site", values, samples)


# a gap of the label mix alone: both sites answer 90 % of the happy and 50 % of the sad faces rightly
MIXED = (("a", 0, 27, 30), ("a", 1, 5, 10), ("b", 0, 9, 10), ("b", 1, 15, 30))


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_gap_by_hand_and_at_equal_label_mix() -> None:
    found = scored_column(*MIXED)
    assert [(group.value, group.scores.n, group.scores.accuracy) for group in found.groups] == [
        ("a", 40, 0.8),
        ("b", 40, 0.6),
    ]
    assert found.groups[0].scores.metrics["balanced_accuracy"] == pytest.approx(0.7)
    assert found.groups[0].scores.confidence == pytest.approx(0.75)
    assert found.gap is not None
    assert (found.gap.best, found.gap.worst) == ("a", "b")
    assert found.gap.size == pytest.approx(0.2)
    assert found.gap.interval == pytest.approx(newcombe((0.8, wilson(32, 40)), (0.6, wilson(24, 40))))
    assert [group.label_adjusted for group in found.groups] == pytest.approx([0.7, 0.7])
    assert found.label_adjusted is not None
    assert found.label_adjusted.size == pytest.approx(0)
    assert found.label_adjusted.interval[0] < 0 < found.label_adjusted.interval[1]
    assert found.compared == CLASSES
    assert found.p_value is not None
    assert found.p_value > 0.2


def test_one_class_alone_has_newcombes_interval_at_equal_mix_too() -> None:
    found = scored_column(("a", 0, 36, 40), ("b", 0, 16, 40))
    assert found.gap == found.label_adjusted
    assert found.compared == ("happy",)
    assert found.p_value == pytest.approx(1 / 1000)


def test_classes_that_a_group_lacks_are_not_compared() -> None:
    found = scored_column(("a", 0, 30, 40), ("a", 1, 20, 20), ("b", 0, 20, 40))
    assert found.compared == ("happy",)
    assert [group.label_adjusted for group in found.groups] == [0.75, 0.5]
    apart = scored_column(("a", 0, 30, 40), ("b", 1, 20, 40))
    assert apart.gap is not None
    assert (apart.label_adjusted, apart.compared) == (None, ())
    assert [group.label_adjusted for group in apart.groups] == [None, None]


def test_p_value_is_what_shuffling_within_classes_gives() -> None:
    values, samples = answers(("a", 0, 22, 30), ("a", 1, 12, 20), ("b", 0, 15, 25), ("b", 1, 9, 25))
    found = column("site", values, samples, seed=3)
    right, first, labels = samples.correct, np.array(values) == "a", samples.labels
    actual, rng, hits = abs(right[first].mean() - right[~first].mean()), np.random.default_rng(0), 0
    for _ in range(2000):
        shuffled = right.copy()
        for label in (0, 1):
            shuffled[labels == label] = rng.permutation(right[labels == label])
        hits += abs(shuffled[first].mean() - shuffled[~first].mean()) >= actual - 1e-12
    assert found.p_value == pytest.approx(hits / 2000, abs=0.04)


def test_small_groups_are_shown_but_not_compared() -> None:
    found = scored_column(*MIXED, ("c", 0, 0, 29))
    assert [group.too_small for group in found.groups] == [False, False, True]
    assert found.gap is not None
    assert found.gap.size == pytest.approx(0.2)
    assert found.groups[2].label_adjusted is None
    alone = scored_column(("a", 0, 30, 40), ("b", 0, 0, 29))
    assert (alone.gap, alone.label_adjusted, alone.p_value) == (None, None, None)


def test_unknown_values_and_missed_photos_are_counted() -> None:
    values, samples = answers(("a", 0, 9, 10), ("", 1, 5, 10), ("b", 0, 1, 5))
    found = column("site", [*values, "a", "a", "c", ""], samples)
    assert [(group.value, group.missed) for group in found.groups] == [("a", 2), ("b", 0)]
    assert found.unknown == 10


def test_the_commonest_values_of_many_are_shown() -> None:
    cells = [(f"p{number:03d}", 0, 1, 1 + (number < 40)) for number in range(70)]
    found = scored_column(*cells)
    assert len(found.groups) == subgroups.MOST
    assert found.omitted == 20
    assert {f"p{number:03d}" for number in range(40)} <= {group.value for group in found.groups}


def test_many_numbers_are_cut_into_quintiles_and_few_are_ordered() -> None:
    ages = [str(age) for age in range(18, 68)]
    values, samples = answers(*((age, 0, 1, 2) for age in ages))
    found = column("age", values, samples)
    assert [group.value for group in found.groups] == ["18 to 27", "28 to 37", "38 to 47", "48 to 57", "58 to 67"]
    assert [group.scores.n for group in found.groups] == [20] * 5
    assert [group.value for group in scored_column(("10", 0, 1, 1), ("9", 0, 1, 1), ("1.5", 0, 1, 1)).groups] == [
        "1.5",
        "9",
        "10",
    ]
    mixed = scored_column(*((str(number), 0, 1, 1) for number in range(20)), ("unsure", 0, 1, 1))
    assert len(mixed.groups) == 21


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60))
def test_quintiles_part_the_values_in_order(values: list[float]) -> None:
    ranges, members = quintiles(np.array(values))
    assert 1 <= len(ranges) <= 5
    assert set(members.tolist()) == set(range(len(ranges)))
    order = np.argsort(values, kind="stable")
    assert (np.diff(members[order]) >= 0).all()


def test_rows_fit_with_folders_or_without(tmp_path: Path) -> None:
    ids = ["angry/1.png", "sad/1.png", "sad/2.png", "sad/3.png", "sad/4.png", "sad/14.png"]
    names = ["angry/1.png", "1.png", "2.png", "/data/sad/3.png", ".\\sad\\4.png", "happy/14.png", "5.png"]
    table = read(write(tmp_path / "t.csv", "Site,FILE\n" + "".join(f"a,{name}\n" for name in names)))
    assert list(table.columns) == ["Site"]
    assert match(table, ids).tolist() == [0, -1, 2, 3, 4, -1]  # 1.png fits two, happy/14.png none


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected one column id or file in its first line, got nothing"),
        ("name,age\n1,2\n", "expected one column id or file in its first line, got name, age"),
        ("id,file\n1,2\n", "expected one column id or file"),
        ("id\n1\n", "expected further columns"),
        ("id,age,age\n1,2,3\n", "expected further columns with different names"),
        ("id,age\n1\n", "t.csv:2: 1 field, expected 2"),
        ("id,age\n1,2\n\n1,3\n", "t.csv:4: 1 is in line 2 already"),
        ("id,age\n7,2\n", "none of its 1 rows names one of the 2 images scored; expected names like '1', got '7'"),
        ("id,age\n", "got no row"),
        ("id,age\n1,2\nx/1,2\n", "1 and x/1 are both the image 1"),
    ],
)
def test_tables_that_cannot_be_used_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path / "t.csv", text)
    with pytest.raises(InputError) as refused:
        match(read(path), ["1", "2"])
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_no_table_and_no_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_bytes(b"id,age\n\xff\xfe,1\n")
    with pytest.raises(InputError, match=r"t.csv:2: .*not UTF-8 text; save it as a CSV file in UTF-8"):
        read(tmp_path / "t.csv")
