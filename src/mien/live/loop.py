"""What `mien live` does: the newest frame of a camera, its faces, and the page or the lines that show them."""

import json
from contextlib import closing

from mien.core.streams import flush, say, show_json
from mien.core.time_rules import SMOOTHING, check_smoothing
from mien.live.camera import Camera
from mien.live.frame import live_frames
from mien.live.server import LiveServer
from mien.recognition.recognizer import Recognizer


def recognize_camera(
    recognizer: Recognizer, source: str, *, smoothing: float = SMOOTHING, headless: bool = False, port: int = 0
) -> None:
    """Recognise the faces of a camera, newest frame first, until its end.

    Args:
        source: as `mien.live.camera.Camera` takes it.
        smoothing: the standard deviation, in seconds, of the filter over time (`mien.recognition.smoothing`); 0: none.
        headless: JSON lines on stdout instead of a page.
        port: of the page on 127.0.0.1; 0 is any free one.

    Raises:
        InputError: the source, the port or the smoothing cannot be used.
    """
    check_smoothing(smoothing)
    with Camera(source, notice=_print) as camera:
        frames = live_frames(camera, recognizer, smoothing=smoothing)
        if headless:
            for frame in frames:
                show_json(json.dumps(frame.to_dict()))
                flush()
            return
        with closing(LiveServer(recognizer, port)) as server:
            _print(f"watch {server.address} in a browser on this machine; Ctrl-C ends")
            for frame in frames:
                server.frames.put(frame)


def _print(line: str) -> None:
    say(f"mien: {line}")
