"""`mien study run`: what is recognised and what is not, the frames, the rules, interruptions."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.dataset
import pyarrow.parquet
import pytest

from mien.core.errors import InputError
from mien.outputs.jobs import PredictJob
from mien.outputs.video_rows import to_rows
from mien.study import video_task, workers
from mien.study.frames import columns_of
from mien.study.run import StudyRun, run_study
from tests.blocks import Mien
from tests.blocks import mien as mien  # the fixture
from tests.drawn_video import write

HEAD = "participant,session,condition,file,start,end,offset"


def video(path: Path, levels: Iterable[int], **options: Any) -> Path:
    """Write a video at 25 frames a second, each evenly grey: a face to the detector `none`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write(path, [np.full((48, 64, 3), level, np.uint8) for level in levels], **options)


MakeStudy = Callable[..., Path]


@pytest.fixture
def make_study(tmp_path: Path, model: Path) -> MakeStudy:
    """`make_study(rows, settings=..., rest=...)` writes a study whose model says how bright a frame is."""

    def make(*rows: str, settings: str = "every = 0", rest: str = "") -> Path:
        (tmp_path / "videos.csv").write_text("\n".join([HEAD, *rows]) + "\n")
        shutil.copy(model, tmp_path / "model.onnx")
        table = f'[settings]\nmodel = "model.onnx"\ndetector = "none"\n{settings}\n{rest}\n'
        (tmp_path / "study.toml").write_text(table)
        return tmp_path

    return make


