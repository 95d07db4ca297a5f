"""study.toml: what a study consists of, its settings and its rules; read, checked and written here.

Every mistake is one line: the file, the table and the key, what is wrong, what to do.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from mien.core import records
from mien.core.errors import InputError, did_you_mean
from mien.core.files import os_errors
from mien.core.time_rules import EPISODES, SMOOTHING, EpisodeRule, check_smoothing
from mien.faces.quality import REASONS
from mien.outputs.jobs import PredictJob

FILE = "study.toml"


@dataclass(frozen=True)
class StudySources:
    """The table [study]: names of files are relative to the folder of study.toml."""

    name: str = ""
    """The name of the study; that of its folder by default."""
    videos: str = "videos.csv"
    """A table of videos, or a pattern such as videos/{participant}_{condition}.mp4."""
    events: tuple[str, ...] = ()
    """Files of events, in any form of `mien.core.event_files`; patterns are allowed."""
    tiers: tuple[str, ...] = ()
    """The tiers of ELAN's files that hold events; () takes all."""


@dataclass(frozen=True)
class StudySettings:
    """The table [settings]: what decides what the networks say."""

    model: str = "default"
    """default, small, a run folder, or an .onnx file."""
    detector: str = "auto"
    """auto (yunet), yunet, none (a frame is one face crop), or the .onnx file of a YuNet."""
    prior: str | None = None
    """Shares of the classes that answers assume: even, web (as in training), or a JSON file. Default: the model's."""
    every: float = 0.1
    """Seconds from one frame to the next; 0 takes all frames."""
    min_face: float | None = None
    """Pixels of the smallest faces to search for; by default what a search of 640 x 640 pixels finds."""
    pose: bool = False
    """Look at each face again, enlarged: roll, yaw, pitch in degrees, and level crops."""
    any_angle: bool = False
    """Find rotated faces too, sideways and upside down. Ten times the time."""
    device: str = "cpu"
    """Where the network is computed: cpu, or what onnxruntime has here."""

    def __post_init__(self) -> None:
        _range("every", self.every, 0, 3600)
        if self.min_face is not None:
            _range("min_face", self.min_face, 1, 10_000)


@dataclass(frozen=True)
class StudyRules:
    """The table [rules]: which frames are not usable. They stay in the tables, with the reason."""

    quality: tuple[str, ...] = ("small", "profile", "cut off", "hidden")
    """Reasons of low quality that make a face unusable (docs/videos.md); [] uses all faces."""
    events: tuple[str, ...] = ()
    """Labels of events during which frames are not usable."""
    exclude: tuple[str, ...] = ()
    """Files of events, all of whose times are not usable."""

    def __post_init__(self) -> None:
        for name in self.quality:
            if name not in REASONS:
                raise InputError(
                    f"quality: no reason {name!r}{did_you_mean(name, REASONS)} (known: {', '.join(REASONS)})"
                )


@dataclass(frozen=True)
class StudyNumbers:
    """The table [numbers]: what is made of the probabilities (docs/studies.md)."""

    smoothing: float = SMOOTHING
    """Seconds: the standard deviation of the Gaussian over time that smooths probabilities; 0 is none."""
    enter: float = EPISODES.enter
    """The smoothed probability that an episode reaches."""
    leave: float = EPISODES.leave
    """The smoothed probability that it never falls below."""
    shortest: float = EPISODES.shortest
    """The seconds that it lasts at least."""
    least_frames: int = EPISODES.least_frames
    """The frames that show it at least; 1 lets a single sampled frame be an episode."""
    gap: float = EPISODES.gap
    """The seconds that the face may be missing without ending it."""
    baseline_event: str = ""
    """The label of the events during which each person's face is neutral: their mean is the person's baseline."""
    baseline_window: tuple[float, ...] = ()
    """Instead: from and to, in seconds of the study (time_study)."""
    baseline_quantile: float = 0.5
    """Without either: this quantile of each expression over all usable frames of the person; 0.5 is the median."""
    after_point: float = 5.0
    """The seconds after an event without a length, such as the beginning of a stimulus, that belong to it."""
    resamples: int = 1000
    """Bootstrap resamples of an interval; 0 gives none."""
    block: float = 10.0
    """Seconds that are resampled together at least; an episode is never cut."""
    seed: int = 0
    """Of resamples and surrogates."""

    def __post_init__(self) -> None:
        check_smoothing(self.smoothing)
        self.rule.check()
        window = self.baseline_window
        if window and (len(window) != 2 or not window[0] < window[1]):
            raise InputError(f"baseline_window {list(window)}: expected [from, to] in seconds of the study")
        if window and self.baseline_event:
            raise InputError("baseline_event and baseline_window: choose one")
        _range("baseline_quantile", self.baseline_quantile, 0, 1)
        _range("after_point", self.after_point, 0.001, 3600)
        _range("resamples", self.resamples, 0, 100_000)
        _range("block", self.block, 0.1, 3600)
        _range("seed", self.seed, 0, 1e9)

    @property
    def rule(self) -> EpisodeRule:
        """What counts as an episode."""
        return EpisodeRule(self.enter, self.leave, self.shortest, self.least_frames, self.gap)


