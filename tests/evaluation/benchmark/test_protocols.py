"""A hash names a protocol for good: whatever decides a figure changes it, and nothing else."""

from dataclasses import fields, replace
from typing import Any

import pytest

from mien.core import records
from mien.core.errors import InputError
from mien.evaluation.benchmark.protocols import PROSE, PROTOCOLS, Protocol, find

GOLDEN = {
    "fer2013": "e4dc334ceb5a67c0",
    "fer2013-dedup": "6785bbf266dacc8c",
    "ferplus": "bc3da6f563839f2f",
    "ferplus-distribution": "2092e7f98e2da5cb",
    "three-class": "95d099c46a2403be",
    "kaggle-folders": "ab99b77488c6a639",
    "facial-expressions": "dd5a1e0dd388457d",
}
OTHER: dict[str, Any] = {
    "id": "other",
    "kind": "folder",
    "classes": ("happy", "angry"),
    "outputs": (),
    "choose": "test",
    "final": None,
    "targets": "majority",
    "train": "all",
    "holdout": (0.2, 0.0),
    "seed": 1,
    "dedup": "exact",
    "views": ("none",),
    "revision": 2,
}


def test_hashes_stay_as_they_are() -> None:
    assert {name: protocol.hash for name, protocol in PROTOCOLS.items()} == GOLDEN


def test_every_field_that_decides_a_figure_changes_the_hash() -> None:
    protocol = PROTOCOLS["fer2013"]
    assert {field.name for field in fields(protocol)} == OTHER.keys() | set(PROSE)
    changed = {name: replace(protocol, **{name: value}).hash for name, value in OTHER.items()}
    assert len({protocol.hash, *changed.values()}) == 1 + len(OTHER)


def test_what_is_only_said_does_not() -> None:
    protocol = PROTOCOLS["fer2013"]
    assert PROSE == ("title", "source", "published")
    assert replace(protocol, title="in", source="other", published="words").hash == protocol.hash


def test_the_final_split_is_asked_for_by_name_or_not_at_all() -> None:
    assert find("fer2013").split(final=False) == "validation"
    assert find("fer2013").split(final=True) == "test"
    with pytest.raises(InputError, match="three-class has no final split"):
        find("three-class").split(final=True)


def test_an_unknown_protocol_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"no protocol 'ferplusplus'.*known: fer2013, fer2013-dedup, ferplus"):
        find("ferplusplus")


def test_the_json_holds_all_of_it() -> None:
    protocol = find("facial-expressions")
    facts = records.to_json(protocol)
    assert facts["holdout"] == (0.1, 0.1)
    assert records.from_json(facts, Protocol, where="here") == protocol
