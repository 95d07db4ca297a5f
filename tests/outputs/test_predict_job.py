"""`mien predict` as a user meets it: stdout, stderr and the exit code."""

import csv
import io
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from mien.cli import main
from mien.core.errors import InputError
from mien.core.labels import FER2013
from mien.faces.faces import PHOTO, columns
from mien.outputs import photos as files
from mien.outputs.jobs import PredictJob
from mien.outputs.photos import Photo
from mien.outputs.predict_job import run_predict_job, watch
from tests import drawn
from tests.locked import refuse_locked
from tests.outputs.test_tables import read

Capture = pytest.CaptureFixture[str]


def predict(capsys: Capture, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["predict", *map(str, arguments)])
    found = capsys.readouterr()
    return int(ended.value.code or 0), found.out, found.err


@pytest.fixture
def folder(tmp_path: Path, astronaut_file: Path) -> Path:
    """A face, a photo without one, an empty file, and a text; with awkward names."""
    folder = tmp_path / "my photos"
    folder.mkdir()
    (folder / "face [bold].png").write_bytes(astronaut_file.read_bytes())
    Image.new("RGB", (80, 60), "teal").save(folder / "sea, sky.png")
    (folder / "zero.jpg").touch()
    return folder


def test_json(capsys: Capture, folder: Path, model: Path) -> None:
    code, out, err = predict(capsys, folder, "--model", model, "--json")
    photos = json.loads(out)
    assert code == 1
    assert [Path(photo["file"]).name for photo in photos] == ["face [bold].png", "sea, sky.png", "zero.jpg"]
    face = photos[0]["faces"][0]
    assert set(photos[0]) == {"file", "detector", "faces"}
    assert photos[0]["detector"] == "yunet"
    assert set(face) == {
        "box",
        "detection",
        "expression",
        "confidence",
        "quality",
        "roll",
        "yaw",
        "pitch",
        "uncertain",
        "prediction_set",
        "probabilities",
    }
    assert tuple(face["probabilities"]) == FER2013
    assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert photos[1] == {"file": str(folder / "sea, sky.png"), "detector": "yunet", "faces": []}
    assert photos[2] == {"file": str(folder / "zero.jpg"), "faces": [], "error": f"{folder / 'zero.jpg'}: empty"}
    assert err.splitlines() == [f"{folder / 'sea, sky.png'}: no face found", f"{folder / 'zero.jpg'}: empty"]


