"""`mien agree` from the outside: exit code, stdout, stderr, files."""

import json
from pathlib import Path

import pytest

from tests.blocks import Mien


@pytest.fixture
def tables(tmp_path: Path) -> list[Path]:
    rows = {
        "machine": ["happy", "sad", "happy", "angry", "sad", "neutral"],
        "anna": ["happy", "sad", "happy", "angry", "neutral", "neutral"],
        "ben": ["happy", "sad", "sad", "angry", "sad", ""],
    }
    for name, labels in rows.items():
        lines = [f"{number}.jpg,{label}" for number, label in enumerate(labels)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["file,label", *lines]))
    return [tmp_path / f"{name}.csv" for name in rows]


def test_agree_prints_tables(mien: Mien, tables: list[Path], tmp_path: Path) -> None:
    code, out, err = mien("agree", *tables, "--page", tmp_path / "page.html")
    assert code == 0
    assert "6 photos, 3 coders" in out
    assert "ben: no label for 1 of the 6 photos" in out
    assert "mean kappa, machine and a person" in out
    assert err == f"wrote {tmp_path / 'page.html'}\n"
    assert "machine and anna" in (tmp_path / "page.html").read_text()


def test_agree_prints_json(mien: Mien, tables: list[Path]) -> None:
    _, out, err = mien("agree", *tables, "--json")
    found = json.loads(out)
    assert err == ""
    assert [(pair["first"], pair["second"], pair["figures"]["kappa"]["n"]) for pair in found["pairs"]] == [
        ("machine", "anna", 6),
        ("machine", "ben", 5),
        ("anna", "ben", 5),
    ]
    assert found["machine"] == "machine"
    _, out, _ = mien("agree", *tables, "--json", "--humans")
    assert json.loads(out)["machine"] is None
    assert json.loads(out)["comparison"] is None


def test_a_page_does_not_replace_a_table(mien: Mien, tables: list[Path]) -> None:
    before = tables[1].read_text()
    code, out, err = mien("agree", *tables, "--page", tables[1].parent / "x" / ".." / "anna.csv")
    assert (code, out) == (2, "")
    assert "a coder's table; --page would replace it" in err
    assert tables[1].read_text() == before


def test_agree_refuses_bad_input_in_one_line(mien: Mien, tables: list[Path]) -> None:
    tables[1].write_text("file,label\n0.jpg,unclear\n")
    code, out, err = mien("agree", *tables)
    assert (code, out) == (2, "")
    assert err.startswith(f"mien: {tables[1]}:2: unknown label 'unclear'")
    assert err.count("\n") == 1
    assert mien("agree", *tables, "--missing", "unclear")[0] == 2  # nothing in common is left
    assert "--step is for videos" in mien("agree", tables[0], tables[2], "--step", "0.5")[2]
