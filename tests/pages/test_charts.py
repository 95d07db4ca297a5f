from hypothesis import given
from hypothesis import strategies as st

from mien.pages.charts import Curve, _ticks, lines


@given(st.floats(-1e4, 1e4), st.floats(0, 1e4))
def test_ticks_are_few_and_enclose_the_values(low: float, span: float) -> None:
    ticks = _ticks(low, low + span)
    slack = 1e-9 * max(1, abs(low), abs(low + span))
    assert ticks[0] <= low + slack
    assert ticks[-1] >= low + span - slack
    assert 2 <= len(ticks) <= 8


def test_round_ticks() -> None:
    assert _ticks(0.35, 2.1) == [0, 0.5, 1, 1.5, 2, 2.5]


def test_values_that_are_not_finite_are_left_out() -> None:
    drawn = lines(
        "loss", [Curve("val", "validation", [(1, 1.0), (2, float("nan")), (3, float("inf")), (4, 2.0)])], across="epoch"
    )
    assert drawn.count("<polyline") == 1
    assert "nan" not in drawn
    assert "inf" not in drawn


def test_one_epoch_is_no_curve() -> None:
    assert lines("loss", [Curve("val", "validation", [(1, 1.0)]), Curve("train", "training", [])], across="epoch") == ""
