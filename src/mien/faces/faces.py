"""The one result type: the faces of a picture and what their expressions look like."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.core.errors import InputError, MissingExtra

if TYPE_CHECKING:
    import pandas

SEPARATOR = "|"  # between the labels of a set, in a table's cell
Index = int | slice | Sequence[int] | Sequence[bool] | NDArray[np.bool_] | NDArray[np.integer[Any]]


PHOTO = ("file", "face")
FRAME = ("frame", "time", "track")


def columns(labels: Sequence[str], key: Sequence[str]) -> list[str]:
    """Return the names of the columns, for faces scored over `labels`; `key` is `PHOTO` or `FRAME`.

    Boxes are in pixels of the upright picture, `time` in seconds; `detection`, `confidence`, `p_...` and, of videos,
    the smoothed `s_...` go from 0 to 1. `uncertain` is True or False, `prediction_set` labels with | between them; both
    are empty where the model has no threshold, no prediction sets.
    """
    kinds = ("p", "s") if key == FRAME else ("p",)
    return [
        *(*key, "x", "y", "w", "h", "detection", "expression", "confidence", "quality", "uncertain", "prediction_set"),
        *(f"{kind}_{label}" for kind in kinds for label in labels),
        "detector",
    ]


@dataclass(frozen=True, eq=False)
class Faces:
    """The n faces of one picture as parallel arrays, in the order the detector gave them.

    Args:
        boxes: float32 [n, 4], x, y, width, height in pixels of the upright picture.
        probabilities: float32 [n, k], each row over `classes`, summing to 1.
        classes: the k expressions, in the model's order.
        detection_scores: float32 [n], how sure the detector was; None where it does not say.
        landmarks: float32 [n, 5, 2], x, y of the eye at the picture's left, that at its right, nose tip, mouth corners
            likewise; None where the detector does not say.
        low_quality: bool [n], too small, blurred or dim to be relied on (`mien.faces.quality`).
        detector: who found them.
        uncertain: bool [n], the confidence is below the model's threshold; None where the model has none
            (docs/calibration.md).
        in_prediction_set: bool [n, k], the `classes` in the face's prediction set; None where the model has none.

    Raises:
        InputError: the arrays do not fit each other; says expected and got.
    """

    boxes: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    classes: tuple[str, ...]
    detection_scores: NDArray[np.float32] | None = None
    landmarks: NDArray[np.float32] | None = None
    low_quality: NDArray[np.bool_] | None = None
    detector: str = ""
    uncertain: NDArray[np.bool_] | None = None
    in_prediction_set: NDArray[np.bool_] | None = None
    KEY: ClassVar[tuple[str, ...]] = ()
    """What tells the rows of a table apart (`columns`)."""

    def __post_init__(self) -> None:
        n, k = len(self.boxes), len(self.classes)
        _expect("boxes", self.boxes, (n, 4))
        _expect("probabilities", self.probabilities, (n, k))
        if self.detection_scores is not None:
            _expect("detection_scores", self.detection_scores, (n,))
        if self.landmarks is not None:
            _expect("landmarks", self.landmarks, (n, 5, 2))
        for name, flags, shape in (
            ("low_quality", self.low_quality, (n,)),
            ("uncertain", self.uncertain, (n,)),
            ("in_prediction_set", self.in_prediction_set, (n, k)),
        ):
            if flags is not None and (flags.dtype != bool or flags.shape != shape):
                raise InputError(f"{name}: expected bool {list(shape)}, got {flags.dtype} {list(flags.shape)}")
        if n and (self.boxes[:, 2:].min() <= 0):
            raise InputError("boxes: expected widths and heights above 0")
        if n and (self.probabilities.min() < 0 or np.abs(self.probabilities.sum(axis=1) - 1).max() > 1e-3):
            raise InputError("probabilities: expected rows of numbers from 0 that sum to 1")

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: Index) -> "Faces":
        """Return the faces at a mask, a slice, a list of positions or one position (then a `Faces` of length 1)."""
        chosen = np.arange(len(self))[index]
        if np.ndim(chosen) == 0:
            chosen = np.array([chosen])
        return Faces(
            boxes=self.boxes[chosen],
            probabilities=self.probabilities[chosen],
            classes=self.classes,
            detection_scores=None if self.detection_scores is None else self.detection_scores[chosen],
            landmarks=None if self.landmarks is None else self.landmarks[chosen],
            low_quality=None if self.low_quality is None else self.low_quality[chosen],
            detector=self.detector,
            uncertain=None if self.uncertain is None else self.uncertain[chosen],
            in_prediction_set=None if self.in_prediction_set is None else self.in_prediction_set[chosen],
        )

    def __iter__(self) -> Iterator["Faces"]:
        """Yield each face as a `Faces` of length 1."""
        return (self[position] for position in range(len(self)))

    @property
    def labels(self) -> tuple[str, ...]:
        """The likeliest expression of each face."""
        return tuple(self.classes[best] for best in self.probabilities.argmax(axis=1)) if len(self) else ()

    @property
    def scores(self) -> NDArray[np.float32]:
        """float32 [n]: the probability of each face's `labels`, its confidence."""
        return np.asarray(self.probabilities.max(axis=1, initial=0.0), dtype=np.float32)

    @property
    def quality(self) -> tuple[str, ...]:
        """`low` for each face that is too small, blurred or dim to be relied on, `ok` for the others."""
        return tuple("low" if low else "ok" for low in _flags(self.low_quality, self))

    @property
    def prediction_sets(self) -> tuple[tuple[str, ...], ...] | None:
        """The conformal prediction set of each face, likeliest first, never empty; None where the model has none."""
        if self.in_prediction_set is None:
            return None
        ranks = np.argsort(-self.probabilities, axis=1, kind="stable")
        return tuple(
            tuple(self.classes[place] for place in rank if held[place])
            for rank, held in zip(ranks.tolist(), self.in_prediction_set.tolist(), strict=True)
        )

    @property
    def flags(self) -> tuple[str, ...]:
        """What is to be said beside each face: low quality, uncertain, both or nothing."""
        return tuple(
            ", ".join(name for name, true in (("low quality", low), ("uncertain", uncertain)) if true)
            for low, uncertain in zip(_flags(self.low_quality, self), _flags(self.uncertain, self), strict=True)
        )

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return a dictionary per face, ready for JSON: box (whole pixels), detection, expression, confidence, quality,
        uncertain, prediction_set (a list), probabilities. What the detector or the model does not say is None."""
        sets = [None] * len(self) if self.prediction_sets is None else [list(held) for held in self.prediction_sets]
        return [
            {
                "box": [row["x"], row["y"], row["w"], row["h"]],
                "detection": row["detection"],
                "expression": row["expression"],
                "confidence": row["confidence"],
                "quality": row["quality"],
                "uncertain": row["uncertain"],
                "prediction_set": held,
                "probabilities": {label: row[f"p_{label}"] for label in self.classes},
            }
            for row, held in zip(Faces.to_rows(self), sets, strict=True)
        ]

    def to_rows(self) -> list[dict[str, Any]]:
        """Return a dictionary per face with the columns of `columns`, less the key's."""
        scores = [None] * len(self) if self.detection_scores is None else self.detection_scores.astype(float).round(4)
        uncertain = [None] * len(self) if self.uncertain is None else self.uncertain.tolist()
        sets = (
            [None] * len(self)
            if self.prediction_sets is None
            else [SEPARATOR.join(held) for held in self.prediction_sets]
        )
        rows = self.probabilities.astype(np.float64).round(6).tolist()
        return [
            {
                **dict(zip("xywh", map(int, box), strict=True)),
                "detection": None if score is None else float(score),
                "expression": label,
                "confidence": max(row),
                "quality": quality,
                "uncertain": doubt,
                "prediction_set": held,
                **{f"p_{name}": value for name, value in zip(self.classes, row, strict=True)},
                "detector": self.detector,
            }
            for box, score, label, quality, doubt, held, row in zip(
                whole_pixels(self.boxes).tolist(), scores, self.labels, self.quality, uncertain, sets, rows, strict=True
            )
        ]

    def to_frame(self) -> "pandas.DataFrame":
        """Return a pandas DataFrame with a row per face, the columns of `to_rows`.

        Raises:
            MissingExtra: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise MissingExtra("table", "a DataFrame") from None

        return pandas.DataFrame(self.to_rows(), columns=columns(self.classes, self.KEY))

    def draw(self, image: Any, *, bgr: bool = False) -> images.Pixels:
        """Return an annotated copy of the picture they were found in, uint8 [h, w, 3] RGB; see `mien.faces.annotate`.

        Args:
            image: as `Recognizer` takes it; likewise `bgr`.

        Raises:
            InputError: not a picture.
        """
        from mien.faces.annotate import draw

        return draw(images.load(image, bgr=bgr), self)


def whole_pixels(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return boxes [n, 4] rounded as rows hold them, at least 1 pixel wide and high."""
    return np.maximum(boxes.round(), np.array([-np.inf, -np.inf, 1, 1], np.float32))


