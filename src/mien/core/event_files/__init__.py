"""Readers of events: tables with a header, exports and projects of BORIS, .eaf and tab text of ELAN, TextGrids of
Praat, annotations of Py-feat Live, subtitles.

What a table is, its columns say, not its name; the other forms are known by their suffix.

    table           start, end (or duration) and label; participant, session, condition, video, person, track, tier as
                    far as there are any
    BORIS           aggregated events (Start (s), Stop (s)), tabular events (Time, with START, STOP and POINT), or
                    a project (.boris)
    ELAN, tab text  with or without a header, in any language, with times in any of its formats, with a column per tier
                    or without
    ELAN            .eaf
    Praat           .TextGrid, as long or short text: intervals and points
    Py-feat Live    annotations.csv of a session, in frames; those of kind exclude are never usable
    SubRip, WebVTT  a cue is an event, its text the label, its voice the person

Sources of the formats: boris/export_observation.py and boris/config.py of olivierfriard/BORIS,
pyfeatlive_core/annotations.py of cosanlab/pyfeat-live, https://www.mpi.nl/tools/elan/EAFv3.0.xsd,
ExportTabDelimited.java of ELAN, https://www.fon.hum.uva.nl/praat/manual/TextGrid_file_formats.html.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from mien.core.event_files.boris import read_project
from mien.core.event_files.elan import read_eaf
from mien.core.event_files.event import Event, EventFile
from mien.core.event_files.subtitles import read_subtitles
from mien.core.event_files.tables import read_table
from mien.core.event_files.textgrid import read_textgrid

__all__ = ["READERS", "Event", "EventFile", "read_event_file"]

READERS: dict[str, Callable[[Path], EventFile]] = {
    ".eaf": read_eaf,
    ".srt": read_subtitles,
    ".vtt": read_subtitles,
    ".textgrid": read_textgrid,
    ".boris": read_project,
    ".boris_gz": read_project,
}
"""Of the forms that are known by their suffix."""


def read_event_file(path: Path) -> EventFile:
    """Return the events in a file.

    Raises:
        InputError: it cannot be read, is in no form that is known, or a row is wrong; names the file and the line.

    Example:
        >>> read_event_file(Path("interview.eaf")).events[0].label  # doctest: +SKIP
        'happy'
    """
    found = READERS.get(path.suffix.lower(), read_table)(path)
    return replace(found, events=[replace(event, file=path.name) for event in found.events])
