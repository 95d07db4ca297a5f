"""A camera's frame with its faces, annotated when someone looks at it."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from mien.core import images
from mien.core.time_rules import SMOOTHING
from mien.faces.faces import VideoFaces
from mien.live.camera import CameraFrame
from mien.recognition.recognizer import Recognizer
from mien.recognition.smoothing import Smoother
from mien.recognition.tracking import Tracker


@dataclass(frozen=True)
class AnnotatedFrame:
    """A frame whose faces have been recognised."""

    frame: CameraFrame
    faces: VideoFaces
    """Their tracks, and their probabilities smoothed by the frames before."""
    latency: float
    """Seconds from the frame's arrival to its faces."""
    rate: float
    """Frames per second, the mean of the last ones."""

    @cached_property
    def image(self) -> images.Pixels:
        """The frame with its faces and their smoothed probabilities, uint8 [h, w, 3], blue, green, red; drawn only
        where someone watches."""
        shown = replace(self.faces, probabilities=self.faces.smoothed)
        return np.ascontiguousarray(shown.draw(self.frame.pixels, bgr=True)[:, :, ::-1])

    @cached_property
    def jpeg(self) -> bytes:
        """The annotated frame as a JPEG file."""
        return cv2.imencode(".jpg", self.image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()

    def to_dict(self) -> dict[str, Any]:
        """Return what a line of JSON says; time (of arrival) is in seconds since 1970, latency in seconds."""
        return {
            "time": round(time.time() - (time.monotonic() - self.frame.arrived), 3),
            "frame": self.frame.number,
            "latency": round(self.latency, 4),
            "detector": self.faces.detector,
            "faces": [
                {name: value for name, value in face.items() if name not in ("frame", "time")}
                for face in self.faces.to_dicts()
            ],
        }


def annotated_frames(
    frames: Iterable[CameraFrame], recognizer: Recognizer, *, smoothing: float = SMOOTHING
) -> Iterator[AnnotatedFrame]:
    """Yield each frame with its faces; `smoothing` is in seconds (`mien.recognition.smoothing`)."""
    times = deque([time.monotonic()], maxlen=20)
    tracker, smoother = Tracker(), Smoother(smoothing, causal=True)
    for frame in frames:
        (found,) = recognizer.batch([frame.pixels], bgr=True, video=True)
        tracks, raw = tracker(frame.arrived, found.boxes), found.probabilities
        (faces,) = smoother(
            VideoFaces(**vars(found), frame=frame.number, time=frame.arrived, tracks=tracks, smoothed=raw)
        )
        times.append(time.monotonic())
        rate = (len(times) - 1) / max(times[-1] - times[0], 1e-6)
        yield AnnotatedFrame(frame, faces, times[-1] - frame.arrived, rate)
