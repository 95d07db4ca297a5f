"""Paths as users write them, and paths and commands in published files."""

import shlex
from pathlib import Path

import pytest

from mien.core.errors import InputError
from mien.core.paths import bare_command, file_name, last_part, local_path, user_folder


def test_commands_keep_the_last_part_of_paths() -> None:
    command = "mien benchmark fer2013 --data /tmp/data/fer2013 --model runs/a runs/b/ default --out x"
    assert bare_command(command) == "mien benchmark fer2013 --data fer2013 --model a b default --out x"
    named = shlex.join(["mien", "benchmark", "--data", "/home/Jo Doe/my data", "--out=/home/Jo Doe/out"])
    assert bare_command(named) == "mien benchmark --data 'my data' --out=out"
    assert bare_command("it's /home/jo/x") == shlex.join(["it's", "x"])
    command = "mien train mien --data '/home/a b/fer/' --out=/x/y --lr 0.1 /"
    assert bare_command(command) == "mien train mien --data fer --out=y --lr 0.1 ."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a/b/fer2013/", "fer2013"),
        ("C:\\data\\faces", "faces"),
        ("the first run: mien train --data /x/fer2013, n 3", "the first run: mien train --data fer2013, n 3"),
    ],
)
def test_texts_keep_the_last_part_of_paths(text: str, expected: str) -> None:
    assert last_part(text) == expected


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("a.jpg", "a.jpg"),
        ("file:///a/my%20face.jpg", "/a/my face.jpg"),
        ("file:/a/b.jpg", "/a/b.jpg"),
        ("file://localhost/a/b.jpg", "/a/b.jpg"),
        ("FILE:///caf%E9.jpg", "/caf\udce9.jpg"),
        ("~/a.jpg", "/home/me/a.jpg"),
        ("C:/a.jpg", "C:/a.jpg"),
    ],
)
@pytest.mark.parametrize("kind", [str, Path])
def test_addresses_of_files_are_their_paths(
    given: str, meant: str, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert local_path(kind(given)) == Path(meant)


@pytest.mark.parametrize("scheme", ["http", "https", "ftp", "s3", "gs", "rtsp", "HTTPS"])
@pytest.mark.parametrize("kind", [str, Path])
def test_other_addresses_are_refused_with_what_to_do(scheme: str, kind: type) -> None:
    with pytest.raises(InputError, match=rf"^{scheme}://host/a\.jpg: .*download it first"):
        local_path(kind(f"{scheme}://host/a.jpg"))


def test_what_exists_under_a_name_is_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("~a.jpg", "http:/b.jpg"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
        assert local_path(name) == Path(name)


def test_without_a_home_there_is_no_folder_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OWN", raising=False)
    monkeypatch.delenv("SHARED", raising=False)
    monkeypatch.setenv("HOME", "/home/me")
    assert user_folder("OWN", "SHARED", ".cache") == Path("/home/me/.cache/mien")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # no HOME, and no entry in passwd
    assert user_folder("OWN", "SHARED", ".cache") is None
    monkeypatch.setenv("SHARED", "/shared")
    assert user_folder("OWN", "SHARED", ".cache") == Path("/shared/mien")
    monkeypatch.setenv("OWN", "~/mine")
    assert user_folder("OWN", "SHARED", ".cache") == Path("~/mine")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("mien", "mien"),
        ("../../etc/passwd", "etc-passwd"),
        ("/etc/x", "etc-x"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("a\0b\nc\x1b[31m", "a-b-c-[31m"),
        ("C:\\x\\y", "C-x-y"),
        ("CON", "CON_"),
        ("nul.txt", "nul.txt_"),
        ("한국어 2", "한국어 2"),
        ("caf\udce9", "caf-udce9"),
        ("x" * 500, "x" * 120),
        ("한" * 500, "한" * 40),
        (".hidden. ", "hidden"),
    ],
)
def test_a_file_name_is_one_name(text: str, name: str, tmp_path: Path) -> None:
    assert file_name(text) == name
    (tmp_path / file_name(text)).mkdir()
