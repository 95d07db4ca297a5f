"""What the networks say about the videos of a study: a table of each in cache/. What is there is not done again."""

from collections.abc import Sequence
from pathlib import Path

from mien.core.errors import InputError
from mien.core.streams import say
from mien.outputs.settings import table_settings
from mien.recognition.video import Video
from mien.scale.ray_engine import Engine
from mien.study.cache import Cached, cache_key, find_cached, is_readable, read_hashes
from mien.study.clips import Clip
from mien.study.project import Study
from mien.study.video_task import VideoTask
from mien.study.workers import run_tasks


def recognise(
    study: Study, clips: Sequence[Clip], *, jobs: int | None = None, engine: Engine | None = None
) -> dict[Path, Cached | str]:
    """Recognise what is new or changed; return the table of each file of the clips, or why there is none.

    Of a file, and its copies, the stretch from the start of its first clip to the end of its last one is recognised, so
    that a person has one number in all of them.

    Args:
        study: whose settings decide what is done.
        clips: the rows of its videos.
        jobs: how many videos at a time; as many as cores and memory allow by default.
        engine: ray: on the actors of a cluster, one for each core.

    Raises:
        InputError: the model or the detector cannot be used, cache/ cannot be written, or a worker process was killed.
        MissingExtra: ray is not installed.
        KeyboardInterrupt: after Ctrl-C, once all tables are whole; says how to go on.
    """
    job = study.job()
    settings = table_settings(job, video=True)
    study.cache.mkdir(parents=True, exist_ok=True)
    paths = dict.fromkeys(clip.path for clip in clips)
    hashes = read_hashes(study.cache, paths)
    parts: dict[str | None, list[Clip]] = {}  # of the same bytes
    for clip in clips:
        parts.setdefault(hashes.get(clip.path), []).append(clip)
    found: dict[Path, Cached | str] = {}
    tables: dict[Path, Path] = {}  # of the videos that wait
    tasks: dict[Path, VideoTask] = {}  # one for each table
    for path in paths:
        try:
            if (sha256 := hashes.get(path)) is None:
                reason = "a folder" if path.is_dir() else "cannot be read" if path.exists() else "no such file"
                raise InputError(f"{path}: {reason}")
            begin, until = min(clip.start for clip in parts[sha256]), max(clip.end for clip in parts[sha256])
            key = cache_key(sha256, settings)
            if (cached := find_cached(study.cache, key, begin, until)) is not None:
                found[path] = cached
                continue
            with Video(path) as video:
                length = max(0.0, min(until, video.duration or 0.0) - begin)
                pixels = video.stream.codec_context.width * video.stream.codec_context.height
        except InputError as error:
            found[path] = str(error)
            continue
        table = study.cache / f"{key}{f'-{begin:g}' if begin else ''}.parquet"
        if table.is_file() and not is_readable(table):
            say(f"{table}: damaged; {path.name} is recognised anew")
            table.unlink()
        tables[path] = table
        task = VideoTask(path, table, sha256, job, settings, begin, until, study.output.pictures, length, pixels)
        tasks.setdefault(table, task)
    if tasks:
        done = run_tasks(list(tasks.values()), jobs, engine)
        found |= {path: done[table] for path, table in tables.items()}
    return found
