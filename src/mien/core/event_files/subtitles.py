"""Subtitles as events: SubRip and WebVTT."""

import html
import re
from pathlib import Path

from mien.core.csv_files import read_text
from mien.core.errors import InputError
from mien.core.event_files.event import Event, EventFile, not_used, seconds

CUE = re.compile(r"((?:\d+:)?\d+:\d\d[.,]\d{1,3})\s*-->\s*((?:\d+:)?\d+:\d\d[.,]\d{1,3})")
VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")


def read_subtitles(path: Path) -> EventFile:
    """Return the cues; who speaks in WebVTT is the person.

    Raises:
        InputError: it cannot be read, or there is no cue.
    """
    text = read_text(path)
    events, empty = list[Event](), 0
    line = 1
    for block in re.split(r"(\n[ \t]*\n)", text):
        if match := CUE.search(block):
            at = line + block[: match.start()].count("\n")
            _, _, below = block[match.end() :].partition("\n")
            voice = VOICE.search(below)
            label = " ".join(html.unescape(re.sub(r"<[^>]*>|\{\\[^}]*\}", "", below)).split())
            start, end = (seconds(time, "time", f"{path}:{at}") for time in match.groups())
            empty += not label
            if label:
                speaker = html.unescape(voice[1]).strip() if voice else ""
                events.append(Event(label, start, max(start, end), person=speaker, line=at))
        line += block.count("\n")
    if not events:
        raise InputError(f"{path}: no cues such as 00:00:01,000 --> 00:00:02,500")
    return EventFile(path, "subtitles", events, not_used({"without text": empty}))
