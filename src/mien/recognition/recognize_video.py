"""A video's faces: found, followed, scored and smoothed, picture by picture; and the table rows they become."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from mien.core import images
from mien.faces.faces import SEPARATOR, VideoFaces
from mien.recognition.smoothing import Smoother
from mien.recognition.tracking import Tracker
from mien.recognition.video import Video

if TYPE_CHECKING:
    from mien.recognition.recognizer import Recognizer

BATCH = 32  # crops scored in one call: more gains nothing on a CPU, and is lost with a job that is killed


def recognize_video(
    recognizer: "Recognizer", video: Video, *, earlier: Iterable[VideoFaces] = ()
) -> Iterator[VideoFaces]:
    """Yield what is in each picture that `video` takes, in order; pictures without a face too.

    Numbers are rounded to what a table holds (boxes to whole pixels, probabilities to 1e-6), so that a job that goes on
    with a table computes what it would have computed without the interruption.

    Args:
        earlier: what an earlier run has yielded, in order; only what follows is yielded.
    """
    tracker, smoother, last = Tracker(), Smoother(), -1
    for found in earlier:
        tracker.restore(found.time, found.boxes, found.tracks)
        smoother.restore(found)
        last = found.frame
    taken: deque[tuple[int, float]] = deque()

    def pictures() -> Iterator[images.Pixels]:
        for frame in video:
            if frame.number > last:
                taken.append((frame.number, frame.time))
                yield frame.image

    for faces in recognizer.batch(pictures(), faces=BATCH):
        frame, time = taken.popleft()
        boxes = np.maximum(_round(faces.boxes, 0), np.array([-np.inf, -np.inf, 1, 1], np.float32))
        rows = _round(faces.probabilities, 6)
        known = vars(faces) | {"boxes": boxes, "probabilities": rows, "smoothed": rows}
        found = VideoFaces(**known, frame=frame, time=time, tracks=tracker(time, boxes))
        yield from smoother(found)
    yield from smoother.flush()


def _round(array: Any, digits: int) -> Any:
    return array.astype(np.float64).round(digits).astype(np.float32)


def to_rows(found: VideoFaces) -> list[dict[str, Any]]:
    """Return the table rows of a picture, one per face; a picture without one has a row with frame and time only."""
    return found.to_rows() or [{"frame": found.frame, "time": found.time}]


def from_rows(rows: Iterable[dict[str, Any]], classes: Sequence[str]) -> Iterator[VideoFaces]:
    """Yield the pictures that the rows of a table tell of, empty cells being None."""
    for (frame, time), group in groupby(rows, key=lambda row: (row["frame"], row["time"])):
        faces = [row for row in group if row["track"] is not None]
        scores = [row["detection"] for row in faces]

        def table(names: Sequence[str], faces: list[dict[str, Any]] = faces) -> Any:
            return np.array([[row[name] for name in names] for row in faces], np.float32).reshape(-1, len(names))

        yield VideoFaces(
            table("xywh"),
            table([f"p_{name}" for name in classes]),
            tuple(classes),
            None if None in scores else np.array(scores, np.float32),
            low_quality=np.array([row["quality"] == "low" for row in faces], bool),
            detector=faces[0]["detector"] if faces else "",
            uncertain=_uncertain(faces),
            in_prediction_set=_sets(faces, classes),
            frame=frame,
            time=time,
            tracks=np.array([row["track"] for row in faces], np.int64),
            smoothed=table([f"s_{name}" for name in classes]),
        )


def _uncertain(faces: list[dict[str, Any]]) -> Any:
    """Return bool [n]; None where a cell is empty, or the table is from before there was such a column."""
    flags = [row.get("uncertain") for row in faces]
    return None if not flags or None in flags else np.array(flags, bool)


def _sets(faces: list[dict[str, Any]], classes: Sequence[str]) -> Any:
    """Return bool [n, k], likewise."""
    cells: list[Any] = [row.get("prediction_set") for row in faces]
    if not cells or None in cells:
        return None
    held = [set(cell.split(SEPARATOR)) for cell in cells]
    return np.array([[name in labels for name in classes] for labels in held], bool)
