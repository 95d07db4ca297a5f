"""The files of episodes: CSV, ELAN, WebVTT."""

import csv
import re
from pathlib import Path

from mien.outputs.episode_files import write_episodes
from mien.recognition.episodes import Episode


def write(episodes: list[Episode], stem: Path) -> None:
    write_episodes(episodes, stem, video=stem.with_suffix(".mp4"), seconds=4000.0, classes=("happy", "sad"))


EXAMPLE = [Episode(1, "happy", 0.5, 1.0, 2.25, 0.9, 0.756), Episode(2, "sad", 3661.5, 3662.0, 3663.0, 0.7, 0.6)]


def test_csv(tmp_path: Path) -> None:
    write(EXAMPLE, tmp_path / "e")
    with (tmp_path / "e.episodes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["person", "expression", "onset", "apex", "offset", "duration", "peak", "mean"]
    assert list(rows[0].values()) == ["1", "happy", "0.5", "1.0", "2.25", "1.75", "0.9", "0.756"]


def test_elan_reads_tabs(tmp_path: Path) -> None:
    write(EXAMPLE, tmp_path / "e")
    assert (tmp_path / "e.episodes.txt").read_text().splitlines() == [
        "Tier\tBegin Time\tEnd Time\tDuration\tAnnotation",
        "face 1 happy\t00:00:00.500\t00:00:02.250\t00:00:01.750\thappy 0.76",
        "face 2 sad\t01:01:01.500\t01:01:03.000\t00:00:01.500\tsad 0.60",
    ]


def test_webvtt(tmp_path: Path) -> None:
    write(EXAMPLE, tmp_path / "e")
    blocks = (tmp_path / "e.episodes.vtt").read_text().strip().split("\n\n")
    assert blocks[0] == "WEBVTT"
    assert blocks[1].startswith("NOTE ")
    assert blocks[2] == "00:00:00.500 --> 00:00:02.250\n<v Face 1>Face 1: happy 76%</v>"
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} --> \d\d:\d\d:\d\d\.\d{3}\n<v .*</v>", cue) for cue in blocks[2:])


def test_own_names_break_neither_columns_nor_cues(tmp_path: Path) -> None:
    write([Episode(1, "a\tb\n<i>-->&", 0, 0.5, 1, 0.9, 0.8)], tmp_path / "e")
    (_, row) = (tmp_path / "e.episodes.txt").read_text().splitlines()
    assert row.split("\t")[0] == r"face 1 a\tb\n<i>-->&"
    assert len(row.split("\t")) == 5
    assert r"Face 1: a\tb\n&lt;i&gt;--&gt;&amp; 80%</v>" in (tmp_path / "e.episodes.vtt").read_text()
    with (tmp_path / "e.episodes.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["expression"] == "a\tb\n<i>-->&"
