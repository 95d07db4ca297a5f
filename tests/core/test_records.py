"""Reading and writing our JSON files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core import records
from mien.core.errors import InputError


@dataclass(frozen=True)
class Inner:
    accuracy: float
    interval: tuple[float, float]


@dataclass(frozen=True)
class Outer:
    name: str
    scores: dict[str, Inner]
    counts: NDArray[np.int64]
    note: str | None = None


RECORD = Outer("a", {"x": Inner(0.5, (0.4, 0.6))}, np.array([[1, 2], [3, 4]]))


def test_a_record_is_read_as_written(tmp_path: Path) -> None:
    records.write(tmp_path / "a.json", RECORD)
    found = records.read(tmp_path / "a.json", Outer, what="a record")
    assert records.to_json(found) == records.to_json(RECORD)
    assert found.counts.tolist() == [[1, 2], [3, 4]]


def test_file_names_that_are_not_utf8_are_spelt(tmp_path: Path) -> None:
    records.write(tmp_path / "a.json", {"caf\udce9": ["caf\udce9"]})
    spelt = "caf\\udce9"
    assert records.read(tmp_path / "a.json", dict[str, list[str]], what="names") == {spelt: [spelt]}


def test_paths_that_are_not_utf8_are_read_as_written(tmp_path: Path) -> None:
    for path in (Path("/data/caf\udce9"), Path("/data/café"), Path("/data/\\udc")):
        records.write(tmp_path / "a.json", [path])
        assert records.read(tmp_path / "a.json", list[Path], what="paths") == [path]
    (odd := tmp_path / "caf\\udce9").touch()
    records.write(tmp_path / "a.json", [odd])
    assert records.read(tmp_path / "a.json", list[Path], what="paths") == [odd]


def test_unknown_fields_are_passed_over() -> None:
    assert records.loads('{"accuracy": 1, "interval": [0, 1], "new": []}', Inner, where="x") == Inner(1.0, (0.0, 1.0))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"name": "a", "scores": {"x": {"accuracy": "high", "interval": [0, 1]}}, "counts": []}', "accuracy"),
        ('{"name": "a", "scores": 1, "counts": []}', "scores"),
        ("{", "truncated"),
        ("[" * 100_000, ""),
        ("\udcff".encode("utf-8", "surrogateescape"), "malformed"),
        ("1" * 400, "out of range"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(tmp_path: Path, text: str | bytes, reason: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as error:
        records.read(path, Outer, what="a record")
    assert str(error.value).startswith(f"{path}: ")
    assert str(error.value).endswith("; expected a record")
    assert reason.replace("`", "") in str(error.value)
    assert "\n" not in str(error.value)


@dataclass(frozen=True)
class Coloured:
    colour: Literal["red", "blue"] | None
    inner: dict[str, list[Literal[1, 2]]] | None = None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"x": [{"colour": "pink"}]}', r"x: Invalid enum value 'pink'; expected red, blue \(at \[...\]\[0\].colour\)"),
        ('{"x": [{"colour": null, "inner": {"a": [3]}}]}', r"Invalid enum value 3; expected 1, 2 \(at .*inner"),
    ],
)
def test_an_unknown_choice_is_answered_with_the_choices(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        records.loads(text, dict[str, list[Coloured]], where="x")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.json: No such file or directory; expected a record"):
        records.read(tmp_path / "none.json", Outer, what="a record")


def test_defaults_that_a_file_leaves_out_are_written_again() -> None:
    found = records.loads('{"name": "a", "scores": {}, "counts": []}', Outer, where="x")
    assert vars(found)["note"] is None
    assert records.to_json({"inside": [found]})["inside"][0]["note"] is None


@pytest.mark.parametrize("number", ["9" * 400, "-9223372036854775809"])
def test_whole_numbers_that_no_array_holds_are_refused(number: str) -> None:
    with pytest.raises(InputError, match=r"^here: a whole number of more than 64 bits$"):
        records.loads(f'{{"a": [{number}]}}', dict[str, Any], where="here")
