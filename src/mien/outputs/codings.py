"""Codings of videos in the forms of other programs: ELAN, BORIS, Praat, subtitles.

A coding is what a machine says of a video, or a person: stretches of time, each with the expression of one face.
`mien.core.event_files` reads all of these forms again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from mien.core import records
from mien.core.errors import needs_extra
from mien.core.paths import printable, relative
from mien.core.streams import visible
from mien.core.time_rules import CodingFormat


class CodedStretch(NamedTuple):
    """One expression of one face, from onset to offset; times in seconds of the video."""

    person: str
    expression: str
    onset: float
    offset: float
    mean: float
    """The mean probability."""

    @property
    def face(self) -> str:
        """The person as a tier or a voice is called: "face 1", or the name."""
        return f"face {self.person}" if self.person.isdecimal() else visible(self.person)


@dataclass(frozen=True)
class Coding:
    """The coding of one video."""

    video: Path
    folder: Path
    """Where the files of the coding will be: they name the video relative to it."""
    seconds: float
    """When the video ends."""
    classes: tuple[str, ...]
    """What an expression may be called."""
    stretches: Sequence[CodedStretch]
    """In order of onset; those of one face and expression do not overlap."""
    about: str = ""
    """How it was made, in words."""

    @property
    def media(self) -> str:
        """The video, relative to the folder."""
        return printable(relative(self.video, self.folder))

    @property
    def tiers(self) -> dict[str, list[CodedStretch]]:
        """The stretches by face and expression: those of two expressions may overlap."""
        found: dict[str, list[CodedStretch]] = {}
        for one in self.stretches:
            found.setdefault(f"{one.face} {visible(one.expression)}", []).append(one)
        return found


def elan_text(coding: Coding) -> str:
    """Return tab-delimited text for ELAN (File, Import, CSV / Tab-delimited Text): a tier per face and expression."""
    lines = ["Tier\tBegin Time\tEnd Time\tDuration\tAnnotation\n"]
    for one in coding.stretches:
        times = "\t".join(clock(seconds) for seconds in (one.onset, one.offset, one.offset - one.onset))
        label = visible(one.expression)
        lines.append(f"{one.face} {label}\t{times}\t{label} {one.mean:.2f}\n")
    return "".join(lines)


def web_vtt(coding: Coding) -> str:
    """Return WebVTT subtitles: a cue per stretch, its face is the speaker."""
    parts = [f"WEBVTT\n\nNOTE {coding.about}\n"]
    for one in coding.stretches:
        face = escape(one.face[:1].upper() + one.face[1:])
        text = f"<v {face}>{face}: {escape(visible(one.expression))} {one.mean:.0%}</v>"
        parts.append(f"\n{clock(one.onset)} --> {clock(one.offset)}\n{text}\n")
    return "".join(parts)


def text_grid(coding: Coding) -> str:
    """Return a TextGrid of Praat, as long text: an interval tier per face and expression, empty between stretches."""
    end = max([coding.seconds, *(one.offset for one in coding.stretches)])
    span = f"xmin = 0\nxmax = {end:.6f}\n"
    parts = [
        f'File type = "ooTextFile"\nObject class = "TextGrid"\n\n{span}tiers? <exists>\nsize = {len(coding.tiers)}\n'
    ]
    parts.append("item []:\n")
    for number, (name, stretches) in enumerate(coding.tiers.items(), start=1):
        intervals, at = list[tuple[float, float, str]](), 0.0
        for one in stretches:
            if one.onset > at:
                intervals.append((at, one.onset, ""))
            intervals.append((one.onset, one.offset, visible(one.expression)))
            at = one.offset
        if at < end:
            intervals.append((at, end, ""))
        parts.append(f'item [{number}]:\nclass = "IntervalTier"\nname = {_quoted(name)}\n{span}')
        parts.append(f"intervals: size = {len(intervals)}\n")
        for index, (begin, until, text) in enumerate(intervals, start=1):
            parts.append(f"intervals [{index}]:\nxmin = {begin:.6f}\nxmax = {until:.6f}\ntext = {_quoted(text)}\n")
    return "".join(parts)


def elan_file(coding: Coding) -> str:
    """Return an .eaf file of ELAN: a tier per face and expression, whose annotations are of a controlled vocabulary.

    Raises:
        MissingExtra: pympi-ling is not installed.
    """
    with needs_extra("study", "a file of ELAN"):
        from pympi import Elan
    made = Elan.Eaf(author="mien")
    made.remove_tier("default")
    made.header = {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"}
    # where the first address has no file, ELAN looks for the relative one; the first names no folder of this machine
    address, name = quote(printable(coding.video.name)), quote(coding.media, safe="/")
    made.add_linked_file(f"file:///{address}", relpath=f"./{name}", mimetype=_mime(coding.video))
    made.add_language("eng", "http://cdb.iso.org/lg/CDB-00138502-001", "English (eng)")
    made.add_controlled_vocabulary("expressions")
    made.add_cv_description("expressions", "eng", coding.about)
    for number, name in enumerate(coding.classes, start=1):
        made.add_cv_entry("expressions", f"cve{number}", [(visible(name), "eng", None)])
    kind = {
        "LINGUISTIC_TYPE_ID": "expression", "TIME_ALIGNABLE": "true", "GRAPHIC_REFERENCES": "false",
        "CONTROLLED_VOCABULARY_REF": "expressions",
    }  # fmt: skip
    made.add_linguistic_type("expression", param_dict=kind)
    for name, stretches in coding.tiers.items():
        made.add_tier(name, ling="expression", part=visible(stretches[0].person))
        for one in stretches:
            start, end = round(one.onset * 1000), round(one.offset * 1000)
            if end > start:
                made.add_annotation(name, start, end, visible(one.expression))
    made.properties = [("lastUsedAnnotationId", made.maxaid)]
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Elan.to_string(made)}\n'


def boris_project(codings: Mapping[str, Coding], *, name: str) -> str:
    """Return a project of BORIS, which opens it (File, Open project) and imports its observations into another one
    (Observations, Import observations).

    Args:
        codings: by the names of their observations, one for each video.
        name: of the project.
    """
    classes = list(dict.fromkeys(visible(label) for coding in codings.values() for label in coding.classes))
    persons = sorted({visible(one.person) for coding in codings.values() for one in coding.stretches})
    keys = "abcdefghijklmnopqrstuvwxyz0123456789"
    project = {
        "time_format": "s",
        "project_date": "2000-01-01T00:00:00",
        "project_name": name,
        "project_description": next((coding.about for coding in codings.values()), ""),
        "project_format_version": "7.0",
        "subjects_conf": {str(at): {"key": "", "name": one, "description": ""} for at, one in enumerate(persons)},
        "behaviors_conf": {
            str(at): {
                "type": "State event", "key": keys[at : at + 1], "code": label, "description": "", "color": "",
                "category": "", "modifiers": {}, "excluded": "", "coding map": "",
            }
            for at, label in enumerate(classes)
        },
        "observations": {title: _observation(coding) for title, coding in codings.items()},
        "behavioral_categories": [],
        "behavioral_categories_config": {},
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }  # fmt: skip
    return records.dumps(project) + "\n"


def _observation(coding: Coding) -> dict[str, Any]:
    rate, sound = _media(coding.video)
    events = []
    for one in coding.stretches:
        for time in (
            one.onset,
            one.offset,
        ):  # BORIS takes the first for the beginning of a state, the second for its end
            frame = round(time * rate) if rate else "NA"
            events.append([round(time, 3), visible(one.person), visible(one.expression), "", "", frame])
    media = coding.media
    return {
        "file": {**{str(player): [] for player in range(1, 9)}, "1": [media]},
        "type": "MEDIA",
        "date": "2000-01-01T00:00:00",
        "description": coding.about,
        "time offset": 0.0,
        "events": sorted(events, key=lambda event: event[0]),
        "observation time interval": [0, 0],
        "independent_variables": {},
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "media_creation_date_as_offset": False,
        "media_scan_sampling_duration": 0,
        "image_display_duration": 1,
        "close_behaviors_between_videos": False,
        "media_info": {
            "length": {media: round(coding.seconds + 0.001, 3)},  # BORIS leaves out what stops later, by a rounding too
            "fps": {media: rate},
            "hasVideo": {media: True},
            "hasAudio": {media: sound},
            "offset": {"1": 0.0},
        },
    }


def _media(path: Path) -> tuple[float, bool]:
    """Return the frames per second of a video, and whether it has sound; 0 and False where it cannot be read."""
    import av

    from mien.recognition.video import open_container

    try:
        with open_container(path) as container:
            return float(container.streams.video[0].average_rate or 0), bool(container.streams.audio)
    except (av.FFmpegError, IndexError, OSError):
        return 0.0, False


TEXTS: dict[CodingFormat, tuple[str, Callable[[Coding], str]]] = {
    "elan": (".eaf", elan_file),
    "elan-text": (".txt", elan_text),
    "textgrid": (".TextGrid", text_grid),
    "webvtt": (".vtt", web_vtt),
}
"""The forms with a file per video: suffix, and what makes its text."""
BORIS = ".boris"


def check_formats(formats: Sequence[CodingFormat]) -> None:
    """Raise MissingExtra where a form needs what is not installed: before hours of work."""
    if "elan" in formats:
        with needs_extra("study", "a file of ELAN"):
            import pympi  # noqa: F401


def _mime(path: Path) -> str:
    kinds = {".mp4": "mp4", ".m4v": "mp4", ".mov": "quicktime", ".mpg": "mpeg", ".mpeg": "mpeg", ".webm": "webm"}
    return f"video/{kinds.get(path.suffix.lower(), '*')}"


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def clock(seconds: float) -> str:
    """Return hh:mm:ss.mmm."""
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{milliseconds // 1000:02d}.{milliseconds % 1000:03d}"
