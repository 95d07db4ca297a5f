"""Writers of the layouts in which published sets of face images come, with drawn faces."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mien.core.images import Pixels
from mien.core.labels import FER2013
from tests import drawn

RAFDB = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")  # the codes 1..7

Writer = Callable[[Path], Path]


def save(path: Path, image: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def write_rafdb(root: Path, train: int = 28, test: int = 14, *, variants: Iterable[str] = ("aligned",)) -> Path:
    """Write EmoLabel/list_patition_label.txt and Image/aligned, Image/original or both; originals are inverted."""
    faces, lines = drawn.unlike(train + test, RAFDB), []
    for row, image in enumerate(faces.images):
        name = f"train_{row + 1:05d}" if row < train else f"test_{row - train + 1:04d}"
        lines.append(f"{name}.jpg {faces.labels[row] + 1}\n")
        for variant in variants:
            aligned = variant == "aligned"
            save(root / f"Image/{variant}/{name}{'_aligned' * aligned}.jpg", image if aligned else 255 - image)
    (root / "EmoLabel").mkdir(parents=True)
    (root / "EmoLabel" / "list_patition_label.txt").write_text("".join(lines))
    return root


def write_rafdb_folders(root: Path, train: int = 28, test: int = 14, *, tables: bool = True) -> Path:
    """Write Kaggle's form: DATASET/train/1/train_00001_aligned.jpg, and train_labels.csv, test_labels.csv."""
    faces = drawn.unlike(train + test, RAFDB)
    lines = {split: ["image,label\n"] for split in ("train", "test")}
    for row, image in enumerate(faces.images):
        split, number = ("train", row + 1) if row < train else ("test", row - train + 1)
        name, code = f"{split}_{number:05d}_aligned.jpg", faces.labels[row] + 1
        save(root / "DATASET" / split / str(code) / name, image)
        lines[split].append(f"{name},{code}\n")
    for split in lines if tables else ():
        (root / f"{split}_labels.csv").write_text("".join(lines[split]))
    return root


def write_images(root: Path, n: int = 42, classes: Sequence[str] = FER2013, *, folder: str = "images") -> list[str]:
    """Write images/00000.png ... and return their classes; the label of image i is i modulo the number of classes."""
    for row, image in enumerate(drawn.unlike(n, FER2013[: len(classes)]).images):
        save(root / folder / f"{row:05d}.png", image)
    return [classes[row % len(classes)] for row in range(n)]


def write_list(root: Path, n: int = 42, classes: Sequence[str] = FER2013, *, folder: str = "images") -> Path:
    """Write images/ and labels.csv."""
    labels = write_images(root, n, classes, folder=folder)
    lines = [f"{row:05d}.png,{label}\n" for row, label in enumerate(labels)]
    (root / "labels.csv").write_text("".join(["image,label\n", *lines]))
    return root


AFFECTNET = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "angry", "contempt")  # the codes 0..7
AFFECTNET_COLUMNS = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
)


def write_affectnet(root: Path, train: int = 32, test: int = 16) -> Path:
    """Write train_set/images/5.jpg and train_set/annotations/5_exp.npy, _val, _aro, _lnd; the same in val_set."""
    faces = drawn.unlike(train + test, AFFECTNET)
    for row, image in enumerate(faces.images):
        folder = root / ("train_set" if row < train else "val_set")
        save(folder / "images" / f"{row}.jpg", image)
        (folder / "annotations").mkdir(exist_ok=True)
        np.save(folder / "annotations" / f"{row}_exp.npy", np.array(str(faces.labels[row])))
        for name in ("val", "aro", "lnd"):
            np.save(folder / "annotations" / f"{row}_{name}.npy", np.zeros(2))
    return root


def write_affectnet_tables(root: Path, train: int = 32, test: int = 16) -> Path:
    """Write training.csv, validation.csv (without a line of names) and photos in Manually_Annotated_Images/7/."""
    faces = drawn.unlike(train + test, AFFECTNET)
    lines: dict[str, list[str]] = {"training": [AFFECTNET_COLUMNS], "validation": []}
    for row, image in enumerate(faces.images):
        save(root / "Manually_Annotated_Images" / "7" / f"{row}.png", np.pad(image, ((10, 0), (20, 0))))
        lines["training" if row < train else "validation"].append(
            f"7/{row}.png,20,10,48,48,1;2,{faces.labels[row]},0,0"
        )
    for name, text in lines.items():
        (root / f"{name}.csv").write_text("\n".join(text) + "\n")
    return root


def write_expw(root: Path, n: int = 42) -> Path:
    """Write label.lst and origin/, two faces in each photo."""
    faces, lines = drawn.unlike(n), []
    for row in range(0, n, 2):
        save(root / "origin" / f"a b_{row}.png", np.hstack(list(faces.images[row : row + 2])))
        lines += [
            f"a b_{row}.png {face} 0 {48 * face} {48 * face + 48} 48 60.5 {faces.labels[row + face]}\n"
            for face in (0, 1)
        ]
    (root / "label.lst").write_text("".join(lines))
    return root


CKPLUS = ("neutral", "angry", "contempt", "disgust", "fear", "happy", "sad", "surprise")  # the codes 0..7


def write_ckplus(root: Path, persons: int = 6, *, frames: int = 4) -> Path:
    """Write two labelled sequences and one without a label of each person; codes from 1 on."""
    faces = drawn.unlike(persons * 3 * frames)
    for number in range(persons * 3):
        sequence = f"S{number // 3 + 1:03d}/{number % 3 + 1:03d}"
        for frame in range(frames):
            name = f"{sequence.replace('/', '_')}_{frame + 1:08d}"
            save(root / "cohn-kanade-images" / sequence / f"{name}.png", faces.images[number * frames + frame])
        folder = root / "Emotion" / sequence
        folder.mkdir(parents=True)
        if number % 3 < 2:
            (folder / f"{name}_emotion.txt").write_text(f"   {number % 7 + 1}.0000000e+00\n")
    return root


def write_jaffe(root: Path, persons: int = 6) -> Path:
    codes = ("AN", "DI", "FE", "HA", "NE", "SA", "SU")
    for row, image in enumerate(drawn.unlike(persons * 7).images):
        save(root / f"K{chr(65 + row // 7)}.{codes[row % 7]}{row % 3 + 1}.{row + 1}.tiff", image)
    return root


def write_kdef(root: Path, persons: int = 6) -> Path:
    codes = ("AN", "DI", "AF", "HA", "NE", "SA", "SU")
    for row, image in enumerate(drawn.unlike(persons * 14).images):
        person = f"{'AB'[row // 7 % 2]}F{row // 14 + 1:02d}"
        save(root / person / f"{person}{codes[row % 7]}{('S', 'HL')[row % 2]}.JPG", image)
    return root


def write_subjects(root: Path, persons: int = 6, *, splits: Sequence[str] = ("",)) -> Path:
    for row, image in enumerate(drawn.unlike(persons * 7).images):
        split = splits[row // 7 % len(splits)]
        save(root / split / f"S{row // 7 + 1:03d}" / FER2013[row % 7].title() / f"{row}.jpg", image)
    return root


def write_rafd(root: Path, persons: int = 6) -> Path:
    words = ("angry", "disgusted", "fearful", "happy", "neutral", "sad", "surprised")
    for row, image in enumerate(drawn.unlike(persons * 7).images):
        save(root / f"Rafd090_{row // 7 + 1:02d}_Caucasian_female_{words[row % 7]}_frontal.jpg", image)
    return root
