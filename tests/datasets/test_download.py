"""Downloads against a server of our own on 127.0.0.1: nothing here leaves the machine."""

import hashlib
import io
import json
import shutil
import stat
import sys
import types
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from mien.cli import main
from mien.core import download as transfer
from mien.core.errors import InputError, MissingExtra
from mien.datasets import download as downloads
from tests.https_server import serving

VOTES = "Usage,Image name,neutral\nTraining,fer0000000.png,4\n" * 3000


def archive(files: dict[str, bytes | str], *, links: tuple[str, ...] = (), stored: bool = False) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as bundle:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = bundle.compression
            if name in links:
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            bundle.writestr(info, content)
    return out.getvalue()


class Server(ThreadingHTTPServer):
    """Serves `body` at `path`; `cuts` says after how many bytes the next answers break off."""

    def __init__(self) -> None:
        self.body = archive({"FERPlus-8ad/fer2013new.csv": VOTES, "FERPlus-8ad/README.md": "no"}, stored=True)
        self.path = "/microsoft/FERPlus/archive/8ad5426c7b69e86e78afccb42c5f516850f52a28.zip"
        self.cuts: list[int] = []
        self.statuses: list[int] = []
        self.ranges: list[str | None] = []
        self.knows_ranges = True
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.ranges.append(wanted)
        body = self.server.body
        if self.server.statuses or self.path != self.server.path:
            self.send_response(self.server.statuses.pop(0) if self.server.statuses else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start = int(wanted.split("=")[1].rstrip("-")) if wanted and self.server.knows_ranges else 0
        if start >= len(body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(body)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        end = start + self.server.cuts.pop(0) if self.server.cuts else len(body)
        self.wfile.write(body[start:end])

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as server, serving(server, monkeypatch) as address:
        monkeypatch.setattr(downloads, "GITHUB", address)
        yield server


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_downloads_what_is_wanted_and_records_it(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["data", "download", "ferplus", "--out", str(tmp_path / "new")])
    assert ending.value.code == 0
    out, err = capsys.readouterr()
    assert out == f"{tmp_path / 'new'}\n"
    assert "no checksum is known here of 1 file (fer2013new.csv): trusted this time, recorded in" in err
    assert names(tmp_path / "new") == ["fer2013new.csv", "mien-download.json"]
    assert (tmp_path / "new" / "fer2013new.csv").read_text() == VOTES
    downloads.download_dataset("ferplus", tmp_path / "new")
    assert len(server.ranges) == 1  # what is there and as recorded is not downloaded again


def test_folders_of_an_archive(server: Server, tmp_path: Path) -> None:
    server.path = f"/muxspace/facial_expressions/archive/{downloads.SOURCES['facial_expressions'].commit}.zip"  # type: ignore[union-attr]
    files: dict[str, bytes | str] = {
        "top/": "",
        "top/images/": "",
        "top/images/a_1.jpg": b"a",
        "top/images/b_1.jpg": b"b",
        "top/data/legend.csv": "user.id,image,emotion\n",
        "top/x": "no",
    }
    server.body = archive(files)
    downloads.download_dataset("facial_expressions", tmp_path)
    assert names(tmp_path) == ["data/legend.csv", "images/a_1.jpg", "images/b_1.jpg", "mien-download.json"]


def test_a_cut_connection_goes_on_where_it_stopped(server: Server, tmp_path: Path) -> None:
    server.cuts = [1000, 50_000]
    downloads.download_dataset("ferplus", tmp_path)
    assert server.ranges == [None, "bytes=1000-", "bytes=51000-"]
    assert (tmp_path / "fer2013new.csv").read_text() == VOTES


def test_a_later_call_goes_on_where_an_earlier_one_gave_up(server: Server, tmp_path: Path) -> None:
    server.cuts = [1000, *[0] * transfer.TRIES]
    with pytest.raises(InputError, match="call again to go on where it stopped"):
        downloads.download_dataset("ferplus", tmp_path)
    downloads.download_dataset("ferplus", tmp_path)
    assert server.ranges[-1] == "bytes=1000-"
    assert names(tmp_path) == ["fer2013new.csv", "mien-download.json"]


def test_a_server_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    server.cuts, server.knows_ranges = [1000], False
    downloads.download_dataset("ferplus", tmp_path)
    assert (tmp_path / "fer2013new.csv").read_text() == VOTES


@pytest.mark.parametrize("extra", [0, 10])
def test_a_part_that_is_whole_or_too_long(server: Server, tmp_path: Path, extra: int) -> None:
    (tmp_path / "microsoft-FERPlus-8ad5426c7b69.zip.part").write_bytes(server.body + b"x" * extra)
    downloads.download_dataset("ferplus", tmp_path)
    assert len(server.ranges) == (2 if extra else 1)
    assert names(tmp_path) == ["fer2013new.csv", "mien-download.json"]


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path) -> None:
    server.statuses = [503, 429, 500]
    downloads.download_dataset("ferplus", tmp_path)
    server.statuses = [503] * 4
    with pytest.raises(InputError, match="not reachable \\(the server answered 503\\)"):
        downloads.download_dataset("ferplus", tmp_path / "other")


def test_not_found_is_said_at_once(server: Server, tmp_path: Path) -> None:
    server.path = "/elsewhere"
    with pytest.raises(
        InputError, match=r"8ad5426c7b69e86e78afccb42c5f516850f52a28\.zip: the server answered 404 Not Found"
    ):
        downloads.download_dataset("ferplus", tmp_path)
    assert len(server.ranges) == 1


def test_nobody_there(monkeypatch: pytest.MonkeyPatch, server: Server, tmp_path: Path) -> None:
    monkeypatch.setattr(downloads, "GITHUB", "https://127.0.0.1:9")
    with pytest.raises(InputError, match=r"not reachable \(.*refused"):
        downloads.download_dataset("ferplus", tmp_path)


def test_other_content_than_recorded_is_refused(server: Server, tmp_path: Path) -> None:
    downloads.download_dataset("ferplus", tmp_path)
    (tmp_path / "fer2013new.csv").write_text("spoilt")
    server.body = archive({"FERPlus-8ad/fer2013new.csv": "forged"})
    with pytest.raises(
        InputError, match=r"fer2013new\.csv: SHA-256 [0-9a-f]{64}, expected [0-9a-f]{64}; nothing was changed"
    ):
        downloads.download_dataset("ferplus", tmp_path)
    assert names(tmp_path) == ["fer2013new.csv", "mien-download.json"]
    assert (tmp_path / "fer2013new.csv").read_text() == "spoilt"
    server.body = archive({"FERPlus-8ad/fer2013new.csv": VOTES})  # other bytes of the archive, the same file in it
    downloads.download_dataset("ferplus", tmp_path)
    assert (tmp_path / "fer2013new.csv").read_text() == VOTES


def test_a_known_checksum_is_checked_the_first_time(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = downloads.Archive(
        "microsoft/FERPlus",
        "8ad5426c7b69e86e78afccb42c5f516850f52a28",
        ("fer2013new.csv",),
        "x",
        {"fer2013new.csv": "0" * 64},
    )
    monkeypatch.setitem(downloads.SOURCES, "ferplus", known)
    with pytest.raises(InputError, match=f"expected {'0' * 64}"):
        downloads.download_dataset("ferplus", tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("evil", ["../out.csv", "top/../../out.csv", "/etc/out.csv", "top\\..\\out.csv", "C:/out.csv"])
def test_a_path_that_leaves_the_folder_is_refused(server: Server, tmp_path: Path, evil: str) -> None:
    server.body = archive({"top/fer2013new.csv": VOTES, evil: "evil"})
    with pytest.raises(InputError, match=r"unsafe archive: the path .* leads out of the folder; nothing was unpacked"):
        downloads.download_dataset("ferplus", tmp_path / "inside" / "deep")
    assert not any(name.endswith("csv") for name in names(tmp_path))


def test_links_bombs_and_gaps_are_refused(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.body = archive({"top/fer2013new.csv": "/etc/passwd"}, links=("top/fer2013new.csv",))
    with pytest.raises(InputError, match=r"unsafe archive: fer2013new\.csv is a link"):
        downloads.download_dataset("ferplus", tmp_path / "a")
    server.body = archive({"top/other.csv": VOTES})
    with pytest.raises(InputError, match=r"no fer2013new\.csv in the archive"):
        downloads.download_dataset("ferplus", tmp_path / "b")
    server.body = archive({"top/fer2013new.csv": b"0" * 2_000_000})
    monkeypatch.setattr("mien.datasets.download.MOST", 1_000_000)
    monkeypatch.setattr(transfer, "MOST", 1_000_000)
    with pytest.raises(InputError, match="unsafe archive: it unpacks to"):
        downloads.download_dataset("ferplus", tmp_path / "c")
    server.body = b"0" * 2_000_000
    with pytest.raises(InputError, match="this is not the dataset"):
        downloads.download_dataset("ferplus", tmp_path / "d")


@pytest.mark.parametrize("damage", ["junk", "flipped"])
def test_a_damaged_archive_is_removed(server: Server, tmp_path: Path, damage: str) -> None:
    whole = bytearray(server.body)
    whole[5000] ^= 0xFF
    server.body = bytes(whole) if damage == "flipped" else b"<html>sign in</html>"
    with pytest.raises(InputError, match=r"damaged .* it was removed"):
        downloads.download_dataset("ferplus", tmp_path)
    assert names(tmp_path) == []


def test_a_full_disk_is_said_before_anything_is_written(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(InputError, match=r"0\.2 MB are needed, 0\.0 MB are free"):
        downloads.download_dataset("ferplus", tmp_path)
    assert names(tmp_path) == []


def test_a_damaged_record_is_said(server: Server, tmp_path: Path) -> None:
    (tmp_path / "mien-download.json").write_text(json.dumps([1]))
    with pytest.raises(InputError, match=r"mien-download\.json: .*delete it to record them anew"):
        downloads.download_dataset("ferplus", tmp_path)


def test_a_target_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file: File exists"):
        downloads.download_dataset("ferplus", tmp_path / "file")
    with pytest.raises(InputError, match="unknown dataset 'fer'; expected fer2013, folders, ferplus, facial"):
        downloads.download_dataset("fer", tmp_path)


def kaggle(monkeypatch: pytest.MonkeyPatch, download: Any) -> None:
    module = types.ModuleType("kagglehub")
    module.dataset_download = download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "kagglehub", module)


def test_kaggle_datasets_go_through_kagglehub_and_are_recorded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, asked = "pixels", 0

    def download(handle: str, *, output_dir: str) -> str:
        nonlocal asked
        asked += 1
        assert handle == "deadskull7/fer2013"
        assert not list(Path(output_dir).iterdir())  # kagglehub refuses another folder
        (Path(output_dir) / "fer2013.csv").write_text(content)
        (Path(output_dir) / ".complete").mkdir()
        (Path(output_dir) / ".complete" / "bundle.complete").touch()
        return output_dir

    kaggle(monkeypatch, download)
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "fer2013new.csv").write_text("votes")
    assert downloads.download_dataset("fer2013", folder) == folder
    assert names(folder) == ["fer2013.csv", "fer2013new.csv", "mien-download.json"]
    assert "no checksum is known here of 1 file (fer2013.csv): trusted this time, recorded" in capsys.readouterr().err
    downloads.download_dataset("fer2013", folder)
    assert (asked, capsys.readouterr().err) == (1, "")
    (folder / "fer2013.csv").write_text("spoilt")
    content = "forged"
    with pytest.raises(InputError, match=r"deadskull7/fer2013: fer2013\.csv: SHA-256 .*nothing was changed"):
        downloads.download_dataset("fer2013", folder)
    assert (folder / "fer2013.csv").read_text() == "spoilt"
    monkeypatch.setitem(
        downloads.SOURCES,
        "fer2013",
        downloads.Kaggle("deadskull7/fer2013", "x", {"fer2013.csv": hashlib.md5(b"forged").hexdigest()}),
    )
    downloads.download_dataset("fer2013", tmp_path / "known")
    assert "trusted" not in capsys.readouterr().err


def test_a_link_from_kaggle_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def download(handle: str, *, output_dir: str) -> str:
        (Path(output_dir) / "fer2013.csv").symlink_to("/etc/passwd")
        return output_dir

    kaggle(monkeypatch, download)
    with pytest.raises(InputError, match=r"fer2013\.csv is a link; nothing was changed"):
        downloads.download_dataset("fer2013", tmp_path)
    assert names(tmp_path) == []


def test_kaggle_failures_are_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def download(*_: object, **__: object) -> str:
        raise OSError("403 Client Error.\n\nYou don't have permission\n")

    kaggle(monkeypatch, download)
    with pytest.raises(InputError) as failure:
        downloads.download_dataset("folders", tmp_path)
    assert "\n" not in str(failure.value)
    assert "403 Client Error." in str(failure.value)
    assert "KAGGLE_USERNAME" in str(failure.value)
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(MissingExtra, match=r"pip install 'mien\[kaggle\]'"):
        downloads.download_dataset("fer2013", tmp_path)
