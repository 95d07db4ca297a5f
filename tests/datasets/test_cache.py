import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from mien import datasets
from mien.core.errors import InputError
from mien.core.images import CropSpec
from mien.datasets import DataSpec, ImageSpec, Samples, cache
from mien.datasets.readers import fer2013
from mien.faces import LargestFace
from mien.faces.detectors import Detections, detectors
from mien.faces.detectors.full_image import FullImage
from tests import drawn


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return drawn.write_fer2013(tmp_path / "fer2013.csv", drawn.faces(21), ["Training"] * 21)


def entries(place: Path) -> list[Path]:
    return sorted(place.iterdir())


def check(samples: Samples, n: int = 21) -> None:
    assert np.array_equal(samples.images, drawn.faces(21).images[:n])


def test_second_reading_is_memory_mapped_from_one_entry(
    place: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(datasets.read(DataSpec(source, "train")))
    (entry,) = entries(place)
    monkeypatch.setattr(fer2013.READER, "load", None)  # it cannot be read from the source any more
    found = datasets.read(DataSpec(source, "train"))
    check(found)
    assert isinstance(found.images, np.memmap)
    assert not found.images.flags.writeable
    assert entry.name.startswith("fer2013-")


def test_another_state_replaces_the_entry_and_another_form_gets_its_own(place: Path, source: Path) -> None:
    datasets.read(DataSpec(source, "train"))
    datasets.read(DataSpec(source, "train"), ImageSpec(size=24))
    assert len(entries(place)) == 2
    drawn.write_fer2013(source, drawn.faces(14), ["Training"] * 14)
    check(datasets.read(DataSpec(source, "train")), 14)
    assert len(entries(place)) == 2
    stamp = source.stat()
    os.utime(source, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1))
    before = {entry.name for entry in entries(place)}
    datasets.read(DataSpec(source, "train"))
    assert {entry.name for entry in entries(place)} != before


def test_faces_and_whole_images_lie_apart_and_so_do_faces_found_otherwise(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corner = np.array([[0, 0, 20, 20]], np.float32)
    monkeypatch.setitem(
        detectors(), "corner", lambda: lambda image: Detections(corner if image.mean() > 140 else corner[:0])
    )
    monkeypatch.setitem(detectors(), "whole", FullImage)
    root = drawn.write_folders(tmp_path / "faces", drawn.faces(21))
    finders = [None, *(LargestFace(name, CropSpec(margin)) for name in ("corner", "whole") for margin in (0.0, 0.5))]
    first = [datasets.read(DataSpec(root, "all"), ImageSpec(face=face)) for face in finders]
    assert len(entries(place)) == 5
    assert len({samples.fingerprint for samples in first}) == 4  # all of an image, without a margin, is the image
    found = first[1].found
    assert found is not None
    assert 0 < found.sum() < 21
    monkeypatch.setattr("mien.datasets.readers.folder.read_files", None)  # they cannot be read from the images any more
    for face, before in zip(finders, first, strict=True):
        again = datasets.read(
            DataSpec(root, "all"), ImageSpec(face=LargestFace(face.detector, face.crop) if face else None)
        )
        assert again.fingerprint == before.fingerprint
        assert isinstance(again.images, np.memmap)
        assert np.array_equal(again.found, before.found)
        assert np.array_equal(again.sides, before.sides)  # type: ignore[arg-type]


def test_a_changed_image_in_a_folder_is_seen(place: Path, tmp_path: Path) -> None:
    root = drawn.write_folders(tmp_path / "faces", drawn.faces(14))
    before = datasets.read(DataSpec(root, "all"))
    (root / "happy" / "00003.png").write_bytes((root / "happy" / "00010.png").read_bytes())
    after = datasets.read(DataSpec(root, "all"))
    assert before.fingerprint != after.fingerprint
    (root / "happy" / "00003.png").unlink()
    assert len(datasets.read(DataSpec(root, "all"))) == 13
    assert len(entries(place)) == 1


@pytest.mark.parametrize("name", ["images.npy", "columns.npz", "facts.json"])
@pytest.mark.parametrize("damage", ["cut", "junk", "gone", "empty", "bracket"])
def test_a_damaged_entry_is_made_anew(place: Path, source: Path, name: str, damage: str) -> None:
    datasets.read(DataSpec(source, "train"))
    path = entries(place)[0] / name
    data = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        bracket = data.replace(b")", b"(", 1)  # numpy reads headers as Python
        damaged = {"cut": data[: len(data) // 2], "junk": b"\x93" * len(data), "empty": b"", "bracket": bracket}
        path.write_bytes(damaged[damage] if damaged[damage] != data else b"(")
    check(datasets.read(DataSpec(source, "train")))
    assert path.read_bytes() == data
    assert len(entries(place)) == 1


def test_problems_are_kept_and_strict_meets_them(place: Path, source: Path) -> None:
    source.write_text(source.read_text() + "9,1 2,Training\n")
    problems = datasets.read(DataSpec(source, "train")).problems
    assert datasets.read(DataSpec(source, "train")).problems == problems
    with pytest.raises(InputError, match=r"fer2013\.csv:23"):
        datasets.read(DataSpec(source, "train"), strict=True)


def test_a_cache_that_cannot_be_written_is_left_out(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "file"))
    check(datasets.read(DataSpec(source, "train")))


def test_a_full_disk_leaves_nothing_behind(place: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.savez", full)
    check(datasets.read(DataSpec(source, "train")))
    assert entries(place) == []


def test_concurrent_readers_agree(place: Path, source: Path) -> None:
    found: list[Samples] = []
    threads = [
        threading.Thread(target=lambda: found.append(datasets.read(DataSpec(source, "train")))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({samples.fingerprint for samples in found}) == 1
    assert len(found) == 8
    assert len(entries(place)) == 1


def test_what_a_crashed_writer_left_is_removed_after_a_day(place: Path, source: Path) -> None:
    datasets.read(DataSpec(source, "train"))
    name = entries(place)[0].name
    old, young = place / f"{name}.half-old", place / f"{name}.half-young"
    old.mkdir()
    young.mkdir()
    os.utime(old, (0, time.time() - cache.STALE - 60))
    drawn.write_fer2013(source, drawn.faces(14), ["Training"] * 14)
    datasets.read(DataSpec(source, "train"))
    assert not old.exists()
    assert young.exists()


def test_cache_can_be_left_out(place: Path, source: Path) -> None:
    check(datasets.read(DataSpec(source, "train"), cache=False))
    assert not place.exists()


def test_where_entries_lie(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_CACHE", "somewhere")
    assert cache.folder() == Path("somewhere")
    monkeypatch.delenv("MIEN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "else")
    assert cache.folder() == Path("else/mien")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.folder() == Path("~/.cache/mien").expanduser()


def test_a_problem_in_a_file_whose_name_is_not_utf_8_is_kept(tmp_path: Path, place: Path) -> None:
    root = drawn.write_folders(tmp_path / "faces", drawn.faces(14))
    (root / "happy" / "caf\udce9.png").write_bytes(b"")
    first, again = (datasets.read(DataSpec(root, "all")).problems for _ in range(2))
    assert [problem.where for problem in first] == ["happy/caf\\udce9.png"]
    assert again == first
    assert len(entries(place)) == 1
