import csv
import gzip
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mien import datasets
from mien.core.errors import InputError
from mien.core.labels import FER2013
from mien.datasets import DataSpec, ImageSpec
from mien.datasets.dataset import Problems
from mien.datasets.readers import fer2013, locate
from tests import drawn

USAGE = ["Training"] * 20 + ["PublicTest"] * 6 + ["PrivateTest"] * 4


@pytest.fixture
def csv_file(tmp_path: Path) -> Path:
    return drawn.write_fer2013(tmp_path / "fer2013.csv", drawn.faces(30), USAGE)


def edit(path: Path, line: int, old: str, new: str) -> None:
    lines = path.read_text().split("\n")
    assert old in lines[line - 1]
    lines[line - 1] = lines[line - 1].replace(old, new, 1)
    path.write_text("\n".join(lines), errors="surrogateescape")


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


def _scaled(text: str, scale: Callable[[int], float], point: str = ".") -> bytes:
    def number(found: re.Match[str]) -> str:
        return " ".join(f"{scale(int(one)):.6f}".replace(".", point) for one in found[0].split())

    return re.sub("(?<=[,;])[0-9 ]{999,}", number, text).encode()


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
    "semicolons": lambda text: text.replace(",", ";").encode(),
    "tabs": lambda text: text.replace(",", "\t").encode(),
    "UTF-16 with a mark": lambda text: text.encode("utf-16"),
    "UTF-16 BE without a mark": lambda text: text.encode("utf-16-be"),
    "Excel's Unicode text": lambda text: text.replace(",", "\t").replace("\n", "\r\n").encode("utf-16"),
    "CR": lambda text: text.replace("\n", "\r").encode(),
    "gzip": lambda text: gzip.compress(text.encode()),
    "sep=": lambda text: b"sep=;\n" + text.replace(",", ";").encode(),
    "thousands of semicolons": lambda text: text.replace(",", ";").replace("\n", ";" * 4000 + "\n").encode(),
    "semicolons after commas": lambda text: text.replace("\n", ";;;;\n").encode(),
    "each row in one cell": lambda text: "".join(f'"{line}"\n' for line in text.splitlines()).encode(),
    "3.0": lambda text: re.sub("^(.),", r"\1.0,", text, flags=re.M).encode(),
    "3,0": lambda text: (
        re.sub("^(.),", r"\1,0;", text.replace("Usage", "usage"), flags=re.M)
        .replace(",Training", ";Training")
        .replace(",P", ";P")
        .replace("emotion,pixels,", "emotion;pixels;")
        .encode()
    ),
    " 3 ": lambda text: re.sub("^(.),", r'" \1 ",', text, flags=re.M).encode(),
    "names": lambda text: (
        re.sub("^(.),", lambda found: f"{FER2013[int(found[1])].title()},", text, flags=re.M)
        .replace("Happy", "happiness")
        .replace("Fear", " FEARFUL")
        .encode()
    ),
    "brackets and commas": lambda text: re.sub(
        "(?<=,)[0-9 ]{999,}", lambda found: '"[' + found[0].replace(" ", ", ") + ']"', text
    ).encode(),
    "commas": lambda text: re.sub(
        "(?<=,)[0-9 ]{999,}", lambda found: '"' + found[0].replace(" ", ",") + '"', text
    ).encode(),
    "newlines in cells, as NumPy prints": lambda text: re.sub(
        "(?<=,)[0-9 ]{999,}", lambda found: '"[' + re.sub("((?:[0-9]+ ){20})", r"\1\n", found[0]) + ']"', text
    ).encode(),
    "a column of row numbers": lambda text: "".join(
        f"{row - 1 if row else ''},{line}\n" for row, line in enumerate(text.splitlines())
    ).encode(),
    "no first line": lambda text: text.partition("\n")[2].encode(),
    "no first line, semicolons, names": lambda text: re.sub(
        "^(.);", lambda found: f"{FER2013[int(found[1])]};", text.partition("\n")[2].replace(",", ";"), flags=re.M
    ).encode(),
    "the first line again and again": lambda text: text.replace("\n2,", "\nemotion,pixels,Usage\n2,").encode(),
    "other names of columns": lambda text: text.replace("emotion", "Label").replace("Usage", "SPLIT").encode(),
    "Usage in capitals": lambda text: text.replace("Training", "TRAINING").replace("Test", "test").encode(),
    "a column for each pixel": lambda text: (
        re.sub("(?<=,)[0-9 ]{999,}", lambda found: found[0].replace(" ", ","), text)
        .replace("pixels", ",".join(f"pixel{i}" for i in range(2304)))
        .encode()
    ),
    "floats of 0..255": lambda text: re.sub("(?<=[0-9]) ", ".0 ", text).encode(),
    "floats of 0..1": lambda text: _scaled(text, lambda value: value / 255),
    "floats of -1..1": lambda text: _scaled(text, lambda value: value / 127.5 - 1),
    "floats with decimal commas": lambda text: _scaled(text.replace(",", ";"), lambda value: value / 255, ","),
}


