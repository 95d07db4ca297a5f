"""`mien predict` with videos, as a user meets it: files, lines, exit codes, interruptions."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image, UnidentifiedImageError

from mien.core.labels import FER2013
from mien.outputs.inputs import is_video
from mien.recognition import video
from mien.recognition.video import Video
from tests.drawn_video import scene, write
from tests.outputs.test_predict_job import Capture, predict

FILES = ["csv", "csv.settings.json", "episodes.csv", "episodes.txt", "episodes.vtt", "timeline.png", "timeline.svg"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1 s whose whole picture, a face crop to the detector `none`, goes from dark to bright."""
    pictures = [np.full((64, 96, 3), 10 * n, np.uint8) for n in range(25)]
    return write(tmp_path_factory.mktemp("clips") / "clip.mp4", pictures, sound="aac")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_video_gives_its_files(capsys: Capture, clip: Path, model: Path, tmp_path: Path) -> None:
    code, out, err = predict(capsys, clip, "--model", model, "--detector", "none", "--out", tmp_path, "--video")
    assert (code, out) == (0, "")
    count = len(rows(tmp_path / "clip.episodes.csv"))
    assert err == f"{tmp_path / 'clip.csv'}: 25 frames over 1.0 s, 1 face, {count} episodes\n"
    wanted = sorted(f"clip.{name}" for name in [*FILES, "annotated.mp4"])
    assert sorted(path.name for path in tmp_path.iterdir()) == wanted
    table = rows(tmp_path / "clip.csv")
    assert list(table[0])[:3] == ["frame", "time", "track"]
    assert [f"{kind}_{name}" for kind in "ps" for name in FER2013] == [
        name for name in table[0] if name[:2] in ("p_", "s_")
    ]
    assert [int(row["frame"]) for row in table] == list(range(25))
    assert (table[0]["expression"], table[24]["expression"]) == ("angry", "neutral")
    with Video(tmp_path / "clip.annotated.mp4") as video:
        assert sum(1 for _ in video) == 25


@pytest.mark.parametrize(
    ("options", "name", "taken"),
    [
        (["--every", "0.2s"], "clip.csv", "5 frames over 1.0 s"),
        (["--every", "200ms", "--format", "jsonl"], "clip.jsonl", "5 frames over 1.0 s"),
        (["--fps", "10", "--format", "parquet"], "clip.parquet", "10 frames over 1.0 s"),
        (["--every", "0.6s"], "clip.csv", "2 frames over 1.0 s"),
        (["--every", "9s"], "clip.csv", "1 frame over 0.0 s"),
    ],
)
def test_samples_and_formats(
    capsys: Capture, clip: Path, model: Path, tmp_path: Path, options: list[str], name: str, taken: str
) -> None:
    code, _, err = predict(capsys, clip, "--model", model, "--detector", "none", "--out", tmp_path, *options)
    assert code == 0
    assert err.startswith(f"{tmp_path / name}: {taken}, ")
    assert (tmp_path / name).is_file()


def test_photos_and_videos_in_one_go(capsys: Capture, clip: Path, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    Image.new("L", (48, 48), 255).save(folder / "white.png")
    (folder / "deep" / "clip.mp4").write_bytes(clip.read_bytes())
    (folder / "broken.mov").write_text("not a video")
    arguments = [folder, "--model", model, "--detector", "none", "--csv"]
    code, out, err = predict(capsys, *arguments, "--out", tmp_path / "out")
    assert code == 1
    assert [line.split(",")[0] for line in out.splitlines()] == ["file", str(folder / "white.png")]
    assert f"{folder / 'broken.mov'}: not a video that can be read" in err
    assert sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*")) == [
        *sorted(f"deep/clip.{name}" for name in FILES),
        "white.jpg",
    ]
    code, out, err = predict(capsys, *arguments)
    assert code == 0
    named = f"{folder / 'broken.mov'}, {folder / 'deep' / 'clip.mp4'}"
    assert err == f"2 videos skipped: {named}; give --out FOLDER for their tables\n"
    (folder / "broken.mov").unlink()
    named = str(folder / "deep" / "clip.mp4")
    assert predict(capsys, *arguments)[2] == f"1 video skipped: {named}; give --out FOLDER for their tables\n"


