from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien import datasets
from mien.core.errors import InputError
from mien.core.labels import FER2013, FERPLUS
from mien.datasets import DataSpec
from mien.datasets.readers import ferplus
from tests import drawn

#        neutral, happy, surprise, sad, angry, disgust, fear, contempt, unknown, NF
CLEAR = [0, 9, 1, 0, 0, 0, 0, 0, 0, 0]
HALF = [5, 0, 0, 5, 0, 0, 0, 0, 0, 0]
OUTLIERS = [5, 1, 1, 1, 1, 1, 0, 0, 0, 0]
UNSURE = [1, 0, 0, 2, 0, 0, 0, 0, 7, 0]
NO_FACE = [0, 0, 0, 0, 0, 0, 0, 0, 0, 10]
SCORN = [3, 0, 0, 0, 0, 0, 0, 7, 0, 0]
STRAY = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
ROWS = [CLEAR, HALF, OUTLIERS, UNSURE, NO_FACE, SCORN, STRAY]
USAGE = ["Training"] * 5 + ["PublicTest"] * 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    drawn.write_fer2013(tmp_path / "fer2013.csv", drawn.faces(7), USAGE)
    drawn.write_votes(tmp_path / "fer2013new.csv", ROWS, USAGE)
    return tmp_path


def test_majority_needs_more_than_half_of_what_is_left_without_single_votes(folder: Path) -> None:
    samples = datasets.read(DataSpec(folder, "all", targets="majority"))
    assert samples.classes == FERPLUS
    assert samples.ids.tolist() == ["00000", "00002", "00005"]
    assert [FERPLUS[label] for label in samples.labels] == ["happy", "neutral", "contempt"]
    assert samples.dropped == {"unknown or no agreement": 3, "not a face": 1}


def test_plurality_takes_the_first_of_a_tie(folder: Path) -> None:
    samples = datasets.read(DataSpec(folder, "all", targets="plurality"))
    assert dict(zip(samples.ids.tolist(), samples.labels.tolist(), strict=True)) == {
        "00000": FERPLUS.index("happy"),
        "00001": FERPLUS.index("neutral"),
        "00002": FERPLUS.index("neutral"),
        "00005": FERPLUS.index("contempt"),
    }


def test_distribution_is_the_votes_of_the_classes_that_hold_three_quarters(folder: Path) -> None:
    samples = datasets.read(DataSpec(folder, "all", targets="distribution"))
    assert samples.labels.dtype == np.float32
    rows = dict(zip(samples.ids.tolist(), samples.labels.tolist(), strict=True))
    assert rows["00000"] == [0, 1, 0, 0, 0, 0, 0, 0]
    assert rows["00001"] == [0.5, 0, 0, 0.5, 0, 0, 0, 0]
    assert rows["00005"] == pytest.approx([0.3, 0, 0, 0, 0, 0, 0, 0.7])
    assert set(rows) == {"00000", "00001", "00002", "00005"}


def test_over_seven_classes_contempt_is_left_out_and_the_rest_sums_to_one(folder: Path) -> None:
    samples = datasets.read(DataSpec(folder, "all", targets="distribution", classes="fer2013"))
    assert samples.classes == FER2013
    rows = dict(zip(samples.ids.tolist(), samples.labels, strict=True))
    assert rows["00005"].tolist() == [0, 0, 0, 0, 0, 0, 1]
    majority = datasets.read(DataSpec(folder, "all", targets="majority", classes="fer2013"))
    assert majority.ids.tolist() == ["00000", "00002"]
    assert majority.dropped["of another class than the 7 asked for (contempt)"] == 1


def test_votes_come_only_when_asked_for(folder: Path) -> None:
    assert datasets.detect(folder) == "fer2013"
    assert datasets.detect(folder, "majority") == "fer2013"
    assert datasets.read(DataSpec(folder, "all")).classes == FER2013
    with pytest.raises(InputError, match="targets 'majority' need a dataset of kind fer2013, not folder"):
        datasets.read(DataSpec(folder, "train", kind="folder", targets="majority"))
    with pytest.raises(InputError, match="unknown targets 'most'"):
        datasets.read(DataSpec(folder, "train", targets="most"))  # type: ignore[arg-type]
    (folder / "fer2013new.csv").unlink()
    with pytest.raises(InputError, match=r"lacks the FER\+ votes fer2013new\.csv next to fer2013\.csv"):
        datasets.read(DataSpec(folder, "train", targets="majority"))