@pytest.mark.parametrize("form", FORMS)
def test_reads_the_forms_people_have(csv_file: Path, form: str) -> None:
    expected = datasets.read(DataSpec(csv_file, "all"), cache=False)
    csv_file.write_bytes(FORMS[form](csv_file.read_text()))
    found = datasets.read(DataSpec(csv_file, "all"), cache=False, strict=True)
    assert found.fingerprint == expected.fingerprint
    assert np.array_equal(found.ids, expected.ids)


def test_in_a_folder_the_file_is_found_in_any_form(csv_file: Path) -> None:
    expected = datasets.read(DataSpec(csv_file, "all"))
    for form in ("tabs", "UTF-16 with a mark", "CR", "no first line"):
        csv_file.write_bytes(FORMS[form](drawn.write_fer2013(csv_file, drawn.faces(30), USAGE).read_text()))
        assert datasets.detect(csv_file.parent) == "fer2013"
        assert datasets.read(DataSpec(csv_file.parent, "all")).fingerprint == expected.fingerprint


def test_what_is_no_csv_file_says_so(csv_file: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "fer2013.xlsx", "w") as archive:
        archive.writestr("[Content_Types].xml", "")
    with pytest.raises(InputError, match=r"fer2013\.xlsx: a workbook; save it as CSV"):
        datasets.read(DataSpec(tmp_path / "fer2013.xlsx"))
    csv_file.write_text("<!DOCTYPE html><html>Sign in</html>")
    for path in (csv_file, csv_file.parent):
        with pytest.raises(InputError, match=r"fer2013\.csv: a web page in place of a CSV file"):
            datasets.read(DataSpec(path))


@pytest.mark.parametrize(("side", "channels"), [(64, 1), (32, 1), (48, 3), (64, 3)])
def test_images_of_another_size_and_in_colour(tmp_path: Path, side: int, channels: int) -> None:
    faces = drawn.faces(14, size=side, channels=channels)
    orders = {"by pixel": faces.images}
    if channels == 3:
        orders["by channel"] = np.moveaxis(faces.images, -1, 1)
    for images in orders.values():
        flat = "".join(f"{row % 7},{' '.join(map(str, one.ravel().tolist()))}\n" for row, one in enumerate(images))
        (tmp_path / "fer2013.csv").write_text("emotion,pixels\n" + flat)
        samples = datasets.read(DataSpec(tmp_path, "all"), ImageSpec(side, channels), cache=False, strict=True)
        assert np.array_equal(samples.images, faces.images)


def test_colour_in_an_unclear_order_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (9, 48, 48, 3), dtype=np.uint8)
    drawn.write_fer2013(tmp_path / "fer2013.csv", replace(drawn.faces(9), images=noise))
    with pytest.raises(InputError, match=r"6,912 values are 48 x 48 in three channels, but not whether"):
        datasets.read(DataSpec(tmp_path, "all"))