@pytest.mark.parametrize("name", ["clip", "clip.dat"])
def test_a_video_is_known_by_its_content_where_not_by_its_name(
    capsys: Capture, clip: Path, model: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(clip.read_bytes())
    arguments = [tmp_path / name, "--model", model, "--detector", "none"]
    code, _, err = predict(capsys, *arguments, "--out", tmp_path / "out")
    assert code == 0
    assert err.startswith(f"{tmp_path / 'out' / 'clip.csv'}: 25 frames over 1.0 s")
    assert "add --out FOLDER" in predict(capsys, *arguments)[2]


def test_other_content_is_no_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (48, 48)).save(tmp_path / "photo", "JPEG")
    Image.new("L", (48, 48)).save(tmp_path / "cut.avif")
    (tmp_path / "cut.avif").write_bytes((tmp_path / "cut.avif").read_bytes()[:-30])  # FFmpeg finds a stream in it
    (tmp_path / "art.nfo").write_text("\x1b[1m no picture\n" * 50)  # FFmpeg would play it
    (tmp_path / "text").write_text("no picture\n" * 50)
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    for name in ("photo", "cut.avif", "art.nfo", "text", "empty", "pipe", "gone"):
        assert not is_video(tmp_path / name)
    with monkeypatch.context() as patch:
        patch.setattr(Image, "open", Mock(side_effect=UnidentifiedImageError))
        assert not is_video(tmp_path / "photo")  # to FFmpeg a still picture is a video too
    monkeypatch.setattr(video, "Video", Mock(side_effect=AssertionError))
    assert not is_video(tmp_path / "photo")  # which Pillow knows at once
    assert not is_video(tmp_path / "gone.jpg")


def test_no_face_is_reported_and_every_frame_has_a_row(capsys: Capture, model: Path, tmp_path: Path) -> None:
    write(tmp_path / "dark.mp4", [scene(None)] * 5)
    code, _, err = predict(
        capsys, tmp_path / "dark.mp4", "--model", model, "--detector", "yunet", "--out", tmp_path / "o"
    )
    assert code == 0
    assert f"{tmp_path / 'dark.mp4'}: no face found" in err.splitlines()
    table = rows(tmp_path / "o" / "dark.csv")
    assert [row["frame"] for row in table] == ["0", "1", "2", "3", "4"]
    assert {value for row in table for name, value in row.items() if name not in ("frame", "time")} == {""}


def test_a_face_may_be_required_of_videos_too(capsys: Capture, model: Path, tmp_path: Path) -> None:
    write(tmp_path / "dark.mp4", [scene(None)] * 2)
    arguments = [tmp_path / "dark.mp4", "--model", model, "--out", tmp_path / "o"]
    assert predict(capsys, *arguments, "--require-face")[0] == 1
    assert predict(capsys, *arguments, "--require-face", "--resume")[0] == 1
    (tmp_path / "no.mp4").write_text("nothing")
    assert predict(capsys, tmp_path / "no.mp4", "--out", tmp_path / "o")[0] == 2


