"""One downloader: it resumes, limits size and checks what came."""

import hashlib
import http.client
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path

from mien.core.console import track
from mien.core.errors import InputError

TIMEOUT = 30  # seconds without a byte
TRIES = 4
PAUSE = 1.0  # seconds before the second try; doubled for each further one
PIECE = 1 << 18
MOST = 4 << 30  # bytes; no dataset here unpacks to more


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def download(url: str, part: Path) -> None:
    """Download `url` to `part`, going on behind what is there already, with `TRIES` tries that get nowhere.

    Raises:
        InputError: not reachable or not there; what has arrived stays for the next call.
    """
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _resume(url, part)
            return
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # there is nothing behind what we have: it is whole, or not of this file
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
    """Fetch what is missing of `part` in one request."""
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
            got = 0
            for piece in track(
                pieces, f"fetching {part.name.removesuffix('.part')}", max(1, -(-(expected or 0) // PIECE))
            ):
                file.write(piece)
                got += len(piece)
                if start + got > MOST:
                    raise InputError(f"{url}: more than {MOST >> 30} GB; this is not the dataset")
        if expected is not None and got < expected:
            raise http.client.IncompleteRead(b"", expected - got)


def check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(f"{folder}: {needed / 1e6:,.1f} MB are needed, {free / 1e6:,.1f} MB are free")
