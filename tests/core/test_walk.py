import os
import socket
from pathlib import Path

import pytest

from mien.core.walk import DEEPEST, walk
from tests.locked import refuse_locked


def walked(root: Path) -> tuple[list[str], dict[str, str]]:
    reported: dict[str, str] = {}

    def report(path: Path, why: str) -> None:
        reported[path.relative_to(root).as_posix()] = why

    return [path.relative_to(root).as_posix() for path in walk(root, report)], reported


def test_lists_files_in_order_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/2.jpg", "a/1/3.jpg", ".hidden.jpg", ".git/x.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert walked(tmp_path) == (["a/1/3.jpg", "a/2.jpg", "b.jpg"], {})


def test_goes_on_past_broken_links_pipes_and_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    (tmp_path / "a.jpg").touch()
    (tmp_path / "gone.jpg").symlink_to("nowhere")
    (tmp_path / "circle").symlink_to("circle")
    os.mkfifo(tmp_path / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        files, reported = walked(tmp_path)
    assert files == ["a.jpg"]
    assert reported == {
        "gone.jpg": "a link to nothing",
        "circle": "cannot be read (Too many levels of symbolic links)",
        "pipe.jpg": "a named pipe",
        "socket": "a socket",
    }


def test_reads_a_linked_folder_once_and_under_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "1.jpg").touch()
    (tmp_path / "z" / "up").symlink_to(tmp_path)
    (tmp_path / "a").symlink_to("z")
    (tmp_path / "up").symlink_to(tmp_path.parent)
    outside = tmp_path.with_name("outside")
    outside.mkdir()
    (outside / "2.jpg").touch()
    for name in ("b", "c"):
        (tmp_path / name).symlink_to(outside)
    files, reported = walked(tmp_path)
    assert files == ["b/2.jpg", "z/1.jpg"]
    assert reported == dict.fromkeys(["a", "c", "z/up"], "a link to a folder that is read already") | {
        "up": "a link to a folder above it"
    }


def test_names_folders_that_cannot_be_read_or_never_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path
    for _ in range(DEEPEST + 1):
        deep /= "d"
    deep.mkdir(parents=True)
    (tmp_path / "locked").mkdir()
    (tmp_path / "a.jpg").touch()
    refuse_locked(monkeypatch)
    files, reported = walked(tmp_path)
    assert files == ["a.jpg"]
    assert reported.pop("locked") == "the folder cannot be read (Permission denied)"
    assert list(reported.values()) == [f"more than {DEEPEST} folders deep"]
