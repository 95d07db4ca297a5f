"""`mien study timeline`: which files, what is in them, and mistakes."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from mien.core.errors import InputError, MissingExtra
from mien.study.numbers.tables import read_study
from mien.study.timeline import panel_of, write_timelines
from tests.blocks import Mien
from tests.blocks import mien as mien  # the fixture
from tests.study.numbers.made import pulses
from tests.study.numbers.test_commands import rows_of, write_study


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Two participants, one in two conditions; 40 s each, which the study calls 100 s to 140 s."""
    happy = pulses((10, 13, 0.8), (20, 20.4, 0.9))(np.arange(400) / 10)
    clips = [
        rows_of("P1/한국", "calm", "1", happy),
        rows_of("P1/한국", "stress", "1", happy),
        rows_of("P2", "calm", "1", happy),
    ]
    clips[2]["usable"] = [False] * 200 + [True] * 200
    return write_study(tmp_path / "talks", clips)


def words(svg: Path) -> list[str]:
    root = ElementTree.fromstring(svg.read_text(encoding="utf-8"))
    return [node.text or "" for node in root.iter("{http://www.w3.org/2000/svg}text")]


def test_a_figure_for_each_participant_in_each_format(mien: Mien, study: Path) -> None:
    code, out, _ = mien("study", "timeline", str(study), "--format", "pdf", "svg", "png", "--width", "120")
    assert code == 0
    folder = study / "out" / "timelines"
    names = [f"{stem}.{kind}" for stem in ("P1-한국", "P2") for kind in ("pdf", "svg", "png")]
    assert out.split() == [str(folder / name) for name in names]
    pdf = (folder / "P2.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert b"/FontFile" in pdf
    assert b"/Subtype /Image" not in pdf
    width, height = (float(part) for part in re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf).groups())  # type: ignore[union-attr]
    assert width == pytest.approx(120 / 25.4 * 72, abs=0.1)
    with Image.open(folder / "P2.png") as image:
        assert image.size == pytest.approx((width / 72 * 300, height / 72 * 300), abs=2)
        assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
    found = words(folder / "P1-한국.svg")
    assert found[0] == "P1/한국: smoothed probabilities of expressions"
    assert {"calm", "stress", "100 % valid", "question", "happy", "1:40", "2:00"} <= {
        word.replace("%", " %").replace("  ", " ") for word in found
    }
    assert "50% valid" in words(folder / "P2.svg")


def test_a_stretch_some_persons_and_some_expressions(study: Path) -> None:
    (path,) = write_timelines(
        study, formats=["svg"], start="1:45", end="1:55", persons=["P2"], expressions=["sad", "happy"]
    )
    found = words(path)
    assert path.name == "P2.svg"
    assert {"happy", "sad"} <= set(found)
    assert "neutral" not in found
    assert "0% valid" in found


def test_means_are_weighted_by_time_and_bars_end_with_the_stretch(study: Path) -> None:
    data = read_study(study)
    curve = next(one for one in data.curves if one.participant == "P2")
    made = panel_of(data, curve, ["happy", "sad"], 118.0, 138.0, name="x")
    assert made is not None
    assert (made.start, made.end) == (118, 138)
    assert len(made.means) == 200  # as many as frames
    assert np.isnan(made.means[:18]).all()  # not usable before 120 s
    middle = made.means[100:, 0]
    smoothed = curve.smoothed["happy"][280:380]
    assert middle.mean() == pytest.approx(smoothed.mean(), abs=1e-3)
    assert [bar.label for bar in made.events] == ["question"]
    assert made.events[0][1:3] == (118.5, 130)
    assert panel_of(data, curve, ["happy"], 0.0, 99.0, name="x") is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"persons": ["P22"]}, r"no participant or person 'P22'; did you mean 'P2'\?"),
        ({"expressions": ["hapy"]}, r"no expression 'hapy'; did you mean 'happy'\?"),
        ({"start": "soon"}, r"--start 'soon': expected seconds, or mm:ss"),
        ({"start": "9", "end": "3"}, "expected a start before the end"),
        ({"start": "5:00"}, "--start 5:00: nothing there; the videos last from 1:40 to 2:20"),
        ({"start": "-1:00", "end": "-5"}, "--start -1:00, --end -5: nothing there; the videos last from 1:40"),
        ({"width": 8.0}, "--width 8: expected 80 to 1000 mm"),
    ],
)
def test_mistakes(study: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        write_timelines(study, **options)  # type: ignore[arg-type]
    assert not (study / "out" / "timelines").exists()


def test_without_fpdf2_the_extra_is_named(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fpdf", None)
    with pytest.raises(MissingExtra, match=r"a PDF needs an optional part of mien: pip install 'mien\[study\]'"):
        write_timelines(study)
    assert not (study / "out" / "timelines").exists()
    assert len(write_timelines(study, formats=["svg"])) == 2


def test_panels_are_named_by_what_differs(tmp_path: Path) -> None:
    happy = np.full(100, 0.5)
    two = [rows_of("P1", "calm", person, happy, video=f"{video}.mp4") for video in "ab" for person in "12"]
    one = [{**rows_of("P2", "calm", "1", happy), "session": ["2"] * 100}, rows_of("P3", "", "1", happy, video="c.mp4")]
    study = write_study(tmp_path / "talks", [*two, *one])
    first, second, third = (words(path) for path in write_timelines(study, formats=["svg"]))
    assert {f"calm, person {person}, {video}.mp4" for video in "ab" for person in "12"} <= set(first)
    assert "calm, session 2" in second
    assert "c.mp4" in third


def test_participants_whose_files_would_have_one_name(tmp_path: Path) -> None:
    happy = np.full(100, 0.5)
    study = write_study(tmp_path / "talks", [rows_of(name, "calm", "1", happy) for name in ("P/1", "P:1")])
    with pytest.raises(InputError, match="P:1: another participant's name is too much like it; rename one"):
        write_timelines(study, formats=["svg"])
