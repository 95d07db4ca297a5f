import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien import datasets
from mien.core.errors import InputError
from mien.datasets import DataSpec, ImageSpec
from mien.datasets.dataset import Problems
from mien.datasets.readers import fer2013
from tests import drawn

USAGE = ["Training"] * 20 + ["PublicTest"] * 6 + ["PrivateTest"] * 4


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    return drawn.write_fer2013(tmp_path / "fer2013.csv", drawn.faces(30), USAGE)


def edit(path: Path, line: int, old: str, new: str) -> None:
    lines = path.read_text().split("\n")
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text("\n".join(lines))


def test_reads_pixels_labels_and_splits(csv_file: Path) -> None:
    faces = drawn.faces(30)
    for split, rows in {"Training": slice(20), "val": slice(20, 26), "TEST": slice(26, 30), "all": slice(30)}.items():
        samples = datasets.read(DataSpec(csv_file, split))
        assert np.array_equal(samples.images, faces.images[rows])
        assert np.array_equal(samples.labels, faces.labels[rows])
        assert samples.classes == ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
        assert samples.problems == ()


def _mark(text: str) -> bytes:
    return b"\xef\xbb\xbf" + text.encode()


def _reordered(text: str) -> bytes:
    rows = list(csv.reader(io.StringIO(text)))
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows([row[::-1] for row in rows])
    return out.getvalue().encode()


