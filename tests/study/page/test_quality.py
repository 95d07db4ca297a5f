"""The log of the quality: frames by minute, and reasons."""

from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet

from mien.study.page import quality
from mien.study.page.quality import ClipQuality, Stretch, read_quality

Row = tuple[int, float, bool, str]


def write(folder: Path, rows: list[Row], name: str = "a.mp4", participant: str = "P1") -> None:
    folder.mkdir(exist_ok=True)
    columns: dict[str, Any] = dict(
        zip(("frame", "time", "usable", "reason"), map(list, zip(*rows, strict=True)), strict=True)
    )
    key = {"participant": participant, "session": "", "condition": "calm", "video": name}
    table = pyarrow.table({**{key: [text] * len(rows) for key, text in key.items()}, **columns})
    pyarrow.parquet.write_table(table, folder / f"{name}.parquet")


def test_a_frame_counts_once_and_is_usable_where_one_face_is(tmp_path: Path) -> None:
    rows: list[Row] = [
        *((0, 0.0, True, ""), (1, 1.0, False, "small|profile"), (2, 59.9, False, "no face")),
        *((3, 60.0, False, "small"), (3, 60.0, True, ""), (4, 61.0, False, "small"), (4, 61.0, False, "profile")),
        (5, 130.0, False, "no face|excluded: break"),
    ]
    write(tmp_path / "frames", rows)
    write(tmp_path / "frames", [(0, 0.0, True, "")], "b.mp4", "P0")
    first, clip = read_quality(tmp_path / "frames")
    assert (first.name, clip.name) == ("P0, calm", "P1, calm")
    assert {at: (one.frames, one.usable, one.no_face) for at, one in clip.minutes.items()} == {
        0: (3, 1, 1), 1: (2, 1, 0), 2: (1, 0, 1),
    }  # fmt: skip
    assert clip.total.reasons == {"small": 2, "profile": 2, "no face": 2, "excluded: break": 1}
    assert clip.total.shares == (2 / 6, 2 / 6, 2 / 6)
    head, body = clip.table()
    assert head == ["from", "frames", "usable", "no face", "profile", "small", "excluded: break"]
    assert body[0] == ["0:00", "3", "33 %", "33 %", "33 %", "33 %", "-"]


def test_a_long_clip_has_stretches_of_several_minutes() -> None:
    clip = ClipQuality(("P1", "", "", "a.mp4"), {minute: Stretch(600, minute, 0) for minute in range(125)})
    found = clip.stretches()
    assert len(found) == 42 <= quality.MOST
    assert [start for start, _ in found[:3]] == ["0:00", "3:00", "6:00"]
    assert (found[0][1].frames, found[0][1].usable) == (1800, 0 + 1 + 2)
    assert sum(stretch.frames for _, stretch in found) == 125 * 600
    assert clip.name == "P1"
