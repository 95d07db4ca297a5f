"""A video's faces as the rows of a table, and back."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.faces.faces import SEPARATOR, VideoFaces


def to_rows(faces: VideoFaces) -> list[dict[str, Any]]:
    """Return the rows of a frame, one per face; a frame without one has a row with frame and time only.

    Boxes are rounded to whole pixels, probabilities to 1e-6.
    """
    return faces.to_rows() or [{"frame": faces.frame, "time": faces.time}]


def from_rows(rows: Iterable[Mapping[str, Any]], classes: Sequence[str]) -> Iterator[VideoFaces]:
    """Yield the frames that the rows describe; a missing cell is None."""
    for (frame, time), group in groupby(rows, key=lambda row: (row["frame"], row["time"])):
        yield _from_rows([row for row in group if row.get("track") is not None], tuple(classes), frame, time)


def _from_rows(rows: Sequence[Mapping[str, Any]], classes: tuple[str, ...], frame: int, time: float) -> VideoFaces:
    def numbers(names: Sequence[str]) -> NDArray[np.float32]:
        return np.array([[row[name] for name in names] for row in rows], np.float32).reshape(-1, len(names))

    def column(name: str, kind: type) -> Any:
        """Return the cells of a column; None where the model or the detector does not say."""
        cells = [row[name] for row in rows]
        return None if not cells or None in cells else np.array(cells, kind)

    sets = column("prediction_set", str)
    return VideoFaces(
        boxes=numbers("xywh"),
        probabilities=numbers([f"p_{name}" for name in classes]),
        classes=classes,
        detection_scores=column("detection", np.float32),
        low_quality=np.array([row["quality"] == "low" for row in rows], bool),
        detector=rows[0]["detector"] if rows else "",
        uncertain=column("uncertain", bool),
        in_prediction_set=None
        if sets is None
        else np.array([[name in labels.split(SEPARATOR) for name in classes] for labels in sets.tolist()], bool),
        frame=frame,
        time=time,
        tracks=np.array([row["track"] for row in rows], np.int64),
        smoothed=numbers([f"s_{name}" for name in classes]),
    )
