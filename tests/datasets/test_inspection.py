import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.cli import main
from mien.cli.data import ACTIONS
from mien.core.labels import ALPHABETICAL, THREE
from mien.datasets.inspection import ACROSS, NAMES, TILE
from mien.datasets.readers import readers
from tests import drawn


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ending:
        main(["data", *map(str, arguments)])
    return int(ending.value.code or 0)


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    drawn.write_folders(tmp_path / "faces", drawn.faces(70), "train")
    drawn.write_folders(tmp_path / "faces", drawn.faces(14, size=60, channels=3), "val")
    for number in range(25):
        (tmp_path / "faces" / "val" / "sad" / f"b{number}.png").write_bytes(b"")
    return tmp_path / "faces"


def test_json(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("inspect", folders, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "folder"
    assert found["classes"] == list(ALPHABETICAL)
    assert found["counts"] == {"train": dict.fromkeys(ALPHABETICAL, 10), "validation": dict.fromkeys(ALPHABETICAL, 2)}
    assert found["sizes"] == {"48 x 48": 70, "60 x 60": 14}
    assert found["problems"][0] == {"where": "val/sad/b0.png", "what": "empty"}
    assert len(found["problems"]) == 25
    assert found["sheet"] is None
    assert [path.name for path in folders.parent.iterdir()] == ["faces"]  # nothing is written where nobody asked


def test_table_names_the_first_twenty_problems(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("inspect", folders, "--sheet", "sheet.png") == 0
    out, err = capsys.readouterr()
    assert "problems: 25" in out
    assert out.count(": empty") == 20
    assert "and 5 more" in out
    assert "wrote sheet.png" in err
    row = next(line for line in out.splitlines() if "surprise" in line)
    assert [word for word in row.split() if word.isdigit()] == ["10", "2", "12"]


def test_strict_stops_with_one_line(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("inspect", folders, "--strict") == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "mien: val/sad/b0.png: empty\n"


def test_contact_sheet_has_a_row_of_faces_per_class(folders: Path) -> None:
    run("inspect", folders, "--sheet", "sheet.png")
    with Image.open("sheet.png") as image:
        sheet = np.asarray(image)
    assert sheet.shape == (7 * TILE, NAMES + ACROSS * TILE, 3)
    for down in range(7):
        row = sheet[down * TILE : (down + 1) * TILE]
        assert (row[:, :NAMES] < 100).any()  # the name
        faces = [row[:, NAMES + i * TILE : NAMES + (i + 1) * TILE] for i in range(ACROSS)]
        assert all(face.std() > 10 for face in faces)
        assert len({face.tobytes() for face in faces}) == ACROSS


def test_unlabelled_images_get_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn.write_arrays(tmp_path / "set", drawn.faces(30, THREE), drawn.faces(6, THREE))
    assert run("inspect", tmp_path / "set", "--sheet", tmp_path / "a.png", "--json") == 0
    counts = json.loads(capsys.readouterr().out)["counts"]
    assert counts["test"] == {"angry": 0, "happy": 0, "neutral": 0, "no label": 6}
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.height == 4 * TILE


def test_a_sheet_that_cannot_be_written(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folders.parent / "folder.png").mkdir()
    for sheet in ("nowhere/a.png", "a.nonsense", "a", "folder.png"):
        assert run("inspect", folders, "--sheet", sheet) == 2
        assert re.search(f"{sheet}: (the contact sheet )?cannot be written", capsys.readouterr().err)


def test_a_sheet_is_whole_or_the_one_before(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = folders.parent / "sheet.png"
    sheet.write_bytes(b"before")

    def torn(image: Image.Image, path: Path, *_: object) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", torn)
    assert run("inspect", folders, "--sheet", sheet) == 2
    assert sheet.read_bytes() == b"before"
    assert sorted(path.name for path in folders.parent.iterdir()) == ["faces", "sheet.png"]


def test_help_and_mistakes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    assert "    $ mien data inspect fer2013/\n" in capsys.readouterr().out
    for action in ("inspect", "split", "download"):
        assert run(action, "--help") == 0
        assert f"    $ mien data {action} " in capsys.readouterr().out
    assert run("inspect", ".", "--kind", "bogus") == 2
    kinds = ", ".join(sorted(readers()))
    assert capsys.readouterr().err == f"mien: unknown kind of dataset 'bogus'; expected {kinds}\n"
    assert run("show") == 2
    expected = "expected " + " or ".join(f"mien data {action}" for action in ACTIONS)
    assert f"no action 'show'; {expected}" in capsys.readouterr().err
