"""DataSpec as options: one for each field, none for a field that the verb does not use."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
from tyro.conf import arg

from mien.cli.options import Data, Model, PositionalData, Trackers, Unused
from mien.cli.parse import run
from mien.core.errors import InputError
from mien.datasets.spec import DataSpec, Merge


@dataclass(frozen=True)
class NoMerge(Data):
    merge: Unused[Merge] = "drop"


def measure(model: Model, /, data: NoMerge, *, json: bool = False) -> int:
    """Measure.

    Args:
        model: Which.
        json: As JSON.
    """
    assert (model, data, json) == ("default", DataSpec(Path("faces"), "test", targets="majority", holdout=0.2), True)
    return 3


def inspect(data: PositionalData) -> None:
    """Inspect."""
    assert data == DataSpec(Path("faces"))


def test_the_fields_of_a_dataspec_are_options() -> None:
    arguments = ["default", "--data", "faces", "--split", "test", "--targets", "majority", "--holdout", "0.2", "--json"]
    assert run(measure, "mien measure", arguments) == 3
    assert run(inspect, "mien inspect", ["faces"]) == 0


def test_their_help_is_the_sentence_under_the_field(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(measure, "mien measure", ["--help"]) == 0
    text = capsys.readouterr().out
    assert "--data PATH" in text
    assert "The dataset's folder or file. (required)" in text
    assert "MODEL" in text
    assert "--merge" not in text


def test_a_field_that_a_verb_does_not_use_is_refused() -> None:
    with pytest.raises(InputError, match="--merge: no such option"):
        run(measure, "mien measure", ["default", "--data", "faces", "--merge", "drop"])


@dataclass(frozen=True)
class Job:
    export: tuple[str, ...] = ()


def make(job: Annotated[Job, arg(name="")], *, photos: tuple[Path, ...] = (), log: Trackers = None) -> int:
    """Make."""
    assert (job.export, photos) == ((), ())
    assert not log
    return 4


def test_a_list_without_a_value_is_refused_but_where_it_may_be_none() -> None:
    assert run(make, "mien make", ["--log"]) == 4
    for option in ("--export", "--photos"):
        with pytest.raises(InputError, match=rf"{option}: a value is missing \(see mien make --help\)"):
            run(make, "mien make", [option, "--log"])


def test_bad_values_are_those_of_dataspec() -> None:
    with pytest.raises(InputError, match="unknown split 'exam'; expected"):
        run(inspect, "mien inspect", ["faces", "--split", "exam"])
