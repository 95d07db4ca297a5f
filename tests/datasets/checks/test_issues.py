import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.cli import main
from mien.core.errors import InputError
from mien.datasets import DataSpec, check
from mien.datasets.checks.check import CheckedData, Issue
from mien.datasets.checks.issues import IssueReport
from mien.datasets.checks.label_errors import label_error
from mien.datasets.checks.report import page
from tests import drawn
from tests.datasets.checks import faulty


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ending:
        main(["data", "check", *map(str, arguments)])
    return int(ending.value.code or 0)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return faulty.fer2013(tmp_path_factory.mktemp("faulty"))


@pytest.fixture(scope="module")
def found(root: Path) -> IssueReport:
    return check(DataSpec(root))


def groups(found: IssueReport, name: str = "copies") -> list[tuple[int, ...]]:
    """Return the rows of each group of copies."""
    return [issue.rows for issue in found.issues[name]]


def test_what_is_found(found: IssueReport) -> None:
    assert groups(found) == [
        (5, faulty.CONFLICT),
        (7, faulty.COPY, faulty.MIRRORED),
        (33, faulty.LEAKED),
        (34, faulty.TWICE_HELD),
    ]
    assert groups(found, "conflicts") == [(5, faulty.CONFLICT)]
    assert groups(found, "across_splits") == [(33, faulty.LEAKED)]
    assert found.issues["conflicts"][0].text == "surprise and neutral"
    assert found.issues["across_splits"][0].text == "train, validation"
    assert found.issues["leaks"] == (
        Issue(
            where="validation",
            text="1 of 11 images (9.1 %) are also in train, 0 (0.0 %) of them byte for byte",  # shifted
            facts={"n": 11, "near": 1, "exact": 0},
        ),
    )
    assert (found.rows("blank"), found.rows("few_grey_levels")) == ([faulty.BLANK], [faulty.GRAPHIC])
    assert found.faults == {"leaks": 1, "across_splits": 1, "conflicts": 1, "blank": 1}


def test_bytes_alone(root: Path) -> None:
    assert groups(check(DataSpec(root), near=False)) == [
        (5, faulty.CONFLICT),
        (7, faulty.COPY),
        (34, faulty.TWICE_HELD),
    ]


def test_votes_conflict_by_the_most_voted(root: Path) -> None:
    found = check(DataSpec(root, targets="majority"))
    assert found.kind == "fer2013"
    assert groups(found, "conflicts") == groups(found)
    assert len(groups(found)) == 4


def test_splits_that_mien_would_make_are_no_splits(tmp_path: Path) -> None:
    samples = faulty.samples()
    folders = drawn.write_folders(tmp_path / "faces", samples)
    found = check(DataSpec(folders))
    assert set(found.table.splits.tolist()) == {"train"}
    assert groups(found, "across_splits") == []
    assert len(groups(found)) == 4


def test_what_cannot_be_read_two_spellings_and_people(tmp_path: Path) -> None:
    faces = drawn.unlike(40, ("angry", "happy"))
    for row, (image, label) in enumerate(zip(faces.images, faces.labels.tolist(), strict=True)):
        part, name = ("train", "validation")[row % 5 == 4], ("angry", "happy")[label]
        spelt = "Anger" if row < 4 and not label else name
        folder = tmp_path / "faces" / part / spelt
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"Person{'ABCDEFGHIJKLMN'[row % 14]}_{row:04d}.png")
    (tmp_path / "faces" / "train" / "happy" / "broken.png").write_bytes(b"\x89PNG")
    found = check(DataSpec(tmp_path / "faces"))
    assert found.issues["class_names"] == (Issue(where="Anger", text="looks like angry"),)
    people = {issue.where: issue.facts for issue in found.issues["persons"]}
    assert people["persona"] == {"train": 2, "validation": 1}  # rows 0, 28 and 14
    assert found.faults["unreadable"] == 1
    assert found.faults["persons"] == len(people)
    assert "Names in several splits" in page(found)
    assert "broken.png" in page(found)


