"""Weights that are not in the package: fetched once, checked against a pinned SHA-256, kept for all that follows."""

import os
from dataclasses import dataclass
from pathlib import Path

from mien.core.download import download, sha256
from mien.core.errors import InputError


@dataclass(frozen=True)
class Weights:
    """One file, and where its authors publish it."""

    file: str
    sha256: str
    urls: tuple[str, ...]
    """Tried in this order."""
    licence: str


WEIGHTS: dict[str, Weights] = {
    "yunet": Weights(
        "face_detection_yunet_2026may.onnx",
        "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
        (
            # stored with Git LFS: under the ordinary address lies a note of the file's checksum
            "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/face_detection_yunet/"
            "face_detection_yunet_2026may.onnx",
            "https://huggingface.co/opencv/face_detection_yunet/resolve/main/face_detection_yunet_2026may.onnx",
        ),
        "MIT",
    )
}


def weights_folder() -> Path:
    """Return the folder for weights: MIEN_MODELS, or mien/ in XDG_DATA_HOME, or ~/.local/share/mien."""
    if given := os.environ.get("MIEN_MODELS"):
        return Path(given).expanduser()
    shared = os.environ.get("XDG_DATA_HOME")
    return (Path(shared) if shared else Path.home() / ".local" / "share") / "mien"


def downloaded(name: str) -> Path | None:
    """Return the file of weights that were downloaded, None where they were not."""
    path = weights_folder() / WEIGHTS[name].file
    return path if path.is_file() else None


def download_weights(name: str) -> Path:
    """Download the weights `name` of `WEIGHTS` unless they are there already and whole; return the file.

    A download that was cut goes on where it stopped. What has another checksum than the one pinned here is thrown away.

    Raises:
        InputError: no such name, nowhere reachable, other content than expected, or no place to write.
    """
    if name not in WEIGHTS:
        raise InputError(f"no weights {name!r} to download; expected {', '.join(WEIGHTS)}")
    weights = WEIGHTS[name]
    path = weights_folder() / weights.file
    part = path.with_name(f"{path.name}.part")
    failures = []
    try:
        if path.is_file() and sha256(path) == weights.sha256:
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        for url in weights.urls:
            try:
                download(url, part)
            except InputError as error:
                failures.append(str(error))
                continue
            if (found := sha256(part)) == weights.sha256:
                part.replace(path)
                return path
            part.unlink()
            failures.append(f"{url}: SHA-256 {found}, expected {weights.sha256}; thrown away")
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}); MIEN_MODELS names another folder"
        ) from None
    raise InputError(f"{'; '.join(failures)}; or put the file there by hand: {path}")