def test_rows_are_joined_by_number_where_a_row_of_pixels_is_broken(folder: Path) -> None:
    path = folder / "fer2013.csv"
    path.write_text(path.read_text().replace("\n1,", "\n9,", 1))
    samples = datasets.read(DataSpec(folder, "all", targets="majority"))
    assert samples.ids.tolist() == ["00000", "00002", "00005"]
    assert [problem.where for problem in samples.problems] == ["fer2013.csv:3"]


def test_a_broken_row_of_votes_is_reported(folder: Path) -> None:
    path = folder / "fer2013new.csv"
    path.write_text(path.read_text().replace(",9,1,", ",nine,1,", 1))
    samples = datasets.read(DataSpec(folder, "all", targets="majority"))
    assert samples.ids.tolist() == ["00002", "00005"]
    assert [problem.where for problem in samples.problems] == ["fer2013new.csv:2"]
    with pytest.raises(InputError, match=r"fer2013new\.csv:2"):
        datasets.read(DataSpec(folder, "all", targets="majority"), strict=True)


def test_files_that_are_not_row_for_row_are_refused(folder: Path) -> None:
    drawn.write_votes(folder / "fer2013new.csv", ROWS[:-1], USAGE[:-1])
    with pytest.raises(InputError, match="6 rows of votes for 7 rows of pixels"):
        datasets.read(DataSpec(folder, "train", targets="majority"))
    drawn.write_votes(folder / "fer2013new.csv", ROWS, USAGE[::-1])
    with pytest.raises(InputError, match="Usage of row 1 is not that of the pixels"):
        datasets.read(DataSpec(folder, "train", targets="majority"))
    text = (folder / "fer2013new.csv").read_text()
    (folder / "fer2013new.csv").write_text(text.replace("disgust", "boredom"))
    with pytest.raises(InputError, match="no column 'disgust'"):
        datasets.read(DataSpec(folder, "train", targets="majority"))


def test_usage_of_the_votes_counts_where_the_pixels_have_none(folder: Path) -> None:
    drawn.write_fer2013(folder / "fer2013.csv", drawn.faces(7))
    assert datasets.read(DataSpec(folder, "validation", targets="majority")).ids.tolist() == ["00005"]


def authors(votes: list[int], mode: str) -> list[float] | None:
    """Return the distribution over eight classes that the authors' rule gives a row, or None where it is left out.

    One row at a time, in the words of their code: outliers go, a mode decides, then unknown and not-a-face go.
    """
    left = [vote if vote > 1 else 0 for vote in votes]
    total = sum(left)
    kept = [0] * 10
    if mode == "majority":
        if max(left) > 0.5 * total:
            kept[left.index(max(left))] = max(left)
    else:
        part = count = 0
        going = True
        while part < 0.75 * total and count < 3 and going:
            top = max(left)
            for place in range(10):
                if left[place] == top:
                    kept[place], left[place] = top, 0
                    part += top
                    count += 1
                    if place >= 8:
                        going = False
                        if sum(kept) > top:
                            kept[place] = 0
                            count -= 1
                        break
        if sum(kept) <= 0.5 * total or count > 3:
            kept = [0] * 10
    if sum(kept) == 0 or kept.index(max(kept)) >= 8:
        return None
    return [vote / sum(kept[:8]) for vote in kept[:8]]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.integers(0, 9), min_size=10, max_size=10).map(lambda row: row), min_size=1, max_size=30))
def test_agrees_with_the_authors_rule(rows: list[list[int]]) -> None:
    # ten raters: cut each row where ten votes are reached, so that ties and small counts are common
    rows = [[min(vote, max(0, 10 - sum(row[:place]))) for place, vote in enumerate(row)] for row in rows]
    counts = np.array(rows, dtype=np.int64)
    for mode, targets in (("majority", "majority"), ("crossentropy", "distribution")):
        labels, winner = ferplus.target(counts, targets)
        for row, label, won in zip(rows, labels, winner, strict=True):
            expected = authors(row, mode)
            assert (won < 8) == (expected is not None)
            if expected is not None:
                found = np.eye(8)[label] if targets == "majority" else label
                assert found == pytest.approx(expected)