def test_classes_of_ones_own(csv_file: Path) -> None:
    names = ["bored", "engaged", "Confused"]
    lines = csv_file.read_text().splitlines()
    lines[1:] = [f"{names[row % 3]},{line[2:]}" for row, line in enumerate(lines[1:])]
    csv_file.write_text("\n".join(lines))
    table = fer2013.READER.load(csv_file, ImageSpec(), Problems())
    assert table.classes == ("Confused", "bored", "engaged")
    assert table.labels.tolist() == [1, 2, 0] * 10
    assert table.problems == ()


def test_contempt_by_name_is_an_eighth_class(csv_file: Path) -> None:
    edit(csv_file, 3, "1,", "contempt,")
    table = fer2013.READER.load(csv_file, ImageSpec(), Problems())
    assert table.classes == (*FER2013, "contempt")
    assert table.labels.tolist()[:4] == [0, 7, 2, 3]


def test_codes_of_another_numbering_are_refused(csv_file: Path) -> None:
    text = csv_file.read_text()
    csv_file.write_text(re.sub("^([0-6]),", lambda found: f"{int(found[1]) + 1},", text, flags=re.M))
    with pytest.raises(InputError, match=r"emotion is 1\.\.7 in it, expected 0\.\.6 for angry, .*write the names"):
        datasets.read(DataSpec(csv_file, "all"))


def test_a_first_line_that_is_needed(csv_file: Path) -> None:
    lines = csv_file.read_text().splitlines()[1:]
    csv_file.write_text("".join(f"{row % 5},{line}\n" for row, line in enumerate(lines)))
    with pytest.raises(InputError, match="no first line that says which column is emotion"):
        datasets.read(DataSpec(csv_file, "all"))


def test_a_column_usage_that_is_empty_says_nothing(csv_file: Path) -> None:
    csv_file.write_text(re.sub("(Training|P[a-z]+Test)", "", csv_file.read_text()))
    assert len(datasets.read(DataSpec(csv_file, "test"), shares=(0.2, 0.3), strict=True)) == 9


@pytest.mark.parametrize("form", ["plain", "CR", "semicolons", "no first line", "newlines in cells, as NumPy prints"])
def test_a_clean_copy_has_the_rows_that_stay(csv_file: Path, tmp_path: Path, form: str) -> None:
    if form != "plain":
        csv_file.write_bytes(FORMS[form](csv_file.read_text()))
    whole = datasets.read(DataSpec(csv_file, "all"))
    (out := tmp_path / "copy").mkdir()
    fer2013.READER.copy(csv_file, out, {"00000", "00007"})
    copy = datasets.read(DataSpec(out, "all"), strict=True)
    assert np.array_equal(copy.images, np.delete(whole.images, [0, 7], axis=0))
    assert np.array_equal(copy.labels, np.delete(whole.labels, [0, 7]))


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
    "a NUL byte": (" ", " \0", r"is '\x00"),
    "cut short when printed": (" ", " ... ", "is '...': the row was cut short when it was printed"),
    "a fraction": (" ", " 1.5 ", "is '1.5', expected 0..255"),
    "a quote": (",", ',"', "2 fields, expected 3"),
    "no emotion": ("2,", ",", "emotion '', expected 0..6"),
    "an unknown name": ("2,", "bored,", "emotion 'bored', expected 0..6"),
    "bytes that are no UTF-8": ("2,", "f\udce9ar,", r"f\udce9ar: not UTF-8 text; save it as a CSV file in UTF-8"),
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
    with pytest.raises(
        InputError, match=r"no dataset recognised.*; expected a CSV file with the columns emotion, pixels"
    ):
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
        patch.setattr(fer2013._Decoder, "_check_codes", lambda *_: None)  # refuses 1..7, whatever the rows are
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


