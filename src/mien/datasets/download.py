"""Datasets from where their authors publish them: GitHub archives over plain HTTP, Kaggle through kagglehub.

Archives are pinned to a commit. GitHub does not promise that an archive keeps its bytes, so what is checked is the
content: the checksum of the files against the one known here, or else against the one this machine recorded first,
which is said.
"""

import hashlib
import stat
import zipfile
import zlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from tempfile import TemporaryDirectory

from mien.core import records
from mien.core.console import first_few, quantity, track
from mien.core.download import MOST, PIECE, check_room, download, file_sha256
from mien.core.errors import InputError, needs_extra
from mien.core.files import os_errors
from mien.core.streams import say

GITHUB = "https://github.com"
MANIFEST = "mien-download.json"
RECORD = "the SHA-256 of the files downloaded here; delete it to record them anew"


@dataclass(frozen=True)
class Archive:
    """A GitHub repository at a commit, and what of it is wanted."""

    repository: str
    commit: str
    wanted: tuple[str, ...]
    """Files, or folders with a slash at the end."""
    folder: str
    """What the folder is called by default."""
    sha256: dict[str, str] = field(default_factory=dict)
    """The SHA-256 of known files."""

    @property
    def url(self) -> str:
        return f"{GITHUB}/{self.repository}/archive/{self.commit}.zip"


@dataclass(frozen=True)
class Kaggle:
    """A dataset of Kaggle, by its handle."""

    handle: str
    folder: str
    md5: dict[str, str] = field(default_factory=dict)
    """The MD5 of known files, where only that is published."""


SOURCES: dict[str, Archive | Kaggle] = {
    "fer2013": Kaggle(
        "deadskull7/fer2013", "fer2013", {"fer2013.csv": "f8428a1edbd21e88f42c73edd2a14f95"}
    ),  # torchvision's
    "folders": Kaggle("jonathanoheix/face-expression-recognition-dataset", "face-expression-recognition-dataset"),
    "ferplus": Archive("microsoft/FERPlus", "8ad5426c7b69e86e78afccb42c5f516850f52a28", ("fer2013new.csv",), "fer2013"),
    "facial_expressions": Archive(
        "muxspace/facial_expressions",
        "5bb08c2b32930d15df06dcb147ecadb8c3f7e556",
        ("images/", "data/legend.csv"),
        "facial_expressions",
    ),
}


@dataclass(frozen=True)
class DownloadManifest:
    """What was downloaded into a folder the first time."""

    archives: dict[str, dict[str, str]]
    """URL -> file -> SHA-256."""


def download_dataset(name: str, out: Path | None = None) -> Path:
    """Download the dataset `name` of `SOURCES` into the folder `out` and return the folder.

    A download that was cut continues where it stopped, at once or when called again. Files that are there already, as
    they were recorded, are not downloaded again.

    Raises:
        InputError: no such name, not reachable, damaged, not what was recorded, or no room.
        MissingExtra: Kaggle's client is not installed.
    """
    if name not in SOURCES:
        raise InputError(f"unknown dataset {name!r}; expected {', '.join(SOURCES)}")
    source = SOURCES[name]
    folder = Path(source.folder) if out is None else out
    with os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        return _kaggle(source, folder) if isinstance(source, Kaggle) else _archive(source, folder)


def _kaggle(source: Kaggle, folder: Path) -> Path:
    with needs_extra("kaggle", "downloading from Kaggle"):
        import kagglehub
    key = f"kaggle:{source.handle}"
    recorded = _recorded(folder, key)
    if _unchanged(folder, recorded):
        return folder
    with TemporaryDirectory(dir=folder, prefix=".unpacking-") as inside:  # kagglehub wants an empty folder
        try:
            at = Path(kagglehub.dataset_download(source.handle, output_dir=inside))
        except Exception as error:  # kagglehub and requests raise many kinds of their own
            reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
            raise InputError(
                f"Kaggle's {source.handle} could not be downloaded ({reason[:200]}); check the network and the account "
                "(KAGGLE_USERNAME and KAGGLE_KEY, or ~/.kaggle/kaggle.json), or download it by hand"
            ) from None
        if at.resolve() != Path(inside).resolve():  # on Kaggle's own machines the data are there already
            return at
        paths = [path for path in sorted(at.rglob("*")) if ".complete" not in path.relative_to(at).parts]
        if link := next((path for path in paths if path.is_symlink()), None):
            raise InputError(f"Kaggle's {source.handle}: {link.relative_to(at)} is a link; nothing was changed")
        files = [path for path in paths if path.is_file()]
        digests = {path.relative_to(at).as_posix(): file_sha256(path) for path in track(files, "checking", len(files))}
        known = [name for name, md5 in source.md5.items() if name in digests and _md5(at / name) == md5]
        _compare(digests, recorded, f"Kaggle's {source.handle}")
        _move(digests, at, folder)
    _record(folder, key, digests, known=known or list(recorded))
    return folder