def _flags(flags: NDArray[np.bool_] | None, faces: Faces) -> list[bool]:
    return [False] * len(faces) if flags is None else flags.tolist()


def _expect(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.dtype != np.float32 or array.shape != shape:
        raise InputError(f"{name}: expected float32 {list(shape)}, got {array.dtype} {list(array.shape)}")
    if not np.isfinite(array).all():
        raise InputError(f"{name}: expected finite numbers")


@dataclass(frozen=True, eq=False)
class VideoFaces(Faces):
    """The faces of one picture of a video.

    Args:
        frame: the number of the frame in the video, from 0.
        time: seconds after the start at which a player shows it.
        tracks: int64 [n], which face of the video each is, from 1 (`mien.recognition.tracking`).
        smoothed: float32 [n, k], the probabilities smoothed along the track (`mien.recognition.smoothing`).
    """

    frame: int = 0
    time: float = 0.0
    tracks: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    smoothed: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    KEY = ("frame", "time", "track")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tracks.shape != (len(self),):
            raise InputError(f"tracks: expected {[len(self)]}, got {list(self.tracks.shape)}")
        _expect("smoothed", self.smoothed, self.probabilities.shape)

    def __getitem__(self, index: Index) -> "VideoFaces":
        chosen = np.atleast_1d(np.arange(len(self))[index])
        faces = Faces(*(getattr(self, entry.name) for entry in fields(Faces)))[index]
        return VideoFaces(
            **vars(faces), frame=self.frame, time=self.time, tracks=self.tracks[chosen], smoothed=self.smoothed[chosen]
        )

    def to_dicts(self) -> list[dict[str, Any]]:
        """As for a photo, and frame, time, track and smoothed probabilities."""
        return [
            {
                **{name: row[name] for name in self.KEY},
                **face,
                "smoothed": {label: row[f"s_{label}"] for label in self.classes},
            }
            for row, face in zip(self.to_rows(), super().to_dicts(), strict=True)
        ]

    def to_rows(self) -> list[dict[str, Any]]:
        """As for a photo, and frame, time, track and smoothed probabilities."""
        rows = self.smoothed.astype(np.float64).round(6).tolist()
        return [
            {
                **dict(zip(self.KEY, (self.frame, self.time, track), strict=True)),
                **face,
                **{f"s_{name}": value for name, value in zip(self.classes, row, strict=True)},
            }
            for track, face, row in zip(self.tracks.tolist(), super().to_rows(), rows, strict=True)
        ]
