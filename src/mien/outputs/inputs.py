"""Which photos and videos a job reads, and where what it makes of them goes."""

import glob
import hashlib
import os
from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from mien.core import images
from mien.core.console import first_few, notice, quantity
from mien.core.errors import InputError
from mien.core.files import LONGEST
from mien.core.formats import is_still, open_image
from mien.core.paths import local_path, printable
from mien.core.streams import say
from mien.core.walk import ABOVE, AGAIN, Report, ignore, walk
from mien.outputs.path_list import is_list, read_stdin
from mien.recognition import video

SUFFIXES = images.SUFFIXES | video.SUFFIXES
UNMARKED = "TGA"  # an image format that many a video could be taken for
OTHER = "no photo or video by its name"
ROOM = 48  # bytes of an output's name for -2, .annotated.mp4, .parquet.settings.json, .part.jsonl and the like


def list_inputs(paths: Sequence[Path], *, outputs: Path | None = None, report: Report = ignore) -> dict[Path, Path]:
    """Return every photo and video at `paths`, each with its path below the folder in which it was found.

    In the order given, each folder sorted, nothing twice. A path that is no file may be a pattern (`photos/*.jpg`, `**`
    for any depth) or an address that begins with file:; `-` reads a list of paths from stdin (`path_list`). A file is
    read whatever its suffix. Folders are searched to the bottom for `SUFFIXES`, linked ones once, except hidden files
    and the folder `outputs`; `report` is given those that cannot be read, and files with another suffix. A path that
    does not exist is kept, so that it is reported when its turn comes, and so is a link to nothing that is called like
    a photo.

    Raises:
        InputError: no path exists, a file holds a list of paths, no photo or video is found, or a folder to be searched
            is in `outputs`.
    """
    paths = list(_expanded(paths))
    if not paths:
        raise InputError("no photo; name at least one photo or folder")
    if not any(map(_exists, paths)):
        rest = f" (nor {quantity(len(paths) - 1, 'other')})" if len(paths) > 1 else ""
        raise InputError(f"{local_path(paths[0])}: no such file or folder{rest}")
    found: dict[Path, Path] = {}
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112 - as _exists
            if is_list(path, SUFFIXES):
                raise InputError(f"{path}: a list of paths, not a photo; give it on stdin: mien predict - < {path}")
            found.setdefault(path, Path(path.name))
            continue
        if outputs and _below(path, outputs):
            raise InputError(f"{path}: its images would mix with the annotated copies; choose another folder for --out")
        for file in _search(path, report, outputs):
            if not (outputs and _below(file, outputs)):
                found.setdefault(file, file.relative_to(path))
    if not found:
        raise InputError(f"{', '.join(map(str, paths))}: no images or videos; looked for {' '.join(sorted(SUFFIXES))}")
    return found


def find_inputs(
    paths: Sequence[Path], *, outputs: Path | None = None, ours: Container[str] = ()
) -> tuple[dict[Path, Path], bool]:
    """Return what `list_inputs` does, and whether a part could not be read; stderr says what was passed over.

    `ours` are names of files that the job itself writes, which are not worth a word.
    """
    skipped: dict[str, list[str]] = {}  # why -> folders, links and files

    def pass_over(path: Path, why: str) -> None:
        if why != OTHER or path.name not in ours:
            skipped.setdefault(why, []).append(printable(path))

    try:
        files = list_inputs(paths, outputs=outputs, report=pass_over)
    finally:  # also where nothing else is there
        for why, names in skipped.items():
            notice(f"passed over: {len(names):,}, {why} ({first_few(names)})")
    return files, bool(skipped.keys() - {ABOVE, AGAIN, OTHER})


def _search(folder: Path, report: Report, outputs: Path | None) -> list[Path]:
    """Return the photos and videos in a folder, and what is called like one and cannot be read."""
    broken: list[Path] = []

    def passed_over(path: Path, why: str) -> None:
        if path.suffix.lower() in SUFFIXES and not os.path.isdir(path):  # noqa: PTH112 - as _exists
            broken.append(path)
        else:
            report(path, why)

    files = list[Path]()
    for path in walk(folder, passed_over):
        if path.suffix.lower() in SUFFIXES:
            files.append(path)
        elif not (outputs and _below(path, outputs)):
            report(path, OTHER)
    return sorted(files + broken, key=lambda path: path.parts)


def _expanded(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the paths; patterns, - and addresses are replaced by what they name."""
    listed = [path for given in dict.fromkeys(paths) for path in (read_stdin() if str(given) == "-" else [given])]
    for path in listed:
        with suppress(InputError):  # an address of another machine: kept, so that its turn says so
            path = local_path(path)
        if not glob.has_magic(str(path)) or _exists(path):
            yield path
            continue
        found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - takes absolute patterns too
        if not found:
            raise InputError(f"{path}: no file or folder matches")
        yield from map(Path, found)


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - False, where pathlib raises, for names that are too long


def _below(file: Path, folder: Path) -> bool:
    return file.resolve().is_relative_to(folder.resolve())


def output_paths(files: dict[Path, Path], folder: Path, suffix: str) -> dict[Path, Path]:
    """Return file -> its output: its path below `folder`, with `suffix`, numbered where names clash.

    A name that leaves no room for what is added to it is shortened, which is said on stderr.

    Raises InputError where an output would overwrite an input.
    """
    sources = {file.resolve() for file in files}
    chosen: dict[Path, Path] = {}
    used: set[str] = set()
    shortened = list[str]()
    for file, below in files.items():
        if (stem := _short(below.stem)) != below.stem:
            shortened.append(f"{printable(below.name)} -> {printable(stem)}{suffix}")
        output, number = folder / below.with_name(f"{stem}{suffix}"), 1
        while str(output).casefold() in used:
            number += 1
            output = folder / below.with_name(f"{stem}-{number}{suffix}")
        if output.resolve() in sources:
            raise InputError(f"{output}: an annotated copy would overwrite this image; choose another folder for --out")
        used.add(str(output).casefold())
        chosen[file] = output
    if shortened:
        say(f"names too long for output files, shortened: {first_few(shortened)}")
    return chosen


def _short(stem: str) -> str:
    """Return the stem of an output's name, at most as long as leaves room for what is added to it."""
    data = os.fsencode(stem)
    if len(data) <= LONGEST - ROOM:
        return stem
    mark = f"-{hashlib.sha256(data).hexdigest()[:8]}"
    return data[: LONGEST - ROOM - len(mark)].decode("utf-8", "ignore") + mark


def is_video(path: Path) -> bool:
    """Return whether a file is a video: by its content; by its name where the content is neither picture nor video."""
    suffix = path.suffix.lower()
    if not os.path.isfile(path):  # noqa: PTH113 - as _exists
        return suffix in video.SUFFIXES
    with suppress(Exception), path.open("rb") as file:  # a damaged header makes Pillow raise anything
        if is_still(file.read(512)):  # to FFmpeg a video; a damaged one too
            return False
        file.seek(0)
        if open_image(file).format != UNMARKED or suffix not in video.SUFFIXES:
            return False
    if suffix in video.SUFFIXES:
        return True
    with suppress(InputError), video.Video(path) as opened:
        # to FFmpeg a damaged JPEG is a video of one picture
        return opened.container.format.name != "mjpeg" or suffix not in images.SUFFIXES
    return False
