"""Tables of coders are aligned on common units: photos, faces, moments."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien.core.errors import InputError
from mien.evaluation.agreement.annotations import CLASH, Annotations, align_annotations, sample
from mien.evaluation.agreement.tables import read
from mien.faces.faces import FRAME, PHOTO, columns
from mien.outputs.episode_files import write_episodes
from mien.outputs.tables import TableWriter
from mien.recognition.episodes import Episode

Write = Callable[..., Path]
S = 1_000_000


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a table: its name, then its lines."""

    def make(name: str, *lines: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n" if lines else "", encoding="utf-8")
        return path

    return make


def named(found: Annotations) -> list[list[str]]:
    """Return what each coder called the units, "" for nothing."""
    return [["" if code < 0 else found.labels[code] for code in column] for column in found.codes.T.tolist()]


def test_photos_are_matched_by_file_and_synonyms_folded(write: Write) -> None:
    one = write("a.csv", "file,label", "1.jpg,Happiness", "2.jpg,sadness", "3.jpg,neutral")
    two = write("b.csv", "label;file", "sad;2.jpg", "happy;1.jpg", ";3.jpg", "anger;4.jpg")
    found = align_annotations([one, two])
    assert found.coders == ("a", "b")
    assert found.labels == ("neutral", "happy", "sad", "angry")
    assert named(found) == [["happy", "sad", "neutral", ""], ["happy", "sad", "", "angry"]]
    assert found.blocks.tolist() == [0, 1, 2, 3]
    assert found.notes == (
        "a: no label for 1 of the 4 photos that any coder labelled",
        "b: no label for 1 of the 4 photos that any coder labelled",
    )


def test_tables_of_predict_are_read(tmp_path: Path, write: Write) -> None:
    for suffix in (".csv", ".jsonl", ".parquet"):
        table = tmp_path / f"machine{suffix}"
        with TableWriter(table, columns(("happy", "sad"), PHOTO)) as rows:
            for file, face, label in (("in/1.jpg", 1, "happy"), ("in/2.jpg", 1, "sad"), ("in/2.jpg", 2, "happy")):
                rows.write([{"file": file, "face": face, "expression": label, "p_happy": 0.5}])
            rows.write([{"file": "in/3.jpg"}])  # no face found
        coder = write("coder.csv", "file,face,label", "in/1.jpg,1,happy", "in/2.jpg,2.0,sad", "in/3.jpg,1,sad")
        found = align_annotations([table, coder])
        assert found.unit == "faces"
        assert named(found) == [["happy", "sad", "happy", ""], ["happy", "", "sad", "sad"]]
        assert found.blocks.tolist() == [0, 1, 1, 2]  # faces of one photo depend on each other
        whole = align_annotations([table, write("whole.csv", "file,label", "1.jpg,happy", "2.jpg,sad", "3.jpg,sad")])
        assert named(whole) == [["happy", "", ""], ["happy", "sad", "sad"]]
        assert whole.notes[0] == "machine: 1 photos with several faces left out, as not all tables number faces"
        assert "by the names of their files alone" in whole.notes[1]


def test_folders_are_kept_apart_where_the_names_alone_would_not_do(write: Write) -> None:
    one = write("a.csv", "file,label", "x/1.jpg,happy", "y/1.jpg,sad")
    with pytest.raises(InputError, match=r"a\.csv: no unit in common .*'x/1\.jpg'"):
        align_annotations([one, write("b.csv", "file,label", "1.jpg,happy")])


def test_moments_of_points_and_intervals(write: Write) -> None:
    points = write("a.csv", "time,label", "0.0,happy", "0.1,happy", "0.2,sad", "0.31,sad", "0.58,sad")
    spans = write("b.csv", "start,end,label", "0.0,0.2,happy", "0.2,0.4,sad")
    found = align_annotations([points, spans])
    # 0.31 is taken for 0.3 and 0.58 for 0.6; nothing of a is within 0.05 s of 0.4 and 0.5, and b's sad ends before 0.4
    assert named(found) == [["happy", "happy", "sad", "sad", "sad"], ["happy", "happy", "sad", "sad", ""]]
    assert found.unit == "moments 0.1 s apart"
    assert named(align_annotations([points, spans], tolerance=0))[0] == ["happy", "happy", "sad", ""]
    assert named(align_annotations([points, spans], step=0.2))[0] == ["happy", "sad", "sad", "sad"]
    filled = align_annotations([points, spans], uncoded="Neutral", tolerance=0.02)
    assert named(filled)[1][-2:] == ["neutral", "neutral"]


def test_videos_of_mien_itself_and_of_elan(tmp_path: Path, write: Write) -> None:
    frames = tmp_path / "clip.csv"
    with TableWriter(frames, columns(("happy", "sad"), FRAME)) as rows:
        for frame in range(25):
            label = "happy" if frame < 15 else "sad"
            row: dict[str, Any] = {"frame": frame, "time": frame / 25, "track": 7, "person": 1, "expression": label}
            rows.write([row] if frame != 10 else [row, row | {"track": 8, "person": 2}])
        rows.write([{"frame": 25, "time": 1.0}])  # no face
    episodes = [Episode(1, "happy", 0.0, 0.3, 0.6, 0.9, 0.8), Episode(1, "sad", 0.6, 0.8, 1.0, 0.9, 0.83)]
    write_episodes(episodes, tmp_path / "clip", video=tmp_path / "clip.mp4", seconds=1.0, classes=("happy", "sad"))
    tracked = align_annotations([frames, tmp_path / "clip.episodes.csv"])
    assert (tracked.codes[:10, 0] == tracked.codes[:10, 1]).all()
    assert len(tracked.codes) == 12  # eleven of person 1, one of person 2
    elan = write(
        "elan.txt",
        '"#clip.eaf',
        "Tier\tBegin Time - hh:mm:ss.ms\tBegin Time - ss.msec\tEnd Time - msec\tAnnotation",
        "face\t00:00:00.000\t0.0\t600\thappy",
        "face\t00:00:00.600\t0.6\t1000\tsad",
    )
    found = align_annotations([frames, tmp_path / "clip.episodes.txt", elan], person=["1"])
    assert named(found)[0] == named(found)[1] == named(found)[2] == ["happy"] * 6 + ["sad"] * 4
    message = r"clip\.csv: 2 persons \(1: 25 labels, 2: 1 label\), and .*elan\.txt does not say .*--person 1"
    with pytest.raises(InputError, match=message):
        align_annotations([frames, tmp_path / "clip.episodes.txt", elan])


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 15), st.integers(0, 2)), max_size=8, unique_by=lambda r: r[0]
    ),
    st.integers(0, 6),
)
def test_sample_is_what_its_docstring_says(rows: list[tuple[int, int, int]], reach: int) -> None:
    spans = [(start, start + length, code) for start, length, code in rows]
    steps = np.arange(0, 60, 3)

    def wanted(step: int) -> int:
        held = {code for start, end, code in spans if start <= step < end}
        if held:
            return held.pop() if len(held) == 1 else CLASH
        points = sorted((abs(start - step), start, code) for start, end, code in spans if start == end)
        return points[0][2] if points and points[0][0] <= reach else -1

    assert sample(spans, steps, reach).tolist() == [wanted(step) for step in steps.tolist()]


