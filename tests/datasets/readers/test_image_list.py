import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien import datasets
from mien.core.errors import InputError
from mien.core.labels import FER2013, FERPLUS
from mien.datasets import DataSpec, Samples
from tests.datasets import layouts


def read(path: Path, split: str = "all", **spec: str) -> Samples:
    return datasets.read(DataSpec(path, split, **spec))  # type: ignore[arg-type]


def write(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def write_rows(path: Path, header: list[str], rows: list[list[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


@pytest.mark.parametrize("folder", ["images", ".", "data/faces/all"])
@pytest.mark.parametrize(
    "header", ["image,label", "img_path,Emotion", "filename,class", "path,Expression", "pth,target"]
)
def test_columns_by_their_usual_names_and_images_wherever_they_lie(tmp_path: Path, header: str, folder: str) -> None:
    root = layouts.write_list(tmp_path / "set", folder=folder)
    text = (root / "labels.csv").read_text()
    (root / "labels.csv").write_text(text.replace("image,label", header))
    for path in (root, root / "labels.csv"):
        assert datasets.detect(path) == "csv"
        samples = read(path)
        assert samples.classes == tuple(sorted(FER2013))
        assert samples.problems == ()
        names = [samples.classes[label] for label in samples.labels[:7].tolist()]
        assert names == list(FER2013)


@pytest.mark.parametrize(
    "written",
    [
        "images/{row:05d}.png",
        "./images/{row:05d}.png",
        "{row:05d}",
        "{root}/images/{row:05d}.png",
        "/content/drive/set/images/{row:05d}.png",
        "C:\\Users\\me\\set\\images\\{row:05d}.png",
        "images\\{row:05d}.png",
    ],
)
def test_paths_of_this_machine_and_of_others(tmp_path: Path, written: str) -> None:
    labels = layouts.write_images(tmp_path)
    rows: list[list[object]] = [[written.format(row=row, root=tmp_path), name] for row, name in enumerate(labels)]
    write_rows(tmp_path / "labels.csv", ["file", "emotion"], rows)
    samples = read(tmp_path)
    assert samples.ids[:2].tolist() == ["images/00000.png", "images/00001.png"]
    assert (len(samples), samples.problems, samples.dropped) == (42, (), {})


def test_a_list_in_a_folder_next_to_the_images(tmp_path: Path) -> None:
    labels = layouts.write_images(tmp_path, 14)
    write(
        tmp_path / "labels" / "a.csv",
        "image,label",
        *[f"../images/{row:05d}.png,{name}" for row, name in enumerate(labels)],
    )
    assert len(read(tmp_path)) == len(read(tmp_path / "labels" / "a.csv")) == 14


def test_missing_unlisted_and_repeated_images_and_rows_without_a_label_are_named(tmp_path: Path) -> None:
    root = layouts.write_list(tmp_path)
    (root / "images" / "00002.png").unlink()
    (root / "images" / "00003.png").write_bytes(b"")
    layouts.save(root / "images" / "new.png", np.zeros((8, 8), np.uint8))
    with (root / "labels.csv").open("a") as file:
        file.write("00000.png,angry\n00001.png,happy\n00005.png,\n\nonly\n")
    (root / "notes.csv").write_text("a,b\n1,2\n")
    samples = read(root)
    assert [str(problem) for problem in samples.problems] == [
        "labels.csv:4: no such image: 00002.png",
        "labels.csv:44: listed twice: images/00000.png is in labels.csv:2 (the same label), which counts",
        "labels.csv:45: listed twice: images/00001.png is in labels.csv:3 (happy, there disgust), which counts",
        "labels.csv:46: no label: 00005.png",
        "labels.csv:48: 1 field, expected an image and a label",
        "images/00003.png: empty",
    ]
    assert samples.dropped == {"images without a row in labels.csv": 1, "other tables": 1}
    assert len(samples) == 40


def test_an_image_whose_row_is_refused_is_named_by_that_row_alone(tmp_path: Path) -> None:
    labels = layouts.write_images(tmp_path, 70)
    rows: list[list[object]] = [[f"{row:05d}", "hapy" if row == 3 else name] for row, name in enumerate(labels)]
    write_rows(tmp_path / "labels.csv", ["id", "label"], rows)
    samples = read(tmp_path)
    assert [str(problem) for problem in samples.problems] == [
        "labels.csv:5: unknown label 'hapy'; did you mean 'happy'?"
    ]
    assert (len(samples), samples.dropped) == (69, {})


def test_a_name_that_several_images_have_is_refused_by_row(tmp_path: Path) -> None:
    labels = layouts.write_images(tmp_path, 14, folder="a")
    layouts.write_images(tmp_path, 1, folder="b")
    write(tmp_path / "labels.csv", "image,label", *[f"{row:05d}.png,{name}" for row, name in enumerate(labels)])
    (problem,) = read(tmp_path).problems
    assert "labels.csv:2: 00000.png: a/00000.png and b/00000.png may be meant" in str(problem)


def test_a_missing_image_is_not_replaced_by_another_of_its_name(tmp_path: Path) -> None:
    labels = layouts.write_images(tmp_path, 14, folder="train")
    layouts.write_images(tmp_path, 14, folder="test")
    write(tmp_path / "labels.csv", "image,label", *[f"train/{row:05d}.png,{name}" for row, name in enumerate(labels)])
    (tmp_path / "train" / "00000.png").unlink()
    assert [str(problem) for problem in read(tmp_path).problems] == ["labels.csv:2: no such image: train/00000.png"]


def test_splits_from_the_lists_names(tmp_path: Path) -> None:
    counts = {"train": 14, "val": 7, "test": 21}
    for split, n in counts.items():
        labels = layouts.write_images(tmp_path, n, folder=split)
        write(tmp_path / f"{split}.csv", "image,label", *[f"{row:05d}.png,{name}" for row, name in enumerate(labels)])
    write(tmp_path / "sample_submission.csv", "image,label", "00000.png,happy")
    assert [len(read(tmp_path, split)) for split in counts] == list(counts.values())
    assert read(tmp_path).problems == ()
    assert all(name.startswith("val/") for name in read(tmp_path, "validation").ids)


def test_splits_from_a_column_and_from_folders(tmp_path: Path) -> None:
    labels = layouts.write_images(tmp_path / "a", 14)
    usage = ["Training", "PublicTest", "PrivateTest", "Training", "Training"]
    rows: list[list[object]] = [[f"{row:05d}.png", name, usage[row % 5]] for row, name in enumerate(labels)]
    rows.append(["00000.png", "happy", "sometimes"])
    write_rows(tmp_path / "a" / "labels.csv", ["image", "label", "Usage"], rows)
    assert [len(read(tmp_path / "a", split)) for split in ("train", "validation", "test")] == [8, 3, 3]
    assert "labels.csv:16: unknown split 'sometimes'" in str(read(tmp_path / "a").problems[0])
    lines = []
    for split, n in (("train", 14), ("valid", 7)):
        labels = layouts.write_images(tmp_path / "b", n, folder=split)
        lines += [f"{split}/{row:05d}.png,{name}" for row, name in enumerate(labels)]
    write(tmp_path / "b" / "all.csv", "image,label", *lines)
    assert [len(read(tmp_path / "b", split)) for split in ("train", "validation")] == [14, 7]


def test_persons_stay_in_one_split(tmp_path: Path) -> None:
    labels = layouts.write_images(tmp_path, 40)
    rows: list[list[object]] = [[f"{row:05d}.png", name, f"p{row // 2}"] for row, name in enumerate(labels)]
    write_rows(tmp_path / "labels.csv", ["image", "label", "subject_id"], rows)
    parts = [{int(Path(name).stem) // 2 for name in read(tmp_path, split).ids} for split in ("train", "val", "test")]
    assert [len(part) for part in parts] == [16, 2, 2]
    assert len(set.union(*parts)) == 20


@pytest.mark.parametrize(
    ("names", "second"),
    [(["x", "y", "w", "h"], [48, 0, 48, 48]), (["xmin", "ymin", "xmax", "ymax"], [48, 0, 96, 48])],
)
def test_boxes_cut_the_faces(tmp_path: Path, names: list[str], second: list[int]) -> None:
    left, right = (np.full((48, 48), value, np.uint8) for value in (50, 200))
    rows: list[list[object]] = []
    for row in range(4):
        layouts.save(tmp_path / f"{row}.png", np.hstack([left, right]))
        rows += [[f"{row}.png", "sad", 0, 0, 48, 48], [f"{row}.png", "happy", *second]]
    rows += [["3.png", "sad", 500, 0, 9, 600], ["3.png", "sad", "a", 0, 4, 4], ["3.png", "happy", "", "", "", ""]]
    write_rows(tmp_path / "labels.csv", ["image", "label", *names], rows)
    samples = read(tmp_path)
    assert [int(image.mean()) for image in samples.images] == [50, 200] * 4 + [125]
    assert samples.sides is not None
    assert samples.sides.tolist() == [48] * 8 + [-1]
    assert [problem.where for problem in samples.problems] == ["labels.csv:11", "3.png"]
    assert "expected four numbers" in samples.problems[0].what
    assert "outside of its 96 x 48 pixels" in samples.problems[1].what


def test_codes_need_names(tmp_path: Path) -> None:
    root = layouts.write_list(tmp_path, classes=[str(code) for code in range(7)])
    with pytest.raises(InputError, match=r"the classes are numbers \(0, 1, 2, 3, 4, 5, 6\); .*--classes"):
        read(root)
    samples = read(root, classes="fer2013")
    assert samples.classes == FER2013
    assert samples.labels[:7].tolist() == list(range(7))
    with pytest.raises(InputError, match="but 2 are named"):
        read(root, classes="happy,sad")


def test_codes_from_1_as_decimals_and_beside_a_column_of_names(tmp_path: Path) -> None:
    labels = layouts.write_images(tmp_path, 14)
    codes = [f"{FER2013.index(name) + 1}.0" for name in labels]
    rows: list[list[object]] = [[f"{row:05d}.png", code] for row, code in enumerate(codes)]
    write_rows(tmp_path / "labels.csv", ["image", "label"], rows)
    assert read(tmp_path, classes="fer2013").labels.tolist() == [0, 1, 2, 3, 4, 5, 6] * 2
    write_rows(
        tmp_path / "labels.csv",
        ["image", "label", "label_name"],
        [[*row, name] for row, name in zip(rows, labels, strict=True)],
    )
    assert read(tmp_path).classes == tuple(sorted(FER2013))


def test_a_list_of_class_names_next_to_it_says_what_codes_mean(tmp_path: Path) -> None:
    root = layouts.write_list(tmp_path, classes=["0", "1", "2"])
    (root / "classes.txt").write_text("bored\nengaged\nconfused\n")
    samples = read(root)
    assert samples.classes == ("bored", "engaged", "confused")
    assert samples.labels[:4].tolist() == [0, 1, 2, 0]


def test_own_classes_in_any_language_and_slips_among_known_ones(tmp_path: Path) -> None:
    root = layouts.write_list(tmp_path / "own", classes=["bored", "engaged", "困惑"])
    assert read(root).classes == ("bored", "engaged", "困惑")
    root = layouts.write_list(tmp_path / "slip", 70)
    (root / "labels.csv").write_text((root / "labels.csv").read_text().replace("00003.png,happy", "00003.png,hapy"))
    samples = read(root)
    assert len(samples.classes) == 7
    assert [str(problem) for problem in samples.problems] == [
        "labels.csv:5: unknown label 'hapy'; did you mean 'happy'?"
    ]


def test_a_nul_in_a_label_is_not_part_of_it(tmp_path: Path) -> None:
    root = layouts.write_list(tmp_path, classes=["bored\0", "engaged"])
    assert read(root).classes == ("bored", "engaged")


def test_labels_that_are_no_classes_are_refused(tmp_path: Path) -> None:
    root = layouts.write_list(tmp_path, classes=["0.25", "0.5", "0.75"])
    with pytest.raises(InputError, match=r"label 0\.\d+, expected class names or whole numbers"):
        read(root)


def test_eight_classes_in_any_spelling(tmp_path: Path) -> None:
    root = layouts.write_list(tmp_path, 16, ("Neutral", "HAPPINESS", "Surprised", "sad ", "anger", "disgust", "fear"))
    assert set(read(root).classes) == set(FERPLUS) - {"contempt"}


@pytest.mark.parametrize("separator", [";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_as_spreadsheets_write_them(tmp_path: Path, separator: str, encoding: str) -> None:
    root = layouts.write_list(tmp_path)
    text = (root / "labels.csv").read_text().replace(",", separator).replace("\n", "\r\n")
    (root / "labels.csv").write_bytes(text.encode(encoding))
    assert len(read(root)) == 42


@pytest.mark.parametrize("line", ["{name},{label}", "{name} {label}", "{name}\t{label}"])
def test_a_list_without_a_line_of_names(tmp_path: Path, line: str) -> None:
    labels = layouts.write_images(tmp_path, 14)
    write(
        tmp_path / "list.txt",
        *[line.format(name=f"images/{row:05d}.png", label=name) for row, name in enumerate(labels)],
    )
    assert len(read(tmp_path)) == 14


def test_two_lists_of_the_same_images_are_not_chosen_between(tmp_path: Path) -> None:
    root = layouts.write_list(tmp_path)
    (root / "old.csv").write_text((root / "labels.csv").read_text())
    with pytest.raises(InputError, match=r"labels\.csv, old\.csv all list labelled images; give one as the path"):
        read(root)
    assert len(read(root / "old.csv")) == 42


def test_the_table_that_predict_writes_is_no_list_of_labels(tmp_path: Path) -> None:
    labels = layouts.write_images(tmp_path, 7)
    rows: list[list[object]] = [[f"{row:05d}.png", name, 0.5] for row, name in enumerate(labels)]
    write_rows(tmp_path / "faces.csv", ["file", "expression", "p_happy"], rows)
    with pytest.raises(InputError, match="no dataset recognised"):
        datasets.detect(tmp_path)


def test_a_list_without_any_of_its_images_is_not_recognised(tmp_path: Path) -> None:
    root = layouts.write_list(tmp_path)
    for path in (root / "images").iterdir():
        path.unlink()
    with pytest.raises(InputError, match="no dataset recognised"):
        datasets.detect(root)


def test_a_copy_keeps_absolute_paths_to_images_elsewhere(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    labels = layouts.write_images(elsewhere, 14)
    rows: list[list[object]] = [[elsewhere / "images" / f"{row:05d}.png", name] for row, name in enumerate(labels)]
    (tmp_path / "set").mkdir()
    write_rows(tmp_path / "set" / "labels.csv", ["image", "label"], rows)
    samples = read(tmp_path / "set")
    assert len(samples) == 14
    Image.new("L", (9, 9)).save(elsewhere / "images" / "00000.png")
    assert (read(tmp_path / "set").images[0] == 0).all()  # not the cached one
