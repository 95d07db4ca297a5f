"""What `mien predict` is asked for: its options, as frozen dataclasses."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mien.core.errors import InputError

Outcome = Literal["face", "no face", "unread"]
"""Of a photo or video: a face was found, none was found or it ends too early, or nothing could be read."""


@dataclass(frozen=True)
class VideoJob:
    """How videos are read and what is written for each."""

    every: str | None = None
    """Take a frame of a video every so often: 0.2s, 200ms. All frames by default."""
    fps: float | None = None
    """The same as frames per second."""
    format: str = "csv"
    """The format of a video's table: csv, jsonl or parquet (needs mien[table])."""
    video: bool = False
    """Write an annotated copy of each video too, with its sound (clip.annotated.mp4)."""

    def seconds(self) -> float:
        """Return the seconds from one frame to the next; 0 takes all.

        Raises:
            InputError: `every` or `fps` is no such time, or both are given.
        """
        if self.every and self.fps is not None:
            raise InputError("--every and --fps: choose one")
        if self.fps is not None:
            if not 0 < self.fps < float("inf"):
                raise InputError(f"--fps {self.fps:g}: expected a number above 0")
            return 1 / self.fps
        text = self.every or "0"
        number, unit = (text[:-2], 1000.0) if text.endswith("ms") else (text.removesuffix("s"), 1.0)
        try:
            value = float(number) / unit
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf"):
            raise InputError(f"--every {text}: expected a time such as 0.2s or 200ms")
        return value


@dataclass(frozen=True)
class PredictJob:
    """What is made of photos and videos, and with what."""

    model: str = "default"
    """default (the bundled model), a run folder, or an .onnx file."""
    detector: str = "auto"
    """auto (yunet if downloaded, else haar), yunet, haar, none (a photo is one face crop), or a YuNet's .onnx file."""
    json: bool = False
    """Print a list with one object per photo: file, detector, faces, and error where it could not be read."""
    csv: bool = False
    """Print one row per face; a photo without one keeps a row with empty cells."""
    table: Path | None = None
    """Write the rows of photos to a .csv, .jsonl or .parquet file instead, photo by photo."""
    resume: bool = False
    """Continue that table, or the tables of videos, after an interruption. Give the other options as before."""
    out: Path | None = None
    """A folder for the files of videos and for annotated .jpg copies of photos; earlier copies there are replaced."""
    gallery: Path | None = None
    """Write a web page of all faces by expression, the surest first: one .html file."""
    sheet: Path | None = None
    """Write the same as an image: .png, .jpg or .webp."""
    videos: VideoJob = field(default_factory=VideoJob)
    threads: int | None = None
    """How many cores to use; all of them by default."""
