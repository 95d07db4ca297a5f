"""Photos and videos by path or address, in one order: photos recognised ahead, videos when their turn comes."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from mien.outputs.inputs import is_video
from mien.outputs.photos import Photo, recognize_photos
from mien.recognition.recognizer import Recognizer
from mien.scale.addresses import Copies, Copy


def read_files(
    recognizer: Recognizer, names: Iterable[str], *, workers: int = 1
) -> Generator[tuple[Copy, Photo | None], None, None]:
    """Yield each file on this machine, in order, with its faces if it is a photo; None: a video. What is a copy of
    something at an address is gone when the next file comes."""
    ahead: deque[tuple[Copy, bool]] = deque()  # of the files that are read, in order; whether each is a video
    ready: deque[Photo] = deque()

    def paths(copies: Iterator[Copy]) -> Iterator[Path]:
        for copy in copies:
            ahead.append((copy, is_video(copy.path)))
            if not ahead[-1][1]:
                yield copy.path

    with (
        Copies() as copies,
        closing(recognize_photos(recognizer, paths(copies(names)), workers=workers)) as photos,
    ):
        while True:
            while not ahead and (photo := next(photos, None)):
                ready.append(photo)
            if not ahead:
                return
            copy, video = ahead.popleft()
            yield copy, None if video else ready.popleft() if ready else next(photos)
            copy.remove()


def photo_rows(copy: Copy, photo: Photo) -> list[dict[str, Any]]:
    """Return the rows of a photo under its own name."""
    named = ({**row, "file": copy.name} for row in photo.to_rows())
    return [{**row, "error": copy.spelt(row["error"])} if row.get("error") else row for row in named]
