import os
from pathlib import Path

import pytest

from mien import datasets
from mien.core.errors import InputError
from mien.core.labels import FACIAL_EXPRESSIONS
from mien.datasets import DataSpec, ImageSpec
from mien.datasets.readers.facial_expressions import person
from tests import drawn


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return drawn.write_facial_expressions(
        tmp_path / "photos", drawn.faces(120, FACIAL_EXPRESSIONS, size=112, channels=3)
    )


def append(root: Path, *rows: str) -> None:
    with (root / "data" / "legend.csv").open("a") as file:
        file.write("".join(f"{row}\n" for row in rows))


def test_folds_mixed_case_into_eight_classes(root: Path) -> None:
    samples = datasets.read(DataSpec(root, "all"), ImageSpec(size=112, channels=3))
    assert datasets.detect(root) == "facial_expressions"
    assert samples.images.shape == (120, 112, 112, 3)
    assert samples.classes == FACIAL_EXPRESSIONS
    assert set(samples.counts.values()) == {15}
    assert samples.problems == ()


def test_nobody_is_in_two_splits(root: Path) -> None:
    people = {
        split: {person(name) for name in datasets.read(DataSpec(root, split)).ids}
        for split in ("train", "validation", "test")
    }
    assert [len(part) for part in people.values()] == [32, 4, 4]
    assert len(set.union(*people.values())) == 40


@pytest.mark.parametrize(
    ("name", "who"),
    [
        ("Tony_Blair_0086.jpg", "tony_blair"),
        ("HrithikRoshan_116.jpg", "hrithikroshan"),
        ("Lin_Yi-fu_0001.jpg", "lin_yi-fu"),
        ("x-12.png", "x"),
        ("plain.jpg", "plain"),
    ],
)
def test_the_person_is_the_name_before_the_number(name: str, who: str) -> None:
    assert person(name) == who


def test_what_is_wrong_is_reported_with_its_line(root: Path) -> None:
    append(
        root,
        "302,PersonA_y_0001.jpg,angry",
        "302,PersonA_y_0001.jpg,SADNESS",
        "user.id,image,emotion",
        "302,nobody_0001.jpg,happiness",
        "302,PersonA_y_0002.jpg,bored",
        "302,PersonA_y_0002.jpg",
        "",
    )
    (root / "images" / "PersonB_y_0001.jpg").write_bytes(b"\xff\xd8 cut")
    (root / "images" / "unlabelled_0001.jpg").write_bytes(b"")
    samples = datasets.read(DataSpec(root, "all"))
    assert [(problem.where, problem.what.split(" (")[0]) for problem in samples.problems] == [
        ("legend.csv:122", "PersonA_y_0001.jpg is in line 2 already"),
        ("legend.csv:123", "PersonA_y_0001.jpg is in line 2 already"),
        ("legend.csv:124", "the header line once more"),
        ("legend.csv:125", "nobody_0001.jpg: no such image"),
        ("legend.csv:126", "unknown label 'bored'"),
        ("legend.csv:127", "2 fields, expected 3"),
        ("images/PersonB_y_0001.jpg", samples.problems[-1].what.split(" (")[0]),
    ]
    assert "sad, there angry" in samples.problems[1].what
    assert len(samples) == 119
    assert samples.dropped == {"no row in legend.csv": 1}
    with pytest.raises(InputError, match=r"legend\.csv:122"):
        datasets.read(DataSpec(root, "train"), strict=True)


def test_a_name_that_leads_elsewhere_is_no_image_of_the_set(root: Path) -> None:
    (root / "data" / "secret.jpg").write_bytes((root / "images" / "PersonA_y_0001.jpg").read_bytes())
    append(root, "302,../data/secret.jpg,happiness")
    assert datasets.read(DataSpec(root, "all")).problems[0].what == "../data/secret.jpg: no such image"


def test_nothing_readable(root: Path) -> None:
    (root / "data" / "legend.csv").write_text("user.id,image,emotion\n1,a.jpg,happy\n")
    with pytest.raises(
        InputError, match=r"no image in it can be read; the first: legend\.csv:2: a\.jpg: no such image"
    ):
        datasets.read(DataSpec(root, "train"))


def test_links_to_nothing_are_named_and_names_that_are_not_utf8_are_read(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = Path(os.fsdecode(bytes(root / "images") + b"/caf\xe9_1.jpg"))
    (root / "images" / "PersonA_y_0001.jpg").rename(odd)
    (root / "images" / "PersonA_y_0002.jpg").unlink()
    (root / "images" / "PersonA_y_0002.jpg").symlink_to("nowhere")
    with (root / "data" / "legend.csv").open("ab") as file:
        file.write(b"302,caf\xe9_1.jpg,happy\n")
    samples = datasets.read(DataSpec(root, "all"))
    assert len(samples) == 119
    assert "caf\\udce9_1.jpg" in samples.ids.tolist()
    said = capsys.readouterr().err
    assert "not read: 1 of 120 images (a link to nothing: PersonA_y_0002.jpg)" in said
    assert "not read: 2 of 122 rows (no such image: legend.csv:2, legend.csv:3)" in said


def test_a_nul_in_a_label_is_not_part_of_it(tmp_path: Path) -> None:
    root = drawn.write_facial_expressions(tmp_path / "photos", drawn.faces(6))
    legend = root / "data" / "legend.csv"
    first, *lines = legend.read_text().splitlines()
    rows = (f"{line.rpartition(',')[0]},{('bored', 'engaged')[row % 2]}\0" for row, line in enumerate(lines))
    legend.write_text("\n".join([first, *rows]))
    assert datasets.read(DataSpec(root, "all")).classes == ("bored", "engaged")
