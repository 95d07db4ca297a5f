"""Weights that are not in the package: downloaded once, checked against a pinned SHA-256, then kept."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from mien.core.download import download
from mien.core.errors import InputError
from mien.core.files import writing
from mien.core.paths import user_folder


@dataclass(frozen=True)
class Weights:
    """One file, and where its authors publish it."""

    file: str
    sha256: str
    urls: tuple[str, ...]
    """Tried in this order."""


YUNET = "face_detection_yunet_2026may.onnx"  # MIT licence
WEIGHTS = {
    "yunet": Weights(
        YUNET,
        "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
        (
            # Git LFS stores the file; the ordinary address returns only a pointer with its checksum
            f"https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/face_detection_yunet/{YUNET}",
            f"https://huggingface.co/opencv/face_detection_yunet/resolve/main/{YUNET}",
        ),
    )
}


def weights_folder() -> Path:
    """Return the folder for weights: MIEN_MODELS, or mien/ in XDG_DATA_HOME, or ~/.local/share/mien.

    Raises InputError where there is no home folder.
    """
    if folder := user_folder("MIEN_MODELS", "XDG_DATA_HOME", ".local/share"):
        return folder
    raise InputError("there is no home folder to keep weights in; MIEN_MODELS names another folder")


def downloaded(name: str) -> Path | None:
    """Return the file of weights that were downloaded, None where they were not."""
    with contextlib.suppress(InputError):
        path = weights_folder() / WEIGHTS[name].file
        return path if os.path.isfile(path) else None  # noqa: PTH113 - pathlib raises in a folder of another user
    return None


def download_weights(name: str) -> Path:
    """Download the weights `name` of `WEIGHTS`, unless they are there already and whole, and return the file.

    Raises:
        InputError: no such name, nowhere reachable, other content than the pinned one, or no permission to write.
    """
    if name not in WEIGHTS:
        raise InputError(f"no weights {name!r} to download; expected {', '.join(WEIGHTS)}")
    path = weights_folder() / WEIGHTS[name].file
    try:
        with writing(path):
            return download(WEIGHTS[name].urls, path, sha256=WEIGHTS[name].sha256)
    except InputError as error:
        by_hand = f"or put the file there by hand: {path}; MIEN_MODELS names another folder"
        raise InputError(f"{error}; {by_hand}") from None