def test_of_two_points_equally_near_the_earlier_counts() -> None:
    assert sample([(0, 0, 1), (6, 6, 2)], np.array([2, 3, 4]), 3).tolist() == [1, 1, 2]


def test_clocks_and_paths_of_windows(write: Write) -> None:
    rows = read(write("a.csv", "file,time,label", "in\\1.mp4,1:02:03.5,happy", 'in/1.mp4,"0,25",sad')).rows
    assert [(row.file, row.start) for row in rows] == [("in/1.mp4", 3723_500_000), ("in/1.mp4", 250_000)]


def test_blocks_are_stretches_or_files(write: Write) -> None:
    lines = ["file,time,label", *(f"{file}.mp4,{second},happy" for file in range(2) for second in range(25))]
    paths = [write("a.csv", *lines), write("b.csv", *lines)]
    found = align_annotations(paths, step=1)
    assert np.bincount(found.blocks).tolist() == [10, 10, 5, 10, 10, 5]
    assert found.block == "stretches of 10 s"
    assert np.bincount(align_annotations(paths, step=1, block=20).blocks).tolist() == [20, 5, 20, 5]
    assert np.bincount(align_annotations(paths, step=1, block="file").blocks).tolist() == [25, 25]
    lines = ["file,time,label", *(f"{file}.mp4,0,happy" for file in range(10))]
    assert align_annotations([write("c.csv", *lines), write("d.csv", *lines)]).block == "videos"


