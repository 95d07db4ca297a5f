"""The parts of a large job: some photos, or one video, recognised by whichever process takes it and written at once.

A folder of parts has `job.json`, which says what is recognised and how, and `parts/` with a file per part that is done.
The processes that work on it share nothing else: there may be any number of them, on any machine that sees the folder,
and after a crash they start again.
"""

import hashlib
import heapq
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from mien.core import images, records
from mien.core.console import first_few, quantity
from mien.core.errors import InputError
from mien.core.paths import address, printable
from mien.outputs.inputs import find_inputs, is_video, output_paths
from mien.outputs.jobs import Outcome, PredictJob
from mien.outputs.settings import table_settings
from mien.outputs.tables import check_table
from mien.outputs.tables.settings import changed_settings, compared
from mien.outputs.video_job import table_path
from mien.recognition import video
from mien.scale.addresses import list_address

JOB = "job.json"
PHOTOS = 16  # in a part, on average: one call of the network, and a second of work that a kill may cost


@dataclass(frozen=True)
class PartsJob:
    """What the parts of a folder are, and what they are made with: its `job.json`."""

    settings: dict[str, str]
    """All that decides the content of parts: the settings of tables (`mien.outputs.settings`) and of videos' files."""
    photos: dict[str, str]
    """The settings that are noted with the merged table of photos."""
    labels: tuple[str, ...]
    """The classes of the model."""
    files: list[str]
    """All photos and videos, in the order in which one process reads them."""

    @property
    def digest(self) -> str:
        """What each part is marked with."""
        facts = {name: compared(value) for name, value in self.settings.items()}
        return hashlib.sha256(records.dumps(facts).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Part:
    """Files that are recognised together."""

    name: str
    """A hash of the paths."""
    files: tuple[str, ...]
    """Paths and addresses, as `printable` spells them."""
    stems: tuple[Path, ...]
    """What the names of the files of each video begin with, below the folder of parts."""
    size: int
    """Bytes of a video; 0: photos."""


@dataclass(frozen=True)
class PartRecord:
    """A part that is done: its file in parts/."""

    made_with: str
    """`PartsJob.digest`."""
    outcomes: list[Outcome]
    """One for each file, in their order."""
    messages: list[str]
    """The lines for the user, as `mien predict` prints them."""
    rows: list[dict[str, Any]]
    """The rows of `mien predict --table`, of photos only: a video has a table of its own."""


def open_job(paths: Sequence[Path], job: PredictJob, labels: Sequence[str]) -> tuple[PartsJob, list[Part], bool]:
    """Return what is to be done, all its parts, and whether some of `paths` could not be read at all; write `job.json`
    where it is missing.

    Raises:
        InputError: no input, a detector that cannot be used, or a folder whose parts are of other files or were made
            with other settings.
    """
    assert job.out
    files, sizes, unread = _list(paths, job.out)
    stems = output_paths({file: below for file, below in files.items() if _may_be_video(file)}, job.out, "")
    names = [address(file) or printable(file) for file in files]
    wanted = PartsJob(_settings(job), dict(table_settings(job, video=False)), tuple(labels), names)
    if (job.out / JOB).exists():
        _check_same(job.out / JOB, read_job(job.out), wanted)
    else:
        _check_free(job, stems)  # before hours of work
        records.write(job.out / JOB, wanted)
    parts, ahead = list[Part](), iter(files)
    for several in cut(names):
        paths = list(islice(ahead, len(several)))
        below = (stems[path].relative_to(job.out) if path in stems else files[path] for path in paths)
        size = _video_size(paths[0], sizes) if _is_called_video(several[0]) else 0
        parts.append(Part(part_name(several), several, tuple(below), size))
    return wanted, parts, unread


def _check_free(job: PredictJob, stems: Mapping[Path, Path]) -> None:
    """Raise InputError where a table of a video that is still to be done exists, or its format is none."""
    assert job.out
    for file, stem in stems.items():
        table = table_path(stem, job)
        check_table(table, resume=True)
        done = part_path(job.out, part_name((address(file) or printable(file),)))
        if os.path.lexists(table) and not (done.exists() or (job.out / JOB).exists()):  # by another process, meanwhile
            raise InputError(f"{table}: exists already; remove it, or choose another folder as --out")


def _list(paths: Sequence[Path], out: Path) -> tuple[dict[Path, Path], dict[Path, int], bool]:
    """Return the files of this machine, then those at addresses, each with its path below its folder; the bytes of the
    latter; and whether some of `paths` could not be read."""
    addresses = dict.fromkeys(filter(None, map(address, paths)))
    here = [path for path in paths if not address(path)]
    files, unread = find_inputs(here, outputs=out) if here or not addresses else ({}, False)
    sizes: dict[Path, int] = {}
    for one in addresses:
        for name, (below, size) in list_address(one).items():
            files.setdefault(Path(name), below)
            sizes[Path(name)] = size
    return files, sizes, unread


def read_job(folder: Path) -> PartsJob:
    """Return the `job.json` of a folder of parts. InputError where there is none."""
    if not (folder / JOB).exists():
        raise InputError(f"{folder}: no {JOB} in it; expected the folder that was --out of mien predict --shard")
    return records.read(
        folder / JOB, PartsJob, what="what mien predict --shard writes; remove it and run the shards again"
    )


def _settings(job: PredictJob) -> dict[str, str]:
    rule = {f"--{name.replace('_', '-')}": f"{value:g}" for name, value in vars(job.episodes).items()}
    tables = {**table_settings(job, video=False), **table_settings(job, video=True)}
    files = {"--format": job.format, "--export": " ".join(job.export), "--video": str(job.video), "--blur": job.blur}
    return {**tables, **rule, **files, "--keep-person": " ".join(map(str, job.keep_person))}


def _check_same(path: Path, noted: PartsJob, wanted: PartsJob) -> None:
    if changes := changed_settings(noted.settings, wanted.settings):
        raise InputError(f"{path}: {changes}; give the options as before, or another folder as --out")
    if noted.files != wanted.files:
        before, now = set(noted.files), set(wanted.files)
        lists = {
            "new": [name for name in wanted.files if name not in before],
            "no longer there": [name for name in noted.files if name not in now],
        }
        changes = "; ".join(f"{len(names):,} {what} ({first_few(names)})" for what, names in lists.items() if names)
        raise InputError(
            f"{path}: made for {quantity(len(before), 'file')}, now {len(now):,}: {changes or 'in another order'}; "
            "give the same paths, or another folder as --out"
        )


def cut(files: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Yield the files of each part: one video, or photos that follow each other.

    A video is known by its suffix. A part of photos ends after a name whose hash is a multiple of `PHOTOS`.

    Example:
        >>> list(cut(["a.jpg", "b.jpg", "c.mp4", "d.jpg"]))
        [('a.jpg', 'b.jpg'), ('c.mp4',), ('d.jpg',)]
    """
    waiting: list[str] = []
    for file in files:
        alone = _is_called_video(file)
        if waiting and alone:
            yield tuple(waiting)
            waiting = []
        waiting.append(file)
        if alone or hashlib.sha256(file.encode()).digest()[0] % PHOTOS == 0:
            yield tuple(waiting)
            waiting = []
    if waiting:
        yield tuple(waiting)


def part_name(files: Iterable[str]) -> str:
    """Return the name of a part: a hash of its paths."""
    return hashlib.sha256("\0".join(files).encode()).hexdigest()[:32]


def part_path(folder: Path, name: str) -> Path:
    """Return the file of a part that is done."""
    return folder / "parts" / f"{name}.json"


def read_part(path: Path, made_with: str, files: Collection[str]) -> PartRecord:
    """Return a part that is done. InputError where it is damaged, of other files, or was made with other settings."""
    record = records.read(path, PartRecord, what="a part of mien predict --shard; remove it and run the shards again")
    if record.made_with != made_with:
        raise InputError(f"{path}: made with other settings than {JOB} says; remove it and run the shards again")
    if len(record.outcomes) != len(files) or any(row.get("file") not in files for row in record.rows):
        raise InputError(f"{path}: of other files than {JOB} says; remove it and run the shards again")
    return record


def share(parts: Sequence[Part], index: int, count: int) -> list[Part]:
    """Return the parts of shard `index`, from 1, of `count`: the videos, the largest first, then photos.

    Each video, the largest first, goes to the shard that has the fewest bytes so far; photos go round.
    """
    videos = longest_first(part for part in parts if part.size)
    loads, mine = [(0, shard) for shard in range(1, min(count, len(videos)) + 1)], list[Part]()
    for part in videos:
        load, shard = heapq.heappop(loads)
        heapq.heappush(loads, (load + part.size, shard))
        if shard == index:
            mine.append(part)
    return mine + [part for part in parts if not part.size][index - 1 :: count]


def longest_first(parts: Iterable[Part]) -> list[Part]:
    """Return the videos, the largest first, then the photos in their order."""
    return sorted(parts, key=lambda part: (-part.size, part.name if part.size else ""))


def _video_size(path: Path, sizes: Mapping[Path, int]) -> int:
    """Return the bytes of a video, 1 where they are not known."""
    try:
        return max(1, sizes[path] if path in sizes else path.stat().st_size)
    except OSError:  # said when its turn comes
        return 1


def _may_be_video(path: Path) -> bool:
    """Return whether a file needs names for the files of a video. A million files called like photos are not opened."""
    suffix = path.suffix.lower()
    return suffix in video.SUFFIXES or (suffix not in images.SUFFIXES and not address(path) and is_video(path))


def _is_called_video(name: str) -> bool:
    return Path(name).suffix.lower() in video.SUFFIXES