@dataclass(frozen=True)
class StudyOutput:
    """The table [output]: copies in other forms."""

    pictures: bool = True
    """Keep a small picture of each track for persons.csv; it shows a face."""
    csv: bool = True
    """Write the frames as CSV too; all other tables are."""
    sav: bool = False
    """Write SPSS files (.sav) of all tables too."""
    separator: str = ","
    """Between the cells of CSV files: "," or ";" or a tab."""
    decimal: str = "."
    """The decimal sign of CSV files: "." or ","."""

    def __post_init__(self) -> None:
        _choice("separator", self.separator, (",", ";", "\t"))
        _choice("decimal", self.decimal, (".", ","))
        if self.separator == self.decimal:
            raise InputError('separator and decimal are both ","; say separator = ";"')


@dataclass(frozen=True)
class Study:
    """A study as its file describes it.

    Example:
        >>> Study.read(Path("interviews")).settings.every  # doctest: +SKIP
        0.1
    """

    folder: Path
    study: StudySources = field(default_factory=StudySources)
    settings: StudySettings = field(default_factory=StudySettings)
    rules: StudyRules = field(default_factory=StudyRules)
    numbers: StudyNumbers = field(default_factory=StudyNumbers)
    output: StudyOutput = field(default_factory=StudyOutput)

    @property
    def name(self) -> str:
        return self.study.name or self.folder.resolve().name

    @property
    def file(self) -> Path:
        return self.folder / FILE

    @property
    def cache(self) -> Path:
        """The folder of what the networks said."""
        return self.folder / "cache"

    @property
    def out(self) -> Path:
        """The folder of the results."""
        return self.folder / "out"

    def path(self, name: str) -> Path:
        """Return a file that study.toml names: relative to its folder."""
        return self.folder / Path(name).expanduser()

    def job(self) -> PredictJob:
        """Return the settings of recognition as those of `mien predict`; smoothing comes later, in [numbers]."""
        chosen = {name: value for name, value in vars(self.settings).items() if name != "every"}
        for name in ("model", "detector", "prior"):  # a file, or a word
            if chosen[name] and self.path(chosen[name]).exists():
                chosen[name] = str(self.path(chosen[name]))
        every = f"{self.settings.every:.9f}s"
        return PredictJob(**chosen, every=every, smoothing=0.0, format="parquet", resume=True)

    @classmethod
    def read(cls, folder: Path) -> "Study":
        """Return the study in a folder, or whose study.toml this is.

        Raises:
            InputError: there is none, or a mistake in it.
        """
        if folder.name == FILE:
            folder = folder.parent
        path = folder / FILE
        if not path.is_file():
            raise InputError(f"{path}: no such file; mien study init {folder} makes a study")
        try:
            with os_errors(path):
                facts = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        except UnicodeDecodeError:
            raise InputError(f"{path}: not text in UTF-8; save it as such") from None
        except tomllib.TOMLDecodeError as error:
            hint = 'texts need quotes, numbers a decimal point: name = "text", every = 0.2; paths have / in place of \\'
            raise InputError(f"{path}: not TOML: {error}; {hint}") from None
        kinds: dict[str, Any] = {entry.name: entry.default_factory for entry in fields(cls) if entry.name != "folder"}
        for table, value in facts.items():
            if table not in kinds:
                near = _table_of(table, kinds) or did_you_mean(table, kinds)
                raise InputError(f"{path}: no table [{table}]{near} (known: {', '.join(kinds)})")
            if not isinstance(value, Mapping):
                raise InputError(f"{path}: {table}: expected a table, a line [{table}] with its keys below")
        tables = {name: _table(path, name, facts.get(name, {}), kinds) for name in kinds}
        return cls(folder, **tables)


def _table_of(key: str, kinds: Mapping[str, Any]) -> str:
    """Return where a key belongs, if it is of another table than the one that it is in."""
    return "".join(f"; it belongs below [{name}]" for name, kind in kinds.items() if key in get_type_hints(kind))


def _table(path: Path, name: str, facts: Mapping[str, Any], kinds: Mapping[str, Any]) -> Any:
    """Return a table of study.toml as its dataclass."""
    where, hints = f"{path}, [{name}]", get_type_hints(kinds[name])
    for key in facts:
        if key not in hints:
            near = _table_of(key, kinds) or did_you_mean(key, hints)
            raise InputError(f"{where}: no key {key!r}{near} (known: {', '.join(hints)})")
    values: dict[str, Any] = {}
    for key, value in facts.items():
        values[key] = [value] if isinstance(value, str) and get_origin(hints[key]) is tuple else value
        try:
            records.from_json(values[key], hints[key], where=where)
        except InputError:
            raise InputError(f"{where}: {key} = {value!r}: expected {records.in_words(hints[key])}") from None
    return records.from_json(values, kinds[name], where=where)


def _range(key: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise InputError(f"{key} {value:g}: expected a number from {least:g} to {most:g}")


def _choice(key: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"{key} {value!r}: expected {' or '.join(map(repr, known))}")
