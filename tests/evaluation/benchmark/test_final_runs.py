"""Final runs are recorded before they are scored."""

import json
import sys
from pathlib import Path

import pytest

from mien.core.errors import InputError
from mien.core.labels import FER2013
from mien.evaluation.benchmark import final_runs, measure
from mien.evaluation.predictions import predict
from tests.blocks import MakeModel, Mien
from tests.evaluation.benchmark.conftest import measured


def test_the_final_split_is_scored_only_when_asked_and_counted(mien: Mien, data: Path, make_model: MakeModel) -> None:
    model, out = make_model(), data / "out"
    ask = ["benchmark", "fer2013", "--data", data, "--model", model, "--out", out]
    for _ in range(2):
        assert mien(*ask)[0] == 0
    assert not (out / final_runs.NAME).exists()
    assert [path.name for path in out.iterdir()] == ["fer2013-blocks.json"]
    code, _, err = mien(*ask, "--final")
    result = json.loads((out / "fer2013-blocks-final.json").read_text())
    assert code == 0
    assert (result["split"], result["data"]["n"]) == ("test", 7)
    assert result["final_runs"] == [{"this_model": 1, "any_model": 1}]
    assert "scored 1 times with this model, 1 times in all" in err
    assert len(final_runs.read(out)) == 1
    other = make_model(data / "other.onnx", gain=2.0)
    mien("benchmark", "fer2013", "--data", data, "--model", other, "--out", out, "--final")
    result = json.loads((out / "fer2013-other-final.json").read_text())
    assert result["final_runs"] == [{"this_model": 1, "any_model": 2}]
    mien(*ask, "--final")
    result = json.loads((out / "fer2013-blocks-final.json").read_text())
    assert result["final_runs"] == [{"this_model": 2, "any_model": 3}]
    err = mien(*ask, "--final", "--against", other)[2]
    result = json.loads((out / "fer2013-blocks-final.json").read_text())
    assert result["final_runs"] == [{"this_model": 3, "any_model": 5}]  # the other one was scored as well
    assert "5 times in all" in err
    assert len(final_runs.read(out)) == 5


def test_a_comparison_without_scipy_is_refused_before_the_final_split_is_scored(
    mien: Mien, data: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    one, other, out = make_model(), make_model(data / "other.onnx", gain=2.0), data / "out"
    code, _, err = mien(
        "benchmark", "fer2013", "--data", data, "--model", one, "--against", other, "--final", "--out", out
    )
    assert code == 2
    assert "pip install 'mien[eval]'" in err
    assert not (out / final_runs.NAME).exists()


def test_a_final_scoring_that_fails_is_counted_and_one_that_is_refused_is_not(
    data: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="cannot answer"):
        measured("fer2013", data, make_model(labels=FER2013[:5]), final_folder=data)
    assert final_runs.read(data) == []

    def fail(*arguments: object, **options: object) -> None:
        assert len(final_runs.read(data)) == 1  # recorded before anything is scored
        raise InputError("no more")

    monkeypatch.setattr(measure, "predict", fail)
    with pytest.raises(InputError, match="no more"):
        measured("fer2013", data, make_model(), final_folder=data)
    assert len(final_runs.read(data)) == 1


def test_a_final_run_is_on_the_disk_before_the_model_runs(
    data: Path, make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Flushed from the process, then synced, then scored."""
    events: list[tuple[str, int]] = []

    def note(event: str) -> int:
        events.append((event, len(final_runs.read(data))))
        return 0

    monkeypatch.setattr("os.fsync", lambda _: note("synced"))
    monkeypatch.setattr(measure, "predict", lambda *given, **options: [note("scored"), predict(*given, **options)][1])
    measured("fer2013", data, make_model(), final_folder=data)
    assert events == [("synced", 1), ("scored", 1)]


def test_a_damaged_record_of_final_runs_is_refused(data: Path, make_model: MakeModel) -> None:
    (data / final_runs.NAME).write_text('{"date": "today"}\n')
    with pytest.raises(InputError, match=r"final_runs\.jsonl:1: .*no line that mien benchmark --final wrote"):
        measured("fer2013", data, make_model(), final_folder=data)


def test_a_final_run_that_cannot_be_recorded_is_one_line(tmp_path: Path) -> None:
    (tmp_path / final_runs.NAME).mkdir()
    run = final_runs.FinalRun("2026-01-31", "fer2013", "12ab", "mine", "56ef", "34cd")
    with pytest.raises(InputError, match=r"final_runs\.jsonl: cannot be written \(Is a directory\)"):
        final_runs.add(tmp_path, run)
