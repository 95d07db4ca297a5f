import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mien import datasets
from mien.core.errors import InputError
from mien.core.labels import ALPHABETICAL, FER2013, THREE
from mien.datasets import DataSpec, read
from mien.datasets.readers.arrays import READER
from tests import drawn

FACES = drawn.faces(60, THREE)
FLAT = FACES.images.reshape(60, -1)


def save(root: Path, **arrays: NDArray[Any]) -> Path:
    for name, array in arrays.items():
        np.save(root / f"{name}.npy", array)
    return root


SHAPES: dict[str, NDArray[Any]] = {
    "flattened": FLAT,
    "n x h x w": FACES.images,
    "n x h x w x 1": FACES.images[..., None],
    "int64": FLAT.astype(np.int64),
    "floats in 0..1": FLAT / 255,
    "float32 in 0..1": FLAT.astype(np.float32) / np.float32(255),
    "floats in 0..255": FLAT.astype(np.float64),
    "colour": np.repeat(FACES.images[..., None], 3, axis=3),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_forms_of_images(tmp_path: Path, shape: str) -> None:
    samples = datasets.read(DataSpec(save(tmp_path, x=SHAPES[shape], y=FACES.labels), "all"))
    assert np.array_equal(samples.images, FACES.images)
    assert np.array_equal(samples.labels, FACES.labels)
    assert samples.classes == THREE


@pytest.mark.parametrize(
    "labels",
    [
        FACES.labels[:, None],
        FACES.labels.astype(float),
        np.eye(3)[FACES.labels],
        np.eye(3, dtype=bool)[FACES.labels],
    ],
)
def test_forms_of_labels(tmp_path: Path, labels: NDArray[Any]) -> None:
    assert np.array_equal(datasets.read(DataSpec(save(tmp_path, x=FLAT, y=labels), "all")).labels, FACES.labels)


def test_splits_come_from_the_names(tmp_path: Path) -> None:
    save(
        tmp_path,
        X_train=FLAT[:40],
        Y_train=FACES.labels[:40],
        x_val=FLAT[40:50],
        y_val=FACES.labels[40:50],
        x_test=FLAT[50:],
    )
    assert [len(datasets.read(DataSpec(tmp_path, split))) for split in ("train", "validation", "test")] == [40, 10, 10]
    test = datasets.read(DataSpec(tmp_path, "test"))
    assert (test.labels == -1).all()
    assert test.ids[0] == "x_test:00000"


def test_a_validation_part_is_taken_from_train(tmp_path: Path) -> None:
    drawn.write_arrays(tmp_path, FACES, drawn.faces(9, THREE))
    assert [len(datasets.read(DataSpec(tmp_path, split))) for split in ("train", "validation", "test")] == [54, 6, 9]
    assert datasets.read(DataSpec(tmp_path, "validation")).counts == {"angry": 2, "happy": 2, "neutral": 2}


def test_one_npz(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x_train=FLAT, y_train=FACES.labels, x_test=FLAT[:5])
    for path in (tmp_path, tmp_path / "data.npz"):
        assert len(datasets.read(DataSpec(path, "test"))) == 5
        assert np.array_equal(datasets.read(DataSpec(path, "all")).images[:60], FACES.images)


def test_a_single_file_of_images_has_no_labels(tmp_path: Path) -> None:
    save(tmp_path, x_test=FLAT)
    samples = datasets.read(DataSpec(tmp_path / "x_test.npy", "test"))
    assert (samples.labels == -1).all()
    assert samples.classes == ()
    assert datasets.read(DataSpec(tmp_path / "x_test.npy", "test", classes="three-class")).classes == THREE


def test_an_order_of_labels_is_never_assumed(tmp_path: Path) -> None:
    save(tmp_path, x=FLAT[:14], y=np.arange(14) % 7)
    with pytest.raises(
        InputError, match=r"labels 0\.\.6 without names; say which order.*: --classes fer2013 or --classes alphabetical"
    ):
        datasets.read(DataSpec(tmp_path, "train"))
    assert datasets.read(DataSpec(tmp_path, "all", classes="alphabetical")).classes == ALPHABETICAL
    with pytest.raises(InputError, match=r"labels 0\.\.6, but 3 classes are named"):
        datasets.read(DataSpec(tmp_path, "train", classes="three-class"))
    save(tmp_path, y=np.arange(14) % 5)
    with pytest.raises(InputError, match="name them in their order"):
        datasets.read(DataSpec(tmp_path, "train"))


def test_a_list_next_to_the_arrays_says_what_integers_mean(tmp_path: Path) -> None:
    save(tmp_path, x=FLAT, y=FACES.labels)
    assert datasets.read(DataSpec(tmp_path, "all")).classes == THREE
    (tmp_path / "classes.txt").write_text("bored\nengaged\nasleep\n")
    samples = datasets.read(DataSpec(tmp_path, "all"))
    assert samples.classes == ("bored", "engaged", "asleep")
    assert np.array_equal(samples.labels, FACES.labels)
    assert datasets.read(DataSpec(tmp_path, "all", classes="asleep,bored")).classes == ("asleep", "bored")


def test_what_integers_are_read_as_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path, x=FLAT, y=FACES.labels)
    datasets.read(DataSpec(tmp_path, "all"))
    assert "classes: 0 angry (from 0), 1 happy (from 1), 2 neutral (from 2)" in capsys.readouterr().err
    datasets.read(DataSpec(tmp_path, "all", classes="neutral,happy,sad"))
    assert "classes: 0 neutral (from 0), 1 happy (from 1), 2 sad (from 2)" in capsys.readouterr().err


