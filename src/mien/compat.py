"""The interfaces of `fer` 25.10.3 and `deepface` 0.0.103, so that a program switches to mien by one import.

    from mien.compat import FER          # was: from fer.fer import FER
    from mien.compat import DeepFace     # was: from deepface import DeepFace

Images are what both accept: a path, a data URL, or an array as cv2.imread returns it (blue, green, red). Nothing is
downloaded, so a web address is refused. Both have seven expressions. Where the model also has `contempt`, it is left
out and the seven others are divided by their sum: they are the probabilities given that the face does not show
contempt. An expression that the model does not have is 0.
"""

import base64
import binascii
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.core.errors import InputError
from mien.faces.detectors import Detections, Detector
from mien.faces.faces import Faces
from mien.recognition.recognizer import Recognizer

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")  # in the spelling and order of both
BACKENDS = frozenset({"opencv", "retinaface", "mtcnn", "fastmtcnn", "ssd", "dlib", "mediapipe", "centerface"})


class FER:
    """`fer.fer.FER`: faces with the probabilities of seven expressions, rounded to two digits.

    Differences: larger faces come first, a box is a list of four ints (as in fer's README; fer 25.10.3 returns an
    array), grey arrays are accepted, and what cannot be read raises InputError, a ValueError.

    Args:
        cascade_file, tfserving, use_tflite, scale_factor, min_neighbors, offsets: no effect, as mien works otherwise;
            accepted so that calls need not change. A value other than fer's default gives a warning.
        mtcnn: as in fer, faces of any size; without it those smaller than `min_face_size` are left out.
        min_face_size: pixels of a face's shorter side.
        model, detector: as `Recognizer` takes them.

    Raises:
        InputError: no such model or detector, or `min_face_size` below 1.
    """

    def __init__(
        self,
        cascade_file: str | None = None,
        mtcnn: bool = False,
        tfserving: bool = False,
        use_tflite: bool = True,
        scale_factor: float = 1.1,
        min_face_size: int = 50,
        min_neighbors: int = 5,
        offsets: Sequence[int] = (10, 10),
        *,
        model: str | Path = "default",
        detector: str | Path | Detector = "auto",
    ) -> None:
        if min_face_size < 1:
            raise InputError(f"min_face_size {min_face_size}: at least 1")
        given = (cascade_file, tfserving, use_tflite, scale_factor, min_neighbors, tuple(offsets))
        if given != (None, False, True, 1.1, 5, (10, 10)):
            message = "mien.compat.FER: of fer's settings only mtcnn and min_face_size have an effect"
            warnings.warn(message, stacklevel=2)
        self._smallest = 1 if mtcnn else min_face_size
        self._recognizer = Recognizer(model, detector)

    def find_faces(self, img: Any, bgr: bool = True) -> list[list[int]]:
        """Return the boxes of the faces, x, y, width, height."""
        return [face["box"] for face in self._large(_load(img, bgr=bgr)).to_dicts()]

    def detect_emotions(self, img: Any, face_rectangles: Sequence[Sequence[int]] | None = None) -> list[dict[str, Any]]:
        """Return `{"box": [x, y, width, height], "emotions": {"angry": 0.02, ...}}` per face; [] where there is none.

        With `face_rectangles` no detector runs: these boxes are scored, all of them, in their order.
        """
        image = _load(img)
        if face_rectangles is None:
            faces = self._large(image)
        else:
            boxes = Detections(np.asarray(face_rectangles, np.float32).reshape(-1, 4))
            # boxes given to fer usually come from a cascade
            faces = next(self._recognizer.score([self._recognizer.crop_faces(image, boxes, "haar")]))
        rows = [[round(value, 2) for value in row] for row in seven(faces).tolist()]
        return [
            {"box": face["box"], "emotions": dict(zip(EXPRESSIONS, row, strict=True))}
            for face, row in zip(faces.to_dicts(), rows, strict=True)
        ]

    def batch_detect_emotions(self, imgs: Sequence[Any]) -> list[list[dict[str, Any]]]:
        """Return `detect_emotions` of each image."""
        return [self.detect_emotions(img) for img in imgs]

    def top_emotion(self, img: Any) -> tuple[str, float] | tuple[None, None]:
        """Return the most probable expression of the first face, and its probability; (None, None) without a face."""
        for face in self.detect_emotions(img):
            top = max(face["emotions"], key=face["emotions"].__getitem__)
            return top, face["emotions"][top]
        return None, None

    def _large(self, image: images.Pixels) -> Faces:
        faces = self._recognizer(image)
        return faces[faces.boxes[:, 2:].min(axis=1, initial=np.inf) >= self._smallest]


