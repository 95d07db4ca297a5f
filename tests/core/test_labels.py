import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.core.errors import InputError
from mien.core.labels import (
    ALPHABETICAL,
    DROP,
    FACIAL_EXPRESSIONS,
    FER2013,
    FERPLUS,
    SYNONYMS,
    TAXONOMIES,
    THREE,
    canonical,
    mapping,
)


def test_orders_of_the_field() -> None:
    assert FER2013 == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    assert tuple(sorted(FER2013)) == ALPHABETICAL
    assert tuple(sorted(FERPLUS)) == FACIAL_EXPRESSIONS
    assert set(FERPLUS) == {*FER2013, "contempt"}
    assert THREE == ("angry", "happy", "neutral")


@pytest.mark.parametrize("name", [*FERPLUS, *SYNONYMS])
def test_synonyms_fold_in_any_case(name: str) -> None:
    assert canonical(f" {name.upper()} ") == canonical(name) in FERPLUS


def test_unknown_names_get_a_hint() -> None:
    with pytest.raises(InputError, match="unknown label 'hapy'; did you mean 'happy'"):
        canonical("hapy")
    with pytest.raises(InputError, match=r"unknown label '3' \(known: angry"):
        canonical("3")


@pytest.mark.parametrize(("source", "target"), list(itertools.product(TAXONOMIES, repeat=2)))
def test_mappings_are_total_and_keep_names(source: str, target: str) -> None:
    found = mapping(TAXONOMIES[source], TAXONOMIES[target])
    for name, place in zip(TAXONOMIES[source], found, strict=True):
        assert (place == DROP and name not in TAXONOMIES[target]) or TAXONOMIES[target][place] == name


@given(st.permutations(FERPLUS), st.permutations(FERPLUS))
def test_there_and_back_is_where_one_was(one: list[str], other: list[str]) -> None:
    assert np.array_equal(mapping(other, one)[mapping(one, other)], np.arange(8))


def test_merges_send_what_the_target_lacks_elsewhere() -> None:
    assert mapping(FERPLUS, FER2013)[7] == DROP
    assert mapping(FERPLUS, FER2013, merge="contempt-as-disgust")[7] == FER2013.index("disgust")
    with pytest.raises(InputError, match="merge contempt-as-disgust: contempt becomes disgust, which is not one of"):
        mapping(FERPLUS, THREE, merge="contempt-as-disgust")
    with pytest.raises(InputError, match="no class in common"):
        mapping(("fear",), THREE)
