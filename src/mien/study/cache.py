"""What is in cache/ of a study: a table for each video that was recognised, and what is known of it.

A table is done once its `Recognised` is written; until then it is continued, with the same rows as without the
interruption. Both are named after what decides the rows: the bytes of the video and the settings of recognition. So a
file that is renamed or copied is not recognised again, and another model does not overwrite what the first one said.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from mien.core import records
from mien.core.console import progress_bar
from mien.core.errors import InputError
from mien.core.paths import printable
from mien.outputs.tables.settings import Settings, compared
from mien.recognition.people import TrackSummary
from mien.study.project import Study

FILES = "files.json"


@dataclass(frozen=True)
class Recognised:
    """A video whose table is done."""

    video: str
    """The name of the file then."""
    sha256: str
    settings: dict[str, str]
    """Those of `mien predict` (`mien.outputs.settings`)."""
    classes: tuple[str, ...]
    begin: float
    """Seconds: frames before are not in the table."""
    until: float | None
    """Seconds: frames from then on are not in the table; None: it goes to the end of the video."""
    end: float
    """Seconds: when the last frame of the table ends, as far as is known."""
    duration: float | None
    """Seconds, as the file says."""
    width: int
    height: int
    frames: int
    faces: int
    onnxruntime: str = ""
    """Its version."""
    tracks: list[TrackSummary] = field(default_factory=list)
    """The tracks of the table, and their persons."""
    damage: str = ""
    """One line on what could not be decoded."""
    notes: list[str] = field(default_factory=list)
    """What else is odd about the video."""

    def covers(self, begin: float, until: float) -> bool:
        """Return whether the table has all frames of a part of the video."""
        return self.begin <= begin and (self.until is None or until <= self.until)


@dataclass(frozen=True)
class Cached:
    """What there is of a video."""

    table: Path
    record: Recognised


@dataclass(frozen=True)
class KnownFile:
    """A video as it was when its bytes were last read: where size and time are still these, so are the bytes."""

    size: int
    mtime_ns: int
    sha256: str


def read_hashes(cache: Path, paths: Iterable[Path]) -> dict[Path, str]:
    """Return the SHA-256 of each file that can be read. Bytes that were read in an earlier run are not read again."""
    known, paths = _known_files(cache / FILES), list(paths)
    _read_new(paths, known)
    records.write(cache / FILES, known)
    names = {path: printable(path.resolve()) for path in paths if path.is_file()}
    return {path: known[name].sha256 for path, name in names.items() if name in known}


def cache_key(sha256: str, settings: Settings) -> str:
    """Return what the files in cache/ of a video are called."""
    facts = {"video": sha256, **{name: compared(value) for name, value in settings.items()}}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def find_cached(cache: Path, key: str, begin: float, until: float) -> Cached | None:
    """Return the finished table of a video that has all frames of a part."""
    for path in sorted(cache.glob(f"{key}*.json")):
        table = path.with_suffix(".parquet")
        if not path.name.endswith(".settings.json") and is_readable(table):
            with suppress(InputError):  # damaged: as if it were not there
                record = records.read(path, Recognised, what="a record of mien study")
                if record.covers(begin, until):
                    return Cached(table, record)
    return None


def is_readable(table: Path) -> bool:
    """Return whether there is a table that is not damaged, as its end says."""
    import pyarrow.parquet

    try:
        return bool(pyarrow.parquet.read_metadata(table))
    except (OSError, pyarrow.ArrowException):
        return False


@contextmanager
def reading(table: Path) -> Iterator[None]:
    """Turn what pyarrow raises for a damaged table into one line."""
    import pyarrow

    try:
        yield
    except (OSError, pyarrow.ArrowException) as error:
        if isinstance(error, OSError) and error.errno:
            raise  # of another file, or no room
        reason = str(error).splitlines()[0]
        raise InputError(
            f"{table}: damaged ({reason}); delete it, and mien study run recognises its video anew"
        ) from None


def find_table(study: Study, sha256: str, settings: Settings, begin: float, until: float) -> Path | None:
    """Return the table in cache/ of a video's bytes, as settings.json of a run names them; None where it has gone."""
    cached = find_cached(study.cache, cache_key(sha256, settings), begin, until)
    return cached.table if cached else None


def picture_path(table: Path, track: int) -> Path:
    """Return where the picture of a track is, of the video with that table in cache/."""
    return table.with_name(f"{table.stem}-tracks") / f"{track:04d}.jpg"


def _known_files(path: Path) -> dict[str, KnownFile]:
    with suppress(InputError):  # damaged: it only saves time
        return records.read(path, dict[str, KnownFile], what="the videos of a study") if path.exists() else {}
    return {}


def _read_new(paths: Iterable[Path], known: dict[str, KnownFile]) -> None:
    """Read the bytes of the videos that are new, or whose size or time has changed."""
    from rich.progress import TaskProgressColumn

    new: dict[Path, os.stat_result] = {}
    for path in paths:
        with suppress(OSError):  # said when its turn comes
            facts, held = path.stat(), known.get(printable(path.resolve()))
            if path.is_file() and (held is None or (held.size, held.mtime_ns) != (facts.st_size, facts.st_mtime_ns)):
                new[path] = facts
    with progress_bar(TaskProgressColumn()) as progress:
        bar = progress.add_task("reading files", total=sum(facts.st_size for facts in new.values()))
        for path, facts in new.items():
            digest = hashlib.sha256()
            with suppress(OSError), path.open("rb") as file:
                while piece := file.read(1 << 22):
                    digest.update(piece)
                    progress.advance(bar, len(piece))
                known[printable(path.resolve())] = KnownFile(facts.st_size, facts.st_mtime_ns, digest.hexdigest())
