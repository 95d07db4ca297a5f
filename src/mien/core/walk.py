"""Every file below a folder: a folder that is linked is read once, and what cannot be read does not end the walk."""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

DEEPEST = 100  # folders below the first; more is a file system that leads round in circles
KINDS = {stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}

ABOVE = "a link to a folder above it"
AGAIN = "a link to a folder that is read already"

Report = Callable[[Path, str], None]
"""Is given a path that was passed over, and why."""


def ignore(path: Path, why: str) -> None:
    """Report nothing: for a walk whose problems another one names."""


def walk(root: Path, report: Report) -> list[Path]:
    """Return the files below a folder, sorted; what begins with a dot is hidden and left out.

    Reported are folders that cannot be read, links to nothing or in a circle, links to a folder above or to one that is
    read anyway, and what is neither file nor folder.
    """
    found: list[Path] = []
    seen, above = set[tuple[int, int]](), set[tuple[int, int]]()
    with suppress(OSError):
        above = {(status.st_dev, status.st_ino) for status in map(Path.stat, root.resolve().parents)}
    folders, links = [root], list[Path]()  # links wait, so that a folder is read under its own name
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        try:
            status = folder.stat()
            key = (status.st_dev, status.st_ino)
            if key in seen or key in above:
                report(folder, ABOVE if key in above else AGAIN)
                continue
            seen.add(key)
            if len(folder.parts) - len(root.parts) > DEEPEST:
                report(folder, f"more than {DEEPEST} folders deep")
                continue
            inside, files = listing(folder, report)
        except OSError as error:
            report(folder, f"the folder cannot be read ({error.strerror or error})")
            continue
        found += files
        for path in inside:
            (links if path.is_symlink() else folders).append(path)
    return sorted(found, key=lambda path: path.parts)


def listing(folder: Path, report: Report) -> tuple[list[Path], list[Path]]:
    """Return the folders and the files in a folder, each sorted by name; hidden ones are left out.

    Raises:
        OSError: the folder cannot be read.
    """
    folders, files = list[Path](), list[Path]()
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = Path(entry)
            try:
                if entry.is_dir():
                    folders.append(path)
                elif entry.is_file():
                    files.append(path)
                else:
                    linked = entry.is_symlink() and not path.exists()
                    report(
                        path, "a link to nothing" if linked else KINDS.get(stat.S_IFMT(path.stat().st_mode), "no file")
                    )
            except OSError as error:  # links in a circle, or gone since
                report(path, f"cannot be read ({error.strerror or error})")
    return sorted(folders), sorted(files)
