import csv
import json
from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from mien import datasets
from mien.core.errors import InputError
from mien.core.labels import FACIAL_EXPRESSIONS, THREE, Targets
from mien.datasets import DataSpec, Samples, check
from mien.datasets.clean import fix, left_out
from tests import drawn
from tests.datasets.checks import faulty


def state(root: Path) -> dict[str, tuple[int, bytes]]:
    return {
        path.relative_to(root).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in root.rglob("*")
        if path.is_file()
    }


def same(one: Samples, other: Samples) -> None:
    assert np.array_equal(one.images, other.images)
    assert np.array_equal(one.labels, other.labels)


def test_the_rules(tmp_path: Path) -> None:
    found = check(DataSpec(faulty.fer2013(tmp_path)))
    assert [astuple(row) for row in left_out(found)] == [
        ("00005", "train", "conflicting labels", "00040"),
        ("00040", "train", "conflicting labels", "00005"),
        ("00041", "train", "copy in train", "00007"),
        ("00042", "train", "copy in train", "00007"),
        ("00043", "train", "copy in validation", "00033"),
    ]
    also = left_out(found, ("blank", "few_grey_levels"))
    assert [astuple(row) for row in also[5:]] == [
        ("00045", "train", "blank", ""),
        ("00046", "train", "few_grey_levels", ""),
    ]
    with pytest.raises(InputError, match="--also faceless: photos without a face were not looked for"):
        left_out(found, ("faceless",))


