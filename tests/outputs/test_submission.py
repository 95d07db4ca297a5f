"""`mien submit`: the leaderboard's columns and ids, every row, class indices of the model."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mien.cli import main
from mien.core.errors import InputError
from mien.outputs import submission

THREE = ("angry", "happy", "neutral")
LEVELS = np.array([0, 128, 255, 255, 0], np.uint8)  # what the model of the tests takes for 0, 1, 2, 2, 0


@pytest.fixture
def three(make_brightness_model: Callable[..., Path]) -> Path:
    return make_brightness_model(labels=THREE)


@pytest.fixture
def x_test(tmp_path: Path) -> Path:
    np.save(tmp_path / "x_test.npy", np.repeat(LEVELS[:, None], 48 * 48, axis=1))
    return tmp_path / "x_test.npy"


def test_ids_count_from_zero(three: Path, x_test: Path, tmp_path: Path) -> None:
    counts = submission.write_submission(three, x_test, tmp_path / "s.csv")
    assert (tmp_path / "s.csv").read_bytes() == b"Id,Category\n0,0\n1,1\n2,2\n3,2\n4,0\n"
    assert counts == {"angry": 2, "happy": 1, "neutral": 2}


def test_columns_and_ids_of_the_sample(three: Path, x_test: Path, tmp_path: Path) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_bytes("\ufeffimage,label\r\nf7,9\r\n003,9\r\nc,9\r\nb,9\r\na,9\r\n".encode())
    submission.write_submission(three, x_test, tmp_path / "s.csv", sample=sample, tta="flip")
    assert (tmp_path / "s.csv").read_text() == "image,label\nf7,0\n003,1\nc,2\nb,2\na,0\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Id,Category\n0,0\n", r"sample\.csv: 1 ids for 5 test images"),
        ("", "expected two columns, an id and a category, got nothing"),
        ("Id,Category\n0,0,0\n", "got 3 columns in row 2"),
        ("Id\n0\n", "got 1 columns in row 1"),
    ],
)
def test_a_sample_that_does_not_fit(three: Path, x_test: Path, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "sample.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        submission.write_submission(three, x_test, tmp_path / "s.csv", sample=tmp_path / "sample.csv")
    assert not (tmp_path / "s.csv").exists()


def test_one_broken_image_stops(three: Path, tmp_path: Path) -> None:
    pixels = np.full((4, 48, 48), 7.0)
    pixels[2] = np.nan
    np.save(tmp_path / "x_test.npy", pixels)
    with pytest.raises(InputError, match="00002"):
        submission.write_submission(three, tmp_path / "x_test.npy", tmp_path / "s.csv")
    assert not (tmp_path / "s.csv").exists()


def test_the_verb(three: Path, x_test: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["submit", str(three), "--data", str(x_test.parent), "--out", str(tmp_path / "s.csv")])
    assert ended.value.code == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"wrote {tmp_path / 's.csv'}: 5 rows (angry 2, happy 1, neutral 2)\n"


def test_the_real_leaderboard(three: Path, real_data: Path, tmp_path: Path) -> None:
    data = real_data / "three-class"
    counts = submission.write_submission(three, data, tmp_path / "s.csv", sample=data / "sample_submission.csv")
    assert counts.total() == 1969
    rows = (tmp_path / "s.csv").read_text().splitlines()
    expected = (data / "sample_submission.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows] == [row.split(",")[0] for row in expected]
