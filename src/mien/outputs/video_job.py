"""What `mien predict` does with videos: a table each, and what is made of it."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from mien.core import images
from mien.core.console import bar
from mien.core.errors import InputError
from mien.faces.faces import FRAME, columns
from mien.outputs import annotate_video, timeline
from mien.outputs.table import TableWriter
from mien.recognition import episodes
from mien.recognition.recognize_video import from_rows, recognize_video, to_rows
from mien.recognition.recognizer import Recognizer
from mien.recognition.video import SUFFIXES, Video

Format = Literal["csv", "jsonl", "parquet"]


@dataclass(frozen=True)
class VideoJob:
    """How videos are worked on."""

    form: Format = "csv"
    """The table's format."""
    every: float = 0.0
    """Seconds from one picture to the next; 0 takes all."""
    annotate: bool = False
    """Write an annotated copy of the video too."""
    resume: bool = False
    """Go on with the table that is there."""
    threads: int | None = None

    def table(self, stem: Path) -> Path:
        """Return where the table of the video goes whose files begin with `stem`."""
        return _beside(stem, f".{self.form}")


def is_video(path: Path) -> bool:
    """Return whether a file is a video: by its name, or where that says nothing by what is in it."""
    if (suffix := path.suffix.lower()) in SUFFIXES | images.SUFFIXES or not path.is_file():
        return suffix in SUFFIXES
    try:
        with Image.open(path):
            return False
    except Exception:  # a damaged header makes Pillow raise anything
        pass
    try:
        with Video(path) as video:  # FFmpeg takes still pictures, which have no duration, and art made of letters too
            return video.duration is not None and video.container.format.name != "tty"
    except InputError:
        return False


def recognize_videos(recognizer: Recognizer, targets: Mapping[Path, Path], job: VideoJob) -> tuple[int, int]:
    """Write the table, the episodes, the timeline and, if asked, the annotated copy of each video.

    What cannot be read is told in a line on stderr, and the next one is taken.

    Args:
        targets: video -> what the names of its files begin with (`files.targets`).

    Returns:
        How many videos were damaged, could not be read or have no face, and of how many of those no picture was read.

    Raises:
        InputError: a table is there already, or a file cannot be written.
        KeyboardInterrupt: by the user; says how to go on.
    """
    missed = unread = 0
    for path, stem in targets.items():
        try:
            video = Video(path, every=job.every, threads=job.threads)
        except InputError as error:
            print(error, file=sys.stderr)
            missed, unread = missed + 1, unread + 1
            continue
        try:
            with video:
                found = _recognize(recognizer, video, stem, job)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"interrupted; {job.table(stem)} is whole so far, go on with --resume") from None
        problem = video.damage or ("" if found.seen else f"{path}: no face found")
        if problem:
            print(problem, file=sys.stderr)
            missed, unread = missed + 1, unread + (not found.pictures)
    return missed, unread


def _recognize(recognizer: Recognizer, video: Video, stem: Path, job: VideoJob) -> episodes.Found:
    """Write all the files of one video; return what was found."""
    from rich.progress import TaskProgressColumn

    labels = recognizer.session.info.labels
    table = job.table(stem)
    with TableWriter(table, columns(labels, FRAME), resume=job.resume) as rows, bar(TaskProgressColumn()) as progress:
        task = progress.add_task(video.path.name, total=video.duration)
        for found in recognize_video(recognizer, video, earlier=from_rows(rows.rows(), labels)):
            rows.write(to_rows(found))
            progress.update(task, completed=found.time)
        summary = episodes.find_episodes(from_rows(rows.rows(), labels), video.duration)
        if not summary.pictures:
            return summary
        for suffix, write in episodes.WRITERS.items():
            write(summary.episodes, _beside(stem, suffix))
        bands = timeline.collect(from_rows(rows.rows(), labels), summary, labels)
        pictures = [_beside(stem, ".timeline.png"), _beside(stem, ".timeline.svg")]
        timeline.write(bands, summary, labels, video.path.name, pictures)
        if job.annotate:
            progress.reset(task, description=f"{video.path.name}, annotated", total=summary.end)
            with Video(video.path, threads=job.threads) as source:
                again = from_rows(rows.rows(), labels)
                for time in annotate_video.write(source, again, _beside(stem, ".annotated.mp4"), threads=job.threads):
                    progress.update(task, completed=time)
    numbers = {"picture": summary.pictures, "face": len(summary.seen), "episode": len(summary.episodes)}
    taken, *rest = (f"{number:,} {name}{'s' * (number != 1)}" for name, number in numbers.items())
    print(f"{table}: {taken} over {summary.end:.1f} s, {', '.join(rest)}", file=sys.stderr)
    return summary


def _beside(stem: Path, suffix: str) -> Path:
    return stem.with_name(stem.name + suffix)
