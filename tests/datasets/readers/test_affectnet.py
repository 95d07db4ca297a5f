from pathlib import Path

import numpy as np
import pytest

from mien import datasets
from mien.datasets import DataSpec
from tests import drawn
from tests.datasets import layouts


@pytest.mark.parametrize("write", [layouts.write_affectnet, layouts.write_affectnet_tables])
@pytest.mark.parametrize("below", ["", "AffectNet"])
def test_codes_and_splits(tmp_path: Path, write: layouts.Writer, below: str) -> None:
    write(tmp_path / below)
    assert datasets.detect(tmp_path) == "affectnet"
    samples = datasets.read(DataSpec(tmp_path, "all"))
    assert samples.classes == layouts.AFFECTNET
    assert samples.counts == dict.fromkeys(layouts.AFFECTNET, 6)
    assert (samples.problems, samples.dropped) == ((), {})
    assert [len(datasets.read(DataSpec(tmp_path, split))) for split in ("train", "validation")] == [32, 16]


def test_the_box_of_a_table_cuts_the_face_out(tmp_path: Path) -> None:
    samples = datasets.read(DataSpec(layouts.write_affectnet_tables(tmp_path), "train"))
    assert np.array_equal(samples.images, drawn.unlike(48, layouts.AFFECTNET).images[:32])
    assert samples.ids[0] == "Manually_Annotated_Images/7/0.png#20,10,48,48"


def test_rows_without_an_expression_are_left_out_and_counted(tmp_path: Path) -> None:
    root = layouts.write_affectnet_tables(tmp_path)
    with (root / "training.csv").open("a") as file:
        file.write("7/0.png,NULL,NULL,NULL,NULL,NULL,10,-2,-2\n7/1.png,0,0,9,9,1,8,0,0\n7/2.png,0,0,9,9,1,11,0,0\n")
        file.write("7/gone.png,0,0,9,9,1,0,0,0\n")
    samples = datasets.read(DataSpec(root, "all"))
    assert samples.dropped == {"not a face (10)": 1, "no expression (8)": 1}
    assert [str(problem) for problem in samples.problems] == [
        "training.csv:36: label '11', expected 0..7",
        "training.csv:37: no such image: 7/gone.png",
    ]


def test_annotations_of_every_type_and_broken_ones(tmp_path: Path) -> None:
    root = layouts.write_affectnet(tmp_path)
    folder = root / "train_set" / "annotations"
    for row, value in enumerate([np.array(3), np.array([2.0]), np.array(b"5"), np.array(9), np.array(["x"])]):
        np.save(folder / f"{row}_exp.npy", value)
    np.save(folder / "5_exp.npy", np.array([{}], dtype=object), allow_pickle=True)
    (folder / "6_exp.npy").write_bytes(b"")
    whole = (folder / "9_exp.npy").read_bytes()
    (folder / "9_exp.npy").write_bytes(whole[:-1] + b"\xff")
    (folder / "10_exp.npy").write_bytes(whole.replace(b"'shape': ()", b"'shape': (#"))
    (folder / "7_exp.npy").unlink()
    (root / "train_set" / "images" / "8.jpg").unlink()
    samples = datasets.read(DataSpec(root, "all"))
    labels = dict(zip(samples.ids.tolist(), samples.labels.tolist(), strict=True))
    assert [labels[f"train_set/images/{row}.jpg"] for row in range(3)] == [3, 2, 5]
    assert samples.dropped == {"uncertain (9)": 1, "images without a label": 1}
    assert [str(problem) for problem in samples.problems] == [
        "train_set/annotations/10_exp.npy: no array; expected one number",
        "train_set/annotations/4_exp.npy: label 'x', expected 0..7",
        "train_set/annotations/5_exp.npy: holds Python objects, which are not loaded; expected one number",
        "train_set/annotations/6_exp.npy: no array; expected one number",
        "train_set/annotations/8_exp.npy: no such image: 8",
        "train_set/annotations/9_exp.npy: label '\ufffd', expected 0..7",
    ]


def test_the_faces_of_expw_are_cut_out_by_its_boxes(tmp_path: Path) -> None:
    root = layouts.write_expw(tmp_path)
    assert datasets.detect(root) == datasets.detect(root / "label.lst") == "expw"
    samples, faces = datasets.read(DataSpec(root, "all")), drawn.unlike(42)
    assert np.array_equal(samples.images, faces.images)
    assert samples.labels.tolist() == faces.labels.tolist()


def test_kaggles_labels_csv_counts_not_the_folders(tmp_path: Path) -> None:
    faces = drawn.unlike(16, layouts.AFFECTNET)
    lines = [",pth,label,relFCs"]
    for row, image in enumerate(faces.images):
        layouts.save(tmp_path / "anger" / f"image{row:07d}.png", image)
        lines.append(f"{row},anger/image{row:07d}.png,{layouts.AFFECTNET[faces.labels[row]]},0.87")
    layouts.save(tmp_path / "fear" / "image9999999.png", faces.images[0])
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    samples = datasets.read(DataSpec(tmp_path, "all"))
    assert samples.counts == dict.fromkeys(sorted(layouts.AFFECTNET), 2)
    assert samples.dropped == {"images without a row in labels.csv": 1}
