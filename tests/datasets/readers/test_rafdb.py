from pathlib import Path

import numpy as np
import pytest

from mien import datasets
from mien.core.errors import InputError
from mien.core.images import Pixels
from mien.datasets import DataSpec, ImageSpec
from tests.datasets import layouts


class WholeFace:
    def __call__(self, image: Pixels) -> Pixels | None:
        return image


def test_codes_splits_and_ids_are_those_of_the_list(tmp_path: Path) -> None:
    root = layouts.write_rafdb(tmp_path / "RAF-DB" / "basic")
    (root.parent / "compound" / "Image").mkdir(parents=True)
    for path in (root, root.parent, root / "EmoLabel", root / "EmoLabel" / "list_patition_label.txt"):
        assert datasets.detect(path) == "rafdb"
        samples = datasets.read(DataSpec(path, "all"))
        assert samples.classes == layouts.RAFDB
        assert samples.ids[:2].tolist() == ["train_00001.jpg", "train_00002.jpg"]
        assert samples.labels[:8].tolist() == [0, 1, 2, 3, 4, 5, 6, 0]
        assert samples.problems == ()
    assert len(datasets.read(DataSpec(root, "test"))) == 14
    assert len(datasets.read(DataSpec(root, "train"))) == 28  # of four images a class none is held out


def test_aligned_faces_are_read_and_with_a_detector_the_original_photos(tmp_path: Path) -> None:
    root = layouts.write_rafdb(tmp_path / "raf", variants=("aligned", "original"))
    aligned = datasets.read(DataSpec(root, "all"))
    photos = datasets.read(DataSpec(root, "all"), ImageSpec(face=WholeFace()))
    assert aligned.ids.tolist() == photos.ids.tolist()
    assert np.abs(aligned.images.astype(int) + photos.images - 255).mean() < 8
    assert aligned.dropped == {"original photos; the aligned faces are read": 42}
    assert photos.dropped == {"aligned faces; the original photos are read": 42}


@pytest.mark.parametrize("variant", ["aligned", "original"])
def test_one_kind_of_image_is_enough(tmp_path: Path, variant: str) -> None:
    samples = datasets.read(DataSpec(layouts.write_rafdb(tmp_path / "raf", variants=(variant,)), "all"))
    assert len(samples) == 42
    assert samples.dropped == {}


@pytest.mark.parametrize("tables", [True, False])
def test_folders_1_to_7_with_and_without_lists(tmp_path: Path, tables: bool) -> None:
    root = layouts.write_rafdb_folders(tmp_path / "raf", tables=tables)
    assert datasets.detect(root) == "rafdb"
    samples = datasets.read(DataSpec(root, "all"))
    assert samples.counts == dict.fromkeys(layouts.RAFDB, 6)
    assert samples.dropped == {}
    assert len(datasets.read(DataSpec(root, "test"))) == 14


def test_what_is_wrong_is_named_with_its_line(tmp_path: Path) -> None:
    root = layouts.write_rafdb(tmp_path / "raf")
    (root / "Image" / "aligned" / "train_00003_aligned.jpg").unlink()
    (root / "Image" / "aligned" / "train_00004_aligned.jpg").write_bytes(b"")
    layouts.save(root / "Image" / "aligned" / "train_09999_aligned.jpg", np.zeros((9, 9), np.uint8))
    layouts.save(root / "Image" / "aligned" / "me.jpg", np.zeros((9, 9), np.uint8))
    with (root / "EmoLabel" / "list_patition_label.txt").open("a") as file:
        file.write("train_00001.jpg 2\ntrain_00002.jpg 9\ntrain_00005.jpg\n\ntrain_00006.jpg happy\n")
    samples = datasets.read(DataSpec(root, "all"))
    assert [str(problem) for problem in samples.problems] == [
        "list_patition_label.txt:3: no such image: train_00003.jpg",
        "list_patition_label.txt:43: listed twice: train_00001.jpg; the first label counts (surprise)",
        "list_patition_label.txt:44: label '9', expected 1..7",
        "list_patition_label.txt:45: 1 field, expected an image and a label",
        "list_patition_label.txt:47: label 'happy', expected 1..7",
        "Image/aligned/train_00004_aligned.jpg: empty",
    ]
    assert samples.dropped == {"without a label": 1, "not called as RAF-DB's": 1}
    assert len(samples) == 40


def test_a_list_without_images_is_refused(tmp_path: Path) -> None:
    root = layouts.write_rafdb(tmp_path / "raf", variants=())
    with pytest.raises(InputError, match=r"no image in it can be read; the first: .*no such image: train_00001\.jpg"):
        datasets.read(DataSpec(root, "all"))
