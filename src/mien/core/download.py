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

    What has arrived is in NAME.part next to it, and goes on there: at once where a connection breaks, or with the next
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
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _resume(url, part)
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # there is nothing after what we have: it is whole, or of another file
                if error.headers.get("Content-Range") == f"bytes */{before}":
                    return
                part.unlink(missing_ok=True)
            elif error.code < 500 and error.code != 429:
                raise InputError(f"{url}: the server answered {error.code} {error.reason}") from None
            reason = f"the server answered {error.code}"
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = str(getattr(error, "reason", "") or error or type(error).__name__)
        failures = 0 if part.exists() and part.stat().st_size > before else failures + 1
        if failures >= TRIES:
            raise InputError(f"{url}: not reachable ({reason}); call again to go on where it stopped")
        time.sleep(PAUSE * 2 ** max(0, failures - 1))


def _resume(url: str, part: Path) -> None:
    """Append what is missing of `part`, in one request."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(
        url, headers={"User-Agent": "mien", **({"Range": f"bytes={have}-"} if have else {})}
    )
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
        goes_on = answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {have}-")
        length = answer.headers.get("Content-Length")
        expected = int(length) if length else None
        start = have if goes_on else 0
        check_room(part.parent, expected or 0)
        with part.open("ab" if goes_on else "wb") as file:
            pieces = iter(lambda: answer.read(PIECE), b"")
            total = max(1, -(-(expected or 0) // PIECE))
            got = 0
            for piece in track(pieces, f"downloading {part.name.removesuffix('.part')}", total):
                file.write(piece)
                got += len(piece)
                if start + got > MOST:
                    raise InputError(f"{url}: more than {MOST >> 30} GB; this is not the dataset")
        if expected is not None and got < expected:
            raise http.client.IncompleteRead(b"", expected - got)


def check_room(folder: Path, needed: int) -> None:
    """Raise InputError where fewer than `needed` bytes are free."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(f"{folder}: {needed / 1e6:,.1f} MB are needed, {free / 1e6:,.1f} MB are free")
