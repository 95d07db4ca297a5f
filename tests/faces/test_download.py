"""Weights that are downloaded: from the second address where the first fails, whole or not at all, once."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import pytest

from mien.cli import main
from mien.core.errors import InputError
from mien.faces import download as downloading
from mien.faces.download import WEIGHTS, download_weights, downloaded, weights_folder
from tests.datasets.test_download import Server, server

__all__ = ["server"]

BODY = bytes(range(256)) * 900  # as large as YuNet


@pytest.fixture(autouse=True)
def _here(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Serve YuNet from this machine, at the second of two addresses."""
    server.body, server.path = BODY, "/second/yunet.onnx"
    host = f"https://127.0.0.1:{server.server_address[1]}"
    mine = replace(
        WEIGHTS["yunet"],
        sha256=hashlib.sha256(BODY).hexdigest(),
        urls=(f"{host}/first/yunet.onnx", f"{host}/second/yunet.onnx"),
    )
    monkeypatch.setitem(downloading.WEIGHTS, "yunet", mine)
    monkeypatch.setenv("MIEN_MODELS", str(tmp_path / "models"))


def test_downloads_once_and_prints_the_path(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert downloaded("yunet") is None
    for _ in range(2):
        with pytest.raises(SystemExit) as ended:
            main(["models", "download", "yunet"])
        assert ended.value.code == 0
        path = Path(capsys.readouterr().out.strip())
        assert path == tmp_path / "models" / WEIGHTS["yunet"].file == downloaded("yunet")
        assert path.read_bytes() == BODY
    assert len(server.ranges) == 2  # both addresses the first time, none the second
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_cut_download_goes_on(server: Server) -> None:
    server.cuts = [100_000, 50_000]
    assert download_weights("yunet").read_bytes() == BODY
    assert server.ranges == [None, None, "bytes=100000-", "bytes=150000-"]


def test_a_damaged_file_is_downloaded_anew() -> None:
    download_weights("yunet").write_bytes(b"damaged")
    assert download_weights("yunet").read_bytes() == BODY


def test_content_with_another_checksum_is_deleted(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.body = b"version https://git-lfs.github.com/spec/v1\n"
    with pytest.raises(SystemExit) as ended:
        main(["models", "download", "yunet"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    assert re.search("answered 404.*expected [0-9a-f]{64}; thrown away", said)
    assert list(weights_folder().iterdir()) == []


def test_unwritable_weights_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(InputError, match=r"cannot be written \(.*MIEN_MODELS names another folder"):
        download_weights("yunet")
    with pytest.raises(InputError, match="no weights 'yolo' to download; expected yunet"):
        download_weights("yolo")


def test_weights_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert weights_folder() == tmp_path / "models"
    monkeypatch.delenv("MIEN_MODELS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    assert weights_folder() == tmp_path / "xdg" / "mien"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert weights_folder() == Path.home() / ".local" / "share" / "mien"


def test_the_pinned_checksum_is_that_of_the_real_file(yunet_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    known = WEIGHTS["yunet"]
    assert yunet_file.name == known.file
    assert hashlib.sha256(yunet_file.read_bytes()).hexdigest() == known.sha256
    assert all(url.startswith("https://") and url.endswith(known.file) for url in known.urls)
