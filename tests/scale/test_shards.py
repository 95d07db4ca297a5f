"""`mien predict --shard` and `--merge`: together they are one process."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.scale import parts
from tests.drawn_video import write
from tests.outputs.test_predict_job import Capture, predict

OWN = {"job.json", "parts"}


def photos(folder: Path, number: int) -> None:
    """Write grey photos, each of another brightness."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(number):
        Image.new("L", (48, 48), index * 255 // number).save(folder / f"{index:03d}.png")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """31 photos, two of them broken; 5 videos, one of them cut off, and one broken; awkward names."""
    folder = tmp_path_factory.mktemp("archive") / "in"
    photos(folder / "a", 20)
    photos(folder / "z", 8)
    (folder / "a" / "007.png").write_bytes(b"")
    (folder / "a" / "=1+1.jpg").write_text("no photo")
    Image.new("L", (48, 48), 200).save(folder / "a" / "picture.mp4", "PNG")
    (folder / "a" / os.fsdecode(b"caf\xe9.png")).write_bytes((folder / "a" / "001.png").read_bytes())
    (folder / "b").mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (75, 64, 96, 3), dtype=np.uint8)
    write(folder / "b" / "clip.mp4", [np.full((64, 96, 3), 10 * n, np.uint8) for n in range(25)])
    write(folder / "b" / "clip.avi", [np.full((64, 96, 3), 3 * n, np.uint8) for n in range(50)], codec="mpeg4")
    data = write(folder / "whole.mkv", list(noise)).read_bytes()
    (folder / "whole.mkv").write_bytes(data[: len(data) // 2])
    (folder / "c.mov").write_text("no video")
    (folder / "b" / "video.jpg").write_bytes((folder / "b" / "clip.mp4").read_bytes())
    return folder


@pytest.fixture
def options(model: Path) -> list[object]:
    return ["--model", model, "--detector", "none", "--every", "0.08s"]


def content(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder but for those of its parts."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if path.relative_to(folder).parts[0] not in OWN
    }


def whole(
    capsys: Capture, archive: Path, options: list[object], out: Path, name: str = "faces.csv"
) -> dict[str, bytes]:
    """Return what one process makes of the archive, without the annotated copies of photos."""
    predict(capsys, archive, *options, "--table", out / name, "--out", out)
    files = content(out)
    renamed = {name.replace("b/video.", "b/video.jpg."): data for name, data in files.items()}
    return {name: data for name, data in renamed.items() if not name.endswith(".jpg")}


@pytest.mark.parametrize(("count", "name"), [(1, "faces.csv"), (3, "faces.jsonl"), (5, "faces.parquet")])
def test_shards_together_are_one_process(
    capsys: Capture, archive: Path, options: list[object], tmp_path: Path, count: int, name: str
) -> None:
    given = [*options, "--format", Path(name).suffix[1:], "--export", "boris"]
    one = whole(capsys, archive, given, tmp_path / "one", name)
    out = tmp_path / "out"
    codes, said = set(), ""
    for index in range(count, 0, -1):
        code, printed, err = predict(capsys, archive, *given, "--shard", f"{index}/{count}", "--out", out)
        assert printed == ""
        codes.add(code)
        said += err
    assert codes <= {0, 1, 2}
    for file in ("007.png: empty", "=1+1.jpg: not an image", "c.mov: not a video", "whole.mkv: ends at"):
        assert said.count(file) == 1
    assert f"{out / 'b' / 'clip.csv'}".replace(".csv", f".{name.split('.')[1]}") in said
    code, printed, err = predict(capsys, "--merge", out, *([] if count == 1 else ["--table", out / name]))
    assert (code, printed) == (1, "")
    assert content(out) == one
    assert sorted(path.name for path in (out / "parts").iterdir()) == sorted(
        f"{parts.part_name(names)}.json" for names in parts.cut(parts.read_job(out).files)
    )
    lines = err.splitlines()
    assert lines[0].startswith(f"{out / name}: 31 photos, 29 faces: ")
    assert lines[1] == f"{out}: 5 videos, with files of their own"
    assert lines[2].startswith("not read: 3 files (")
    assert lines[3] == f"not read to the end: 1 file ({archive / 'whole.mkv'})"


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Three parts: photos, a video, photos."""
    folder = tmp_path / "in"
    photos(folder, 3)
    write(folder / "001.mp4", [np.full((64, 96, 3), 10 * n, np.uint8) for n in range(25)])
    return folder


def shard(capsys: Capture, three: Path, options: list[object], out: Path, which: str = "1/1") -> tuple[int, str]:
    code, printed, err = predict(capsys, three, *options, "--shard", which, "--out", out)
    assert printed == ""
    return code, err


def test_what_is_done_is_not_done_again(
    capsys: Capture, three: Path, options: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    (three / "002.png").write_bytes(b"")
    code, err = shard(capsys, three, options, out)
    assert (code, err.splitlines()[0]) == (1, f"{out}: shard 1/1, files done 0, to go 4")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    code, err = shard(capsys, three, options, out, "1/1")
    assert (code, err) == (1, f"{out}: shard 1/1, files done 4, to go 0\n")  # as when they were done
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    gone = next(path for path in (out / "parts").iterdir() if "002.png" in path.read_text())
    gone.unlink()
    assert "to go 0" not in shard(capsys, three, options, out)[1]
    assert gone.exists()


def test_missing_parts_are_named(capsys: Capture, three: Path, options: list[object], tmp_path: Path) -> None:
    out = tmp_path / "out"
    shard(capsys, three, options, out, "1/3")
    code, _, err = predict(capsys, "--merge", out)
    assert code == 2
    assert len(err.splitlines()) == 1
    assert " missing, with " in err
    assert err.endswith("; run the shards again: they do what is missing\n")
    assert not (out / "faces.csv").exists()
    for which in ("2/3", "3/3"):
        shard(capsys, three, options, out, which)
    assert predict(capsys, "--merge", out)[0] == 0
    assert predict(capsys, "--merge", out)[0] == 0  # again


def test_other_settings_and_other_files_are_refused(
    capsys: Capture, three: Path, options: list[object], tmp_path: Path, make_brightness_model: Callable[..., Path]
) -> None:
    out = tmp_path / "out"
    shard(capsys, three, options, out, "1/2")
    before = content(tmp_path)

    def refused(*changed: object, paths: tuple[Path, ...] = (three,)) -> str:
        code, printed, err = predict(capsys, *paths, *options, *changed, "--shard", "2/2", "--out", out)
        assert (code, printed, len(err.splitlines())) == (2, "", 1)
        assert content(tmp_path) == before
        return err

    other = make_brightness_model(labels=("a", "b"))
    assert "job.json: made with --model " in refused("--model", other)
    assert "made with --min-face None, now 40.0" in refused("--detector", "yunet", "--min-face", 40)
    assert "made with --enter 0.5, now 0.6; give the options as before" in refused("--enter", "0.6")
    assert "made with --format csv, now jsonl" in refused("--format", "jsonl")
    assert "made for 4 files, now 1: 3 no longer there (" in refused(paths=(three / "000.png",))
    (three / "003.png").write_bytes((three / "000.png").read_bytes())
    before = content(tmp_path)
    assert f"made for 4 files, now 5: 1 new ({three / '003.png'}); give the same paths" in refused()


def test_a_copy_of_the_model_under_another_name_is_the_same(
    capsys: Capture, three: Path, options: list[object], tmp_path: Path, model: Path
) -> None:
    out, copy = tmp_path / "out", tmp_path / "copy.onnx"
    copy.write_bytes(model.read_bytes())
    shard(capsys, three, options, out, "1/2")
    assert predict(capsys, three, *options, "--model", copy, "--shard", "2/2", "--out", out)[0] == 0
    assert predict(capsys, "--merge", out)[0] == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "; expected a part of mien predict --shard; remove it and run the shards again"),
        (
            '{"made_with": "x", "outcomes": [], "messages": [], "rows": []}',
            "made with other settings than job.json says",
        ),
        (
            '{"made_with": "MADE", "outcomes": [], "messages": [], "rows": []}',
            "of other files than job.json says; remove it and run the shards again",
        ),
        (
            '{"made_with": "MADE", "outcomes": ["face"], "messages": [], "rows": [{"x": 1}]}',
            "of other files than job.json says; remove it and run the shards again",
        ),
    ],
)
def test_a_part_that_is_damaged_or_of_another_job_is_one_line(
    capsys: Capture, three: Path, options: list[object], tmp_path: Path, text: str, message: str
) -> None:
    out = tmp_path / "out"
    shard(capsys, three, options, out)
    damaged = parts.part_path(out, parts.part_name([str(three / "001.mp4")]))
    damaged.write_text(text.replace("MADE", json.loads(damaged.read_text())["made_with"]))
    for arguments in (["--merge", out], [three, *options, "--shard", "1/1", "--out", out]):
        code, _, err = predict(capsys, *arguments)
        assert (code, len(err.splitlines())) == (2, 1)
        assert str(damaged) in err
        assert message in err
    assert not (out / "faces.csv").exists()


def test_damaged_parts_are_counted_and_a_lost_job_is_written_again(
    capsys: Capture, three: Path, options: list[object], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shard(capsys, three, options, out)
    whole = content(tmp_path)
    (out / "job.json").write_text("{")
    for arguments in (["--merge", out], [three, *options, "--shard", "1/1", "--out", out]):
        assert "; remove it and run the shards again\n" in predict(capsys, *arguments)[2]
    (out / "job.json").unlink()
    code, err = shard(capsys, three, options, out)
    assert (code, err) == (0, f"{out}: shard 1/1, files done 4, to go 0\n")
    assert content(tmp_path) == whole
    several = sorted((out / "parts").iterdir())
    for path in several:
        path.write_text("{")
    code, _, err = predict(capsys, "--merge", out)
    assert (code, len(err.splitlines())) == (2, 1)
    assert err.endswith(f"run the shards again (and {len(several) - 1} others like it)\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["IN", "--shard", "1/1", "--out", "s3://bucket/out"], "mien: s3://bucket/out: an address; mien writes to"),
        (["IN", "--shard", "1/1", "--out", "OUT", "--threads", "0"], "mien: --threads 0: expected at least 1"),
        (["IN", "--engine", "ray", "--out", "OUT", "--threads", "-1"], "mien: --threads -1: expected at least 1"),
        (["IN", "--out", "s3://bucket/out"], "mien: s3://bucket/out: an address; mien writes to"),
        (["IN", "--shard", "0/0", "--out", "OUT"], "--shard 0/0: expected I/N"),
        (["IN", "--shard", "5/3", "--out", "OUT"], "--shard 5/3: expected I/N"),
        (
            ["IN", "--shard", "1/3"],
            "--shard needs a folder for the parts, the same for all processes: add --out FOLDER",
        ),
        (["IN", "--shard", "1/3", "--out", "OUT", "--json"], "leave out --json"),
        (["IN", "--shard", "1/3", "--out", "OUT", "--resume"], "leave out --json"),
        (["IN", "--shard", "1/3", "--out", "OUT", "--table", "t.csv"], "give --table to mien predict --merge"),
        (["IN", "--shard", "1/3", "--out", "OUT", "--every", "often"], "--every often: expected a time"),
        (["IN", "--shard", "1/3", "--out", "OUT", "--model", "gone.onnx"], "gone.onnx: no such model"),
        (["gone", "--shard", "1/3", "--out", "OUT"], "gone: no such file or folder"),
        (["--merge", "OUT"], "OUT: no job.json in it; expected the folder that was --out of mien predict --shard"),
        (["IN", "--merge", "OUT"], "--merge reads the parts in its folder: it takes --table and --require-face alone"),
        (["--merge", "OUT", "--pose"], "--merge reads the parts in its folder"),
        (["--merge", "OUT", "--shard", "1/2"], "--merge reads the parts in its folder"),
    ],
)
def test_bad_usage_is_two_and_one_line(
    capsys: Capture, three: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [str(three) if argument == "IN" else argument for argument in arguments]
    code, printed, err = predict(capsys, *given)
    assert (code, printed, len(err.splitlines())) == (2, "", 1)
    assert message in err
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_tables_of_somebody_are_not_replaced(
    capsys: Capture, three: Path, options: list[object], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "001.csv").write_text("mine")
    code, err = shard(capsys, three, options, out)
    assert (code, content(out)) == (2, {"001.csv": b"mine"})
    assert "001.csv: exists already; remove it, or choose another folder as --out" in err
    (out / "001.csv").unlink()
    shard(capsys, three, options, out)
    (tmp_path / "t.csv").write_text("mine")
    code, _, err = predict(capsys, "--merge", out, "--table", tmp_path / "t.csv")
    again = "exists already; remove it, or choose another file with --table\n"
    assert (code, err) == (2, f"mien: {tmp_path / 't.csv'}: {again}")
    (out / "faces.csv").write_text("mine")
    assert predict(capsys, "--merge", out)[::2] == (2, f"mien: {out / 'faces.csv'}: {again}")
    assert (out / "faces.csv").read_text() == "mine"
    assert predict(capsys, "--merge", out, "--table", tmp_path / "t.xlsx")[0] == 2
    assert (tmp_path / "t.csv").read_text() == "mine"


def test_what_cannot_be_written_stays_to_be_done(
    capsys: Capture, three: Path, options: list[object], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    (out / "001.timeline.png").mkdir(parents=True)
    code, err = shard(capsys, three, options, out)
    assert code == 2
    assert "001.timeline.png" in err.splitlines()[-1] or "cannot be written" in err.splitlines()[-1]
    assert predict(capsys, "--merge", out)[0] == 2
    (out / "001.timeline.png").rmdir()
    assert shard(capsys, three, options, out)[0] == 0
    assert predict(capsys, "--merge", out)[0] == 0


def test_videos_alone_have_no_table(capsys: Capture, three: Path, options: list[object], tmp_path: Path) -> None:
    for path in three.glob("*.png"):
        path.unlink()
    shard(capsys, three, options, tmp_path / "out")
    code, _, err = predict(capsys, "--merge", tmp_path / "out")
    assert (code, err) == (0, f"{tmp_path / 'out'}: 1 video, with files of their own\n")
    assert not (tmp_path / "out" / "faces.csv").exists()


def test_a_face_may_be_required(capsys: Capture, three: Path, options: list[object], tmp_path: Path) -> None:
    given = [*options[:2], "--detector", "yunet"]
    assert shard(capsys, three, [*given, "--require-face"], tmp_path / "out")[0] == 1
    assert shard(capsys, three, given, tmp_path / "out")[0] == 0
    assert predict(capsys, "--merge", tmp_path / "out")[0] == 0
    assert predict(capsys, "--merge", tmp_path / "out", "--require-face")[0] == 1


def test_names_that_are_too_long_are_files_that_cannot_be_read(
    capsys: Capture, three: Path, options: list[object], tmp_path: Path
) -> None:
    names = [f"{'x' * 300}.{suffix}" for suffix in ("mp4", "jpg", "txt")]
    for given in (["--shard", "1/1"], []):
        code, _, err = predict(capsys, *names, three / "000.png", *options, *given, "--out", tmp_path / "out")
        assert code == 1
        assert err.count(": File name too long") == 3


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_shard_that_is_killed_goes_on_and_the_result_is_the_same(
    capsys: Capture, options: list[object], tmp_path: Path, how: signal.Signals
) -> None:
    folder, out = tmp_path / "in", tmp_path / "out"
    photos(folder, 250)
    write(folder / "clip.mp4", [np.full((64, 96, 3), n % 256, np.uint8) for n in range(400)])
    given = [*options[:4], "--threads", 1]
    one = whole(capsys, folder, given, tmp_path / "one")
    verb = [sys.executable, "-m", "mien", "predict", folder, *given, "--out", out, "--shard"]

    def killed(which: str, when: Callable[[], bool]) -> None:
        running = subprocess.Popen([*map(str, verb), which], stderr=subprocess.PIPE, text=True)
        while not when():
            assert running.poll() is None
            time.sleep(0.001)
        running.send_signal(how)
        _, err = running.communicate()
        assert running.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
        if how == signal.SIGINT:
            assert err.splitlines()[-1] == "mien: interrupted; the same command goes on where it stopped"

    def grown() -> bool:
        return any(path.stat().st_size > 8_000 for path in out.glob("parts/*.work/clip.csv"))

    killed("1/1", grown)
    assert not (out / "clip.csv").exists()
    killed("1/1", lambda: len(list(out.glob("parts/*.json"))) > 3)
    for which in ("2/2", "1/2"):  # the parts are the same, whoever does them
        assert subprocess.run([*map(str, verb), which], check=True, capture_output=True).returncode == 0
    assert predict(capsys, "--merge", out)[0] == 0
    assert content(out) == one
    rows = [json.loads(path.read_text())["rows"] for path in out.glob("parts/*.json")]
    files = [row["file"] for several in rows for row in several]
    assert len(files) == len(set(files)) == 250
