"""`mien study init`: a new study.toml with a comment on every key, and videos.csv with the videos that are there."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mien.core.console import quantity
from mien.core.errors import InputError
from mien.core.files import check_folder, write_text
from mien.core.paths import relative
from mien.core.streams import say
from mien.faces.quality import REASONS
from mien.study.clips import KEY, clips_table, find_videos
from mien.study.project import FILE, Study, StudyRules, StudySources

TABLE = "videos.csv"

TEMPLATE = """\
# A study of mien: docs/studies.md. "mien study run" makes the files in out/ from what this file says.
# Paths are relative to the folder of this file. Lines that begin with # are comments.

[study]
name = {study.name}
# One row per video: participant, session, condition, file, start, end, offset (seconds). Instead of a table, a pattern
# says which files there are and what their names mean: "videos/{{participant}}_{{condition}}.mp4".
videos = {study.videos}
# Events: CSV files with participant or video, start, end, label; exports of BORIS and ELAN, .eaf, .TextGrid, .srt ...
events = {study.events}
tiers = {study.tiers}  # of ELAN's files, those that hold events; [] takes all

[settings]
model = {settings.model}  # or "small", a run folder, an .onnx file
detector = {settings.detector}
# prior = "even"  # shares of the classes that answers assume: "even", "web", or a JSON file; without it the model's
every = {settings.every}  # seconds from one frame to the next; 0 takes every frame
# min_face = 24  # pixels of the smallest faces to search for; slower in large frames
pose = {settings.pose}  # roll, yaw and pitch of the head
any_angle = {settings.any_angle}  # faces that lie on their side or upside down; ten times slower
device = {settings.device}

[rules]
# Frames that are not usable stay in the tables, with the reason.
quality = {rules.quality}  # of {reasons}
events = {rules.events}  # labels of events during which frames are not usable
exclude = {rules.exclude}  # files of events: all their times are not usable

[numbers]
# What is made of the probabilities: a change here recognises nothing again.
smoothing = {numbers.smoothing}  # seconds: standard deviation of the Gaussian over time; 0 is none
enter = {numbers.enter}  # an episode reaches this smoothed probability,
leave = {numbers.leave}  # never falls below this one,
shortest = {numbers.shortest}  # and lasts so many seconds
least_frames = {numbers.least_frames}  # and frames at least
gap = {numbers.gap}  # seconds that the face may be missing without ending it
# The baseline of a person's expressions: the mean during events of a label, or from and to in seconds of the study,
# such as [0, 30]; without either, a quantile of all the person's usable frames.
baseline_event = {numbers.baseline_event}
baseline_window = {numbers.baseline_window}
baseline_quantile = {numbers.baseline_quantile}
after_point = {numbers.after_point}  # seconds after an event without a length that belong to it
resamples = {numbers.resamples}  # of bootstrap intervals; 0 is none
block = {numbers.block}  # seconds that are resampled together at least
seed = {numbers.seed}

[output]
pictures = {output.pictures}  # a small picture of each track next to persons.csv; false keeps none
csv = {output.csv}  # the frames as CSV too, frames.csv; all other tables are
sav = {output.sav}  # all tables as SPSS files too
separator = {output.separator}  # of CSV: ";" with decimal = "," for spreadsheets in much of Europe
decimal = {output.decimal}
"""


class _Values:
    """Attributes of a dataclass as TOML; for texts, numbers, switches and lists that is JSON."""

    def __init__(self, record: object) -> None:
        self._record = record

    def __getattr__(self, name: str) -> str:
        return json.dumps(getattr(self._record, name), ensure_ascii=False)


def study_toml(study: Study) -> str:
    """Return the text of a study.toml."""
    tables = {name: _Values(getattr(study, name)) for name in ("study", "settings", "rules", "numbers", "output")}
    return TEMPLATE.format(**tables, reasons=", ".join(REASONS))


def init_study(
    folder: Path,
    *,
    videos: Sequence[str] = (),
    events: Sequence[str] = (),
    exclude: Sequence[str] = (),
    name: str = "",
) -> Study:
    """Write study.toml and videos.csv into a folder, new or not, and return the study.

    Args:
        folder: of the study.
        videos: files, folders and patterns (`mien.study.clips.find_videos`); by default the folder itself is searched.
        events: files of events.
        exclude: files of events, all of whose times are not usable.
        name: of the study; that of the folder by default.

    Raises:
        InputError: there is a study already, a file of events does not exist, or a file cannot be written.
    """
    if (path := folder / FILE).exists():
        raise InputError(f"{path}: exists already; edit it, or choose another folder")
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: a file; expected a folder")
    check_folder(folder)
    for file in (*events, *exclude):
        if not Path(file).is_file():
            raise InputError(f"{file}: no such file")
    clips = [
        replace(clip, file=relative(clip.path, folder))
        for given in (videos or [str(folder)])
        for clip in find_videos(Path(), given)
    ]
    if videos and not clips:
        raise InputError(f"{', '.join(videos)}: no videos found")
    sources = StudySources(name or folder.resolve().name, TABLE, tuple(relative(Path(file), folder) for file in events))
    rules = StudyRules(exclude=tuple(relative(Path(file), folder) for file in exclude))
    study = Study(folder, sources, rules=rules)
    table, then = folder / TABLE, "next"
    if table.exists():
        say(f"{table}: exists already, and is kept")
    else:
        write_text(table, clips_table(clips))
        say(f"wrote {table}: {quantity(len(clips), 'video')}{_left(videos) if clips else ''}")
        if not clips:
            then = f"no video was found in {folder}: add a row to {table} for each, then"
    write_text(path, study_toml(study))
    say(f"wrote {path}; {then}: mien study run {folder}")
    return study


def _left(videos: Sequence[str]) -> str:
    """Return what patterns for videos leave to fill in by hand."""
    left = [name for name in KEY if not videos or any(f"{{{name}}}" not in given for given in videos)]
    named = "; participant is the name of the file: correct it" if "participant" in left else ""
    empty = " and ".join(name for name in left if name != "participant")
    return named + (f"; fill in {empty} if the study has several" if empty else "")
