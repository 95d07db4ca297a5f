"""Folds are stratified, and copies and persons stay whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.errors import InputError
from mien.evaluation.folds import assign_folds, group_ids


def test_group_ids_connect_copies_and_persons() -> None:
    copies = np.array([0, 1, 0, 3, 4, 1, 6])
    people = np.array(["ann", "", "", "ann", "bob", "bob", ""])
    found = group_ids(copies, people)
    parts = {frozenset(np.flatnonzero(found == number).tolist()) for number in found}
    assert parts == {frozenset({0, 2, 3}), frozenset({1, 4, 5}), frozenset({6})}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_assign_folds_keeps_groups_whole_and_fills_every_fold(data: st.DataObject) -> None:
    n, count = data.draw(st.integers(8, 60)), data.draw(st.integers(2, 4))
    labels = np.array(data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)))
    together = np.array(data.draw(st.lists(st.integers(0, 12), min_size=n, max_size=n)))
    if len(np.unique(together)) < count:
        return
    found = assign_folds(labels, together, count, 0)
    assert all(len(set(found[together == group].tolist())) == 1 for group in together)
    assert np.array_equal(found, assign_folds(labels, together, count, 0))
    assert set(found.tolist()) == set(range(count))


def test_assign_folds_is_stratified_and_depends_on_the_seed() -> None:
    labels = np.repeat([0, 1, 2], [400, 100, 40])
    found = assign_folds(labels, np.arange(540), 4, 0)
    assert [np.bincount(labels[found == fold]).tolist() for fold in range(4)] == [[100, 25, 10]] * 4
    assert not np.array_equal(found, assign_folds(labels, np.arange(540), 4, 1))


@pytest.mark.parametrize("count", [0, 1, 4])
def test_impossible_numbers_of_folds(count: int) -> None:
    with pytest.raises(InputError, match=f"folds {count}: expected 2 to 3, as many as there are groups"):
        assign_folds(np.zeros(9, np.int64), np.arange(9) % 3, count, 0)
