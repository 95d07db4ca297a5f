"""Codings in the forms of other programs, opened by other readers where there are any."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mien.outputs.codings import TEXTS, CodedStretch, Coding, boris_project
from tests.drawn_video import scene, write

STRETCHES = [
    CodedStretch("1", "happy", 0.5, 2.25, 0.756),
    CodedStretch('Ann "B" & Co', "a\tb<", 1.0, 3.0, 0.6),
    CodedStretch("1", "happy", 2.25, 3.1234, 0.5),
    CodedStretch("1", "sad", 2.25, 4.0, 0.5),
]


@pytest.fixture
def coding(tmp_path: Path) -> Coding:
    video = write(tmp_path / "my video.mp4", [scene(100)] * 3, sound="aac")
    return Coding(video, tmp_path / "out", 4.0, ("happy", "sad", "a\tb<"), STRETCHES, "a test")


def test_an_eaf_file_is_opened_by_pympi(tmp_path: Path, coding: Coding) -> None:
    elan = pytest.importorskip("pympi.Elan")
    (tmp_path / "a.eaf").write_text(TEXTS["elan"][1](coding), encoding="utf-8")
    opened = elan.Eaf(str(tmp_path / "a.eaf"))
    assert {name: opened.get_annotation_data_for_tier(name) for name in opened.get_tier_names()} == {
        "face 1 happy": [(500, 2250, "happy"), (2250, 3123, "happy")],
        'Ann "B" & Co a\\tb<': [(1000, 3000, "a\\tb<")],
        "face 1 sad": [(2250, 4000, "sad")],
    }
    assert opened.tiers["face 1 sad"][2]["PARTICIPANT"] == "1"
    kind = opened.get_parameters_for_linguistic_type(opened.tiers["face 1 sad"][2]["LINGUISTIC_TYPE_REF"])
    entries = opened.get_cv_entries(kind["CONTROLLED_VOCABULARY_REF"])
    assert [values[0][0] for values, _ in entries.values()] == ["happy", "sad", "a\\tb<"]
    media = opened.get_linked_files()[0]
    assert (media["MEDIA_URL"], media["RELATIVE_MEDIA_URL"]) == ("file:///my%20video.mp4", "./../my%20video.mp4")
    assert media["MIME_TYPE"] == "video/mp4"
    order = [child.tag for child in ElementTree.parse(tmp_path / "a.eaf").getroot()]
    wanted = ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE", "LOCALE", "LANGUAGE", "CONSTRAINT"]
    wanted.append("CONTROLLED_VOCABULARY")
    assert order == sorted(order, key=wanted.index)  # as EAFv2.8.xsd has it


def test_a_textgrid_is_opened_by_pympi(tmp_path: Path, coding: Coding) -> None:
    praat = pytest.importorskip("pympi.Praat")
    (tmp_path / "a.TextGrid").write_text(TEXTS["textgrid"][1](coding), encoding="utf-8")
    opened = praat.TextGrid(str(tmp_path / "a.TextGrid"))
    assert (opened.xmin, opened.xmax) == (0.0, 4.0)
    tiers = {tier.name: (tier.tier_type, tier.intervals) for tier in opened.get_tiers()}
    assert tiers["face 1 happy"] == (
        "IntervalTier",
        [(0, 0.5, ""), (0.5, 2.25, "happy"), (2.25, 3.1234, "happy"), (3.1234, 4.0, "")],
    )
    assert tiers["face 1 sad"] == ("IntervalTier", [(0, 2.25, ""), (2.25, 4.0, "sad")])


def test_a_project_of_boris(coding: Coding) -> None:
    project = json.loads(boris_project({"one": coding, "two": coding}, name="a study"))
    assert (project["project_format_version"], list(project["observations"])) == ("7.0", ["one", "two"])
    codes = [one["code"] for one in project["behaviors_conf"].values()]
    assert codes == ["happy", "sad", "a\\tb<"]
    assert {one["type"] for one in project["behaviors_conf"].values()} == {"State event"}
    assert [one["name"] for one in project["subjects_conf"].values()] == ["1", 'Ann "B" & Co']
    observation = project["observations"]["two"]
    assert observation["file"]["1"] == ["../my video.mp4"]
    assert observation["media_info"]["fps"] == {"../my video.mp4": 25.0}
    assert observation["media_info"]["hasAudio"] == {"../my video.mp4": True}
    assert observation["media_info"]["length"]["../my video.mp4"] > 4.0
    times = [event[0] for event in observation["events"]]
    assert times == sorted(times)
    for subject in ("1", 'Ann "B" & Co'):  # as BORIS checks it: each state begins and ends
        for code in codes:
            assert sum(event[1:3] == [subject, code] for event in observation["events"]) % 2 == 0
    assert observation["events"][0] == [0.5, "1", "happy", "", "", 12]


def test_a_video_without_an_expression(coding: Coding) -> None:
    empty = Coding(coding.video, coding.folder, 4.0, coding.classes, [], "a test")
    assert TEXTS["textgrid"][1](empty).endswith("tiers? <exists>\nsize = 0\nitem []:\n")
    assert TEXTS["webvtt"][1](empty) == "WEBVTT\n\nNOTE a test\n"
    assert json.loads(boris_project({"one": empty}, name="x"))["observations"]["one"]["events"] == []
