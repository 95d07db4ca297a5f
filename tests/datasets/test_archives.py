import io
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mien.core.errors import InputError
from mien.datasets import DataSpec, archives, cache, detect, read
from tests.datasets import layouts


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path_factory.mktemp("cache")))


def pack(source: Path, archive: Path, top: str = "") -> Path:
    files = [path for path in sorted(source.rglob("*")) if path.is_file()]
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as bundle:
            for path in files:
                bundle.write(path, Path(top, path.relative_to(source)))
    else:
        mode: Any = f"w:{archive.suffix[1:].replace('tgz', 'gz').replace('tar', '')}"
        with tarfile.open(archive, mode) as tar:
            for path in files:
                tar.add(path, Path(top, path.relative_to(source)))
    return archive


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz"])
@pytest.mark.parametrize("top", ["", "RAF-DB/basic"])
def test_an_archive_is_read_as_its_content(tmp_path: Path, suffix: str, top: str) -> None:
    root = layouts.write_rafdb(tmp_path / "raf")
    archive = pack(root, tmp_path / f"raf-db{suffix}", top)
    assert detect(archive) == "rafdb"
    given, packed = (read(DataSpec(path, "all")) for path in (root, archive))
    assert packed.ids.tolist() == given.ids.tolist()
    assert packed.fingerprint == given.fingerprint


@pytest.mark.parametrize("write", [layouts.write_list, layouts.write_affectnet, layouts.write_ckplus])
def test_every_layout_in_a_zip_also_within_a_folder(tmp_path: Path, write: layouts.Writer) -> None:
    (tmp_path / "downloads").mkdir()
    archive = pack(write(tmp_path / "given"), tmp_path / "downloads" / "archive.zip", "top")
    assert len(read(DataSpec(archive, "all"))) == len(read(DataSpec(tmp_path / "downloads", "all"))) > 0


def test_it_is_unpacked_once_and_anew_when_it_has_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = pack(layouts.write_list(tmp_path / "a"), tmp_path / "a.zip")
    assert len(read(DataSpec(archive, "all"))) == 42
    assert "a.zip: 43 files, " in capsys.readouterr().err
    (first,) = cache.folder().glob("archive-*")
    read(DataSpec(archive, "train"))
    assert capsys.readouterr().err == ""
    pack(layouts.write_list(tmp_path / "b", 21), archive)
    assert len(read(DataSpec(archive, "all"))) == 21
    (second,) = cache.folder().glob("archive-*")
    assert first != second


def test_an_archive_in_an_archive_but_no_further(tmp_path: Path) -> None:
    archive = pack(layouts.write_list(tmp_path / "a"), tmp_path / "1.tar.gz")
    for number in (2, 3):
        folder = tmp_path / f"in{number}"
        folder.mkdir()
        archive = pack(archive.rename(folder / archive.name).parent, tmp_path / f"{number}.zip")
        if number == 2:
            assert len(read(DataSpec(archive, "all"))) == 42
    with pytest.raises(InputError, match="no dataset recognised"):
        read(DataSpec(archive, "all"))


def zip_of(path: Path, *infos: zipfile.ZipInfo | str, data: bytes = b"x") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for info in infos:
            bundle.writestr(info, data)
    return path


