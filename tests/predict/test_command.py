"""`mien predict` as a user meets it: stdout, stderr and the exit code."""

import csv
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from mien.cli import main
from tests.predict.conftest import FER

Capture = pytest.CaptureFixture[str]


def predict(capsys: Capture, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["predict", *map(str, arguments)])
    found = capsys.readouterr()
    return int(ended.value.code or 0), found.out, found.err


@pytest.fixture
def folder(tmp_path: Path, astronaut_file: Path) -> Path:
    """A face, a photo without one, an empty file, and a text; with awkward names."""
    place = tmp_path / "my photos"
    place.mkdir()
    (place / "face [bold].png").write_bytes(astronaut_file.read_bytes())
    Image.new("RGB", (80, 60), "teal").save(place / "sea, sky.png")
    (place / "zero.jpg").touch()
    return place


def test_json(capsys: Capture, folder: Path, model: Path) -> None:
    code, out, err = predict(capsys, folder, "--model", model, "--json")
    photos = json.loads(out)
    assert code == 1
    assert [Path(photo["file"]).name for photo in photos] == ["face [bold].png", "sea, sky.png", "zero.jpg"]
    face = photos[0]["faces"][0]
    assert set(photos[0]) == {"file", "faces"}
    assert set(face) == {"box", "expression", "confidence", "probabilities"}
    assert tuple(face["probabilities"]) == FER
    assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert photos[1] == {"file": str(folder / "sea, sky.png"), "faces": []}
    assert photos[2] == {"file": str(folder / "zero.jpg"), "faces": [], "error": f"{folder / 'zero.jpg'}: empty"}
    assert err.splitlines() == [f"{folder / 'sea, sky.png'}: no face found", f"{folder / 'zero.jpg'}: empty"]


def test_csv(capsys: Capture, folder: Path, model: Path) -> None:
    code, out, _ = predict(capsys, folder, "--model", model, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 1
    columns = ["file", "face", "x", "y", "w", "h", "expression", "confidence", *(f"p_{name}" for name in FER), "error"]
    assert list(rows[0]) == columns
    assert [row["face"] for row in rows] == ["0", "", ""]
    assert float(rows[0]["confidence"]) == max(float(rows[0][f"p_{name}"]) for name in FER)
    assert rows[0][f"p_{rows[0]['expression']}"] == rows[0]["confidence"]
    assert set(list(rows[1].values())[1:]) == {""}
    assert rows[2]["error"].endswith("zero.jpg: empty")


def test_table(capsys: Capture, folder: Path, model: Path) -> None:
    code, out, _ = predict(capsys, folder, "--model", model)
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert code == 1
    assert lines[0][:4] == ["file", "face", "expression", "confidence"]
    assert len(lines) == 3  # head, rule, one face
    assert "face [bold].png" in out


def test_all_fine_is_zero_and_says_nothing_else(capsys: Capture, astronaut_file: Path, model: Path) -> None:
    code, out, err = predict(capsys, astronaut_file, "--model", model, "--threads", 1)
    assert (code, err) == (0, "")
    assert "astronaut.png" in out


def test_out_writes_annotated_copies(capsys: Capture, folder: Path, model: Path, tmp_path: Path) -> None:
    before = (folder / "face [bold].png").read_bytes()
    predict(capsys, folder, "--model", model, "--out", tmp_path / "out", "--threads", 2)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["face [bold].jpg", "sea, sky.jpg"]
    assert (folder / "face [bold].png").read_bytes() == before
    code, out, _ = predict(capsys, folder, "--model", model, "--out", folder / "copies", "--json")
    again = predict(capsys, folder, "--model", model, "--out", folder / "copies", "--json")
    assert again[:2] == (code, out)  # the copies are not taken for photos


def test_detector_none_takes_the_crop_whole(capsys: Capture, tmp_path: Path, model: Path) -> None:
    Image.new("L", (48, 48), 255).save(tmp_path / "white.png")
    code, out, _ = predict(capsys, tmp_path, "--model", model, "--detector", "none", "--json")
    assert code == 0
    assert json.loads(out)[0]["faces"][0]["box"] == [0, 0, 48, 48]
    assert json.loads(out)[0]["faces"][0]["expression"] == "neutral"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.jpg"], "gone.jpg: no such file or folder"),
        ([], "name at least one photo or folder"),
        (["PHOTO", "--json", "--csv"], "choose one"),
        (["PHOTO", "--model", "gone.onnx"], "gone.onnx: no such model"),
        (["PHOTO", "--threads", "0"], "threads 0: expected at least 1"),
        (["PHOTO", "--out", "FOLDER"], "would overwrite this picture"),
    ],
)
def test_bad_usage_is_two_and_one_line(
    capsys: Capture, tmp_path: Path, model: Path, arguments: list[str], message: str
) -> None:
    Image.new("L", (48, 48)).save(tmp_path / "p.jpg")
    names = {"PHOTO": str(tmp_path / "p.jpg"), "FOLDER": str(tmp_path)}
    given = [names.get(argument, argument) for argument in arguments]
    code, out, err = predict(capsys, *given, *([] if "--model" in given else ["--model", model]))
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_photos_of_which_none_can_be_read_are_two(capsys: Capture, tmp_path: Path, model: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a picture")
    Image.new("L", (48, 48)).save(tmp_path / "black.png")
    code, out, err = predict(capsys, tmp_path / "notes.txt", "--model", model)
    assert (code, out) == (2, "")
    assert err.startswith(str(tmp_path / "notes.txt"))
    assert predict(capsys, tmp_path / "black.png", "--model", model)[0] == 1
    assert predict(capsys, tmp_path / "notes.txt", tmp_path / "black.png", "--model", model)[0] == 1


def test_help_shows_examples(capsys: Capture) -> None:
    code, out, _ = predict(capsys, "--help")
    assert code == 0
    assert "    $ mien predict photo.jpg\n" in out
    assert "Exit code: 0" in out
