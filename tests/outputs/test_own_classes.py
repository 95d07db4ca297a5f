"""Classes of any name, and a thousand of them, in every output of a model."""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow.parquet as parquet
import pytest
from PIL import Image

from mien.evaluation.metrics import score
from mien.evaluation.report import _matrix
from mien.faces.annotate import COLOURS, palette
from mien.outputs.timeline import draw_timeline
from mien.recognition.episodes import VideoSummary
from tests.blocks import MakeModel, Mien, draw, make_model, mien

__all__ = ["make_model", "mien"]

NAMES = ("지루함", "énervé", "<b>very</b> happy 🙂", "a, b|c")


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """Four crops, one drawn as each class, in folders of these names."""
    for name, image in zip(NAMES, draw(range(4)), strict=True):
        folder = tmp_path / "data" / name.replace("/", "")
        folder.mkdir(parents=True)
        Image.fromarray(image).save(folder / "a.png")
    return tmp_path / "data"


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_tables(tmp_path: Path, make_model: MakeModel, crops: Path, mien: Mien, suffix: str) -> None:
    table = tmp_path / f"t.{suffix}"
    code, _, err = mien("predict", crops, "--model", make_model(labels=NAMES), "--detector", "none", "--table", table)
    assert code == 0, err
    rows: list[dict[str, str]]
    if suffix == "parquet":
        rows = parquet.read_table(table).to_pylist()
    else:
        lines = table.read_text("utf-8").splitlines()
        rows = list(csv.DictReader(lines)) if suffix == "csv" else list(map(json.loads, lines))
    assert {row["expression"] for row in rows} == set(NAMES)
    assert [column.removeprefix("p_") for column in rows[0] if column.startswith("p_")] == list(NAMES)
    again = mien(
        "predict", crops, "--model", make_model(labels=NAMES), "--detector", "none", "--table", table, "--resume"
    )
    assert again[0] == 0, again[2]


def test_json_pages_sheets_and_pictures(tmp_path: Path, make_model: MakeModel, crops: Path, mien: Mien) -> None:
    page, sheet = tmp_path / "g.html", tmp_path / "g.png"
    options = ["--detector", "none", "--gallery", page, "--sheet", sheet, "--out", tmp_path / "out", "--json"]
    code, out, _ = mien("predict", crops, "--model", make_model(labels=NAMES), *options)
    assert code == 0
    assert set(json.loads(out)[0]["faces"][0]["probabilities"]) == set(NAMES)
    text = page.read_text("utf-8")
    assert "지루함" in text
    assert "&lt;b&gt;very&lt;/b&gt; happy 🙂" in text
    assert "<b>very" not in text
    assert sheet.is_file()
    assert len(list((tmp_path / "out").rglob("*.*"))) == 4


def test_evaluation_and_card(tmp_path: Path, make_model: MakeModel, mien: Mien) -> None:
    names = ("지루함", "énervé", "happy 🙂")
    for name, images in zip(names, (draw([0, 0]), draw([1, 1]), draw([2, 0])), strict=True):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number, image in enumerate(images):
            Image.fromarray(image).save(tmp_path / "data" / name / f"{number}.png")
    model, out = make_model(labels=names), tmp_path / "out"
    code, text, err = mien("evaluate", model, "--data", tmp_path / "data", "--split", "all", "--out", out)
    assert code == 0, err
    assert all(name in text and name in (out / "report.html").read_text("utf-8") for name in names)
    found = json.loads(next(out.glob("evaluation*.json")).read_text("utf-8"))
    assert found["scores"]["classes"] == list(names)
    code, _, err = mien("evaluate", "default", "--data", tmp_path / "data", "--split", "all")
    assert code == 2
    assert "the data (happy 🙂, énervé, 지루함) and the model (neutral, happy," in err


def test_many_classes_are_cut_and_it_is_said(tmp_path: Path, make_model: MakeModel, mien: Mien) -> None:
    names = tuple(f"class number {number:02d}" for number in range(16))
    for name, image in zip(names, draw(range(16)), strict=True):
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.fromarray(image).save(tmp_path / "data" / name / "a.png")
    code, text, err = mien("evaluate", make_model(labels=names), "--data", tmp_path / "data", "--split", "all")
    assert code == 0, err
    assert "12 of 16 classes are shown; --json has all" in text
    assert max(map(len, text.splitlines()[1:])) <= 121  # the first has the paths
    found = score(np.eye(1000, dtype=np.float32), np.roll(np.arange(1000), 7), [str(number) for number in range(1000)])
    shown, counts, caption = _matrix(found)
    assert len(shown) == len(counts) == 40
    assert "The 40 of 1,000 classes with most mistakes" in caption


def test_own_classes_have_colours_of_their_own() -> None:
    colours = palette(["happy", "bored", "calm", "tired"])
    assert colours["happy"] == COLOURS["happy"]
    assert len(set(colours.values())) == 4


def test_a_timeline_of_many_classes_shows_the_most_probable() -> None:
    names = [f"class {number}" for number in range(1000)]
    rows = np.full((600, 1000), 0.0005)
    rows[:, 7] = 0.5005
    summary = VideoSummary(end=6.0, frames=60, frames_of_person=Counter({1: 60}))
    svg = draw_timeline({1: rows}, summary, names, "clip").to_svg()
    assert "993 others" in svg
    assert ">class 7<" in svg
    assert svg.count("<polygon") < 60
