"""Photos and folders on disk: which pictures there are, their faces in order, annotated copies beside them."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from mien import images
from mien.atomic import replacing
from mien.errors import InputError
from mien.predict import video
from mien.predict.draw import draw
from mien.predict.photo import Recognizer
from mien.predict.result import Faces


@dataclass(frozen=True)
class Photo:
    """What became of one picture file: its faces, or why there are none."""

    path: Path
    faces: Faces | None
    error: str = ""
    """Why the file could not be read; empty where it could."""

    @property
    def name(self) -> str:
        """The path as text that any stream can print, also where the file system's bytes are not UTF-8."""
        return str(self.path).encode(errors="backslashreplace").decode()

    @property
    def problem(self) -> str:
        """One line for the user; empty where a face was found."""
        return self.error or ("" if self.faces else f"{self.name}: no face found")


def gather(paths: Sequence[Path], *, apart: Path | None = None) -> dict[Path, Path]:
    """Return every picture and video at `paths`, each with its place below the folder it was found in.

    A file named outright is taken whatever its suffix. Folders are searched to the bottom for the suffixes of
    `mien.images` and `mien.predict.video`; what begins with a dot, or lies in the folder `apart` (where annotated
    copies go), is passed over. In the order given, each folder sorted, nothing twice. A path where nothing lies is
    kept, to be named when its turn comes.

    Raises:
        InputError: nothing lies at any path, there is no picture in any, or a folder to be searched lies in `apart`.
    """
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
        raise InputError(f"{', '.join(map(str, paths))}: no pictures; looked for {' '.join(sorted(images.SUFFIXES))}")
    return found


def _below(file: Path, folder: Path) -> bool:
    return file.resolve().is_relative_to(folder.resolve())


def targets(files: dict[Path, Path], folder: Path) -> dict[Path, Path]:
    """Return where the annotated copy of each file goes: its place below `folder`, as .jpg, numbered where names clash.

    Raises:
        InputError: a copy would overwrite one of the pictures.
    """
    sources = {file.resolve() for file in files}
    chosen: dict[Path, Path] = {}
    taken: set[str] = set()
    for file, place in files.items():
        target, number = folder / place.with_suffix(".jpg"), 1
        while str(target).casefold() in taken:
            number += 1
            target = folder / place.with_name(f"{place.stem}-{number}.jpg")
        if target.resolve() in sources:
            raise InputError(
                f"{target}: an annotated copy would overwrite this picture; choose another folder for --out"
            )
        taken.add(str(target).casefold())
        chosen[file] = target
    return chosen


def recognize(
    recognizer: Recognizer, files: Sequence[Path], *, copies: dict[Path, Path] | None = None, workers: int = 1
) -> Iterator[Photo]:
    """Yield each file's faces, in order; `workers` files are worked on, and held in memory, at a time.

    Args:
        copies: where to write the annotated copy of a file; None writes none.

    Raises:
        InputError: an annotated copy cannot be written.
    """

    def work(file: Path) -> Photo:
        try:
            image = images.load(file)
        except InputError as error:
            return Photo(file, None, str(error))
        faces = recognizer(image)
        if copies is not None:
            save(copies[file], draw(image, faces))
        return Photo(file, faces)

    waiting: deque[Future[Photo]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for file in files:
            waiting.append(pool.submit(work, file))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def save(path: Path, image: images.Pixels) -> None:
    """Write a picture as JPEG: whole or not at all.

    Raises:
        InputError: it cannot be written there.
    """
    with replacing(path) as part:
        Image.fromarray(image).save(part, "JPEG", quality=92, subsampling=0)
