"""Episodes: the rule on curves drawn by hand, and the files that tell of them."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest

from mien.faces.faces import VideoFaces
from mien.recognition import episodes
from mien.recognition.episodes import Episode, find_episodes
from tests.recognition.test_smoothing import picture

EXAMPLE = [Episode(1, "happy", 0.5, 1.0, 2.25, 0.9, 0.756), Episode(2, "sad", 3661.5, 3662.0, 3663.0, 0.7, 0.6)]


def curve(*happy: float | None, step: float = 0.1) -> list[VideoFaces]:
    """One track, a value every 0.1 s; None: not there."""
    return [picture(n, round(n * step, 6), {} if p is None else {1: p}) for n, p in enumerate(happy)]


def happy(pictures: list[VideoFaces]) -> list[tuple[float, float, float]]:
    return [(e.onset, e.apex, e.offset) for e in find_episodes(pictures).episodes if e.expression == "happy"]


def test_from_low_over_high_to_low() -> None:
    found = find_episodes(curve(0.1, 0.2, 0.3, 0.45, 0.6, 0.9, 0.75, 0.4, 0.31, 0.2, 0.1)).episodes
    assert [(e.expression, e.onset, e.apex, e.offset) for e in found] == [
        ("sad", 0.0, 0.0, 0.5),
        ("happy", 0.2, 0.5, 0.9),
        ("sad", 0.7, 1.0, 1.1),
    ]
    assert found[1].peak == pytest.approx(0.9)
    assert found[1].mean == pytest.approx(np.mean([0.3, 0.45, 0.6, 0.9, 0.75, 0.4, 0.31]), abs=1e-6)
    assert found[1].duration == pytest.approx(0.7)


def test_what_never_reaches_high_or_is_too_short_is_none() -> None:
    assert happy(curve(0.1, 0.49, 0.49, 0.49, 0.1)) == []
    assert happy(curve(0.1, 0.9, 0.1, 0.1)) == []
    assert happy(curve(0.1, 0.9, 0.9, 0.1)) == [(0.1, 0.1, 0.3)]


def test_a_dip_above_low_does_not_end_it_one_below_does() -> None:
    assert happy(curve(0.9, 0.9, 0.35, 0.8, 0.8, 0.1)) == [(0.0, 0.0, 0.5)]
    assert happy(curve(0.9, 0.9, 0.25, 0.8, 0.8, 0.1)) == [(0.0, 0.0, 0.2), (0.3, 0.3, 0.5)]


def test_a_short_absence_is_bridged_a_long_one_ends_it_where_it_began() -> None:
    assert happy(curve(0.9, 0.9, None, None, 0.8, 0.1)) == [(0.0, 0.0, 0.5)]
    assert happy(curve(0.9, 0.9, None, None, 0.1)) == [(0.0, 0.0, 0.2)]
    gone: list[float | None] = [None] * 14
    assert happy(curve(0.9, 0.9, *gone, 0.8, 0.8)) == [(0.0, 0.0, 0.2), (1.6, 1.6, 1.8)]


def test_the_end_of_the_video_ends_it() -> None:
    found = find_episodes(curve(0.1, 0.9, 0.9))
    assert happy(curve(0.1, 0.9, 0.9)) == [(0.1, 0.1, 0.3)]
    assert (found.end, found.pictures, found.seen) == (0.3, 3, {1: 3})
    assert find_episodes([]).episodes == []
    assert find_episodes(curve(0.9)).end == 0


def test_nothing_lasts_beyond_the_end_of_the_file() -> None:
    sampled = curve(0.1, 0.9, 0.9, step=1.0)
    assert find_episodes(sampled, 2.6).end == 2.6
    assert [e.offset for e in find_episodes(sampled, 2.6).episodes if e.expression == "happy"] == [2.6]
    assert find_episodes(sampled, 9).end == 3
    assert find_episodes(sampled, 1.5).end == 2  # what a file says of itself may be wrong


def test_tracks_have_their_own() -> None:
    found = find_episodes([picture(n, n / 10, {1: 0.9, 2: 0.9 if n > 4 else 0.1}) for n in range(10)]).episodes
    assert [(e.track, e.expression, e.onset) for e in found] == [(1, "happy", 0), (2, "sad", 0), (2, "happy", 0.5)]


def test_csv(tmp_path: Path) -> None:
    episodes.write_csv(EXAMPLE, tmp_path / "e.csv")
    with (tmp_path / "e.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["track", "expression", "onset", "apex", "offset", "duration", "peak", "mean"]
    assert list(rows[0].values()) == ["1", "happy", "0.5", "1.0", "2.25", "1.75", "0.9", "0.756"]


def test_elan_reads_tabs(tmp_path: Path) -> None:
    episodes.write_elan(EXAMPLE, tmp_path / "e.txt")
    assert (tmp_path / "e.txt").read_text().splitlines() == [
        "Tier\tBegin Time\tEnd Time\tDuration\tAnnotation",
        "face 1 happy\t00:00:00.500\t00:00:02.250\t00:00:01.750\thappy 0.76",
        "face 2 sad\t01:01:01.500\t01:01:03.000\t00:00:01.500\tsad 0.60",
    ]


def test_webvtt(tmp_path: Path) -> None:
    episodes.write_vtt(EXAMPLE, tmp_path / "e.vtt")
    blocks = (tmp_path / "e.vtt").read_text().strip().split("\n\n")
    assert blocks[0] == "WEBVTT"
    assert blocks[1].startswith("NOTE ")
    assert blocks[2] == "00:00:00.500 --> 00:00:02.250\n<v Face 1>Face 1: happy 76%</v>"
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} --> \d\d:\d\d:\d\d\.\d{3}\n<v .*</v>", cue) for cue in blocks[2:])
