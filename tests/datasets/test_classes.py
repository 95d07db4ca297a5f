"""Which classes named samples have, and what users ask of them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien import datasets
from mien.core.errors import InputError
from mien.core.labels import ALPHABETICAL, FER2013
from mien.datasets import DataSpec
from mien.datasets.classes import class_map, describe, select, slips
from mien.datasets.inspection import inspect


def write(root: Path, *folders: str, n: int = 4) -> Path:
    """Write class folders with n drawn images each, no two alike."""
    rng = np.random.default_rng(len(folders))
    for folder in folders:
        (root / folder).mkdir(parents=True)
        for number in range(n):
            Image.fromarray(rng.integers(0, 256, (12, 12), np.uint8)).save(root / folder / f"{number}.png")
    return root


def read(root: Path, classes: str | None = None) -> datasets.Samples:
    return datasets.read(DataSpec(root, "all", classes=classes))


@pytest.mark.parametrize(
    ("names", "classes"),
    [
        (["smile", "frown"], ("frown", "smile")),
        (["지루함", "집중", "énervé 2", "🙂 gut"], ("énervé 2", "🙂 gut", "지루함", "집중")),
        (["Bored", "engaged"], ("Bored", "engaged")),
        (["Happy", "Sadness"], ("happy", "sad")),
        (["happy", "joy", "bored"], ("bored", "happy", "joy")),
        (["0_angry", "1-disgust", "2 fear"], ("angry", "disgust", "fear")),
        (["1_tired", "0_bored"], ("bored", "tired")),
        (["12_smith", "40_jones"], ("12_smith", "40_jones")),
        (["10", "9", "0"], ("0", "9", "10")),
    ],
)  # fmt: skip
def test_classes_of_folders(names: list[str], classes: tuple[str, ...]) -> None:
    assert class_map(names).classes == tuple(sorted(classes) if "지루함" in classes else classes)


def test_twins_are_one_class_and_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert class_map(["joy", "happiness", "sad"]).renamed == {"joy": "happy", "happiness": "happy"}
    write(tmp_path, "train/calm", "test/bored", "test/caf\u00e9", "train/cafe\u0301")
    write(tmp_path, "train/Bored", n=5)
    samples = read(tmp_path)
    assert samples.counts == {"Bored": 9, "café": 8, "calm": 4}
    renamed = datasets.open_dataset(DataSpec(tmp_path)).renamed
    assert renamed["bored"] == "Bored"
    assert "1 café (from " in capsys.readouterr().err


def test_more_than_a_thousand_are_refused() -> None:
    assert len(class_map([f"c{number}" for number in range(1000)]).classes) == 1000
    with pytest.raises(InputError, match=r"1,001 classes \(c0, c1, c10 and 998 more\); at most 1,000"):
        class_map([f"c{number}" for number in range(1001)])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("classes.txt", "angry\ndisgust\nfear\n"),
        ("labels.txt", "0 angry\n1 disgust\n2 fear\n"),
        ("class_names.txt", "\ufeffid,name\r\n0,angry\r\n2,fear\r\n1,disgust\r\n"),
        ("classes.csv", "angry,0\ndisgust,1\nfear,2\nhappy,3\n"),
        ("class_indices.json", json.dumps({"angry": 0, "disgust": 1, "fear": 2})),
        ("labels.json", json.dumps({"0": "anger", "1": "Disgust", "2": "fear"})),
        ("classes.json", json.dumps(["angry", "disgust", "fear"])),
    ],
)
@pytest.mark.parametrize("above", ["", "train"])
def test_numbers_mean_what_a_list_next_to_them_says(tmp_path: Path, name: str, text: str, above: str) -> None:
    write(tmp_path / above, "0", "1", "2")
    (tmp_path / name).write_text(text)
    samples = read(tmp_path)
    assert samples.classes == ("angry", "disgust", "fear")
    assert all(
        samples.classes[label] == FER2013[int(Path(name).parent.name)]
        for label, name in zip(samples.labels, samples.ids, strict=True)
    )


def test_numbers_from_one_and_own_names_in_a_list(tmp_path: Path) -> None:
    write(tmp_path, "1", "2", "10")
    (tmp_path / "classes.txt").write_text("지루함\n집중\n졸림\n", "utf-8")
    samples = read(tmp_path)
    assert samples.classes == ("지루함", "집중", "졸림")
    assert datasets.open_dataset(DataSpec(tmp_path)).renamed == {"1": "지루함", "2": "집중", "10": "졸림"}


def test_numbers_are_named_by_the_user_in_their_order_or_refused(tmp_path: Path) -> None:
    write(tmp_path, *map(str, range(1, 8)))
    names = "surprise,fear,disgust,happiness,sadness,anger,neutral"
    assert read(tmp_path, names).classes == ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")
    assert read(tmp_path, "alphabetical").classes == ALPHABETICAL
    with pytest.raises(InputError, match=r"numbers \(1, 2, 3, 4, 5, 6, 7\); say what they mean: .*--classes"):
        read(tmp_path)
    with pytest.raises(InputError, match="but 3 are named"):
        read(tmp_path, "a,b,c")
    (tmp_path / "classes.txt").write_text("0 a\n1 b\n")
    with pytest.raises(InputError, match=r"classes\.txt: names 2 classes, but no 2, 3, 4, 5, 6, 7"):
        read(tmp_path)


def test_a_number_among_names_is_reported(tmp_path: Path) -> None:
    samples = read(write(tmp_path, "happy", "sad", "3"))
    assert samples.classes == ("happy", "sad")
    assert [str(problem) for problem in samples.problems] == [
        "3: a number does not say which class it is: rename the folder"
    ]


def test_what_systems_make_or_holds_no_image_is_no_class(tmp_path: Path) -> None:
    write(tmp_path, "smile", "frown", ".ipynb_checkpoints", "__MACOSX", "@eaDir", "broken")
    (tmp_path / "empty").mkdir()
    (tmp_path / "Thumbs.db").write_bytes(b"")
    for path in (tmp_path / "broken").iterdir():
        path.write_bytes(b"no image")
    samples = read(tmp_path)
    assert samples.classes == ("frown", "smile")
    notes = datasets.open_dataset(DataSpec(tmp_path)).notes
    assert [note.split(" (")[0] for note in notes] == [
        "empty: NO IMAGE in this class",
        "class broken: NONE of its 4 images can be read",
    ]


def test_own_names_are_kept_ordered_and_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "bored", "engaged", "joy", "happy")
    samples = read(tmp_path, "engaged,bored")
    assert samples.classes == ("engaged", "bored")
    assert samples.dropped == {"of another class than the 2 asked for (happy, joy)": 8}
    with pytest.raises(
        InputError, match=r"no class 'enraged' in the data; did you mean 'engaged'.*; they have bored, eng"
    ):
        read(tmp_path, "enraged,bored")
    everything = read(tmp_path, "fer2013")
    assert everything.classes == FER2013
    assert everything.counts["happy"] == 8
    said = capsys.readouterr().err
    assert "3 happy (from joy)" in said
    assert "left out: 8 of 16 samples, of none of the 7 classes angry, disgust, " in said
    assert "(bored 4, engaged 4)" in said


def test_a_synonym_asked_for_gets_the_fields_name() -> None:
    assert select(["bored", "happiness", "joy"], "happy,bored") == (
        ("happy", "bored"),
        {"bored": "bored", "happiness": "happy", "joy": "happy"},
    )
    assert select(["bored", "happiness", "joy"], "joy,bored")[0] == ("joy", "bored")
    assert select(["happy", "sad"], "Sadness,joy")[0] == ("sad", "happy")
    with pytest.raises(InputError, match="no class in common"):
        select(["bored", "calm"], "fer2013")


def test_few_unknown_labels_of_a_column_are_slips() -> None:
    assert slips(["happy"] * 60 + ["hapy"]) == {"hapy": "unknown label 'hapy'; did you mean 'happy'?"}
    assert slips(["happy"] * 60 + ["bored"] * 30) == {}


def test_own_names_in_a_legend(tmp_path: Path) -> None:
    write(tmp_path, "images", n=12)
    (tmp_path / "data").mkdir()
    rows = [f"1,{number}.png,{('bored', '집중', 'Happiness')[number % 3]}" for number in range(12)]
    (tmp_path / "data" / "legend.csv").write_text("\n".join(["user.id,image,emotion", *rows]), "utf-8")
    assert read(tmp_path).counts == {"Happiness": 4, "bored": 4, "집중": 4}


def test_the_class_map_in_a_line() -> None:
    assert describe(["bored", "hapy"], {}) == "classes: 0 bored, 1 hapy; hapy: did you mean 'happy'?"
    assert describe([f"c{number}" for number in range(30)], {}, most=2) == "classes: 0 c0, 1 c1 and 28 more"


def test_classes_that_change_nothing_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "bored", "calm")
    inspect(DataSpec(tmp_path, classes="calm,tired"))
    assert "--classes names numbers; these data have names, and all count here: bored, calm" in capsys.readouterr().err
