"""What `mien predict` does with videos: a table each, and what is made of it, in one pass over the frames."""

from collections.abc import Mapping
from contextlib import ExitStack
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


def recognize_videos(
    recognizer: Recognizer, stems: Mapping[Path, Path], job: PredictJob, settings: Settings, *, threads: int
) -> set[Outcome]:
    """Write the table, the episodes, the timeline and, if asked, the annotated copy of each video.

    `stems` has for each video what the names of its files begin with; `settings` are noted with each table. A video
    that cannot be read, or whose files cannot be written, is reported in a line on stderr, and the next one follows.
    After Ctrl-C the message of the KeyboardInterrupt says how to continue.
    """
    outcomes = set[Outcome]()
    for path, stem in stems.items():
        try:
            with Video(path, every=job.seconds(), threads=threads) as video:
                summary = _recognize(recognizer, video, stem, job, with_source(settings, path), threads)
        except InputError as error:
            say(error)
            outcomes.add("unread")
            continue
        except KeyboardInterrupt:
            raise KeyboardInterrupt(interrupted(table_path(stem, job))) from None
        for note in video.notes:
            say(note)
        problem = video.damage or ("" if summary.frames_of_person else f"{path}: no face found")
        if problem:
            say(problem)
        outcomes.add(
            "unread" if not summary.frames else "damaged" if video.damage else "no face" if problem else "face"
        )
    return outcomes


def interrupted(table: Path) -> str:
    """Return the message after Ctrl-C."""
    return f"interrupted; {table} has all rows so far, continue with --resume"


def _recognize(
    recognizer: Recognizer, video: Video, stem: Path, job: PredictJob, settings: Settings, threads: int
) -> VideoSummary:
    """Write all files of one video.

    Frames of an earlier job come from its table, once. All that is made of the faces sees what the table holds, so that
    a resumed job writes the same files.
    """
    from rich.progress import TaskProgressColumn

    labels, table = recognizer.session.info.labels, table_path(stem, job)
    with ExitStack() as stack:
        rows = stack.enter_context(TableWriter(table, columns(labels, FRAME), resume=job.resume, settings=settings))
        episodes, timeline = EpisodeFinder(job.episodes), stack.enter_context(Timeline(labels, table.parent))
        sinks: list[EpisodeFinder | Timeline | AnnotatedVideo] = [episodes, timeline]
        cover = FaceCover(job.keep_person) if job.blur != "none" else None
        progress = stack.enter_context(progress_bar(TaskProgressColumn()))
        task = progress.add_task(video.path.name, total=video.duration)

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
            progress.update(task, completed=faces.time)
        summary = episodes.finish(video.end, last=video.last)
        if summary.frames:
            write_episodes(
                summary.episodes,
                stem,
                job.episodes,
                video=video.path,
                seconds=summary.end,
                classes=labels,
                formats=job.export,
            )
            timeline.save(summary, video.path.name, stem)
    if cover and (unseen := sorted(cover.keep - cover.seen)):
        say(f"{video.path}: no person {', '.join(map(str, unseen))} to keep; all others are covered")
    if summary.frames:
        persons, found = len(summary.frames_of_person), len(summary.episodes)
        frames = f"{quantity(summary.frames, 'frame')} over {summary.end:.1f} s"
        jumps = f", {quantity(closed, 'jump')} in time closed" if (closed := len(video.clock.jumps)) else ""
        line = f"{frames}, {quantity(persons, 'face')}, {quantity(found, 'episode')}{jumps}"
        say(f"{table}: {line}")
    return summary
