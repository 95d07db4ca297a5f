"""One face, the class that is explained, and the map over its crop."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.core import labels as taxonomy
from mien.core.console import first_few
from mien.core.errors import InputError, did_you_mean
from mien.core.images import LoadedImage, Pixels, resize
from mien.evaluation.explain import drawing
from mien.faces.detectors import detector_name
from mien.recognition.recognizer import Recognizer

SIDE = 224  # pixels of the face that is drawn


class HeatMap(NamedTuple):
    """The map of one crop."""

    values: NDArray[np.float32]
    """float32 [size, size], above 0 where the crop speaks for the class, below 0 where it speaks against it."""
    lowest: float | None = None
    """Where parts were covered: the lowest probability of the class that one covered window left."""
    highest: float | None = None
    """Likewise the highest."""


class Method(Protocol):
    """A way to make maps."""

    name: str
    detail: str
    """Its settings in words."""

    def __call__(self, crops: Pixels, columns: NDArray[np.int64]) -> Iterator[HeatMap]:
        """Yield the map of each crop, as the network reads them, for the class at its column of the output."""
        ...


@dataclass(frozen=True, eq=False)
class Explanation:
    """Which parts of a face's crop decide the probability of a class.

    Args:
        map: float32 [size, size], a number per pixel of the crop that the network reads. Occlusion: the mean fall of
            the log-odds (natural logarithm) of the class when a window over that pixel is covered; below 0 where they
            rise. Grad-CAM: the class's score by the last feature map, from 0, in no unit.
        image: uint8 [224, 224] or [224, 224, 3] RGB, the same crop as it is in the photo.
        label: the class that is explained.
        classes: the k classes of the model's output.
        probabilities: float32 [k], of the whole crop.
        method: `occlusion` or `grad-cam`.
        detail: its settings in words.
        lowest: of occlusion, the lowest probability of the class with one window covered; else None.
        highest: likewise the highest.
        box: x, y, width, height in pixels of the upright photo.

    Example:
        >>> import mien
        >>> face = mien.explain("small", "photo.jpg", method="occlusion", label="sad")[0]
        >>> face.label, face.method, face.lowest <= face.probability <= face.highest
        ('sad', 'occlusion', True)
    """

    map: NDArray[np.float32]
    image: Pixels
    label: str
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32]
    method: str
    detail: str
    lowest: float | None
    highest: float | None
    box: tuple[float, float, float, float]

    @property
    def probability(self) -> float:
        """The probability of the class that is explained."""
        return float(self.probabilities[self.classes.index(self.label)])

    def draw(self) -> Pixels:
        """Return an image, uint8 [h, w, 3] RGB: the crop, the map over it with its legend, and the probabilities."""
        return drawing.draw_faces([self])

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        Image.fromarray(self.draw()).save(file, "PNG")
        return file.getvalue()


def explain_faces(
    recognizer: Recognizer, method: Method, image: LoadedImage, *, label: str | None = None
) -> list[Explanation]:
    """Return an explanation for each face that is found, in the detector's order.

    Args:
        recognizer: finds and crops the faces; the model's output is that of its session.
        method: of the same session.
        image: the photo.
        label: the class to explain; None: each face's most probable one.

    Raises:
        InputError: the model has no such class.
    """
    chosen = None if label is None else class_column(recognizer.session.info.labels, label)
    found = recognizer.find_faces(image.pixels, scale=image.scale)
    (faces,) = recognizer.score([found])
    columns = faces.probabilities.argmax(axis=1) if chosen is None else np.full(len(faces), chosen)
    spec = recognizer.session.info.crop(detector_name(recognizer.detector))
    heats = method(found.crops, columns)
    return [
        Explanation(
            map=heat.values,
            image=resize(found.detections.crop(image.pixels, index, spec), SIDE),
            label=faces.classes[columns[index]],
            classes=faces.classes,
            probabilities=faces.probabilities[index],
            method=method.name,
            detail=method.detail,
            lowest=heat.lowest,
            highest=heat.highest,
            box=tuple(faces.boxes[index].tolist()),
        )
        for index, heat in enumerate(heats)
    ]


def class_column(classes: tuple[str, ...], name: str) -> int:
    """Return the column of the class of that name, or of its synonym. InputError where there is none."""
    meant = taxonomy.match([name], classes)[name]
    if meant is None:
        raise InputError(f"no class {name!r}{did_you_mean(name, classes)} (the model has {first_few(classes, 12)})")
    return classes.index(meant)