def test_a_healthy_dataset(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    drawn.write_fer2013(tmp_path / "clean" / "fer2013.csv", drawn.unlike(30), ["Training"] * 20 + ["PublicTest"] * 10)
    assert run("clean") == 0
    out, err = capsys.readouterr()
    assert "validation: 0 of 10 images (0.0 %) are also in train" in out
    assert "wrote clean-check.html" in err
    text = (tmp_path / "clean-check.html").read_text()
    assert "None: no image is in the dataset twice." in text


def test_json_and_exit_code(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(root, "--json", "--page", tmp_path / "page.html", "--fix", tmp_path / "list.csv") == 1
    found = json.loads(capsys.readouterr().out)
    issues = {name: finding["issues"] for name, finding in found["findings"].items()}
    (leak,) = issues["leaks"]
    assert (leak["where"], leak["n"], leak["exact"], leak["near"]) == ("validation", 11, 0, 1)
    first, third = issues["copies"][0], issues["copies"][2]
    assert first["samples"][1] == {"id": "00040", "split": "train", "label": "neutral"}
    assert first["captions"] == ["", "exact"]
    assert first["correlation"] == [1.0, 1.0]
    assert third["captions"][1] == "shifted"
    assert [len(issues[name]) for name in ("copies", "conflicts", "across_splits")] == [4, 1, 1]
    assert issues["blank"] == [{"samples": [{"id": "00045", "split": "train", "label": "angry"}]}]
    assert found["findings"]["blank"]["severity"] == "fault"
    assert [row["id"] for row in found["left_out"]] == [f"{row:05d}" for row in faulty.GONE]
    assert "label_errors" not in issues


def test_terminal(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(root, "--page", tmp_path / "page.html") == 1
    out = capsys.readouterr().out
    assert "validation: 1 of 11 images (9.1 %) are also in train, 0 (0.0 %) of them byte for byte" in out
    assert "00005, 00040: surprise and neutral" in out


def test_the_page_shows_the_images_and_escapes_names(found: IssueReport) -> None:
    text = page(found)
    assert "9.1 %" in text
    assert text.count("<img") == 9 + 2  # the members of four groups; blank and few grey levels
    ids = found.table.ids.astype("<U20")
    ids[5] = "<b>"
    renamed = replace(found, data=CheckedData(replace(found.table, ids=ids)))
    text = page(renamed.add("label_errors", [label_error(3, "happy", "<sad>", 0.07)], {}))
    assert "&lt;b&gt;" in text
    assert "<b>" not in text
    assert "Probable label errors" in text
    assert "happy, not &lt;sad&gt;? (0.07)" in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--also", "blank"), "--also says what --fix leaves out; say --fix OUT as well"),
        (("--fix", "out", "--also", "faceless"), "--also faceless needs --detector, which looks for the faces"),
        (("--fix", "out", "--also", "copies"), "--also copies: expected some of blank, few_grey_levels, cropped, fac"),
        (("--fix", "out", "--exclude", "list.csv"), "--fix would put back what --exclude leaves out"),
        (("--detector", "yunet"), "holds face crops; faces are looked for in facial_expressions, "),
        (("--detector", "nobody"), "no detector 'nobody'"),
    ],
)
def test_refuses(
    root: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(root, *options) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_an_exclude_list_makes_it_well(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(root, "--fix", "list.csv", "--also", "blank") == 1
    assert run(root, "--exclude", "list.csv") == 0


def test_photos_without_a_face(tmp_path: Path) -> None:
    def finder(image: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> object:
        return image if image.mean() > 100 else None

    samples = drawn.unlike(12)
    found = check(DataSpec(drawn.write_folders(tmp_path / "photos", samples)), face=finder)  # type: ignore[arg-type]
    dark = {f"{row:05d}" for row in np.flatnonzero(samples.images.mean(axis=(1, 2)) <= 100)}
    assert {Path(name).stem for name in found.table.ids[found.rows("faceless")].tolist()} == dark
    assert 0 < len(dark) < 12


def test_badly_cropped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = drawn.unlike(20)
    samples.images[...] = samples.images // 2 + 64
    samples.images[3, :6] = 0
    samples.images[11, :, :8] = samples.images[11, :, 8:16][:, ::-1]
    samples.images[12] = 30  # blank, and nothing else
    drawn.write_fer2013(tmp_path / "faces" / "fer2013.csv", samples, ["Training"] * 10 + ["PublicTest"] * 10)
    assert run(tmp_path / "faces", "--page", tmp_path / "p.html", "--json", "--fix", tmp_path / "l.csv",
               "--also", "cropped") == 1  # fmt: skip
    found = json.loads(capsys.readouterr().out)
    assert [(row["samples"][0]["id"], row["text"]) for row in found["findings"]["cropped"]["issues"]] == [
        ("00003", "bar top, 12 %"),
        ("00011", "mirrored left, 17 %"),
    ]
    assert found["faults"] == {"blank": 1}  # a bad crop is a note
    assert [(row["id"], row["reason"]) for row in found["left_out"]] == [("00003", "cropped")]  # 11 is held out
    text = (tmp_path / "p.html").read_text()
    assert "<h2>Badly cropped images</h2>" in text
    assert "<br>bar top, 12 %" in text
    run(tmp_path / "faces", "--page", tmp_path / "p.html")
    assert "badly cropped images" in capsys.readouterr().out


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        check(DataSpec(tmp_path / "nothing"))


@pytest.mark.slow
def test_real(real_data: Path) -> None:
    found = check(DataSpec(real_data / "fer2013"))
    (leak,) = found.issues["leaks"]
    assert leak.facts["exact"] == 280
    assert leak.count >= 640
    assert len(found.rows("blank")) == 12
    assert 20 <= len(found.rows("cropped")) <= 40
    assert 9568 in found.rows("cropped")  # a white bar over a fifth of the image


def test_what_cannot_be_written_is_said_before_the_check(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("mien.datasets.check", lambda *_, **__: pytest.fail("looked for copies"))
    source = root / "fer2013.csv"
    before = source.read_bytes()
    (tmp_path / "file").write_text("")
    (tmp_path / "dir.html").mkdir()
    for arguments, message in (
        (("--page", source), "expected a file that ends in .html"),  # it would have been written over
        (("--page", tmp_path / "file" / "page.html"), "file: cannot be written"),
        (("--page", tmp_path / "dir.html"), "dir.html: it is a folder"),
        (("--page", tmp_path / "p.html", "--fix", tmp_path / "file" / "list.csv"), "cannot be written"),
        (("--page", tmp_path / "p.html", "--fix", tmp_path / "file" / "clean"), "cannot be written"),
    ):
        assert run(root, *arguments) == 2
        assert message in capsys.readouterr().err
    assert source.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dir.html", "file"]
