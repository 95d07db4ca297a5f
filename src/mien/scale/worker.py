"""What one process does with parts: recognise their files and write them, whole or not at all."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from mien.core import records
from mien.core.errors import InputError
from mien.core.files import writing
from mien.outputs.jobs import PredictJob
from mien.outputs.photos import Photo
from mien.outputs.predict_job import make_recognizer
from mien.outputs.settings import table_settings
from mien.outputs.video_job import VideoResult, recognize_video
from mien.recognition.recognizer import Recognizer
from mien.recognition.video import Video
from mien.scale.addresses import Copy
from mien.scale.parts import Part, PartRecord, part_path
from mien.scale.reading import photo_rows, read_files

Done = Callable[[float], None]
"""Is given how much of a file has been done since the last call: 1 for all of it."""


class PartWorker:
    """Recognises the files of parts and writes each part when it is done.

    Args:
        job: its options; `out` is the folder of the parts.
        threads: how many cores may be used.

    Raises:
        InputError: a model or detector that cannot be used.
    """

    def __init__(self, job: PredictJob, *, threads: int = 1) -> None:
        assert job.out
        self.job, self.out, self.threads = replace(job, resume=True), job.out, threads
        self.photos = make_recognizer(job, 1)  # several photos at a time instead
        self.labels = self.photos.session.info.labels

    @functools.cached_property
    def videos(self) -> Recognizer:
        """What recognises videos."""
        return self.photos if self.threads == 1 else make_recognizer(self.job, self.threads)

    def __call__(self, parts: Sequence[Part], made_with: str, done: Done = lambda share: None) -> Iterator[PartRecord]:
        """Yield the record of each part once it is written, marked with `made_with` (`PartsJob.digest`): videos first.

        Raises:
            InputError: a file cannot be written; its part stays to be done.
        """
        videos, photos = ([part for part in parts if bool(part.size) == wanted] for wanted in (True, False))
        for group in (*([part] for part in videos), photos):
            read = read_files(self.photos, (name for part in group for name in part.files), workers=self.threads)
            with closing(read):
                for part in group:
                    record = self._record(part, zip(part.stems, read, strict=False), made_with, done)
                    records.write(part_path(self.out, part.name), record)
                    yield record

    def _record(
        self, part: Part, files: Iterable[tuple[Path, tuple[Copy, Photo | None]]], made_with: str, done: Done
    ) -> PartRecord:
        """Return what becomes of the files of a part."""
        record = PartRecord(made_with, [], [], [])
        for stem, (copy, photo) in files:
            result = photo or self._video(part, copy.path, stem, done)
            record.outcomes.append(result.outcome)
            record.messages.extend(map(copy.spelt, result.messages))
            if photo:
                record.rows.extend(photo_rows(copy, photo))
                done(1)
        return record

    def _video(self, part: Part, path: Path, stem: Path, done: Done) -> VideoResult:
        """Write the files of a video into a folder of the part, where they are continued after a kill; then move them
        to where they belong."""
        folder, work = (self.out / stem).parent, part_path(self.out, part.name).with_suffix(".work")
        settings, before = table_settings(self.job, video=True), 0.0

        def note(video: Video, seconds: float) -> None:
            nonlocal before
            now = min(1.0, seconds / video.duration) if video.duration else 0.0
            done(now - before)
            before = now

        result = recognize_video(
            self.videos,
            path,
            work / stem.name,
            self.job,
            settings,
            threads=self.threads,
            note=note,
            folder=folder,
        )
        if result.outcome == "unread" and result.messages[0].startswith(str(work)):
            raise InputError(result.messages[0])  # a full disk, say: the part stays to be done
        done(1 - before)
        move_files(work, folder)
        return replace(result, messages=tuple(line.replace(str(work), str(folder)) for line in result.messages))


def move_files(source: Path, folder: Path) -> None:
    """Move the files of a folder, if it exists, into another one and remove it. InputError where that cannot be."""
    if not source.exists():
        return
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for file in source.iterdir():
            if file.name.startswith("."):  # the remains of a kill
                file.unlink()
            else:
                file.replace(folder / file.name)
        source.rmdir()