def test_broken_rows_are_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    pixels, labels = FLAT / 255, FACES.labels.astype(float)
    pixels[3, 7], pixels[4, 0], labels[5], labels[6] = 999, np.nan, 1.5, -2
    samples = datasets.read(DataSpec(save(tmp_path, x=pixels, y=labels), "all"))
    assert [problem.where for problem in samples.problems] == ["y:00005", "y:00006", "x:00003", "x:00004"]
    assert "expected 0..1" in samples.problems[2].what
    assert np.array_equal(samples.images, np.delete(FACES.images, [3, 4, 5, 6], axis=0))
    assert np.array_equal(samples.labels, np.delete(FACES.labels, [3, 4, 5, 6]))
    with pytest.raises(InputError, match="y:00005"):
        datasets.read(DataSpec(tmp_path, "train"), strict=True)


def test_a_label_beyond_the_named_classes_is_reported_and_many_are_refused(tmp_path: Path) -> None:
    labels = (np.arange(60) % 7).astype(float)
    labels[[3, 4, 5]] = 12, -1, np.nan
    samples = datasets.read(DataSpec(save(tmp_path, x=FLAT, y=labels), "all", classes="fer2013"))
    assert [str(problem) for problem in samples.problems] == [
        "y:00004: label -1., expected a whole number from 0",
        "y:00005: label nan, expected a whole number from 0",
        "x:00003: label 12, expected 0..6",
    ]
    assert samples.labels.tolist() == np.delete(labels, [3, 4, 5]).tolist()
    assert np.array_equal(samples.images, np.delete(FACES.images, [3, 4, 5], axis=0))
    labels[[4, 5]] = 0
    with pytest.raises(InputError, match="x:00003: label 12"):
        datasets.read(DataSpec(save(tmp_path, y=labels), "train", classes="fer2013"), strict=True)
    with pytest.raises(InputError, match=r"labels 0\.\.7, but 7 classes are named"):  # all are one too high
        datasets.read(DataSpec(save(tmp_path, y=1 + np.arange(60) % 7), "train", classes="fer2013"))


def test_arrays_that_cannot_be_used(tmp_path: Path) -> None:
    pickled = np.array([{"a": 1}, None], dtype=object)
    for array, what in ((FLAT[:, :99], "shape"), (FLAT[0], "shape"), (FLAT.astype(str), "dtype"), (pickled, "objects")):
        with pytest.raises(InputError, match=what):
            datasets.read(DataSpec(save(tmp_path, x=array, y=FACES.labels), "train"))
    with pytest.raises(InputError, match=r"labels of shape \[59\] for 60 images"):
        datasets.read(DataSpec(save(tmp_path, x=FLAT, y=FACES.labels[1:]), "train"))
    whole = (tmp_path / "x.npy").read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"junk" * 50):
        (tmp_path / "x.npy").write_bytes(damaged)
        with pytest.raises(InputError, match=r"x\.npy: "):
            datasets.read(DataSpec(tmp_path, "train"))
    with pytest.raises(InputError, match=r"no image that can be read; the first: x:00000: values 300\.\.300"):
        datasets.read(DataSpec(save(tmp_path, x=np.full((60, 4), 300), y=FACES.labels), "train"))


