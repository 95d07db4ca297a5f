import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien import datasets
from mien.core.errors import InputError
from mien.core.labels import ALPHABETICAL
from mien.datasets import DataSpec, ImageSpec
from tests import drawn


def test_reads_pixels_labels_and_ids_in_alphabetical_order(tmp_path: Path) -> None:
    faces = drawn.faces(21)
    drawn.write_folders(tmp_path, faces)
    samples = datasets.read(DataSpec(tmp_path, "all"))
    assert samples.classes == ALPHABETICAL
    for image, label, name in zip(samples.images, samples.labels, samples.ids, strict=True):
        row = int(Path(name).stem)
        assert np.array_equal(image, faces.images[row])
        assert samples.classes[label] == faces.classes[faces.labels[row]] == Path(name).parent.name


@pytest.mark.parametrize("above", ["", "images", "archive/images", "images/images"])
@pytest.mark.parametrize(
    "names", [("train", "validation", "test"), ("Training", "VAL", "Test"), ("train", "valid", "testing")]
)
def test_finds_splits_wherever_they_stand(tmp_path: Path, above: str, names: tuple[str, str, str]) -> None:
    for name, n in zip(names, (14, 7, 7), strict=True):
        drawn.write_folders(tmp_path / above, drawn.faces(n), name)
    (tmp_path / "README.txt").write_text("no image")
    assert datasets.detect(tmp_path) == "folder"
    assert [len(datasets.read(DataSpec(tmp_path, split))) for split in ("train", "validation", "test")] == [14, 7, 7]


def test_without_splits_eighty_ten_ten(tmp_path: Path) -> None:
    drawn.write_folders(tmp_path, drawn.faces(140))
    parts = [datasets.read(DataSpec(tmp_path, split)) for split in ("train", "val", "test")]
    assert [list(part.counts.values()) for part in parts] == [[16] * 7, [2] * 7, [2] * 7]
    assert len({name for part in parts for name in part.ids}) == 140


def test_without_validation_it_is_taken_from_train(tmp_path: Path) -> None:
    drawn.write_folders(tmp_path, drawn.faces(70), "train")
    drawn.write_folders(tmp_path, drawn.faces(21), "test")
    assert [len(datasets.read(DataSpec(tmp_path, split))) for split in ("train", "validation", "test")] == [63, 7, 21]
    assert all(name.startswith("train/") for name in datasets.read(DataSpec(tmp_path, "validation")).ids)


def test_any_format_size_and_colour(tmp_path: Path) -> None:
    faces = drawn.faces(7, size=100, channels=3)
    for suffix, folder in (
        (".jpg", "Happy"),
        (".png", "sadness"),
        (".bmp", "ANGER"),
        (".webp", "joy"),
        (".tiff", "neutral"),
    ):
        (tmp_path / folder).mkdir()
        Image.fromarray(faces.images[3]).resize((100, 80)).save(tmp_path / folder / f"a{suffix.upper()}")
    samples = datasets.read(DataSpec(tmp_path, "all"), ImageSpec(size=64, channels=3))
    assert samples.images.shape == (5, 64, 64, 3)
    assert samples.classes == ("angry", "happy", "neutral", "sad")
    assert samples.counts["happy"] == 2
    assert datasets.read(DataSpec(tmp_path, "all")).images.shape == (5, 48, 48)


def test_broken_files_are_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    drawn.write_folders(tmp_path, drawn.faces(140), suffix=".jpg")
    happy = tmp_path / "happy"
    whole = (happy / "00003.jpg").read_bytes()
    (happy / "00003.jpg").write_bytes(whole[: len(whole) // 2])
    (happy / "00010.jpg").write_bytes(b"")
    (happy / "00017.jpg").write_text("not an image")
    (happy / "notes.txt").write_text("not an image")
    huge = bytearray((happy / "00024.jpg").read_bytes())
    frame = huge.index(b"\xff\xc0")  # marker, length, precision, then height and width in two bytes each
    huge[frame + 5 : frame + 9] = struct.pack(">HH", 30_000, 30_000)
    (happy / "huge.jpg").write_bytes(huge)
    (tmp_path / "hapy").mkdir()
    (tmp_path / "0").mkdir()
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (happy / name).write_text("")
    samples = datasets.read(DataSpec(tmp_path, "all"))
    assert len(samples) == 137
    problems = {problem.where: problem.what for problem in samples.problems}
    assert set(problems) == {
        "0",
        "hapy",
        *(f"happy/{name}" for name in ("00003.jpg", "00010.jpg", "00017.jpg", "huge.jpg")),
    }
    assert samples.dropped == {"not an image by its name": 3}  # what begins with a dot is passed over
    assert "damaged" in problems["happy/00003.jpg"]
    assert problems["happy/00010.jpg"] == "empty"
    assert "pixels are read" in problems["happy/huge.jpg"]
    assert "did you mean 'happy'?" in problems["hapy"]
    assert "does not say which expression" in problems["0"]
    with pytest.raises(InputError, match="unknown label '0'"):
        datasets.read(DataSpec(tmp_path, "train"), strict=True)


def test_says_what_is_wrong_where_nothing_can_be_read(tmp_path: Path) -> None:
    for name in ("happy", "sad"):
        (tmp_path / name).mkdir()
    with pytest.raises(InputError, match="no image in it can be read"):
        datasets.read(DataSpec(tmp_path, "train"))
    (tmp_path / "sad" / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"no image in it can be read; the first: sad/a\.png: empty"):
        datasets.read(DataSpec(tmp_path, "train"))


def test_unrecognised_paths_say_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"an empty folder; expected a CSV file .* folders of images named after expressions"
    ):
        datasets.read(DataSpec(tmp_path, "train"))
    (tmp_path / "cats").mkdir()
    with pytest.raises(InputError, match="no dataset recognised"):
        datasets.read(DataSpec(tmp_path, "train"))
    with pytest.raises(InputError, match="no such file or folder"):
        datasets.read(DataSpec(tmp_path / "nowhere", "train"))
    with pytest.raises(InputError, match="unknown kind of dataset 'folders'"):
        datasets.read(DataSpec(tmp_path, "train", kind="folders"))
    with pytest.raises(InputError, match="expected folders of images"):
        datasets.read(DataSpec(tmp_path, "train", kind="folder"))


def test_classes_asked_for_decide_the_order_and_leave_out_others(tmp_path: Path) -> None:
    drawn.write_folders(tmp_path, drawn.faces(14))
    samples = datasets.read(DataSpec(tmp_path, "all", classes="neutral,happiness"))
    assert samples.classes == ("neutral", "happy")
    assert samples.counts == {"neutral": 2, "happy": 2}
    assert samples.dropped == {"of another class than the 2 asked for": 10}
    with pytest.raises(InputError, match="unknown taxonomy 'fer2031'"):
        datasets.read(DataSpec(tmp_path, "train", classes="fer2031"))
