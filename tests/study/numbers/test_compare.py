"""Comparisons of conditions: the tests they are, what they find, what they say where they cannot."""

from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestIndPower, TTestPower

from mien.core.errors import InputError
from mien.study.numbers import compare as comparisons
from mien.study.numbers.compare import COMPARABLE, Comparison, detectable
from mien.study.numbers.settings import ComparisonSettings
from mien.study.numbers.summary import FIGURES, UNIT, Row


def row(participant: object, condition: str, value: float | None, **facts: Any) -> Row:
    plain = dict.fromkeys((*UNIT, "expression", *FIGURES))
    plain |= {"participant": str(participant), "session": "", "person": "1", "event": "", "seconds": 60.0, "valid": 1.0}
    return plain | {"condition": condition, "expression": "happy", "mean": value} | facts


def within(n: int, effect: float, seed: int = 0, own: float = 0.1, spread: float = 0.05) -> list[Row]:
    rng = np.random.default_rng(seed)
    levels = 0.3 + own * rng.normal(size=n)
    return [
        row(one, condition, float(level + shift + spread * rng.normal()))
        for one, level in enumerate(levels)
        for condition, shift in (("calm", 0.0), ("stress", effect))
    ]


def column(rows: list[Row], condition: str) -> list[float]:
    return [one["mean"] for one in rows if one["condition"] == condition]


def compare(rows: list[Row], **options: Any) -> tuple[list[Comparison], list[str]]:
    return comparisons.compare(rows, ComparisonSettings(**options))


def single(rows: list[Row], **options: Any) -> Comparison:
    (found,), notes = compare(rows, **options)
    assert notes == []
    return found


def test_two_conditions_of_everybody_are_the_paired_test() -> None:
    rows = within(14, 0.06)
    found = single(rows)
    wanted = stats.ttest_rel(column(rows, "stress"), column(rows, "calm"))
    assert (found.design, found.n_both, found.df, found.note) == ("within", 14, 13, "")
    assert found.t == pytest.approx(wanted.statistic, rel=1e-3)
    assert found.p == pytest.approx(wanted.pvalue, rel=1e-2)
    low, high = wanted.confidence_interval()
    assert [found.low, found.high] == pytest.approx([low, high], rel=1e-2)
    assert found.p_corrected == found.p
    assert found.d == pytest.approx(found.difference / 0.11, rel=0.5)  # type: ignore[operator]


@pytest.mark.parametrize("seed", [1, 2, 8])
def test_they_are_also_where_participants_do_not_differ(seed: int) -> None:
    """Values that rise where the other falls: a variance between participants of 0 would make errors too small."""
    drawn = np.random.default_rng(seed).multivariate_normal(
        [0.3, 0.3], [[0.0025, -0.00125], [-0.00125, 0.0025]], size=6
    )
    rows = [
        row(n, level, float(value)) for n, both in enumerate(drawn) for level, value in zip("ab", both, strict=True)
    ]
    found = single(rows)
    wanted = stats.ttest_rel(drawn[:, 1], drawn[:, 0])
    assert [found.t, found.p, found.df] == pytest.approx([wanted.statistic, wanted.pvalue, 5], rel=1e-4)
    assert found.note == f"{comparisons.FIXED}; only 6 participants"
    more, _ = compare([*rows, *(one | {"condition": "c"} for one in rows[::2])])
    assert [one.df for one in more] == [10, 10]
    assert more[0].p_any == more[1].p_any is not None


