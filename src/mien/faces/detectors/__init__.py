"""Detectors: an upright image in, the boxes of its faces out. One file per detector.

`yunet` is in the package, so that recognition works offline from the first minute. LOG.md has the figures that its
settings were chosen by.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from mien.core import plugins
from mien.core.arguments import short
from mien.core.errors import InputError, did_you_mean
from mien.faces.detectors.detector import Detections, Detector, detect, detector_name
from mien.faces.detectors.yunet import YuNet

__all__ = ["Detections", "Detector", "YuNet", "detect", "detector_name", "detectors", "load_detector"]

BUILTIN = tuple(f"mien.faces.detectors.{module}" for module in ("yunet:YuNet", "full_image:FullImage"))


def detectors() -> dict[str, Callable[[], Detector]]:
    """Return name -> class of the detectors: ours, then those of the entry points `mien.detectors`."""
    return plugins.load("mien.detectors", BUILTIN, cast(Any, type))


def load_detector(
    detector: str | Path | Detector, *, threads: int | None = None, min_face: float | None = None
) -> Detector:
    """Return the detector of that name, the YuNet of that .onnx file, or the one given; `auto` is yunet.

    Args:
        threads, min_face: of YuNet, as it takes them.

    Raises:
        InputError: no detector has that name, its file cannot be used, what was given cannot be called, or `min_face`
            is below 4 or not for YuNet.

    Example:
        >>> load_detector("yunet")(np.zeros((100, 100), np.uint8)).boxes.shape
        (0, 4)
    """
    if isinstance(detector, str | Path) and Path(detector).suffix.lower() == ".onnx":
        return YuNet(Path(detector), threads=threads, min_face=min_face)
    if isinstance(detector, str | Path):
        found = _named(str(detector))
        if found is YuNet:
            return YuNet(threads=threads, min_face=min_face)
        detector = found()
    if not callable(detector):
        raise InputError(f"detector {short(detector)}: expected a name, a path, or a function of an image")
    if min_face is not None:
        name = detector_name(detector)
        raise InputError(
            f"min_face {min_face:g} is for yunet; the detector {name} decides itself how small a face may be"
        )
    return detector


def _named(name: str) -> Callable[[], Detector]:
    """Return the class of the detector of that name."""
    name = "yunet" if name == "auto" else name
    known = detectors()
    if name == "haar" and name not in known:
        raise InputError(
            "mien has no Haar cascade any more; leave the detector out: YuNet finds more, and is in the package"
        )
    if name not in known:
        raise InputError(
            f"no detector {name!r}{did_you_mean(name, known)} (known: {', '.join(['auto', *known])}, or the .onnx file "
            "of a YuNet)"
        )
    return known[name]
