"""Files are written whole or not at all; where they can be written is asked before the work is done."""

import os
import sys
from pathlib import Path

import pytest

from mien.core import files
from mien.core.errors import InputError
from mien.core.files import (
    TEMPORARY,
    check_folder,
    lock,
    only_one,
    open_known,
    replacing,
    replacing_folder,
    write_text,
)


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_written_whole(tmp_path: Path, durable: bool) -> None:
    for content in (b"one", b"two"):
        with replacing(tmp_path / "a", durable=durable) as part:
            part.write_bytes(content)
    assert (tmp_path / "a").read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_durable_file_is_flushed_before_it_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[tuple[bool, bytes]] = []

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        flushed.append((bool(TEMPORARY.fullmatch(path.name)), path.read_bytes()))

    monkeypatch.setattr(os, "fsync", fsync)
    with replacing(tmp_path / "a", durable=True) as part:
        part.write_bytes(b"one")
    assert flushed == [(True, b"one")]


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


def test_what_is_at_an_address_is_not_made_a_folder_called_like_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for call in (check_folder, lambda path: write_text(path / "t.csv", "")):
        with pytest.raises(
            InputError, match=r"s3://bucket/out.*: an address; mien writes to folders that this machine sees"
        ):
            call(Path("s3://bucket/out"))
    assert not [*tmp_path.iterdir()]


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


def test_what_is_planted_in_a_folder_is_not_written_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    folder = tmp_path / "shared"
    folder.mkdir()
    monkeypatch.setattr(files, "_temporary", lambda *_: ".foreseen.part")
    for name in (".a.part", "a", ".foreseen.part"):
        for plant in (os.symlink, os.link):
            plant(precious, folder / name)
            if name == ".foreseen.part":
                with pytest.raises(InputError, match="File exists"):
                    write_text(folder / "a", "other")
            else:
                write_text(folder / "a", "other")
                assert (folder / "a").read_text() == "other"
            assert precious.read_text() == "mine"
            for path in folder.iterdir():
                path.unlink()


def test_a_file_has_the_rights_that_the_umask_leaves_and_a_name_may_be_long(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 127)
    old = os.umask(0o027)
    try:
        write_text(path, "a")
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o640
    with replacing_folder(tmp_path / ("b" * 255)):
        pass
    assert sorted(len(os.fsencode(path.name)) for path in tmp_path.iterdir()) == [254, 255]


@pytest.mark.skipif(sys.platform == "win32", reason="no locks here")
def test_what_a_kill_left_is_removed_and_what_is_in_work_stays(tmp_path: Path) -> None:
    left, fresh, other = (tmp_path / name for name in (".a.0123456789ab.part", ".a.ba9876543210.part", ".a.part"))
    with replacing(tmp_path / "b") as working:
        for path in (left, fresh, other):
            path.write_text("half")
        for path in (left, working, other):
            os.utime(path, (1, 1))
        files._remove_stale.cache_clear()
        write_text(tmp_path / "c", "whole")
        assert sorted(tmp_path.iterdir()) == sorted([fresh, working, other, tmp_path / "c"])


def test_a_known_name_is_opened_where_it_is_a_file_of_our_own(tmp_path: Path) -> None:
    path, precious = tmp_path / ".a.written", tmp_path / "precious"
    with open_known(path) as file:
        file.write(b"12")
        assert lock(file)
        with open_known(path) as again:
            assert lock(again) == (sys.platform == "win32")
    with open_known(path) as file:
        assert file.read() == b"12"
    path.unlink()
    precious.write_text("mine")
    for plant in (os.symlink, os.link):
        plant(precious, path)
        with pytest.raises(OSError, match=r"\.a\.written is .*link.*remove it"):
            open_known(path)
        path.unlink()
    os.mkfifo(path)
    with pytest.raises(OSError, match="is no file"):
        open_known(path)
    assert precious.read_text() == "mine"


def test_a_folder_is_held_once(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(InputError, match="another mien is working in it"), only_one(tmp_path):
        pass
    with only_one(tmp_path):
        pass
