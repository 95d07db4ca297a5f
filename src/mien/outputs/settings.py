"""What decides the rows of a job's tables, so that `--resume` can refuse to mix them."""

import os
from dataclasses import fields
from pathlib import Path

from mien import __version__
from mien.core.console import quantity
from mien.core.download import file_sha256
from mien.core.files import os_errors
from mien.core.paths import printable
from mien.faces.detectors import detector_name, load_detector
from mien.models.bundled import resolve
from mien.models.providers import find_providers, short_name
from mien.outputs.jobs import PredictJob
from mien.outputs.tables.settings import Settings

# fields of PredictJob that decide where rows go, or are noted in a form of their own; any other is noted as it is
APART = frozenset(
    {
        "json",
        "csv",
        "table",
        "resume",
        "out",
        "gallery",
        "sheet",
        "format",
        "export",
        "blur",
        "keep_person",
        "video",
        "require_face",
        "threads",
    }
    | {"model", "detector", "device", "every", "fps", "smoothing", "episodes"}
)
PHOTOS = frozenset({"truncated", "max_pixels"})


def table_settings(job: PredictJob, *, video: bool) -> Settings:
    """Return the settings of a job's table of photos, or of a video. Errors as `Recognizer`."""
    model, detector = resolve(job.model), load_detector(job.detector)
    weights = getattr(detector, "path", None)
    settings = {
        "mien": __version__,
        "--model": _digest(model, model.with_suffix(".json")),
        "--detector": f"{detector_name(detector)} {_digest(weights)}" if weights else detector_name(detector),
    }
    settings["--device"] = short_name(find_providers(job.device)[0][0])  # a GPU rounds otherwise than a CPU
    for name in (entry.name for entry in fields(job)):
        if name not in APART and not (video and name in PHOTOS):
            settings[f"--{name.replace('_', '-')}"] = str(getattr(job, name))
    if video:
        settings["--every"] = f"{job.seconds():.9g} s" if job.seconds() else "0 s (all frames)"
        filter_of_s = "s_...: mean of p_... along the track, weights exp{-dt^2 / 2 SD^2} to 3 SD, SD this"
        settings["--smoothing"] = f"{job.smoothing:g} s ({filter_of_s})"
    return settings


def with_source(settings: Settings, video: Path) -> Settings:
    """Return the settings of a video's table with the video itself: another of that name gets other rows."""
    size = video.stat().st_size if os.path.isfile(video) else 0  # noqa: PTH113 - False for names too long
    return {**settings, "video": f"{printable(video.name)}, {quantity(size, 'byte')}"}


def _digest(path: Path, *more: Path) -> str:
    """Return the begin of each file's SHA-256, and its name for readers; `more` where they are there."""
    found = []
    for one in (path, *filter(Path.is_file, more)):
        with os_errors(one):
            found.append(f"{file_sha256(one)[:16]} ({one.name})")
    return ", ".join(found)