def _archive(source: Archive, folder: Path) -> Path:
    recorded = _recorded(folder, source.url)
    if _unchanged(folder, recorded):
        return folder
    archive = download((source.url,), folder / f"{source.repository.replace('/', '-')}-{source.commit[:12]}.zip")
    known = source.sha256 | recorded
    found = unpack(archive, folder, source.wanted, expected=known)
    _record(folder, source.url, found, known=list(known))
    archive.unlink()
    return folder


def _manifest(folder: Path) -> DownloadManifest:
    path = folder / MANIFEST
    return records.read(path, DownloadManifest, what=RECORD) if path.is_file() else DownloadManifest({})


def _recorded(folder: Path, key: str) -> dict[str, str]:
    """Return the SHA-256 of the files that were downloaded into a folder before."""
    return _manifest(folder).archives.get(key, {})


def _unchanged(folder: Path, recorded: dict[str, str]) -> bool:
    files = {folder / name: sha256 for name, sha256 in recorded.items()}
    return bool(files) and all(path.is_file() and file_sha256(path) == sha256 for path, sha256 in files.items())


def _record(folder: Path, key: str, digests: dict[str, str], *, known: Collection[str]) -> None:
    """Write the SHA-256 of what came, and say of which files nobody knew it before."""
    records.write(folder / MANIFEST, DownloadManifest(_manifest(folder).archives | {key: digests}))
    if new := [name for name in digests if name not in known]:
        say(
            f"{folder}: no checksum is known here of {quantity(len(new), 'file')} ({first_few(new)}): trusted this "
            f"time, recorded in {MANIFEST}, compared from now on"
        )


def _compare(digests: dict[str, str], expected: dict[str, str], what: str) -> None:
    """Raise _ArchiveError where a file is not what was expected."""
    for name, digest in expected.items():
        if (found := digests.get(name, "of no file")) != digest:
            raise _ArchiveError(f"{what}: {name}: SHA-256 {found}, expected {digest}; nothing was changed")


def _move(names: Iterable[str], inside: Path, folder: Path) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (inside / name).replace(folder / name)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def unpack(archive: Path, folder: Path, wanted: Iterable[str], *, expected: dict[str, str]) -> dict[str, str]:
    """Unpack the wanted files of a GitHub archive into `folder` and return their SHA-256 by name.

    Everything is unpacked to a temporary folder and checked first: where anything is wrong, `folder` stays as it was.
    The archive's own top folder is left out. Links are refused, and so is any path that leads out of the folder.

    Raises:
        InputError: damaged, unsafe, too large, without what is wanted, or with other content than `expected`.
    """
    try:
        with zipfile.ZipFile(archive) as bundle, TemporaryDirectory(dir=folder, prefix=".unpacking-") as inside:
            members = _choose(bundle, wanted)
            check_room(folder, sum(info.file_size for info in members.values()))
            digests = _extract(bundle, members, Path(inside))
            _compare(digests, expected, archive.name)
            _move(digests, Path(inside), folder)
    except _ArchiveError:
        archive.unlink()
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        archive.unlink()
        raise InputError(f"{archive.name}: damaged ({error}); it was removed, call again to download it anew") from None
    return digests


class _ArchiveError(InputError):
    """The archive is whole but must not be used; there is no point in keeping it."""


def _choose(bundle: zipfile.ZipFile, wanted: Iterable[str]) -> dict[str, zipfile.ZipInfo]:
    """Return name -> member of the files wanted, once nothing about the archive looks unsafe."""
    members = {_inside(info.filename): info for info in bundle.infolist() if not info.is_dir()}
    chosen: dict[str, zipfile.ZipInfo] = {}
    for want in wanted:
        names = [name for name in members if name == want or (want.endswith("/") and name.startswith(want))]
        if not names:
            raise _ArchiveError(f"no {want} in the archive")
        chosen |= {name: members[name] for name in names}
    if link := next((name for name, info in chosen.items() if stat.S_ISLNK(info.external_attr >> 16)), None):
        raise _ArchiveError(f"unsafe archive: {link} is a link; nothing was unpacked")
    if (total := sum(info.file_size for info in chosen.values())) > MOST:
        raise _ArchiveError(f"unsafe archive: it unpacks to {total / 1e9:,.1f} GB; nothing was unpacked")
    return chosen


def _extract(bundle: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], target: Path) -> dict[str, str]:
    """Unpack members and return their SHA-256."""
    digests = {}
    for name, info in track(members.items(), "unpacking", len(members)):
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256()
        with bundle.open(info) as packed, path.open("wb") as file:
            while piece := packed.read(PIECE):
                digest.update(piece)
                file.write(piece)
        digests[name] = digest.hexdigest()
    return digests


def _inside(name: str) -> str:
    """Return a member's path below the archive's top folder, "" for what is outside of it."""
    parts = PurePosixPath(name).parts
    if name.startswith("/") or ".." in parts or "\\" in name or any(PureWindowsPath(part).drive for part in parts):
        raise _ArchiveError(f"unsafe archive: the path {name!r} leads out of the folder; nothing was unpacked")
    return "/".join(parts[1:])