class DeepFace:
    """`deepface.DeepFace`, of which mien has `analyze` with the action `emotion`."""

    @staticmethod
    def analyze(
        img_path: Any,
        actions: str | Sequence[str] = ("emotion",),
        enforce_detection: bool = True,
        detector_backend: str = "opencv",
        align: bool = True,
        expand_percentage: int = 0,
        silent: bool = False,
        anti_spoofing: bool = False,
    ) -> list[Any]:
        """Return a dictionary per face, as deepface does; for a list or an array [n, h, w, 3] such a list per image.

        Its keys: `emotion` (seven expressions in per cent), `dominant_emotion`, `region` (x, y, w, h, and the person's
        left_eye and right_eye, (x, y), or None where the detector has no landmarks) and `face_confidence` (the
        detector's score in 0..1; 1.0 where it gives none, 0.0 where no face was found).

        Args:
            img_path: the image, or several; also a file opened in binary mode.
            actions: `emotion`; mien does not guess age, gender or race.
            enforce_detection: raise where no face is found; otherwise the full image is used as one face.
            detector_backend: `skip` uses each image as one face crop; a name of mien's detectors selects that; all
                other names of deepface mean mien's default.
            align, expand_percentage, silent: no effect; mien crops as its model was trained, and prints nothing.
            anti_spoofing: refused, as mien cannot distinguish a photo of a face from a face.

        Raises:
            InputError: no face, or an unknown action, detector or image. It is a ValueError, as in deepface.
        """
        if isinstance(img_path, list) or (isinstance(img_path, np.ndarray) and img_path.ndim == 4):
            rest = (actions, enforce_detection, detector_backend, align, expand_percentage, silent, anti_spoofing)
            return [DeepFace.analyze(one, *rest) for one in img_path]
        wanted = [actions] if isinstance(actions, str) else list(actions)
        if wanted != ["emotion"]:
            raise InputError(f'actions {wanted}: mien supports only actions=["emotion"]')
        if anti_spoofing:
            raise InputError("anti_spoofing: mien cannot distinguish a photo of a face from a face")
        image = _load(img_path)
        full_image = detector_backend == "skip"
        others = detector_backend in BACKENDS or detector_backend.startswith("yolov")
        faces = _recognizer("none" if full_image else "auto" if others else detector_backend)(image)
        if not faces:
            if enforce_detection:
                name = img_path if isinstance(img_path, str | Path) else "the image"
                advice = "enforce_detection=False uses all of it as one face"
                raise InputError(f"Face could not be detected in {name}; {advice}")
            faces, full_image = _recognizer("none")(image), True
        known = np.ones(len(faces)) if faces.detection_scores is None else faces.detection_scores
        scores = [0.0] if full_image else known.tolist()
        return [
            {
                "emotion": dict(zip(EXPRESSIONS, row, strict=True)),
                "dominant_emotion": EXPRESSIONS[int(np.argmax(row))],
                "region": _region(face, *image.shape[:2]),
                "face_confidence": round(score, 2),
            }
            for face, row, score in zip(faces, (100 * seven(faces)).tolist(), scores, strict=True)
        ]


def seven(faces: Faces) -> NDArray[np.float64]:
    """Return float64 [n, 7], the probabilities over `EXPRESSIONS`, each row summing to 1.

    Raises:
        InputError: the model has none of the seven.
    """
    known = [name for name in EXPRESSIONS if name in faces.classes]
    if not known:
        raise InputError(f"the model has {', '.join(faces.classes)}; expected some of {', '.join(EXPRESSIONS)}")
    rows = np.zeros((len(faces), len(EXPRESSIONS)))
    rows[:, list(map(EXPRESSIONS.index, known))] = faces.probabilities[:, list(map(faces.classes.index, known))]
    rows += np.finfo(np.float64).tiny  # a face that is certainly contempt is equally each of the seven
    return np.asarray(rows / rows.sum(axis=1, keepdims=True), dtype=np.float64)


def _load(source: Any, *, bgr: bool = True) -> images.Pixels:
    """Return an image that fer or deepface accept, as `mien.core.images.load` does."""
    if isinstance(source, str) and source.startswith(("http://", "https://")):
        raise InputError(f"{source}: mien downloads nothing; save the image first")
    if isinstance(source, str) and source.startswith("data:image/"):
        try:
            source = base64.b64decode(source.partition(",")[2], validate=True)
        except binascii.Error as error:
            raise InputError(f"{source[:30]}...: no base64 after the comma ({error})") from None
    return images.load(source.read() if hasattr(source, "read") else source, bgr=bgr)


@cache
def _recognizer(detector: str) -> Recognizer:
    return Recognizer(detector=detector)


def _region(face: Faces, height: int, width: int) -> dict[str, Any]:
    """Return the box of one face as deepface has it, which ends a pixel before the image does, and its eyes."""
    x, y, w, h = face.to_dicts()[0]["box"]
    x, y = max(0, x), max(0, y)
    region = {"x": x, "y": y, "w": min(width - x - 1, w), "h": min(height - y - 1, h)}
    points = [] if face.landmarks is None else face.landmarks[0, :2].astype(int).tolist()
    right, left = [(x, y) if 0 <= x < width and 0 <= y < height else None for x, y in points] or [None, None]
    return region | {"left_eye": left, "right_eye": right}
