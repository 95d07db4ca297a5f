"""Photos on disk: their faces in order, several photos at a time, and annotated copies."""

from collections.abc import Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mien.core import images
from mien.core.errors import InputError
from mien.core.files import replacing
from mien.core.paths import printable
from mien.faces.faces import PHOTO, Faces, columns
from mien.outputs.blur import cover_faces
from mien.outputs.jobs import Outcome
from mien.recognition.recognizer import FaceCrops, Recognizer

PORTRAIT = 160  # pixels of a face in a gallery
MARGIN = 0.25  # how much is shown around it, in parts of its box
BATCH = 16  # photos whose faces are scored in one call of the network
HELD = 4  # the same where the images themselves are kept until then
KEPT = 50_000_000  # bytes of an image that is kept; a larger one is read again for its copy


@dataclass(frozen=True)
class Photo:
    """A photo's faces, or why it could not be read."""

    path: Path
    faces: Faces | None
    error: str = ""
    """Why the file could not be read; empty where it could."""
    notes: tuple[str, ...] = ()
    """What was not read, or not as it is in the file."""
    portraits: tuple[images.Pixels, ...] = ()
    """The faces cut out in colour, `PORTRAIT` pixels square, where they were asked for."""

    @property
    def name(self) -> str:
        """The path as text that any stream can print."""
        return printable(self.path)

    @property
    def problem(self) -> str:
        """One line for the user; empty where a face was found."""
        return self.error or ("" if self.faces else f"{self.name}: no face found")

    @property
    def messages(self) -> tuple[str, ...]:
        """The lines for the user: what was not read as it is, then `problem`."""
        return (*(f"{self.name}: {note}" for note in self.notes), *([self.problem] if self.problem else []))

    @property
    def outcome(self) -> Outcome:
        return "unread" if self.error else "face" if self.faces else "no face"

    def to_rows(self) -> list[dict[str, Any]]:
        """Return a row per face with `photo_columns`; a row with empty cells where there is none."""
        if self.faces:
            return [{"file": self.name, "face": index, **face} for index, face in enumerate(self.faces.to_rows())]
        detector = self.faces.detector if self.faces is not None else None
        return [{"file": self.name, "detector": detector, "error": self.error or None}]

    def to_dict(self) -> dict[str, Any]:
        """Return an object ready for JSON: file, detector, faces (`Faces.to_dicts`), notes; or file, faces, error."""
        if self.faces is None:
            return {"file": self.name, "faces": [], "error": self.error}
        found = {"file": self.name, "detector": self.faces.detector, "faces": self.faces.to_dicts()}
        return found | ({"notes": list(self.notes)} if self.notes else {})


def photo_columns(labels: Sequence[str]) -> list[str]:
    """Return the columns of a table of photos."""
    return [*columns(labels, PHOTO), "error"]


def ranked(face: Mapping[str, Any]) -> list[str]:
    """Return the expressions of a face, one of `Faces.to_dicts`, the most probable first: "happy 98%"."""
    pairs = sorted(face["probabilities"].items(), key=lambda pair: -pair[1])
    return [f"{name} {share:.0%}" for name, share in pairs]


_Found = tuple[Photo, FaceCrops | None, images.LoadedImage | None]  # not yet scored; the image for an annotated copy


def recognize_photos(
    recognizer: Recognizer,
    files: Iterable[Path],
    *,
    copies: Mapping[Path, Path] | None = None,
    portraits: bool = False,
    blur: bool = False,
    workers: int = 1,
) -> Generator[Photo, None, None]:
    """Yield the faces of each photo, in order. InputError where an annotated copy cannot be written.

    Args:
        copies: photo -> its annotated copy, a JPEG file; None writes none.
        portraits: cut the faces out for a gallery too.
        blur: cover the faces in the copies.
        workers: threads that decode, find and crop ahead of the network, which scores many photos in one call.
    """

    def find(file: Path) -> _Found:
        try:
            with recognizer.reading(file) as image:
                crops = recognizer.find_faces(image.pixels, scale=image.scale)
                boxes = crops.detections.boxes if portraits else ()
                cut = tuple(_portrait(image.pixels, box.tolist()) for box in boxes)
                photo = Photo(file, None, notes=image.notes, portraits=cut)
                return photo, crops, image if copies and image.pixels.size <= KEPT else None
        except InputError as error:
            return Photo(file, None, printable(error)), None, None

    def finish(found: _Found, faces: Faces | None) -> Photo:
        photo, _, image = found
        if copies and faces is not None:
            with nullcontext(image) if image else recognizer.reading(photo.path) as drawn:
                copy = faces.annotated(_covered(drawn, faces) if blur else drawn)
                save_jpeg(copies[photo.path], copy.pixels)
                photo = replace(photo, notes=(*photo.notes, *copy.notes))
        return replace(photo, faces=faces)

    ahead = iter(files)
    with ThreadPoolExecutor(workers) as pool:

        def start() -> list[Future[_Found]]:
            return [pool.submit(find, file) for file in islice(ahead, HELD if copies else BATCH)]

        try:
            running = start()
            while running:
                found = [future.result() for future in running]
                running = start()  # in the threads, while the network scores here
                scored = recognizer.score([crops for _, crops, _ in found if crops])
                yield from pool.map(finish, found, [next(scored) if crops else None for _, crops, _ in found])
        finally:
            pool.shutdown(cancel_futures=True)


def _covered(image: images.LoadedImage, faces: Faces) -> images.LoadedImage:
    boxes = (faces.boxes / np.tile(np.array(image.scale, np.float32), 2)).astype(np.float32)
    return replace(image, pixels=cover_faces(image.pixels, boxes))


def _portrait(image: images.Pixels, box: Sequence[float]) -> images.Pixels:
    return images.to_channels(images.resize(images.crop_box(image, box, margin=MARGIN), PORTRAIT), 3)


def save_jpeg(path: Path, image: images.Pixels) -> None:
    """Write an image, uint8 [h, w] or [h, w, 3], as JPEG, whole or not at all. InputError where it cannot be."""
    with replacing(path) as part:
        Image.fromarray(image).save(part, "JPEG", quality=92, subsampling=0)
