"""persons.csv: proposals, names, merges, removals; what is kept, and mistakes."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.dataset
import pyarrow.parquet
import pytest

from mien.core.errors import InputError
from mien.recognition.people import TrackSummary
from mien.study.cache import Cached, Recognised
from mien.study.people import PersonRow, read_persons, update_persons
from mien.study.project import Study, StudyOutput
from mien.study.run import run_study
from tests.drawn_video import write
from tests.study.test_run import HEAD, make_study  # noqa: F401  the fixture

Rows = list[dict[str, str]]


def faces(*which: int) -> list[Any]:
    """Return frames of patterns, 15 of each: with the detector `none`, each is the face of somebody."""
    rng = np.random.default_rng(5)
    patterns = [cv2.resize(rng.integers(0, 255, (6, 8), dtype=np.uint8), (64, 48)) for _ in range(4)]
    return [np.repeat(patterns[who][..., None], 3, axis=2) for who in which for _ in range(15)]


@pytest.fixture
def study(tmp_path: Path, make_study: Callable[..., Path]) -> Path:  # noqa: F811
    """Somebody, somebody else, and the first again."""
    write(tmp_path / "a.mp4", faces(0, 1, 0, 2))
    return make_study("P1,,,a.mp4,,,", settings="every = 0")


def table(folder: Path) -> Rows:
    with (folder / "persons.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def edit(folder: Path, change: Callable[[Rows], object], delimiter: str = ",") -> None:
    rows = table(folder)
    change(rows)
    with (folder / "persons.csv").open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def persons(folder: Path) -> list[tuple[int, str, str]]:
    """Return track, person and reason of the stretches of the frames."""
    rows = pyarrow.dataset.dataset(folder / "out" / "frames").to_table().to_pylist()
    found = [(row["track"], row["person"], row["reason"]) for row in rows]
    return [one for number, one in enumerate(found) if not number or found[number - 1] != one]


def test_a_run_lists_every_track_with_its_picture(study: Path) -> None:
    run_study(study, jobs=1)
    rows = table(study)
    assert [(row["track"], row["person"], row["proposed"], row["remove"]) for row in rows] == [
        *(("1", "1", "1", ""), ("2", "2", "2", ""), ("3", "1", "1", ""), ("4", "3", "3", ""))
    ]
    assert [(row["first"], row["last"], row["frames"]) for row in rows][1] == ("0.6", "1.16", "15")
    assert all(float(row["sureness"]) > 0.7 for row in rows)
    for row in rows:
        picture = cv2.imread(str(study / row["picture"]))
        assert picture is not None
        assert picture.shape[:2] == (48, 64)
    assert persons(study) == [(1, "1", ""), (2, "2", ""), (3, "1", ""), (4, "3", "")]


def test_names_merges_and_removals_are_kept_and_used(study: Path) -> None:
    run_study(study, jobs=1)

    def change(rows: Rows) -> None:
        rows[0]["person"] = rows[2]["person"] = "Anna, P1"
        rows[1]["person"] = "3.0"  # as a spreadsheet writes it
        rows[3]["remove"] = "x"

    edit(study, change, delimiter=";")
    run_study(study, jobs=1)
    expected = [(1, "Anna, P1", ""), (2, "3", ""), (3, "Anna, P1", "")]
    assert persons(study)[:3] == expected
    assert persons(study)[3][2] == "removed"
    before = (study / "persons.csv").read_bytes()
    for path in (study / "cache").glob("*.*"):
        path.unlink()  # all is recognised anew
    run_study(study, jobs=1)
    assert (study / "persons.csv").read_bytes() == before
    assert persons(study)[:3] == expected
    edit(study, lambda rows: rows[0].update(person=""))  # back to the proposal
    run_study(study, jobs=1)
    assert persons(study)[0] == (1, "1", "")


def test_without_pictures(study: Path) -> None:
    with (study / "study.toml").open("a") as file:
        file.write("[output]\npictures = false\n")
    run_study(study, jobs=1)
    assert {row["picture"] for row in table(study)} == {""}
    assert not list(study.rglob("*.jpg"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[1].update(track="two"), r"persons.csv:3: track 'two': not a number; edit only person"),
        (lambda rows: rows[1].update(remove="maybe"), r"persons.csv:3: remove 'maybe': expected yes, or nothing"),
        (lambda rows: rows.append(rows[0]), r"persons.csv:6: track 1 of a.mp4 is in line 2 too; keep one row"),
    ],
)
def test_mistakes_are_one_line_and_said_before_the_work(
    study: Path, change: Callable[[Rows], object], message: str
) -> None:
    run_study(study, jobs=1)
    edit(study, change)
    (study / "videos.csv").write_text(f"{HEAD}\nP1,,,a.mp4,,,\nP2,,,not-there.mp4,,,\n")
    with pytest.raises(InputError, match=message):
        run_study(study, jobs=1)


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path) -> None:
    (tmp_path / "study.toml").touch()
    (tmp_path / "persons.csv").touch()
    with pytest.raises(InputError, match=r"persons\.csv: empty; put its rows back, or delete the file for a new one"):
        read_persons(Study.read(tmp_path))


def test_a_column_is_missing(study: Path) -> None:
    (study / "persons.csv").write_text("video,track\na.mp4,1\n")
    with pytest.raises(InputError, match=r"persons.csv: no column person, remove"):
        run_study(study, jobs=1)


Made = tuple[Study, Callable[..., dict[str, Any]]]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """A study, and a function that updates it with tracks: track -> (person, first frame, last frame, left)."""
    study = Study(tmp_path, output=StudyOutput(pictures=False))

    def update(tracks: dict[int, tuple[int, int, int, int]]) -> dict[str, Any]:
        frames = [
            {"frame": frame, "time": frame / 10, "track": track, "x": left, "y": 0, "w": 40, "h": 40}
            for track, (_, first, last, left) in tracks.items()
            for frame in range(first, last + 1)
        ]
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(frames), tmp_path / "t.parquet")
        summaries = [
            TrackSummary(track, first / 10, last / 10, last - first + 1, first / 10, left, 0, 40, 40, person, 0.9, 0)
            for track, (person, first, last, left) in tracks.items()
        ]
        facts: dict[str, Any] = {"settings": {}, "classes": (), "begin": 0.0, "until": None, "end": 1.0}
        record = Recognised("a.mp4", "", **facts, duration=1.0, width=9, height=9, frames=9, faces=9, tracks=summaries)
        return dict(update_persons(study, read_persons(study), {"a.mp4": Cached(tmp_path / "t.parquet", record)}))

    return study, update


def test_two_at_once_cannot_be_merged(made: Made) -> None:
    study, update = made
    tracks = {1: (1, 0, 50, 0), 2: (2, 30, 60, 100), 3: (3, 70, 80, 0)}
    assert update(tracks) == {"a.mp4": {1: "1", 2: "2", 3: "3"}}
    edit(study.folder, lambda rows: [rows[k].update(person="Anna") for k in (0, 2)])
    assert update(tracks) == {"a.mp4": {1: "Anna", 2: "2", 3: "Anna"}}
    edit(study.folder, lambda rows: rows[1].update(person="Anna"))
    said = r"persons.csv:3: tracks 1 and 2 of a.mp4 are both 'Anna', and are seen together at 3.00 s; give them two"
    with pytest.raises(InputError, match=said):
        update(tracks)
    edit(study.folder, lambda rows: rows[1].update(remove="yes"))
    assert update(tracks) == {"a.mp4": {1: "Anna", 2: None, 3: "Anna"}}


def test_edits_go_with_the_face_where_tracks_have_other_numbers(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    study, update = made
    update({1: (1, 0, 50, 0), 2: (2, 30, 60, 100), 3: (3, 70, 80, 300)})
    edit(study.folder, lambda rows: [row.update(person=name) for row, name in zip(rows, "ABC", strict=True)])
    # a false track is gone, the others begin elsewhere and have other boxes
    assert update({1: (1, 20, 60, 104), 2: (2, 0, 49, 3)}) == {"a.mp4": {1: "B", 2: "A"}}
    assert "persons.csv: 1 edit of tracks that there are no longer (a.mp4, track 3: C)" in capsys.readouterr().err


def test_rows_of_videos_that_were_not_read_stay(made: Made) -> None:
    study, update = made
    update({1: (1, 0, 50, 0)})
    edit(study.folder, lambda rows: rows[0].update(video="b.mp4", person="Bea"))
    update({1: (1, 0, 50, 0)})
    kept: list[PersonRow] = read_persons(study)
    assert [(row.video, row.person) for row in kept] == [("b.mp4", "Bea"), ("a.mp4", "1")]
