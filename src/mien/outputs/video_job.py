"""What `mien predict` does with videos: a table each, and what is made of it, in one pass over the frames."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from mien.core.console import progress_bar, quantity
from mien.core.errors import InputError
from mien.core.streams import say
from mien.faces.faces import FRAME, VideoFaces, columns
from mien.outputs.annotate_video import AnnotatedVideo, annotate_video
from mien.outputs.blur import FaceCover
from mien.outputs.episode_files import write_episodes
from mien.outputs.jobs import Outcome, PredictJob
from mien.outputs.settings import with_source
from mien.outputs.tables import TableWriter
from mien.outputs.tables.settings import Settings
from mien.outputs.timeline import Timeline
from mien.outputs.video_rows import from_rows, to_rows
from mien.recognition.episodes import EpisodeFinder, VideoSummary
from mien.recognition.recognizer import Recognizer
from mien.recognition.video import Video


def table_path(stem: Path, job: PredictJob) -> Path:
    """Return the table of the video whose files begin with `stem`."""
    return stem.with_name(f"{stem.name}.{job.format}")


Note = Callable[[Video, float], None]
"""Is given the video and the seconds of it that are done, frame by frame."""


@dataclass(frozen=True)
class VideoResult:
    """What became of a video."""

    outcome: Outcome
    messages: tuple[str, ...]
    """Lines for the user: what was not read or is odd, the problem, what was found."""


def recognize_videos(
    recognizer: Recognizer, stems: Mapping[Path, Path], job: PredictJob, settings: Settings, *, threads: int
) -> set[Outcome]:
    """Write the files of each video under a progress bar, and say on stderr what became of it.

    `stems` has for each video what the names of its files begin with; `settings` are noted with each table. After
    Ctrl-C the message of the KeyboardInterrupt says how to continue.
    """
    from rich.progress import TaskProgressColumn

    outcomes = set[Outcome]()
    for path, stem in stems.items():
        with progress_bar(TaskProgressColumn()) as progress:
            bar = progress.add_task(path.name, total=None)

            def note(video: Video, seconds: float) -> None:
                progress.update(bar, total=video.duration, completed=seconds)  # noqa: B023 - called in this turn

            try:
                result = recognize_video(recognizer, path, stem, job, settings, threads=threads, note=note)
            except KeyboardInterrupt:
                raise KeyboardInterrupt(interrupted(table_path(stem, job))) from None
        say(*result.messages)
        outcomes.add(result.outcome)
    return outcomes


def recognize_video(
    recognizer: Recognizer,
    path: Path,
    stem: Path,
    job: PredictJob,
    settings: Settings,
    *,
    threads: int,
    note: Note = lambda video, seconds: None,
    folder: Path | None = None,
) -> VideoResult:
    """Write the table, the episodes, the timeline and, if asked, the annotated copy of a video.

    A video that cannot be read, or whose files cannot be written, is a result too. `folder` is where the files will be
    moved to, if anywhere: some of them name the video, relative to it.
    """
    cover = FaceCover(job.keep_person) if job.blur != "none" else None
    try:
        with Video(path, every=job.seconds(), threads=threads) as video:
            made = with_source(settings, path)
            summary = _recognize(recognizer, video, stem, job, made, cover, threads, note, folder or stem.parent)
    except InputError as error:
        return VideoResult("unread", (str(error),))
    unseen = ", ".join(map(str, sorted(cover.keep - cover.seen))) if cover else ""
    problem = video.damage or ("" if summary.frames_of_person else f"{path}: no face found")
    messages = (
        f"{path}: no person {unseen} to keep; all others are covered" if unseen else "",
        _found(summary, video, table_path(stem, job)) if summary.frames else "",
        *video.notes,
        problem,
    )
    outcome: Outcome = "damaged" if video.damage else "no face" if problem else "face"
    return VideoResult(outcome if summary.frames else "unread", tuple(filter(None, messages)))


def interrupted(table: Path) -> str:
    """Return the message after Ctrl-C."""
    return f"interrupted; {table} has all rows so far, continue with --resume"


def _recognize(
    recognizer: Recognizer,
    video: Video,
    stem: Path,
    job: PredictJob,
    settings: Settings,
    cover: FaceCover | None,
    threads: int,
    note: Note,
    folder: Path,
) -> VideoSummary:
    """Write all files of one video.

    Frames of an earlier job come from its table, once. All that is made of the faces sees what the table holds, so that
    a resumed job writes the same files.
    """
    labels, table = recognizer.session.info.labels, table_path(stem, job)
    with ExitStack() as stack:
        rows = stack.enter_context(TableWriter(table, columns(labels, FRAME), resume=job.resume, settings=settings))
        episodes, timeline = EpisodeFinder(job.episodes), stack.enter_context(Timeline(labels, table.parent))
        sinks: list[EpisodeFinder | Timeline | AnnotatedVideo] = [episodes, timeline]

        def add(faces: VideoFaces) -> VideoFaces:
            if (job.video or cover) and len(sinks) == 2:  # only now: a video without a frame has no copy
                path = stem.with_name(f"{stem.name}.annotated.mp4")
                copy = annotate_video(video.path, path, threads=threads, cover=cover)
                sinks.append(stack.enter_context(copy))
            for sink in sinks:
                sink.write(faces)
            return faces

        earlier = map(add, from_rows(rows.rows(), labels))
        for faces in recognizer.follow(video, earlier=earlier, smoothing=job.smoothing):
            cells = to_rows(faces)
            rows.write(cells)
            for held in from_rows(cells, labels):
                add(held)
            note(video, faces.time)
        summary = episodes.finish(video.end, last=video.last)
        if summary.frames:
            write_episodes(
                summary.episodes,
                stem,
                job.episodes,
                video=video.path,
                folder=folder,
                seconds=summary.end,
                classes=labels,
                formats=job.export,
            )
            timeline.save(summary, video.path.name, stem)
    return summary


def _found(summary: VideoSummary, video: Video, table: Path) -> str:
    """Return in a line what was found."""
    persons, found = len(summary.frames_of_person), len(summary.episodes)
    frames = f"{quantity(summary.frames, 'frame')} over {summary.end:.1f} s"
    jumps = f", {quantity(closed, 'jump')} in time closed" if (closed := len(video.clock.jumps)) else ""
    return f"{table}: {frames}, {quantity(persons, 'face')}, {quantity(found, 'episode')}{jumps}"
