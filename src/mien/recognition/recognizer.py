"""Photos and videos in, faces with their expressions out."""

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core import images
from mien.core.errors import InputError
from mien.core.time_rules import SMOOTHING
from mien.faces import quality
from mien.faces.detectors import Detections, Detector, YuNet, detect, detector_name, load_detector
from mien.faces.detectors.any_angle import AnyAngle
from mien.faces.detectors.yunet import BUNDLED
from mien.faces.detectors.yunet_network import YuNetNetwork
from mien.faces.faces import Faces, VideoFaces
from mien.faces.head_pose import look_again
from mien.models.prior import Prior
from mien.models.providers import Providers
from mien.models.session import Session
from mien.recognition.people import People
from mien.recognition.smoothing import Smoother
from mien.recognition.video import Video

MIN_FACE = 24  # pixels: smaller faces are of low quality (`mien.faces.quality`)
BATCH = 32  # crops of a video scored in one call: more gains nothing on a CPU, and is lost with a job that is killed


class FaceCrops(NamedTuple):
    """The faces found in an image, not yet scored."""

    detections: Detections
    crops: images.Pixels
    """uint8 [n, size, size] or [n, size, size, 3], as the network reads them."""
    quality: NDArray[np.bool_]
    """[n, 6]: which of `mien.faces.quality.REASONS` hold for each face."""
    scale: tuple[float, float] = (1.0, 1.0)
    """Width and height of a pixel of the image in pixels of the original, where it was read at a reduced size."""


