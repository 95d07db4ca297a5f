"""Datasets in archives: a .zip or .tar is unpacked once into the cache folder, and read from there ever after.

Nothing of an archive is trusted: no path may lead out of it, links are refused, and what it unpacks to is bounded by
its size. Where anything is wrong nothing is kept.
"""

import bz2
import contextlib
import gzip
import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import IO, Any, NamedTuple, cast

from mien.core.console import notice, quantity, track
from mien.core.download import PIECE, check_room
from mien.core.errors import InputError
from mien.core.files import replacing_folder
from mien.core.paths import printable
from mien.datasets import cache
from mien.datasets.dataset import ImageSpec

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
RATIO = 100  # bytes that a byte of an archive may unpack to; images take 1, tables of pixels 5
ALLOWED = 64 << 20  # bytes that any archive may unpack to
ENTRY = 1 << 10  # bytes that an entry counts, even an empty one
TAR: dict[str, Any] = {
    "gz": gzip.open,
    "bz2": bz2.open,
    "xz": lzma.open,
    "tgz": gzip.open,
    "tbz2": bz2.open,
    "txz": lzma.open,
}
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, struct.error, RuntimeError)
_temporary: dict[Path, TemporaryDirectory[str]] = {}  # of archives that the cache folder cannot take


class _Entry(NamedTuple):
    """A file or folder in an archive; what opens a file, None for a link or the like."""

    name: str
    size: int
    is_folder: bool
    open: Callable[[], IO[bytes]] | None


def is_archive(path: Path) -> bool:
    """Return whether a file has the name of an archive that can be read."""
    return path.name.lower().endswith(SUFFIXES) and path.is_file()


def unpacked(archive: Path) -> Path:
    """Return the folder with the content of an archive, in the cache folder; unpacks it the first time.

    Where the cache folder cannot be written it is a temporary one, which goes when the process ends.

    Raises:
        InputError: damaged, protected by a password, unsafe, or no room; says what to do.
    """
    entry = cache.entry("archive", archive, [archive], ImageSpec())
    folder = (Path(_temporary[entry].name) if entry in _temporary else entry) / archive.name.split(".")[0]
    if folder.is_dir():
        return folder
    try:
        with replacing_folder(entry) as half:
            files, size = _unpack(archive, half / folder.name)
        cache.prune(entry)
        where = f"once into {printable(entry)}, and read from there"
    except OSError as error:
        if folder.is_dir():  # another process was first
            return folder
        where = f"for this command alone: {printable(entry.parent)} cannot be written ({error.strerror or error})"
        try:
            _temporary[entry] = TemporaryDirectory(prefix="mien-", ignore_cleanup_errors=True)
            folder = Path(_temporary[entry].name) / folder.name
            files, size = _unpack(archive, folder)
        except OSError as second:
            why = f"{second.strerror or second}; unpack it yourself, or set MIEN_CACHE to a folder with room"
            raise InputError(f"{archive}: cannot be unpacked ({why})") from None
    notice(f"{printable(archive)}: {quantity(files, 'file')}, {size / 1e6:,.1f} MB, unpacked {where}")
    return folder


def _unpack(archive: Path, folder: Path) -> tuple[int, int]:
    """Unpack into a new folder and return the number of files and bytes."""
    most = ALLOWED + RATIO * archive.stat().st_size
    folder.mkdir()
    check_room(folder, archive.stat().st_size)  # of images; a table of pixels may run out of room later
    too_large = InputError(f"{archive}: unsafe, it unpacks to more than {RATIO} times its size; nothing was unpacked")
    count = size = spent = 0
    try:
        with _opened(archive, most, too_large) as (entries, total):
            for entry in track(entries, f"unpacking {archive.name}", total):
                parts = _parts(archive, entry.name)
                spent += max(entry.size, ENTRY)
                if spent > most:
                    raise too_large
                if entry.is_folder or not parts or any(part.startswith((".", "__MACOSX")) for part in parts):
                    continue
                if entry.open is None:
                    raise InputError(f"{archive}: unsafe, {entry.name!r} is a link or a device; nothing was unpacked")
                path = folder.joinpath(*parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                with entry.open() as packed, path.open("xb") as file:
                    shutil.copyfileobj(packed, file, PIECE)
                count, size = count + 1, size + entry.size
    except FileExistsError:
        raise InputError(f"{archive}: {entry.name!r} is in it twice; unpack it first, and give the folder") from None
    except (*DAMAGED, UnicodeError, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        why = "".join((str(error) or type(error).__name__).splitlines()[:1])
        raise InputError(f"{archive}: cut or damaged ({why}); nothing was unpacked") from None
    return count, size


@contextlib.contextmanager
def _opened(archive: Path, most: int, too_large: InputError) -> Iterator[tuple[Iterator[_Entry], int]]:
    """Yield the entries of an archive, and how many there are; 0 where that is not known."""
    name = archive.name.lower()
    if name.endswith(".zip"):
        with zipfile.ZipFile(archive) as bundle:
            infos = bundle.infolist()
            if sum(info.file_size for info in infos) > most:
                raise too_large
            yield (_zipped(archive, bundle, info) for info in infos), len(infos)
        return
    opens = next((opens for suffix, opens in TAR.items() if name.endswith(suffix)), open)
    with opens(archive, "rb") as packed:
        bounded = cast(IO[bytes], _Bounded(packed, most, too_large))
        tar = tarfile.open(fileobj=bounded, mode="r:")  # noqa: SIM115 - `packed` is closed
        yield (_tarred(tar, member) for member in iter(tar.next, None)), 0


class _Bounded:
    """A file of which no more than `most` bytes are read: a header may announce any number, compressed to nothing."""

    def __init__(self, file: IO[bytes], most: int, too_large: InputError) -> None:
        self.file, self.most, self.too_large = file, most, too_large
        self.tell = file.tell

    def read(self, n: int) -> bytes:
        self._check(self.file.tell() + n)
        return self.file.read(n)

    def seek(self, position: int) -> int:
        self._check(position)
        return self.file.seek(position)

    def _check(self, position: int) -> None:
        if position > self.most:
            raise self.too_large


def _tarred(tar: tarfile.TarFile, member: tarfile.TarInfo) -> _Entry:
    cast(Any, tar).members.clear()  # it would keep them all
    opens = cast(Callable[[], IO[bytes]], partial(tar.extractfile, member)) if member.isreg() else None
    return _Entry(member.name, member.size, member.isdir(), opens)


def _zipped(archive: Path, bundle: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Entry:
    if info.flag_bits & 1:
        raise InputError(f"{archive}: protected by a password; unpack it first, and give the folder")
    if info.compress_type not in METHODS:
        method = "deflate64" if info.compress_type == 9 else f"method {info.compress_type}"
        raise InputError(f"{archive}: its compression ({method}) is not read; unpack it first, and give the folder")
    name = info.filename.replace("\\", "/")  # as some programs of Windows write them
    link = stat.S_ISLNK(info.external_attr >> 16)
    return _Entry(name, info.file_size, info.is_dir(), None if link else partial(bundle.open, info))


def _parts(archive: Path, name: str) -> tuple[str, ...]:
    """Return the parts of an entry's path. InputError where it leads out of the folder."""
    parts = tuple(part for part in PurePosixPath(name).parts if part != ".")
    if name.startswith("/") or ".." in parts or any(PureWindowsPath(part).drive for part in parts):
        raise InputError(f"{archive}: unsafe, the path {name!r} leads out of the folder; not unpacked")
    return parts
