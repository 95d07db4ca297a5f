"""The one result type: the faces of a picture and what their expressions look like."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mien import images
from mien.errors import InputError, MissingExtra

if TYPE_CHECKING:
    import pandas

Index = int | slice | Sequence[int] | Sequence[bool] | NDArray[np.bool_] | NDArray[np.integer[Any]]


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
        low: bool [n], too small, blurred or dim to be relied on (`mien.predict.quality`); None where nobody looked.
        detector: who found them.

    Raises:
        InputError: the arrays do not fit each other; says expected and got.
    """

    boxes: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    classes: tuple[str, ...]
    detection_scores: NDArray[np.float32] | None = None
    landmarks: NDArray[np.float32] | None = None
    low: NDArray[np.bool_] | None = None
    detector: str = ""

    def __post_init__(self) -> None:
        n, k = len(self.boxes), len(self.classes)
        _expect("boxes", self.boxes, (n, 4))
        _expect("probabilities", self.probabilities, (n, k))
        if self.detection_scores is not None:
            _expect("detection_scores", self.detection_scores, (n,))
        if self.landmarks is not None:
            _expect("landmarks", self.landmarks, (n, 5, 2))
        if self.low is not None and (self.low.dtype != bool or self.low.shape != (n,)):
            raise InputError(f"low: expected bool {[n]}, got {self.low.dtype} {list(self.low.shape)}")
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
            low=None if self.low is None else self.low[chosen],
            detector=self.detector,
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
        return tuple("low" if low else "ok" for low in ([False] * len(self) if self.low is None else self.low))

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return a dictionary per face, ready for JSON: box (whole pixels), detection, expression, confidence, quality,
        probabilities. What the detector does not say is None."""
        return [
            {
                "box": [row["x"], row["y"], row["w"], row["h"]],
                "detection": row["detection"],
                "expression": row["expression"],
                "confidence": row["confidence"],
                "quality": row["quality"],
                "probabilities": {label: row[f"p_{label}"] for label in self.classes},
            }
            for row in self.to_rows()
        ]

    def to_rows(self) -> list[dict[str, Any]]:
        """Return a dictionary per face with the columns of `mien.predict.rows.columns`, less the key's."""
        scores = [None] * len(self) if self.detection_scores is None else self.detection_scores.astype(float).round(4)
        rows = self.probabilities.astype(np.float64).round(6).tolist()
        return [
            {
                **dict(zip("xywh", (round(value) for value in box), strict=True)),
                "detection": None if score is None else float(score),
                "expression": label,
                "confidence": max(row),
                "quality": quality,
                **{f"p_{name}": value for name, value in zip(self.classes, row, strict=True)},
                "detector": self.detector,
            }
            for box, score, label, quality, row in zip(
                self.boxes.tolist(), scores, self.labels, self.quality, rows, strict=True
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
        from mien.predict.rows import columns

        return pandas.DataFrame(self.to_rows(), columns=columns(self.classes, ()))

    def draw(self, image: Any, *, bgr: bool = False) -> images.Pixels:
        """Return an annotated copy of the picture they were found in, uint8 [h, w, 3] RGB; see `mien.predict.draw`.

        Args:
            image: as `Recognizer` takes it; likewise `bgr`.

        Raises:
            InputError: not a picture.
        """
        from mien.predict.draw import draw

        return draw(images.load(image, bgr=bgr), self)


def _expect(name: str, array: NDArray[Any], shape: tuple[int, ...]) -> None:
    if array.dtype != np.float32 or array.shape != shape:
        raise InputError(f"{name}: expected float32 {list(shape)}, got {array.dtype} {list(array.shape)}")
    if not np.isfinite(array).all():
        raise InputError(f"{name}: expected finite numbers")
