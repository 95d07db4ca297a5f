"""`mien compare` from the outside: exit code, stdout, stderr."""

import json
from pathlib import Path

import pytest

from tests.blocks import MakeModel, Mien, record_run


def test_compare_shows_runs_side_by_side(mien: Mien, make_model: MakeModel, fer2013_csv: Path, tmp_path: Path) -> None:
    runs = [tmp_path / "good", tmp_path / "bad"]
    for run, gain in zip(runs, (4.0, -4.0), strict=True):
        make_model(run / "model.onnx", gain=gain)
        mien("evaluate", run, "--data", fer2013_csv)
    code, out, _ = mien("compare", *runs[::-1])
    assert code == 0
    assert "validation, single view, n = 21" in out
    assert out.index("0.6667") < out.index("0.0")
    assert "parameters" not in out
    record_run(runs[0], parameters=98765)
    assert "98,765" in mien("compare", *runs)[1]
    _, out, _ = mien("compare", *runs, "--json")
    rows = json.loads(out)
    assert [row["name"] for row in rows] == [str(run) for run in runs]
    assert rows[0]["evaluation"]["scores"]["metrics"]["accuracy"] == pytest.approx(14 / 21)
    code, _, err = mien("compare", *runs, "--split", "test")
    assert code == 2
    assert "make one with: mien evaluate" in err
    (tmp_path / "new").mkdir()
    code, out, err = mien("compare", *runs, tmp_path / "new", "--json")
    assert (code, json.loads(out)) == (0, rows)
    command = f"mien evaluate {tmp_path / 'new'} --data PATH --split validation"
    assert err == f"{tmp_path / 'new'}: no evaluation of validation, single view; make one with: {command}\n"
