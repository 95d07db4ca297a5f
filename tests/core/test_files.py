"""Files are written whole or not at all; where they can be written is asked before the work is done."""

import os
from pathlib import Path

import pytest

from mien.core.errors import InputError
from mien.core.files import check_folder, replacing, replacing_folder


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_written_whole(tmp_path: Path, durable: bool) -> None:
    for content in (b"one", b"two"):
        with replacing(tmp_path / "a", durable=durable) as part:
            part.write_bytes(content)
    assert (tmp_path / "a").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_durable_file_is_flushed_before_it_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[tuple[str, bytes]] = []

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        flushed.append((path.name, path.read_bytes()))

    monkeypatch.setattr(os, "fsync", fsync)
    with replacing(tmp_path / "a", durable=True) as part:
        part.write_bytes(b"one")
    assert flushed == [(".a.part", b"one")]


@pytest.mark.parametrize("error", ["No space left on device", "Disk quota exceeded", "Read-only file system"])
def test_whatever_the_disk_says_is_passed_on_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, error)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(InputError, match=error) as caught, replacing(tmp_path / "a", durable=True) as part:
        part.write_bytes(b"one")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", [".", "/"])
def test_a_path_without_a_name_is_told(name: str) -> None:
    with pytest.raises(InputError, match="a folder; expected the name of a file"), replacing(Path(name)):
        pass


def test_a_folder_is_checked_before_it_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_folder(tmp_path / "not" / "yet")
    assert not (tmp_path / "not").exists()
    monkeypatch.chdir(tmp_path)
    check_folder(Path("yet"))
    (tmp_path / "file").write_text("")
    for folder in (Path("file"), Path("file") / "below"):
        with pytest.raises(InputError, match=rf"{folder}: cannot be written \(.*file is a file\)"):
            check_folder(folder)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_without_permission_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match="no permission"):
        check_folder(tmp_path / "below")


def test_a_folder_is_whole_or_absent(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "out") as part:
        (part / "a.txt").write_text("a")
    assert (tmp_path / "out" / "a.txt").read_text() == "a"
    with pytest.raises(OSError, match="out"), replacing_folder(tmp_path / "out"):  # it is not empty
        pass
    with pytest.raises(FileNotFoundError), replacing_folder(tmp_path / "other") as part:
        (part / "no" / "a.txt").write_text("a")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
