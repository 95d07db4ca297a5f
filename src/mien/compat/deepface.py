"""The interface of deepface: `deepface.DeepFace.analyze`."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from mien.compat.inputs import EXPRESSIONS, load, seven, warn_of_detector, warn_once
from mien.core.errors import InputError
from mien.faces.faces import Faces
from mien.recognition.recognizer import Recognizer

BACKENDS = frozenset({"opencv", "retinaface", "mtcnn", "fastmtcnn", "ssd", "dlib", "mediapipe", "centerface"})


class DeepFace:
    """`deepface.DeepFace`, of which mien has `analyze` with the action `emotion`.

    Example:
        >>> from mien.compat import DeepFace
        >>> DeepFace.analyze("photo.jpg", actions=["emotion"], detector_backend="yunet")[0]["dominant_emotion"]
        'happy'
    """

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
            detector_backend: `skip` uses each image as one face crop; a name of mien's detectors selects that; `opencv`
                means mien's default, and so do the other names of deepface, with a warning once for each.
            align, expand_percentage, silent: no effect, as mien crops as its model was trained, and prints nothing;
                a value of the first two other than deepface's default gives a warning once.
            anti_spoofing: refused, as mien cannot distinguish a photo of a face from a face.

        Raises:
            InputError: no face, or an unknown action, detector or image. It is a ValueError, as in deepface.
        """
        if isinstance(img_path, list) or (isinstance(img_path, np.ndarray) and img_path.ndim == 4):
            rest = (actions, enforce_detection, detector_backend, align, expand_percentage, silent, anti_spoofing)
            return [DeepFace.analyze(one, *rest) for one in img_path]
        check_analysis(actions, anti_spoofing=anti_spoofing)
        if not align or expand_percentage:
            warn_once("mien.compat.DeepFace: align and expand_percentage have no effect: mien crops as it was trained")
        image = load(img_path)
        full_image = detector_backend == "skip"
        others = is_backend(detector_backend)
        recognizer = _recognizer("none" if full_image else "auto" if others else detector_backend)
        if others and detector_backend != "opencv":  # deepface's default: nobody asked for it
            warn_of_detector(detector_backend, recognizer)
        faces = recognizer(image)
        if not faces:
            if enforce_detection:
                raise no_face(str(img_path) if isinstance(img_path, str | Path) else "the image")
            faces, full_image = _recognizer("none")(image), True
        return analysis(faces, *image.shape[:2], full_image=full_image)


def check_analysis(actions: str | Sequence[str], *, anti_spoofing: bool) -> None:
    """Raise InputError where deepface's `analyze` is asked for what mien does not do."""
    wanted = [actions] if isinstance(actions, str) else list(actions)
    if wanted != ["emotion"]:
        raise InputError(f'actions {wanted}: mien supports only actions=["emotion"]')
    if anti_spoofing:
        raise InputError("anti_spoofing: mien cannot distinguish a photo of a face from a face")


def is_backend(name: str) -> bool:
    """Return whether deepface has a detector of that name that mien does not have."""
    return name in BACKENDS or name.startswith("yolo")


def no_face(name: str) -> InputError:
    """Return the error of an image without a face, as deepface words it."""
    advice = "enforce_detection=False uses all of it as one face"
    return InputError(f"Face could not be detected in {name}; {advice}")


def analysis(faces: Faces, height: int, width: int, *, full_image: bool) -> list[dict[str, Any]]:
    """Return what deepface's `analyze` does, of the faces of an image of that size.

    Args:
        full_image: the image was used as one face: no detector has found it.
    """
    known = np.ones(len(faces)) if faces.detection_scores is None else faces.detection_scores
    scores = [0.0] if full_image else known.tolist()
    return [
        {
            "emotion": dict(zip(EXPRESSIONS, row, strict=True)),
            "dominant_emotion": EXPRESSIONS[int(np.argmax(row))],
            "region": _region(face, height, width),
            "face_confidence": round(score, 2),
        }
        for face, row, score in zip(faces, (100 * seven(faces)).tolist(), scores, strict=True)
    ]


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
