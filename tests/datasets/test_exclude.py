"""What a list leaves out is gone, counted, and moves no split; a list that does not fit says where."""

import json
from pathlib import Path

import numpy as np
import pytest

from mien.cli import main
from mien.core.csv_files import csv_text
from mien.core.errors import InputError
from mien.core.labels import FACIAL_EXPRESSIONS, FER2013
from mien.datasets import DataSpec, read
from mien.datasets.exclude import load
from tests import drawn

USAGE = ["Training"] * 14 + ["PublicTest"] * 7


@pytest.fixture
def fer(tmp_path: Path) -> Path:
    return drawn.write_fer2013(tmp_path / "fer" / "fer2013.csv", drawn.faces(21), USAGE)


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "list.csv"
    path.write_text("split,ID,reason,of\ntrain,00002,exact duplicate,00003\ntrain,00005,,\nvalidation,00020,blank,\n")
    return path


def test_what_is_listed_is_left_out_and_counted(fer: Path, listed: Path) -> None:
    for split, gone in (("train", {"00002", "00005"}), ("validation", {"00020"})):
        whole, part = read(DataSpec(fer, split)), read(DataSpec(fer, split, exclude=listed))
        assert set(whole.ids) - set(part.ids) == gone
        kept = np.isin(whole.ids, part.ids)
        assert np.array_equal(whole.images[kept], part.images)
        assert np.array_equal(whole.labels[kept], part.labels)
        assert part.dropped == {
            "exact duplicate, by list.csv": 1, "excluded, by list.csv": 1, "blank, by list.csv": 1,
        }  # fmt: skip
    assert len(read(DataSpec(fer, "all", exclude=listed))) == 18


def test_splits_that_we_make_do_not_move(tmp_path: Path) -> None:
    root = drawn.write_facial_expressions(tmp_path / "photos", drawn.faces(60, FACIAL_EXPRESSIONS))
    whole = {split: set(read(DataSpec(root, split)).ids.tolist()) for split in ("train", "validation", "test")}
    gone = sorted(whole["train"])[:9] + sorted(whole["validation"])[:1]
    path = tmp_path / "list.csv"
    path.write_text("id\n" + "\n".join(gone))
    for split, ids in whole.items():
        assert set(read(DataSpec(root, split, exclude=path)).ids.tolist()) == ids - set(gone)


def test_what_the_votes_left_out_already_is_not_counted_twice(fer: Path, listed: Path) -> None:
    votes = [[0, 9, 1, 0, 0, 0, 0, 0, 0, 0]] * 21
    votes[5] = [0] * 9 + [10]
    drawn.write_votes(fer.with_name("fer2013new.csv"), votes, USAGE)
    found = read(DataSpec(fer.parent, "train", targets="majority", exclude=listed))
    assert found.dropped == {"not a face": 1, "exact duplicate, by list.csv": 1, "blank, by list.csv": 1}
    assert len(found) == 12


@pytest.mark.parametrize(
    "text", ["id\n", "id,reason\n\n", "\ufeffid\r\n00002\r\n00002\r\n", 'reason,id\n"a\nb",00002\n']
)
def test_lists_of_every_form(fer: Path, tmp_path: Path, text: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(text.encode())
    assert len(read(DataSpec(fer, "train", exclude=path))) == (13 if "00002" in text else 14)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column 'id' in its first line"),
        ("name,reason\n1,2\n", "no column 'id' in its first line"),
        ("id,reason\n00001\n", "list.csv:2: 1 field, expected 2"),
        ("id,reason\n,blank\n", "list.csv:2: no id"),
        (
            "id,reason\n00001,a\n00002,a\n00001,b\n",
            "list.csv:4: '00001' is in line 2 too, with reason 'a', not 'b'",
        ),
        ("id\n00001\nfear/x.png\n", r"list.csv:3: .* has no id 'fear/x.png'; was the list made for another dataset\?"),
        ("id\n2\n", r"list.csv:2: .* has no id '2'; was it 00002, before a spreadsheet\?"),
        ('id\n"00001\n', "list.csv:2: unexpected end of data"),
        ("id\nf\xe9\n".encode("latin-1"), "not text in UTF-8"),
    ],
)
def test_a_list_that_does_not_fit_is_one_line(fer: Path, tmp_path: Path, text: str | bytes, words: str) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=words) as caught:
        read(DataSpec(fer, "train", exclude=path))
    assert "\n" not in str(caught.value)


def test_no_list_and_nothing_left(fer: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.csv: No such file or directory; expected a list of ids"):
        read(DataSpec(fer, "train", exclude=tmp_path / "absent.csv"))
    path = tmp_path / "list.csv"
    path.write_text("id\n" + "\n".join(f"{row:05d}" for row in range(14, 21)))
    with pytest.raises(InputError, match=r"no split 'validation' in it without what .*list\.csv lists; it has train"):
        read(DataSpec(fer, "validation", exclude=path))


def test_inspect_counts_what_is_left(
    fer: Path, listed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["data", "inspect", str(fer), "--exclude", str(listed), "--sheet", str(tmp_path / "a.png"), "--json"])
    assert not ending.value.code
    found = json.loads(capsys.readouterr().out)
    assert found["counts"]["train"] == dict.fromkeys(FER2013, 2) | {"fear": 1, "surprise": 1}
    assert sum(found["counts"]["validation"].values()) == 6
    assert found["dropped"]["blank, by list.csv"] == 1


@pytest.mark.parametrize("name", ["=1.png", "-1.png", "@1.png", "'=1.png"])
def test_ids_that_spreadsheets_would_run_are_matched(tmp_path: Path, name: str) -> None:
    (tmp_path / "list.csv").write_text(csv_text([["id"], [name]]), "utf-8")
    assert list(load(tmp_path / "list.csv").listed) == [name]
    (tmp_path / "list.csv").write_text(f'id\n"{name}"\n', "utf-8")  # by hand
    assert list(load(tmp_path / "list.csv").listed) == [name if name[0] != "'" else name[1:]]
