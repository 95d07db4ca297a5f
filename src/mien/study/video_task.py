"""One video of a study: recognised into its table in cache/, or continued where it was interrupted."""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path

from mien.core import records
from mien.core.errors import InputError
from mien.core.files import replacing
from mien.core.paths import printable
from mien.faces.faces import FRAME, VideoFaces, columns
from mien.outputs.jobs import PredictJob
from mien.outputs.predict_job import make_recognizer
from mien.outputs.tables import TableWriter
from mien.outputs.tables.settings import Settings
from mien.outputs.video_rows import from_rows, to_rows
from mien.recognition.people import People, merge
from mien.recognition.recognizer import Recognizer
from mien.recognition.video import Video
from mien.study.cache import Recognised, picture_path


@dataclass(frozen=True)
class VideoTask:
    """A video to be recognised, as a worker process is told of it."""

    path: Path
    table: Path
    sha256: str
    job: PredictJob
    settings: Settings
    begin: float
    until: float
    pictures: bool
    """Whether to keep a picture of each track."""
    seconds: float
    """How long the part is, as far as the file says it; 0: unknown."""
    pixels: int
    """Of a frame."""


def recognise_video(task: VideoTask, threads: int, note: Callable[[float], None]) -> Recognised | str:
    """Recognise a video, or what is left of it; return its record, or why it cannot be read.

    `note` is given the seconds that are done, frame by frame, and may raise KeyboardInterrupt.
    """
    import onnxruntime

    try:
        recognizer = _recognizer(task.job, threads)
        labels = recognizer.session.info.labels
        names = columns(labels, FRAME)
        frames = faces = 0

        def counted(found: Iterator[VideoFaces]) -> Iterator[VideoFaces]:
            nonlocal frames, faces
            for one in found:
                frames, faces = frames + 1, faces + len(one)
                note(one.time - task.begin)
                yield one

        with (
            Video(task.path, every=task.job.seconds(), threads=threads, begin=task.begin, until=task.until) as video,
            TableWriter(task.table, names, resume=True, settings=task.settings) as rows,
        ):
            earlier, people = counted(from_rows(rows.rows(), labels)), People(whole=True, pictures=task.pictures)
            for found in counted(
                recognizer.follow(video, earlier=earlier, smoothing=task.job.smoothing, people=people)
            ):
                rows.write(to_rows(found))
            context = video.stream.codec_context
            width, height = context.width, context.height
    except InputError as error:
        return str(error)
    record = Recognised(
        video=printable(task.path.name),
        sha256=task.sha256,
        settings=dict(task.settings),
        classes=labels,
        begin=task.begin,
        until=None if task.until == inf else task.until,
        end=video.end,
        duration=video.duration,
        width=width,
        height=height,
        frames=frames,
        faces=faces,
        onnxruntime=onnxruntime.__version__,
        tracks=merge(list(people.tracks.values())),
        damage=video.damage,
        notes=video.notes,
    )
    _write_pictures(task, people)
    records.write(task.table.with_suffix(".json"), record)
    return record


@functools.lru_cache(maxsize=1)
def _recognizer(job: PredictJob, threads: int) -> Recognizer:
    return make_recognizer(job, threads)


def _write_pictures(task: VideoTask, people: People) -> None:
    """Write a small JPEG of each track, if asked for."""
    for track in people.tracks.values():
        if track.picture:
            path = picture_path(task.table, track.number)
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as part:
                part.write_bytes(track.picture)
