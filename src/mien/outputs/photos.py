"""Photos and folders on disk: which pictures there are, their faces in order, annotated copies beside them."""

import glob
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from PIL import Image

from mien.core import images
from mien.core.errors import InputError
from mien.core.files import replacing
from mien.faces.annotate import draw
from mien.faces.detectors import Detections
from mien.faces.faces import Faces
from mien.recognition import video
from mien.recognition.recognizer import Recognizer

PORTRAIT = 160  # pixels of a face in a gallery
AROUND = 0.25  # how much is shown around it, in parts of its box
BATCH = 16  # photos whose faces are scored in one call of the network
HELD = 4  # the same where the pictures themselves are kept until then


@dataclass(frozen=True)
class Photo:
    """What became of one picture file: its faces, or why there are none."""

    path: Path
    faces: Faces | None
    error: str = ""
    """Why the file could not be read; empty where it could."""
    portraits: tuple[images.Pixels, ...] = ()
    """The faces cut out in colour, `PORTRAIT` pixels square, where they were asked for."""

    @property
    def name(self) -> str:
        """The path as text that any stream can print, also where the file system's bytes are not UTF-8."""
        return printable(self.path)

    @property
    def problem(self) -> str:
        """One line for the user; empty where a face was found."""
        return self.error or ("" if self.faces else f"{self.name}: no face found")


def printable(path: Path) -> str:
    """Return the path as text that any stream can print."""
    return str(path).encode(errors="backslashreplace").decode()


def list_inputs(paths: Sequence[Path], *, apart: Path | None = None) -> dict[Path, Path]:
    """Return every picture and video at `paths`, each with its place below the folder it was found in.

    A path that is no file may be a pattern (`photos/*.jpg`, `**` for any depth); `-` stands for a list of paths on
    stdin, one a line. A file named outright is taken whatever its suffix. Folders are searched to the bottom for the
    suffixes of `mien.core.images` and `mien.recognition.video`; what begins with a dot, or lies in the folder `apart`
    (where annotated copies go), is passed over. In the order given, each folder sorted, nothing twice. A path where
    nothing lies is kept, to be named when its turn comes.

    Raises:
        InputError: nothing lies at any path, there is no picture in any, or a folder to be searched lies in `apart`.
    """
    paths = list(_named(paths))
    if not paths:
        raise InputError("no photo; name at least one photo or folder")
    if not any(path.exists() for path in paths):
        raise InputError(f"{paths[0]}: no such file or folder")
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.is_dir():
            found.setdefault(path, Path(path.name))
            continue
        if apart and _below(path, apart):
            raise InputError(
                f"{path}: its pictures would mix with the annotated copies; choose another folder for --out"
            )
        for file in sorted(path.rglob("*")):
            place = file.relative_to(path)
            hidden = any(part.startswith(".") for part in place.parts)
            if (
                file.suffix.lower() in images.SUFFIXES | video.SUFFIXES
                and file.is_file()
                and not hidden
                and not (apart and _below(file, apart))
            ):
                found.setdefault(file, place)
    if not found:
        looked = " ".join(sorted(images.SUFFIXES | video.SUFFIXES))
        raise InputError(f"{', '.join(map(str, paths))}: no pictures or videos; looked for {looked}")
    return found


def _named(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield the paths, those that a pattern or the list on stdin stands for in its place."""
    for path in paths:
        if str(path) == "-":
            yield from (Path(line) for line in map(str.strip, sys.stdin) if line)
        elif glob.has_magic(str(path)) and not path.exists():
            found = sorted(glob.glob(str(path), recursive=True))  # noqa: PTH207 - takes absolute patterns too
            if not found:
                raise InputError(f"{path}: no file or folder matches")
            yield from map(Path, found)
        else:
            yield path


def _below(file: Path, folder: Path) -> bool:
    return file.resolve().is_relative_to(folder.resolve())


def targets(files: dict[Path, Path], folder: Path, suffix: str) -> dict[Path, Path]:
    """Return where what is made of each file goes: its place below `folder`, with `suffix`, numbered where names clash.

    Raises:
        InputError: a copy would overwrite one of the pictures.
    """
    sources = {file.resolve() for file in files}
    chosen: dict[Path, Path] = {}
    taken: set[str] = set()
    for file, place in files.items():
        target, number = folder / place.with_suffix(suffix), 1
        while str(target).casefold() in taken:
            number += 1
            target = folder / place.with_name(f"{place.stem}-{number}{suffix}")
        if target.resolve() in sources:
            raise InputError(
                f"{target}: an annotated copy would overwrite this picture; choose another folder for --out"
            )
        taken.add(str(target).casefold())
        chosen[file] = target
    return chosen


def recognize(
    recognizer: Recognizer,
    files: Sequence[Path],
    *,
    copies: dict[Path, Path] | None = None,
    workers: int = 1,
    portraits: bool = False,
) -> Iterator[Photo]:
    """Yield each file's faces, in order.

    `workers` threads decode, find and crop ahead of the network, which scores the crops of many photos in one call.

    Args:
        copies: where to write the annotated copy of a file; None writes none.
        portraits: cut the faces out for a gallery too.

    Raises:
        InputError: an annotated copy cannot be written.
    """

    def look(file: Path) -> _Looked:
        try:
            image = images.load(file)
        except InputError as error:
            return _Looked(file, error=str(error))
        seen = recognizer.look(image)
        cut = tuple(_portrait(image, box.tolist()) for box in seen[0].boxes) if portraits else ()
        return _Looked(file, seen, cut, image if copies is not None else None)

    def finish(looked: _Looked, faces: Faces | None) -> Photo:
        if copies is not None and looked.image is not None and faces is not None:
            save(copies[looked.file], draw(looked.image, faces))
        return Photo(looked.file, faces, looked.error, looked.portraits)

    ahead = iter(files)
    with ThreadPoolExecutor(workers) as pool:

        def begin() -> list[Future[_Looked]]:
            return [pool.submit(look, file) for file in islice(ahead, BATCH if copies is None else HELD)]

        try:
            looking = begin()
            while looking:
                looked = [future.result() for future in looking]
                looking = begin()  # in the threads, while the network scores here
                scored = recognizer.score([one.seen for one in looked if one.seen])
                faces = [next(scored) if one.seen else None for one in looked]
                yield from pool.map(finish, looked, faces)
        finally:
            pool.shutdown(cancel_futures=True)


@dataclass(frozen=True)
class _Looked:
    """A photo whose faces are found and not yet scored."""

    file: Path
    seen: tuple[Detections, images.Pixels] | None = None
    portraits: tuple[images.Pixels, ...] = ()
    image: images.Pixels | None = None
    error: str = ""


def _portrait(image: images.Pixels, box: Sequence[float]) -> images.Pixels:
    return images.to_channels(images.resize(images.crop(image, box, margin=AROUND), PORTRAIT), 3)


def save(path: Path, image: images.Pixels) -> None:
    """Write a picture as JPEG: whole or not at all.

    Raises:
        InputError: it cannot be written there.
    """
    with replacing(path) as part:
        Image.fromarray(image).save(part, "JPEG", quality=92, subsampling=0)
