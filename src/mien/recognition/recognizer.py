"""Photos in, faces with their expressions out."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from mien.core import images
from mien.core.errors import InputError
from mien.faces import quality
from mien.faces.detectors import Detections, Detector, detector_name, load_detector
from mien.faces.faces import Faces, VideoFaces
from mien.models.session import Session


class Recognizer:
    """Finds the faces of a picture and scores their expressions. Safe to share between threads.

    Args:
        model: `default` (the bundled one), a run folder, or an .onnx file that mien exported.
        detector: `auto` (yunet where `mien models download yunet` has fetched it, else haar), `yunet`, `haar`, `none`
            (each picture is one face crop), the .onnx file of a YuNet, or any callable that is a `Detector`.
        threads: how many cores may be used; None leaves it to onnxruntime and OpenCV (all of them). OpenCV has one
            number for the whole process, which this sets.

    Raises:
        InputError: no such model or detector, or `threads` below 1.
    """

    def __init__(
        self, model: str | Path = "default", detector: str | Path | Detector = "auto", *, threads: int | None = None
    ) -> None:
        if threads is not None:
            if threads < 1:
                raise InputError(f"threads {threads}: expected at least 1")
            cv2.setNumThreads(threads)
        self.session = Session(model, threads=threads)
        self.detector = load_detector(detector)

    def __call__(self, image: Any, *, bgr: bool = False) -> Faces:
        """Return the faces of one picture, their crops scored in one call of the network.

        Args:
            image: a path, the bytes of an image file, a PIL image, or an array as `mien.core.images.load` takes it.
            bgr: the array's channels stand as OpenCV has them: blue, green, red. Anything else is RGB.

        Raises:
            InputError: not a picture, damaged, empty, or far too large.
        """
        return next(self.batch([image], bgr=bgr))

    def batch(self, pictures: Iterable[Any], *, bgr: bool = False, faces: int = 64) -> Iterator[Faces]:
        """Yield the faces of each picture, in order, scoring the crops of several pictures in one call of the network.

        Lazy: reads on only until `faces` crops (or as many pictures) wait, and holds crops, not pictures.

        Raises:
            InputError: as for one picture, when its turn comes.
        """
        waiting: list[tuple[Detections, images.Pixels]] = []
        crops = 0
        for picture in pictures:
            try:
                waiting.append(self.look(images.load(picture, bgr=bgr)))
            except InputError:
                yield from self.score(waiting)
                raise
            crops += len(waiting[-1][1])
            if crops >= faces or len(waiting) >= faces:
                yield from self.score(waiting)
                waiting, crops = [], 0
        yield from self.score(waiting)

    def video(self, path: str | Path, *, every: float = 0.0) -> Iterator[VideoFaces]:
        """Yield the faces of picture after picture of a video, with time, tracks and smoothed probabilities.

        Lazy and in constant memory; pictures without a face come too. Damage is passed over as far as it can be.

        Args:
            path: the file.
            every: seconds from one picture to the next; 0 takes all.

        Raises:
            InputError: it cannot be read; or, at the end, a part of it could not.
        """
        from mien.recognition.recognize_video import recognize_video
        from mien.recognition.video import Video

        with Video(path, every=every) as opened:
            yield from recognize_video(self, opened)
        if opened.damage:
            raise InputError(opened.damage)

    def look(self, image: images.Pixels) -> tuple[Detections, images.Pixels]:
        """Return the faces found in a picture that `images.load` gave, and their crops as the network reads them.

        The crops are uint8 [n, size, size] or [n, size, size, 3]; `score` takes them.
        """
        info = self.session.info
        size, channels, cutter = info.size, len(info.mean), info.crop(detector_name(self.detector))
        found = self.detector(image)
        crops = np.empty((len(found.boxes), size, size, channels)[: 3 if channels == 1 else 4], np.uint8)
        for place, box in enumerate(found.boxes):
            crop = cutter.cut(image, box, None if found.landmarks is None else found.landmarks[place])
            crops[place] = images.to_channels(images.resize(crop, size), channels)
        return found, crops

    def score(self, looked: Sequence[tuple[Detections, images.Pixels]]) -> Iterator[Faces]:
        """Yield the faces of each picture that was looked at, their crops scored in one call of the network."""
        if not looked:
            return
        probabilities = self.session.probabilities(np.concatenate([crops for _, crops in looked]))
        ends = np.cumsum([len(crops) for _, crops in looked])[:-1]
        for (found, crops), rows in zip(looked, np.split(probabilities, ends), strict=True):
            yield Faces(
                boxes=found.boxes,
                probabilities=rows,
                classes=self.session.info.labels,
                detection_scores=found.scores,
                landmarks=found.landmarks,
                low_quality=quality.low_quality(found.boxes, crops),
                detector=detector_name(self.detector),
                uncertain=self.session.info.uncertain(rows),
                in_prediction_set=self.session.info.in_prediction_set(rows),
            )
