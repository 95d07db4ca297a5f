"""What `mien live` does: the newest frame of a camera, its faces, and where they are shown."""

import json
import os
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import cv2

from mien.core import images
from mien.faces.annotate import draw
from mien.faces.faces import Faces
from mien.live.camera import Camera, CameraFrame
from mien.recognition.recognizer import Recognizer

WINDOW = "mien"
QUIT = (ord("q"), 27)  # 27 is Esc


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
    def picture(self) -> images.Pixels:
        """The annotated frame, uint8 [h, w, 3] RGB."""
        return draw(images.load(self.frame.pixels, bgr=True), self.faces)

    @cached_property
    def jpeg(self) -> bytes:
        """The annotated frame as a JPEG file; drawn when first asked for, so that what nobody watches costs nothing."""
        done, data = cv2.imencode(".jpg", cv2.cvtColor(self.picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
        assert done
        return data.tobytes()

    def to_dict(self) -> dict[str, Any]:
        """Return what a line of JSON says; time (of arrival) is in seconds since 1970, latency in seconds."""
        return {
            "time": round(time.time() - (time.monotonic() - self.frame.arrived), 3),
            "frame": self.frame.number,
            "latency": round(self.latency, 4),
            "detector": self.faces.detector,
            "faces": self.faces.to_dicts(),
        }


class View(Protocol):
    """Where shots are shown."""

    def show(self, shot: AnnotatedFrame) -> bool:
        """Show it; False when the user has closed the view."""
        ...

    def close(self) -> None: ...


class Lines:
    """One line of JSON per shot on stdout."""

    def show(self, shot: AnnotatedFrame) -> bool:
        print(json.dumps(shot.to_dict()), flush=True)
        return True

    def close(self) -> None: ...


class Window:
    """A window of OpenCV's; q, Esc or its cross close it."""

    def __init__(self) -> None:
        cv2.namedWindow(WINDOW, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)  # without Qt's row of buttons

    def show(self, shot: AnnotatedFrame) -> bool:
        cv2.imshow(WINDOW, cv2.cvtColor(shot.picture, cv2.COLOR_RGB2BGR))
        cv2.setWindowTitle(WINDOW, f"{WINDOW}: {shot.rate:.1f} frames/s, {1000 * shot.latency:.0f} ms")
        return cv2.waitKey(1) & 0xFF not in QUIT and cv2.getWindowProperty(WINDOW, cv2.WND_PROP_VISIBLE) >= 1

    def close(self) -> None:
        cv2.destroyAllWindows()


def live(
    source: str,
    *,
    model: str = "default",
    detector: str = "auto",
    threads: int | None = None,
    headless: bool = False,
    port: int | None = None,
) -> None:
    """Recognise the faces of a camera, newest frame first, until its end or until the view is closed.

    Args:
        source: as `mien.live.camera.Camera` takes it.
        headless: JSON lines on stdout instead of pictures.
        port: of the page on 127.0.0.1; None opens a window where there can be one, else a page on any free port.

    Raises:
        InputError: the model, the detector, the source or the port cannot be used.
    """
    recognizer = Recognizer(model, detector, threads=threads)
    with Camera(source, notice=_say) as camera, closing(_view(headless, port)) as view:
        for shot in annotated_frames(camera, recognizer):
            if not view.show(shot):
                return


def annotated_frames(frames: Iterable[CameraFrame], recognizer: Recognizer) -> Iterator[AnnotatedFrame]:
    """Yield each frame with its faces."""
    times = deque([time.monotonic()], maxlen=20)
    for frame in frames:
        faces = recognizer(frame.pixels, bgr=True)
        times.append(time.monotonic())
        yield AnnotatedFrame(
            frame, faces, times[-1] - frame.arrived, (len(times) - 1) / max(times[-1] - times[0], 1e-6)
        )


def _view(headless: bool, port: int | None) -> View:
    if headless:
        return Lines()
    lacks = "" if port is not None else no_window_reason()
    if port is None and not lacks:
        return Window()
    from mien.live.server import LiveServer

    page = LiveServer(port or 0)
    _say(f"{lacks}watch {page.address} in a browser here; Ctrl-C ends")
    return page


def no_window_reason() -> str:
    """Return why there can be no window, as the beginning of a line; empty where there can."""
    if not cv2.currentUIFramework():
        return "this OpenCV is the headless one, without windows: "
    # without a display the toolkits of Linux do not raise, they end the process
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no display for a window: "
    return ""


def _say(line: str) -> None:
    print(f"mien: {line}", file=sys.stderr, flush=True)
