"""`mien study run`: from the videos of a study to its tables. What has not changed is not recognised again."""

from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien import __version__
from mien.core import records
from mien.core.console import first_few, quantity, track
from mien.core.errors import InputError, did_you_mean, needs_extra
from mien.core.files import check_folder, only_one
from mien.core.streams import say, show_table
from mien.core.tables import terminal_table
from mien.recognition.video import Video
from mien.scale.ray_engine import Engine
from mien.study.cache import Cached, Recognised, reading
from mien.study.clips import KEY, Clip, read_clips
from mien.study.events import ClipEvent, StudyEvents, read_events
from mien.study.frames import ClipCounts, Persons, frames_paths, pieces, write_frames
from mien.study.people import read_persons, update_persons
from mien.study.project import Study
from mien.study.recognise import recognise
from mien.study.state import NUMBERS, SETTINGS, digest_of_tables, digests_of_sources, read_numbers
from mien.study.tables import write_csv, write_sav, write_table

if TYPE_CHECKING:
    import pyarrow

BEYOND = 0.5  # seconds that the end of a part may be after the end of its video without a word


@dataclass(frozen=True)
class StudyRun:
    """What a run has made."""

    study: Study
    counts: list[ClipCounts]
    """Of the clips whose video could be read, in their order."""
    unread: dict[str, str]
    """Video, or a part without a frame -> why it could not be read."""
    damaged: list[str]
    """Videos that could not be read to their end."""

    @property
    def exit_code(self) -> int:
        """0: all videos were read; 1: one was not, or not to its end; 2: none was read."""
        return 2 if not self.counts else int(bool(self.unread or self.damaged))


def run_study(folder: Path, *, jobs: int | None = None, engine: Engine | None = None) -> StudyRun:
    """Recognise what is new or changed in a study, and write all files in out/ anew.

    Args:
        folder: of the study.
        jobs: how many videos at a time; as many as cores and memory allow by default.
        engine: ray: on the actors of a cluster (`mien.scale.ray_engine`), which see the folder of the study too.

    Raises:
        InputError: a mistake in a file of the study, a model or detector that cannot be used, a file that cannot be
            written, or another mien working in the folder.
        MissingExtra: pyarrow is not installed, or for SPSS files pyreadstat, or Ray.

    Example:
        >>> run_study(Path("interviews")).counts[0].usable  # doctest: +SKIP
        4172
    """
    if jobs is not None and jobs < 1:
        raise InputError(f"--jobs {jobs}: expected at least 1")
    study = Study.read(folder)
    with needs_extra("study", "a study"):
        import pyarrow  # noqa: F401
    if study.output.sav:
        with needs_extra("study", "SPSS files"):
            import pyreadstat  # noqa: F401
    check_folder(study.out)
    with only_one(study.folder):
        clips = read_clips(study)
        events = read_events(study, clips)
        for note in events.notes:
            say(note)
        _check_baseline(study, events)
        edits = read_persons(study)  # a mistake there is said before hours of work
        _check_files(study, clips)
        found = recognise(study, clips, jobs=jobs, engine=engine)
        videos = {clip.video: cached for clip in clips if isinstance(cached := found[clip.path], Cached)}
        return _write(study, clips, events, found, update_persons(study, edits, videos))


def _check_baseline(study: Study, events: StudyEvents) -> None:
    """Say where no event has the label of the baseline: `mien study summary` refuses it, after hours of work."""
    label = study.numbers.baseline_event
    known = {event.label for several in events.of_clip.values() for _, event in several if not event.exclude}
    if label and label not in known:
        near = did_you_mean(label, known)
        say(f"{study.file}, [numbers]: baseline_event {label!r}: no event has this label; summary needs one{near}")


def _check_files(study: Study, clips: Sequence[Clip]) -> None:
    """Say which files are missing, and which parts go beyond the end of their video, before hours of work."""
    for clip in clips:
        if not clip.path.exists():
            say(f"{_where(study, clip)}: no such file: {clip.path}{_similar(clip.path)}; the others go on")
        elif clip.start or clip.end < inf:
            with suppress(InputError), Video(clip.path) as video:  # one that cannot be read is said later
                length = video.duration or inf
                for name, at, most in (("begins", clip.start, length), ("ends", clip.end, length + BEYOND)):
                    if most <= at < inf:
                        said = f"{name} at {at:g} s, but {clip.video} has {length:.2f} s"
                        say(f"{_where(study, clip)}: {said}; correct videos.csv")
                        break


def _similar(path: Path) -> str:
    """Return the name of a file that there is, and that is like a missing one's."""
    with suppress(OSError):  # names without suffixes: these make all alike
        stems = {one.stem: one.name for one in path.parent.iterdir()}
        if near := get_close_matches(path.stem, stems, n=1):
            return f"; did you mean {stems[near[0]]!r}?"
    return ""


def _where(study: Study, clip: Clip) -> str:
    """Return the row of a clip for a message."""
    return f"{study.path(study.study.videos)}:{clip.line}" if clip.line else str(study.path(study.study.videos))