def test_fixed_effects_are_least_squares_with_a_column_for_each_participant() -> None:
    import pandas
    import statsmodels.formula.api as smf

    rng = np.random.default_rng(7)
    rows = []
    for n in range(8):
        levels = "abc"[: 2 + n // 2]
        values = rng.normal(0, 0.1, size=len(levels))
        rows += [row(n, level, float(0.3 + v)) for level, v in zip(levels, values - values.mean(), strict=True)]
    found, _ = compare(rows)
    wanted = smf.ols("mean ~ C(condition) + C(participant)", pandas.DataFrame(rows)).fit()
    assert [one.df for one in found] == [wanted.df_resid] * 2
    for one in found:
        assert comparisons.FIXED in one.note
        name = f"C(condition)[T.{one.level}]"
        assert [one.difference, one.t, one.p] == pytest.approx(
            [wanted.params[name], wanted.tvalues[name], wanted.pvalues[name]], rel=1e-4
        )


def test_participants_in_one_condition_are_welch_s_test() -> None:
    rng = np.random.default_rng(1)
    rows = [
        row(n, "a" if n < 9 else "b", float(rng.normal(0.3 + 0.1 * (n > 8), 0.05 + 0.05 * (n > 8)))) for n in range(24)
    ]
    found = single(rows)
    wanted = stats.ttest_ind(column(rows, "b"), column(rows, "a"), equal_var=False)
    assert (found.design, found.n_reference, found.n_level, found.n_both) == ("between", 9, 15, 0)
    assert [found.t, found.p] == pytest.approx([wanted.statistic, wanted.pvalue], rel=1e-4)
    assert found.df == pytest.approx(wanted.df, rel=1e-4)


def test_who_lacks_a_condition_still_counts() -> None:
    rows = within(14, 0.06)
    fewer = single(
        [one for one in rows if (one["participant"], one["condition"]) not in {("0", "calm"), ("1", "stress")}]
    )
    assert (fewer.n_reference, fewer.n_level, fewer.n_both, fewer.df) == (13, 13, 12, 11)
    assert fewer.difference == pytest.approx(0.06, abs=0.05)


def test_three_conditions_are_compared_with_the_reference() -> None:
    rng = np.random.default_rng(2)
    rows = [
        row(n, level, float(0.3 + 0.1 * own + shift + rng.normal(0, 0.04)))
        for n, own in enumerate(rng.normal(size=12))
        for level, shift in (("a", 0.1), ("b", 0.0), ("c", 0.0))
    ]
    found, _ = compare(rows, reference="b")
    assert [(one.level, one.df) for one in found] == [("a", 22), ("c", 22)]
    assert [one.difference for one in found] == pytest.approx([0.1, 0.0], abs=0.04)
    assert found[0].p_any == found[1].p_any < 0.001  # type: ignore[operator]
    assert found[0].p_corrected == pytest.approx(2 * found[0].p)  # type: ignore[operator]
    groups = [
        row(f"{n}{level}", level, float(rng.normal(0.3 + 0.1 * (level == "a"), 0.05)))
        for n in range(10)
        for level in "abc"
    ]
    between, _ = compare(groups, reference="b")
    assert [one.design for one in between] == ["between"] * 2
    assert between[0].p_any < 0.05  # type: ignore[operator]


def test_p_is_corrected_over_expressions() -> None:
    rows = within(12, 0.05) + [one | {"expression": "sad"} for one in within(12, 0, seed=5)]
    holm, _ = compare(rows)
    fdr, _ = compare(rows, correction="fdr")
    first, second = sorted(one.p or 1 for one in holm)
    assert sorted(one.p_corrected or 1 for one in holm) == pytest.approx([2 * first, max(2 * first, second)])
    assert sorted(one.p_corrected or 1 for one in fdr) == pytest.approx([min(2 * first, second), second])
    alone = single(rows, expressions=["happy"])
    assert alone.p_corrected == alone.p


def test_what_could_be_found_agrees_with_statsmodels() -> None:
    for n in (8, 12, 40):
        wanted = TTestPower().solve_power(nobs=n, alpha=0.05, power=0.8)
        assert detectable(n - 1, 0.05) / np.sqrt(n) == pytest.approx(wanted, rel=1e-3)
    wanted = TTestIndPower().solve_power(nobs1=15, alpha=0.01, power=0.8)
    assert detectable(28, 0.01) * np.sqrt(2 / 15) == pytest.approx(wanted, rel=1e-3)
    rows = within(14, 0.0)
    apart = np.subtract(column(rows, "stress"), column(rows, "calm"))
    size = float(TTestPower().solve_power(nobs=14, alpha=0.05, power=0.8) * apart.std(ddof=1))
    assert single(rows).detectable == pytest.approx(size, rel=1e-2)


def test_sessions_are_averaged_so_that_they_are_no_further_participants() -> None:
    rows = within(10, 0.03)
    twice = [one | {"session": session} for one in rows for session in ("1", "2")]
    assert single(twice).df == 9
    assert single(twice).p == single(rows).p


def test_only_the_main_person_and_valid_rows_are_taken() -> None:
    rows = within(6, 0.03)
    guest = row(0, "calm", 0.9, person="guest", seconds=5.0)
    poor = row(7, "calm", 0.9, valid=0.4)
    (found,), notes = compare([*rows, guest, poor, row(7, "stress", 0.5)])
    assert (found.n_reference, found.n_level) == (6, 7)
    assert notes == [
        "not compared: other persons in the videos of a participant: 0 guest",
        "not compared: less than 50% of the time is valid: 7 calm",
    ]
    assert compare([*rows, poor, row(7, "stress", 0.5)], least_valid=0.3)[0][0].n_both == 7


def test_the_main_person_is_that_of_each_video() -> None:
    """Numbers of persons are of one video: participant 0 is 2 in one, 1 in the other, where 2 is the interviewer."""
    rows = within(6, 0.03)
    mine = rows[:2]
    mine[0]["person"], mine[1]["person"] = "2", "1"
    others = [row(0, "calm", 0.9, person="1", seconds=20.0), row(0, "stress", 0.9, person="2", seconds=20.0)]
    (found,), notes = compare([*rows, *others])
    assert (found.n_both, found.difference) == (6, single(within(6, 0.03)).difference)
    assert notes[1].startswith(
        "participants whose person has several names, each with a baseline of its own: 0 (1, 2);"
    )
    named = [*rows[2:], *(one | {"person": "0"} for one in within(6, 0.03)[:2])]
    (found,), notes = compare([*named, *(one | {"seconds": 99.0} for one in others)])
    assert found.difference == single(within(6, 0.03)).difference
    assert notes == ["not compared: other persons in the videos of a participant: 0 1, 0 2"]


def test_events_can_be_compared_and_can_be_the_time() -> None:
    rows = [one | {"event": one["condition"], "condition": ""} for one in within(9, 0.1)]
    everything = [row(n, "", 0.5) for n in range(9)]
    found = single([*rows, *everything], by="event")
    assert (found.reference, found.level, found.df) == ("calm", "stress", 8)
    during = [one | {"event": "film"} for one in within(9, 0.1)]
    assert single([*during, *within(9, 0.0)], event="film") == single(within(9, 0.1))


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        (within(2, 0.1), "2 participants with both: too few for a test"),
        ([row(n, "ab"[n % 2], n / 10) for n in range(5)], "2 participants in a condition: too few for a test"),
        (
            [row(n, level, 0.2) for n in range(9) for level in "ab"],
            "all values or differences alike: nothing to test with",
        ),
        ([row(n, level, n / 10 + (level == "b")) for n in range(9) for level in "ab"], "nothing to test with"),
        ([row(n, level, n / 10 + (level == "b") / 10) for n in range(5) for level in "ab"], "nothing to test with"),
        (within(1, 0.1), "1 participant with both: too few for a test"),
    ],
)
def test_where_there_is_no_test_it_is_said(rows: list[Row], note: str) -> None:
    found = single(rows)
    assert note in found.note
    assert (found.p, found.detectable, found.mean_level is not None) == (None, None, True)


