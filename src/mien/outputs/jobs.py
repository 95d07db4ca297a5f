"""What `mien predict` is asked for: its options, as a frozen dataclass."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mien.core.errors import InputError
from mien.core.limits import MAX_PIXELS, Truncated
from mien.core.paths import check_local
from mien.core.time_rules import EPISODES, SMOOTHING, CodingFormat, EpisodeRule, check_smoothing

Outcome = Literal["face", "no face", "damaged", "unread"]
"""Outcome of a photo or video: a face was found, none was found, not all of it or nothing of it could be read."""


SPARSEST = 0.5  # seconds from frame to frame with which faces are covered in between


@dataclass(frozen=True)
class PredictJob:
    """What is made of photos and videos, and with what."""

    model: str = "default"
    """default (the bundled model), a run folder, or an .onnx file."""
    detector: str = "auto"
    """auto (yunet), yunet, none (a photo is one face crop), or the .onnx file of a YuNet."""
    prior: str | None = None
    """Shares of the classes that answers assume: even, web (as in training), or a JSON file. Default: the model's."""
    min_face: float | None = None
    """Pixels of the smallest faces to search for. 24 in photos; in videos by default what 640 x 640 pixels show."""
    pose: bool = False
    """Look at each face again, enlarged: roll, yaw, pitch in degrees, and crops that are level. 15 ms per face."""
    any_angle: bool = False
    """Find rotated faces too, sideways and upside down; --pose is implied. 14 times the time."""
    json: bool = False
    """Print a list with one object per photo: file, detector, faces, and error where it could not be read."""
    csv: bool = False
    """Print one row per face; a photo without one keeps a row with empty cells."""
    table: Path | None = None
    """Write the rows of photos to a .csv, .jsonl or .parquet file instead, photo by photo."""
    resume: bool = False
    """Continue that table, or the tables of videos, after an interruption. Give what decides rows as before."""
    out: Path | None = None
    """A folder for the files of videos and for annotated .jpg copies of photos; earlier copies there are replaced."""
    gallery: Path | None = None
    """Write a web page of all faces by expression, the most confident first: one .html file."""
    sheet: Path | None = None
    """Write the same as an image: .png, .jpg or .webp."""
    every: str | None = None
    """Take a frame of a video every so often: 0.2s, 200ms. All frames by default."""
    fps: float | None = None
    """The same as frames per second."""
    smoothing: float = SMOOTHING
    """Videos: the standard deviation, in seconds, of the Gaussian over time that makes s_... of p_...; 0: none."""
    episodes: EpisodeRule = EPISODES
    """What counts as an episode of a video."""
    format: str = "csv"
    """The format of a video's table: csv, jsonl or parquet (needs mien[table])."""
    export: tuple[CodingFormat, ...] = ()
    """Write the episodes of videos for these programs too: elan (.eaf, needs mien[study]), boris, textgrid (Praat)."""
    video: bool = False
    """Write an annotated copy of each video too, with its sound (clip.annotated.mp4)."""
    blur: Literal["none", "faces", "others"] = "none"
    """Write the annotated copies with all faces covered, for sharing, or those of all persons but --keep-person."""
    keep_person: tuple[int, ...] = ()
    """The numbers of the persons of a video whose faces --blur others leaves as they are."""
    require_face: bool = False
    """Exit code 1 where a photo or video has no face."""
    truncated: Truncated = "refuse"
    """accept: read photos that were cut off, as far as they go."""
    max_pixels: int = MAX_PIXELS
    """The most pixels of a photo. A larger JPEG (not progressive) is read at a reduced size, others are refused."""
    device: str = "cpu"
    """Where the network is computed: cpu, or what onnxruntime has here: cuda, coreml, directml, openvino."""
    threads: int | None = None
    """How many cores to use; all of them by default."""

    def exit_code(self, outcomes: Collection[Outcome]) -> int:
        """Return 2 where nothing could be read, 1 where a part could not, or a required face is missing, else 0."""
        if outcomes and set(outcomes) == {"unread"}:
            return 2
        misses = {"unread", "damaged", *(["no face"] if self.require_face else [])}
        return int(not misses.isdisjoint(outcomes))

    def seconds(self) -> float:
        """Return the seconds from one frame of a video to the next; 0 takes all. InputError where both are given."""
        if self.every and self.fps is not None:
            raise InputError("--every and --fps: choose one")
        if self.fps is not None:
            if not 0 < self.fps < float("inf"):
                raise InputError(f"--fps {self.fps:g}: expected a number above 0")
            return 1 / self.fps
        time = re.fullmatch(r"(\d+\.?\d*|\.\d+)(ms|s)?", self.every or "0")
        if not time:
            raise InputError(f"--every {self.every}: expected a time such as 0.2s or 200ms")
        return float(time[1]) / (1000 if time[2] == "ms" else 1)

    def _check_blur(self, *, photos: bool) -> None:
        """Raise InputError where a face would be shown that is to be covered."""
        if (self.blur == "others") != bool(self.keep_person):
            raise InputError("--blur others and --keep-person go together: --blur others --keep-person 1")
        if self.blur == "none":
            return
        if not self.out:
            raise InputError(f"--blur {self.blur}: copies need a folder; add --out FOLDER")
        if photos and self.blur == "others":
            raise InputError("--blur others is for videos: the persons of photos have no numbers")
        if self.gallery or self.sheet:
            raise InputError(f"--blur {self.blur}: --gallery and --sheet show faces; leave them away")
        if self.seconds() > SPARSEST:
            every = f"one frame every {self.seconds():g} s"
            raise InputError(f"--blur {self.blur}: {every} is too few to follow a face; at most {SPARSEST} s")

    def check(self, *, photos: bool, videos: bool) -> None:
        """Raise InputError where options exclude each other, or are for inputs that are not there."""
        pages = self.gallery or self.sheet
        for path in filter(None, (self.out, self.table, self.gallery, self.sheet)):
            check_local(path)
        if self.threads is not None and self.threads < 1:
            raise InputError(f"--threads {self.threads}: expected at least 1")
        self.seconds()
        check_smoothing(self.smoothing)
        self.episodes.check()
        self._check_blur(photos=photos)
        if self.json and self.csv:
            raise InputError("--json and --csv: choose one")
        if self.resume and (pages or not (self.table or videos)):
            raise InputError("--resume continues a table: add --table, and leave --gallery and --sheet away")
        rules = (self.smoothing, self.episodes) != (SMOOTHING, EPISODES)
        if not videos and (
            self.every or self.fps is not None or self.format != "csv" or self.export or self.video or rules
        ):
            options = "--every, --fps, --smoothing, --format, --export, --video and rules of episodes"
            raise InputError(f"{options} are for videos; there is none")
        if not photos and (self.table or pages or self.json or self.csv):
            for_photos = "--table, --json, --csv, --gallery and --sheet are for photos"
            raise InputError(f"{for_photos}; there is none (a video's table: --out)")
