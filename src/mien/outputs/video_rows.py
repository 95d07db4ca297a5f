"""A video's faces as the rows of a table, and back."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.faces.faces import FRAME, POSE, SEPARATOR, VideoFaces, columns
from mien.faces.quality import REASONS


def to_rows(faces: VideoFaces) -> list[dict[str, Any]]:
    """Return the rows of a frame, one per face; a frame without one has a row with frame and time only.

    Boxes are rounded to whole pixels, probabilities to 1e-6.
    """
    return faces.to_rows() or [{"frame": faces.frame, "time": faces.time}]


def from_rows(rows: Iterable[Mapping[str, Any]], classes: Sequence[str]) -> Iterator[VideoFaces]:
    """Yield the frames that the rows describe; a missing cell is None."""
    for (frame, time), group in groupby(rows, key=itemgetter("frame", "time")):
        found = [row for row in group if row.get("track") is not None]
        yield _frame(frame, time, {name: [row[name] for row in found] for name in columns(classes, FRAME)}, classes)


def _frame(frame: int, time: float, cells: Mapping[str, list[Any]], classes: Sequence[str]) -> VideoFaces:
    """Return the faces of a frame from the cells of each column."""

    def numbers(names: Iterable[str]) -> NDArray[np.float32]:
        return np.stack([cells[name] for name in names], axis=1).astype(np.float32)

    def optional(values: list[Any], kind: type) -> Any:
        """Return an array; None where the model or the detector does not say."""
        return None if None in values or not values else np.array(values, kind)

    sets = [held and [name in held.split(SEPARATOR) for name in classes] for held in cells["prediction_set"]]
    pose = np.stack([np.array(cells[name], np.float32) for name in POSE], axis=1)  # None becomes NaN
    reasons = [[name in cell.split(SEPARATOR) for name in REASONS] for cell in cells["quality"]]
    return VideoFaces(
        boxes=numbers("xywh"),
        probabilities=numbers(f"p_{name}" for name in classes),
        classes=tuple(classes),
        detection_scores=optional(cells["detection"], np.float32),
        head_pose=None if np.isnan(pose).all() else pose,
        quality_reasons=np.array(reasons, bool).reshape(-1, len(REASONS)),
        detector=next(iter(cells["detector"]), ""),
        uncertain=optional(cells["uncertain"], bool),
        in_prediction_set=optional(sets, bool),
        frame=frame,
        time=time,
        tracks=np.array(cells["track"], np.int64),
        persons=np.array(cells["person"], np.int64),
        smoothed=numbers(f"s_{name}" for name in classes),
    )