def _no_frame(study: Study, clip: Clip, record: Recognised) -> str:
    """Return why a clip of a video that was read has no frame."""
    length = "" if record.duration is None else f"; the video has {record.duration:.2f} s"
    end = "" if clip.end == inf else f" to {clip.end:g} s"
    return f"{_where(study, clip)}: no frame from {clip.start:g} s{end}{length}"


def _write(
    study: Study,
    clips: Sequence[Clip],
    events: StudyEvents,
    found: Mapping[Path, Cached | str],
    persons: Mapping[str, Persons],
) -> StudyRun:
    """Write out/."""
    (study.out / SETTINGS).unlink(missing_ok=True)  # until all tables belong together
    folder = study.out / "frames"
    folder.mkdir(parents=True, exist_ok=True)
    by_video: dict[str, list[Clip]] = {}
    for clip in clips:
        by_video.setdefault(clip.video, []).append(clip)
    read = {video: rows for video, rows in by_video.items() if isinstance(found[rows[0].path], Cached)}
    classes = {one.record.classes for one in found.values() if isinstance(one, Cached)}
    counts: dict[Clip, ClipCounts] = {}
    events_of: dict[Clip, list[ClipEvent]] = {}
    paths = frames_paths(folder, list(read))
    for video, rows in track(list(read.items()), "writing frames", len(read)):
        cached = found[rows[0].path]
        assert isinstance(cached, Cached)
        with reading(cached.table):
            several, theirs = write_frames(paths[video], cached, rows, persons[video], events.of, study.rules)
        counts |= {one.clip: one for one in several}
        events_of |= theirs
        _note_shared(video, several, {clip.participant for clip in clips})
    for path in set(folder.glob("*.parquet")) - set(paths.values()):
        path.unlink()  # of a video that the study had before
    unread = {rows[0].video: str(found[rows[0].path]) for video, rows in by_video.items() if video not in read}
    for clip in [clip for clip, one in counts.items() if not one.frames]:
        del counts[clip]
        unread[f"{clip.video} from {clip.start:g} s"] = _no_frame(study, clip, _record(found, [clip]))
    outside = events.outside(events_of)
    for line in outside:
        say(line)
    damaged = [video for video, rows in read.items() if _record(found, rows).damage]
    run = StudyRun(study, [counts[clip] for clip in clips if clip in counts], unread, damaged)
    if run.counts:
        _write_copies(study, folder, next(iter(classes)))
        write_table(study.out, "videos", _videos_table(run, found), study.output)
        write_table(study.out, "events", _events_table(run, events_of), study.output)
    else:  # those of the run before are of other frames
        tables = (f"{name}.{suffix}" for name in ("frames", "videos", "events") for suffix in ("csv", "sav"))
        for path in (*map(study.out.joinpath, tables), *(study.out / "frames_sav").glob("*.sav")):
            path.unlink(missing_ok=True)
    _write_settings(run, replace(events, notes=[*events.notes, *outside]), found)
    return run


def _record(found: Mapping[Path, Cached | str], rows: Sequence[Clip]) -> Any:
    cached = found[rows[0].path]
    assert isinstance(cached, Cached)
    return cached.record


def _note_shared(video: str, counts: Sequence[ClipCounts], participants: Set[str]) -> None:
    """Say where participants share a video and nothing says who is who, and where a person is called like somebody of
    other videos."""
    shared = [
        one.clip.participant
        for one in counts
        if any(
            one.clip.participant != other.clip.participant
            and one.clip.start < other.clip.end
            and other.clip.start < one.clip.end
            for other in counts
        )
        and one.clip.participant not in one.persons
    ]
    if shared:
        names = first_few(list(dict.fromkeys(shared)))
        say(f"{video}: shows several participants at once; name the persons in persons.csv as they are ({names})")
    here = {one.clip.participant for one in counts}
    for one in counts:
        strangers = sorted((set(one.persons) & participants) - here)
        if strangers and one.clip.participant not in one.persons:
            say(
                f"{video}: a person is called {first_few(strangers)} in persons.csv, but videos.csv has it for "
                f"{one.clip.participant}; correct one of them"
            )


def _write_copies(study: Study, folder: Path, classes: Sequence[str]) -> None:
    """Write the copies of the frames that study.toml asks for; remove those that it no longer asks for."""
    table = study.out / "frames.csv"
    if study.output.csv:
        write_csv(table, pieces(folder), study.output)
    else:
        table.unlink(missing_ok=True)
    copies = study.out / "frames_sav"
    kept = set()
    if study.output.sav:
        import pyarrow.parquet

        for path in sorted(folder.glob("*.parquet")):
            kept.add(copies / f"{path.stem}.sav")
            write_sav(copies / f"{path.stem}.sav", pyarrow.parquet.read_table(path), title=f"mien: {path.stem}")
    for path in set(copies.glob("*.sav")) - kept:
        path.unlink()