def frames(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pyarrow.dataset.dataset(folder / "out" / "frames").to_table().to_pylist()
    return found


def tables(folder: Path) -> dict[str, Any]:
    """Return what there is to be the same: all rows, in order."""
    return {path.name: pyarrow.parquet.read_table(path) for path in sorted((folder / "out" / "frames").iterdir())}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the videos that are recognised."""
    names: list[str] = []
    original = video_task.recognise_video

    def count(task: video_task.VideoTask, *rest: Any) -> Any:
        names.append(task.path.name)
        return original(task, *rest)

    monkeypatch.setattr(workers, "recognise_video", count)
    return names


def run(folder: Path) -> StudyRun:
    return run_study(folder, jobs=1)


def test_a_study_has_a_row_per_frame_and_face(make_study: MakeStudy, tmp_path: Path) -> None:
    video(tmp_path / "a.mp4", range(0, 250, 10))
    video(tmp_path / "sub" / "b.mp4", [255] * 5)
    folder = make_study("P1,s,calm,a.mp4,,,", "P2,s,stress,sub/b.mp4,,,-1.5")
    done = run(folder)
    assert [(one.frames, one.with_face, one.usable) for one in done.counts] == [(25, 25, 25), (5, 5, 5)]
    rows = frames(folder)
    classes = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    assert list(rows[0]) == columns_of(classes)
    assert [row["frame"] for row in rows if row["video"] == "a.mp4"] == list(range(25))
    first, last = rows[0], rows[-1]
    assert {name: first[name] for name in ("participant", "session", "condition", "person", "expression")} == {
        "participant": "P1", "session": "s", "condition": "calm", "person": "1", "expression": "angry",
    }  # fmt: skip
    assert (last["time"], last["time_study"], last["expression"], last["usable"]) == (0.16, -1.34, "neutral", True)
    assert sum(first[f"p_{name}"] for name in classes) == pytest.approx(1)
    facts = json.loads((folder / "out" / "settings.json").read_text())
    assert facts["videos"]["a.mp4"]["frames"] == 25
    assert str(tmp_path) not in json.dumps(facts)


def test_what_has_not_changed_is_not_recognised_again(
    make_study: MakeStudy, tmp_path: Path, counted: list[str]
) -> None:
    video(tmp_path / "a.mp4", range(0, 250, 10))
    video(tmp_path / "b.mp4", range(250, 0, -10))
    rows = "P1,,,a.mp4,,,", "P2,,,b.mp4,,,"
    folder = make_study(*rows)
    run(folder)
    assert counted == ["a.mp4", "b.mp4"]
    before = tables(folder)
    make_study(*rows, rest="[rules]\nquality = []\n[numbers]\nsmoothing = 1\nenter = 0.7")
    run(folder)
    (tmp_path / "a.mp4").touch()
    (tmp_path / "b.mp4").rename(tmp_path / "c.mp4")
    make_study("P1,,,a.mp4,,,", "P2,,,c.mp4,,,")
    run(folder)
    assert counted == ["a.mp4", "b.mp4"]  # bytes decide: neither time nor name
    assert sorted(tables(folder)) == ["a.parquet", "c.parquet"]
    assert tables(folder)["a.parquet"] == before["a.parquet"]
    video(tmp_path / "a.mp4", [0] * 5)
    run(folder)
    assert counted[2:] == ["a.mp4"]
    make_study("P1,,,a.mp4,,,", "P2,,,c.mp4,,,", settings="every = 0.2")
    run(folder)
    assert sorted(counted[3:]) == ["a.mp4", "c.mp4"]
    make_study("P1,,,a.mp4,,,", "P2,,,c.mp4,,,")
    run(folder)
    assert len(counted) == 5  # what the settings of before made is still there
    before = tables(folder)
    for table in (folder / "cache").glob("*.parquet"):
        table.write_bytes(table.read_bytes()[:100])  # as after a full disk
    run(folder)
    assert (len(counted), tables(folder)) == (7, before)
    table = next(one for one in (folder / "cache").glob("*.parquet") if one.stat().st_size > 100)
    table.write_bytes(b"PAR1" + b"\x5a" * 56 + table.read_bytes()[60:])
    with pytest.raises(
        InputError, match=r"cache/.*\.parquet: damaged \(.*\); delete it, and mien study run recognises"
    ):
        run(folder)


def test_parts_of_a_video(make_study: MakeStudy, tmp_path: Path, counted: list[str]) -> None:
    video(tmp_path / "a.mp4", range(0, 250, 5))
    folder = make_study("P1,,calm,a.mp4,0.2,0.6,", "P1,,stress,a.mp4,1,1.4,100")
    run(folder)
    rows = frames(folder)
    assert [(row["condition"], row["frame"]) for row in rows] == [
        *(("calm", number) for number in range(5, 15)),
        *(("stress", number) for number in range(25, 35)),
    ]
    assert rows[-1]["time_study"] == pytest.approx(101.36)
    assert pyarrow.parquet.read_metadata(next((folder / "cache").glob("*.parquet"))).num_rows == 30
    make_study("P1,,calm,a.mp4,0.2,0.4,")
    run(folder)
    assert [row["frame"] for row in frames(folder)] == list(range(5, 10))
    assert counted == ["a.mp4"]  # a smaller part is in the table of the larger one
    make_study("P1,,calm,a.mp4,0.2,,")
    run(folder)
    assert [row["frame"] for row in frames(folder)] == list(range(5, 50))
    longer = tables(folder)
    shutil.rmtree(folder / "cache")
    run(folder)
    assert tables(folder) == longer  # the rest was added to what was there: the same as in one go


def test_a_copy_of_a_video_has_its_rows_and_those_of_its_own_part(
    make_study: MakeStudy, tmp_path: Path, counted: list[str]
) -> None:
    shutil.copy(video(tmp_path / "a.mp4", range(25)), tmp_path / "b.mp4")
    done = run(make_study("P1,,,a.mp4,,0.4,", "P2,,,b.mp4,0.2,0.8,"))
    assert [one.frames for one in done.counts] == [10, 15]
    assert counted == ["a.mp4"]


def test_events_and_rules_decide_what_is_usable(make_study: MakeStudy, tmp_path: Path) -> None:
    video(tmp_path / "a.mp4", range(0, 250, 10))
    (tmp_path / "events.csv").write_text("participant,start,end,label\nP1,0.2,0.4,task\nP1,0.3,0.5,break\n")
    (tmp_path / "out.csv").write_text("start,end,label\n0.8,0.9,phone\n")
    rest = '[study]\nevents = "events.csv"\n[rules]\nevents = "break"\nexclude = "out.csv"\nquality = []'
    folder = make_study("P1,,,a.mp4,,,", rest=rest)
    done = run(folder)
    found = {row["frame"]: (row["events"], row["usable"], row["reason"]) for row in frames(folder)}
    assert found[0] == ("", True, "")
    assert found[5] == ("task", True, "")
    assert found[8] == ("task|break", False, "excluded: break")
    assert found[20] == ("phone", False, "excluded: phone")
    assert done.counts[0].reasons == {"excluded: break": 5, "excluded: phone": 3}
    assert done.counts[0].usable == 17
    make_study("P1,,,a.mp4,,,", rest='[rules]\nquality = ["blurred", "dark"]')
    run(folder)
    assert {row["reason"] for row in frames(folder)} == {"blurred|dark"}


def test_the_copies(make_study: MakeStudy, tmp_path: Path) -> None:
    pandas, pyreadstat = pytest.importorskip("pandas"), pytest.importorskip("pyreadstat")
    video(tmp_path / "a.mp4", [0, 100, 200])
    rest = '[output]\nseparator = ";"\ndecimal = ","\nsav = true'
    folder = make_study("=P1,,calm,a.mp4,,,0.5", rest=rest)
    run(folder)
    wanted = pyarrow.parquet.read_table(folder / "out" / "frames" / "a.parquet").to_pandas()
    assert wanted["participant"][0] == "=P1"
    with (folder / "out" / "frames.csv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert (rows[1]["participant"], rows[1]["time_study"], rows[1]["usable"]) == ("'=P1", "0,54", "True")
    read = pandas.read_csv(folder / "out" / "frames.csv", sep=";", decimal=",")
    for name in ("time", "p_angry", "x", "frame"):
        assert read[name].tolist() == wanted[name].tolist()
    saved, facts = pyreadstat.read_sav(str(folder / "out" / "frames_sav" / "a.sav"))
    assert facts.column_labels == wanted.columns.tolist()
    assert saved["p_happy"].tolist() == wanted["p_happy"].tolist()
    assert saved["usable"].tolist() == [1.0, 1.0, 1.0]
    make_study("=P1,,calm,a.mp4,,,", rest="[output]\ncsv = false")
    run(folder)
    assert not [*(folder / "out" / "frames_sav").iterdir(), *(folder / "out").glob("*.sav")]
    assert sorted(path.name for path in (folder / "out").glob("*.csv")) == ["events.csv", "videos.csv"]


def test_the_frames_are_one_data_set_to_other_readers(make_study: MakeStudy, tmp_path: Path) -> None:
    import duckdb
    import pandas
    import polars

    for name in "ab":
        video(tmp_path / f"{name}.mp4", [0, 100, 200])
    folder = make_study("P1,,,a.mp4,,,", "P2,,,b.mp4,,,")
    run(folder)
    place, wanted = folder / "out" / "frames", {"P1": 3, "P2": 3}
    table = pandas.read_parquet(place)
    assert table[table["usable"]].groupby("participant").size().to_dict() == wanted
    assert str(table["track"].dtype) == "Int64"
    lazy = polars.scan_parquet(place / "*.parquet").filter("usable").collect()
    assert dict(lazy.group_by("participant").len().iter_rows()) == wanted
    assert lazy["track"].dtype == polars.Int64
    query = f"select participant, count(*), max(typeof(track)) from '{place}/*.parquet' where usable group by 1"
    assert {name: (count, kind) for name, count, kind in duckdb.execute(query).fetchall()} == {
        name: (count, "BIGINT") for name, count in wanted.items()
    }


def test_what_cannot_be_read_is_named(mien: Mien, make_study: MakeStudy, tmp_path: Path) -> None:
    video(tmp_path / "a.mp4", [0] * 50)
    data = (tmp_path / "a.mp4").read_bytes()
    (tmp_path / "text.mp4").write_text("no video")
    write(tmp_path / "half.mkv", [np.full((48, 64, 3), 5 * n, np.uint8) for n in range(50)])
    half = (tmp_path / "half.mkv").read_bytes()
    (tmp_path / "half.mkv").write_bytes(half[: len(half) // 2])
    assert data
    folder = make_study("P1,,,a.mp4,,,", "P2,,,text.mp4,,,", "P3,,,hals.mkv,,,", "P4,,,half.mkv,,,")
    code, out, err = mien("study", "run", str(folder), "--jobs", "1")
    near = "did you mean 'half.mkv'?"
    missing = f"{folder / 'videos.csv'}:4: no such file: {tmp_path / 'hals.mkv'}; {near}; the others go on\n"
    assert err.startswith(missing)  # before the work
    assert code == 1
    assert "P1" in out
    assert f"not read: hals.mkv ({tmp_path / 'hals.mkv'}: no such file)" in err
    assert f"not read: text.mp4 ({tmp_path / 'text.mp4'}: not a video" in err
    assert "not read to the end: 1 video (half.mkv)" in err
    facts = json.loads((folder / "out" / "settings.json").read_text())
    assert sorted(facts["not read"]) == ["hals.mkv", "text.mp4"]
    assert facts["videos"]["half.mkv"]["damage"]
    make_study("P3,,,gone.mp4,,,")
    assert (folder / "out" / "frames.csv").exists()
    assert mien("study", "run", str(folder), "--jobs", "1")[0] == 2
    assert not list((folder / "out").glob("*.csv"))


def test_who_is_who_is_asked_where_nothing_says_it(
    make_study: MakeStudy, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, name in enumerate("ab"):
        video(tmp_path / f"{name}.mp4", [number] * 5)
    folder = make_study("P1,,,a.mp4,,,", "P2,,,a.mp4,,,", "P3,,,b.mp4,,,")
    run(folder)
    asked = "a.mp4: shows several participants at once; name the persons in persons.csv as they are"
    assert f"{asked} (P1, P2)" in capsys.readouterr().err
    persons = folder / "persons.csv"
    persons.write_text(persons.read_text().replace('.mp4",1,"1"', '.mp4",1,"P1"'))
    run(folder)
    said = capsys.readouterr().err
    assert f"{asked} (P2)" in said
    assert "b.mp4: a person is called P1 in persons.csv, but videos.csv has it for P3; correct one of them" in said


def test_a_part_beyond_the_end_of_its_video_is_said(mien: Mien, make_study: MakeStudy, tmp_path: Path) -> None:
    for number, name in enumerate("ab"):
        video(tmp_path / f"{name}.mp4", [number] * 50)
    folder = make_study("P1,,x,a.mp4,,1,", "P1,,y,a.mp4,1,0:09,", "P1,,z,a.mp4,0:20,0:30,", "P2,,,b.mp4,3,,")
    code, _, err = mien("study", "run", folder, "--jobs", "1")
    table = folder / "videos.csv"
    assert code == 1
    assert err.splitlines()[:3] == [
        f"{table}:3: ends at 9 s, but a.mp4 has 2.00 s; correct videos.csv",
        f"{table}:4: begins at 20 s, but a.mp4 has 2.00 s; correct videos.csv",
        f"{table}:5: begins at 3 s, but b.mp4 has 2.00 s; correct videos.csv",
    ]
    assert f"not read: a.mp4 from 20 s ({table}:4: no frame from 20 s to 30 s; the video has 2.00 s)\n" in err
    assert f"not read: b.mp4 from 3 s ({table}:5: no frame from 3 s; the video has 2.00 s)\n" in err
    with (folder / "out" / "videos.csv").open(newline="") as file:
        rows = [(row["condition"], row["end"], row["frames"]) for row in csv.DictReader(file)]
    assert rows == [("x", "1", "25"), ("y", "2", "25")]
    make_study("P1,,x,a.mp4,,2.3,")  # as good as its end
    code, _, err = mien("study", "run", folder, "--jobs", "1")
    assert (code, "correct videos.csv" in err) == (0, False)
    make_study("P2,,,b.mp4,3,,")
    assert mien("study", "run", folder, "--jobs", "1")[0] == 2


def test_a_baseline_that_no_event_has_is_said_before_the_work(
    mien: Mien, make_study: MakeStudy, tmp_path: Path
) -> None:
    video(tmp_path / "a.mp4", [0] * 5)
    (tmp_path / "events.csv").write_text("start,end,label\n0,0.1,rest\n")
    rest = '[study]\nevents = "events.csv"\n[numbers]\nbaseline_event = '
    folder = make_study("P1,,,a.mp4,,,", rest=f'{rest}"rset"')
    code, _, err = mien("study", "run", folder, "--jobs", "1")
    assert (code, err.splitlines()[1]) == (
        0,
        f"{folder / 'study.toml'}, [numbers]: baseline_event 'rset': no event has this label; summary needs one; "
        "did you mean 'rest'?",
    )
    make_study("P1,,,a.mp4,,,", rest=f'{rest}"rest"')
    assert "baseline_event" not in mien("study", "run", folder, "--jobs", "1")[2]


def test_how_many_videos_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    job = PredictJob()
    sizes = (64 * 48, 1920 * 1080)
    tasks = [video_task.VideoTask(Path(), Path(), "", job, {}, 0.0, 1.0, False, 1.0, pixels) for pixels in sizes]
    monkeypatch.setattr(workers, "available_cores", lambda: 16)
    for free, wanted in ((None, 16), (64 << 30, 16), (2 << 30, 5), (1 << 20, 1)):
        monkeypatch.setattr(workers, "available_memory", lambda free=free: free)
        assert workers.worker_count(tasks) == wanted


def test_two_at_once_are_refused(make_study: MakeStudy, tmp_path: Path) -> None:
    import fcntl

    video(tmp_path / "a.mp4", [0])
    folder = make_study("P1,,,a.mp4,,,")
    held = os.open(folder, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    with pytest.raises(InputError, match="another mien is working in it"):
        run(folder)
    os.close(held)


def test_ten_interruptions_change_no_row(
    make_study: MakeStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends by Ctrl-C after a few frames, ten times."""
    for name, step in zip("ab", (3, 4), strict=True):
        video(tmp_path / f"{name}.mp4", [n % 250 for n in range(0, 200 * step, step)])
    folder = make_study("P1,,,a.mp4,,,", "P2,,,b.mp4,,,")
    run(folder)
    wanted = tables(folder)
    shutil.rmtree(folder / "cache")
    shutil.rmtree(folder / "out")
    original, left = to_rows, [0]

    def interrupted(faces: Any) -> Any:
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return original(faces)

    monkeypatch.setattr(video_task, "to_rows", interrupted)
    for number in range(10):
        left[0] = 20 + 3 * number
        with pytest.raises(KeyboardInterrupt, match=r"video.? left; the same command goes on where it stopped"):
            run(folder)
    run(folder)
    assert tables(folder) == wanted


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_an_early_interruption_is_one_line(make_study: MakeStudy, tmp_path: Path) -> None:
    """Ctrl-C reaches all processes of a terminal; those that have just begun are still importing."""
    for number, name in enumerate("abc"):
        video(tmp_path / f"{name}.mp4", [(n + number) % 250 for n in range(500)])
    folder = make_study("P1,,,a.mp4,,,", "P2,,,b.mp4,,,", "P3,,,c.mp4,,,")
    command = [sys.executable, "-m", "mien", "study", "run", str(folder), "--jobs", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    begun = 0
    while begun < 2 and process.poll() is None:
        time.sleep(0.02)
        begun = 0
        for path in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has ended meanwhile
                ours = os.getpgid(int(path.name)) == process.pid
                begun += ours and b"spawn_main" in (path / "cmdline").read_bytes()
    time.sleep(0.4)  # the interpreter has begun
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (begun, process.returncode) == (2, 130)
    assert err == "mien: interrupted; 3 videos left; the same command goes on where it stopped\n"


@pytest.mark.slow
def test_kill_ten_times_in_several_processes(make_study: MakeStudy, tmp_path: Path) -> None:
    """Parent and workers are killed at any time; the workers that are left end by themselves."""
    for name, step in zip("abc", (3, 4, 5), strict=True):
        video(tmp_path / f"{name}.mp4", [n % 250 for n in range(0, 2000 * step, step)])
    folder = make_study("P1,,,a.mp4,,,", "P2,,,b.mp4,,,", "P3,,,c.mp4,,,")
    run(folder)
    wanted = tables(folder)
    shutil.rmtree(folder / "cache")
    shutil.rmtree(folder / "out")
    command = [sys.executable, "-m", "mien", "study", "run", str(folder), "--jobs", "2"]
    killed = 0
    for number in range(10):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        before = sum(path.stat().st_size for path in (folder / "cache").glob(".*.jsonl")) if number else 0
        while process.poll() is None and time.monotonic() < deadline:
            now = sum(path.stat().st_size for path in (folder / "cache").glob(".*.jsonl"))
            if now > before + 40_000:
                break
            time.sleep(0.02)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.communicate()
    assert killed >= 3
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert tables(folder) == wanted
