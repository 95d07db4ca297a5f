"""Lists of paths on stdin as find, editors and spreadsheets write them."""

import io
from pathlib import Path

import pytest

from mien.core.errors import InputError
from mien.outputs.inputs import SUFFIXES
from mien.outputs.path_list import is_list, read_stdin


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three files in the current folder."""
    monkeypatch.chdir(tmp_path)
    names = ["a b.jpg", "é.jpg", "한국.png"]
    for name in names:
        Path(name).touch()
    return names


def read(monkeypatch: pytest.MonkeyPatch, content: bytes) -> list[str]:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    return [str(path) for path in read_stdin()]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_all_spellings_of_a_list_are_read(
    monkeypatch: pytest.MonkeyPatch, names: list[str], encoding: str, end: str, quote: str
) -> None:
    text = "".join(f" {quote}{name}{quote} {end}" for name in names) + end
    assert read(monkeypatch, text.encode(encoding)) == names


def test_find_print0(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, b"a\nb.jpg\0 c.jpg\0'd'\0") == ["a\nb.jpg", " c.jpg", "'d'"]


def test_a_line_that_is_the_name_of_a_file_stays_as_it_is(monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
    for name in ("'q.jpg'", "#1.jpg", " s.jpg"):
        Path(name).touch()
        assert read(monkeypatch, f"{name}\n".encode()) == [name]


def test_comments_are_passed_over_and_counted(
    monkeypatch: pytest.MonkeyPatch, names: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert read(monkeypatch, b"# mine\na b.jpg\n# more\n") == ["a b.jpg"]
    assert capsys.readouterr().err == "stdin: 2 lines after # passed over: # mine\n"


def test_names_that_are_not_utf8_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, b"caf\xe9.jpg\n") == ["caf\udce9.jpg"]


@pytest.mark.parametrize("content", [b"", b"\n \r\n", b"\xef\xbb\xbf", b"\0"])
def test_an_empty_list_is_refused(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    with pytest.raises(InputError, match="stdin: an empty list"):
        read(monkeypatch, content)


@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"])
def test_a_photo_on_stdin_is_no_list(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    with pytest.raises(InputError, match="stdin: no text; expected paths"):
        read(monkeypatch, content)


def test_a_closed_stdin_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(InputError, match="stdin: closed"):
        read_stdin()


def test_a_list_is_told_from_a_photo(tmp_path: Path, names: list[str]) -> None:
    for content, expected in [(b"a b.jpg\n", True), (b"gone.png\r\n", True), (b"hello\n", False), (b"\xff\xd8", False)]:
        (tmp_path / "file").write_bytes(content)
        assert is_list(tmp_path / "file", SUFFIXES) == expected
    assert not is_list(tmp_path, SUFFIXES)


def test_files_with_the_suffix_of_a_photo_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list on stdin has thousands of them."""
    (tmp_path / "a.JPG").touch()
    monkeypatch.setattr(Path, "open", None)
    assert not is_list(tmp_path / "a.JPG", SUFFIXES)
