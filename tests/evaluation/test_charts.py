import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.evaluation.charts import Curve, Dot, lines, log_ticks, round_ticks, scatter


@given(st.floats(-1e4, 1e4), st.floats(0, 1e4))
def test_ticks_are_few_and_enclose_the_values(low: float, span: float) -> None:
    ticks = round_ticks(low, low + span)
    slack = 1e-9 * max(1, abs(low), abs(low + span))
    assert ticks[0] <= low + slack
    assert ticks[-1] >= low + span - slack
    assert 2 <= len(ticks) <= 8


def test_round_ticks() -> None:
    assert round_ticks(0.35, 2.1) == [0, 0.5, 1, 1.5, 2, 2.5]


def test_values_that_are_not_finite_are_left_out() -> None:
    drawn = lines(
        "loss", [Curve("val", "validation", [(1, 1.0), (2, float("nan")), (3, float("inf")), (4, 2.0)])], across="epoch"
    )
    assert drawn.count("<polyline") == 1
    assert "nan" not in drawn
    assert "inf" not in drawn


def test_one_epoch_is_no_curve() -> None:
    assert lines("loss", [Curve("val", "validation", [(1, 1.0)]), Curve("train", "training", [])], across="epoch") == ""


@given(st.floats(1e-3, 1e5), st.floats(1, 1e4))
def test_marks_of_a_logarithmic_axis_enclose_the_values(low: float, factor: float) -> None:
    marks = log_ticks(low, low * factor)
    assert marks[0] <= low
    assert marks[-1] >= low * factor * (1 - 1e-12)
    assert len(marks) >= 2
    assert all(str(mark).strip("0.e-+123456789") == "" and f"{mark:.0e}"[0] in "125" for mark in marks)


def boxes(drawing: str) -> list[tuple[float, float, float]]:
    """Return (left, right, base) of the names in a scatter."""
    names = re.findall(r'x="([\d.]+)" y="([\d.]+)" text-anchor="start">(net-\d+)<', drawing)
    return [(float(x), float(x) + 6.2 * len(name), float(y)) for x, y, name in names]


@given(st.lists(st.tuples(st.floats(0.1, 100), st.floats(0.5, 0.7)), min_size=1, max_size=8))
def test_names_in_a_scatter_stay_inside(places: list[tuple[float, float]]) -> None:
    dots = [Dot(f"net-{index}", x, y, y - 0.01, y + 0.01) for index, (x, y) in enumerate(places)]
    drawing = scatter("accuracy", dots, across="ms", percent=True)
    assert drawing.count("<circle") == len(dots)
    found = boxes(drawing)
    assert len(found) == len(dots)
    assert all(left >= 0 and right <= 480 for left, right, _ in found)


def test_names_of_the_same_place_lie_apart() -> None:
    dots = [Dot(f"net-{index}", 1.0, 0.6, 0.59, 0.61) for index in range(4)]
    found = boxes(scatter("accuracy", dots, across="ms"))
    for index, (left, right, base) in enumerate(found):
        for other_left, other_right, other_base in found[:index]:
            assert right <= other_left or other_right <= left or abs(base - other_base) >= 10


def test_a_scatter_places_by_the_logarithm_and_escapes_names() -> None:
    dots = [Dot(name, x, 0.5, 0.4, 0.6) for name, x in (("<a>", 1), ("b", 10), ("c", 100))]
    drawing = scatter("accuracy", dots, across="ms")
    places = [float(x) for x in re.findall(r'cx="([\d.]+)"', drawing)]
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.2)
    assert "&lt;a&gt;" in drawing
    assert scatter("accuracy", [], across="ms") == ""