FORMS: dict[str, Callable[[str], bytes]] = {
    "byte-order mark": _mark,
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "other order, all quoted, CRLF": _reordered,
    "spaces after commas, upper case": lambda text: text.replace(",", ", ").replace("emotion", "EMOTION").encode(),
    "blank lines at the end": lambda text: (text + "\n\r\n  \n").encode(),
    "no newline at the end": lambda text: text.rstrip("\n").encode(),
    "two spaces between pixels": lambda text: text.replace(" ", "  ").encode(),
    "one more column": lambda text: text.replace("\n", ",x\n").encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_reads_the_forms_people_have(csv_file: Path, form: str) -> None:
    expected = datasets.read(DataSpec(csv_file, "all"), cache=False)
    csv_file.write_bytes(FORMS[form](csv_file.read_text()))
    found = datasets.read(DataSpec(csv_file, "all"), cache=False, strict=True)
    assert found.fingerprint == expected.fingerprint
    assert np.array_equal(found.ids, expected.ids)


BROKEN = {
    "too many pixels": (" ", " 0 ", "2305 pixels, expected 2304"),
    "too large": (" ", " 999 ", "is '999', expected 0..255"),
    "four digits": (" ", " 1000 ", "is '1000', expected 0..255"),
    "text": (" ", " abc ", "is 'abc', expected 0..255"),
    "negative": (" ", " -3 ", "is '-3', expected 0..255"),
    "unknown emotion": ("2,", "9,", "emotion '9', expected 0..6"),
    "unknown usage": ("Training", "Holiday", "unknown split 'Holiday'"),
    "a field too many": (",", ",,", "4 fields, expected 3"),
    "no comma": (",", "", "2 fields, expected 3"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_one_broken_row_is_reported_and_the_rest_is_read(csv_file: Path, fault: str) -> None:
    old, new, what = BROKEN[fault]
    edit(csv_file, 4, old, new)  # the third row: fear, which is 2
    samples = datasets.read(DataSpec(csv_file, "all"))
    (problem,) = samples.problems
    assert problem.where == "fer2013.csv:4"
    assert what in problem.what
    assert samples.ids.tolist() == [f"{row:05d}" for row in range(30) if row != 2]
    assert np.array_equal(samples.images, np.delete(drawn.faces(30).images, 2, axis=0))
    for cache in (True, False):
        with pytest.raises(InputError, match=r"fer2013\.csv:4"):
            datasets.read(DataSpec(csv_file, "all"), strict=True, cache=cache)


def test_says_what_is_wrong_where_nothing_can_be_read(csv_file: Path, tmp_path: Path) -> None:
    csv_file.write_text("emotion,pixels\n" + "3,1 2 3\n" * 3)
    with pytest.raises(InputError, match=r"no row that can be read; the first: fer2013\.csv:2: 3 pixels"):
        datasets.read(DataSpec(csv_file, "train"))
    csv_file.write_text("emotion,pixels,emotion\n0,1,1\n")
    with pytest.raises(InputError, match="'emotion' is twice"):
        datasets.read(DataSpec(csv_file, "train"))
    csv_file.write_bytes(b"emotion,pixels\n0," + b"1 " * 2_000_000)
    with pytest.raises(InputError, match="a line of more than"):
        datasets.read(DataSpec(csv_file, "train"))
    csv_file.write_bytes(b"")
    with pytest.raises(InputError, match="no dataset recognised; expected a CSV file with the columns emotion, pixels"):
        datasets.read(DataSpec(tmp_path, "train"))


def test_without_usage_ninety_to_ten_stratified_and_seeded(tmp_path: Path) -> None:
    faces = drawn.faces(140)
    path = drawn.write_fer2013(tmp_path / "fer2013.csv", faces)
    parts = [datasets.read(DataSpec(path, split)) for split in ("train", "validation")]
    assert [list(part.counts.values()) for part in parts] == [[18] * 7, [2] * 7]
    assert set(parts[0].ids) | set(parts[1].ids) == set(faces.ids)
    assert parts[1].ids.tolist() != datasets.read(DataSpec(path, "validation"), seed=1).ids.tolist()
    assert len(datasets.read(DataSpec(path, "validation", holdout=0.5))) == 70
    assert len(datasets.read(DataSpec(path, "test"), shares=(0.1, 0.2))) == 28
    with pytest.raises(InputError, match="no split 'test' in it; it has train, validation"):
        datasets.read(DataSpec(path, "test"))


def test_other_sizes_and_colour_go_through_images(csv_file: Path) -> None:
    samples = datasets.read(DataSpec(csv_file, "all"), ImageSpec(size=32, channels=3))
    assert samples.images.shape == (30, 32, 32, 3)
    assert np.array_equal(samples.images[..., 0], datasets.read(DataSpec(csv_file, "all"), ImageSpec(size=32)).images)


def test_of_several_files_fer2013_and_then_one_with_usage_is_read(tmp_path: Path) -> None:
    drawn.write_fer2013(tmp_path / "train.csv", drawn.faces(3))
    drawn.write_fer2013(tmp_path / "zzz.csv", drawn.faces(4), ["Training"] * 4)
    assert len(datasets.read(DataSpec(tmp_path, "all"))) == 4
    drawn.write_fer2013(tmp_path / "FER2013.CSV", drawn.faces(5))
    assert len(datasets.read(DataSpec(tmp_path, "all"))) == 5


TOKENS = st.one_of(
    st.integers(0, 255).map(str),
    st.sampled_from(["256", "999", "1000", "0007", "00", "a", "-3", "1.5", "", "٣", "1\t2", '"']),
)
GOOD = st.integers(0, 255).map(str)
EMOTIONS = st.sampled_from([*"0123456", "7", "-1", "", "x", " 3 "])


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """A file of 3 x 3 images, some rows broken, in a form drawn at random."""
    order = draw(st.permutations(["emotion", "pixels", "Usage"]))[: draw(st.sampled_from([2, 3]))]
    order = order if {"emotion", "pixels"} <= set(order) else ["emotion", "pixels"]
    rows = []
    for _ in range(draw(st.integers(0, 12))):
        pixels = draw(st.one_of(st.lists(GOOD, min_size=9, max_size=9), st.lists(TOKENS, min_size=8, max_size=10)))
        quote = draw(st.sampled_from(["", '"']))
        usage = draw(st.sampled_from(["Training", "PublicTest", "privatetest", "nonsense", "Training"]))
        values = {"emotion": draw(EMOTIONS), "pixels": quote + " ".join(pixels) + quote, "Usage": usage}
        rows.append(",".join(values[name] for name in order))
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + ending.join([",".join(order), *rows, ""]).encode()


def slowly(data: bytes) -> Iterator[tuple[int, list[int], int]]:
    """Yield (row, pixels, label) of the rows that are fine, with the csv module and int."""
    lines = data.decode("utf-8-sig").replace("\r\n", "\n").split("\n")
    names = lines[0].lower().split(",")
    for row, line in enumerate(lines[1:-1]):
        fields = dict(zip(names, parsed := next(csv.reader([line])), strict=False))
        tokens = fields.get("pixels", "").split()
        if (
            len(parsed) == len(names)
            and fields["emotion"].strip() in set("0123456")
            and fields.get("usage", "training").lower() in {"training", "publictest", "privatetest"}
            and len(tokens) == 9
            and all(token.isascii() and token.isdigit() and int(token) <= 255 for token in tokens)
        ):
            yield row, [int(token) for token in tokens], int(fields["emotion"])


@settings(max_examples=200, deadline=None)
@given(data=files(), chunk=st.integers(8, 200))
def test_agrees_with_the_csv_module_and_int(tmp_path_factory: pytest.TempPathFactory, data: bytes, chunk: int) -> None:
    path = tmp_path_factory.getbasetemp() / "property.csv"
    path.write_bytes(data)
    expected, problems = list(slowly(data)), Problems()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fer2013, "SIDE", 3)
        patch.setattr(fer2013, "PIXELS", 9)
        patch.setattr(fer2013, "CHUNK", chunk)
        if not expected:
            with pytest.raises(InputError, match="no row that can be read"):
                fer2013.READER.load(path, ImageSpec(3), problems)
            return
        table = fer2013.READER.load(path, ImageSpec(3), problems)
    assert table.ids.tolist() == [f"{row:05d}" for row, _, _ in expected]
    assert table.images.reshape(-1, 9).tolist() == [pixels for _, pixels, _ in expected]
    assert table.labels.tolist() == [label for _, _, label in expected]
    rows = data.count(b"\n") - 1
    assert len(problems.found) == rows - len(expected)


def test_every_number_of_up_to_four_digits(tmp_path: Path) -> None:
    numbers = [*range(256), 256, 299, 300, 999, 1000, 2550, 9999]
    path = tmp_path / "numbers.csv"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fer2013, "SIDE", 1)
        patch.setattr(fer2013, "PIXELS", 1)
        path.write_text("emotion,pixels\n" + "".join(f"0,{number}\n" for number in numbers))
        table = fer2013.READER.load(path, ImageSpec(1), Problems())
    assert table.images.ravel().tolist() == list(range(256))