def test_one_participant_in_both_of_two_groups_is_named() -> None:
    rows = [row(n, "ab"[n % 2], n / 10) for n in range(9)]
    assert compare(rows)[0][0].p is not None
    found, notes = compare([*rows, row(4, "b", 0.1)])
    assert found[0].p is None
    why = "so that the others cannot be compared; if it is a mistake, correct it"
    assert notes == [f"1 of 9 participants has more than one condition (4), {why}"]


def test_few_participants_are_tested_and_noted() -> None:
    assert single(within(5, 0.1)).note.endswith("only 5 participants")


def test_what_repeats_expressions_is_compared_only_when_asked_for() -> None:
    rows = [one | {"expression": name} for name in ("happy", "positive", "valence") for one in within(9, 0.1)]
    assert [one.expression for one in compare(rows)[0]] == ["happy", "valence"]
    assert [one.expression for one in compare(rows, expressions=("positive", "positive"))[0]] == ["positive"]


def test_a_figure_that_an_expression_lacks_is_left_out() -> None:
    rows = within(9, 0.1) + [one | {"expression": "valence", "per_minute": None} for one in within(9, 0.1)]
    rows = [one | ({"per_minute": one["mean"]} if one["expression"] == "happy" else {}) for one in rows]
    assert [one.expression for one in compare(rows, figure="per_minute")[0]] == ["happy"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"figure": "meen"}, "no figure 'meen'; did you mean 'mean'?"),
        ({"figure": "mean_low"}, "no figure 'mean_low'"),
        ({"expressions": ["hapy"]}, "no expression 'hapy'; did you mean 'happy'?"),
        ({"reference": "quiet"}, "no condition 'quiet' (there are calm, stress)"),
        ({"event": "film"}, "no event 'film'"),
        ({"by": "session"}, "session: none has a name; a comparison needs two"),
        ({"by": "event"}, "event: none; a comparison needs two"),
        ({"figure": "latency"}, "latency: no expression has it"),
        ({"least_valid": 50}, "least valid 50: expected a share from 0 to 1"),
    ],
)
def test_what_is_not_there_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        compare(within(9, 0.1), **options)
    assert str(caught.value).startswith(message)


def test_every_figure_but_counts_of_the_data_can_be_compared() -> None:
    assert {"mean", "mean_corrected", "area", "per_minute", "latency", "valid"} <= set(COMPARABLE) <= set(FIGURES)
