"""Detectors: an upright image in, the boxes of its faces out. One file per detector.

`yunet` is the better one, and five times faster; it is a download. `haar` ships inside OpenCV, so that recognition
works offline from the first minute. LOG.md has the figures that their settings were chosen by.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from mien.core import plugins
from mien.core.errors import InputError, did_you_mean
from mien.core.files import open_known
from mien.core.streams import say
from mien.faces.detectors.detector import Detections, Detector, detect, detector_name
from mien.faces.detectors.yunet import YuNet
from mien.faces.download import downloaded, weights_folder

__all__ = ["Detections", "Detector", "YuNet", "detect", "detector_name", "detectors", "load_detector"]

BUILTIN = tuple(f"mien.faces.detectors.{module}" for module in ("yunet:YuNet", "haar:Haar", "full_image:FullImage"))


def detectors() -> dict[str, Callable[[], Detector]]:
    """Return name -> class of the detectors: ours, then those of the entry points `mien.detectors`."""
    return plugins.load("mien.detectors", BUILTIN, cast(Any, type))


def load_detector(detector: str | Path | Detector) -> Detector:
    """Return the detector of that name, the YuNet of that .onnx file, or the one given.

    `auto` is yunet where it has been downloaded, else haar; then a line on stderr says so, once per machine.

    Raises:
        InputError: no detector has that name, or its file cannot be used.

    Example:
        >>> load_detector("haar")(np.zeros((100, 100), np.uint8)).boxes.shape
        (0, 4)
    """
    if not isinstance(detector, str | Path):
        return detector
    if Path(detector).suffix.lower() == ".onnx":
        return YuNet(Path(detector))
    name = str(detector)
    if name == "auto":
        name = "yunet" if downloaded("yunet") else "haar"
        if name == "haar":
            _recommend_yunet()
    known = detectors()
    if name not in known:
        raise InputError(
            f"no detector {name!r}{did_you_mean(name, known)} (known: {', '.join(['auto', *known])}, or the .onnx file "
            "of a YuNet)"
        )
    return known[name]()


def _recommend_yunet() -> None:
    """Say once per machine on stderr that there is a better detector."""
    with contextlib.suppress(InputError, OSError):  # no folder to remember it in
        said = weights_folder() / ".yunet-recommended"
        if said.exists():
            return
    say("mien: faces are found by haar; yunet finds far more and is faster: mien models download yunet")
    with contextlib.suppress(InputError, OSError):
        said = weights_folder() / ".yunet-recommended"
        said.parent.mkdir(parents=True, exist_ok=True)
        open_known(said).close()