NAMES = np.array(FER2013)[np.arange(60) % 7]
FORMS_OF_LABELS = {
    "texts": NAMES,
    "synonyms in capitals": np.char.upper(np.where(NAMES == "happy", "happiness", NAMES)),
    "bytes": NAMES.astype("S"),
}


@pytest.mark.parametrize("form", FORMS_OF_LABELS)
def test_labels_that_are_names(tmp_path: Path, form: str) -> None:
    faces = drawn.faces(60)
    save(tmp_path, x=faces.images, y=FORMS_OF_LABELS[form])
    samples = read(DataSpec(tmp_path, "all"))
    assert samples.classes == tuple(sorted(FER2013))
    assert [samples.classes[code] for code in samples.labels] == NAMES.tolist()
    assert samples.problems == ()


def test_names_of_ones_own_slips_and_lone_surrogates(tmp_path: Path) -> None:
    names = np.array(["bored", "engaged"])[np.arange(60) % 2].astype("<U9")
    names[3] = "\udc80"
    save(tmp_path, x=drawn.faces(60).images, y=names)
    samples = read(DataSpec(tmp_path, "all"))
    assert samples.classes == ("bored", "engaged")
    assert [problem.where for problem in samples.problems] == ["y:00003"]
    assert "expected a name in UTF-8" in samples.problems[0].what
    names[3] = "bored"
    save(tmp_path, y=np.where(np.arange(60) == 5, "hapy", NAMES))
    assert "did you mean 'happy'?" in read(DataSpec(tmp_path, "all")).problems[0].what


def test_texts_that_are_numbers_are_numbers(tmp_path: Path) -> None:
    save(tmp_path, x=drawn.faces(60).images, y=(np.arange(60) % 7).astype("U1"))
    assert read(DataSpec(tmp_path, "all", classes="fer2013")).labels.tolist() == (np.arange(60) % 7).tolist()


@pytest.mark.parametrize("text", ["label\n{}\n", "{}\n", "index;emotion\n{}\n"])
def test_labels_in_a_text_file_next_to_the_images(tmp_path: Path, text: str) -> None:
    save(tmp_path, x_train=drawn.faces(60).images)
    rows = [f"{row};{name}" if ";" in text else name for row, name in enumerate(NAMES.tolist())]
    (tmp_path / "y_train.csv").write_text(text.format("\n".join(rows)))
    samples = read(DataSpec(tmp_path, "all", kind="arrays"))
    assert [samples.classes[code] for code in samples.labels] == NAMES.tolist()


FORMS_OF_IMAGES: dict[str, Callable[[NDArray[np.uint8]], NDArray[Any]]] = {
    "channels first": lambda grey: grey[:, None],
    "three channels first": lambda grey: np.repeat(grey[:, None], 3, axis=1),
    "flat colour by pixel": lambda grey: np.repeat(grey[..., None], 3, axis=-1).reshape(len(grey), -1),
    "flat colour by channel": lambda grey: np.repeat(grey[:, None], 3, axis=1).reshape(len(grey), -1),
    "an opaque fourth channel": lambda grey: np.concatenate(
        [np.repeat(grey[..., None], 3, axis=-1), np.full_like(grey, 255)[..., None]], axis=-1
    ),
    "-1..1": lambda grey: (grey / 127.5 - 1).astype(np.float32),
    "-1..1 in 64 bits": lambda grey: grey / 127.5 - 1,
    "0..1 in 16 bits": lambda grey: (grey / 255).astype(np.float16),
    "big-endian": lambda grey: grey.astype(">i4"),
    "Fortran's order": lambda grey: np.asfortranarray(grey),
    "16 bits": lambda grey: grey.astype(np.uint16) * 257,
    "uint16 of 0..255": lambda grey: grey.astype(np.uint16),
}


