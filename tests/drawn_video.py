"""Small videos drawn with PyAV, and detectors that see what is drawn in them."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from mien.core import images
from mien.faces.detectors import Detections

SIZE = (64, 96)  # height, width
FACE = 24  # pixels of a drawn face's side


def scene(level: int | None, left: int = 30, top: int = 20) -> images.Pixels:
    """Return an image with a flat square of that brightness, which is its expression in the model of the tests."""
    image = np.zeros((*SIZE, 3), np.uint8)
    image[:, :, 2] = 90  # blue ground, red and green are the face's
    if level is not None:
        image[top : top + FACE, left : left + FACE] = max(level, 1)
    return image


def bright(image: images.Pixels, /) -> Detections:
    """See the square of `scene`: where red is; surely."""
    ys, xs = np.nonzero(image[:, :, 0] > 0 if image.ndim == 3 else image)
    if len(xs) < 100:
        return Detections(np.zeros((0, 4), np.float32), np.zeros(0, np.float32))
    box = [xs.min(), ys.min(), xs.max() + 1 - xs.min(), ys.max() + 1 - ys.min()]
    return Detections(np.array([box], np.float32), np.array([0.9], np.float32))


def walking(path: Path) -> Path:
    """Write 3 s at 25 a second: a face that walks and brightens, away for 0.2 s and for 1.2 s."""
    away = {*range(10, 15), *range(35, 65)}
    return write(path, [scene(None if n in away else 20 + 3 * n, left=n // 2) for n in range(75)])


def write(
    path: Path,
    frames: Sequence[images.Pixels],
    *,
    times: Sequence[float] | None = None,
    rate: int = 25,
    rotate: int = 0,
    mirror: bool = False,
    pixel: int = 1,
    sound: str = "",
    hertz: int = 48_000,
    codec: str = "libx264rgb",
    seconds: float | None = None,
    start: float = 0.0,
    last: float = 0.0,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a lossless video with its frames at `times` in seconds, or `rate` a second; `sound` names a codec.

    `pixel` is a pixel's width by its height, `seconds` the length of the sound, `start` the first timestamp, `last` how
    long the last frame lasts, as far as the format can say it; `options` are those of the format.
    """
    with av.open(str(path), "w", options=options or {}) as target:
        lossless = {"crf": "0", "g": "5"} if codec.startswith("libx264") else {}
        stream = target.add_stream(codec, rate=rate, options=lossless)
        assert isinstance(stream, av.VideoStream)
        height, width = frames[0].shape[:2]
        stream.width, stream.height = width, height
        stream.pix_fmt = "rgb24" if codec == "libx264rgb" else "yuv420p"
        exact = times or (codec.startswith("libx264") and path.suffix != ".avi")
        base = Fraction(1, 1000) if exact else Fraction(1, rate)
        stream.codec_context.time_base = base
        stream.codec_context.sample_aspect_ratio = Fraction(pixel)
        if rotate or mirror:
            stream.set_display_rotation(rotate, hflip=mirror)
        if sound:
            _hum(target, sound, len(frames) / rate if seconds is None else seconds, hertz, start)
        for number, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = round((start + (times[number] if times else number / rate)) / base)
            frame.time_base = base
            target.mux(stream.encode(frame))
        for packet in stream.encode(None):
            packet.duration = round(last / base) or packet.duration
            target.mux(packet)
    return path


def _hum(target: av.container.OutputContainer, codec: str, seconds: float, hertz: int, start: float) -> None:
    stream = target.add_stream(codec, rate=hertz)
    assert isinstance(stream, av.AudioStream)
    stream.layout = "mono"
    wave = np.sin(np.arange(round(hertz * seconds)) * (2 * np.pi * 440 / hertz)).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(wave[None], format="fltp", layout="mono")
    frame.sample_rate = hertz
    frame.pts, frame.time_base = round(start * hertz), Fraction(1, hertz)
    target.mux(stream.encode(frame))
    target.mux(stream.encode(None))
