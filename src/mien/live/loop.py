"""What `mien live` does: the newest frame of a camera, its faces, and where they are shown."""

import json
import os
import sys
from contextlib import closing

import cv2

from mien.core.streams import flush, say, show_json
from mien.core.time_rules import SMOOTHING, check_smoothing
from mien.live.camera import Camera
from mien.live.frame import AnnotatedFrame, annotated_frames
from mien.live.server import LiveServer
from mien.recognition.recognizer import Recognizer

WINDOW = "mien"
QUIT = (ord("q"), 27)  # 27 is Esc


class JsonView:
    """One line of JSON per frame on stdout."""

    def show(self, frame: AnnotatedFrame) -> bool:
        show_json(json.dumps(frame.to_dict()))
        flush()
        return True

    def close(self) -> None: ...


class Window:
    """A window of OpenCV's; q, Esc or its cross close it."""

    def __init__(self) -> None:
        cv2.namedWindow(WINDOW, cv2.WINDOW_AUTOSIZE | cv2.WINDOW_GUI_NORMAL)  # without Qt's row of buttons

    def show(self, frame: AnnotatedFrame) -> bool:
        """Show it; return False when the user has closed the window."""
        cv2.imshow(WINDOW, frame.image)
        cv2.setWindowTitle(WINDOW, f"{WINDOW}: {frame.rate:.1f} frames/s, {1000 * frame.latency:.0f} ms")
        return cv2.waitKey(1) & 0xFF not in QUIT and cv2.getWindowProperty(WINDOW, cv2.WND_PROP_VISIBLE) >= 1

    def close(self) -> None:
        cv2.destroyAllWindows()


def recognize_camera(
    recognizer: Recognizer,
    source: str,
    *,
    smoothing: float = SMOOTHING,
    headless: bool = False,
    port: int | None = None,
) -> None:
    """Recognise the faces of a camera, newest frame first, until its end or until the view is closed.

    Args:
        source: as `mien.live.camera.Camera` takes it.
        smoothing: the standard deviation, in seconds, of the filter over time (`mien.recognition.smoothing`); 0: none.
        headless: JSON lines on stdout instead of images.
        port: of the page on 127.0.0.1; None opens a window where there can be one, else a page on any free port.

    Raises:
        InputError: the source, the port or the smoothing cannot be used.
    """
    check_smoothing(smoothing)
    with Camera(source, notice=_print) as camera, closing(_view(headless, port)) as view:
        for frame in annotated_frames(camera, recognizer, smoothing=smoothing):
            if not view.show(frame):
                return


def _view(headless: bool, port: int | None) -> JsonView | Window | LiveServer:
    if headless:
        return JsonView()
    reason = no_window_reason() if port is None else ""
    if port is None and not reason:
        return Window()
    server = LiveServer(port or 0)
    _print(f"{reason}watch {server.address} in a browser on this machine; Ctrl-C ends")
    return server


def no_window_reason() -> str:
    """Return why there can be no window, as the beginning of a line; empty where there can."""
    if not cv2.currentUIFramework():
        return "this OpenCV is the headless one, without windows: "
    # without a display the toolkits of Linux do not raise, they end the process
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return "there is no display for a window: "
    return ""


def _print(line: str) -> None:
    say(f"mien: {line}")
