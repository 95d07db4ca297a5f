"""The curves on the page: what they say when they are unpacked."""

import base64
import gzip
import json
from typing import Any

import numpy as np
import pytest

from mien.study.numbers.baseline import baselines
from mien.study.numbers.curves import TimeSeries
from mien.study.numbers.tables import StudyCurves
from mien.study.numbers.windows import Window
from mien.study.page import series
from mien.study.page.series import NONE, Shown, pack, sample
from mien.study.project import Study
from tests.study.numbers.made import CLASSES, RAW, made_curve, pulses

SMILE = pulses((10, 13, 0.8))


def study_of(*curves: TimeSeries) -> StudyCurves:
    windows = {curve.key: [Window("question", 5.0, 20.0)] for curve in curves}
    return StudyCurves(Study.__new__(Study), list(curves), windows, baselines(curves, windows, RAW))


def unpacked(text: str) -> tuple[list[dict[str, Any]], list[np.ndarray]]:
    """Undo `pack`, as data.js does it."""
    held = gzip.decompress(base64.b64decode(text))
    end = 4 + int.from_bytes(held[:4], "little")
    facts, rest = json.loads(held[4:end]), np.frombuffer(held[end:], np.uint8)
    k = len(CLASSES) + 1
    planes = [rest[one["at"] : one["at"] + k * one["n"]].reshape(k, -1) for one in facts]
    return facts, [np.cumsum(rows, axis=1, dtype=np.uint8) for rows in planes]


def test_what_is_packed_is_the_curve_in_percent() -> None:
    some = np.ones(1500, np.bool_)
    gone, hidden, unsure = some.copy(), some.copy(), ~some
    gone[500:600] = hidden[500:700] = False
    unsure[800:900] = True
    raw = made_curve(SMILE)
    one = made_curve(SMILE, seen=gone, usable=hidden, uncertain=unsure)
    other = made_curve(SMILE, participant="P2", rate=10, offset=7.5)
    excluded = {one.key[:-1]: [Window("break", 55.0, 59.0)]}
    text, longer = pack(study_of(one, other), Shown.of([one, other]), excluded)
    facts, planes = unpacked(text)
    assert longer == 1
    assert [(row["participant"], row["step"], row["n"], row["offset"]) for row in facts] == [
        *(("P1", 0.1, 600, 0.0), ("P2", 0.1, 600, 7.5))
    ]

    def at(seconds: float) -> int:
        return round((seconds - float(facts[0]["start"])) / 0.1)

    happy, states = planes[0][1], planes[0][-1]
    assert happy[at(11.0)] == 80
    assert happy[at(9.0)] == 5
    assert (happy[at(20.2) : at(27.8)] == NONE).all()
    assert [series.STATES[states[at(time)]] for time in (10, 22, 26, 34, 40)] == [
        *("usable", "no face", "not usable", "not sure", "usable")
    ]
    assert facts[0]["events"] == [["question", 5.0, 20.0], ["break (excluded)", 55.0, 59.0]]
    assert len(facts[1]["events"]) == 1
    (episode,) = [row for row in facts[0]["episodes"] if row[0] == 1]
    assert episode[1:] == pytest.approx([10.0, 3.0, 0.0, 80], abs=0.05)
    assert raw.smoothed["happy"][1].round(2) == 0.05


def test_of_a_long_study_steps_are_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    curve = made_curve(SMILE)
    monkeypatch.setattr(series, "VALUES", 250)
    text, longer = pack(study_of(curve), Shown.of([curve]))
    facts, planes = unpacked(text)
    assert longer == 3
    assert facts[0]["step"] == pytest.approx(0.3)
    assert planes[0].shape == (len(CLASSES) + 1, 200)
    assert planes[0][1][round(11 / 0.3)] == 80


def test_frames_that_are_far_apart_keep_their_step() -> None:
    curve = made_curve(SMILE, rate=0.5)
    facts, planes = unpacked(pack(study_of(curve), Shown.of([curve]))[0])
    assert (facts[0]["step"], facts[0]["n"]) == (2.0, 30)
    assert (planes[0][1] == 80).sum() == 2


def test_of_many_classes_the_most_probable_are_shown() -> None:
    names = tuple(f"class {number}" for number in range(20))
    raw = np.full((100, 20), 0.01)
    raw[:, 7] = 0.81
    every = np.ones(100, np.bool_)
    marks: dict[str, Any] = {"seen": every, "usable": every, "uncertain": ~every, "times": np.arange(100) / 10}
    curve = TimeSeries("P1", "", "", "a", "1", offset=0.0, raw=raw, classes=names, numbers=RAW, **marks)
    shown = Shown.of([curve])
    assert list(shown.colours)[-1] == "13 others"
    assert "class 7" in shown.colours
    rows = sample(curve, shown, 0.1)
    assert rows.shape == (9, 100)
    assert rows[-2, 0] == 13
    assert rows[list(shown.colours).index("class 7"), 0] == 81