def test_the_list_is_one_that_exclude_takes(tmp_path: Path) -> None:
    root = faulty.fer2013(tmp_path / "faulty")
    rows = fix(check(DataSpec(root)), tmp_path / "list.csv")
    with (tmp_path / "list.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [tuple(row.values()) for row in written] == [astuple(row) for row in rows]
    assert list(written[0]) == ["id", "split", "reason", "other_id"]
    every = datasets.read(DataSpec(root, "all"))
    assert {row["id"] for row in written} <= set(every.ids.tolist())
    kept = datasets.read(DataSpec(root, "all", exclude=tmp_path / "list.csv"))
    same(kept, every[~np.isin(every.ids, [row.id for row in rows])])
    manifest = json.loads((tmp_path / "list.manifest.json").read_text())
    assert manifest["kept"] == len(kept) == 47 - len(faulty.GONE)


@pytest.mark.parametrize("targets", ["label", "majority", "distribution"])
def test_fer2013_and_its_votes_stay_row_for_row(tmp_path: Path, targets: Targets) -> None:
    root = faulty.fer2013(tmp_path / "faulty")
    before = state(root)
    fix(check(DataSpec(root)), tmp_path / "clean")
    assert state(root) == before
    every, kept = (datasets.read(DataSpec(place, "all", targets=targets)) for place in (root, tmp_path / "clean"))
    gone = {f"{row:05d}" for row in faulty.GONE}
    same(kept, every[np.array([name not in gone for name in every.ids.tolist()])])
    assert not kept.problems
    (leak,) = check(DataSpec(tmp_path / "clean")).issues["leaks"]
    assert (leak.where, leak.facts["exact"], leak.count) == ("validation", 0, 0)


def test_a_broken_row_stays_where_it_was(tmp_path: Path) -> None:
    root = faulty.fer2013(tmp_path / "faulty")
    path = root / "fer2013.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines[:3], "9,1 2 3,Training\n", *lines[3:]]))
    (root / "fer2013new.csv").unlink()
    every = datasets.read(DataSpec(root, "all"))
    rows = fix(check(DataSpec(root)), tmp_path / "clean")
    kept = datasets.read(DataSpec(tmp_path / "clean", "all"))
    same(kept, every[~np.isin(every.ids, [row.id for row in rows])])
    assert len(kept.problems) == 1


def test_folders(tmp_path: Path) -> None:
    samples, root = faulty.samples(), tmp_path / "faces"
    for word, split in (("Training", "train"), ("PublicTest", "val")):
        chosen = np.array([usage == word for usage in faulty.USAGE])
        drawn.write_folders(root / "images", samples[chosen], split)
    (root / "images" / "train" / "happy" / "broken.png").write_bytes(b"")
    before = state(root)
    rows = fix(check(DataSpec(root)), tmp_path / "clean")
    assert state(root) == before
    assert len(rows) == len(faulty.GONE)
    every, kept = datasets.read(DataSpec(root, "all")), datasets.read(DataSpec(tmp_path / "clean", "all"))
    assert set(kept.ids.tolist()) == set(every.ids.tolist()) - {row.id for row in rows}
    same(kept, every[np.isin(every.ids, kept.ids)])
    assert len(kept.problems) == 1  # what cannot be read is not ours to remove


def test_facial_expressions(tmp_path: Path) -> None:
    faces = drawn.unlike(24, FACIAL_EXPRESSIONS)
    root = drawn.write_facial_expressions(tmp_path / "photos", faces, each=4)
    names = sorted(path.name for path in (root / "images").iterdir())
    (root / "images" / "Twin_0001.jpg").write_bytes((root / "images" / names[3]).read_bytes())
    (root / "images" / "Other_0001.jpg").write_bytes((root / "images" / names[9]).read_bytes())
    labels = dict(line.split(",")[1:] for line in (root / "data" / "legend.csv").read_text().splitlines())
    with (root / "data" / "legend.csv").open("a") as file:
        file.write(f"x,Twin_0001.jpg,{labels[names[3]]}\n")
        file.write(f"x,Other_0001.jpg,{'sad' if labels[names[9]].lower() != 'sad' else 'fear'}\n")
    before = state(root)
    rows = fix(check(DataSpec(root)), tmp_path / "clean")
    assert state(root) == before
    assert {row.id for row in rows} == {"Twin_0001.jpg", "Other_0001.jpg", names[9]}
    every, kept = (datasets.read(DataSpec(place, "all"), shares=(0.0, 0.0)) for place in (root, tmp_path / "clean"))
    same(kept, every[~np.isin(every.ids, [row.id for row in rows])])
    assert not kept.problems
    assert kept.dropped == {}


@pytest.mark.parametrize("bundle", [False, True])
def test_arrays(tmp_path: Path, bundle: bool) -> None:
    samples = drawn.unlike(40, THREE)
    train = samples[np.r_[0:30, 4, 12, 35]]
    labels = train.labels.copy()
    labels[30] = (labels[30] + 1) % 3
    root = tmp_path / "arrays"
    drawn.write_arrays(root, Samples(train.images, labels, train.ids, train.classes), samples[30:])
    if bundle:
        arrays = {path.stem: np.load(path) for path in root.iterdir()}
        for path in root.iterdir():
            path.unlink()
        np.savez(root / "faces.npz", **arrays)
    before = state(root)
    rows = fix(check(DataSpec(root)), tmp_path / "clean")
    assert state(root) == before
    assert [row.id for row in rows] == [f"x_train:{row:05d}" for row in (4, 30, 31, 32)]  # 31 is a copy of 12
    every, kept = (datasets.read(DataSpec(place, "all"), shares=(0.0, 0.0)) for place in (root, tmp_path / "clean"))
    same(kept, every[~np.isin(every.ids, [row.id for row in rows])])
    assert np.load(tmp_path / "clean" / "x_train.npy").shape == (29, 48 * 48)


def test_manifest(tmp_path: Path) -> None:
    root = faulty.fer2013(tmp_path / "faulty")
    found = check(DataSpec(root))
    fix(found, tmp_path / "clean", also=("blank",))
    manifest = json.loads((tmp_path / "clean" / "manifest.json").read_text())
    assert manifest["source"]["fingerprint"] == datasets.read(DataSpec(root, "all")).fingerprint
    assert manifest["left_out"] == {
        "conflicting labels": 2,
        "copy in train": 2,
        "copy in validation": 1,
        "blank": 1,
    }
    assert manifest["kept"] == 41
    assert manifest["options"]["also"] == ["blank"]
    assert manifest["rows"][0] == {"id": "00005", "split": "train", "reason": "conflicting labels", "other_id": "00040"}
    assert set(manifest["versions"]) == {"mien", "python", "numpy", "opencv"}


def test_an_empty_folder_may_be_used_and_nothing_else(tmp_path: Path) -> None:
    root = faulty.fer2013(tmp_path / "faulty")
    found = check(DataSpec(root))
    (tmp_path / "clean").mkdir()
    fix(found, tmp_path / "clean")
    for out, message in (
        (tmp_path / "clean", "exists already"),
        (root / "inside", "never changed"),
        (root / "list.csv", "never changed"),
        (root, "never changed"),
    ):
        with pytest.raises(InputError, match=message):
            fix(found, out)
    (tmp_path / "list.csv").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        fix(found, tmp_path / "list.csv")
    assert (tmp_path / "list.csv").read_text() == "mine"


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = drawn.write_folders(tmp_path / "faces", faulty.samples())
    found = check(DataSpec(root))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copy2", full)
    with pytest.raises(InputError, match="No space left on device"):
        fix(found, tmp_path / "clean")
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]
