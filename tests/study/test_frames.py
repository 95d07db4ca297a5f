"""The frames of a study, from tables of cache/ that show several persons, or none."""

from math import inf
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from mien.core.errors import InputError
from mien.faces.faces import FRAME, columns
from mien.outputs.tables import TableWriter
from mien.study import frames as module
from mien.study.cache import Cached, Recognised
from mien.study.clips import Clip
from mien.study.frames import ClipCounts, Persons, frames_paths, pieces, write_frames
from mien.study.project import StudyRules

CLASSES = ("happy", "sad")
ALL = StudyRules(quality=())


def cached(folder: Path, *shown: tuple[int, ...], quality: str = "ok") -> Cached:
    """Write the table of a video of 10 frames a second, each of which shows faces of these tracks."""
    table = folder / "key.parquet"
    with TableWriter(table, columns(CLASSES, FRAME)) as rows:
        for number, tracks in enumerate(shown):
            face = {"x": 1, "y": 2, "w": 30, "h": 40, "detection": 0.9, "expression": "sad", "confidence": 0.6}
            face |= {"quality": quality, "uncertain": number % 2 == 0, "detector": "yunet"}
            face |= {"p_happy": 0.4, "p_sad": 0.6, "s_happy": 0.4, "s_sad": 0.6}
            moment = {"frame": number, "time": number / 10}
            rows.write([{**moment, "track": track, **face} for track in tracks] or [moment])
    record = Recognised("a.mp4", "", {}, CLASSES, 0.0, None, len(shown) / 10, None, 64, 48, len(shown), 0)
    return Cached(table, record)


def clip(participant: str, start: float = 0.0, end: float = inf) -> Clip:
    return Clip(participant, "", "", "a.mp4", Path("a.mp4"), "a.mp4", start, end)


def made(
    folder: Path, table: Cached, clips: list[Clip], persons: Persons, rules: StudyRules = ALL
) -> tuple[list[ClipCounts], list[dict[str, Any]]]:
    path = folder / "frames" / "a.parquet"
    counts, _ = write_frames(path, table, clips, persons, lambda *_: [], rules)
    return counts, pyarrow.parquet.read_table(path).to_pylist()


def test_a_table_of_an_earlier_version_has_floats_for_boxes(tmp_path: Path) -> None:
    table = cached(tmp_path, (1,), ())
    _, wanted = made(tmp_path, table, [clip("P1")], {})
    now = pyarrow.parquet.read_table(table.table)
    kinds = [
        (name, "float64" if name in [*"xywh", "person"] else now.schema.field(name).type) for name in now.schema.names
    ]
    pyarrow.parquet.write_table(now.cast(pyarrow.schema(kinds)), table.table)
    assert made(tmp_path, table, [clip("P1")], {})[1] == wanted
    schema = pyarrow.parquet.read_schema(tmp_path / "frames" / "a.parquet")
    assert {str(schema.field(name).type) for name in "xywh"} == {"int64"}


def test_removed_persons_and_empty_frames_are_not_usable(tmp_path: Path) -> None:
    table = cached(tmp_path, (1, 2), (2,), (), (1,))
    counts, rows = made(tmp_path, table, [clip("P1")], {1: "Anna", 2: None})
    assert [(row["frame"], row["track"], row["person"], row["reason"]) for row in rows] == [
        (0, 1, "Anna", ""),
        (0, 2, None, "removed"),
        (1, 2, None, "removed"),
        (2, None, None, "no face"),
        (3, 1, "Anna", ""),
    ]
    assert rows[3]["p_happy"] is None
    (one,) = counts
    assert (one.frames, one.rows, one.with_face, one.usable, one.uncertain) == (4, 5, 2, 2, 1)
    assert (one.persons, one.reasons) == (("Anna",), {"removed": 2, "no face": 1})


def test_a_participant_has_the_frames_of_their_own_person(tmp_path: Path) -> None:
    """Every frame of the video is there, with an empty row where that person is not seen."""
    table = cached(tmp_path, (1, 2), (2,), (1,), ())
    counts, rows = made(tmp_path, table, [clip("P1"), clip("P2"), clip("P3", 0.1, 0.3)], {1: "P1", 2: "P2"})
    assert [(row["participant"], row["frame"], row["track"], row["reason"]) for row in rows] == [
        *[("P1", 0, 1, ""), ("P1", 1, None, "no face"), ("P1", 2, 1, ""), ("P1", 3, None, "no face")],
        *[("P2", 0, 2, ""), ("P2", 1, 2, ""), ("P2", 2, None, "no face"), ("P2", 3, None, "no face")],
        *[("P3", 1, 2, ""), ("P3", 2, 1, "")],  # nobody is called so: everybody
    ]
    hidden = rows[1]
    assert {hidden[name] for name in ("x", "quality", "p_sad", "person", "expression", "detector")} == {None}
    assert [(one.frames, one.usable) for one in counts] == [(4, 2), (4, 2), (2, 2)]


def test_reasons_of_quality_that_the_rules_name(tmp_path: Path) -> None:
    table = cached(tmp_path, (1,), quality="small|blurred")
    _, rows = made(tmp_path, table, [clip("P1")], {}, StudyRules(quality=("blurred", "profile")))
    assert [(row["person"], row["usable"], row["reason"]) for row in rows] == [("1", False, "blurred")]


def test_a_frame_on_the_border_of_two_pieces_counts_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = cached(tmp_path, (1, 2), (1, 2), (1, 2), (), (1, 2))
    wanted = made(tmp_path, table, [clip("P1"), clip("P2")], {2: "P2"})
    for size in (1, 2, 3):
        monkeypatch.setattr(module, "PIECE", size)
        counts, rows = made(tmp_path, table, [clip("P1"), clip("P2")], {2: "P2"})
        assert rows == wanted[1]
        assert [vars(one) for one in counts] == [
            {**vars(one), "_latest": counts[at]._latest} for at, one in enumerate(wanted[0])
        ]
    assert [(one.frames, one.with_face, one.usable) for one in wanted[0]] == [(5, 4, 4), (5, 4, 4)]
    assert sum(len(piece) for piece in pieces(tmp_path / "frames", ["participant"])) == 14


def test_files_are_named_like_their_videos() -> None:
    names = ["a.mp4", "b/c.mp4", "b/c.mov", "../d.mp4"]
    assert {video: path.name for video, path in frames_paths(Path(), names).items()} == {
        "a.mp4": "a.parquet",
        "b/c.mp4": "b__c.mp4.parquet",
        "b/c.mov": "b__c.mov.parquet",
        "../d.mp4": "d.parquet",
    }
    with pytest.raises(InputError, match=r"A\.mp4, a\.mp4: names too much alike"):
        frames_paths(Path(), ["A.mp4", "a.mp4"])
