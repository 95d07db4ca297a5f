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
    join_names,
    mapping,
    match,
    parse_classes,
    resolve,
    split_names,
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


def test_synonyms_are_folded_only_where_every_name_is_known() -> None:
    assert resolve(["Joy", " sadness "]) == ("happy", "sad")
    assert resolve(["Joy", "bored"]) == ("Joy", "bored")
    assert resolve(["e\u0301nerve\u0301", " 지루함 "]) == ("énervé", "지루함")


def test_names_meet_as_they_are_then_as_the_fields_then_in_any_case() -> None:
    assert match(["happy", "joy", "bored"], ["joy", "happy"]) == {"happy": "happy", "joy": "joy", "bored": None}
    assert match(["Happiness"], ["sad", "happy"]) == {"Happiness": "happy"}
    assert match(["Bored", "joy"], ["happy", "bored"]) == {"Bored": "bored", "joy": None}
    assert mapping(("bored", "happy"), ("Happy", "Bored", "new")).tolist() == [1, 0]


@given(st.lists(st.text(min_size=1), min_size=2))
def test_a_list_of_names_can_be_written_and_read(names: list[str]) -> None:
    names = [name.replace("\n", "").replace("\r", "").replace("\0", "").strip() or "x" for name in names]
    assert split_names(join_names(names)) == tuple(names)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fer2031", "did you mean 'fer2013'"),
        ("bored,bored", "'bored' is named twice"),
        ("bored,,sad", "a name is empty"),
    ],
)
def test_lists_of_classes_that_say_nothing_clear_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_classes(text)
    assert parse_classes('"a, b",c') == ("a, b", "c")