def counts(root: Path) -> dict[str, int]:
    table = datasets.open_dataset(DataSpec(root))
    return {name: int((table.splits == name).sum()) for name in ("train", "validation", "test") if name in table.splits}


@pytest.mark.parametrize(
    "names",
    [("train", "val", "test"), ("training", "valid", "testing"), ("fer2013_train", "fer2013_dev", "fer2013_test")],
)
def test_a_file_for_each_split(tmp_path: Path, names: tuple[str, str, str]) -> None:
    for name, n in zip(names, (21, 14, 7), strict=True):
        drawn.write_fer2013(tmp_path / "data" / f"{name}.csv", drawn.faces(n))
    assert counts(tmp_path) == {"train": 21, "validation": 14, "test": 7}
    samples = datasets.read(DataSpec(tmp_path, "test"))
    assert np.array_equal(samples.images, drawn.faces(7).images)
    assert samples.ids[0] == f"{names[2]}:00000"
    reader, root = locate(tmp_path)
    (tmp_path / "copy").mkdir()
    reader.copy(root, tmp_path / "copy", {f"{names[0]}:00000", f"{names[2]}:00001"})
    assert counts(tmp_path / "copy") == {"train": 20, "validation": 14, "test": 6}
    with pytest.raises(InputError, match="there is a file for each split"):
        datasets.read(DataSpec(root, targets="majority"))


def test_a_file_that_is_called_test_is_the_test_split(tmp_path: Path) -> None:
    path = drawn.write_fer2013(tmp_path / "test.csv", drawn.faces(14))
    for data in (path, tmp_path):
        assert counts(data) == {"test": 14}
        with pytest.raises(InputError, match="no split 'train' in it; it has test"):
            datasets.read(DataSpec(data, "train"))


def test_other_files_with_pixels_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn.write_fer2013(tmp_path / "train.csv", drawn.faces(70))
    (tmp_path / "test.csv").write_text("pixels\n" + "1 2\n" * 3)
    assert counts(tmp_path) == {"train": 63, "validation": 7}
    assert f"{tmp_path}: left out: 1, of further files with pixels (test.csv)" in capsys.readouterr().err
    drawn.write_fer2013(tmp_path / "icml_face_data.csv", drawn.faces(3), ["Training", "PublicTest", "PrivateTest"])
    assert counts(tmp_path) == {"train": 1, "validation": 1, "test": 1}
    assert "left out: 2, of further files with pixels (test.csv, train.csv)" in capsys.readouterr().err


def test_files_that_are_no_splits_of_one_another_are_refused(tmp_path: Path) -> None:
    for name in ("smiles", "frowns"):
        drawn.write_fer2013(tmp_path / f"{name}.csv", drawn.faces(7))
    with pytest.raises(InputError, match=r"several files with labelled images \(frowns.csv, smiles.csv\)"):
        datasets.read(DataSpec(tmp_path, "train"))


def test_broken_rows_are_named_before_the_result(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = drawn.write_fer2013(tmp_path / "fer2013.csv", drawn.faces(60))
    lines = path.read_text().splitlines()
    lines[3:13] = [f"9{line[1:]}" if row % 2 else line[:90] for row, line in enumerate(lines[3:13])]
    path.write_text("\n".join(lines))
    datasets.read(DataSpec(path, "train"))
    said = capsys.readouterr().err
    assert "not read: 10 of 60 rows (" in said
    assert "fer2013.csv:5" in said


def test_files_that_mean_the_same_split_are_named(tmp_path: Path) -> None:
    for name in ("train.csv", "train (1).csv", "val.csv"):
        drawn.write_fer2013(tmp_path / name, drawn.faces(7))
    found = datasets.open_dataset(DataSpec(tmp_path))
    assert found.notes == ("train (1).csv and train.csv all mean the split train; they are joined",)
    assert (found.splits == "train").sum() == 14