def test_a_video_that_is_cut_off_keeps_its_rows(capsys: Capture, model: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (75, 64, 96, 3), dtype=np.uint8)
    data = write(tmp_path / "whole.mkv", list(noise)).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    arguments = ["--model", model, "--detector", "none", "--out", tmp_path / "out"]
    code, _, err = predict(capsys, tmp_path / "cut.mkv", *arguments)
    assert code == 1
    assert "cut off or damaged" in err.splitlines()[-1]
    assert len(err.splitlines()) == 2
    assert 30 <= len(rows(tmp_path / "out" / "cut.csv")) <= 45
    (tmp_path / "text.mp4").write_text("not a video")
    assert predict(capsys, tmp_path / "text.mp4", *arguments)[0] == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "the table of a video needs a folder; add --out FOLDER"),
        (["--out", "OUT", "--every", "0.2s", "--fps", "5"], "--every and --fps: choose one"),
        (["--out", "OUT", "--every", "often"], "--every often: expected a time such as 0.2s"),
        (["--out", "OUT", "--format", "xlsx"], "clip.xlsx: a table ends with .csv, .jsonl, .parquet"),
        (["--out", "OUT", "--fps", "0"], "--fps 0: expected a number above 0"),
        (["--out", "OUT", "--csv"], "--table, --json, --csv, --gallery and --sheet are for photos; there is none"),
    ],
)
def test_bad_usage_is_two_and_one_line(
    capsys: Capture, clip: Path, model: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    given = [str(tmp_path / "out") if option == "OUT" else option for option in options]
    code, out, err = predict(capsys, clip, "--model", model, "--detector", "none", *given)
    assert (code, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_video_options_want_a_video(capsys: Capture, model: Path, tmp_path: Path) -> None:
    Image.new("L", (48, 48)).save(tmp_path / "p.png")
    code, _, err = predict(capsys, tmp_path / "p.png", "--model", model, "--fps", 5)
    assert code == 2
    assert "are for videos; there is none" in err


def test_a_table_that_is_there_is_not_lost(capsys: Capture, clip: Path, model: Path, tmp_path: Path) -> None:
    arguments = [clip, "--model", model, "--detector", "none", "--out", tmp_path]
    predict(capsys, *arguments)
    before = (tmp_path / "clip.csv").read_bytes()
    code, _, err = predict(capsys, *arguments)
    assert code == 2
    assert "continue it with --resume" in err
    assert predict(capsys, *arguments, "--resume")[0] == 0
    assert (tmp_path / "clip.csv").read_bytes() == before


def test_the_annotated_copy_of_a_resumed_job_is_whole(capsys: Capture, clip: Path, model: Path, tmp_path: Path) -> None:
    arguments = [clip, "--model", model, "--detector", "none", "--video", "--threads", 1]
    predict(capsys, *arguments, "--out", tmp_path / "whole")
    (tmp_path / "rest").mkdir()
    lines = (tmp_path / "whole" / "clip.csv").read_text().splitlines(keepends=True)
    (tmp_path / "rest" / "clip.csv").write_text("".join(lines[:12]))
    assert predict(capsys, *arguments, "--out", tmp_path / "rest", "--resume")[0] == 0
    assert (tmp_path / "rest" / "clip.csv").read_text() == "".join(lines)
    with (
        Video(tmp_path / "whole" / "clip.annotated.mp4") as whole,
        Video(tmp_path / "rest" / "clip.annotated.mp4") as rest,
    ):
        pairs = [(one.image.astype(int), other.image.astype(int)) for one, other in zip(whole, rest, strict=True)]
    assert len(pairs) == 25
    assert max(np.abs(one - other).mean() for one, other in pairs) < 1  # the encoder does not repeat itself exactly


@pytest.mark.parametrize("there", ["clip.csv", "clip.parquet", ".clip.parquet.part.jsonl"])
def test_a_table_that_is_there_is_refused_before_any_work(
    capsys: Capture, clip: Path, model: Path, tmp_path: Path, there: str
) -> None:
    Image.new("L", (48, 48), 255).save(tmp_path / "white.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / there).touch()
    arguments = [tmp_path / "white.png", clip, "--model", model, "--detector", "none", "--out", tmp_path / "out"]
    form = "csv" if there.endswith("csv") else "parquet"
    code, out, err = predict(capsys, *arguments, "--table", tmp_path / "faces.csv", "--format", form)
    assert (code, out) == (2, "")
    assert (
        err == f"mien: {tmp_path / 'out' / there}: exists already; continue it with --resume, or choose another file\n"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "white.png"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == [there]


@pytest.fixture(scope="module")
def long(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a video of 400 pictures and, in `whole`, what an undisturbed job gives."""
    folder = tmp_path_factory.mktemp("long")
    write(folder / "clip.mp4", [np.full((64, 96, 3), n % 256, np.uint8) for n in range(400)])
    subprocess.run(job(folder, model, "whole"), check=True, capture_output=True)
    return folder


def job(folder: Path, model: Path, out: str, *more: str) -> list[str]:
    verb = [sys.executable, "-m", "mien", "predict", str(folder / "clip.mp4"), "--out", str(folder / out)]
    return [*verb, "--model", str(model), "--detector", "none", *more]


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_and_resumed_it_is_the_same(model: Path, long: Path, how: signal.Signals) -> None:
    running = subprocess.Popen(job(long, model, how.name), stderr=subprocess.PIPE, text=True)
    table = long / how.name / "clip.csv"
    while not table.exists() or table.stat().st_size < 8_000:
        assert running.poll() is None
        time.sleep(0.001)
    running.send_signal(how)
    _, err = running.communicate()
    assert running.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
    if how == signal.SIGINT:
        assert err.splitlines()[-1] == f"mien: interrupted; {table} has all rows so far, continue with --resume"
        assert 30 < len(rows(table)) < 400
    subprocess.run(job(long, model, how.name, "--resume"), check=True, capture_output=True)
    assert sorted(path.name for path in table.parent.iterdir()) == sorted(f"clip.{name}" for name in FILES)
    for name in FILES:
        assert (table.parent / f"clip.{name}").read_bytes() == (long / "whole" / f"clip.{name}").read_bytes()


def test_jumps_and_sizes_are_said_with_the_result(capsys: Capture, model: Path, tmp_path: Path) -> None:
    parts = [np.full((64, 96, 3), 200, np.uint8)] * 25, [np.full((32, 48, 3), 200, np.uint8)] * 25
    data = [write(tmp_path / f"{n}.ts", frames, codec="libx264").read_bytes() for n, frames in enumerate(parts)]
    (tmp_path / "j.ts").write_bytes(b"".join(data))
    out = tmp_path / "out"
    code, _, err = predict(
        capsys, tmp_path / "j.ts", "--model", model, "--detector", "none", "--out", out, "--every", "0.2s"
    )
    assert code == 0
    result, jump, size = err.splitlines()
    assert result.startswith(f"{out / 'j.csv'}: 10 frames over 2.0 s, ")
    assert result.endswith(", 1 jump in time closed")
    assert "its times jump from 1.0" in jump
    assert "its picture changes from 96 x 64 to 48 x 32" in size
    times = [float(row["time"]) for row in rows(out / "j.csv")]
    assert times == pytest.approx([n / 5 for n in range(10)], abs=0.05)
    assert {row["w"] for row in rows(out / "j.csv")} == {"96", "48"}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--every", "0.5s"], "made with --every 0.2 s, now 0.5 s"),
        (["--fps", "10"], "made with --every 0.2 s, now 0.1 s"),
        ([], "made with --every 0.2 s, now 0 s (all frames)"),
        (["--every", "0.2s", "--detector", "yunet"], "made with --detector none, now yunet"),
        (["--every", "0.2s", "--model", "small"], ", now "),
        (["--fps", "5"], ""),
        (["--every", "200ms", "--threads", "1", "--require-face"], ""),
    ],
)
@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_resumed_with_other_settings_it_is_refused(
    capsys: Capture, clip: Path, model: Path, tmp_path: Path, more: list[str], message: str, form: str
) -> None:
    first = ["--model", model, "--detector", "none", "--every", "0.2s"]
    predict(capsys, clip, *first, "--out", tmp_path, "--format", form)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    given = [*(["--model", model] if "--model" not in more else []), *more]
    given += ["--detector", "none"] if "--detector" not in more else []
    code, _, err = predict(capsys, clip, *given, "--out", tmp_path, "--format", form, "--resume")
    assert code == (2 if message else 0)
    assert message in err
    if message:
        assert err.startswith(f"mien: {tmp_path / f'clip.{form}'}: made with ")
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_table_is_not_continued_for_another_video(capsys: Capture, clip: Path, model: Path, tmp_path: Path) -> None:
    given = ["--model", model, "--detector", "none", "--out", tmp_path / "out"]
    (tmp_path / "in").mkdir()
    shutil.copy(clip, tmp_path / "in" / "clip.mp4")
    predict(capsys, tmp_path / "in", *given)
    before = (tmp_path / "out" / "clip.csv").read_bytes()
    write(tmp_path / "in" / "clip.avi", [scene(90)] * 10, codec="mpeg4")  # is clip now, and the other clip-2
    code, _, err = predict(capsys, tmp_path / "in", *given, "--resume")
    assert code == 2
    assert "clip.csv: made with video clip.mp4, " in err
    assert ", now clip.avi, " in err
    assert (tmp_path / "out" / "clip.csv").read_bytes() == before
    (tmp_path / "in" / "clip.avi").unlink()
    assert predict(capsys, tmp_path / "in", *given, "--resume")[0] == 0


def test_names_do_not_end_the_job(capsys: Capture, clip: Path, model: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    names = [
        "x" * 241 + ".mp4",
        "얼굴" * 40 + ".mp4",
        "a\nb.mp4",
        "%d.mp4",
        "-x.mp4",
        "pipe:0.mp4",
        "video.jpg",
        "text.png",
    ]
    for name in [*names, os.fsdecode(b"\xff.mp4")]:
        (folder / name).write_bytes(clip.read_bytes())
    Image.new("L", (48, 48), 255).save(folder / "picture.mp4", "PNG")
    (folder / "list.mkv").write_text("ffconcat version 1.0\nfile '-x.mp4'\n")
    code, shown, err = predict(
        capsys, folder, "--model", model, "--detector", "none", "--out", out, "--every", "0.5s", "--video", "--csv"
    )
    assert code == 1
    assert len(list(out.glob("*.annotated.mp4"))) == len(list(out.glob("*.timeline.svg"))) == 9
    assert max(len(os.fsencode(path.name)) for path in out.iterdir()) <= 255
    assert "names too long for output files, shortened: " in err
    assert f"{folder / 'list.mkv'}: not a video that can be read (it is text" in err
    assert [line.split(",")[0] for line in shown.splitlines()] == ["file", str(folder / "picture.mp4")]


def test_a_video_whose_files_cannot_be_written_does_not_end_the_job(
    capsys: Capture, clip: Path, model: Path, tmp_path: Path
) -> None:
    for name in "ab":
        (tmp_path / f"{name}.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "out" / "a.timeline.png").mkdir(parents=True)
    videos = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    code, _, err = predict(
        capsys, *videos, "--model", model, "--detector", "none", "--out", tmp_path / "out", "--every", "0.5s"
    )
    assert code == 1
    assert f"{tmp_path / 'out' / 'a.timeline.png'}: cannot be written" in err
    assert (tmp_path / "out" / "b.timeline.png").is_file()
