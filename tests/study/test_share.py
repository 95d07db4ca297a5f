"""`mien study share`: whose face is covered, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from mien.recognition.video import Video
from tests.blocks import Mien
from tests.blocks import mien as mien  # the fixture
from tests.drawn_video import write
from tests.study.test_run import MakeStudy, run
from tests.study.test_run import make_study as make_study  # the fixture

TEXTURE = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)


def texture(path: Path) -> float:
    """Return how much neighbouring pixels differ, on average, in the middle of the last frame."""
    with Video(path) as video:
        *_, last = video
    assert last.size == (128, 96)
    assert last.number == 29
    return float(np.abs(np.diff(last.image[20:70, 30:90].astype(float), axis=1)).mean())


@pytest.fixture
def study(make_study: MakeStudy) -> Path:
    folder = make_study("P1,,,a.mp4,,,", "P2,,,b.mp4,,,", settings="every = 0.1")
    for name in "ab":
        write(folder / f"{name}.mp4", [TEXTURE] * 30, codec="libx264", sound="aac")
    run(folder)
    return folder


def test_faces_are_covered_but_those_of_kept_persons(mien: Mien, study: Path) -> None:
    rows = (study / "persons.csv").read_text().splitlines()
    named = [row.replace('"b.mp4",1,"1"', '"b.mp4",1,"Anna"') for row in rows]
    assert named != rows
    (study / "persons.csv").write_text("\n".join(named) + "\n")
    code, _, err = mien("study", "share", study)
    assert code == 0
    assert err.splitlines()[-1] == f"wrote 2 videos to {study / 'out' / 'shared'}; look at them before you share them"
    assert max(texture(study / "out" / "shared" / f"{name}.mp4") for name in "ab") < 8 < 30 < texture(study / "a.mp4")
    assert mien("study", "share", study, "--keep", "Anna", "--out", study / "s")[0] == 0
    assert texture(study / "s" / "a.mp4") < 8
    assert texture(study / "s" / "b.mp4") > 30


def test_a_number_is_another_person_in_each_video(mien: Mien, study: Path) -> None:
    code, _, err = mien("study", "share", study, "--keep", "1")
    assert code == 2
    assert err == (
        f"mien: {study / 'persons.csv'}: 1 is a number of its own in each video (a.mp4, b.mp4); "
        "give the person a name in persons.csv, or name VIDEO:1\n"
    )
    assert not (study / "out" / "shared").exists()
    code, _, err = mien("study", "share", study, "--keep", "b.mp4:1")
    assert code == 0
    assert err.splitlines()[-1].endswith(
        "b.mp4:1 not covered; 1 video without a kept person; look at them before you share them"
    )
    assert texture(study / "out" / "shared" / "a.mp4") < 8
    assert texture(study / "out" / "shared" / "b.mp4") > 30
    (study / "videos.csv").write_text("file\na.mp4\n")  # rows of other videos stay in persons.csv
    code, _, err = mien("study", "share", study, "--keep", "1", "--out", study / "s")
    assert (code, "; 0 videos without a kept person" in err) == (0, True)
    text = (study / "persons.csv").read_text()
    (study / "persons.csv").write_text(text.replace('"a.mp4",1,"1",""', '"a.mp4",1,"1","yes"'))
    assert "persons.csv: no person 1" in mien("study", "share", study, "--keep", "1")[2]  # removed, so covered


def test_nobody_is_kept_by_a_table_of_other_tracks(mien: Mien, study: Path) -> None:
    """Another number of seconds from frame to frame gives tracks other numbers."""
    persons = study / "persons.csv"
    head, row, *_ = persons.read_text().splitlines()
    cells = row.split(",")
    cells[head.split(",").index('"shown"')] = "99"
    persons.write_text("\n".join([head, ",".join(cells)]) + "\n")
    code, _, err = mien("study", "share", study, "--keep", "1")
    assert (code, "persons.csv: a.mp4 has other tracks now; mien study run" in err) == (2, True)
    assert not (study / "out" / "shared").exists()
    assert mien("study", "share", study)[0] == 0  # covers everybody


def test_what_would_show_a_face_is_refused(mien: Mien, study: Path) -> None:
    for options, message in (
        (["--keep", "Zoe"], "persons.csv: no person Zoe (there are "),
        (["--out", study], "a copy would overwrite this video"),
    ):
        code, _, err = mien("study", "share", study, *options)
        assert (code, message in err) == (2, True)
    assert not (study / "out" / "shared").exists()
    (study / "videos.csv").write_text("file,end\na.mp4,0.5\n")
    (study / "cache").rename(study / "old")
    code, _, err = mien("study", "share", study)
    assert (code, "a.mp4: recognised from 0 s to 0.5 s only; mien predict a.mp4 --blur faces" in err) == (2, True)
    toml = (study / "study.toml").read_text()
    (study / "study.toml").write_text(toml.replace("every = 0.1", "every = 1"))
    assert "every = 1 is too few frames to follow a face" in mien("study", "share", study)[2]