def _videos_table(run: StudyRun, found: Mapping[Path, Cached | str]) -> "pyarrow.Table":
    """Return what became of each clip: the log of its quality."""
    import pyarrow

    reasons = sorted({reason for one in run.counts for reason in one.reasons})
    rows = []
    for one in run.counts:
        record = _record(found, [one.clip])
        end = min(one.clip.end, record.end)
        rows.append(
            {
                **{name: getattr(one.clip, name) for name in (*KEY, "video")},
                "start": one.clip.start,
                "end": end,
                "offset": one.clip.offset,
                "frames": one.frames,
                "with_face": one.with_face,
                "usable": one.usable,
                "uncertain": one.uncertain,
                "persons": "|".join(one.persons),
                **{f"rows: {reason}": one.reasons[reason] for reason in reasons},
                "damage": record.damage,
            }
        )
    return pyarrow.Table.from_pylist(rows)


def _events_table(run: StudyRun, events: Mapping[Clip, Sequence[ClipEvent]]) -> "pyarrow.Table":
    """Return the events as used, in seconds of the video and of the study."""
    import pyarrow

    texts, numbers = (*KEY, "video", "label", "file"), ("start", "end", "start_study", "end_study")
    schema = pyarrow.schema(
        [
            *((name, pyarrow.string()) for name in texts[:-1]),
            *((name, pyarrow.float64()) for name in numbers),
            ("excluded", pyarrow.bool_()),
            ("file", pyarrow.string()),
        ]
    )
    rows = [
        {
            **{name: getattr(one.clip, name) for name in (*KEY, "video")},
            "label": event.label,
            "start": round(event.start, 6),
            "end": round(event.end, 6),
            "start_study": round(event.start + one.clip.offset, 6),
            "end_study": round(event.end + one.clip.offset, 6),
            "excluded": event.excluded,
            "file": event.file,
        }
        for one in run.counts
        for event in events[one.clip]
    ]
    return pyarrow.Table.from_pylist(rows, schema=schema)


def _write_settings(run: StudyRun, events: StudyEvents, found: Mapping[Path, Cached | str]) -> None:
    """Write settings.json: with what, from what and by which rules out/ was made, and what was left out."""
    study = run.study
    cached = {one.clip.video: _record(found, [one.clip]) for one in run.counts}
    first = next(iter(cached.values()), None)
    facts = {
        "mien": __version__,
        "study": study.name,
        "settings": study.settings,
        "recognition": first.settings if first else {},
        "classes": first.classes if first else [],
        "rules": study.rules,
        "usable": _rule(study),
        "numbers": study.numbers,
        "videos": {
            video: {
                "sha256": record.sha256,
                "duration": record.duration,
                "recognised": [record.begin, record.until],
                "frames": record.frames,
                "onnxruntime": record.onnxruntime,
                "damage": record.damage,
                "notes": record.notes,
            }
            for video, record in cached.items()
        },
        "clips": [
            {
                **{name: getattr(one.clip, name) for name in (*KEY, "video", "start", "offset")},
                "end": None if one.clip.end == inf else one.clip.end,
                "frames": one.frames,
                "frames with a face": one.with_face,
                "frames usable": one.usable,
                "rows not usable": one.reasons,
            }
            for one in run.counts
        ],
        "not read": run.unread,
        "events": events.notes,
        "event files": events.forms,
        "digest": digest_of_tables(study),
        "sources": digests_of_sources(study),
    }
    records.write(study.out / SETTINGS, facts)


def _rule(study: Study) -> str:
    """Return in words when a row is usable."""
    quality = ", ".join(study.rules.quality)
    parts = ["it shows a face", "its person is not removed in persons.csv"]
    parts += [f"its quality is none of {quality}"] if quality else []
    parts += ["no event excludes it"] if study.rules.events or study.rules.exclude else []
    return f"A row is usable where {', '.join(parts[:-1])} and {parts[-1]}."


def report(run: StudyRun) -> None:
    """Print what became of each clip, and say what was not read."""
    rows = []
    for one in run.counts:
        clip = one.clip
        why = [f"{reason} {count:,}" for reason, count in one.reasons.most_common()]
        cells = [clip.participant, clip.session, clip.condition, clip.video, f"{one.frames:,}"]
        rows.append([*cells, *(_share(n, one.frames) for n in (one.with_face, one.usable)), ", ".join(why)])
    head = ["participant", "session", "condition", "video", "frames", "with a face", "usable", "rows not usable"]
    kept = [at for at in range(len(head)) if any(row[at] for row in rows)]
    if rows:
        table = [[row[at] for at in kept] for row in rows]
        show_table(terminal_table([head[at] for at in kept], table, left=sum(at < 4 for at in kept)))
    total, usable = (sum(getattr(one, name) for one in run.counts) for name in ("frames", "usable"))
    say(f"{run.study.out}: {quantity(len(run.counts), 'clip')}, {quantity(total, 'frame')}, {usable:,} usable")
    for video, reason in run.unread.items():
        say(f"not read: {video} ({reason})")
    if (run.study.out / NUMBERS).is_file():
        try:
            read_numbers(run.study)
        except InputError as error:  # of other frames than these
            say(str(error))
    if run.counts:
        say(f"to see and check it: mien study page {run.study.folder}")
    if run.damaged:
        say(f"not read to the end: {quantity(len(run.damaged), 'video')} ({first_few(run.damaged)})")


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"
