"""The result type: the faces of an image and what their expressions look like."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import compress
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.core.errors import InputError, needs_extra
from mien.faces.annotate import AnnotatedImage, annotate
from mien.faces.quality import REASONS

if TYPE_CHECKING:
    import pandas

SEPARATOR = "|"  # between the labels of a prediction set, the reasons of low quality, in a table's cell
Index = int | slice | Sequence[int] | Sequence[bool] | NDArray[np.bool_] | NDArray[np.integer[Any]]

PHOTO = ("file", "face")
FRAME = ("frame", "time", "track", "person")
POSE = ("roll", "yaw", "pitch")


def columns(labels: Sequence[str], key: Sequence[str]) -> list[str]:
    """Return the names of a table's columns, for faces scored over `labels`; `key` is `PHOTO`, `FRAME` or empty.

    Boxes are in pixels of the upright image, `time` in seconds; `detection`, `confidence`, `p_...` and, of videos, the
    smoothed `s_...` go from 0 to 1. `uncertain` is True or False, `prediction_set` labels with | between them; both are
    empty where the model has no threshold, no prediction sets. `roll`, `yaw` and `pitch` are in degrees
    (`mien.faces.head_pose`), and empty where they were not asked for.
    """
    kinds = ("p", "s") if key == FRAME else ("p",)
    return [
        *(*key, "x", "y", "w", "h", "detection", "expression", "confidence", "quality"),
        *(*POSE, "uncertain", "prediction_set"),
        *(f"{kind}_{label}" for kind in kinds for label in labels),
        "detector",
    ]


@dataclass(frozen=True, eq=False)
class Faces:
    """The n faces of one image as parallel arrays, in the order the detector gave them.

    Args:
        boxes: float32 [n, 4], x, y, width, height in pixels of the upright image.
        probabilities: float32 [n, k], each row over `classes`, summing to 1.
        classes: the k expressions, in the model's order.
        detection_scores: float32 [n], 0 to 1, the detector's confidence; None where it has none.
        landmarks: float32 [n, 5, 2], x, y of the eye at the image's left, that at its right, nose tip, mouth corners
            likewise; None where the detector has none.
        quality_reasons: bool [n, 6], why a face cannot be relied on, which of `mien.faces.quality.REASONS` hold; None
            where unknown.
        detector: the name of the detector.
        uncertain: bool [n], the confidence is below the model's threshold; None where the model has none
            (docs/calibration.md).
        in_prediction_set: bool [n, k], the `classes` in the face's prediction set; None where the model has none.
        head_pose: float32 [n, 3], roll, yaw and pitch of the head in degrees (`mien.faces.head_pose`), NaN where it
            could not be found; None where it was not asked for.
        features: float32 [n, d], what the model's last linear layer reads of each face; None where they were not asked
            for. No table has them.

    Raises:
        InputError: the arrays do not fit each other; says expected and got.

    Example:
        >>> import mien, numpy as np
        >>> rows = np.array([[0.1, 0.9]], np.float32)
        >>> faces = mien.Faces(np.array([[10, 10, 50, 50]], np.float32), rows, ("angry", "happy"))
        >>> faces.labels, faces.to_dicts()[0]["box"]
        (('happy',), [10, 10, 50, 50])
        >>> faces = mien.Recognizer()("photo.jpg")
        >>> len(faces), len(faces.to_frame()), faces.draw("photo.jpg").shape  # 512 x 512, enlarged for the text
        (1, 1, (640, 640, 3))
        >>> sure = faces[~faces.uncertain]
    """

    boxes: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    classes: tuple[str, ...]
    detection_scores: NDArray[np.float32] | None = None
    landmarks: NDArray[np.float32] | None = None
    quality_reasons: NDArray[np.bool_] | None = None
    detector: str = ""
    uncertain: NDArray[np.bool_] | None = None
    in_prediction_set: NDArray[np.bool_] | None = None
    head_pose: NDArray[np.float32] | None = None
    features: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        n, k = len(self.boxes), len(self.classes)
        _check("boxes", self.boxes, np.float32, n, 4)
        _check("probabilities", self.probabilities, np.float32, n, k)
        _check("detection_scores", self.detection_scores, np.float32, n)
        _check("landmarks", self.landmarks, np.float32, n, 5, 2)
        _check("quality_reasons", self.quality_reasons, np.bool_, n, len(REASONS))
        _check("uncertain", self.uncertain, np.bool_, n)
        _check("in_prediction_set", self.in_prediction_set, np.bool_, n, k)
        _check("head_pose", None if self.head_pose is None else np.nan_to_num(self.head_pose), np.float32, n, len(POSE))
        if self.features is not None:
            _check("features", self.features, np.float32, n, *self.features.shape[1:2])
        if n and self.boxes[:, 2:].min() <= 0:
            raise InputError("boxes: expected widths and heights above 0")
        if n and (self.probabilities.min() < 0 or np.abs(self.probabilities.sum(axis=1) - 1).max() > 1e-3):
            raise InputError("probabilities: expected rows of numbers from 0 that sum to 1")

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: Index) -> Self:
        """Return the faces at a mask, a slice, a list of positions or one position (then a result of length 1)."""
        chosen = np.atleast_1d(np.arange(len(self))[index])
        values = ((entry.name, getattr(self, entry.name)) for entry in fields(self))
        arrays: dict[str, Any] = {name: value[chosen] for name, value in values if isinstance(value, np.ndarray)}
        return replace(self, **arrays)

    def __iter__(self) -> Iterator[Self]:
        """Yield each face as a result of length 1."""
        return (self[position] for position in range(len(self)))

    @property
    def labels(self) -> tuple[str, ...]:
        """The most probable expression of each face."""
        return tuple(self.classes[best] for best in self.probabilities.argmax(axis=1)) if len(self) else ()

    @property
    def scores(self) -> NDArray[np.float32]:
        """float32 [n]: the probability of each face's `labels`, its confidence."""
        return np.asarray(self.probabilities.max(axis=1, initial=0.0), dtype=np.float32)

    @property
    def quality(self) -> tuple[str, ...]:
        """`ok` for each face, or why it cannot be relied on, several reasons with | between them: `small`, `blurred`,
        `dark`, `profile`, `cut off`, `hidden` (`mien.faces.quality`)."""
        held = [[]] * len(self) if self.quality_reasons is None else self.quality_reasons.tolist()
        return tuple(SEPARATOR.join(compress(REASONS, row)) or "ok" for row in held)

    @property
    def low_quality(self) -> NDArray[np.bool_] | None:
        """bool [n]: whether `quality` is not `ok`; None where unknown."""
        return None if self.quality_reasons is None else np.asarray(self.quality_reasons.any(axis=1))

    @property
    def prediction_sets(self) -> tuple[tuple[str, ...], ...] | None:
        """The prediction set of each face, never empty, most probable expression first; None without a quantile."""
        if self.in_prediction_set is None:
            return None
        ranks = np.argsort(-self.probabilities, axis=1, kind="stable")
        return tuple(
            tuple(self.classes[index] for index in rank if held[index])
            for rank, held in zip(ranks.tolist(), self.in_prediction_set.tolist(), strict=True)
        )

    @property
    def flags(self) -> tuple[str, ...]:
        """What to show with each face: "low quality", "uncertain", "low quality, uncertain" or ""."""
        pairs = zip(_list(self.low_quality, len(self)), _list(self.uncertain, len(self)), strict=True)
        return tuple(", ".join(["low quality"] * bool(low) + ["uncertain"] * bool(rest)) for low, rest in pairs)

    def to_columns(self) -> dict[str, list[Any]]:
        """Return the columns of `columns`, in their order, each with a value per face."""
        n, sets = len(self), self.prediction_sets
        scores = None if self.detection_scores is None else self.detection_scores.astype(np.float64).round(4)
        return {
            **dict(zip("xywh", whole_pixels(self.boxes).astype(int).T.tolist(), strict=True)),
            "detection": _list(scores, n),
            "expression": list(self.labels),
            "confidence": self.scores.astype(np.float64).round(6).tolist(),
            "quality": list(self.quality),
            **dict(zip(POSE, _angles(self.head_pose, n), strict=True)),
            "uncertain": _list(self.uncertain, n),
            "prediction_set": [None] * n if sets is None else [SEPARATOR.join(held) for held in sets],
            **_named("p", self.classes, self.probabilities),
            "detector": [self.detector] * n,
        }

    def to_rows(self) -> list[dict[str, Any]]:
        """Return a dictionary per face with the columns of `columns`."""
        found = self.to_columns()
        return [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return a dictionary per face, ready for JSON: box (whole pixels), detection, expression, confidence, quality,
        roll, yaw, pitch, uncertain, prediction_set (a list), probabilities; of a video frame, time, track, person come
        first and smoothed last. What the detector or the model does not have, or was not asked for, is None."""
        plain = ("detection", "expression", "confidence", "quality", *POSE, "uncertain")
        return [
            {
                **{name: row[name] for name in FRAME if name in row},
                "box": [row[name] for name in "xywh"],
                **{name: row[name] for name in plain},
                "prediction_set": row["prediction_set"] and row["prediction_set"].split(SEPARATOR),
                **{
                    name: {label: row[f"{kind}_{label}"] for label in self.classes}
                    for kind, name in (("p", "probabilities"), ("s", "smoothed"))
                    if f"{kind}_{self.classes[0]}" in row
                },
            }
            for row in self.to_rows()
        ]

    def to_frame(self) -> "pandas.DataFrame":
        """Return a pandas DataFrame with a row per face and the columns of `columns`.

        Raises:
            MissingExtra: pandas is not installed.
        """
        with needs_extra("table", "a DataFrame"):
            import pandas

        # pandas reads the types off the values: without any, off those of a face
        frame = pandas.DataFrame((self if len(self) else self._sample()).to_columns()).iloc[: len(self)]
        return frame.astype(dict.fromkeys(("detection", *POSE), np.float64))  # a detector without scores: NaN

    def _sample(self) -> Self:
        """Return one made-up face, with the arrays that these have."""
        values = ((entry.name, getattr(self, entry.name)) for entry in fields(self))
        arrays: dict[str, Any] = {
            name: np.zeros((1, *value.shape[1:]), value.dtype)
            for name, value in values
            if isinstance(value, np.ndarray)
        }
        arrays["boxes"] += 1
        arrays["probabilities"][:, 0] = 1
        return replace(self, **arrays)

    def draw(self, image: Any, *, bgr: bool = False, max_pixels: int = images.MAX_PIXELS) -> images.Pixels:
        """Return an annotated copy of the image they were found in, uint8 [h, w, 3] RGB (`mien.faces.annotate`).

        The copy is RGB also where the image came as BGR: for OpenCV turn it round, `copy[:, :, ::-1]`.

        Args:
            image: as `Recognizer` takes it, or a `LoadedImage`; an array in RGB, unless `bgr` says otherwise.
            bgr: the array's channels are in OpenCV's order, blue, green, red.
            max_pixels: as `Recognizer` takes it.

        Raises:
            InputError: not an image.
        """
        if not isinstance(image, images.LoadedImage):
            with images.reading(image, bgr=bgr, truncated="accept", max_pixels=max_pixels) as loaded:
                return self.annotated(loaded).pixels
        return self.annotated(image).pixels

    def annotated(self, image: images.LoadedImage) -> AnnotatedImage:
        """Return what `draw` returns of an image, and what there was no room for."""
        boxes = self.boxes / np.tile(np.array(image.scale, np.float32), 2)
        return annotate(image.pixels, boxes.astype(np.float32), self.probabilities, self.classes, self.flags)


@dataclass(frozen=True, eq=False, kw_only=True)
class VideoFaces(Faces):
    """The faces of one frame of a video.

    Args:
        frame: the number of the frame in the video, from 0.
        time: seconds after the start at which a player shows it.
        tracks: int64 [n], which unbroken stretch of a face each belongs to, from 1 (`mien.recognition.tracking`).
        persons: int64 [n], which person of the video each shows, from 1 (`mien.recognition.people`); without it, each
            track is somebody else.
        smoothed: float32 [n, k], the probabilities smoothed along the track (`mien.recognition.smoothing`).
    """

    frame: int
    time: float
    tracks: NDArray[np.int64]
    smoothed: NDArray[np.float32]
    persons: NDArray[np.int64] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.persons is None:
            object.__setattr__(self, "persons", self.tracks)
        _check("tracks", self.tracks, np.int64, len(self))
        _check("persons", self.persons, np.int64, len(self))
        _check("smoothed", self.smoothed, np.float32, *self.probabilities.shape)

    def to_columns(self) -> dict[str, list[Any]]:
        """As for a photo, and frame, time, track, person and the smoothed probabilities."""
        n, found = len(self), super().to_columns()
        return {
            **{"frame": [self.frame] * n, "time": [self.time] * n},
            **{"track": self.tracks.tolist(), "person": self.persons.tolist()},
            **{name: values for name, values in found.items() if name != "detector"},
            **_named("s", self.classes, self.smoothed),
            "detector": found["detector"],
        }


def whole_pixels(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return boxes [n, 4] rounded as rows hold them, at least 1 pixel wide and high."""
    return np.maximum(boxes.round(), np.array([-np.inf, -np.inf, 1, 1], np.float32))


def _check(name: str, array: NDArray[Any] | None, kind: type[np.generic], *shape: int) -> None:
    if array is None:
        return
    if array.dtype != kind or array.shape != shape:
        expected = np.dtype(kind).name
        raise InputError(f"{name}: expected {expected} {list(shape)}, got {array.dtype} {list(array.shape)}")
    if not np.isfinite(array).all():
        raise InputError(f"{name}: expected finite numbers")


def _list(array: NDArray[Any] | None, n: int) -> list[Any]:
    return [None] * n if array is None else array.tolist()


def _angles(pose: NDArray[np.float32] | None, n: int) -> list[list[float | None]]:
    """Return three lists of n angles, to a tenth of a degree; None where one is not known."""
    angles = np.full((n, len(POSE)), np.nan) if pose is None else pose.astype(np.float64).round(1)
    return [[None if np.isnan(one) else one for one in column] for column in angles.T.tolist()]


def _named(kind: str, classes: Sequence[str], rows: NDArray[np.float32]) -> dict[str, list[float]]:
    numbers = rows.astype(np.float64).round(6).T.tolist()
    return {f"{kind}_{label}": column for label, column in zip(classes, numbers, strict=True)}
