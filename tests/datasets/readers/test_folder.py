import os
import shutil
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien import datasets
from mien.core import console
from mien.core.errors import InputError
from mien.core.labels import ALPHABETICAL
from mien.datasets import DataSpec, ImageSpec, clean
from tests import drawn
from tests.locked import refuse_locked


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
    Image.fromarray(drawn.faces(1).images[0]).save(happy / "huge.png")
    huge = bytearray((happy / "huge.png").read_bytes())
    huge[16:24] = struct.pack(">II", 30_000, 30_000)  # width and height, in the chunk IHDR
    huge[29:33] = struct.pack(">I", zlib.crc32(huge[12:29]))
    (happy / "huge.png").write_bytes(huge)
    (tmp_path / "hapy").mkdir()
    (tmp_path / "0").mkdir()
    for name in (".DS_Store", "Thumbs.db", "desktop.ini"):
        (happy / name).write_text("")
    samples = datasets.read(DataSpec(tmp_path, "all"))
    assert len(samples) == 137
    problems = {problem.where: problem.what for problem in samples.problems}
    assert set(problems) == {f"happy/{name}" for name in ("00003.jpg", "00010.jpg", "00017.jpg", "huge.png")}
    assert samples.dropped == {"not an image by its name": 3}  # what begins with a dot is passed over
    assert "damaged" in problems["happy/00003.jpg"]
    assert problems["happy/00010.jpg"] == "empty"
    assert "pixels are read" in problems["happy/huge.png"]
    notes = datasets.open_dataset(DataSpec(tmp_path)).notes
    assert "hapy: NO IMAGE in this class (0 other files); did you mean 'happy'?" in notes
    with pytest.raises(InputError, match=r"00003\.jpg: damaged"):
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
        InputError, match=r"an empty folder; expected a CSV file .* folders of images named after their classes"
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
    assert samples.dropped == {"of another class than the 2 asked for (angry, disgust, fear, sad, surprise)": 10}
    with pytest.raises(InputError, match="unknown taxonomy 'fer2031'"):
        datasets.read(DataSpec(tmp_path, "train", classes="fer2031"))


def counts(root: Path) -> dict[str, int]:
    table = datasets.open_dataset(DataSpec(root))
    return {
        split: int((table.splits == split).sum()) for split in ("train", "validation", "test") if split in table.splits
    }


@pytest.mark.parametrize(
    "names",
    [
        ("training_set", "val-data", "test_set"),
        ("Training Set", "Valid", "holdout"),
        ("mood_train", "mood_dev", "mood_test"),
    ],
)
def test_reads_splits_by_the_names_that_people_use(tmp_path: Path, names: tuple[str, str, str]) -> None:
    for name, n in zip(names, (21, 14, 7), strict=True):
        drawn.write_folders(tmp_path, drawn.faces(n), name)
    assert counts(tmp_path) == {"train": 21, "validation": 14, "test": 7}


def test_splits_below_the_classes_are_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split, n in (("train/a", 21), ("test", 7)):
        faces = drawn.faces(n)
        for image, label, name in zip(faces.images, faces.labels, faces.ids, strict=True):
            path = tmp_path / faces.classes[label] / split / f"{name}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path)
    (tmp_path / "happy" / "train" / "a" / "00003.png").rename(tmp_path / "happy" / "loose.png")
    assert counts(tmp_path) == {"train": 20, "test": 7}
    assert "left out: 1, outside of the split folders in the class folders (happy/loose.png)" in capsys.readouterr().err


def test_names_folders_and_images_beside_the_splits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, n in (("train", 21), ("val", 7), ("validation", 7), ("extra", 14), ("all", 14)):
        drawn.write_folders(tmp_path, drawn.faces(n), name)
    (tmp_path / "docs").mkdir()
    (tmp_path / "test").mkdir()
    for name in ("cover.png", "test/1.png", "test/2.png"):
        Image.fromarray(drawn.faces(1).images[0]).save(tmp_path / name)
    assert counts(tmp_path) == {"train": 21, "validation": 14}
    said = capsys.readouterr().err
    assert "val and validation all mean the split validation; they are joined" in said
    assert "left out: 28, in folders next to the splits (all/ 14, docs/ 0, extra/ 14)" in said
    assert "left out: 3, in no class folder (cover.png, test/1.png, test/2.png)" in said