def test_csv(capsys: Capture, folder: Path, model: Path) -> None:
    code, out, _ = predict(capsys, folder, "--model", model, "--csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 1
    assert list(rows[0]) == [*columns(FER2013, PHOTO), "error"]
    assert [row["face"] for row in rows] == ["0", "", ""]
    assert float(rows[0]["confidence"]) == max(float(rows[0][f"p_{name}"]) for name in FER2013)
    assert rows[0][f"p_{rows[0]['expression']}"] == rows[0]["confidence"]
    assert {name: value for name, value in rows[1].items() if value} == {
        "file": str(folder / "sea, sky.png"),
        "detector": "yunet",
    }
    assert [row["quality"] for row in rows] == ["ok", "", ""]
    assert rows[2]["error"].endswith("zero.jpg: empty")


def test_table(capsys: Capture, folder: Path, model: Path) -> None:
    code, out, _ = predict(capsys, folder, "--model", model)
    lines = [line.split() for line in out.splitlines() if line.strip()]
    assert code == 1
    assert lines[0] == ["file", "face", "expression", "runner-up", "box"]
    assert len(lines) == 4  # head, rule, one face, who found it
    assert "face [bold].png" in out
    assert lines[3] == ["detector:", "yunet"]


def test_the_table_has_the_angles_that_were_asked_for(capsys: Capture, folder: Path, model: Path) -> None:
    photo = folder / "face [bold].png"
    lines = [
        line.split() for line in predict(capsys, photo, "--model", model, "--pose")[1].splitlines() if line.strip()
    ]
    assert lines[0][-3:] == ["roll", "yaw", "pitch"]
    (face,) = json.loads(predict(capsys, photo, "--model", model, "--pose", "--json")[1])[0]["faces"]
    assert lines[2][-3:] == [str(round(face[name])) for name in ("roll", "yaw", "pitch")]


def test_a_narrow_terminal_cuts_no_word_and_shows_low_quality(
    capsys: Capture, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (20, 20), 255).save(tmp_path / "white.png")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    _, out, _ = predict(capsys, tmp_path / "white.png", "--model", model, "--detector", "none")
    assert "…" not in out
    assert "neutral 100% (low quality)" in out
    assert "0 0 20 20" in out
    assert max(map(len, re.sub(r"\x1b\[[\d;]*m", "", out).splitlines())) <= 80


def test_images_per_second_count_the_time_to_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    def burst() -> Iterator[Photo]:
        time.sleep(0.2)
        yield from [Photo(Path("p.jpg"), None, "p.jpg: empty")] * 8

    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    assert len(list(watch(burst(), 8, quiet=False))) == 8
    shown = [float(rate) for rate in re.findall(r"([\d.]+) images/s", terminal.getvalue())]
    assert shown
    assert max(shown) <= 8 / 0.2


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
        (["PHOTO", "--out", "FOLDER"], "would overwrite this image"),
        (["PHOTO", "--detector", "haar"], "mien has no Haar cascade any more"),
        (["PHOTO", "--table", "faces.xlsx"], "a table ends with .csv, .jsonl, .parquet"),
        (["PHOTO", "--resume"], "add --table"),
        (["PHOTO", "--gallery", "faces.pdf"], "a gallery ends with .html"),
        (["nothing*.jpg"], "nothing*.jpg: no file or folder matches"),
        (["https://example.org/a.jpg"], "https://example.org/a.jpg: an address; mien reads files of this machine"),
        (["s3://bucket/a.jpg", "gone.jpg"], "s3://bucket/a.jpg: an address"),
        (["PHOTO", "--model", "https://example.org/m.onnx"], "https://example.org/m.onnx: an address"),
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
    assert predict(capsys, tmp_path / "black.png", "--model", model)[0] == 0
    assert predict(capsys, tmp_path / "notes.txt", tmp_path / "black.png", "--model", model)[0] == 1


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_table_is_interrupted_and_goes_on(
    capsys: Capture, folder: Path, model: Path, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "BATCH", 1)
    table = tmp_path / f"faces.{form}"
    whole = tmp_path / f"whole.{form}"
    arguments = [folder, "--model", model, "--table"]
    code, out, err = predict(capsys, *arguments, whole)
    assert (code, out) == (1, "")
    assert re.fullmatch(r"3 photos, 1 face: \w+ 1", err.splitlines()[-2])
    assert err.splitlines()[-1] == f"wrote {whole}"

    def interrupt(photo: Photo) -> list[dict[str, Any]]:
        if "sky" in photo.name:
            raise KeyboardInterrupt
        return to_rows(photo)

    to_rows = Photo.to_rows
    with monkeypatch.context() as patch:
        patch.setattr(Photo, "to_rows", interrupt)
        code, _, err = predict(capsys, *arguments, table)
        assert code == 130
        assert err.splitlines()[-1] == f"mien: interrupted; {table} has all rows so far, continue with --resume"
    assert [Path(row["file"]).name for row in read(table)] == ["face [bold].png"]
    code, _, err = predict(capsys, *arguments, table)
    assert code == 2
    assert "exists already; continue it with --resume" in err
    code, _, err = predict(capsys, *arguments, table, "--resume")
    assert code == 1
    assert f"{table}: photos done 1, to go 2" in err
    assert read(table) == read(whole)
    said = f"{table}: complete with 3 photos\n"
    assert predict(capsys, *arguments, table, "--resume") == (1, "", said)  # as the job that wrote it
    (folder / "sea, sky.png").unlink()
    (folder / "zero.jpg").unlink()
    assert predict(capsys, *arguments, table, "--resume") == (0, "", said)
    assert read(table) == read(whole)


def test_a_whole_table_of_nothing_that_can_be_read_is_two(capsys: Capture, model: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    arguments = [tmp_path / "a.jpg", "--model", model, "--table", tmp_path / "faces.csv"]
    assert predict(capsys, *arguments)[0] == 2
    assert predict(capsys, *arguments, "--resume")[::2] == (
        2,
        f"{tmp_path / 'faces.csv'}: complete with 1 photo\n",
    )


@pytest.mark.parametrize("option", [[], ["--json"], ["--csv"], ["--table", "TABLE"], ["--table", "TABLE", "--resume"]])
def test_a_photo_without_a_face_is_a_result_unless_a_face_is_required(
    capsys: Capture, model: Path, tmp_path: Path, option: list[str]
) -> None:
    Image.new("L", (48, 48)).save(tmp_path / "black.png")
    options = [{"TABLE": tmp_path / "faces.csv"}.get(one, one) for one in option]
    if "--resume" in option:
        predict(capsys, tmp_path / "black.png", "--model", model, *options)
    code, _, err = predict(capsys, tmp_path / "black.png", "--model", model, *options)
    assert code == 0
    assert ("black.png: no face found" in err) != ("--resume" in option)
    options += [] if "--resume" in option or "--table" not in option else ["--resume"]
    assert predict(capsys, tmp_path / "black.png", "--model", model, "--require-face", *options)[0] == 1


def test_gallery_and_sheet(capsys: Capture, folder: Path, model: Path, tmp_path: Path) -> None:
    pages = (tmp_path / "faces.html", tmp_path / "faces.png")
    code, _, err = predict(capsys, folder, "--model", model, "--gallery", pages[0], "--sheet", pages[1], "--json")
    assert (code, err.splitlines()[-2:]) == (1, [f"wrote {page}" for page in pages])
    assert pages[0].read_text("utf-8").count("<img ") == 1
    assert pages[1].stat().st_size > 1000


def test_patterns_and_a_list_on_stdin(
    capsys: Capture, folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def names(*arguments: object) -> list[str]:
        out = predict(capsys, *arguments, "--model", model, "--json")[1]
        return [Path(photo["file"]).name for photo in json.loads(out)]

    assert names(folder / "*.png") == ["face [bold].png", "sea, sky.png"]
    assert names(folder.parent / "**" / "z*") == ["zero.jpg"]
    assert names(folder / "face [bold].png") == ["face [bold].png"]  # a name that looks like a pattern
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{folder / 'zero.jpg'}\n\n{folder / 'sea, sky.png'}\n"))
    assert names("-") == ["zero.jpg", "sea, sky.png"]


def test_an_address_among_photos_does_not_end_the_job(capsys: Capture, astronaut_file: Path, model: Path) -> None:
    photos = ["https://example.org/a.jpg", astronaut_file.as_uri()]
    code, out, err = predict(capsys, *photos, "--model", model, "--csv")
    assert code == 1
    assert err.startswith("https://example.org/a.jpg: an address; mien reads files of this machine only")
    assert str(astronaut_file) in out


def test_a_list_given_as_a_photo_is_pointed_to_stdin(capsys: Capture, astronaut_file: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"{astronaut_file}\n")
    code, _, err = predict(capsys, tmp_path / "list.txt")
    assert code == 2
    assert f"mien predict - < {tmp_path / 'list.txt'}" in err


def test_help_shows_examples(capsys: Capture) -> None:
    code, out, _ = predict(capsys, "--help")
    assert code == 0
    assert "    $ mien predict photo.jpg\n" in out
    assert "Exit code: 0" in out


def test_linked_folders_are_read_once_and_what_cannot_be_read_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, outside = tmp_path / "in", tmp_path / "outside"
    for path in (folder / "a.png", outside / "b.png", folder / "locked" / "c.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawn.faces(1).images[0]).save(path)
    (folder / "linked").symlink_to(outside)
    (folder / "up").symlink_to(tmp_path)
    (folder / "gone.jpg").symlink_to("nowhere")
    os.mkfifo(folder / "pipe.png")
    refuse_locked(monkeypatch)
    code, out, err = predict(capsys, folder, "--detector", "none", "--csv")
    assert code == 1
    names = [row["file"].removeprefix(f"{folder}/") for row in csv.DictReader(out.splitlines())]
    assert names == ["a.png", "gone.jpg", "linked/b.png", "pipe.png"]
    assert f"passed over: 1, a link to a folder above it ({folder}/up)" in err
    assert f"passed over: 1, the folder cannot be read (Permission denied) ({folder}/locked)" in err
    assert err.index("passed over") < err.index("gone.jpg: No such file or directory")
    code, _, err = predict(capsys, folder / "locked")
    assert code == 2
    assert f"the folder cannot be read (Permission denied) ({folder}/locked)" in err


def test_a_photo_that_may_not_be_read_does_not_end_the_job(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.png", "locked.png", "z.png"):
        Image.fromarray(drawn.faces(1).images[0]).save(tmp_path / name)
    opened = Path.open

    def refusing(path: Path, *args: Any, **options: Any) -> Any:
        if path.name == "locked.png":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *args, **options)

    monkeypatch.setattr(Path, "open", refusing)
    code, out, err = predict(capsys, tmp_path, "--detector", "none", "--csv")
    assert code == 1
    assert len(out.splitlines()) == 4
    assert "locked.png: Permission denied" in err


def test_files_of_other_kinds_in_a_folder_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("raw.cr2", "layers.psd", "notes.txt", ".hidden"):
        (tmp_path / name).write_bytes(b"II*\0")
    line = f"passed over: 3, no photo or video by its name ({tmp_path}/layers.psd, {tmp_path}/notes.txt, {tmp_path}/raw"
    code, _, err = predict(capsys, tmp_path)
    assert code == 2
    assert err.startswith(line)
    Image.new("L", (48, 48)).save(tmp_path / "a.png")
    code, _, err = predict(capsys, tmp_path, "--detector", "none")
    assert code == 0
    assert err.startswith(line)


def test_what_was_not_read_as_it_is_and_where_copies_went_is_said(
    tmp_path: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    grey = np.random.default_rng(0).integers(0, 4096, (64, 64), dtype=np.uint16)
    cv2.imwrite(str(folder / "deep.png"), grey)
    cv2.imwrite(str(folder / "large.jpg"), np.full((100, 100), 90, np.uint8))
    data = (folder / "large.jpg").read_bytes()
    Image.effect_noise((64, 64), 90).save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:-900])
    (folder / "whole.jpg").write_bytes(data[:-2])
    job = PredictJob(str(model), "none", out=tmp_path / "out", max_pixels=9000, json=True)
    assert run_predict_job([folder], job) == 1
    err = capsys.readouterr().err
    assert "deep.png: 12 of 16 bits are in use" in err
    assert "large.jpg: 100 x 100 pixels, read at a reduced size: 50 x 50" in err
    assert re.search(r"cut\.jpg: damaged image \(cut off: \d+ % of the rows", err)
    assert f"wrote annotated copies of 3 photos to {tmp_path / 'out'}" in err
    assert run_predict_job([folder], replace(job, truncated="accept")) == 0
    out, err = capsys.readouterr()
    assert "cut.jpg: cut off" in err
    boxes = {Path(photo["file"]).name: photo["faces"][0]["box"] for photo in json.loads(out)}
    assert boxes["large.jpg"] == boxes["whole.jpg"] == [0, 0, 100, 100]
    assert "wrote annotated copies of 4 photos" in err
    with pytest.raises(InputError, match="device 'cuda'"):
        run_predict_job([folder], replace(job, device="cuda"))
