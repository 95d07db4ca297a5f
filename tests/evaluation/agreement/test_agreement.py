"""Agreement: published figures, figures by hand and by scikit-learn and statsmodels; what an interval must hold."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

from mien.core import records
from mien.evaluation.agreement.agreement import Agreement, Estimate, agree
from mien.evaluation.agreement.annotations import Annotations
from mien.evaluation.agreement.figures import (
    GROUP_FIGURES,
    MACHINE_FIGURES,
    PAIR_FIGURES,
    AgreementFigure,
    krippendorff_alpha,
    same_label,
)
from mien.evaluation.agreement.report import agreement_tables, machine_verdict, page

N = -1  # no label


def annotations(rows: Any, blocks: Any = None, notes: tuple[str, ...] = ()) -> Annotations:
    """Return annotations of rows [coders][n]."""
    codes = np.array(rows, dtype=np.int64).T
    labels = ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt")[: codes.max() + 1]
    named = tuple(f"coder{place}" for place in range(codes.shape[1]))
    places = np.arange(len(codes)) if blocks is None else np.asarray(blocks)
    return Annotations(named, labels, codes, places, "photos", "photos", notes)


def alpha(rows: Any) -> float:
    codes = np.array(rows, dtype=np.int64).T
    used = (codes[:, :, None] == np.arange(codes.max() + 1)).sum(axis=1).astype(float)
    return float(krippendorff_alpha(used, np.ones(len(used))))


def test_alpha_of_krippendorffs_examples() -> None:
    """Krippendorff 2011: A (two observers, binary), B (two observers, nominal), C (four observers, missing values)."""
    meg, owen = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert alpha([meg, owen]) == pytest.approx(0.095, abs=5e-4)
    ben, gerry = ([ord(letter) - 97 for letter in text] for text in ("aabbdcccedda", "babbbccceddd"))
    assert alpha([ben, gerry]) == pytest.approx(0.692, abs=5e-4)
    four = [
        [0, 1, 2, 2, 1, 0, 3, 0, 1, N, N, N],
        [0, 1, 2, 2, 1, 1, 3, 0, 1, 4, N, 2],
        [N, 2, 2, 2, 1, 2, 3, 1, 1, 4, 0, N],
        [0, 1, 2, 2, 1, 3, 3, 0, 1, 4, 0, N],
    ]
    assert alpha(four) == pytest.approx(0.743, abs=5e-4)
    assert agree(annotations(four)).all["alpha"].value == pytest.approx(0.743, abs=5e-4)
    assert agree(annotations(four)).all["alpha"].n == 11


def test_alpha_by_hand() -> None:
    # two coders, four units: aa, ab, bb, bb; o_ab = o_ba = 1, n_a = 3, n_b = 5, n = 8; 1 - 7 * 2 / (2 * 15)
    assert alpha([[0, 0, 1, 1], [0, 1, 1, 1]]) == pytest.approx(1 - 7 * 2 / 30)
    assert alpha([[0, 0, 1], [1, 1, 0]]) < 0
    assert np.isnan(alpha([[1, 1], [1, 1]]))


def test_kappa_by_hand_and_the_confusion() -> None:
    """20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: 0.7 observed, 0.5 by chance, so 0.4."""
    first, second = [0] * 25 + [1] * 25, [0] * 20 + [1] * 5 + [0] * 10 + [1] * 15
    (pair,) = agree(annotations([first, second])).pairs
    assert pair.figures["kappa"].value == pytest.approx(0.4)
    assert pair.figures["agreement"].value == pytest.approx(0.7)
    assert pair.confusion.tolist() == [[20, 5], [10, 15]]
    assert pair.figures["kappa"].interval is not None
    assert pair.figures["kappa"].interval[0] < 0.4 < pair.figures["kappa"].interval[1]


def test_fleiss_of_a_published_table() -> None:
    """Ten subjects, fourteen raters, five categories (Wikipedia, "Fleiss' kappa", a worked example): 0.210."""
    table = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    rows = np.array([np.repeat(np.arange(5), counts) for counts in table]).T
    assert agree(annotations(rows)).all["fleiss"].value == pytest.approx(0.210, abs=5e-4)


@settings(max_examples=30, deadline=None)
@given(
    arrays(np.int64, st.tuples(st.integers(2, 30), st.integers(2, 4)), elements=st.integers(-1, 3)).filter(
        lambda codes: bool((codes >= 0).any())
    )
)
def test_figures_are_those_of_scikit_learn_and_statsmodels(codes: NDArray[np.int64]) -> None:
    found = agree(annotations(codes.T))
    both = codes[(codes[:, :2] >= 0).all(axis=1)]
    ours = found.pairs[0].figures["kappa"].value
    if len(np.unique(both[:, :2])) < 2:
        assert ours is None
    else:
        assert ours == pytest.approx(cohen_kappa_score(both[:, 0], both[:, 1]), abs=1e-12)
    full = codes[(codes >= 0).all(axis=1)]
    if len(np.unique(full)) < 2:
        assert found.all["fleiss"].value is None
    else:
        expected = fleiss_kappa(aggregate_raters(full)[0])
        assert found.all["fleiss"].value == pytest.approx(expected, abs=1e-12)


def every(found: Agreement) -> list[Estimate]:
    groups = [found.all, found.people or {}, found.comparison or {}, *(pair.figures for pair in found.pairs)]
    return [estimate for group in groups for estimate in group.values()]


def test_equal_blocks_leave_no_uncertainty() -> None:
    """Every resample of copies of one block is the data again, so both ends of each interval are the figure."""
    rows = np.random.default_rng(0).integers(0, 3, (4, 30))
    rows[1, :15] = rows[0, :15]
    estimates = every(agree(annotations(np.tile(rows, 12), np.repeat(np.arange(12), 30))))
    assert len(estimates) == 6 * len(PAIR_FIGURES) + 2 * len(GROUP_FIGURES) + len(MACHINE_FIGURES)
    for estimate in estimates:
        assert estimate.interval == pytest.approx((estimate.value, estimate.value), abs=1e-12)


def test_the_interval_of_a_share_is_the_textbooks() -> None:
    rows = [[0, 1] * 1000, [0, 1] * 600 + [1, 0] * 400]
    low, high = agree(annotations(rows)).pairs[0].figures["agreement"].interval or (0, 0)
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(0.6 * 0.4 / 2000), rel=0.07)


def test_intervals_are_those_of_a_plain_bootstrap() -> None:
    random = np.random.default_rng(1)
    truth = random.integers(0, 4, 300)
    rows = [np.where(random.random(300) < 0.7, truth, random.integers(0, 4, 300)) for _ in range(2)]
    (pair,) = agree(annotations(rows)).pairs
    draws = [random.integers(0, 300, 300) for _ in range(400)]
    naive = np.percentile([cohen_kappa_score(rows[0][draw], rows[1][draw]) for draw in draws], (2.5, 97.5))
    assert pair.figures["kappa"].interval == pytest.approx(naive, abs=0.02)
    assert agree(annotations(rows)).pairs[0].figures["kappa"].interval == pair.figures["kappa"].interval  # seeded
    assert agree(annotations(rows), seed=1).pairs[0].figures["kappa"].interval != pair.figures["kappa"].interval


def test_units_of_a_block_are_resampled_together() -> None:
    """Each unit five times over says no more than once: blocks know it, single units do not."""
    random = np.random.default_rng(2)
    once = [random.integers(0, 3, 80), random.integers(0, 3, 80)]
    once[1][:40] = once[0][:40]
    five = [np.repeat(row, 5) for row in once]

    def width(found: Any) -> float:
        low, high = found.pairs[0].figures["kappa"].interval
        return float(high - low)

    blocked = agree(annotations(five, np.repeat(np.arange(80), 5)))
    assert width(blocked) == pytest.approx(width(agree(annotations(once))), rel=0.1)
    assert width(agree(annotations(five))) < 0.6 * width(blocked)
    assert blocked.blocks == 80


def test_one_block_gives_no_interval_and_few_blocks_a_warning() -> None:
    rows = [[0, 1, 0, 1, 2, 2], [0, 1, 1, 1, 2, 0]]
    alone = agree(annotations(rows, [0] * 6))
    assert alone.pairs[0].figures["kappa"].interval is None
    assert alone.pairs[0].figures["kappa"].value is not None
    assert "no intervals" in alone.notes[-1]
    assert "only 3 blocks" in agree(annotations(rows, [0, 0, 1, 1, 2, 2])).notes[-1]


def test_one_label_alone_leaves_kappa_undefined() -> None:
    found = agree(annotations([[1, 1, 1], [1, 1, 1], [1, 0, 1]]))
    pair = found.pairs[0]
    assert (pair.figures["kappa"].value, pair.figures["kappa"].interval, pair.figures["agreement"].value) == (
        None,
        None,
        1.0,
    )
    assert any("undefined" in note and "coder0 and coder1" in note for note in found.notes)
    assert found.pairs[1].figures["kappa"].value == 0  # one of them varies
    assert found.comparison is not None
    assert found.comparison["difference"].value is None
    assert machine_verdict(found) == ""


def test_machine_and_people_are_compared() -> None:
    random = np.random.default_rng(3)
    truth = random.integers(0, 4, 400)
    one, two = (np.where(random.random(400) < 0.6, truth, random.integers(0, 4, 400)) for _ in range(2))
    between = cohen_kappa_score(one, two)
    copy = agree(annotations([one, one, two]))
    assert copy.comparison is not None
    assert copy.comparison["people"].value == pytest.approx(between)
    assert copy.comparison["machine"].value == pytest.approx((1 + between) / 2)
    assert copy.comparison["difference"].value == pytest.approx((1 - between) / 2)
    assert machine_verdict(copy) == "People agree with coder0 more than with each other."
    noise = agree(annotations([random.integers(0, 4, 400), one, two]))
    assert machine_verdict(noise) == "People agree with coder0 less than with each other."
    third = np.where(random.random(400) < 0.6, truth, random.integers(0, 4, 400))
    assert "No difference found" in machine_verdict(agree(annotations([third, one, two])))
    assert agree(annotations([one, one, two]), machine=False).comparison is None
    assert agree(annotations([one, two])).comparison is None


def test_machine_and_people_are_compared_on_the_same_units() -> None:
    random = np.random.default_rng(4)
    rows = random.integers(0, 3, (4, 200))
    rows[:, :80] = rows[0, :80]
    rows[random.random(rows.shape) < 0.3] = N
    found = agree(annotations(rows)).comparison
    machine, people = [], []
    for one, two in ((1, 2), (1, 3), (2, 3)):
        shared = (rows[[0, one, two]] >= 0).all(axis=0)
        a, b, m = (rows[place][shared] for place in (one, two, 0))
        people.append(cohen_kappa_score(a, b))
        machine.append((cohen_kappa_score(m, a) + cohen_kappa_score(m, b)) / 2)
    assert found is not None
    assert found["people"].value == pytest.approx(np.mean(people))
    assert found["machine"].value == pytest.approx(np.mean(machine))


def test_page_and_tables_show_all_figures() -> None:
    from rich.console import Console

    rows = [[0, 1, 0, 1, 2, 2, 0], [0, 1, 1, 1, 2, 0, 0], [0, 1, 1, 0, 2, 2, N]]
    found = agree(annotations(rows, notes=("b <lacks> 1",)))
    html = page(found)
    assert html.count('<table class="confusion">') == 3
    assert "b &lt;lacks&gt; 1" in html
    assert "<script" not in html
    console = Console(width=120)
    with console.capture() as captured:
        console.print(agreement_tables(found))
    text = captured.get()
    for name in (
        "Cohen's kappa, coder0 and coder1",
        "Fleiss' kappa, people",
        "mean kappa, coder0 and a person",
        "surprise",
    ):
        assert name in text


def test_a_new_figure_is_one_entry_of_a_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    added = AgreementFigure("errors", "other label", lambda confusions: 1 - same_label(confusions), format=".0%")
    monkeypatch.setattr("mien.evaluation.agreement.agreement.PAIR_FIGURES", (*PAIR_FIGURES, added))
    monkeypatch.setattr("mien.evaluation.agreement.report.PAIR_FIGURES", (*PAIR_FIGURES, added))
    found = agree(annotations([[0, 1, 0, 1], [0, 1, 1, 1]]))
    assert json.loads(records.dumps(found))["pairs"][0]["figures"]["errors"]["value"] == 0.25
    assert "other label, coder0 and coder1</th><td>25%</td>" in page(found)


def test_agreement_is_written_as_json_and_read_again() -> None:
    found = agree(annotations([[0, 1, 0, 1, 2], [0, 1, 1, 1, 2], [0, 1, 1, 0, N]]))
    text = records.dumps(found)
    again = records.loads(text, Agreement, where="agreement.json")
    assert again.comparison == found.comparison
    assert records.dumps(again) == text
