"""A camera's frame with its faces, annotated when someone looks at it."""

import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from mien.core import images
from mien.faces.faces import Faces
from mien.live.camera import CameraFrame
from mien.recognition.recognizer import Recognizer


@dataclass(frozen=True)
class AnnotatedFrame:
    """A frame whose faces have been recognised."""

    frame: CameraFrame
    faces: Faces
    latency: float
    """Seconds from the frame's arrival to its faces."""
    rate: float
    """Frames per second, the mean of the last ones."""

    @cached_property
    def image(self) -> images.Pixels:
        """The annotated frame, uint8 [h, w, 3], blue, green, red; drawn only where someone watches."""
        return np.ascontiguousarray(self.faces.draw(self.frame.pixels, bgr=True)[:, :, ::-1])

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
            "faces": self.faces.to_dicts(),
        }


def annotated_frames(frames: Iterable[CameraFrame], recognizer: Recognizer) -> Iterator[AnnotatedFrame]:
    """Yield each frame with its faces."""
    times = deque([time.monotonic()], maxlen=20)
    for frame in frames:
        (faces,) = recognizer.batch([frame.pixels], bgr=True, video=True)
        times.append(time.monotonic())
        rate = (len(times) - 1) / max(times[-1] - times[0], 1e-6)
        yield AnnotatedFrame(frame, faces, times[-1] - frame.arrived, rate)
