"""A table's settings: noted with it, compared when it is continued."""

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
from PIL import Image

from mien import __version__
from mien.core.errors import InputError
from mien.core.time_rules import EpisodeRule
from mien.outputs.jobs import PredictJob
from mien.outputs.settings import APART, table_settings
from mien.outputs.tables import TableWriter
from mien.outputs.tables.settings import settings_path
from tests.outputs.test_predict_job import Capture, predict

OURS = {"mien": "1.0", "--model": "abc (x.onnx)"}


def table(path: Path, settings: dict[str, str] | None, *, resume: bool, rows: int = 1) -> None:
    with TableWriter(path, ["file", "face"], resume=resume, settings=settings) as writer:
        for face in range(rows):
            writer.write([{"file": "a.jpg", "face": face}])


def test_every_option_is_noted_or_apart() -> None:
    assert {entry.name for entry in fields(PredictJob)} >= APART
    assert set(table_settings(PredictJob(detector="none"), video=True)) >= {"mien", "--model", "--detector", "--every"}


def test_a_model_is_known_by_its_bytes_not_by_its_path(model: Path, tmp_path: Path) -> None:
    job = PredictJob(model=str(model), detector="none")
    copy = tmp_path / "other.onnx"
    copy.write_bytes(model.read_bytes())
    one, other = table_settings(job, video=False), table_settings(replace(job, model=str(copy)), video=False)
    table(tmp_path / "t.csv", dict(one), resume=False)
    table(tmp_path / "t.csv", dict(other), resume=True)
    assert one["mien"] == __version__


def test_what_changes_no_row_is_not_compared() -> None:
    job = PredictJob(detector="none")
    one = table_settings(job, video=False)
    assert table_settings(replace(job, device="CPUExecutionProvider", threads=1, require_face=True), video=False) == one
    for changed in (replace(job, truncated="accept"), replace(job, max_pixels=1000)):
        assert table_settings(changed, video=False) != one
        assert table_settings(changed, video=True) == table_settings(job, video=True)


def test_the_filter_of_a_video_is_noted_and_compared_the_rule_of_episodes_is_free(tmp_path: Path) -> None:
    job = PredictJob(detector="none")
    noted = table_settings(job, video=True)
    assert noted["--smoothing"].startswith("0.25 s (s_...: mean of p_... along the track, weights exp")
    assert "--smoothing" not in table_settings(job, video=False)
    table(tmp_path / "t.csv", dict(noted), resume=False)
    table(tmp_path / "t.csv", dict(table_settings(replace(job, episodes=EpisodeRule(0.9)), video=True)), resume=True)
    with pytest.raises(InputError, match=r"made with --smoothing 0\.25 s .*, now 0 s"):
        table(tmp_path / "t.csv", dict(table_settings(replace(job, smoothing=0.0), video=True)), resume=True)


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_other_settings_are_refused_and_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    table(path, OURS, resume=False)
    before = path.read_bytes()
    theirs = {"mien": "1.1", "--model": "abc (moved.onnx)", "--device": "cuda"}
    with pytest.raises(InputError, match=r"made with mien 1\.0, now 1\.1; made with --device None, now cuda; give"):
        table(path, theirs, resume=True)
    assert path.read_bytes() == before
    table(path, OURS, resume=True)


@pytest.mark.parametrize("name", ["t.csv", "t.jsonl", "t.parquet"])
def test_a_table_of_an_earlier_version_is_continued_and_said_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    table(tmp_path / name, None, resume=False)
    assert not settings_path(tmp_path / name).exists()
    table(tmp_path / name, OURS, resume=True)
    assert "nothing notes with which options its rows were made" in capsys.readouterr().err
    assert json.loads(settings_path(tmp_path / name).read_text()) == OURS


def test_a_table_without_rows_takes_new_settings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    table(tmp_path / "t.csv", {"mien": "0.9"}, resume=False, rows=0)
    table(tmp_path / "t.csv", OURS, resume=True)
    assert json.loads(settings_path(tmp_path / "t.csv").read_text()) == OURS
    assert capsys.readouterr().err == ""


def test_damaged_settings_are_one_line(tmp_path: Path) -> None:
    table(tmp_path / "t.csv", OURS, resume=False)
    settings_path(tmp_path / "t.csv").write_text("[1, 2")
    with pytest.raises(InputError, match=r"t\.csv\.settings\.json: .*expected the settings of a table"):
        table(tmp_path / "t.csv", OURS, resume=True)


def test_photos_resumed_with_another_detector_are_refused(capsys: Capture, model: Path, tmp_path: Path) -> None:
    for name in "ab":
        Image.new("L", (48, 48), 255).save(tmp_path / f"{name}.png")
    path = tmp_path / "t.csv"
    predict(capsys, tmp_path / "a.png", "--model", model, "--detector", "none", "--table", path)
    before = path.read_bytes()
    code, _, err = predict(capsys, tmp_path, "--model", model, "--detector", "yunet", "--table", path, "--resume")
    assert (code, path.read_bytes()) == (2, before)
    assert (
        err
        == f"mien: {path}: made with --detector none, now yunet; give the options as before, or choose another file\n"
    )
