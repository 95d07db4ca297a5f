"""Tracks on the page: pairs that are seen together, and pictures."""

from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from mien.study.page import tracks
from mien.study.page.tracks import _pairs, cards, table
from mien.study.people import COLUMNS
from mien.study.project import Study, StudyOutput
from mien.study.tables import write_csv


def test_pairs_of_tracks_in_one_frame_with_the_first_time(tmp_path: Path) -> None:
    rows = [(0, 0.0, 1), (0, 0.0, 2), (1, 0.1, None), (2, 0.2, 3), (3, 0.3, 3), (3, 0.3, 1), (3, 0.3, 2), (4, 0.4, 2)]
    columns = dict(zip(("frame", "time", "track"), map(list, zip(*rows, strict=True)), strict=True))
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    assert _pairs(tmp_path / "t.parquet") == [[1, 2, 0.0], [1, 3, 0.3], [2, 3, 0.3]]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    study = Study(tmp_path, output=StudyOutput(separator=";", decimal=","))
    rows = []
    for track, frames in ((1, 5), (2, 500), (3, 50)):
        picture = tmp_path / f"{track}.jpg"
        Image.fromarray(np.full((120, 80, 3), 40 * track, np.uint8)).save(picture)
        facts = {
            "video": "a.mp4",
            "person": "=x",
            "remove": "",
            "picture": picture.name,
            "maybe": "",
            "proposed": 4 - track,
        }
        times = {"first": 0.5, "last": 1.5, "sureness": 0.9, "shown": 1.0}
        rows.append({**dict.fromkeys(COLUMNS, 0), **facts, **times, "track": track, "frames": frames})
    (tmp_path / "3.jpg").write_bytes(b"broken")
    write_csv(tmp_path / "persons.csv", [pyarrow.Table.from_pylist(rows)], study.output)
    return study


def test_the_longest_tracks_have_pictures(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracks, "PICTURES", 2)
    found = cards(study, pictures=True)["a.mp4"]
    assert [(card.row.track, bool(card.picture)) for card in found] == [(3, False), (2, True), (1, False)]
    assert not any(card.picture for card in cards(study, pictures=False)["a.mp4"])


def test_the_table_is_in_the_order_and_form_of_the_file(study: Study) -> None:
    made = table(study, cards(study, pictures=False))
    assert (made["separator"], made["decimal"]) == (";", ",")
    assert [row[made["head"].index("track")] for row in made["rows"]] == [1, 2, 3]
    assert made["rows"][0][made["head"].index("person")] == "=x"
