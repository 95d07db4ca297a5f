"""Cells of time, the order of frames, and what is read of the table of frames."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from mien.core.errors import InputError
from mien.recognition.smoothing import smooth
from mien.study.numbers.curves import curves_of, read_curves
from mien.study.numbers.indices import indices
from mien.study.project import StudyNumbers
from tests.study.numbers.made import RAW, made_curve, probabilities, pulses


def frames(**changes: object) -> pyarrow.Table:
    """Two clips: four frames of two people, one frame without anybody; and two frames without anybody."""
    time = [0.0, 0.0, 0.5, 1.0, 1.0, 1.5, 0.0, 0.5]
    happy = [0.1, 0.9, 0.2, 0.3, 0.8, None, None, None]
    person = ["Ann", "Bo", "Ann", "Ann", "Bo", None, None, None]
    rows = probabilities(np.array([np.nan if p is None else p for p in happy]))
    table = {
        "participant": ["P1"] * 6 + ["P2"] * 2,
        "session": [None] * 8,
        "condition": ["a"] * 8,
        "video": ["a.mp4"] * 6 + ["b.mp4"] * 2,
        "person": person,
        "time": time,
        "time_study": [t + 10 for t in time],
        "usable": [True, True, False, True, True, False, False, False],
        "uncertain": [False, True, None, None, False, None, None, None],
        **{f"p_{name}": rows[:, index] for index, name in enumerate(("neutral", "happy", "sad"))},
    }
    return pyarrow.table(table | changes)


def test_each_person_has_a_curve_over_all_frames_of_the_clip() -> None:
    ann, bo, nobody = curves_of(frames(), RAW)
    assert [one.key for one in (ann, bo, nobody)] == [
        ("P1", "", "a", "a.mp4", "Ann"), ("P1", "", "a", "a.mp4", "Bo"), ("P2", "", "a", "b.mp4", ""),
    ]  # fmt: skip
    assert ann.times.tolist() == [0, 0.5, 1, 1.5]
    assert (ann.seen.tolist(), bo.seen.tolist()) == ([True, True, True, False], [True, False, True, False])
    assert (ann.usable.tolist(), bo.uncertain.tolist()) == ([True, False, True, False], [True, False, False, False])
    assert np.isnan(ann.smoothed["happy"]).tolist() == [False, True, False, True]
    assert bo.smoothed["happy"][[0, 2]].tolist() == [0.9, 0.8]
    assert (ann.offset, nobody.seen.tolist()) == (10.0, [False, False])


def test_rows_may_come_in_any_order_and_texts_as_categories() -> None:
    table = frames()
    mixed = table.take([4, 1, 7, 5, 0, 6, 3, 2])
    coded = mixed.set_column(4, "person", mixed["person"].dictionary_encode())
    for one, other in zip(curves_of(table, RAW), curves_of(coded, RAW), strict=True):
        assert one.key == other.key
        assert np.array_equal(one.raw, other.raw, equal_nan=True)
        assert one.usable.tolist() == other.usable.tolist()


def test_files_of_a_study_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "out" / "frames").mkdir(parents=True)
    with pytest.raises(InputError, match=r"no frames; mien study run .* makes them"):
        read_curves(tmp_path / "out", RAW)
    pyarrow.parquet.write_table(frames(participant=["P9"] * 8), tmp_path / "out" / "frames" / "a.parquet")
    pyarrow.parquet.write_table(frames(), tmp_path / "out" / "frames" / "b.parquet")
    assert [one.participant for one in read_curves(tmp_path / "out", RAW)] == ["P1", "P1", "P2", "P9", "P9", "P9"]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (frames().drop_columns(["usable"]), "no column usable"),
        (frames().drop_columns(["p_happy", "p_sad", "p_neutral"]), r"no column p_\.\.\."),
        (frames().drop_columns(["p_sad"]), "other expressions than a.parquet"),
        (None, "cannot be read"),
    ],
)
def test_a_table_that_is_none_of_frames_is_one_line(tmp_path: Path, table: pyarrow.Table | None, message: str) -> None:
    (tmp_path / "frames").mkdir()
    pyarrow.parquet.write_table(frames(), tmp_path / "frames" / "a.parquet")
    if table is None:
        (tmp_path / "frames" / "b.parquet").write_text("no Parquet")
    else:
        pyarrow.parquet.write_table(table, tmp_path / "frames" / "b.parquet")
    with pytest.raises(InputError, match=message) as caught:
        read_curves(tmp_path, RAW)
    assert "\n" not in str(caught.value)


def test_integrals_do_not_depend_on_the_sampling() -> None:
    edges = np.array([0, 7, 20, 60])
    shape = pulses((5, 9, 0.8), (30, 31, 0.6), rise=0.5)
    for rate, tolerance in ((25, 0.01), (5, 0.06), (2, 0.2)):
        curve = made_curve(shape, rate=rate)
        above = curve.integrate(curve.smoothed["happy"] - 0.05, edges)
        assert above == pytest.approx([0.75 * 1.75, 0.75 * 1.75, 0.55 * 0.5], abs=tolerance)


def test_a_frame_counts_to_the_middle_between_it_and_the_next_but_not_over_a_gap() -> None:
    curve = made_curve(pulses(), times=[0, 0.5, 1, 1.1, 9, 9.5])
    lengths = curve.integrate(np.ones(6), np.array([-9, 0.25, 0.75, 1.05, 5, 9.25, 99]))
    assert lengths == pytest.approx([0.5, 0.5, 0.3, 0.3, 0.5, 0.5])
    slow = made_curve(pulses(), times=[0, 4, 8, 12])
    assert slow.integrate(np.ones(4), np.array([-9, 99.0])) == pytest.approx(16)
    trials = made_curve(pulses(), times=[start + at / 10 for start in (3, 20, 40) for at in range(50)])
    assert trials.integrate(np.ones(150), np.array([-9, 99.0])) == pytest.approx(15)  # three parts of 5 s


def test_smoothing_uses_usable_frames_only_and_real_times() -> None:
    usable = np.arange(50) % 7 > 0
    curve = made_curve(pulses((1, 2, 0.9)), seconds=2, usable=usable, numbers=StudyNumbers())
    wanted = smooth(curve.times[usable], curve.raw[usable])
    assert np.allclose(curve.smoothed["happy"][usable], wanted[:, 1])
    assert np.isnan(curve.smoothed["happy"][~usable]).all()


def test_indices_are_their_formulas_on_the_smoothed_curves() -> None:
    classes = ("Happiness", "angry", "disgust", "fear", "sad", "surprise", "neutral", "contempt")
    row = np.array([[0.3, 0.05, 0.2, 0.1, 0.05, 0.1, 0.15, 0.05]])
    found = {name: float(values[0]) for name, values in indices(row, classes).items()}
    assert found == pytest.approx({"valence": 0.1, "expressiveness": 0.85, "positive": 0.3, "negative": 0.4})
    assert list(indices(row[:, :2], ("bored", "awake"))) == []
    curve = replace(made_curve(pulses((1, 2, 0.9))), numbers=StudyNumbers())
    assert np.allclose(curve.smoothed["valence"], curve.smoothed["happy"] - curve.smoothed["sad"])


def test_no_episode_goes_over_time_that_was_not_looked_at() -> None:
    """Two parts of a video in one condition: the face smiles at the end of one and at the beginning of the other."""
    times = np.r_[np.arange(0, 10, 0.2), np.arange(60, 70, 0.2)]
    curve = made_curve(pulses((8, 10, 0.9), (60, 63, 0.9)), times=times.tolist())
    found = curve.episodes("happy")
    assert times[found.first].tolist() == [8, 60]
    assert times[found.apex].tolist() == [8, 60]
    assert times[found.last] == pytest.approx([9.8, 62.8])
    assert found.offset == pytest.approx([10, 63])
    slow = made_curve(pulses((8, 20, 0.9)), times=np.arange(0, 40, 4).tolist())
    assert len(slow.episodes("happy").first) == 1
