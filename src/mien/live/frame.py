"""A camera's frame with its faces, encoded when someone looks at it."""

import base64
import json
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import cv2
import numpy as np

from mien.core.time_rules import SMOOTHING
from mien.faces.faces import VideoFaces
from mien.live.camera import CameraFrame
from mien.recognition.recognizer import Recognizer
from mien.recognition.smoothing import Smoother
from mien.recognition.tracking import Tracker

LARGEST = 1600  # pixels of the longer side of an image on the page


@dataclass(frozen=True)
class LiveFrame:
    """A frame whose faces have been recognised."""

    frame: CameraFrame
    faces: VideoFaces
    """Their tracks, and their probabilities smoothed by the frames before."""
    latency: float
    """Seconds from the frame's arrival to its faces."""
    rate: float
    """Frames per second, the mean of the last ones."""

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

    @cached_property
    def event(self) -> bytes:
        """What the page shows, as a server-sent event; made when someone watches.

        It is what a line of JSON says, with the smoothed probabilities as those of the faces; the rate; the width and
        height of the frame, which the boxes are in; and the image, a JPEG in base64, of a large frame a smaller one.
        """
        pixels, (height, width) = self.frame.pixels, self.frame.pixels.shape[:2]
        if (scale := LARGEST / max(height, width)) < 1:
            pixels = np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
        jpeg = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
        more = {"rate": round(self.rate, 1), "width": width, "height": height}
        more["image"] = base64.b64encode(jpeg.tobytes()).decode()
        shown = replace(self, faces=replace(self.faces, probabilities=self.faces.smoothed))
        return f"data: {json.dumps(shown.to_dict() | more)}\n\n".encode()


def live_frames(
    frames: Iterable[CameraFrame], recognizer: Recognizer, *, smoothing: float = SMOOTHING
) -> Iterator[LiveFrame]:
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
        yield LiveFrame(frame, faces, times[-1] - frame.arrived, rate)
