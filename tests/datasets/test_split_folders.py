"""`mien data split`: class folders with the shares asked for, the same images and labels, nobody on two sides."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mien.core.errors import InputError
from mien.core.labels import FER2013, THREE
from mien.datasets import Dataset, DataSpec, ImageSpec, detect, open_dataset
from mien.datasets.split_folders import split_folders
from tests import drawn
from tests.blocks import Mien
from tests.blocks import mien as mien  # the fixture
from tests.datasets import layouts
from tests.datasets.test_clean import state
from tests.datasets.test_layouts import LAYOUTS

SHARES = (80.0, 10.0, 10.0)
KINDS: dict[str, Callable[[Path], Path]] = LAYOUTS | {
    "fer2013": lambda root: drawn.write_fer2013(root / "fer2013.csv", drawn.unlike(42)).parent,
    "folder": lambda root: drawn.write_folders(root, drawn.unlike(42), suffix=".jpg"),
    "facial_expressions": lambda root: drawn.write_facial_expressions(root, drawn.unlike(42)),
    "arrays": lambda root: drawn.write_arrays(root, drawn.unlike(42, THREE)),
}


def images(table: Dataset) -> list[tuple[str, bytes]]:
    """The class and the pixels of each image, sorted."""
    return sorted((table.classes[code], image.tobytes()) for code, image in zip(table.hard, table.images, strict=True))


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_dataset_becomes_folders_with_its_images_and_labels(tmp_path: Path, kind: str) -> None:
    source = KINDS[kind](tmp_path / "given")
    before = state(source)
    manifest = split_folders(DataSpec(source), tmp_path / "out", (60, 20, 20))
    assert state(source) == before
    assert detect(tmp_path / "out") == "folder"
    given, made = open_dataset(DataSpec(source)), open_dataset(DataSpec(tmp_path / "out"))
    assert images(made) == images(given.used())
    for split in ("train", "validation", "test"):
        held = {name: count for name, count in made.counts[split].items() if count}
        assert held == {name: count for name, count in manifest.counts[split].items() if count}
    sides: dict[str, set[str]] = {}
    for row in manifest.rows:
        assert (tmp_path / "out" / row.file).is_file()
        if row.person:
            sides.setdefault(row.person, set()).add(row.file.partition("/")[0])
    assert len(sides) == len(set(given.used().groups.tolist()) - {""})
    assert all(len(splits) == 1 for splits in sides.values())


def test_each_class_has_its_share_and_copies_stay_together(tmp_path: Path) -> None:
    faces = drawn.unlike(700)
    source = drawn.write_folders(tmp_path / "given", faces)
    found = split_folders(DataSpec(source), tmp_path / "out", SHARES)
    for split, n in (("train", 80), ("validation", 10), ("test", 10)):
        assert found.counts[split] == dict.fromkeys(sorted(FER2013), n)
    for copy in range(60):  # of one face, under two labels
        shutil.copy2(source / "happy/00003.png", source / ("happy" if copy % 2 else "sad") / f"copy{copy}.png")
    found = split_folders(DataSpec(source), tmp_path / "again", SHARES)
    same = [row.file for row in found.rows if "copy" in row.file or row.id == "happy/00003.png"]
    assert len(same) == 61
    assert len({file.partition("/")[0] for file in same}) == 1


def test_the_seed_decides_and_splits_of_its_own_are_joined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faces = drawn.unlike(70)
    for rows, split in ((slice(0, 56), "train"), (slice(56, 70), "test")):
        drawn.write_folders(tmp_path / "given", faces[rows], split)
    (tmp_path / "given/test/angry/broken.png").write_bytes(b"no image")
    shutil.copy2(tmp_path / "given/train/happy/00003.png", tmp_path / "given/test/happy/00003.PNG")
    runs = [
        split_folders(DataSpec(tmp_path / "given"), tmp_path / f"out{run}", SHARES, seed=seed).rows
        for run, seed in enumerate((0, 0, 1))
    ]
    assert runs[0] == runs[1] != runs[2]
    err = capsys.readouterr().err
    assert "its own splits (train 56, test 15) are joined and cut anew" in err
    assert "not read: 1 of 72 images (" in err
    assert "1 image is the same as another at 48 x 48 pixels, and in one split with it" in err
    names = sorted(Path(row.file).name for row in runs[0] if "/happy/00003" in row.file)
    assert names == ["00003-2.png", "00003.PNG"]  # the same name on systems that ignore case


def test_files_are_copied_byte_for_byte_or_linked(tmp_path: Path) -> None:
    source = drawn.write_folders(tmp_path / "given", drawn.unlike(42, size=60, channels=3), suffix=".jpg")
    for links in (False, True):
        out = tmp_path / f"links {links}"
        for row in split_folders(DataSpec(source), out, SHARES, links=links).rows:
            path = out / row.file
            assert path.read_bytes() == (source / row.id).read_bytes()
            assert path.is_symlink() is links


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_keep_their_size_and_channels(tmp_path: Path, channels: int) -> None:
    faces = drawn.unlike(30, THREE, size=64, channels=channels)
    (tmp_path / "given").mkdir()
    for name, array in {"x_train": faces.images, "y_train": faces.labels, "x_test": faces.images[:4]}.items():
        np.save(tmp_path / "given" / f"{name}.npy", array)
    found = split_folders(DataSpec(tmp_path / "given"), tmp_path / "out", SHARES)
    assert len(found.rows) == 30  # those of x_test have no label
    for row in found.rows:
        assert np.array_equal(pixels(tmp_path / "out" / row.file), faces.images[int(row.id[-5:])])


def test_faces_are_cut_out_by_the_boxes_of_the_dataset(tmp_path: Path) -> None:
    source = layouts.write_affectnet_tables(tmp_path / "given")
    split_folders(DataSpec(source), tmp_path / "out", SHARES)
    assert {pixels(path).shape for path in (tmp_path / "out").rglob("*.png")} == {(48, 48)}


def test_votes_give_the_labels_and_what_a_list_excludes_is_left_out(tmp_path: Path) -> None:
    faces = drawn.unlike(20)
    drawn.write_fer2013(tmp_path / "given/fer2013.csv", faces, ["Training"] * 20)
    votes = [[10 if column == row % 2 else 0 for column in range(10)] for row in range(20)]  # neutral, happy
    drawn.write_votes(tmp_path / "given/fer2013new.csv", votes, ["Training"] * 20)
    (tmp_path / "list.csv").write_text("id\n00000\n00001\n")
    spec = DataSpec(tmp_path / "given", targets="majority", exclude=tmp_path / "list.csv")
    found = split_folders(spec, tmp_path / "out", (50, 0, 50))
    assert {split: sum(held.values()) for split, held in found.counts.items()} == {"train": 9, "test": 9}
    assert {Path(row.file).parts[1] for row in found.rows} == {"neutral", "happy"}
    with pytest.raises(InputError, match="take plurality"):
        split_folders(DataSpec(tmp_path / "given", targets="distribution"), tmp_path / "other", SHARES)


def test_what_cannot_be_done_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    source = drawn.write_folders(tmp_path / "given", drawn.unlike(14))
    arrays = drawn.write_arrays(tmp_path / "arrays", drawn.unlike(9, THREE))
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", source))
    full, out = tmp_path / "full", tmp_path / "out"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    odd = drawn.write_folders(tmp_path / "odd", drawn.unlike(14))
    (odd / "sad").rename(odd / "sad?")
    for path, target, shares, links, words in (
        (source, source / "split", SHARES, False, "inside .*, which is never changed"),
        (source, full, SHARES, False, "exists already"),
        (source, out, (80.0, 10.0, 20.0), False, "--shares 80 10 20: expected three shares"),
        (source, out, (110.0, -10.0, 0.0), False, "--shares 110 -10 0: expected"),
        (source, out, (float("nan"), 0.0, 1.0), False, "--shares nan 0 1: expected"),
        (source, out, (0.0, 50.0, 50.0), False, "nothing is left to train on"),
        (arrays, out, SHARES, True, "no files of their own"),
        (archive, out, SHARES, True, "an archive"),
        (odd, out, SHARES, False, r"class 'sad\?': not the name that a class folder can have"),
        (tmp_path / "absent", out, SHARES, False, "no such file or folder"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            split_folders(DataSpec(path), target, shares, links=links)
        assert "\n" not in str(caught.value)
        assert not out.exists()
        assert not (source / "split").exists()
    assert [path.name for path in full.iterdir()] == ["mine.txt"]
    assert not list(tmp_path.glob(".*"))


def test_a_failure_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = drawn.write_folders(tmp_path / "given", drawn.unlike(14))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copy2", full)
    with pytest.raises(InputError, match="No space left on device"):
        split_folders(DataSpec(source), tmp_path / "out", SHARES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["given"]


def test_the_command_prints_the_counts(tmp_path: Path, mien: Mien) -> None:
    source = drawn.write_folders(tmp_path / "given", drawn.unlike(70))
    code, out, err = mien("data", "split", source, "--shares", "80", "10", "10", "--out", tmp_path / "out")
    assert code == 0
    assert "happy" in out
    assert "validation" in out
    assert "wrote" in err
    code, out, _ = mien("data", "split", source, "--out", tmp_path / "json", "--json", "--seed", "1")
    facts = json.loads(out)
    assert code == 0
    assert facts["shares"] == {"train": 0.8, "validation": 0.1, "test": 0.1}
    assert facts["seed"] == 1
    assert sum(facts["counts"]["test"].values()) == 7
    assert mien("data", "split", source, "--shares", "80", "20", "--out", tmp_path / "two")[0] == 2
    samples = open_dataset(DataSpec(tmp_path / "json"), ImageSpec(48))
    assert dict(zip(*np.unique(samples.splits, return_counts=True), strict=True)) == {
        "train": 56, "validation": 7, "test": 7
    }  # fmt: skip