def test_labels_that_mean_none(write: Write) -> None:
    one = write("a.csv", "file,label", "1,happy", "2,Unclear", "3,sad")
    two = write("b.csv", "file,label", "1,happy", "2,sad", "3,other")
    assert named(align_annotations([one, two], missing=["unclear", "OTHER"])) == [
        ["happy", "", "sad"],
        ["happy", "sad", ""],
    ]


BAD: dict[str, tuple[Sequence[str], str]] = {
    "empty": ([], r"a\.csv: empty"),
    "no rows": (["file,label"], r"a\.csv: no rows"),
    "columns": (["name,label", "1,happy"], r"a\.csv: its first line has 'name, label'; expected file,label"),
    "no end": (["file,start,label", "1,0,happy"], r"a\.csv: a column 'start' without its end"),
    "label": (["file,label", "1,happy", "", "2,hapy"], r"a\.csv:4: unknown label 'hapy'; did you mean 'happy'"),
    "twice": (["file,label", "1,happy", "1,happy"], r"a\.csv:3: 1 is in .*a\.csv:2 too"),
    "no file": (["file,label", ",happy"], r"a\.csv:2: no file named"),
    "alone": (["file,label", "9,happy"], r"a\.csv: no unit in common .*'9'"),
    "moments": (["time,label", "9,happy"], r"a\.csv codes moments, .*b\.csv whole files"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_table_is_refused_in_one_line(write: Write, case: str) -> None:
    lines, message = BAD[case]
    with pytest.raises(InputError, match=message) as caught:
        align_annotations([write("a.csv", *lines), write("b.csv", "file,label", "1,happy", "2,sad")])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        (["time,label", "-1,happy"], {}, r"a\.csv:2: time '-1': expected seconds"),
        (["time,label", "later,happy"], {}, r"a\.csv:2: time 'later'"),
        (["start,end,label", "2,1,happy"], {}, r"a\.csv:2: ends at 1, before its start 2"),
        (["time,label", "1,happy", "1.0,sad"], {}, r"a\.csv:3: 1 s is in .*a\.csv:2 too"),
        (["file,time,label", "x,1,happy", "y,1,sad"], {}, r"of 2 videos, and not every table says which"),
        (["time,label", "99999999,happy"], {"step": 0.01}, r"are the times in seconds"),
        (["time,label", "1,happy"], {"uncoded": "neutral"}, r"--uncoded is for tables of intervals"),
        (["time,label", "1,happy"], {"uncoded": "hapy"}, r"unknown label 'hapy'"),
        (["time,label", "1,happy"], {"step": 0.0}, r"--step 0: expected"),
        (["time,label", "1,happy"], {"tolerance": -1.0}, r"--tolerance -1: expected"),
        (["time,label", "1,happy"], {"block": 0.01}, r"--block 0.01: expected seconds, at least"),
        (["time,label", "7,happy"], {}, r"a\.csv: no unit in common .*7 s"),
    ],
)
def test_bad_times_and_options(write: Write, lines: list[str], options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        align_annotations([write("a.csv", *lines), write("b.csv", "time,label", "1,happy")], **options)


def test_options_of_videos_are_refused_for_photos(write: Write) -> None:
    paths = [write(name, "file,label", "1,happy") for name in ("a.csv", "b.csv")]
    with pytest.raises(InputError, match="--tolerance is for videos"):
        align_annotations(paths, tolerance=0.1)
    with pytest.raises(InputError, match="two coders"):
        align_annotations(paths[:1])
    with pytest.raises(InputError, match="named twice"):
        align_annotations([paths[0], paths[0]])
    assert align_annotations([paths[0], write("x/a.csv", "file,label", "1,happy")]).coders[1].endswith("x/a")


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    (tmp_path / "latin.csv").write_bytes("file,label\nä,happy\n".encode("latin-1"))
    (tmp_path / "torn.jsonl").write_text('{"file": "1", "label": "happy"}\n{"file"')
    (tmp_path / "no.parquet").write_text("no")
    for name, message in (
        ("absent.csv", "cannot be read"),
        ("latin.csv", "not UTF-8"),
        ("torn.jsonl", "jsonl:2: Input data was truncated"),
        ("no.parquet", "cannot be read"),
    ):
        with pytest.raises(InputError, match=message):
            read(tmp_path / name)