def test_links_and_locked_folders_do_not_end_the_reading(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn.write_folders(tmp_path, drawn.faces(14))
    (tmp_path / "happy" / "gone.png").symlink_to("nowhere")
    (tmp_path / "happy" / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "sad" / "pipe.png")
    (tmp_path / "sad" / "locked").mkdir()
    refuse_locked(monkeypatch)
    for _ in range(2):  # the second time from the cache
        console.forget_notices()
        assert sum(counts(tmp_path).values()) == 14
        said = capsys.readouterr().err
        assert "not read: 2 of 16 images (a link to nothing: happy/gone.png; a named pipe: sad/pipe.png)" in said
        assert "the folder cannot be read: sad/locked" in said
        assert "a link to a folder above it: happy/loop" in said


def test_a_class_that_vanishes_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawn.write_folders(tmp_path, drawn.faces(28))
    for path in (tmp_path / "sad").iterdir():
        path.write_bytes(b"")
    for path in (tmp_path / "fear").iterdir():
        path.rename(path.with_suffix(".raw"))
    assert sum(counts(tmp_path).values()) == 20
    said = capsys.readouterr().err
    assert "class sad: NONE of its 4 images can be read" in said
    assert "fear: NO IMAGE in this class (4 other files)" in said
    assert "not read: 4 of 24 images (empty: sad/00004.png, sad/00011.png, sad/00018.png and 1 more)" in said
    assert "left out: 4, not an image by its name (.raw 4)" in said


def test_names_that_are_not_utf8_are_read_listed_and_left_out(tmp_path: Path) -> None:
    drawn.write_folders(tmp_path / "data", drawn.unlike(28))
    odd = Path(os.fsdecode(bytes(tmp_path / "data" / "happy") + b"/caf\xe9"))
    (tmp_path / "data" / "happy" / "00003.png").rename(odd.with_name(odd.name + ".png"))
    shutil.copy(odd.with_name(odd.name + ".png"), odd.with_name(odd.name + "2.png"))
    name = "happy/caf\\udce9.png"
    samples = datasets.read(DataSpec(tmp_path / "data", "all"))
    assert name in samples.ids.tolist()
    (tmp_path / "list.csv").write_text(f"id\n{name}\n")
    left = datasets.read(DataSpec(tmp_path / "data", "all", exclude=tmp_path / "list.csv"))
    assert len(left) == len(samples) - 1
    report = datasets.check(DataSpec(tmp_path / "data"))
    clean.fix(report, tmp_path / "fix.csv")
    assert "caf\\udce92.png" in (tmp_path / "fix.csv").read_text(encoding="utf-8")
    clean.fix(report, tmp_path / "copy")
    assert len(datasets.read(DataSpec(tmp_path / "copy", "all"))) == 28


def test_finds_the_dataset_beside_other_files_and_refuses_two(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn.write_folders(tmp_path / "archive" / "data", drawn.faces(14), "train")
    (tmp_path / "README.md").touch()
    for name in ("code", "archive/notes"):
        (tmp_path / name).mkdir()
    (tmp_path / "code" / "train.py").touch()
    assert counts(tmp_path) == {"train": 14}
    assert "the dataset in archive/data is read; not archive/notes, code" in capsys.readouterr().err
    drawn.write_folders(tmp_path / "archive" / "more", drawn.faces(14), "train")
    with pytest.raises(InputError, match=r"holds 2 datasets \(archive/data, archive/more\); name one of them"):
        counts(tmp_path)


def write(root: Path, *folders: str) -> None:
    """Write ten images into each folder."""
    for folder in folders:
        (root / folder).mkdir(parents=True)
        for row, image in enumerate(drawn.faces(10).images):
            Image.fromarray(image).save(root / folder / f"{row}.png")


CUT = {"train": 16, "validation": 2, "test": 2}
TESTED = {"train": 18, "validation": 2, "test": 20}
VALIDATED = {"train": 20, "validation": 20}


@pytest.mark.parametrize(
    ("folders", "found", "classes"),
    [
        (("happy/train", "sad/train", "happy/test", "sad/test"), TESTED, "happy sad"),
        (("calm/train", "keen/train", "calm/val/a", "keen/val/b"), VALIDATED, "calm keen"),
        (("calm/train/a", "keen/train/b", "calm/val/a", "keen/val/b"), VALIDATED, "calm keen"),
        (("train_calm", "train_keen", "dev_calm", "dev_keen"), VALIDATED, "calm keen"),
        (("test", "control"), CUT, "control test"),
        (("training", "resting"), CUT, "resting training"),
        (("train/happy/a", "train/sad", "test/happy", "test/sad/b/c"), TESTED, "happy sad"),
    ],
)
def test_splits_above_below_and_in_the_names_of_classes(
    tmp_path: Path, folders: tuple[str, ...], found: dict[str, int], classes: str
) -> None:
    write(tmp_path, *folders)
    assert datasets.detect(tmp_path) == "folder"
    assert counts(tmp_path) == found
    assert datasets.open_dataset(DataSpec(tmp_path)).classes == tuple(classes.split())


@pytest.mark.parametrize(
    ("wrapper", "names"),
    [
        ("images", ("happy", "sad")),
        ("images", ("bored", "engaged")),
        ("Face_Data", ("bored", "engaged")),
        ("frames/cropped", ("bored", "engaged")),
        ("version 2", ("happy", "sad")),
    ],
)
def test_a_folder_between_split_and_classes_is_passed_through(
    tmp_path: Path, wrapper: str, names: tuple[str, str]
) -> None:
    write(tmp_path, *(f"{split}/{wrapper}/{name}" for split in ("train", "test") for name in names))
    (tmp_path / "train" / "labels").mkdir()
    found = datasets.open_dataset(DataSpec(tmp_path))
    assert (datasets.detect(tmp_path), found.classes, found.notes) == ("folder", names, ())
    assert counts(tmp_path) == TESTED
    assert set(found.groups) == {""}


def test_images_in_the_wrapper_of_a_split_without_classes_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "train/images/bored", "train/images/engaged", "test/images")
    assert datasets.open_dataset(DataSpec(tmp_path)).classes == ("bored", "engaged")
    assert counts(tmp_path) == {"train": 18, "validation": 2}
    assert "in no class folder (test/images/" in capsys.readouterr().err


def test_folders_within_classes_that_may_be_the_classes_are_named(tmp_path: Path) -> None:
    write(tmp_path, "Anna/bored", "Anna/engaged", "Bob/bored", "Bob/engaged")
    assert datasets.open_dataset(DataSpec(tmp_path)).notes == (
        "the classes are the folders Anna, Bob, not bored, engaged in them; --kind subjects reads those as the "
        "classes, and the upper folders as persons",
    )
    found = datasets.open_dataset(DataSpec(tmp_path, kind="subjects"))
    assert (found.classes, {*found.groups.tolist()}) == (("bored", "engaged"), {"Anna", "Bob"})


def test_expressions_in_a_folder_that_is_read_as_a_class_are_named(tmp_path: Path) -> None:
    write(tmp_path, "images/happy", "images/sad", "masks", "other")
    (note,) = datasets.open_dataset(DataSpec(tmp_path)).notes
    assert note.startswith("the classes are the folders images, masks, other, not happy, sad in them")


def test_a_split_that_is_a_link_to_another_is_read_once(tmp_path: Path) -> None:
    write(tmp_path, "train/happy", "train/sad")
    (tmp_path / "test").symlink_to("train")
    assert "train" in counts(tmp_path)
    found = datasets.open_dataset(DataSpec(tmp_path))
    assert found.notes == ("test and train are one folder; it is read once, as train",)


def test_a_thousand_classes_are_found_at_once(tmp_path: Path) -> None:
    for index in range(1000):
        (tmp_path / f"class {index}").mkdir()
        (tmp_path / f"class {index}" / "a.png").touch()
    start = time.process_time()
    assert datasets.detect(tmp_path) == "folder"
    assert time.process_time() - start < 4


def test_what_cannot_be_read_next_to_the_classes_is_named_once(tmp_path: Path) -> None:
    write(tmp_path, "bored", "engaged")
    (tmp_path / "gone").symlink_to("nowhere")
    found = datasets.open_dataset(DataSpec(tmp_path)).problems
    assert [str(problem) for problem in found] == ["gone: a link to nothing"]


def test_images_in_split_folders_without_classes_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "train", "test")
    with pytest.raises(InputError, match="no dataset recognised"):
        counts(tmp_path)


def test_a_format_that_may_not_look_somewhere_does_not_hide_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path / "fear" / "images"))

    drawn.write_folders(tmp_path / "data", drawn.faces(14))
    monkeypatch.setattr("mien.datasets.readers.rafdb.READER.recognises", locked)
    assert datasets.detect(tmp_path / "data") == "folder"
    with pytest.raises(InputError, match="fear/images: Permission denied"):
        datasets.detect(tmp_path / "data" / "happy" / "00003.png")
