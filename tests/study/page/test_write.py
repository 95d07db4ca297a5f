"""The page of studies in which there is little to see."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest

from mien.study.page.checks import unsure
from mien.study.page.tracks import cards
from mien.study.page.write import write_page
from mien.study.people import COLUMNS
from mien.study.project import Study, StudyOutput
from mien.study.tables import write_csv
from tests.study.numbers.test_commands import rows_of, write_settings, write_study

Make = Callable[..., Path]
FACTS: dict[str, Any] = {
    **{"mien": "1", "videos": {}, "recognition": {}, "not read": {}, "events": []},
    "usable": "A row is usable where it shows a face.",
}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """`make(clips, persons, **facts)` -> a study with these frames, rows of persons.csv, and settings.json."""

    def one(clips: list[dict[str, Any]], persons: list[dict[str, Any]] | None = None, **facts: Any) -> Path:
        folder = write_study(tmp_path / "talks", clips)
        (folder / "videos.csv").write_text("participant,file\nP1,gone.mp4\n")
        filled = {**dict.fromkeys(COLUMNS, 0), "person": "1", "remove": "", "picture": "", "maybe": "", "proposed": 1}
        rows = [{**filled, "video": "a.mp4", "frames": 9, "sureness": 0.9, **row} for row in persons or [{"track": 1}]]
        write_csv(folder / "persons.csv", [pyarrow.Table.from_pylist(rows)], StudyOutput())
        write_settings(Study.read(folder), **FACTS | facts)
        return folder

    return one


def nobody(participant: str, condition: str) -> dict[str, Any]:
    """Return the frames of a clip in which no face is found."""
    rows = rows_of(participant, condition, "", np.zeros(100))
    gone = {name: [None] * 100 for name in rows if name.startswith("p_") or name == "person"}
    return {**rows, **gone, "usable": [False] * 100, "reason": ["no face"] * 100}


def reasons(rows: dict[str, Any]) -> dict[str, Any]:
    return {"reason": [""] * len(rows["time"]), "frame": list(range(len(rows["time"]))), **rows}


def test_clips_without_a_face(make: Make) -> None:
    text = write_page(make([reasons(nobody("P1", "calm")), reasons(nobody("P2", ""))], [])).read_text()
    assert "P1, calm: 0 % of the frames are usable (no face 100 %)" in text
    assert "No face was found" not in text  # persons.csv has a row


def test_what_deserves_a_look_is_said(make: Make) -> None:
    happy = np.full(100, 0.9)
    clips = [rows_of(f"P{number}", condition, "1", happy) for number in (1, 2, 3) for condition in ("calm", "stress")]
    clips = [*map(reasons, clips[:-1]), reasons(rows_of("P1", "calm", "2", happy))]
    persons = [
        {"track": 1},
        {"track": 2, "sureness": 0.6},
        {"track": 3, "maybe": "2"},
        {"track": 4, "sureness": 0.1, "person": "A"},
    ]
    damage = {"b.mp4": {"damage": "b.mp4: ends at 3.00 s", "notes": [], "sha256": "", "recognised": [0, None]}}
    folder = make(clips, persons, videos=damage, **{"not read": {"<b>.mp4": "no such file"}})
    text = write_page(folder).read_text()
    for line in (
        "&lt;b&gt;.mp4 was not read: no such file",
        "b.mp4: ends at 3.00 s",
        "no video in the condition stress: P3",
        "1 clip with more than one person (P1 calm): name the participant",
        "2 tracks whose person is not sure (a.mp4)",
    ):
        assert line in text
    assert unsure(cards(Study.read(folder), pictures=False)) == {"a.mp4": 2}
