"""A camera as recognition needs it: always its newest frame, and opened again after it was lost.

OpenCV queues frames: a reader that is slower than the camera falls further behind with every second. Here a thread of
its own reads as fast as frames come, and keeps one.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import cv2
import numpy as np

from mien.core import images
from mien.core.errors import InputError
from mien.core.paths import local_path
from mien.recognition.video import Video

T = TypeVar("T")

TIMEOUT = 5000  # milliseconds that a network camera may need to answer, and for each frame
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # seconds before a lost camera is opened again; doubles each time


class LatestValue(Generic[T]):
    """Hands the newest value from one thread to others; older values that nobody read are dropped."""

    _value: T

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count, self._closed = 0, False

    def put(self, value: T) -> None:
        with self._changed:
            self._value, self._count = value, self._count + 1
            self._changed.notify_all()

    def close(self) -> None:
        """End every iteration, once it has seen the last value."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        """Yield the newest value, then wait for one that is newer, until `close`."""
        seen = 0
        while True:
            with self._changed:
                while self._count == seen and not self._closed:
                    self._changed.wait(1)  # without a time Windows would not hear Ctrl-C
                if self._count == seen:
                    return
                seen, value = self._count, self._value
            yield value


class CameraFrame(NamedTuple):
    """One image of a camera."""

    pixels: images.Pixels
    """uint8 [h, w, 3], blue, green, red."""
    number: int
    """Counts what the source gave, from 0; a gap means frames that were skipped."""
    arrived: float
    """Seconds, as `time.monotonic` counts them."""


class Camera(AbstractContextManager["Camera"]):
    """An open source of frames; iterating yields its newest, each once.

    A device or an address that is lost is opened again, with growing pauses, for as long as it takes. A file is played
    at its own speed, and its end is the end.

    Args:
        source: the number of a device, the address of a stream (rtsp://, http://), or a video file.
        notice: called with one line of text when the camera is lost, and when it is back.

    Raises:
        InputError: the source cannot be opened, or gives no image.
    """

    def __init__(self, source: str, *, notice: Callable[[str], None]) -> None:
        source = str(local_path(source)) if source.lower().startswith("file:") else source
        self._source, self._is_device = source, source.isdecimal()
        self._is_file = not self._is_device and Path(source).is_file()
        self.name = f"camera {source}" if self._is_device else re.sub("//[^/]*@", "//...@", source)  # no passwords
        self._notice = notice
        self._frames: LatestValue[CameraFrame] = LatestValue()
        self._numbers = count()
        self._stopped = threading.Event()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # the messages are ours
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        if self._is_file:  # OpenCV would play what a playlist names
            with Video(source):
                pass
        capture = self._open()
        if capture is None:
            raise InputError(f"{self.name}: {self._advice()}")
        self._thread = threading.Thread(target=self._read_all, args=[capture], name=self.name, daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[CameraFrame]:
        return iter(self._frames)

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join(2)  # a driver may hold it longer; it is a daemon

    def _open(self) -> cv2.VideoCapture | None:
        """Open the source and read its first frame, or return None."""
        if "://" in self._source:
            waits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, TIMEOUT, cv2.CAP_PROP_READ_TIMEOUT_MSEC, TIMEOUT]
            capture = cv2.VideoCapture(self._source, cv2.CAP_FFMPEG, waits)
        else:
            capture = cv2.VideoCapture(int(self._source) if self._is_device else self._source)
        if self._read_frame(capture):
            return capture
        capture.release()
        return None

    def _read_frame(self, capture: cv2.VideoCapture) -> bool:
        found, pixels = capture.read()
        if found:
            self._frames.put(CameraFrame(np.asarray(pixels, np.uint8), next(self._numbers), time.monotonic()))
        return found

    def _read_all(self, capture: cv2.VideoCapture) -> None:
        start = time.monotonic()
        try:
            while not self._stopped.is_set():
                if self._is_file:
                    self._stopped.wait(start + capture.get(cv2.CAP_PROP_POS_MSEC) / 1000 - time.monotonic())
                if not self._read_frame(capture):
                    if self._is_file:
                        return
                    capture = self._reopen(capture)
        finally:
            capture.release()
            self._frames.close()

    def _reopen(self, lost: cv2.VideoCapture) -> cv2.VideoCapture:
        """Return the source opened once more; the lost one where reading has been stopped."""
        lost.release()
        self._notice(f"{self.name}: lost; trying again")
        pause = FIRST_PAUSE
        while not self._stopped.wait(pause):
            if capture := self._open():
                self._notice(f"{self.name}: back")
                return capture
            pause = min(2 * pause, LONGEST_PAUSE)
        return lost

    def _advice(self) -> str:
        if self._is_device:
            return "cannot be opened; is it connected, free, and may you read it? Another: --source NUMBER"
        if "://" in self._source:
            return "no image comes from there; check the address, the user and the password"
        if not Path(self._source).exists():
            return "no such file; expected a device's number, an address (rtsp://) or a video file"
        return "no video that OpenCV can read"
