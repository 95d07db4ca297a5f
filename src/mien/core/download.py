"""One downloader, for datasets and weights: it resumes, checks what came, and keeps a file whole or not at all."""

import hashlib
import http.client
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from mien.core.console import track
from mien.core.errors import InputError

TIMEOUT = 30  # seconds without a byte
TRIES = 4
PAUSE = 1.0  # seconds before the second try; doubled for each further one
PIECE = 1 << 18
MOST = 4 << 30  # bytes; no dataset here unpacks to more


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(urls: Sequence[str], path: Path, *, sha256: str | None = None) -> Path:
    """Download a file, unless it is there already, and return its path.

    NAME.part next to it holds what has arrived. It is continued at once where a connection breaks, or by the next
    call.

    Args:
        urls: where the file is; tried in this order.
        path: what it becomes.
        sha256: of its content, where that is pinned: anything else is thrown away.

    Raises:
        InputError: nowhere reachable, other content than expected, or no room; says so of each address.
        OSError: it cannot be written.
    """
    if path.is_file() and sha256 in (None, file_sha256(path)):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    failures = []
    for url in urls:
        try:
            _transfer(url, part)
        except InputError as error:
            failures.append(str(error))
            continue
        if sha256 is None or (found := file_sha256(part)) == sha256:
            return part.replace(path)
        part.unlink()
        failures.append(f"{url}: SHA-256 {found}, expected {sha256}; thrown away")
    raise InputError("; ".join(failures))


def _transfer(url: str, part: Path) -> None:
    """Write what `url` has to `part`, after what is there already; give up after `TRIES` tries without a byte."""
    failures = 0
    while failures < TRIES:
        before = _size(part)
        try:
            return _append(url, part, before)
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"the server answered {error.code}"
            if error.code == 416:  # there is nothing after what we have: it is whole, or of another file
                if error.headers.get("Content-Range") == f"bytes */{before}":
                    return None
                part.unlink(missing_ok=True)
            elif error.code < 500 and error.code != 429:
                raise InputError(f"{url}: {reason} {error.reason}") from None
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = str(getattr(error, "reason", "") or error or type(error).__name__)
        failures = 0 if _size(part) > before else failures + 1
        if failures < TRIES:
            time.sleep(PAUSE * 2 ** max(0, failures - 1))
    raise InputError(f"{url}: not reachable ({reason}); call again to go on where it stopped")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _append(url: str, part: Path, have: int) -> None:
    """Append what is missing of `part`, which has `have` bytes, in one request."""
    request = urllib.request.Request(url, headers={"User-Agent": "mien"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        goes_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        expected = int(answer.headers.get("Content-Length") or 0)  # 0: the server does not say
        check_room(part.parent, expected)
        with part.open("ab" if goes_on else "wb") as file:
            start = file.tell()
            pieces = iter(lambda: answer.read(PIECE), b"")
            name = part.name.removesuffix(".part")
            for piece in track(pieces, f"downloading {name}", max(1, -(-expected // PIECE))):
                file.write(piece)
                if file.tell() > MOST:
                    raise InputError(f"{url}: more than {MOST >> 30} GB; this is not the dataset")
            if (missing := start + expected - file.tell()) > 0:
                raise http.client.IncompleteRead(b"", missing)


def check_room(folder: Path, needed: int) -> None:
    """Raise InputError where fewer than `needed` bytes are free."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(f"{folder}: {needed / 1e6:,.1f} MB are needed, {free / 1e6:,.1f} MB are free")
