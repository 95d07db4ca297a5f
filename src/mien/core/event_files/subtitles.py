"""Subtitles as events: SubRip and WebVTT."""

import html
import re
from pathlib import Path

from mien.core.errors import InputError
from mien.core.event_files.event import Event, EventFile, seconds, text_of

CUE = re.compile(r"((?:\d+:)?\d+:\d\d[.,]\d{1,3})\s*-->\s*((?:\d+:)?\d+:\d\d[.,]\d{1,3})")
NUMBER = re.compile(r"(?:^|\n)[ \t]*\d+[ \t]*\n[ \t]*\Z")  # of the next cue, in the line above its times
VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")


def read_subtitles(path: Path) -> EventFile:
    """Return the cues; who speaks in WebVTT is the person.

    Raises:
        InputError: it cannot be read, there is no cue, or one that ends before it begins.
    """
    text = text_of(path)
    found = list(CUE.finditer(text))
    if not found:
        raise InputError(f"{path}: no cues such as 00:00:01,000 --> 00:00:02,500")
    events, unlabelled = list[Event](), list[Event]()
    for match, after in zip(found, [*found[1:], None], strict=True):
        line = text.count("\n", 0, match.start()) + 1
        below = text[match.end() : after.start() if after else len(text)].partition("\n")[2]
        if path.suffix.lower() == ".vtt":  # a comment or a style may follow
            below = re.split(r"\n[ \t]*\n", f"\n{below}", maxsplit=1)[0]
        elif after:
            below = NUMBER.sub("", below)
        voice = VOICE.search(below)
        label = " ".join(html.unescape(re.sub(r"<[^>]*>|\{\\[^}]*\}", "", below)).split())
        start, end = (seconds(time, "time", f"{path}:{line}") for time in match.groups())
        speaker = html.unescape(voice[1]).strip() if voice else ""
        (events if label else unlabelled).append(Event(label, start, end, person=speaker, line=line))
    return EventFile(path, "subtitles", events, [], unlabelled)