@pytest.mark.parametrize("form", FORMS_OF_IMAGES)
def test_images_as_other_libraries_keep_them(tmp_path: Path, form: str) -> None:
    faces = drawn.faces(60)
    save(tmp_path, x=FORMS_OF_IMAGES[form](faces.images), y=faces.labels)
    samples = read(DataSpec(tmp_path, "all", classes="fer2013"), strict=True)
    assert np.abs(samples.images.astype(int) - faces.images).max() <= 1
    assert samples.labels.tolist() == faces.labels.tolist()


@pytest.mark.parametrize(
    "names",
    [("X", "Y"), ("trainX", "trainY"), ("Xtrain", "ytrain"), ("train_images", "train_labels"), ("img", "target")],
)
def test_names_that_libraries_and_courses_use(tmp_path: Path, names: tuple[str, str]) -> None:
    faces = drawn.faces(60)
    save(tmp_path, **{names[0]: faces.images, names[1]: NAMES})
    assert len(read(DataSpec(tmp_path, "train"))) > 40


UNUSABLE: dict[str, tuple[dict[str, NDArray[Any]], str]] = {
    "labels without a dimension": ({"y": np.array(3)}, r"y\.npy: labels of shape \[\] for 60 images"),
    "one-hot without classes": ({"y": np.zeros((60, 0))}, r"y\.npy: labels of shape \[60, 0\]"),
    "labels in three dimensions": ({"y": np.zeros((60, 7, 1))}, r"y\.npy: labels of shape"),
    "texts in two dimensions": ({"y": np.array([["a", "b"]] * 60)}, "expected one for each image"),
    "fields": ({"y": np.zeros(60, dtype=[("a", "i4")])}, "expected numbers or texts"),
    "complex numbers": ({"x": np.zeros((60, 48, 48), complex)}, "expected numbers or texts"),
    "an image of texts": ({"x": np.full((60, 2304), "a")}, r"dtype <U1, expected numbers"),
    "standardised": (
        {"x": np.random.default_rng(0).normal(size=(60, 48, 48))}, "if they are standardised, multiply by the standard"
    ),
    "images last": ({"x": np.zeros((48, 48, 60), np.uint8)}, "the images come first"),
    "five channels": ({"x": np.zeros((60, 48, 48, 5), np.uint8)}, r"shape \[60, 48, 48, 5\]; expected"),
    "a fourth channel that varies": (
        {"x": np.random.default_rng(0).integers(0, 255, (60, 48, 48, 4), np.uint8)}, "fourth channel"
    ),
    "colour in an unclear order": (
        {"x": np.random.default_rng(0).integers(0, 255, (60, 6912), np.uint8)}, "not whether pixel by pixel"
    ),
    "no number": ({"x": np.full((60, 48, 48), np.nan)}, "no image that can be read; the first: x:00000: values nan"),
    "names here, numbers there": (
        {"x_test": np.zeros((9, 48, 48), np.uint8), "y_test": np.array(["sad"] * 9)}, "some labels are names"
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNUSABLE)
def test_what_cannot_be_used_is_one_line(tmp_path: Path, kind: str) -> None:
    arrays, message = UNUSABLE[kind]
    usable: dict[str, NDArray[Any]] = {"x": drawn.faces(60).images, "y": np.arange(60) % 7}
    save(tmp_path, **(usable | arrays))
    with pytest.raises(InputError, match=message) as caught:
        read(DataSpec(tmp_path, "all", classes="fer2013"), cache=False)
    assert "\n" not in str(caught.value)


def _npy(header: str, data: bytes = b"", version: int = 1) -> bytes:
    text = header.encode("latin-1")
    length = len(text).to_bytes(2 if version == 1 else 4, "little")
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + data


IMAGE = "{'descr': '|u1', 'fortran_order': False, 'shape': %s, }"
DAMAGED = {
    "empty": (b"", "an empty file"),
    "no array": (b"<html>", "no .npy file"),
    "cut in the header": (_npy(IMAGE % "(60, 48, 48)")[:40], ""),
    "cut in the data": (_npy(IMAGE % "(60, 48, 48)", bytes(999)), r"cut off: 999 of 138,240 bytes"),
    "a huge shape": (_npy(IMAGE % "(1000000000000,)"), "cut off: 0 of 1,000,000,000,000"),
    "an overflowing shape": (_npy(IMAGE % ("(" + "9" * 30 + ", " + "9" * 30 + ")")), "cut off"),
    "a negative shape": (_npy(IMAGE % "(-1, 48, 48)", bytes(9999)), "a shape of"),
    "a fraction in the shape": (_npy(IMAGE % "(1.5, 48)", bytes(9999)), "a shape of"),
    "true in the shape": (_npy(IMAGE % "(True, 48)", bytes(9999)), "a shape of"),
    "a shape of text": (_npy(IMAGE % "'ab'", bytes(9999)), "a shape of"),
    "no shape": (_npy("{'descr': '|u1'}"), "shape"),
    "deep brackets": (_npy("(" * 9000), ""),
    "deep minus": (_npy("-" * 9000 + "1"), ""),
    "a long header": (_npy(" " * 60_000), "a header of version 1 and 60,000 bytes"),
    "a header of gigabytes": (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "a header of version 2 and 4,294,967,295 bytes"),
    "a header of version 9": (_npy(IMAGE % "(1, 8, 8)", bytes(64), version=9), "a header of version 9"),
    "an odd type": (_npy("{'descr': 'zz', 'fortran_order': False, 'shape': (1,)}", bytes(99)), ""),
    "a huge text type": (_npy("{'descr': '<U999999999', 'fortran_order': False, 'shape': (1,)}"), ""),
    "objects": (_npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"cos\nsystem\n"), "never unpickles"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_and_hostile_files_are_one_line(tmp_path: Path, kind: str, packed: bool) -> None:
    content, message = DAMAGED[kind]
    if packed:
        with zipfile.ZipFile(tmp_path / "faces.npz", "w") as archive:
            archive.writestr("x.npy", content)
    else:
        (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(InputError, match=r"x(\.npy)?: no array that can be read \(.*" + message) as caught:
        read(DataSpec(tmp_path, "all"), cache=False)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("version", [2, 3])
def test_later_versions_of_the_header(tmp_path: Path, version: int) -> None:
    faces = drawn.faces(9)
    (tmp_path / "x.npy").write_bytes(_npy(IMAGE % "(9, 48, 48)" + "\n", faces.images.tobytes(), version))
    assert np.array_equal(read(DataSpec(tmp_path, "all")).images, faces.images)


def test_a_header_of_python_2_is_read_without_a_warning(tmp_path: Path) -> None:
    faces = drawn.faces(9)
    (tmp_path / "x.npy").write_bytes(_npy(IMAGE % "(9L, 48L, 48L)" + "\n", faces.images.tobytes()))
    assert np.array_equal(read(DataSpec(tmp_path, "all")).images, faces.images)


def test_a_small_archive_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "faces.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("x.npy", "w") as file,
    ):
        file.write(_npy(IMAGE % "(500000, 48, 48)"))
        for _ in range(1153):
            file.write(bytes(1_000_000))
    with pytest.raises(InputError, match=r"faces\.npz:x: no array .*bytes, packed into"):
        read(DataSpec(tmp_path, "all"), cache=False)


@pytest.mark.parametrize("name", ["faces.h5", "fer.pt", "data.pkl", "faces.mat"])
def test_files_of_other_libraries_say_what_to_convert_to(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04")
    with pytest.raises(InputError, match=r"; save its images and labels with numpy\.save as x\.npy and y\.npy"):
        read(DataSpec(tmp_path / name, "all"))


def test_a_copy_keeps_names_and_text_files(tmp_path: Path) -> None:
    save(tmp_path, x=drawn.faces(60).images)
    (tmp_path / "y.csv").write_text("label\n" + "\n".join(NAMES))
    (out := tmp_path / "copy").mkdir()
    READER.copy(tmp_path, out, {"x:00000", "x:00007"})
    copy = read(DataSpec(out, "all"))
    assert [copy.classes[code] for code in copy.labels] == np.delete(NAMES, [0, 7]).tolist()


def test_code_points_beyond_unicode_and_control_characters_are_no_labels(tmp_path: Path) -> None:
    names = NAMES.astype("<U9")
    names.view(np.uint32).reshape(60, 9)[[3, 5], 0] = 0x7F0000, 0
    save(tmp_path, x=drawn.faces(60).images, y=names)
    samples = read(DataSpec(tmp_path, "all"))
    assert [problem.where for problem in samples.problems] == ["y:00003", "y:00005"]
    assert samples.classes == tuple(sorted(FER2013))