def link(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def damage(path: Path, old: bytes, new: bytes) -> Path:
    path.write_bytes(path.read_bytes().replace(old, new))
    return path


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def tar_of(path: Path, name: str, *, kind: bytes = tarfile.REGTYPE, size: int = 1) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.size, member.linkname = kind, size, "/etc/passwd"
        tar.addfile(member, io.BytesIO(bytes(size)))
    return path


HOSTILE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "parent": (lambda d: zip_of(d / "a.zip", "../evil.txt"), "leads out of the folder"),
    "deep parent": (lambda d: zip_of(d / "a.zip", "happy/../../evil.txt"), "leads out of the folder"),
    "absolute": (lambda d: zip_of(d / "a.zip", "/tmp/evil.txt"), "leads out of the folder"),
    "drive": (lambda d: zip_of(d / "a.zip", "C:\\evil.txt"), "leads out of the folder"),
    "backslashes": (lambda d: zip_of(d / "a.zip", "..\\evil.txt"), "leads out of the folder"),
    "link": (lambda d: zip_of(d / "a.zip", link("happy/a.jpg")), "is a link"),
    "bomb": (lambda d: zip_of(d / "a.zip", "happy/a.csv", data=bytes(archives.ALLOWED * 2)), "100 times its size"),
    "twice": (lambda d: zip_of(d / "a.zip", "happy/a.jpg", "happy/a.jpg"), "is in it twice"),
    "password": (
        lambda d: damage(zip_of(d / "a.zip", "a.jpg"), b"PK\1\2\x14\x03\x14\0\0\0", b"PK\1\2\x14\x03\x14\0\1\0"),
        "protected by a password; unpack it first",
    ),
    "compression": (
        lambda d: damage(zip_of(d / "a.zip", "a.jpg"), b"\x14\0\0\0\x08\0", b"\x14\0\0\0\x09\0"),
        r"its compression \(deflate64\) is not read; unpack it first",
    ),
    "checksum": (
        lambda d: damage(zip_of(d / "a.zip", "a.jpg"), zlib.crc32(b"x").to_bytes(4, "little"), b"0000"),
        "cut or damaged",
    ),
    "no zip": (lambda d: written(d / "a.zip", b"PK\3\4 no"), "cut or damaged"),
    "tar parent": (lambda d: tar_of(d / "a.tar.gz", "../evil.txt"), "leads out of the folder"),
    "tar absolute": (lambda d: tar_of(d / "a.tar.gz", "/tmp/evil.txt"), "leads out of the folder"),
    "tar link": (lambda d: tar_of(d / "a.tar.gz", "a", kind=tarfile.SYMTYPE, size=0), "is a link"),
    "tar hard link": (lambda d: tar_of(d / "a.tar.gz", "a", kind=tarfile.LNKTYPE, size=0), "is a link"),
    "tar device": (lambda d: tar_of(d / "a.tar.gz", "a", kind=tarfile.CHRTYPE, size=0), "is a link or a device"),
    "tar bomb": (lambda d: tar_of(d / "a.tar.gz", "a", size=archives.ALLOWED * 2), "100 times its size"),
    "tar bomb in a header": (
        lambda d: tar_of(d / "a.tar.gz", "a", kind=tarfile.XHDTYPE, size=archives.ALLOWED * 2),
        "100 times its size",
    ),
    "tar cut": (
        lambda d: written(d / "a.tar.gz", tar_of(d / "a.tar.gz", "a", size=9999).read_bytes()[:40]),
        "cut or",
    ),
    "no tar": (lambda d: written(d / "a.tar", b"no" * 999), "cut or damaged"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_hostile_and_broken_archives_are_refused_in_a_line_and_leave_nothing(tmp_path: Path, name: str) -> None:
    make, message = HOSTILE[name]
    archive = make(tmp_path)
    with pytest.raises(InputError, match=message) as error:
        read(DataSpec(archive, "all"))
    assert "\n" not in str(error.value)
    assert str(archive) in str(error.value)
    assert list(tmp_path.iterdir()) == [archive]
    assert not [path for path in cache.folder().rglob("*") if path.is_file()]


def test_where_the_cache_cannot_be_written_it_is_unpacked_for_the_command_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = pack(layouts.write_list(tmp_path / "a"), tmp_path / "a.zip")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "file"))
    assert len(read(DataSpec(archive, "all"))) == len(read(DataSpec(archive, "all"))) == 42
    assert "unpacked for this command alone: " in capsys.readouterr().err
    monkeypatch.setattr(archives, "_temporary", {})
    monkeypatch.setattr(archives, "TemporaryDirectory", lambda **_: (tmp_path / "file" / "no").mkdir())
    with pytest.raises(InputError, match="unpack it yourself, or set MIEN_CACHE"):
        read(DataSpec(archive, "all"))