class Recognizer:
    """Finds the faces of an image and scores their expressions. Safe to share between threads.

    It can be pickled for worker processes, where its detector can: the model's name or path and the settings are, and
    a file that has changed since is refused.

    Args:
        model: `default` (the bundled one), a run or its folder, or an .onnx file that mien exported.
        detector: `auto` (yunet), `yunet`, `none` (each image is one face crop), a detector of another package by its
            name, the .onnx file of a YuNet, or any `Detector`.
        threads: how many cores may be used; None leaves it to onnxruntime and OpenCV (all of them). OpenCV has one
            number for the whole process, which this sets.
        providers: where the network is computed: `cpu`, `cuda`, ... (`mien.models.providers`). Faces are found on the
            CPU.
        output: which output of the model the probabilities are of (`mien.models.session.Session`); None: the primary.
        prior: the shares of the classes that the answers assume: `even`, `web` (those of the training data), or a share
            for each class, or a JSON file of them; None: what the model says.
        truncated: "accept" reads photos that were cut off, as far as they go.
        max_pixels: of a photo; a larger JPEG (not progressive) or JPEG 2000 is read at a reduced size, others are
            refused. Boxes are in pixels of the original all the same.
        min_face: pixels of the smallest faces that YuNet searches for; smaller ones cost time in large images. None: 24
            in photos (`MIN_FACE`), and in frames of videos what a search of 640 x 640 pixels finds.
        pose: look at each face again, enlarged: `Faces.head_pose`, and crops that are level. 15 ms per face.
        any_angle: find rotated faces too, sideways and upside down; `pose` is implied. Eight searches.
        features: give `Faces.features` too, what the last linear layer reads of each face (an embedding).

    Raises:
        InputError: no such model, output, detector or provider, `threads` below 1, or a model whose last layer is not
            linear where features are asked for.
        MissingExtra: features are asked for and onnx is not installed; a file of `mien export --features` needs none.

    Example:
        >>> import mien
        >>> recognizer = mien.Recognizer()
        >>> faces = recognizer("photo.jpg")
        >>> faces.labels, faces.quality, faces.probabilities.shape
        (('happy',), ('ok',), (1, 8))
        >>> [len(found) for found in recognizer.batch(["photo.jpg", "photo.jpg"])]
        [1, 1]
        >>> for faces in recognizer.video("clip.mp4", every=0.2):
        ...     print(faces.time, faces.persons, faces.labels)
        0.0 [1] ('happy',)
        0.2 [1] ('happy',)
    """

    def __init__(
        self,
        model: str | os.PathLike[str] = "default",
        detector: str | Path | Detector = "auto",
        *,
        threads: int | None = None,
        providers: Providers = "cpu",
        output: str | None = None,
        prior: Prior | None = None,
        truncated: images.Truncated = "refuse",
        max_pixels: int = images.MAX_PIXELS,
        min_face: float | None = None,
        pose: bool = False,
        any_angle: bool = False,
        features: bool = False,
    ) -> None:
        if max_pixels < 1:
            raise InputError(f"max_pixels {max_pixels}: expected at least 1")
        _set_threads(threads)
        self.threads, self.truncated, self.max_pixels = threads, truncated, max_pixels
        self.session = Session(
            model, output=output, threads=threads, providers=providers, prior=prior, features=features
        )
        self.detector = self.video_detector = load_detector(detector, threads=threads, min_face=min_face)
        if min_face is None and isinstance(self.detector, YuNet) and self.detector is not detector:
            self.detector = self.detector.with_min_face(MIN_FACE)
        if any_angle:
            self.detector, self.video_detector = AnyAngle(self.detector), AnyAngle(self.video_detector)
        self._looks = YuNetNetwork(BUNDLED, threads=threads) if pose or any_angle else None

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        _set_threads(self.threads)

    def __call__(self, image: Any, *, bgr: bool = False) -> Faces:
        """Return the faces of one image, their crops scored in one call of the network.

        Args:
            image: a path, the bytes of an image file, an open file, a PIL image, or an array or tensor as
                `mien.core.images.load` takes it.
            bgr: the array's channels are in OpenCV's order, blue, green, red. Anything else is RGB.

        Raises:
            InputError: not an image, damaged, empty, or far too large.
        """
        return next(self.batch([image], bgr=bgr))

    def batch(
        self, sources: Iterable[Any], *, bgr: bool = False, faces: int = 64, video: bool = False
    ) -> Iterator[Faces]:
        """Yield the faces of each image, in order, scoring the crops of several images in one call of the network.

        Lazy: reads on only until `faces` crops (or as many images) wait, and holds crops, not images. With `video` it
        searches for faces as in frames of videos (see `min_face`).

        Raises:
            InputError: as for one image, when its turn comes.
        """
        waiting: list[FaceCrops] = []
        for source in sources:
            try:
                with self.reading(source, bgr=bgr) as image:
                    waiting.append(self.find_faces(image.pixels, scale=image.scale, video=video))
            except InputError:
                yield from self.score(waiting)
                raise
            if max(len(waiting), sum(len(one.crops) for one in waiting)) >= faces:
                yield from self.score(waiting)
                waiting = []
        yield from self.score(waiting)

    def video(self, path: str | Path, *, every: float = 0.0, smoothing: float = SMOOTHING) -> Iterator[VideoFaces]:
        """Yield the faces of frame after frame of a video, with time, tracks, persons and smoothed probabilities.

        Lazy and in constant memory; frames without a face come too. Damaged parts are skipped as far as possible.
        `every` is the seconds from one frame to the next; 0 takes all. `smoothing` is the standard deviation in seconds
        of the Gaussian that makes `smoothed` of the probabilities (`mien.recognition.smoothing`); 0 leaves them as they
        are. A frame comes when three times as many seconds of the video after it are known, and one more, after which
        it is decided who a face is.

        Raises:
            InputError: it cannot be read; or, at the end, a part of it could not.

        Warns:
            UserWarning: at the end, for each of `Video.notes`, such as times that jump.

        Example:
            >>> for faces in Recognizer().video("interview.mp4", every=0.2):  # doctest: +SKIP
            ...     print(faces.time, faces.persons, faces.labels)
        """
        with Video(path, every=every) as video:
            yield from self.follow(video, smoothing=smoothing)
        for note in video.notes:
            warnings.warn(note, stacklevel=2)
        if video.damage:
            raise InputError(video.damage)

    def follow(
        self,
        video: Video,
        *,
        earlier: Iterable[VideoFaces] = (),
        smoothing: float = SMOOTHING,
        people: People | None = None,
    ) -> Iterator[VideoFaces]:
        """Yield the faces of each frame that an open video yields, as `video` does.

        Its `damage` says at the end what could not be decoded, its `notes` what else is odd. `earlier` are the frames
        that an earlier run has yielded, in order; only what follows is yielded. Tracks, persons and smoothing use what
        a table and the video hold (boxes in whole pixels, probabilities to 1e-6), so that a resumed job computes the
        same. `people` has all tracks at the end, for `mien.recognition.people.merge`.
        """
        people, smoother, last = People() if people is None else people, Smoother(smoothing), -1

        def known() -> Iterator[VideoFaces]:
            nonlocal last
            for faces in earlier:
                last = faces.frame
                yield faces

        for faces in people.number(self._tracked(video, known(), people)):
            if faces.frame <= last:
                smoother.restore(faces)
            else:
                yield from smoother(faces)
        yield from smoother.flush()

    def _tracked(self, video: Video, earlier: Iterator[VideoFaces], people: People) -> Iterator[VideoFaces]:
        """Yield the faces of each frame with their tracks, not smoothed yet; `earlier` ones are not searched again."""
        waiting = list[tuple[FaceCrops, dict[str, Any]]]()
        held = next(earlier, None)
        for frame in video:
            image = frame.image
            while held is not None and held.frame < frame.number:
                held = next(earlier, None)
            if held is not None:
                yield replace(held, tracks=people.add(frame.time, image, held.boxes))
                continue
            found = self.find_faces(image, video=True)
            tracks = people.add(frame.time, image, found.detections.boxes)
            waiting.append((found, {"frame": frame.number, "time": frame.time, "tracks": tracks}))
            if max(len(waiting), sum(len(crops.crops) for crops, _ in waiting)) >= BATCH:
                yield from self._score_frames(waiting)
                waiting = []
        yield from self._score_frames(waiting)

    def _score_frames(self, waiting: Sequence[tuple[FaceCrops, dict[str, Any]]]) -> Iterator[VideoFaces]:
        for faces, (_, facts) in zip(self.score([crops for crops, _ in waiting]), waiting, strict=True):
            undecided = np.zeros(len(faces), np.int64)
            yield VideoFaces(**vars(faces), **facts, persons=undecided, smoothed=faces.probabilities)

    def reading(self, source: Any, *, bgr: bool = False) -> AbstractContextManager[images.LoadedImage]:
        """Return `images.reading` of an image, with this recognizer's settings."""
        return images.reading(source, bgr=bgr, truncated=self.truncated, max_pixels=self.max_pixels)

    def find_faces(
        self, image: images.Pixels, *, scale: tuple[float, float] = (1.0, 1.0), video: bool = False
    ) -> FaceCrops:
        """Return the faces found in the pixels of an image, and its `scale`; `score` takes them."""
        detector = self.video_detector if video else self.detector
        found = detect(detector, image)
        if self._looks:
            found = look_again(self._looks, image, found)
        return self.crop_faces(image, found, detector_name(detector))._replace(scale=scale)

    def crop_faces(self, image: images.Pixels, found: Detections, detector: str) -> FaceCrops:
        """Return the crops of an image, cut as is best for the boxes of the detector of that name."""
        info = self.session.info
        size, channels, spec = info.size, len(info.mean), info.crop(detector)
        crops = np.empty((len(found.boxes), size, size, channels)[: 3 if channels == 1 else 4], np.uint8)
        for index in range(len(crops)):
            crops[index] = images.to_channels(images.resize(found.crop(image, index, spec), size), channels)
        return FaceCrops(found, crops, quality.reasons(found, crops, image.shape[1], image.shape[0]))

    def score(self, found: Sequence[FaceCrops]) -> Iterator[Faces]:
        """Yield the faces of each image, their crops scored in one call of the network."""
        if not found:
            return
        scored = self.session.score(np.concatenate([one.crops for one in found]))
        ends = np.cumsum([len(one.crops) for one in found])[:-1]
        parts = [[None] * len(found) if array is None else np.split(array, ends) for array in scored]
        for (detections, _, reasons, scale), rows, features in zip(found, *parts, strict=True):
            points, pixels = detections.landmarks, np.array(scale, np.float32)
            yield Faces(
                boxes=detections.boxes * np.tile(pixels, 2),
                probabilities=rows,
                classes=self.session.info.labels,
                detection_scores=detections.scores,
                landmarks=points if points is None else points * pixels,
                quality_reasons=reasons,
                head_pose=detections.pose,
                detector=detector_name(self.detector),
                uncertain=self.session.info.uncertain(rows),
                in_prediction_set=self.session.info.in_prediction_set(rows),
                features=features,
            )


def _set_threads(threads: int | None) -> None:
    if threads is not None:
        if threads < 1:
            raise InputError(f"threads {threads}: expected at least 1")
        cv2.setNumThreads(threads)
